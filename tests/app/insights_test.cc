// Insights of generated traffic, through the whole program: what holds whatever the traffic is.

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/chart.h"
#include "app/generate.h"
#include "app/replay.h"
#include "app/score.h"
#include "testing/alert_schema.h"
#include "testing/command.h"
#include "testing/read_file.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using nlohmann::json;
using ::testing::IsEmpty;
using testing::read_file;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

/// Six days of traffic with incidents in the last two, made once.
class GeneratedTraffic : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new testing::TempDir;
    ASSERT_EQ(testing::run(generate, GenerateArguments{.out = dir_->path("traffic"), .seed = 5, .days = 6, .accounts = 2, .rate = 10, .jsonl = true}).code, 0);
    dir_->write("config.yaml", "version: 1\ninsights: {false_insights_per_week: 30, warm_up: 12h}\n");
  }
  static void TearDownTestSuite() { delete dir_; }

  static std::string events() { return dir_->path("traffic/events.jsonl"); }

  struct Outcome {
    std::string alerts;
    json summary;
  };
  static Outcome run(const std::string& path, std::size_t threads = 1, std::optional<std::size_t> shards = std::nullopt) {
    const testing::TempDir out;
    ReplayArguments arguments;
    arguments.paths = {path};
    arguments.config = dir_->path("config.yaml");
    arguments.alerts = out.path("alerts.jsonl");
    arguments.summary = out.path("summary.json");
    arguments.threads = threads;
    arguments.shards = shards;
    arguments.progress = false;
    EXPECT_EQ(testing::run(replay, arguments).code, 0);
    return {read_file(out.path("alerts.jsonl")), json::parse(read_file(out.path("summary.json")))};
  }

  static std::vector<json> insights_of(const std::string& alerts) {
    std::vector<json> out;
    for (const std::string& line : lines_of(alerts))
      if (json alert = json::parse(line); alert["source"] == "aws.cloudtrail") out.push_back(std::move(alert));
    return out;
  }

  static testing::TempDir* dir_;
};

testing::TempDir* GeneratedTraffic::dir_ = nullptr;

TEST_F(GeneratedTraffic, GivesTheSameBytesAtAnyNumberOfThreadsAndShards) {
  const std::string expected = run(events()).alerts;
  ASSERT_GT(insights_of(expected).size(), 20U);
  for (const auto& [threads, shards] : std::vector<std::pair<std::size_t, std::size_t>>{{2, 8}, {3, 32}, {8, 64}, {1, 8}})
    EXPECT_EQ(run(events(), threads, shards).alerts, expected) << threads << " threads, " << shards << " shards";
}

TEST_F(GeneratedTraffic, PairsEveryEndWithItsStart) {
  const auto [alerts, summary] = run(events());
  std::map<std::string, json> open;       // by sharedEventID
  std::set<std::string> busy, ids;        // series and direction with an incident; event ids
  std::size_t starts = 0, ends = 0;
  for (const json& alert : insights_of(alerts)) {
    EXPECT_THAT(testing::schema_errors(alert.dump(), "insight.schema.json"), IsEmpty()) << alert;
    const json &record = alert["detail"], &details = record["insightDetails"];
    EXPECT_TRUE(ids.insert(record["eventID"]).second) << "an id twice";
    const std::string series = alert["account"].dump() + alert["region"].dump() + details["eventSource"].dump() + details["eventName"].dump() +
                               details.value("errorCode", "") + details["insightType"].dump() + alert["trailwarden"]["direction"].dump();
    if (details["state"] == "Start") {
      ++starts;
      EXPECT_TRUE(open.emplace(record["sharedEventID"], alert).second);
      EXPECT_TRUE(busy.insert(series).second) << "two open incidents: " << series;
      EXPECT_LE(alert["trailwarden"]["expectedFalseAlarmsPerWeek"], alert["trailwarden"]["threshold"]);
      EXPECT_FALSE(rate_chart(alert.dump()).empty());
      continue;
    }
    ++ends;
    const auto start = open.find(record["sharedEventID"]);
    ASSERT_NE(start, open.end()) << "an End without a Start: " << alert;
    EXPECT_EQ(busy.erase(series), 1U);
    const json& before = start->second["detail"];
    EXPECT_GT(record["eventTime"], before["eventTime"]);
    EXPECT_EQ(details["insightContext"]["statistics"]["baseline"], before["insightDetails"]["insightContext"]["statistics"]["baseline"]);
    EXPECT_EQ(details["insightContext"]["statistics"]["baselineDuration"], before["insightDetails"]["insightContext"]["statistics"]["baselineDuration"]);
    open.erase(start);
  }
  EXPECT_EQ(summary["insights"]["ApiCallRateInsight"].get<std::size_t>() + summary["insights"]["ApiErrorRateInsight"].get<std::size_t>(), starts);
  EXPECT_EQ(summary["insights_ended"], ends);
  EXPECT_EQ(summary["open_incidents"], open.size());
}

