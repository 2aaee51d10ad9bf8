// `trailwarden explain`, through the whole program: a history, its alerts, and the state as of each.

#include "app/explain.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/generate.h"
#include "app/replay.h"
#include "core/log.h"
#include "testing/alert_schema.h"
#include "testing/command.h"
#include "testing/read_file.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::run;
using testing::Said;

/// Six days of traffic and what a replay says of it, made once.
class ExplainCommand : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    log::set_level(log::Level::kOff);
    dir_ = new testing::TempDir;
    ASSERT_EQ(run(app::generate, GenerateArguments{.out = dir_->path("traffic"), .seed = 5, .days = 6, .accounts = 1, .rate = 10, .jsonl = true}).code, 0);
    dir_->write("config.yaml", "version: 1\ninsights: {false_insights_per_week: 30, warm_up: 12h}\n");
    ReplayArguments arguments;
    arguments.paths = {events()};
    arguments.config = config();
    arguments.alerts = alerts();
    arguments.summary = dir_->path("summary.json");
    arguments.metrics = dir_->path("metrics.txt");
    arguments.progress = false;
    ASSERT_EQ(run(replay, arguments).code, 0);
    std::ifstream file(alerts());
    for (std::string line; std::getline(file, line);)
      if (json alert = json::parse(line); alert["source"] == "aws.cloudtrail" && alert["detail"]["insightDetails"]["state"] == "Start") starts_.push_back(std::move(alert));
  }
  static void TearDownTestSuite() { delete dir_; }

  static std::string events() { return dir_->path("traffic/events.jsonl"); }
  static std::string config() { return dir_->path("config.yaml"); }
  static std::string alerts() { return dir_->path("alerts.jsonl"); }

  /// The state some minutes behind the one that an alert is about.
  static std::string state_of(const json& alert) {
    const auto minute = minute_of(parse_event_time(alert["trailwarden"]["history"].back()["from"].get<std::string>()).value());
    const std::string path = dir_->path("then.state");
    const Said said = run(warm, WarmArguments{.paths = {events()}, .config = config(), .out = path, .threads = 2, .until = format_time(Timestamp{std::chrono::minutes{minute + 3}}), .progress = false});
    EXPECT_EQ(said.code, 0) << said.err;
    return path;
  }

  static testing::TempDir* dir_;
  static std::vector<json> starts_;
};

testing::TempDir* ExplainCommand::dir_ = nullptr;
std::vector<json> ExplainCommand::starts_;

TEST_F(ExplainCommand, SaysWhatTheAlertSaid) {
  std::size_t at_closing = 0, early = 0;
  for (const json& alert : starts_) {
    const bool was_open = alert["trailwarden"]["minuteStillOpen"];
    if ((was_open ? early : at_closing) >= 3) continue;
    ++(was_open ? early : at_closing);
    const std::string state = state_of(alert);
    ExplainArguments arguments{.state = state, .config = config(), .alerts = alerts(), .id = alert["id"], .as_json = true};
    const Said said = run(app::explain, arguments);
    ASSERT_EQ(said.code, 0) << said.err;
    const json why = json::parse(said.out);
    EXPECT_TRUE(why["minuteOpen"]);
    EXPECT_TRUE(why["alert"]["threshold"]["same"]) << why["alert"];
    if (was_open) {
      // The state has what came later in that minute, too.
      EXPECT_GE(why["alert"]["observedCalls"]["here"], why["alert"]["observedCalls"]["said"]);
      continue;
    }
    EXPECT_TRUE(why["insight"]);
    for (const json& number : why["alert"]) EXPECT_TRUE(number["same"]) << alert["trailwarden"] << why["alert"];
    arguments.as_json = false;
    EXPECT_THAT(run(app::explain, arguments).out, AllOf(HasSubstr("The alert    said the same"), HasSubstr("Decided by"), HasSubstr("threshold"), HasSubstr("Who ")));
  }
  EXPECT_GT(at_closing, 0U);
  EXPECT_GT(early, 0U);
}

TEST_F(ExplainCommand, SaysWhyNotAndHowManyCallsAreMissing) {
  const std::string state = state_of(starts_.back());
  const json& details = starts_.back()["detail"]["insightDetails"];
  ExplainArguments arguments{.state = state, .config = config(), .series = details["eventSource"].get<std::string>() + ":" + details["eventName"].get<std::string>(),
                             .account = starts_.back()["trailwarden"]["account"], .region = starts_.back()["trailwarden"]["region"], .at = starts_.back()["trailwarden"]["history"].back()["from"]};
  EXPECT_EQ(run(app::explain, arguments).code, 0);
  // A time that nothing is known of any more is refused, with how to get at it.
  arguments.at = "2026-01-08T03:00:00Z";
  Said said = run(app::explain, arguments);
  EXPECT_EQ(said.code, 2);
  EXPECT_THAT(said.err, AllOf(HasSubstr("2026-01-08T03:00:00Z is not in what the state knows minute by minute: from 2026-01-"), HasSubstr("--until 2026-01-08T03:03:00Z")));
  arguments.series += "x";
  arguments.at = starts_.back()["trailwarden"]["history"].back()["from"];
  said = run(app::explain, arguments);
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.err, HasSubstr("did you mean " + details["eventName"].get<std::string>()));
  EXPECT_EQ(run(app::explain, ExplainArguments{.state = state}).code, 2);
  arguments.region = "mars-1";
  EXPECT_THAT(run(app::explain, arguments).err, HasSubstr("mars-1; `trailwarden state inspect` lists them"));
}

/// What the knob was asked for and what it gave, side by side, in the summary and in the metrics.
TEST_F(ExplainCommand, AReplaySaysWhatTheKnobGave) {
  const json summary = json::parse(std::ifstream(dir_->path("summary.json")));
  EXPECT_THAT(testing::schema_errors(summary.dump(), "summary.schema.json"), ::testing::IsEmpty());
  const json& budget = summary["insights_budget"];
  EXPECT_DOUBLE_EQ(budget["asked_per_account_week"], 30);
  EXPECT_DOUBLE_EQ(budget["asked_per_week"], 30 * summary["cells"].get<double>());
  EXPECT_LE(budget["allowed_upward_per_week"].get<double>() + budget["allowed_downward_per_week"].get<double>() + budget["silence_per_week"].get<double>(), 1.05 * budget["asked_per_week"].get<double>());  // thresholds follow the number of series within two hours
  EXPECT_GT(budget["directions_up"], budget["directions_down"]);
  EXPECT_LE(budget["least_alpha_per_week"], budget["most_alpha_per_week"]);
  EXPECT_GT(budget["expected_false"], 0);
  EXPECT_DOUBLE_EQ(budget["insights_per_week"], static_cast<double>(starts_.size()) * 168 / budget["judged_hours"].get<double>());
  const std::string metrics = testing::read_file(dir_->path("metrics.txt"));
  for (const char* line : {"trailwarden_insights_budget_per_week{part=\"account\"} 30\n", "trailwarden_insights_budget_per_week{part=\"silence\"} ", "trailwarden_insights_directions_under_test{direction=\"down\"} ",
                           "trailwarden_insights_alpha_per_week{bound=\"least\"} 0.", "trailwarden_insights_expected_false_total ", "trailwarden_insights_realised_per_week "})
    EXPECT_THAT(metrics, HasSubstr(line));
}

}  // namespace
}  // namespace trailwarden::app
