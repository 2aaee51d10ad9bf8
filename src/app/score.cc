#include "app/score.h"

#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/result.h"
#include "core/text.h"
#include "core/time.h"

namespace trailwarden::app {
namespace {

using nlohmann::json;

constexpr std::chrono::hours kGrace{1};
constexpr double kTolerated = 2;  // times the budget

struct Label {
  std::string kind, strength, account, region, event_source, event_name;
  Timestamp start{}, end{};
};

struct Judgement {
  std::string detector, account, region, event_source, event_name, sentence;
  bool is_insight = false;
  Timestamp decided{};
};

/// Lines of a file as JSON objects; what is not one is an error with its number.
Result<std::vector<json>> read_lines(const std::string& file) {
  std::ifstream in(file);
  if (!in) return fail(io_error("open", file, errno));
  std::vector<json> lines;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    lines.push_back(json::parse(line, nullptr, false));
    if (!lines.back().is_object()) return fail(ErrorCode::kMalformed, fmt::format("{}:{}: not a JSON object", file, number));
  }
  return lines;
}

Timestamp time_member(const json& object, const char* name) { return parse_event_time(object.value(name, "")).value_or(Timestamp{}); }

Label label_of(const json& line) {
  return {line.value("kind", ""), line.value("strength", ""), line.value("account", ""), line.value("region", ""), line.value("eventSource", ""),
          line.value("eventName", ""), time_member(line, "start"), time_member(line, "end")};
}

/// nullopt: an End, or a summary of repeats, which says nothing new.
std::optional<Judgement> judgement_of(const json& alert) {
  const json detail = alert.value("detail", json::object());
  Judgement out{.account = alert.value("account", ""), .region = alert.value("region", "")};
  if (alert.value("source", "") == "aws.cloudtrail") {
    const json insight = detail.value("insightDetails", json::object()), ours = alert.value("trailwarden", json::object());
    if (insight.value("state", "") != "Start") return std::nullopt;
    out.is_insight = true;
    out.detector = "insights";
    out.event_source = insight.value("eventSource", "");
    out.event_name = insight.value("eventName", "");
    out.sentence = ours.value("sentence", "");
    out.decided = time_member(ours, "decidedAt");
    return out;
  }
  if (detail.value("kind", "") != "finding") return std::nullopt;
  out.detector = detail.value("detector", "");
  out.sentence = detail.value("sentence", "");
  out.decided = time_member(alert, "time");
  return out;
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

bool concerns(const Judgement& judgement, const Label& label) {
  if (judgement.detector != detector_for(label.kind) || judgement.account != label.account || judgement.region != label.region) return false;
  if (judgement.is_insight && (judgement.event_source != label.event_source || judgement.event_name != label.event_name)) return false;
  return judgement.decided >= label.start && judgement.decided <= label.end + kGrace;
}

/// Whether an Insight tells of a planted incident that is another detector's to find: the calls of a burst of IAM changes are unusual too.
bool belongs_to(const Judgement& judgement, const Label& label) {
  const bool same_api = judgement.event_source == label.event_source && (label.event_name == "*" || judgement.event_name == label.event_name);
  return judgement.is_insight && same_api && judgement.account == label.account && judgement.region == label.region && judgement.decided >= label.start &&
         judgement.decided <= label.end + kGrace;
}

}  // namespace

int score_alerts(const ScoreArguments& arguments) {
  const auto label_lines = read_lines(arguments.labels), alert_lines = read_lines(arguments.alerts);
  for (const auto* lines : {&label_lines, &alert_lines}) {
    if (*lines) continue;
    fmt::print(stderr, "trailwarden: {}\n", lines->error().message);
    return 2;
  }
  std::vector<Judgement> judgements;
  for (const json& line : *alert_lines)
    if (auto judgement = judgement_of(line)) judgements.push_back(std::move(*judgement));

  std::set<const Judgement*> explained;
  std::size_t strong = 0, missed = 0;
  fmt::print("{:<15}{:<8}{:<21}{:<14}{:<16}{:<34}{}\n", "planted", "", "start", "account", "Region", "API", "found after");
  for (const json& line : *label_lines) {
    const Label label = label_of(line);
    std::optional<std::chrono::seconds> delay;
    for (const Judgement& judgement : judgements) {
      if (belongs_to(judgement, label)) explained.insert(&judgement);
      if (!concerns(judgement, label)) continue;
      explained.insert(&judgement);
      if (!delay || judgement.decided - label.start < *delay) delay = judgement.decided - label.start;
    }
    if (label.strength == "strong") ++strong;
    if (label.strength == "strong" && !delay) ++missed;
    fmt::print("{:<15}{:<8}{:<21}{:<14}{:<16}{:<34}{}\n", printable(label.kind), printable(label.strength), format_time(label.start), printable(label.account),
               printable(label.region), printable(label.event_name, 33), delay ? describe(*delay) : "missed");
  }

  std::size_t insights = 0;
  std::vector<const Judgement*> wrong;
  for (const Judgement& judgement : judgements) {
    if (!judgement.is_insight) continue;
    ++insights;
    if (!explained.contains(&judgement)) wrong.push_back(&judgement);
  }
  fmt::print("\n{} Insights began; {} of them about nothing planted:\n", insights, wrong.size());
  for (const Judgement* judgement : wrong) fmt::print("  {}  {}\n", format_time(judgement->decided), printable(judgement->sentence, 300));
  fmt::print("\n{} of {} strong incidents found", strong - missed, strong);
  if (arguments.budget > 0) fmt::print("; {} false Insights, {:.3g} asked for", wrong.size(), arguments.budget);
  fmt::print("\n");
  const bool too_many = arguments.budget > 0 && static_cast<double>(wrong.size()) > kTolerated * arguments.budget;
  return missed > 0 || too_many ? 1 : 0;
}

}  // namespace trailwarden::app
