#include "app/replay.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/progress.h"
#include "testing/alert_schema.h"
#include "testing/read_file.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::read_file;

void write(const fs::path& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) out.push_back(line);
  return out;
}

/// The product's main job on some paths, with every output in a folder.
struct Replayed {
  explicit Replayed(std::vector<std::string> paths, const std::string& config = "") {
    arguments.paths = std::move(paths);
    arguments.config = config;
    arguments.alerts = dir.path("alerts.jsonl");
    arguments.summary = dir.path("summary.json");
    arguments.metrics = dir.path("metrics.txt");
    arguments.quarantine = dir.path("bad");
    arguments.late = dir.path("late.jsonl");
    code = replay(arguments);
    if (code == 0) summary = json::parse(read_file(dir.path("summary.json")));
  }
  testing::TempDir dir;
  ReplayArguments arguments;
  int code;
  json summary;
};

const std::string kRecords = std::string(TRAILWARDEN_SOURCE_DIR) + "/tests/data/records";

TEST(Replay, OfTheShippedRecordsFindsWhatIsInThem) {
  const Replayed run({kRecords});
  ASSERT_EQ(run.code, 0);
  EXPECT_EQ(run.summary["records"]["read"], 2038);
  EXPECT_EQ(run.summary["records"]["duplicate"], 1);
  EXPECT_EQ(run.summary["records"]["refused"], json::object());
  EXPECT_EQ(run.summary["findings"]["trail_tampering"], 2);
  EXPECT_GE(run.summary["findings"]["root_use"], 2);
  EXPECT_GE(run.summary["findings"]["security_group_change"], 1);
  EXPECT_THAT(testing::schema_errors(run.summary.dump(), "summary.schema.json"), ::testing::IsEmpty());
  for (const std::string& alert : lines_of(run.dir.path("alerts.jsonl"))) EXPECT_THAT(testing::schema_errors(alert), ::testing::IsEmpty()) << alert;
}

TEST(Replay, GivesTheSameBytesEveryTimeAndAtAnyNumberOfThreads) {
  ReplayArguments arguments;
  const testing::TempDir dir;
  std::string first;
  for (const std::size_t threads : {1, 2, 3, 8}) {
    arguments.paths = {kRecords};
    arguments.threads = threads;
    arguments.alerts = dir.path("alerts" + std::to_string(threads));
    ASSERT_EQ(replay(arguments), 0);
    const std::string alerts = read_file(*arguments.alerts);
    if (first.empty()) first = alerts;
    EXPECT_EQ(alerts, first) << threads;
  }
  EXPECT_FALSE(first.empty());
}

TEST(Replay, MetricsPassPromtool) {
  const Replayed run({kRecords});
  const std::string metrics = read_file(run.dir.path("metrics.txt"));
  EXPECT_NE(metrics.find("trailwarden_events_accepted_total 2037"), std::string::npos);
  EXPECT_EQ(metrics.find("111111111111"), std::string::npos) << "an account in a label";
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is not there; scripts/setup --test fetches it";
  const std::string command = "promtool check metrics < " + run.dir.path("metrics.txt");
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST(Replay, KeepsRefusedRecordsAndGoesOn) {
  const testing::TempDir input;
  const std::string good = R"({"eventVersion":"1.08","eventTime":"2021-07-28T15:28:12Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","eventID":"a"})";
  const std::string bad = R"({"eventVersion":"1.08","eventTime":"yesterday","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","eventID":"b"})";
  write(input.path("x.jsonl"), good + "\n" + bad + "\n{\"cut\n");
  const Replayed run({input.path("x.jsonl")});
  EXPECT_EQ(run.summary["records"]["judged"], 1);
  EXPECT_EQ(run.summary["records"]["refused"], (json{{"bad_event_time", 1}, {"truncated", 1}}));
  EXPECT_EQ(read_file(run.dir.path("bad")), bad + "\n{\"cut\n");
  EXPECT_EQ(json::parse(lines_of(run.dir.path("bad.index.jsonl")).at(1))["record"], "3");
}

TEST(Replay, AnEmptyInputIsFine) {
  const testing::TempDir input;
  write(input.path("empty"), "");
  write(input.path("none.json"), "{\"Records\":[]}");
  const Replayed run({input.path("")});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.summary["records"]["read"], 0);
}

