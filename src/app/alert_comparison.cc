#include "app/alert_comparison.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace trailwarden::app {
namespace {

using nlohmann::json;

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

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const json& object_in(const json& object, const char* name) {
  static const json kNone = json::object();
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : kNone;
}

}  // namespace

std::optional<ToldAlert> told_by(std::string_view alert) {
  const json object = json::parse(alert, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  const json& detail = object_in(object, "detail");
  ToldAlert out{.id = text_of(object, "id"), .decided = parse_event_time(text_of(object, "time")).value_or(Timestamp{})};
  if (text_of(object, "source") != "aws.cloudtrail") {
    if (text_of(detail, "kind") != "finding") return std::nullopt;
    const std::string detector = text_of(detail, "detector");
    out.detector = detector == "rules" ? text_of(detail, "what") : detector;
    out.severity = text_of(detail, "severity");
    out.sentence = text_of(detail, "sentence");
    out.subject = out.id;
    return out;
  }
  const json& insight = object_in(detail, "insightDetails");
  const json& ours = object_in(object, "trailwarden");
  if (text_of(insight, "state") != "Start") return std::nullopt;
  out.is_insight = true;
  out.detector = text_of(insight, "insightType");
  out.severity = text_of(ours, "severity");
  out.sentence = text_of(ours, "sentence");
  out.subject = fmt::format("{} {} {} {} {} {}", text_of(object, "account"), text_of(object, "region"), out.detector, text_of(insight, "eventSource"), text_of(insight, "eventName"), text_of(insight, "errorCode"));
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
