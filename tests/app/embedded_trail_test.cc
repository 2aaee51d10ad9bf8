// The service without Kafka that keeps a trail: what a drained run leaves in its folder.

#include <filesystem>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/run.h"
#include "core/log.h"
#include "testing/command.h"
#include "testing/read_file.h"
#include "testing/temp_dir.h"
#include "testing/traffic.h"
#include "trail/gzip.h"

namespace trailwarden::app {
namespace {

using ::testing::HasSubstr;
using testing::run;
using testing::Said;

class EmbeddedTrail : public ::testing::Test {
 protected:
  EmbeddedTrail() {
    log::set_level(log::Level::kOff);
    std::filesystem::create_directories(dir_.path("in"));
  }

  std::string config(const std::string& roles, const std::string& trail) const {
    return dir_.write("c.yaml", "version: 1\nhttp: {listen: \"\"}\nlog: {level: \"off\"}\nembedded: {input: " + dir_.path("in") + ", data: " + dir_.path("data") + "}\nroles: " + roles +
                                    "\ntrails: [{name: main, home_region: eu-west-1, directory: " + dir_.path(trail) + "}]\n");
  }
  Said drain(const std::string& roles = "[detector, archiver]", const std::string& trail = "trail") const { return run(app::run, RunArguments{.config = config(roles, trail), .drain = true}); }

  /// Records `from` to `to` come into the folder.
  void send(std::size_t from, std::size_t to) const {
    static const std::vector<testing::Call> calls = testing::traffic(400, 3);
    std::string lines;
    for (std::size_t i = from; i < to; ++i) lines += testing::to_json(calls[i]) + "\n";
    dir_.write("in/" + std::to_string(from) + ".jsonl", lines);
  }
  /// How often each eventID is in the trail.
  std::map<std::string, int> archived() const {
    std::map<std::string, int> out;
    for (const auto& file : std::filesystem::recursive_directory_iterator(dir_.path("trail/AWSLogs"))) {
      if (!file.is_regular_file()) continue;
      trail::MemberInflater inflater;
      std::string text;
      trail::gunzip(inflater, testing::read_file(file.path().string()), std::size_t{1} << 24, text);
      const nlohmann::json log_file = nlohmann::json::parse(text);
      for (const auto& record : log_file["Records"]) ++out[record["eventID"]];
    }
    return out;
  }
  static std::map<std::string, int> once(std::size_t from, std::size_t to) {
    std::map<std::string, int> out;
    for (std::size_t i = from; i < to; ++i) out["id-" + std::to_string(i)] = 1;
    return out;
  }

  testing::TempDir dir_;
};

TEST_F(EmbeddedTrail, ADrainedRunLeavesNothingOpen) {
  send(0, 100);
  Said said = drain();
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(archived(), once(0, 100));
  send(100, 250);
  said = drain();
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(archived(), once(0, 250));
  ASSERT_EQ(drain().code, 0) << "nothing new";
  EXPECT_EQ(archived(), once(0, 250));
}

TEST_F(EmbeddedTrail, TurnedOffAndOnAgainItGoesOnAsFarAsTheJournalReaches) {
  send(0, 50);
  ASSERT_EQ(drain().code, 0);
  send(50, 100);
  ASSERT_EQ(drain("[detector]").code, 0);
  EXPECT_EQ(archived(), once(0, 50));
  send(100, 150);
  ASSERT_EQ(drain().code, 0);
  EXPECT_EQ(archived(), once(0, 150));
}

TEST_F(EmbeddedTrail, TurnedOnLaterItBeginsWithWhatIsThere) {
  send(0, 50);
  ASSERT_EQ(drain("[detector]").code, 0);
  ASSERT_EQ(drain().code, 0);
  EXPECT_EQ(archived(), once(0, 50));
}

TEST_F(EmbeddedTrail, ATrailInTheInputFolderIsRefused) {
  const Said said = drain("[detector, archiver]", "in/trail");
  EXPECT_NE(said.code, 0);
  EXPECT_THAT(said.err, HasSubstr("the directory of trail main lies in embedded.input"));
  EXPECT_EQ(drain("[detector]", "in/trail").code, 0) << "nothing is written there";
}

}  // namespace
}  // namespace trailwarden::app
