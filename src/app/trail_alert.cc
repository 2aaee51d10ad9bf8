#include "app/trail_alert.h"

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/envelope.h"
#include "core/hash.h"
#include "core/text.h"
#include "event/finding.h"
#include "stream/topic_names.h"

namespace trailwarden::app {
namespace {

using event::Severity;

struct Words {
  const char* title;
  const char* sentence;  // "The log KEY ..."
  Severity severity;
};

/// By kind.
constexpr std::array<Words, archive::TrailProblem::kKinds> kWords{{
    {"Log removed from the trail", "The log {} was removed from trail {}: a signed digest lists it, and it is not there.", Severity::kCritical},
    {"Log of the trail changed", "The log {} of trail {} was changed: it does not have the hash that a signed digest has for it.", Severity::kCritical},
    {"Log added to the trail", "The log {} was added to trail {}: neither the archiver nor a signed digest knows it like that.", Severity::kHigh},
    {"Digest removed from the trail", "The digest {} was removed from trail {}: nothing proves any more which logs were delivered in its hour.", Severity::kCritical},
    {"Digest of the trail changed", "The digest {} of trail {} is not the one that was signed and chained.", Severity::kCritical},
    {"Digest added to the trail", "The digest {} was added to trail {}: no other digest names it.", Severity::kHigh},
}};

}  // namespace

archive::Telling alert_of(const archive::TrailProblem& problem, Timestamp found) {
  const std::string_view what = to_string(problem.kind);
  const Words& words = kWords.at(static_cast<std::size_t>(problem.kind));
  const std::string severity(to_string(words.severity)), object = fmt::format("s3://{}/{}", problem.bucket, problem.key);
  const std::string id = uuid_of_parts({problem.place.account, problem.place.region, alerts::kTrailWatchName, problem.trail, what, problem.bucket, problem.key});
  const nlohmann::ordered_json detail{
      {"schemaVersion", "1.0"}, {"kind", "trail"}, {"detector", alerts::kTrailWatchName}, {"what", what}, {"title", words.title}, {"severity", severity},
      {"sentence", fmt::format(fmt::runtime(words.sentence), printable(object), problem.trail)},
      {"normal", "Objects of a trail never change once they are delivered, and each log is listed by one digest."},
      {"trail", problem.trail}, {"account", problem.place.account}, {"region", problem.place.region}, {"bucket", problem.bucket}, {"key", problem.key}, {"delivered", format_time(problem.stamp)},
      {"verdict", problem.detail}, {"attack", {{{"technique", "T1562.008"}, {"name", "Disable or Modify Cloud Logs"}, {"tactic", "Defense Evasion"}}}}};
  const std::string text = detail.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::string json = alerts::envelope({id, "Trailwarden Trail Problem", "trailwarden", found}, {problem.place.account, problem.place.region}, text).done();
  return {id, {.topic = std::string(stream::kAlertsTopic), .key = problem.place.account, .value = std::move(json), .headers = {{"alert-id", id}, {"detector", std::string(alerts::kTrailWatchName)}, {"severity", severity}}}};
}

}  // namespace trailwarden::app
