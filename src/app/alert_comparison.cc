#include "app/alert_comparison.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include <fmt/format.h>

#include "alerts/alert_view.h"

namespace trailwarden::app {
namespace {

/// Starts of one series in two runs, by time.
struct Series {
  std::vector<const ToldAlert*> before, after;
};

std::chrono::seconds distance(const ToldAlert& a, const ToldAlert& b) { return a.decided > b.decided ? a.decided - b.decided : b.decided - a.decided; }

void pair_up(const ToldAlert& before, const ToldAlert& after, AlertComparison& out) {
  std::string what;
  if (before.severity != after.severity) what = fmt::format("{}, was {}", after.severity, before.severity);
  if (const auto moved = distance(before, after); moved.count() > 0)
    what += fmt::format("{}{} {}", what.empty() ? "" : "; ", describe(moved), after.decided < before.decided ? "earlier" : "later");
  if (what.empty()) ++out.same;
  else out.changed.push_back({&before, &after, std::move(what)});
}

/// Both are short, and in order: each takes the nearest that is still free.
void match(const Series& series, AlertComparison& out) {
  std::vector<const ToldAlert*> free = series.after;
  for (const ToldAlert* const old : series.before) {
    const auto nearest = std::min_element(free.begin(), free.end(), [old](const ToldAlert* a, const ToldAlert* b) { return distance(*old, *a) < distance(*old, *b); });
    if (nearest == free.end() || distance(*old, **nearest) > AlertComparison::kSameIncident) {
      out.removed.push_back(old);
      continue;
    }
    pair_up(*old, **nearest, out);
    free.erase(nearest);
  }
  out.added.insert(out.added.end(), free.begin(), free.end());
}

bool by_time(const ToldAlert* a, const ToldAlert* b) { return std::pair(a->decided, a->id) < std::pair(b->decided, b->id); }

}  // namespace

std::optional<ToldAlert> told_by(std::string_view text) {
  const auto alert = alerts::view_of(text);
  if (!alert || !alert->says_something_new()) return std::nullopt;
  ToldAlert out{.id = alert->id, .severity = std::string(to_string(alert->severity)), .sentence = alert->sentence, .subject = alert->id, .decided = alert->time, .is_insight = alert->is_insight()};
  out.detector = out.is_insight || alert->detector == "rules" ? alert->what : alert->detector;
  if (out.is_insight) out.subject = fmt::format("{} {} {} {}", alert->account, alert->region, alert->what, alert->entity);
  return out;
}

AlertComparison compare_alerts(const std::vector<ToldAlert>& before, const std::vector<ToldAlert>& after) {
  std::map<std::string_view, Series> by_subject;
  for (const ToldAlert& alert : before) by_subject[alert.subject].before.push_back(&alert);
  for (const ToldAlert& alert : after) by_subject[alert.subject].after.push_back(&alert);
  AlertComparison out;
  for (auto& [subject, series] : by_subject) {
    std::sort(series.before.begin(), series.before.end(), by_time);
    std::sort(series.after.begin(), series.after.end(), by_time);
    match(series, out);
  }
  std::sort(out.added.begin(), out.added.end(), by_time);
  std::sort(out.removed.begin(), out.removed.end(), by_time);
  std::sort(out.changed.begin(), out.changed.end(), [](const AlertComparison::Change& a, const AlertComparison::Change& b) { return by_time(a.after, b.after); });
  return out;
}

}  // namespace trailwarden::app