TEST(Replay, WrongUsageIsCodeTwo) {
  EXPECT_EQ(Replayed({"/nowhere/at/all"}).code, 2);
  const testing::TempDir dir;
  write(dir.path("c.yaml"), "version: 1\ntime:\n  latenes: 5m\n");
  EXPECT_EQ(Replayed({kRecords}, dir.path("c.yaml")).code, 2);
  ReplayArguments mixed;
  mixed.paths = {kRecords};
  mixed.alerts = "-";
  mixed.summary = "-";
  EXPECT_EQ(replay(mixed), 2);
  ReplayArguments when;
  when.paths = {kRecords};
  when.since = "last week";
  EXPECT_EQ(replay(when), 2);
}

TEST(Replay, OutputThatCannotBeWrittenIsCodeOne) {
  ReplayArguments arguments;
  arguments.paths = {kRecords};
  arguments.alerts = "/dev/full";
  EXPECT_EQ(replay(arguments), 1);
}

TEST(Replay, DetectorsCanBeTurnedOffAndTuned) {
  const testing::TempDir dir;
  write(dir.path("c.yaml"), "version: 1\ndetectors:\n  trail_tampering:\n    enabled: false\n");
  const Replayed run({kRecords}, dir.path("c.yaml"));
  EXPECT_EQ(run.code, 0);
  EXPECT_FALSE(run.summary["findings"].contains("trail_tampering"));
}

TEST(Replay, OfTheLabTrailCountsItsDuplicates) {
  const fs::path tar = fs::path(TRAILWARDEN_SHARED_DIR) / "data/real/sans504_2021/awslogs.tar";
  if (!fs::exists(tar)) GTEST_SKIP() << tar << " is not there";
  const Replayed run({tar});
  EXPECT_EQ(run.summary["records"]["read"], 30477);
  EXPECT_EQ(run.summary["records"]["duplicate"], 6496);
  EXPECT_EQ(run.summary["records"]["late"], 0);
}

TEST(Replay, OfTheMixedFolderLosesNothingToLateness) {
  const fs::path folder = fs::path(TRAILWARDEN_SHARED_DIR) / "data/real";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not there";
  const Replayed run({folder});
  EXPECT_EQ(run.summary["records"]["read"], 2 * 30477 + 1679 + 840 + 185 + 142 + 1);  // the one is a table of file names, refused
  EXPECT_EQ(run.summary["records"]["late"], 0);
}

TEST(Commands, ShowListAndCheckEndWell) {
  EXPECT_EQ(list_detectors(false), 0);
  EXPECT_EQ(list_detectors(true), 0);
  EXPECT_EQ(show_config(""), 0);
  EXPECT_EQ(check_config(std::string(TRAILWARDEN_SOURCE_DIR) + "/docs/config.example.yaml"), 0);
  EXPECT_EQ(check_config("/nowhere.yaml"), 2);
  const Replayed run({kRecords});
  EXPECT_EQ(show_alerts(run.dir.path("alerts.jsonl"), 3), 0);
  EXPECT_EQ(show_alerts(kRecords + "/sentry/root_account_used.json", 3), 1);
}

TEST(Progress, ALineSaysHowFarHowFastAndHowLong) {
  EXPECT_EQ(progress_line(500'000'000, 1'000'000'000, 1'500'000, 2.0),
            "[============>           ]  50 %  500 MB of 1.00 GB  750 k records/s  ETA 0:02");
  EXPECT_EQ(progress_line(5'000, 0, 12, 1.0), "5.00 kB  12 records  12 records/s");
}

}  // namespace
}  // namespace trailwarden::app
