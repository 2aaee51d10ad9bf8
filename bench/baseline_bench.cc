#include <atomic>
#include <cmath>
#include <deque>
#include <stdexcept>

#include <fmt/format.h>

#include "baseline/cell_baseline.h"
#include "baseline/series_table.h"
#include "config/config.h"
#include "core/hash.h"
#include "corpus.h"
#include "detectors/registry.h"
#include "figure.h"
#include "pipeline/engine.h"

namespace trailwarden::bench {
namespace {

using namespace baseline;

constexpr std::int64_t kFirstMinute = 29'000'000 / 1440 * 1440;
const std::vector<Scope> kScopes{{.alpha = 1e-3}};

/// Rows that have been watched for a while: levels from 0.001 to 10 calls a minute, by the row's number.
double rate_of(std::uint32_t row) { return std::pow(10.0, -3.0 + 4.0 * static_cast<double>(splitmix64(row) >> 11) / 0x1p53); }

void settle(SeriesTable& table, std::uint32_t rows) {
  for (std::uint32_t i = 0; i < rows; ++i) {
    const std::uint32_t row = table.add(splitmix64(i), 0);
    table.begin(row, kFirstMinute - 20 * 1440, kJudged);
    const auto [block, r] = table.at(row);
    const auto rate = static_cast<float>(rate_of(i));
    block.exposure_fast[0][r] = 6000;
    block.exposure_slow[0][r] = 15000;
    block.calls_fast[0][r] = rate * 6000;
    block.calls_slow[0][r] = rate * 15000;
    block.weeks_watched[0][r] = 2;
    for (std::size_t w = 0; w < kWindowCount; ++w) {
      block.squares_exposure[w][r] = rate * 10000;
      block.squares[w][r] = rate * 10000;
    }
    if (table.kind() == SeriesKind::kErrors) block.call_row[0][r] = row;
  }
}

/// Calls of one minute, Poisson by a hash of row and minute (to a normal approximation above 4).
std::vector<MinuteInput::Count> counts_of(std::uint32_t rows, std::int64_t minute) {
  std::vector<MinuteInput::Count> counts;
  for (std::uint32_t row = 0; row < rows; ++row) {
    double u = static_cast<double>(splitmix64(row * 7919ULL ^ static_cast<std::uint64_t>(minute)) >> 11) / 0x1p53;
    const double rate = rate_of(row);
    std::uint32_t count = 0;
    for (double p = std::exp(-rate); u > p && count < 60; p *= rate / ++count) u -= p;
    if (count > 0) counts.push_back({row, count});
  }
  return counts;
}

struct Tables {
  SeriesTable calls{SeriesKind::kCalls}, errors{SeriesKind::kErrors};
  std::vector<float> profile, api_calls;
  MinutePass pass;
  std::vector<Transition> transitions;

  explicit Tables(std::uint32_t series) {
    settle(calls, series / 2);
    settle(errors, series - series / 2);
  }

