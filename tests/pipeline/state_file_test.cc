#include "pipeline/state_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "config/config.h"
#include "detectors/insights.h"
#include "detectors/registry.h"
#include "pipeline/engine.h"
#include "testing/memory_log.h"
#include "testing/temp_dir.h"
#include "testing/traffic.h"

namespace trailwarden::pipeline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

const SavedCells kCells{{"111122223333", "eu-west-1", Timestamp{1'700'000'000s}, "state of one"}, {"111122223333", "us-east-1", kBeginningOfTime, ""}, {"444455556666", "eu-west-1", Timestamp{5s}, std::string("\0x", 2)}};

std::string why(const Result<SavedCells>& cells) { return cells ? "fine" : cells.error().message; }

TEST(StateFile, GivesBackItsCellsAndTheSameBytes) {
  const std::string bytes = to_state_file(kCells);
  const auto cells = parse_state_file(bytes);
  ASSERT_TRUE(cells.has_value()) << why(cells);
  EXPECT_EQ(*cells, kCells);
  EXPECT_EQ(to_state_file(*in_order({kCells[2], kCells[0], kCells[1]})), bytes);
  EXPECT_EQ(parse_state_file(to_state_file({})), SavedCells{});
}

TEST(StateFile, RefusesEveryCutAndEveryFlippedBit) {
  const std::string bytes = to_state_file(kCells);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto cut = parse_state_file(std::string_view(bytes).substr(0, length));
    ASSERT_FALSE(cut.has_value()) << length;
    EXPECT_THAT(cut.error().message, HasSubstr("trailwarden")) << "what to do";
  }
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    ASSERT_FALSE(parse_state_file(flipped).has_value()) << bit;
  }
  EXPECT_THAT(why(parse_state_file(bytes + "x")), HasSubstr("1 bytes too many"));
}

TEST(StateFile, SaysWhereItIsDamagedAndWhatToDo) {
  std::string bytes = to_state_file(kCells);
  EXPECT_THAT(why(parse_state_file("{\"Records\":[]}")), AllOf(StartsWith("not a state file"), HasSubstr("trailwarden warm")));
  EXPECT_THAT(why(parse_state_file(bytes.substr(0, 70))), StartsWith("ends within cell 1, which begins at byte 30; copy it again"));
  bytes[50] ^= 1;
  EXPECT_THAT(why(parse_state_file(bytes)), StartsWith("cell 1 at byte 30 does not fit its checksum; copy it again"));
  EXPECT_THAT(why(read_state_file("/nowhere/x.state")), HasSubstr("/nowhere/x.state: no such file"));
  EXPECT_THAT(why(read_state_file("/tmp")), HasSubstr("a folder"));
}

TEST(StateFile, RefusesAnotherFormatAndAnotherModel) {
  std::string bytes = to_state_file(kCells);
  std::string newer = bytes;
  newer[4] = 2;
  const auto format = parse_state_file(newer);
  ASSERT_FALSE(format.has_value());
  EXPECT_EQ(format.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(format.error().message, HasSubstr("its format is 2, this version reads 1"));
  bytes.replace(10, 16, "0123456789abcdef");
  const auto model = parse_state_file(bytes);
  ASSERT_FALSE(model.has_value());
  EXPECT_EQ(model.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(model.error().message, AllOf(HasSubstr("constants 0123456789abcdef"), HasSubstr(detectors::model_of_insights()), HasSubstr("trailwarden warm")));
}

TEST(StateFile, RefusesCellsThatDoNotAscend) {
  const SavedCells twice{kCells[0], kCells[0]}, wrong{kCells[2], kCells[0]};
  EXPECT_THAT(why(parse_state_file(to_state_file(twice))), HasSubstr("cell 2 (111122223333/eu-west-1) is not behind the one before"));
  EXPECT_THAT(why(parse_state_file(to_state_file(wrong))), HasSubstr("is not behind the one before"));
  EXPECT_THAT(why(in_order(twice)), HasSubstr("cell 111122223333/eu-west-1 is there twice"));
}

TEST(StateFile, IsWrittenWholeOrNotAtAllAndOnlyForItsOwner) {
  const testing::TempDir dir;
  ASSERT_TRUE(write_state_file(dir.path("a.state"), kCells).has_value());
  EXPECT_EQ(read_state_file(dir.path("a.state")), kCells);
  struct stat about {};
  ASSERT_EQ(stat(dir.path("a.state").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600U);
  EXPECT_FALSE(std::filesystem::exists(dir.path("a.state.part")));
  const auto refused = write_state_file(dir.path("missing/a.state"), kCells);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("missing/a.state"));
}

struct Pass {
  std::vector<std::string> alerts;
  SavedCells cells;
};

/// Records from `first` to `last` through an engine that begins with `cells`.
Pass pass(const std::vector<testing::Call>& calls, std::size_t first, std::size_t last, const SavedCells& cells, bool keep_open, std::size_t threads = 1, std::size_t shards = 64) {
  testing::MemoryLog log(3);
  for (std::size_t i = first; i < last; ++i) log.put(testing::to_json(calls[i]) + "\n");
  EngineOptions options{.threads = threads, .shards = shards, .keep_open = keep_open};
  options.insights = {.false_insights_per_week = 300, .warm_up = 12h};
  EngineObserver nobody;
  Engine engine(log, options, detectors::configure(config::default_config().detectors), nobody);
  EXPECT_TRUE(engine.load(cells).has_value());
  const std::atomic<bool> stop = false;
  EXPECT_TRUE(engine.run(stop).has_value());
  return {log.alerts(), keep_open ? engine.save() : SavedCells{}};
}

/// Alerts without where in the log their records stood: it is another log.
std::multiset<std::string> without_offsets(const std::vector<std::string>& alerts) {
  std::multiset<std::string> out;
  for (const std::string& alert : alerts) {
    auto json = nlohmann::json::parse(alert);
    if (json["detail"].contains("records"))
      for (auto& record : json["detail"]["records"])
        for (const char* place : {"recordNumber", "byteOffset", "offset"}) record.erase(place);
    out.insert(json.dump());
  }
  return out;
}

TEST(StateFile, ARunThatGoesOnFromItIsTheOneThatNeverStopped) {
  const auto calls = testing::traffic(3000, 4);
  const auto whole = without_offsets(pass(calls, 0, calls.size(), {}, false).alerts);
  ASSERT_GT(whole.size(), 50U);
  for (const std::size_t cut : {1, 700, 1501, 2999}) {
    const Pass first = pass(calls, 0, cut, {}, true, 1 + cut % 3);
    const auto saved = parse_state_file(to_state_file(first.cells));
    ASSERT_TRUE(saved.has_value());
    const Pass rest = pass(calls, cut, calls.size(), *saved, false, 2, 8);
    auto both = without_offsets(first.alerts);
    both.merge(without_offsets(rest.alerts));
    EXPECT_EQ(both, whole) << cut;
  }
}

TEST(StateFile, DoesNotDependOnThreadsOrShards) {
  const auto calls = testing::traffic(2000, 5);
  const std::string reference = to_state_file(pass(calls, 0, calls.size(), {}, true).cells);
  for (const std::size_t threads : {2, 8}) EXPECT_TRUE(to_state_file(pass(calls, 0, calls.size(), {}, true, threads, 16).cells) == reference) << threads;
}

TEST(StateFile, ACellThatCannotBeReadIsNamed) {
  const auto calls = testing::traffic(100, 6);
  SavedCells cells = pass(calls, 0, calls.size(), {}, true).cells;
  cells[1].state.resize(cells[1].state.size() / 2);
  testing::MemoryLog log;
  EngineObserver nobody;
  Engine engine(log, {.insights = {}}, detectors::configure(config::default_config().detectors), nobody);
  const auto loaded = engine.load(cells);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_THAT(loaded.error().message, HasSubstr("cell " + cells[1].name()));
}

}  // namespace
}  // namespace trailwarden::pipeline
