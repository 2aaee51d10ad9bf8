#include "app/score.h"

#include <cerrno>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/alert_view.h"
#include "app/setup.h"
#include "core/result.h"
#include "core/text.h"
#include "core/time.h"

namespace trailwarden::app {
namespace {

using alerts::AlertView;
using nlohmann::json;

constexpr std::chrono::hours kGrace{1};
constexpr double kTolerated = 2;  // times the budget

struct Label {
  std::string kind, strength, account, region, event_source, event_name;
  Timestamp start{}, end{};
};

/// What `read` makes of each line of a file; the first that it refuses is an error with its number.
template <class Line>
Result<std::vector<Line>> read_lines(const std::string& file, Result<Line> (*read)(std::string_view)) {
  std::ifstream in(file);
  if (!in) return fail(io_error("open", file, errno));
  std::vector<Line> out;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    auto one = read(line);
    if (!one) return fail(std::move(one).error().during(fmt::format("{}:{}", file, number)));
    out.push_back(*std::move(one));
  }
  return out;
}

Timestamp time_member(const json& object, const char* name) { return parse_event_time(object.value(name, "")).value_or(Timestamp{}); }

Result<Label> label_of(std::string_view text) {
  const json line = json::parse(text, nullptr, false);
  if (!line.is_object()) return fail(ErrorCode::kMalformed, "not a JSON object");
  return Label{line.value("kind", ""), line.value("strength", ""), line.value("account", ""), line.value("region", ""), line.value("eventSource", ""),
               line.value("eventName", ""), time_member(line, "start"), time_member(line, "end")};
}

/// The detector that is meant to see a kind of incident.
std::string_view detector_for(std::string_view kind) {
  static const std::map<std::string_view, std::string_view> kDetectors{{"burst", "insights"},         {"sustained", "insights"},
                                                                       {"error_storm", "insights"},   {"silence", "insights"},
                                                                       {"root_use", "root_use"},      {"trail_deletion", "trail_tampering"},
                                                                       {"opened_group", "security_group_change"}, {"iam_burst", "iam_burst"}};
  const auto found = kDetectors.find(kind);
  return found == kDetectors.end() ? std::string_view{} : found->second;
}

bool concerns(const AlertView& judgement, const Label& label) {
  if (judgement.detector != detector_for(label.kind) || judgement.account != label.account || judgement.region != label.region) return false;
  if (judgement.is_insight() && (judgement.event_source != label.event_source || judgement.event_name != label.event_name)) return false;
  return judgement.time >= label.start && judgement.time <= label.end + kGrace;
}

/// Whether an Insight tells of a planted incident that is another detector's to find: the calls of a burst of IAM changes are unusual too.
bool belongs_to(const AlertView& judgement, const Label& label) {
  const bool same_api = judgement.event_source == label.event_source && (label.event_name == "*" || judgement.event_name == label.event_name);
  return judgement.is_insight() && same_api && judgement.account == label.account && judgement.region == label.region && judgement.time >= label.start &&
         judgement.time <= label.end + kGrace;
}

}  // namespace

int score_alerts(const ScoreArguments& arguments) {
  const auto labels = read_lines(arguments.labels, label_of);
  if (!labels) return complain(labels.error(), kWrongUsage);
  auto judgements = read_lines(arguments.alerts, alerts::view_of);
  if (!judgements) return complain(judgements.error(), kWrongUsage);
  std::erase_if(*judgements, [](const AlertView& alert) { return !alert.says_something_new(); });

  std::set<const AlertView*> explained;
  std::size_t strong = 0, missed = 0;
  fmt::print("{:<15}{:<8}{:<21}{:<14}{:<16}{:<34}{}\n", "planted", "", "start", "account", "Region", "API", "found after");
  for (const Label& label : *labels) {
    std::optional<std::chrono::seconds> delay;
    for (const AlertView& judgement : *judgements) {
      if (belongs_to(judgement, label)) explained.insert(&judgement);
      if (!concerns(judgement, label)) continue;
      explained.insert(&judgement);
      if (!delay || judgement.time - label.start < *delay) delay = judgement.time - label.start;
    }
    if (label.strength == "strong") ++strong;
    if (label.strength == "strong" && !delay) ++missed;
    fmt::print("{:<15}{:<8}{:<21}{:<14}{:<16}{:<34}{}\n", printable(label.kind), printable(label.strength), format_time(label.start), printable(label.account),
               printable(label.region), printable(label.event_name, 33), delay ? describe(*delay) : "missed");
  }

  std::size_t insights = 0;
  std::vector<const AlertView*> wrong;
  for (const AlertView& judgement : *judgements) {
    if (!judgement.is_insight()) continue;
    ++insights;
    if (!explained.contains(&judgement)) wrong.push_back(&judgement);
  }
  fmt::print("\n{} Insights began; {} of them about nothing planted:\n", insights, wrong.size());
  for (const AlertView* judgement : wrong) fmt::print("  {}  {}\n", format_time(judgement->time), printable(judgement->sentence, 300));
  fmt::print("\n{} of {} strong incidents found", strong - missed, strong);
  if (arguments.budget > 0) fmt::print("; {} false Insights, {:.3g} asked for", wrong.size(), arguments.budget);
  fmt::print("\n");
  const bool too_many = arguments.budget > 0 && static_cast<double>(wrong.size()) > kTolerated * arguments.budget;
  return missed > 0 || too_many ? 1 : 0;
}

}  // namespace trailwarden::app
