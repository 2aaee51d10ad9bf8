// Baselines that are learned in one run and used in another.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/generate.h"
#include "app/replay.h"
#include "app/state.h"
#include "testing/command.h"
#include "testing/read_file.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::read_file;
using testing::run;
using testing::Said;

/// Six days of objects as in a bucket, with incidents in the last two, and what the whole of it says; made once.
class WarmStart : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new testing::TempDir;
    ASSERT_EQ(run(generate, GenerateArguments{.out = dir_->path("t"), .seed = 5, .days = 6, .accounts = 2, .rate = 10}).code, 0);
    dir_->write("config.yaml", "version: 1\ninsights: {false_insights_per_week: 30, warm_up: 12h}\n");
    for (const auto& entry : fs::recursive_directory_iterator(dir_->path("t/AWSLogs")))
      if (entry.is_regular_file()) files_.emplace(stamp_of(entry.path()), entry.path().string());
    whole_ = alerts_of(all(), "", 1);
  }
  static void TearDownTestSuite() { delete dir_; }

  static std::string stamp_of(const fs::path& path) {
    static const std::regex kStamp("_([0-9]{8}T[0-9]{4})Z_");
    std::smatch found;
    const std::string name = path.filename();
    EXPECT_TRUE(std::regex_search(name, found, kStamp));
    return found[1];
  }
  static std::vector<std::string> all() { return between("", "~"); }
  static std::vector<std::string> between(const std::string& from, const std::string& to) {
    std::vector<std::string> out;
    for (const auto& [stamp, path] : files_)
      if (stamp >= from && stamp < to) out.push_back(path);
    return out;
  }

  /// Alerts by id, without where in the log their records stood: another run is another log.
  static std::map<std::string, json> alerts_of(std::vector<std::string> paths, const std::string& state, std::size_t threads) {
    const testing::TempDir out;
    ReplayArguments arguments{.paths = std::move(paths), .config = dir_->path("config.yaml"), .alerts = out.path("alerts"), .threads = threads, .state = state, .progress = false};
    EXPECT_EQ(run(replay, arguments).code, 0);
    std::map<std::string, json> alerts;
    std::ifstream file(out.path("alerts"));
    for (std::string line; std::getline(file, line);) {
      json alert = json::parse(line);
      if (alert["detail"].contains("records"))
        for (json& record : alert["detail"]["records"]) record.erase("offset");
      EXPECT_TRUE(alerts.emplace(alert["id"], alert).second) << "an id twice";
    }
    return alerts;
  }
  static Said warm_up(std::vector<std::string> paths, const std::string& out, const std::string& state = "", std::size_t threads = 1,
                      const std::string& config = "config.yaml") {
    return run(warm, WarmArguments{.paths = std::move(paths), .config = dir_->path(config), .out = out, .state = state, .threads = threads, .progress = false});
  }

  static testing::TempDir* dir_;
  static std::multimap<std::string, std::string> files_;
  static std::map<std::string, json> whole_;
};
testing::TempDir* WarmStart::dir_ = nullptr;
std::multimap<std::string, std::string> WarmStart::files_;
std::map<std::string, json> WarmStart::whole_;

TEST_F(WarmStart, GoesOnAsIfItHadNeverStopped) {
  ASSERT_GT(whole_.size(), 40U);
  // One of the cuts is inside an incident.
  std::string inside;
  for (const auto& [id, alert] : whole_)
    if (alert["source"] == "aws.cloudtrail" && alert["detail"]["insightDetails"]["state"] == "Start") inside = alert["time"];
  ASSERT_FALSE(inside.empty());
  inside = std::regex_replace(inside.substr(0, 16), std::regex("[-:]"), "");
  for (const std::string& cut : {std::string("20260108T1200"), inside, std::string("20260110T0003")}) {
    const std::string state = dir_->path(cut + ".state");
    ASSERT_EQ(warm_up(between("", cut), state, "", 2).code, 0);
    const auto before = alerts_of(between("", cut), "", 1), rest = alerts_of(between(cut, "~"), state, 2);
    EXPECT_FALSE(rest.empty());
    std::map<std::string, json> expected = whole_;
    for (const auto& [id, alert] : before) expected.erase(id);  // a replay also says what only the end of its input decides
    for (const auto& [id, alert] : rest) {
      ASSERT_TRUE(whole_.contains(id)) << cut << " " << alert;
      EXPECT_EQ(alert, whole_.at(id)) << cut;
      expected.erase(id);
    }
    EXPECT_TRUE(expected.empty()) << cut << " lacks " << expected.size();
  }
}

