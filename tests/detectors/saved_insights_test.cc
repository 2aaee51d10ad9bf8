// A cell that is saved and loaded goes on as if it had never stopped, bit for bit.

#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/insights_feed.h"
#include "testing/read_file.h"
#include "testing/seal.h"

namespace trailwarden::detectors {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::FeedCall;
using testing::InsightsFeed;

constexpr std::int64_t kStart = 28'927'080 / 1440 * 1440;  // a midnight of the year 2024, in minutes since 1970
constexpr std::size_t kFewRows = 14;

InsightsConfig touchy() { return {.false_insights_per_week = 300, .warm_up = 12h}; }

struct Step {
  std::int64_t second;
  FeedCall call;
  int count = 1;
};

/// Two days and a half of all that makes state: read, write and data APIs of several callers, errors, calls that are late or out of order, bursts,
/// a silence, more APIs than there is room for, counts beyond 16 bits, and three days of sleep.
class Traffic {
 public:
  explicit Traffic(std::uint32_t seed) : random_(seed) {
    for (int i = 0; i < 60; ++i) callers_.push_back("arn:aws:iam::111111111111:user/u" + std::to_string(i));
    for (int i = 0; i < 30; ++i) names_.push_back("Rare" + std::to_string(i));
    const std::int64_t burst = kStart + 1000 + pick(200), silence = kStart + 1700, sleep = kStart + 2200 + pick(200);
    for (std::int64_t minute = kStart; minute < sleep; ++minute) {
      usual(minute, minute >= silence && minute < silence + 60);
      if (minute >= burst && minute < burst + 9) add(minute, {.event_name = "DeleteBucket", .arn = callers_[pick(60)]}, 20 + pick(40));
      if (minute == burst + 300) add(minute, {.event_name = "PutObject", .is_data = true}, 66'000);
      if (minute == burst + 301) add(minute, {.event_name = "PutObject", .is_data = true}, 3'000);
      if (minute % 300 == 17) add(minute, {.event_name = "StopInstances", .error_code = "AccessDenied", .arn = callers_[pick(60)]}, 12);
    }
    for (std::int64_t minute = sleep + 3 * 1440; minute < sleep + 3 * 1440 + 400; ++minute) {
      usual(minute, false);
      if (minute % 200 == 0) add(minute, {.event_name = "RunInstances", .arn = callers_[pick(60)]}, 60);
    }
  }

  const std::vector<Step>& steps() const { return steps_; }  // their texts live as long as this does

 private:
  int pick(int n) { return static_cast<int>(random_() % static_cast<std::uint32_t>(n)); }

  void usual(std::int64_t minute, bool silent) {
    const std::string_view caller = callers_[pick(5)], stranger = callers_[pick(60)];
    if (!silent) add(minute, {.event_name = "RunInstances", .arn = caller}, 1 + pick(3));
    if (pick(3) == 0) add(minute, {.event_name = "DeleteBucket", .arn = caller, .user_agent = "console"});
    if (pick(4) == 0) add(minute, {.event_name = "StopInstances", .error_code = pick(2) == 0 ? "AccessDenied" : "Throttling", .arn = stranger});
    add(minute, {.event_name = "DescribeInstances", .error_code = pick(5) == 0 ? "Throttling" : "", .read_only = true}, 1 + pick(4));
    if (pick(2) == 0) add(minute, {.event_name = "PutObject", .is_data = true, .arn = stranger}, 1 + pick(5));
    if (pick(40) == 0) add(minute, {.event_name = names_[pick(30)], .error_code = pick(3) == 0 ? "NoSuch" : ""});
  }

  void add(std::int64_t minute, FeedCall call, int count = 1) {
    std::int64_t second = minute * 60 + pick(60);
    if (pick(10) == 0) second -= 60 * pick(14);                   // out of order
    if (pick(50) == 0) second -= 60 * (15 + pick(300));           // late
    steps_.push_back({second, call, count});
  }

  std::mt19937 random_;
  std::deque<std::string> callers_, names_;
  std::vector<Step> steps_;
};

/// What was said, as text.
std::vector<std::string> words(const std::vector<event::Insight>& said) {
  std::vector<std::string> out;
  for (const event::Insight& insight : said) out.push_back(alerts::insight_record(insight, {"111111111111", "eu-west-1"}));
  return out;
}

std::unique_ptr<InsightsFeed> fresh() { return std::make_unique<InsightsFeed>(touchy(), 15, kFewRows); }

/// The same feed, stopped and begun again.
std::unique_ptr<InsightsFeed> restarted(const InsightsFeed& feed) {
  auto next = fresh();
  const auto loaded = next->restore(feed.saved(), feed);
  EXPECT_TRUE(loaded.has_value()) << (loaded ? "" : loaded.error().message);
  return next;
}

/// Runs `steps` in one piece, and with a stop before every step that `stops` names; at each of them the states must be the same.
void expect_restarts_do_not_show(const std::vector<Step>& steps, auto stops) {
  const auto whole = fresh();
  auto pieces = fresh();
  std::vector<event::Insight> said;
  std::size_t restarts = 0, inside_incidents = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (stops(i)) {
      ASSERT_EQ(pieces->saved() == whole->saved(), true) << "at step " << i;
      said.insert(said.end(), pieces->said().begin(), pieces->said().end());
      pieces = restarted(*pieces);
      ASSERT_EQ(pieces->saved() == whole->saved(), true) << "loaded at step " << i;
      ++restarts;
      inside_incidents += whole->insights().open_incidents() > 0 ? 1 : 0;
    }
    for (const auto& feed : {whole.get(), pieces.get()}) feed->call(steps[i].second, steps[i].call, steps[i].count);
  }
  for (const auto& feed : {whole.get(), pieces.get()}) feed->finish();
  said.insert(said.end(), pieces->said().begin(), pieces->said().end());
  EXPECT_EQ(words(said), words(whole->said()));
  EXPECT_EQ(pieces->saved() == whole->saved(), true);
  EXPECT_GT(whole->said().size(), 5U);
  EXPECT_GT(inside_incidents, 5U) << "of " << restarts;
}

TEST(SavedInsights, RestartsDoNotShow) {
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    std::mt19937 random(seed);
    expect_restarts_do_not_show(Traffic(seed).steps(), [&](std::size_t) { return random() % 20 == 0; });
  }
}

TEST(SavedInsights, NorDoesOneBeforeEveryCall) {
  const Traffic traffic(5);
  expect_restarts_do_not_show(traffic.steps(), [&](std::size_t i) { return i > traffic.steps().size() / 3; });
}

TEST(SavedInsights, AnEarlyStartIsConfirmedAfterARestart) {
  InsightsConfig config = touchy();
  config.false_insights_per_week = 1;
  InsightsFeed before(config), after(config);
  for (std::int64_t minute = kStart; minute < kStart + 2000; ++minute) before.minute(minute, {}, 1 + static_cast<int>(minute % 3));
  before.minute(kStart + 2000, {}, 40);
  ASSERT_EQ(before.said().size(), 1U);
  ASSERT_TRUE(before.said()[0].early);
  ASSERT_TRUE(after.restore(before.saved(), before).has_value());
  for (InsightsFeed* feed : {&before, &after}) {
    for (std::int64_t minute = kStart + 2001; minute < kStart + 2060; ++minute) feed->minute(minute, {}, 2);
    feed->close_before(kStart + 2050);
  }
  EXPECT_EQ(before.said().size(), 2U);
  ASSERT_EQ(after.said().size(), 1U) << "the End alone";
  EXPECT_EQ(words(after.said())[0], words(before.said())[1]);
  EXPECT_EQ(after.saved() == before.saved(), true);
}

TEST(SavedInsights, ASleepingCellWakesTheSame) {
  const auto whole = fresh();
  for (std::int64_t minute = kStart; minute < kStart + 1000; ++minute) whole->minute(minute, {}, 1 + static_cast<int>(minute % 3));
  whole->close_before(kStart + 6000);
  const auto pieces = restarted(*whole);
  for (const auto& feed : {whole.get(), pieces.get()}) {
    for (std::int64_t minute = kStart + 9000; minute < kStart + 9300; ++minute) feed->minute(minute, {}, 2);
    feed->minute(kStart + 9300, {}, 60);
  }
  EXPECT_EQ(words(pieces->said()), words(whole->said()));
  EXPECT_EQ(pieces->said().size(), 1U);
  EXPECT_EQ(pieces->saved() == whole->saved(), true);
}

TEST(SavedInsights, TextsThatNothingNamesAnyMoreDoNotShow) {
  std::deque<std::string> agents;
  const auto whole = fresh();
  auto pieces = fresh();
  for (std::int64_t minute = kStart; minute < kStart + 400; ++minute) {
    for (int i = 0; i < 20; ++i) {
      const FeedCall call{.user_agent = agents.emplace_back("agent " + std::to_string(agents.size()))};
      for (const auto& feed : {whole.get(), pieces.get()}) feed->minute(minute, call);
    }
    if (minute % 50 == 0) pieces = restarted(*pieces);  // forgets the 4,096 texts before the other one's sweep does
    ASSERT_EQ(pieces->saved() == whole->saved(), true) << minute;
  }
}

TEST(SavedInsights, TheOrderInWhichRowsWereBornDoesNotShow) {
  constexpr int kApis = 12;
  std::mt19937 random(3);
  std::deque<std::string> names, ids;
  for (int i = 0; i < kApis; ++i) names.push_back("Api" + std::to_string(i));
  InsightsFeed one, other;
  for (std::int64_t minute = kStart; minute < kStart + 600; ++minute) {
    // By API, of which each has an order of its own: that order is in the ids of its newest records.
    std::vector<std::vector<FeedCall>> calls(kApis);
    for (int n = 0; n < 20; ++n) {
      const std::size_t api = random() % std::min<std::size_t>(kApis, 1 + static_cast<std::size_t>(minute - kStart) / 40);
      calls[api].push_back({.event_name = names[api], .error_code = random() % 6 == 0 ? "Throttling" : "", .user_agent = random() % 2 == 0 ? "a" : "b",
                            .id = ids.emplace_back(std::to_string(ids.size()))});
    }
    for (std::size_t api = 0; api < kApis; ++api) {
      for (const FeedCall& call : calls[api]) one.minute(minute, call);
      for (const FeedCall& call : calls[kApis - 1 - api]) other.minute(minute, call);
    }
  }
  for (InsightsFeed* feed : {&one, &other}) feed->close_before(kStart + 600);
  EXPECT_THAT(one.said(), IsEmpty());
  EXPECT_EQ(one.insights().rows(), 2U * kApis);
  EXPECT_EQ(one.saved() == other.saved(), true);
}

TEST(SavedInsights, AFreshCellIsSavedToo) {
  const InsightsFeed feed;
  InsightsFeed loaded;
  ASSERT_TRUE(loaded.restore(feed.saved(), feed).has_value());
  EXPECT_EQ(loaded.saved(), feed.saved());
  loaded.minute(kStart);
  EXPECT_EQ(loaded.insights().rows(), 1U);
}

/// A small cell with an incident under way.
std::unique_ptr<InsightsFeed> small_cell() {
  auto feed = fresh();
  for (std::int64_t minute = kStart; minute < kStart + 1000; ++minute) {
    feed->minute(minute, {}, 1 + static_cast<int>(minute % 3));
    if (minute % 7 == 0) feed->minute(minute, {.error_code = "AccessDenied"});
  }
  feed->minute(kStart + 1000, {.arn = "arn:aws:iam::111111111111:user/mallory"}, 60);
  EXPECT_EQ(feed->insights().open_incidents(), 1U);
  return feed;
}

TEST(SavedInsights, NoDamagedByteIsAccepted) {
  const auto feed = small_cell();
  const std::string saved = feed->saved();
  for (std::size_t at = 0; at < saved.size(); ++at) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string damaged = saved;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      ASSERT_FALSE(fresh()->restore(damaged, *feed).has_value()) << "byte " << at << " of " << saved.size();
    }
  }
  for (std::size_t size = 0; size < saved.size(); ++size) ASSERT_FALSE(fresh()->restore(saved.substr(0, size), *feed).has_value()) << size;
  EXPECT_FALSE(fresh()->restore(saved + "x", *feed).has_value());
}