/// Which incidents there were, each as often as it came, and when they ended. What a Start says besides depends on which calls had arrived when one crossed the line.
std::multiset<std::string> identities(const std::vector<json>& insights) {
  std::multiset<std::string> out;
  for (const json& alert : insights) {
    const json& details = alert["detail"]["insightDetails"];
    std::string text = alert["account"].dump() + alert["region"].dump() + details["state"].dump() + details["eventName"].dump() + details.value("errorCode", "");
    if (details["state"] == "End") text += alert["detail"]["eventTime"].dump();
    out.insert(text);
  }
  return out;
}

TEST_F(GeneratedTraffic, AnyOrderInsideTheLatenessBoundGivesTheSameIncidents) {
  // Events come in the order of delivery; here in the order of event time, and in one shuffled by up to five minutes.
  std::vector<std::pair<std::string, std::string>> timed;
  std::mt19937 random(7);
  for (const std::string& line : lines_of(read_file(events()))) {
    const std::size_t at = line.find("\"eventTime\":\"") + 13;
    timed.emplace_back(line.substr(at, 20), line);
  }
  const auto ordered = [&](auto key) {
    auto copy = timed;
    std::stable_sort(copy.begin(), copy.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
    std::string text;
    for (const auto& [time, line] : copy) text += line + "\n";
    return insights_of(run(dir_->write("ordered.jsonl", text)).alerts);
  };
  const auto by_time = ordered([](const auto& item) { return item.first; });
  std::map<std::string, std::string> moved;
  for (const auto& [time, line] : timed)
    moved[line] = format_time(parse_event_time(time).value() + std::chrono::seconds{std::uniform_int_distribution<int>(0, 300)(random)});
  const auto shuffled = ordered([&](const auto& item) { return moved[item.second]; });
  ASSERT_GT(by_time.size(), 20U);
  const auto one = identities(shuffled), other = identities(by_time);
  std::vector<std::string> differing;
  std::set_symmetric_difference(one.begin(), one.end(), other.begin(), other.end(), std::back_inserter(differing));
  EXPECT_THAT(differing, ::testing::IsEmpty()) << "of " << other.size();
}

TEST_F(GeneratedTraffic, IsScoredAgainstItsLabels) {
  const std::string told = run(events()).alerts, alerts = dir_->write("alerts.jsonl", told), labels = dir_->path("traffic/labels.jsonl");
  const auto score = [&](const std::string& file, double budget) { return testing::run(score_alerts, ScoreArguments{file, labels, budget}); };
  const testing::Said lenient = score(alerts, 1000);
  EXPECT_EQ(lenient.code, 0) << lenient.out;
  EXPECT_NE(lenient.out.find("strong incidents found; "), std::string::npos) << lenient.out;
  EXPECT_EQ(score(alerts, 0.001).code, 1) << "more than twice the budget";
  EXPECT_EQ(score(dir_->write("none.jsonl", ""), 0).code, 1) << "nothing found";
  const testing::Said broken = score(dir_->write("broken.jsonl", told.substr(0, told.find('\n')) + "\n["), 0);
  EXPECT_EQ(broken.code, 2);
  EXPECT_NE(broken.err.find("broken.jsonl:2:"), std::string::npos);
}

TEST(RateChart, IsEmptyForWhatIsNoInsight) {
  for (const char* text : {"", "{}", "[]", "{\"trailwarden\":{}}"}) EXPECT_EQ(rate_chart(text), "") << text;
}

}  // namespace
}  // namespace trailwarden::app