TEST_F(WarmStart, TheFileIsAFunctionOfTheRecords) {
  const std::string middle = "20260109T0700";
  ASSERT_EQ(warm_up(all(), dir_->path("a.state"), "", 1).code, 0);
  ASSERT_EQ(warm_up(all(), dir_->path("b.state"), "", 8).code, 0);
  EXPECT_EQ(read_file(dir_->path("a.state")), read_file(dir_->path("b.state")));
  // Two runs over files are two logs: evidence of findings says at which offset its record stood. That aside, halves give the whole.
  dir_->write("no_evidence.yaml", "version: 1\ninsights: {false_insights_per_week: 30, warm_up: 12h}\nrules: {enabled: false}\n");
  ASSERT_EQ(warm_up(all(), dir_->path("whole.state"), "", 1, "no_evidence.yaml").code, 0);
  ASSERT_EQ(warm_up(between("", middle), dir_->path("c.state"), "", 1, "no_evidence.yaml").code, 0);
  ASSERT_EQ(warm_up(between(middle, "~"), dir_->path("d.state"), dir_->path("c.state"), 2, "no_evidence.yaml").code, 0);
  EXPECT_TRUE(read_file(dir_->path("d.state")) == read_file(dir_->path("whole.state"))) << "learned in two parts";
}

TEST_F(WarmStart, SaysIfTheRestDoesNotBeginWhereItEnded) {
  const std::string state = dir_->path("gap.state");
  ASSERT_EQ(warm_up(between("", "20260109T0600"), state).code, 0);
  const auto rest = [&](const std::string& from) {
    return run(replay, ReplayArguments{.paths = between(from, "20260109T1500"), .alerts = dir_->path("none"), .threads = 1, .state = state, .progress = false}).err;
  };
  EXPECT_THAT(rest("20260109T1200"), AllOf(HasSubstr("gap.state ends at 2026-01-09T05:"), HasSubstr("the first record is of 2026-01-09T1"), HasSubstr("time without calls")));
  EXPECT_THAT(rest("20260109T0600"), Not(HasSubstr("ends at")));
}

TEST_F(WarmStart, SaysWhatItLearned) {
  const Said said = warm_up(all(), dir_->path("e.state"));
  EXPECT_THAT(said.err, AllOf(HasSubstr("Learned, 2026-01-05T00:00Z to 2026-01-10T23:59Z"), HasSubstr("accounts x Regions"), HasSubstr("past warm-up"),
                               HasSubstr("watched for more than 12h"), HasSubstr("e.state"), HasSubstr("records/s")));
}

TEST_F(WarmStart, ForgettingSomebodyChangesNoCount) {
  const std::string cut = "20260109T1200", state = dir_->path("f.state"), clean = dir_->path("g.state");
  ASSERT_EQ(warm_up(between("", cut), state).code, 0);
  // Whoever it was that an Insight of the rest names first.
  const auto rest = alerts_of(between(cut, "~"), state, 1);
  std::string principal;
  for (const auto& [id, alert] : rest) {
    if (alert["source"] != "aws.cloudtrail" || alert["detail"]["insightDetails"]["state"] != "Start") continue;
    for (const json& attribution : alert["detail"]["insightDetails"]["insightContext"]["attributions"])
      if (attribution["attribute"] == "userIdentityArn" && !attribution["baseline"].empty()) principal = attribution["baseline"][0]["value"];
  }
  ASSERT_TRUE(principal.starts_with("arn:aws:")) << principal;
  ASSERT_NE(read_file(state).find(principal), std::string::npos);
  const Said said = run(forget_principal, StateArguments{.file = state, .out = clean, .principal = principal});
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_THAT(said.out, Not(HasSubstr(" 0 places")));
  EXPECT_EQ(read_file(clean).find(principal), std::string::npos) << principal;
  bool is_named = false;
  const auto after = alerts_of(between(cut, "~"), clean, 1);
  for (const auto& [id, alert] : after) {
    if (alert["source"] != "aws.cloudtrail") continue;
    ASSERT_TRUE(rest.contains(id));
    EXPECT_EQ(alert["detail"]["insightDetails"]["insightContext"]["statistics"], rest.at(id)["detail"]["insightDetails"]["insightContext"]["statistics"]);
    is_named = is_named || alert.dump().find("(forgotten)") != std::string::npos;
  }
  EXPECT_TRUE(is_named) << "what was usual was partly somebody's who is forgotten";
  const auto insights = [](const std::map<std::string, json>& alerts) { return std::count_if(alerts.begin(), alerts.end(), [](const auto& entry) { return entry.second["source"] == "aws.cloudtrail"; }); };
  EXPECT_EQ(insights(after), insights(rest));
}

TEST_F(WarmStart, RefusesWhatIsNoStateWithTheFileAndAReason) {
  const std::string damaged = dir_->write("damaged.state", read_file(dir_->path("config.yaml")));
  ReplayArguments arguments{.paths = {files_.begin()->second}, .alerts = dir_->path("none"), .state = damaged, .progress = false};
  const Said said = run(replay, arguments);
  EXPECT_EQ(said.code, 2);
  EXPECT_THAT(said.err, AllOf(HasSubstr(damaged), HasSubstr("not a state file of trailwarden")));
  arguments.state = dir_->path("no.state");
  EXPECT_THAT(run(replay, arguments).err, HasSubstr("no such file"));
  EXPECT_EQ(warm_up(all(), "/nowhere/w.state").code, 1);
}

}  // namespace
}  // namespace trailwarden::app
