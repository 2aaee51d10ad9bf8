#include "app/backtest.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/generate.h"
#include "app/replay.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using nlohmann::json;

/// Traffic of sixteen days, made once.
const std::string& traffic() {
  static const testing::TempDir folder;
  static const std::string path = [] {
    GenerateArguments arguments;
    arguments.out = folder.path("traffic");
    arguments.days = 16;
    arguments.accounts = 1;
    arguments.rate = 4;
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(generate(arguments), 0);
    ::testing::internal::GetCapturedStdout();
    return arguments.out + "/AWSLogs";
  }();
  return path;
}

class Backtest : public ::testing::Test {
 protected:
  std::string config(const std::string& name, const std::string& rest) const { return folder_.write(name, "version: 1\n" + rest); }
  json run(BacktestArguments arguments) const {
    arguments.as_json = true;
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(backtest(arguments), 0);
    return json::parse(::testing::internal::GetCapturedStdout());
  }

  testing::TempDir folder_;
};

TEST_F(Backtest, AgainstItselfHasNoDifference) {
  const std::string same = config("a.yaml", "insights: {false_insights_per_week: 30}\n");
  const json out = run({.paths = {traffic()}, .config = same, .against = same});
  EXPECT_GT(out["same"], 5);
  for (const char* const list : {"added", "removed", "changed"}) EXPECT_EQ(out[list].size(), 0U) << list;
  EXPECT_EQ(out["thresholds"]["before"], out["thresholds"]["after"]);
}

TEST_F(Backtest, CountsAsTheReplaysDo) {
  const std::string quiet = config("quiet.yaml", "insights: {false_insights_per_week: 0.1}\nrules: {packs: []}\n"), touchy = config("touchy.yaml", "insights: {false_insights_per_week: 100}\n");
  const json out = run({.paths = {traffic()}, .config = touchy, .against = quiet});
  EXPECT_GT(out["added"].size(), 3U);
  std::size_t before = 0, after = 0;
  for (const auto& [name, one] : out["detectors"].items()) {
    before += one["before"].get<std::size_t>();
    after += one["after"].get<std::size_t>();
    EXPECT_EQ(one["before"].get<std::int64_t>() + one["added"].get<std::int64_t>() - one["removed"].get<std::int64_t>(), one["after"].get<std::int64_t>()) << name;
    EXPECT_NEAR(one["perWeek"]["after"].get<double>(), one["after"].get<double>() * 7 / 16, 0.2 * one["after"].get<double>() + 0.1) << name;
  }
  EXPECT_EQ(before, out["same"].get<std::size_t>() + out["changed"].size() + out["removed"].size());
  EXPECT_EQ(after, out["same"].get<std::size_t>() + out["changed"].size() + out["added"].size());
  EXPECT_GT(out["thresholds"]["after"]["allowed"]["up"].get<double>(), out["thresholds"]["before"]["allowed"]["up"].get<double>());
}

TEST_F(Backtest, OfAStateAloneSaysWhatThresholdsComeTo) {
  WarmArguments warm_arguments;
  warm_arguments.paths = {traffic()};
  warm_arguments.out = folder_.path("warm.state");
  warm_arguments.progress = false;
  ASSERT_EQ(warm(warm_arguments), 0);
  const json out = run({.config = config("b.yaml", "insights: {false_insights_per_week: 5, error_rate: false}\n"), .state = warm_arguments.out});
  EXPECT_EQ(out["records"], 0);
  EXPECT_EQ(out["added"].size() + out["removed"].size() + out["changed"].size(), 0U);
  const json &before = out["thresholds"]["before"], &after = out["thresholds"]["after"];
  EXPECT_EQ(before["askedOfAccount"], 1.0);
  EXPECT_EQ(after["askedOfAccount"], 5.0);
  EXPECT_GT(before["directionsUnderTest"]["up"], after["directionsUnderTest"]["up"]) << "errors are under test no more";
  EXPECT_GT(after["directionsUnderTest"]["up"], 0);
}

TEST_F(Backtest, SaysWhatIsWrong) {
  EXPECT_EQ(backtest({.config = config("a.yaml", "")}), 2) << "neither records nor state";
  EXPECT_EQ(backtest({.paths = {traffic()}, .config = config("a.yaml", "nonsense: 1\n")}), 2);
  EXPECT_EQ(backtest({.paths = {traffic()}, .config = config("a.yaml", ""), .since = "yesterday"}), 2);
  EXPECT_EQ(backtest({.config = config("a.yaml", ""), .state = "/nowhere.state"}), 2);
}

}  // namespace
}  // namespace trailwarden::app
