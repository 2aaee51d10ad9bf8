#include "app/backtest.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/alert_comparison.h"
#include "app/preview_log.h"
#include "app/recorded_input.h"
#include "app/setup.h"
#include "app/stop_signal.h"
#include "app/time_option.h"
#include "core/text.h"
#include "pipeline/engine.h"

namespace trailwarden::app {
namespace {

using nlohmann::ordered_json;

constexpr double kWeek = 604'800;  // [s]

struct Span {
  std::optional<Timestamp> since, until;
};

/// One configuration's run.
struct Run {
  std::vector<ToldAlert> alerts;
  pipeline::Totals totals;
  std::chrono::seconds length{};
  bool interrupted = false;
};

/// No messages.
class Nothing final : public stream::MessageSource {
 public:
  Result<bool> poll(stream::MessageBatch& batch) override {
    batch.messages.clear();
    return false;
  }
};

Result<std::unique_ptr<stream::MessageSource>> source_of(const BacktestArguments& arguments, const Setup& setup, const Span& span) {
  if (arguments.paths.empty()) return std::make_unique<Nothing>();
  auto files = open_recorded(arguments.paths, setup, arguments.buckets, span.since, span.until);
  if (!files) return fail(std::move(files).error());
  return std::unique_ptr<stream::MessageSource>(std::move(*files));
}

Result<Run> run(const BacktestArguments& arguments, const Setup& setup, const Span& span, const pipeline::SavedCells& state) {
  auto source = source_of(arguments, setup, span);
  if (!source) return fail(std::move(source).error());
  Run out;
  PreviewLog log(std::move(*source), [&out](const std::string& alert) {
    if (auto told = told_by(alert)) out.alerts.push_back(*std::move(told));
  });
  pipeline::EngineOptions options = engine_options(setup);
  options.since = span.since;
  options.until = span.until;
  options.keep_open = arguments.paths.empty();
  pipeline::EngineObserver nobody;
  pipeline::Engine engine(log, options, setup.detectors, nobody);
  if (auto loaded = engine.load(state); !loaded) return fail(std::move(loaded).error());
  const std::atomic<bool>& stop = stop_on_signal();
  auto totals = engine.run(stop);
  if (!totals) return fail(std::move(totals).error());
  out.totals = *std::move(totals);
  out.length = log.length();
  out.interrupted = stop;
  return out;
}

/// Alerts of one detector, or of all.
struct Count {
  std::size_t before = 0, after = 0, added = 0, removed = 0, changed = 0;
};

std::map<std::string, Count> by_detector(const Run& before, const Run& after, const AlertComparison& comparison) {
  std::map<std::string, Count> out;
  for (const ToldAlert& alert : before.alerts) ++out[alert.detector].before;
  for (const ToldAlert& alert : after.alerts) ++out[alert.detector].after;
  for (const ToldAlert* alert : comparison.added) ++out[alert->detector].added;
  for (const ToldAlert* alert : comparison.removed) ++out[alert->detector].removed;
  for (const auto& change : comparison.changed) ++out[change.after->detector].changed;
  return out;
}

/// Of an hour or less nothing can be said for a week.
std::optional<double> weeks_of(const Run& run) {
  return run.length > std::chrono::hours{1} ? std::optional(static_cast<double>(run.length.count()) / kWeek) : std::nullopt;
}

void print_row(std::string_view name, const Count& count, std::optional<double> weeks) {
  fmt::print("{:<44}{:>8}{:>8}{:>8}{:>9}{:>9}", printable(name, 43), count.before, count.after, count.added, count.removed, count.changed);
  if (weeks) fmt::print("   {:>7.3g} -> {:.3g}", static_cast<double>(count.before) / *weeks, static_cast<double>(count.after) / *weeks);
  fmt::print("\n");
}

void print_alerts(std::string_view title, const std::vector<const ToldAlert*>& alerts, std::size_t limit) {
  if (alerts.empty()) return;
  fmt::print("\n{}:\n", title);
  for (std::size_t i = 0; i < std::min(limit, alerts.size()); ++i)
    fmt::print("  [{}] {}  {}: {}\n", alerts[i]->severity, format_time(alerts[i]->decided), alerts[i]->detector, printable(alerts[i]->sentence, 300));
  if (alerts.size() > limit) fmt::print("  and {} more (--limit)\n", alerts.size() - limit);
}

void print_changes(const std::vector<AlertComparison::Change>& changes, std::size_t limit) {
  if (changes.empty()) return;
  fmt::print("\nChanged:\n");
  for (std::size_t i = 0; i < std::min(limit, changes.size()); ++i)
    fmt::print("  [{}] {}  {}: {}\n      {}\n", changes[i].after->severity, format_time(changes[i].after->decided), changes[i].after->detector, printable(changes[i].after->sentence, 300), changes[i].what);
  if (changes.size() > limit) fmt::print("  and {} more (--limit)\n", changes.size() - limit);
}

/// What thresholds come to, of both.
void print_knob(const pipeline::KnobTotals& before, const pipeline::KnobTotals& after) {
  const auto row = [](std::string_view name, double was, double is) { fmt::print("{:<60}{:>12.4g}{:>12.4g}\n", name, was, is); };
  const auto insights = [](std::uint64_t billionths) { return static_cast<double>(billionths) / pipeline::KnobTotals::kUnit; };
  fmt::print("\n{:<60}{:>12}{:>12}\n", "Thresholds in the end", "before", "after");
  row("false Insights a week that are asked for, of an account", insights(before.of_account), insights(after.of_account));
  row("of all accounts and Regions here", insights(before.of_cells), insights(after.of_cells));
  row("series under test, upwards", static_cast<double>(before.directions[0]), static_cast<double>(after.directions[0]));
  row("series under test, downwards", static_cast<double>(before.directions[1]), static_cast<double>(after.directions[1]));
  row("false Insights a week that their thresholds allow, upwards", insights(before.allowed[0]), insights(after.allowed[0]));
  row("downwards", insights(before.allowed[1]), insights(after.allowed[1]));
}

std::uint64_t hidden_in_all(const pipeline::Totals& totals) {
  std::uint64_t sum = 0;
  for (const auto& [suppression, findings] : totals.hidden)
    for (const std::uint64_t count : findings) sum += count;
  return sum;
}

void print_all(const BacktestArguments& arguments, const Run& before, const Run& after, const AlertComparison& comparison) {
  if (!arguments.paths.empty()) {
    const auto weeks = weeks_of(after);
    fmt::print("{} records judged, {:.1f} days; {} hidden by suppressions before, {} after\n\n", with_commas(after.totals.judged), static_cast<double>(after.length.count()) / 86'400,
               with_commas(hidden_in_all(before.totals)), with_commas(hidden_in_all(after.totals)));
    fmt::print("{:<44}{:>8}{:>8}{:>8}{:>9}{:>9}{}\n", "Alerts", "before", "after", "added", "removed", "changed", weeks ? "    a week" : "");
    Count all;
    for (const auto& [detector, count] : by_detector(before, after, comparison)) {
      print_row(detector, count, weeks);
      all = {all.before + count.before, all.after + count.after, all.added + count.added, all.removed + count.removed, all.changed + count.changed};
    }
    print_row("all", all, weeks);
    print_alerts("Added", comparison.added, arguments.limit);
    print_alerts("Removed", comparison.removed, arguments.limit);
    print_changes(comparison.changed, arguments.limit);
  }
  print_knob(before.totals.knob, after.totals.knob);
}

ordered_json to_json(const ToldAlert& alert) {
  return {{"id", alert.id}, {"detector", alert.detector}, {"severity", alert.severity}, {"decidedAt", format_time(alert.decided)}, {"sentence", alert.sentence}};
}

ordered_json to_json(const pipeline::KnobTotals& knob) {
  const auto insights = [](std::uint64_t billionths) { return static_cast<double>(billionths) / pipeline::KnobTotals::kUnit; };
  return {{"askedOfAccount", insights(knob.of_account)}, {"askedOfAll", insights(knob.of_cells)}, {"directionsUnderTest", {{"up", knob.directions[0]}, {"down", knob.directions[1]}}},
          {"allowed", {{"up", insights(knob.allowed[0])}, {"down", insights(knob.allowed[1])}}}};
}

void print_json(const Run& before, const Run& after, const AlertComparison& comparison) {
  const auto weeks = weeks_of(after);
  ordered_json out{{"records", after.totals.judged}, {"seconds", after.length.count()}, {"detectors", ordered_json::object()}, {"same", comparison.same}};
  for (const auto& [detector, count] : by_detector(before, after, comparison)) {
    ordered_json& one = out["detectors"][detector];
    one = {{"before", count.before}, {"after", count.after}, {"added", count.added}, {"removed", count.removed}, {"changed", count.changed}};
    if (weeks) one["perWeek"] = {{"before", static_cast<double>(count.before) / *weeks}, {"after", static_cast<double>(count.after) / *weeks}};
  }
  for (const char* const list : {"added", "removed", "changed"}) out[list] = ordered_json::array();
  for (const ToldAlert* alert : comparison.added) out["added"].push_back(to_json(*alert));
  for (const ToldAlert* alert : comparison.removed) out["removed"].push_back(to_json(*alert));
  for (const auto& change : comparison.changed) {
    ordered_json one = to_json(*change.after);
    one["was"] = {{"severity", change.before->severity}, {"decidedAt", format_time(change.before->decided)}};
    one["what"] = change.what;
    out["changed"].push_back(std::move(one));
  }
  out["thresholds"] = {{"before", to_json(before.totals.knob)}, {"after", to_json(after.totals.knob)}};
  fmt::print("{}\n", out.dump(2));
}

Result<Span> span_of(const BacktestArguments& arguments) {
  const auto since = time_option("--since", arguments.since), until = time_option("--until", arguments.until);
  if (!since) return fail(since.error());
  if (!until) return fail(until.error());
  return Span{.since = *since, .until = *until};
}

}  // namespace

int backtest(const BacktestArguments& arguments) {
  if (arguments.paths.empty() && arguments.state.empty())
    return complain({ErrorCode::kInvalidArgument, "name files or folders to hold both configurations against, a state file (--state), or both"}, kWrongUsage);
  const auto span = span_of(arguments);
  if (!span) return complain(span.error(), kWrongUsage);
  const auto old_setup = load_setup(arguments.against), new_setup = load_setup(arguments.config);
  for (const auto* const setup : {&old_setup, &new_setup})
    if (!*setup) return complain(setup->error(), kWrongUsage);
  pipeline::SavedCells state;
  if (!arguments.state.empty()) {
    auto cells = pipeline::read_state_file(arguments.state);
    if (!cells) return complain(cells.error(), kWrongUsage);
    state = *std::move(cells);
  }
  const auto before = run(arguments, *old_setup, *span, state);
  if (!before) return complain(before.error(), exit_code_of_input(before.error()));
  if (before->interrupted) return complain({ErrorCode::kIo, "interrupted"}, kFailed);
  const auto after = run(arguments, *new_setup, *span, state);
  if (!after) return complain(after.error(), exit_code_of_input(after.error()));
  if (after->interrupted) return complain({ErrorCode::kIo, "interrupted"}, kFailed);
  const AlertComparison comparison = compare_alerts(before->alerts, after->alerts);
  if (arguments.as_json) print_json(*before, *after, comparison);
  else print_all(arguments, *before, *after, comparison);
  return kFine;
}

}  // namespace trailwarden::app