/// Damage that fits its checksum is refused or stands for some state: one that can be saved, loaded and fed.
TEST(SavedInsights, DamageUnderAGoodChecksumDoesNotCrash) {
  const auto feed = small_cell();
  const std::string saved = feed->saved();
  std::mt19937 random(7);
  std::size_t accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = saved;
    for (std::size_t flips = 1 + random() % 3; flips > 0; --flips) damaged[random() % damaged.size()] = static_cast<char>(random());
    damaged = testing::sealed(std::move(damaged));
    const auto loaded = fresh();
    if (!loaded->restore(damaged, *feed)) continue;
    ++accepted;
    const std::string again = loaded->saved();
    const auto twice = fresh();
    ASSERT_TRUE(twice->restore(again, *feed).has_value());
    ASSERT_EQ(twice->saved() == again, true);
    for (std::int64_t minute = kStart + 1000; minute < kStart + 1040; ++minute) loaded->minute(minute, {.error_code = "AccessDenied"}, 5);
  }
  EXPECT_GT(accepted, 100U);
}

TEST(SavedInsights, SaysWhatIsWrongAndWhere) {
  const auto feed = small_cell();
  const std::string saved = feed->saved();
  const auto reason = [&](std::string state) {
    const auto loaded = fresh()->restore(testing::sealed(std::move(state)), *feed);
    return loaded ? std::string() : loaded.error().message;
  };
  const auto with = [&](std::size_t at, std::string_view bytes) { return std::string(saved).replace(at, bytes.size(), bytes); };
  EXPECT_THAT(reason(with(0, "XXXX")), HasSubstr("not saved baselines"));
  EXPECT_THAT(reason(with(4, "\x02")), HasSubstr("format 2"));
  EXPECT_THAT(fresh()->restore(with(10, "x"), *feed).error().message, HasSubstr("other constants"));
  EXPECT_THAT(reason(with(26, "\x63")), HasSubstr("clock: another section, number 99"));
  EXPECT_THAT(reason(with(28, "\x09")), HasSubstr("clock: version 9"));
  EXPECT_THAT(reason(saved.substr(0, saved.size() / 2)), HasSubstr("end too early"));
  EXPECT_THAT(reason(saved + "x"), HasSubstr("left over"));
  // The levels of the first row stand behind the head of the table and the row's key.
  const std::size_t calls = saved.find("RunInstances") - 4 - 1 - 2 - 24 - baseline::RowBlock::saved_bytes(baseline::SeriesKind::kCalls);
  EXPECT_THAT(reason(with(calls + 8, std::string_view("\x00\x00\xc0\x7f", 4))), HasSubstr("calls: a row has a decayed sum"));
  EXPECT_THAT(reason(with(calls + 8, std::string_view("\x00\x00\x80\x7f", 4))), HasSubstr("calls: a row has a decayed sum"));
  EXPECT_THAT(reason(with(calls, "x")), HasSubstr("row 0 has the key of another series"));
  EXPECT_EQ(reason(saved), "");
}

