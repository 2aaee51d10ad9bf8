#include "app/trail_alert.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "alerts/envelope.h"
#include "testing/alert_schema.h"

namespace trailwarden::app {
namespace {

using archive::TrailProblem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kSchema = "trail_problem.schema.json";
const Timestamp kFound = parse_event_time("2026-03-02T10:20:30Z").value();

TrailProblem a_problem(TrailProblem::Kind kind = TrailProblem::Kind::kLogRemoved) {
  return {.kind = kind, .trail = "main", .place = {"111122223333", "eu-west-1"}, .bucket = "trails", .key = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/01/x.json.gz",
          .detail = "INVALID: not found", .stamp = parse_event_time("2026-03-01T09:05:00Z").value()};
}

TEST(TrailAlert, IsAnEnvelopeOfItsOwnKind) {
  std::set<std::string> ids;
  for (std::size_t kind = 0; kind < TrailProblem::kKinds; ++kind) {
    const archive::Telling telling = alert_of(a_problem(static_cast<TrailProblem::Kind>(kind)), kFound);
    EXPECT_THAT(testing::schema_errors(telling.message.value, kSchema), IsEmpty()) << telling.message.value;
    EXPECT_THAT(telling.message.value, HasSubstr("s3://trails/AWSLogs/111122223333"));
    EXPECT_THAT(telling.message.value, Not(HasSubstr("{}")));
    ids.insert(telling.id);
  }
  EXPECT_EQ(ids.size(), TrailProblem::kKinds);
  EXPECT_THAT(testing::schema_errors(R"({"version":"0"})", kSchema), Not(IsEmpty()));
}

TEST(TrailAlert, GoesWhereFindingsGo) {
  const archive::Telling telling = alert_of(a_problem(), kFound);
  EXPECT_EQ(telling.message.topic, "trailwarden.alerts");
  EXPECT_EQ(telling.message.key, "111122223333");
  const auto alert = nlohmann::json::parse(telling.message.value);
  EXPECT_EQ(telling.message.headers, (std::vector<std::pair<std::string, std::string>>{{"alert-id", alert["id"]}, {"detector", "trail_watch"}, {"severity", "critical"}}));
  EXPECT_EQ(alert["time"], "2026-03-02T10:20:30Z");
  EXPECT_EQ(alert["detail"]["what"], "log_removed");
  EXPECT_EQ(alert["detail"]["delivered"], "2026-03-01T09:05:00Z");
  EXPECT_THAT(alerts::pretty_alert(telling.message.value), HasSubstr("[critical] 2026-03-02T10:20:30Z trail_watch: The log s3://trails/"));
}

TEST(TrailAlert, HasTheSameIdWheneverItIsFound) {
  EXPECT_EQ(alert_of(a_problem(), kFound).id, alert_of(a_problem(), kFound + std::chrono::hours{5}).id);
  auto other = a_problem();
  other.key += "x";
  EXPECT_NE(alert_of(a_problem(), kFound).id, alert_of(other, kFound).id);
  other = a_problem();
  other.trail = "second";
  EXPECT_NE(alert_of(a_problem(), kFound).id, alert_of(other, kFound).id);
}

TEST(TrailAlert, KeepsTheTextOfStrangersInItsPlace) {
  auto problem = a_problem();
  problem.key = "AWSLogs/\"},\n\x1b[31m{}\xff";
  const archive::Telling telling = alert_of(problem, kFound);
  EXPECT_THAT(testing::schema_errors(telling.message.value, kSchema), IsEmpty()) << telling.message.value;
}

}  // namespace
}  // namespace trailwarden::app
