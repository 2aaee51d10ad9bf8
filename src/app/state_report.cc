#include "app/state_report.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include <fmt/format.h>

#include "app/summary.h"
#include "config/section.h"
#include "core/text.h"
#include "detectors/registry.h"

namespace trailwarden::app {
namespace {

using baseline::SeriesKind;

/// "2026-01-05T00:00Z": minutes are what is known.
std::string minute_in_words(Timestamp time) { return format_time(time).substr(0, 16) + "Z"; }

std::string line(std::string_view name, std::uint64_t count, std::string_view remark) { return fmt::format("  {:<24}{:>14}  {}\n", name, with_commas(count), remark); }

std::uint64_t unsaid(const pipeline::Totals& totals) {
  std::uint64_t sum = 0;
  for (const auto& [name, detector] : totals.detectors) sum += std::accumulate(detector.findings.begin(), detector.findings.end(), detector.summaries);
  for (const pipeline::InsightTotals& insights : totals.insights) sum += insights.starts + insights.ends;
  return sum;
}

}  // namespace

pipeline::CellSettings roomy_settings(const Setup& setup) {
  Setup widest = setup;
  widest.config.time.lateness = std::chrono::hours{2};
  widest.detectors = detectors::configure({});
  widest.insights.enabled = true;
  return cell_settings(widest, false);
}

Result<std::unique_ptr<pipeline::Cell>> load_cell(const pipeline::CellSettings& settings, const pipeline::SavedCell& saved) {
  auto cell = std::make_unique<pipeline::Cell>(settings, saved.account, saved.region);
  ByteReader state(saved.state);
  auto loaded = cell->load(state);
  if (loaded) loaded = state.finish();
  if (!loaded) return fail(std::move(loaded).error().during(fmt::format("cell {}", printable(saved.name()))));
  return cell;
}

void Learned::add(const pipeline::Cell& cell, std::chrono::seconds warm_up) {
  if (cell.insights() == nullptr) return;
  const baseline::CellBaseline& rows = cell.insights()->baseline();
  const double minutes = static_cast<double>(std::chrono::duration_cast<std::chrono::minutes>(warm_up).count());
  Learned one{.incidents = cell.insights()->open_incidents()};
  const auto at = [](std::int64_t minute) { return Timestamp{std::chrono::minutes{minute}}; };
  for (const SeriesKind kind : {SeriesKind::kCalls, SeriesKind::kErrors}) {
    for (std::uint32_t row = 0; row < rows.rows(kind); ++row) {
      ++one.series;
      one.past_warm_up += rows.watched_minutes({kind, row}) > minutes ? 1 : 0;
      const std::int64_t born = rows.known_since({kind, row});
      if (born > 0 && (!one.since || at(born) < *one.since)) one.since = at(born);
    }
  }
  if (rows.newest() != baseline::CellBaseline::kNever) one.until = at(rows.newest());
  add(one);
}

void Learned::add(const Learned& other) {
  series += other.series;
  past_warm_up += other.past_warm_up;
  incidents += other.incidents;
  if (other.since) since = since ? std::min(*since, *other.since) : *other.since;
  if (other.until) until = until ? std::max(*until, *other.until) : *other.until;
}

std::string span_in_words(const Learned& learned) {
  if (!learned.since || !learned.until) return "no calls";
  return fmt::format("{} to {}", minute_in_words(*learned.since), minute_in_words(*learned.until));
}

std::string warm_table(const WarmSummary& summary) {
  const pipeline::Totals& totals = summary.totals;
  std::error_code ignored;
  std::string table = fmt::format("\nLearned, {}\n", span_in_words(summary.learned));
  table += line("records read", totals.read, "from " + summary.source);
  table += line("  judged", totals.judged, fmt::format("{} duplicate, {} refused, {} skipped, {} late", with_commas(totals.duplicate), with_commas(totals.refused_in_all()), with_commas(totals.skipped_in_all()), with_commas(totals.late)));
  table += line("accounts x Regions", totals.cells, "");
  table += line("series", summary.learned.series, "an API's calls, or its failures with one error code");
  table += line("  past warm-up", summary.learned.past_warm_up, fmt::format("watched for more than {}: judged from the next call on", config::format_duration(summary.warm_up)));
  table += line("open incidents", summary.learned.incidents, "their Ends will be told by whoever goes on");
  table += line("alerts not written", unsaid(totals), "what a replay would have said");
  table += "\n" + knob_table(totals);
  table += fmt::format("\n{}, {}: {} records in {:.1f} s: {} records/s; peak memory {}\n", summary.file, format_bytes(static_cast<double>(std::filesystem::file_size(summary.file, ignored))),
                       with_commas(totals.read), summary.seconds, with_commas(static_cast<std::uint64_t>(static_cast<double>(totals.read) / std::max(summary.seconds, 1e-3))),
                       format_bytes(static_cast<double>(peak_rss_bytes())));
  return table;
}

}  // namespace trailwarden::app