  void close(std::int64_t minute, const std::vector<MinuteInput::Count>& counts) {
    profile.assign(errors.rows(), 1.0F);
    api_calls.assign(errors.rows(), 0.0F);
    for (const auto& [row, count] : counts)
      if (row < errors.rows()) api_calls[row] = static_cast<float>(count);
    transitions.clear();
    calls.close({.minute = minute, .counts = counts, .scopes = kScopes}, pass, transitions);
    // Every seventh row with calls fails once.
    std::vector<MinuteInput::Count> failed;
    for (const auto& [row, count] : counts)
      if (row % 7 == 0 && row < errors.rows()) failed.push_back({row, 1});
    errors.close({.minute = minute, .counts = failed, .profile = profile, .api_calls = api_calls, .scopes = kScopes}, pass, transitions);
  }
};

/// A row in a large table must end with the same bits as one that is alone.
void check_rows_are_independent() {
  Tables many(10'000);
  SeriesTable one(SeriesKind::kCalls);
  settle(one, 1);
  MinutePass pass;
  std::vector<Transition> transitions;
  for (std::int64_t minute = kFirstMinute; minute < kFirstMinute + 300; ++minute) {
    const auto counts = counts_of(5'000, minute);
    many.close(minute, counts);
    const std::span<const MinuteInput::Count> first(counts.data(), counts.front().row == 0 ? 1U : 0U);
    one.close({.minute = minute, .counts = first, .scopes = kScopes}, pass, transitions);
  }
  const auto [a, i] = many.calls.at(0);
  const auto [b, j] = one.at(0);
  if (a.calls_slow[0][i] != b.calls_slow[0][j] || a.squares[4][i] != b.squares[4][j] || a.cusum[0][i] != b.cusum[0][j])
    throw std::runtime_error("a row's state depends on the rows beside it");
}

Figure close_figure(std::uint32_t series, double goal) {
  Tables tables(series);
  constexpr int kMinutes = 15;
  std::vector<std::vector<MinuteInput::Count>> counts;
  for (int i = 0; i < kMinutes; ++i) counts.push_back(counts_of(series / 2, kFirstMinute + i));
  double best = 1e300, total = 0;
  for (int i = 0; i < kMinutes; ++i) {
    const double seconds = seconds_of([&] { tables.close(kFirstMinute + i, counts[static_cast<std::size_t>(i)]); });
    if (i == 0) continue;  // the first one finds cold caches and untouched pages
    best = std::min(best, seconds);
    total += seconds;
  }
  const double mean = total / (kMinutes - 1);
  return {fmt::format("baseline.close_{}", series >= 1'000'000 ? "1m" : series >= 100'000 ? "100k" : "10k"), mean * 1e3, "ms to close a minute", goal, false,
          fmt::format("{} series, half of them errors; {:.1f} ns a series, best minute {:.1f} ms", series, mean * 1e9 / series, best * 1e3)};
}

Figure bytes_figure() {
  BaselineSettings settings;
  settings.max_rows = 1'100'000;
  CellBaseline cell(settings, "111122223333", "eu-west-1");
  constexpr std::uint32_t kApis = 1'000'000;
  cell.wake(kFirstMinute, kFirstMinute);
  std::vector<Verdict> verdicts;
  MinutePass pass;
  std::string name;
  for (std::uint32_t i = 0; i < kApis; ++i) {
    name = fmt::format("UpdateThing{}", i);
    const std::int64_t minute = kFirstMinute + i / 10'000;
    cell.close_before(minute - 2, pass, verdicts, [](std::int64_t) {});
    cell.count({"service.amazonaws.com", name, "AccessDenied", true, false}, minute, verdicts);
  }
  const double bytes = static_cast<double>(cell.memory_bytes()) / kApis;
  return {"baseline.bytes_per_api", bytes, "bytes for calls and one error code, names included", 1024, false, "1 M APIs in one account and Region"};
}

pipeline::Totals run_pass(std::string_view lines, bool insights) {
  const config::Config config = config::default_config();
  pipeline::EngineOptions options;
  options.insights.enabled = insights;
  MemoryLog log(lines);
  pipeline::EngineObserver nobody;
  pipeline::Engine engine(log, options, detectors::configure(config.detectors), nobody);
  const std::atomic<bool> stop = false;
  auto totals = engine.run(stop);
  if (!totals) throw std::runtime_error(totals.error().message);
  return std::move(*totals);
}

/// The real records, decoded; their buffers stay.
class DecodedRecords {
 public:
  DecodedRecords() : lines_(repeated(real_records(), std::size_t{64} << 20, 0)) {
    event::Decoder decoder;
    std::string_view rest = lines_.view();
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      events_.emplace_back();
      if (decoder.decode(line, arena_, events_.back()) != event::Refusal::kNone) throw std::runtime_error("a real record was refused");
    }
  }
  const event::CloudTrailEvent& operator[](std::size_t i) const { return events_[i % events_.size()]; }
  std::size_t size() const { return events_.size(); }

 private:
  Lines lines_;
  event::Arena arena_;
  std::deque<event::CloudTrailEvent> events_;
};

/// What a record costs on arrival, with baselines that have been watched for five days. Nothing closes while it is measured.
Figure event_figure() {
  const DecodedRecords records;
  detectors::InsightsSettings settings{{}, 18};
  detectors::Insights insights(settings, "111122223333", "eu-west-1");
  MinutePass pass;
  std::size_t said = 0, next = 0;
  const detectors::Insights::Emit emit = [&said](const event::Insight&) { ++said; };
  std::int64_t minute = kFirstMinute;
  const std::size_t per_minute = records.size() / (5 * 1440) + 1;
  for (; minute < kFirstMinute + 5 * 1440; ++minute) {
    insights.close_before(minute - 15, pass, emit);
    for (std::size_t i = 0; i < per_minute; ++i) insights.observe(records[next++], minute, minute - 15, emit);
  }
  const std::int64_t open_from = minute - 15;
  insights.close_before(open_from, pass, emit);
  constexpr std::size_t kEvents = 20'000'000;
  // A few hundred records, over and over: in the pass a record has just been decoded, and lies in the caches.
  const double seconds = seconds_of([&] {
    for (std::size_t i = 0; i < kEvents; ++i) insights.observe(records[i * 61 % 512 * 97], minute - 1 + static_cast<std::int64_t>(i * 3 / kEvents), open_from, emit);
  });
  return {"baseline.event_path", seconds * 1e9 / kEvents, "ns an event on top of the pass", 60, false,
          fmt::format("{} rows from {}; without the closing of minutes", insights.rows(), real_records().source)};
}

/// ns a call of one of `apis` APIs, by Zipf's law.
double count_nanoseconds(std::uint32_t apis) {
  BaselineSettings settings;
  settings.max_rows = 1'100'000;
  CellBaseline cell(settings, "111122223333", "eu-west-1");
  cell.wake(kFirstMinute, kFirstMinute);
  std::vector<Verdict> verdicts;
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < apis; ++i) names.push_back(fmt::format("UpdateThing{}", i));
  for (const std::string& name : names) cell.count({"service.amazonaws.com", name, {}, true, false}, kFirstMinute, verdicts);
  constexpr std::uint32_t kCalls = 2'000'000;
  std::vector<std::uint32_t> drawn(kCalls);
  for (std::uint32_t i = 0; i < kCalls; ++i) {
    const double u = static_cast<double>(splitmix64(i) >> 11) / 0x1p53;
    drawn[i] = static_cast<std::uint32_t>(std::pow(static_cast<double>(apis), u)) - 1;  // Zipf with exponent 1
  }
  return 1e9 / kCalls * seconds_of([&] {
           for (const std::uint32_t api : drawn) cell.count({"service.amazonaws.com", names[api], {}, true, false}, kFirstMinute + 1, verdicts);
         });
}

Figure growth_figure(double pass_nanoseconds) {
  const double few = count_nanoseconds(1'000), many = count_nanoseconds(1'000'000);
  return {"baseline.growth", (pass_nanoseconds + many) / (pass_nanoseconds + few), "x ns an event, 1 M series against 1,000", 1.5, false,
          fmt::format("{:.0f} and {:.0f} ns a call by Zipf's law, over {:.0f} ns of the pass", few, many, pass_nanoseconds)};
}

}  // namespace

std::vector<Figure> baseline_figures() {
  check_rows_are_independent();
  std::vector<Figure> figures{close_figure(10'000, 1), close_figure(100'000, 10), close_figure(1'000'000, 100), bytes_figure(), event_figure()};
  const Lines lines = repeated(real_records(), std::size_t{1} << 28, 0);
  const double pass = 1e9 / static_cast<double>(lines.records) * seconds_of([&] { run_pass(lines.view(), false); });
  figures.push_back(growth_figure(pass));
  return figures;
}

}  // namespace trailwarden::bench