/// The fuzzer begins with these. TRAILWARDEN_UPDATE_GOLDEN=1 writes them anew, when the form of a section has changed.
TEST(SavedInsights, StatesThatAreKeptLoad) {
  const auto quiet = [](std::int64_t minutes) {
    auto feed = fresh();
    for (std::int64_t minute = kStart - minutes; minute < kStart; ++minute) feed->minute(minute, {}, 1 + static_cast<int>(minute % 3));
    return feed;
  };
  std::map<std::string, std::unique_ptr<InsightsFeed>> states;
  states["fresh"] = fresh();
  states["open"] = quiet(10);
  states["incident"] = quiet(1000);
  states["incident"]->minute(kStart, {.arn = "arn:aws:iam::111111111111:user/mallory"}, 60);
  states["errors"] = quiet(1000);
  for (int i = 0; i < 30; ++i) states["errors"]->minute(kStart + i, {.error_code = "AccessDenied"}, 4);
  states["wide"] = quiet(20);
  states["wide"]->minute(kStart, {}, 70'000);
  states["wide"]->close_before(kStart + 20);
  states["asleep"] = quiet(20);
  states["asleep"]->close_before(kStart + 3000);

  for (const auto& [name, feed] : states) {
    const std::string path = std::string(TRAILWARDEN_SOURCE_DIR) + "/fuzz/corpus/insights_state/" + name + ".state";
    if (std::getenv("TRAILWARDEN_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << feed->saved();
    const auto loaded = fresh()->restore(testing::sealed(testing::read_file(path)), *feed);
    EXPECT_TRUE(loaded.has_value()) << path << ": " << (loaded ? "" : loaded.error().message);
  }
}

TEST(SavedInsights, OfAnotherAccountAreRefused) {
  const auto feed = small_cell();
  const InsightsSettings settings{touchy()};
  Insights other(settings, "222222222222", "eu-west-1");
  const std::string saved = feed->saved();
  ByteReader in(saved);
  const auto loaded = other.load(in);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_THAT(loaded.error().message, HasSubstr("another series, account or Region"));
}

TEST(SavedInsights, MoreOrFewerMinutesMayBeOpen) {
  InsightsFeed feed(touchy());
  for (std::int64_t minute = kStart; minute < kStart + 900; ++minute) feed.minute(minute, {}, 2);
  InsightsFeed more(touchy(), 60), fewer(touchy(), 14), too_few(touchy(), 5);
  for (InsightsFeed* other : {&more, &fewer}) {
    ASSERT_TRUE(other->restore(feed.saved(), feed).has_value());
    EXPECT_EQ(other->saved() == feed.saved(), true);
    for (std::int64_t minute = kStart + 900; minute < kStart + 1000; ++minute) other->minute(minute, {}, 2);
    other->minute(kStart + 1000, {}, 100);
    EXPECT_EQ(other->said().size(), 1U);
  }
  const auto refused = too_few.restore(feed.saved(), feed);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("calls lie 15 minutes behind the first open one"));
  InsightsFeed closed(touchy(), 5);
  feed.close_before(kStart + 897);
  EXPECT_TRUE(closed.restore(feed.saved(), feed).has_value()) << "what is open fits";
}

TEST(SavedInsights, ScopesAreThoseOfTheConfigurationNow) {
  const auto with_scope = [](InsightScope scope) {
    InsightsConfig config = touchy();
    config.scopes.push_back(std::move(scope));
    return config;
  };
  const auto burst = [](InsightsFeed& feed) {
    feed.minute(kStart + 1001, {}, 100);
    return feed.said().size();
  };
  InsightsFeed plain(touchy());
  for (std::int64_t minute = kStart; minute < kStart + 1001; ++minute) plain.minute(minute, {}, 2);
  InsightsFeed off(with_scope({.event_name = "Run*", .settings = {.calls = false}})), high(with_scope({.event_name = "Run*", .settings = {.minimum_count = 500}})),
      unasked(with_scope({.event_name = "Run*", .settings = {.budget = 0}})), on_again(touchy());
  for (InsightsFeed* feed : {&off, &high, &unasked}) {
    ASSERT_TRUE(feed->restore(plain.saved(), plain).has_value());
    EXPECT_EQ(feed->said().size(), 0U);
  }
  ASSERT_TRUE(on_again.restore(off.saved(), off).has_value());
  EXPECT_EQ(burst(off), 0U);
  EXPECT_EQ(burst(high), 0U);
  EXPECT_EQ(burst(unasked), 0U);
  EXPECT_EQ(burst(on_again), 1U) << "what was switched off for a while is judged again";
  EXPECT_EQ(burst(plain), 1U);
}

/// What may be asked of the traffic's APIs, in turn.
std::vector<InsightsConfig> settings_in_turn() {
  InsightsConfig shy = touchy(), without_errors = touchy(), scoped = touchy();
  shy.false_insights_per_week = 3;
  shy.region_shares = {{.account = "", .region = "eu-*", .share = 0.2}};
  without_errors.error_rate = false;
  without_errors.warm_up = 72h;
  scoped.scopes = {{.event_name = "Delete*", .settings = {.budget = 5, .up = false}}, {.event_name = "Stop*", .settings = {.minimum_count = 30}}, {.event_source = "ec2.*", .settings = {.calls = false}}};
  return {shy, scoped, without_errors, touchy()};
}

TEST(SavedInsights, SettingsThatChangeInBetweenAreAsThoseOfACellThatIsLoadedUnderThem) {
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    const Traffic traffic(seed);
    const auto& steps = traffic.steps();
    const auto in_place = fresh();
    auto loaded = fresh();
    std::vector<event::Insight> said;
    const auto turns = settings_in_turn();
    std::size_t turn = seed, changes = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (i % 701 == 700) {
        const InsightsConfig& next = turns[turn++ % turns.size()];
        auto another = std::make_unique<InsightsFeed>(next, 15, kFewRows);
        ASSERT_TRUE(another->restore(loaded->saved(), *loaded));
        said.insert(said.end(), loaded->said().begin(), loaded->said().end());
        loaded = std::move(another);
        in_place->follow(next);
        ++changes;
      }
      for (const auto& feed : {in_place.get(), loaded.get()}) feed->call(steps[i].second, steps[i].call, steps[i].count);
    }
    said.insert(said.end(), loaded->said().begin(), loaded->said().end());
    EXPECT_EQ(words(said), words(in_place->said()));
    EXPECT_EQ(loaded->saved() == in_place->saved(), true);
    EXPECT_GT(in_place->said().size(), 5U);
    EXPECT_GT(changes, 8U);
  }
}

TEST(SavedInsights, ARowTakesAboutAKilobyte) {
  constexpr int kApis = 500;
  std::deque<std::string> names;
  for (int i = 0; i < kApis; ++i) names.push_back("UpdateSomethingWithAName" + std::to_string(i));
  InsightsFeed feed;
  for (std::int64_t minute = kStart; minute < kStart + 1440; ++minute) {
    const auto i = static_cast<std::size_t>(minute) * 7 % kApis;
    feed.minute(minute, {.event_name = names[i]});
  }
  feed.close_before(kStart + 1440);
  const std::size_t bytes = feed.saved().size() / kApis;
  std::cout << bytes << " bytes a row of calls, " << baseline::RowBlock::saved_bytes(baseline::SeriesKind::kCalls) << " of them columns; "
            << baseline::RowBlock::saved_bytes(baseline::SeriesKind::kErrors) << " a row of errors\n";
  EXPECT_LT(bytes, 1100U);
}

}  // namespace
}  // namespace trailwarden::detectors
