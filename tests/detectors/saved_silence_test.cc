// What `Silence` remembers: saved, loaded, and damaged in between.

#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detectors/silence.h"
#include "event/cell_name.h"
#include "testing/event_builder.h"
#include "testing/read_file.h"

namespace trailwarden::detectors {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Timestamp kMonday{std::chrono::seconds{1'704'067'200}};  // 2024-01-01T00:00Z
constexpr auto kLearning = std::chrono::days{3};

class KeepSilences final : public SilenceOutput {
 public:
  void say(event::Finding finding, std::string_view, std::string_view) override { said.emplace_back(finding.what); }
  void freeze(std::string_view account, std::string_view region, std::int64_t, std::int64_t) override { frozen.push_back(event::cell_name(account, region)); }
  std::vector<std::string> said, frozen;
};

/// Two accounts in two Regions that record every half minute, two minutes late.
class Fleet {
 public:
  Fleet() {
    for (const char* account : {"111111111111", "222222222222"})
      for (const char* region : {"eu-west-1", "us-east-1"}) events_.push_back(testing::an_event().set("recipientAccountId", account).in(region).named("CreateTags").decode());
  }

  /// The next minutes of all but the first `silent` account-Regions.
  void record(std::chrono::minutes minutes, std::size_t silent = 0) {
    for (const Timestamp end = now + minutes; now < end; now += 30s)
      for (std::size_t i = silent; i < events_.size(); ++i) observe(events_[i]->event, now);
  }
  void stop_logging(std::string_view account = "111111111111") {
    observe(testing::an_event().set("recipientAccountId", account).named("StopLogging").of("cloudtrail").decode()->event, now);
  }
  /// A record of the first account-Region from a while ago.
  void late(std::chrono::minutes ago) { observe(events_[0]->event, now - ago); }

  std::string saved() const {
    ByteWriter out;
    silence_->save(out);
    return std::move(out).bytes();
  }
  /// Goes on from a saved state.
  Result<void> load(std::string_view state) {
    silence_ = fresh();
    output = {};
    ByteReader in(state);
    if (auto loaded = silence_->load(in, output); !loaded) return loaded;
    return in.finish();
  }
  const Silence& silence() const { return *silence_; }

  KeepSilences output;
  Timestamp now = kMonday;

 private:
  static std::unique_ptr<Silence> fresh() { return std::make_unique<Silence>(SilenceConfig{.warm_up = 24h}, InsightsConfig{.false_insights_per_week = 10}); }

  void observe(const event::CloudTrailEvent& event, Timestamp time) {
    event::CloudTrailEvent at = event;
    at.event_time = time;
    silence_->observe(at, event::cell_hash(at.account(), at.region()), time, now + 2min, pass_, output);
  }

  std::unique_ptr<Silence> silence_ = fresh();
  baseline::MinutePass pass_;
  std::vector<std::unique_ptr<testing::OwnedEvent>> events_;
};

/// A fleet at every point that a state has something of its own for.
std::map<std::string, std::unique_ptr<Fleet>> fleets() {
  std::map<std::string, std::unique_ptr<Fleet>> out;
  const auto learned = [&](const std::string& name) -> Fleet& {
    Fleet& fleet = *(out[name] = std::make_unique<Fleet>());
    fleet.record(kLearning);
    return fleet;
  };
  out["fresh"] = std::make_unique<Fleet>();
  out["young"] = std::make_unique<Fleet>();
  out["young"]->record(40min);
  Fleet& suspicious = learned("suspicious");
  suspicious.record(25min, 1);
  EXPECT_EQ(suspicious.silence().suspicious(), 1U);
  Fleet& stopped = learned("stopped");
  stopped.stop_logging();
  stopped.record(90min, 2);
  EXPECT_THAT(stopped.output.said, ElementsAre("trail_stopped"));
  Fleet& late = learned("late");
  late.record(90min, 1);
  late.late(60min);
  EXPECT_EQ(late.silence().open_findings(), 1U);
  Fleet& past = learned("past");
  past.stop_logging();
  past.record(90min, 1);
  past.record(40min);
  EXPECT_THAT(past.output.said, ElementsAre("trail_stopped", "records_returned"));
  return out;
}

TEST(SavedSilence, GoesOnAsIfNothingHadHappened) {
  for (const auto& [name, fleet] : fleets()) {
    SCOPED_TRACE(name);
    const auto go_on = [&] {
      fleet->output.said.clear();
      fleet->record(3h, 1);
      fleet->late(30min);
      fleet->record(3h);
      return std::pair(fleet->output.said, fleet->saved());
    };
    const std::string state = fleet->saved();
    const Timestamp then = fleet->now;
    const auto undisturbed = go_on();
    fleet->now = then;
    ASSERT_TRUE(fleet->load(state).has_value());
    EXPECT_TRUE(fleet->saved() == state);
    EXPECT_TRUE(go_on() == undisturbed);
  }
}

TEST(SavedSilence, FreezesAgainWhatWasFrozen) {
  Fleet fleet;
  fleet.record(kLearning);
  fleet.record(25min, 1);
  ASSERT_TRUE(fleet.load(fleet.saved()).has_value());
  EXPECT_THAT(fleet.output.frozen, ElementsAre("111111111111/eu-west-1"));
}

TEST(SavedSilence, CutOrOutOfOrderIsRefused) {
  Fleet fleet;
  fleet.record(5min);
  fleet.stop_logging();
  fleet.stop_logging("222222222222");
  const std::string saved = fleet.saved();
  Fleet other;
  ASSERT_TRUE(other.load(saved).has_value());
  for (std::size_t size = 0; size < saved.size(); ++size) ASSERT_FALSE(other.load(saved.substr(0, size)).has_value()) << size;
  EXPECT_FALSE(other.load(saved + "x").has_value());

  const auto reason = [&](std::size_t at, std::string_view bytes) {
    const auto loaded = other.load(std::string(saved).replace(at, bytes.size(), bytes));
    return loaded ? std::string() : loaded.error().message;
  };
  EXPECT_THAT(reason(0, "\x09"), HasSubstr("another version"));
  constexpr std::size_t kNames = 4 + 4 * 8 + 8 + 4;  // before them: version, clock, number of the next finding, how many there are
  EXPECT_THAT(reason(kNames + 4, "3"), HasSubstr("of another account or Region"));
  const std::size_t calls = saved.find("111111111111", saved.rfind("us-east-1"));
  EXPECT_THAT(reason(calls, "3"), HasSubstr("stop call is saved twice, or out of order"));
  EXPECT_EQ(reason(0, ""), "");
}

/// The fuzzer begins with these. TRAILWARDEN_UPDATE_GOLDEN=1 writes them anew, when the form has changed.
TEST(SavedSilence, StatesThatAreKeptLoad) {
  for (const auto& [name, fleet] : fleets()) {
    const std::string path = std::string(TRAILWARDEN_SOURCE_DIR) + "/fuzz/corpus/silence_state/" + name + ".state";
    if (std::getenv("TRAILWARDEN_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << fleet->saved();
    const std::string kept = testing::read_file(path);
    const auto loaded = fleet->load(kept);
    EXPECT_TRUE(loaded.has_value()) << path << ": " << (loaded ? "" : loaded.error().message);
    EXPECT_TRUE(fleet->saved() == kept) << path;
  }
}

}  // namespace
}  // namespace trailwarden::detectors
