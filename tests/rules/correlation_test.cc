#include "rules/correlation_state.h"

#include <cmath>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/correlation_oracle.h"

namespace trailwarden::rules {
namespace {

using oracle::Dice;
using oracle::Found;
using oracle::Group;
using oracle::Matches;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;
using Type = CorrelationType;
using Op = Threshold::Op;

constexpr std::chrono::seconds kLateness{60};

Correlation over(Type type, std::uint32_t sources, std::vector<Threshold> thresholds = {}) {
  Correlation out{.id = "c", .type = type, .group_names = {"g"}, .timespan = 40s, .thresholds = std::move(thresholds)};
  for (std::uint32_t i = 0; i < sources; ++i) out.sources.push_back({.index = i, .group = {"g"}, .values = {"v", "w"}});
  return out;
}

CorrelationState state_of(Correlation correlation) {
  auto state = CorrelationState::create(std::move(correlation));
  EXPECT_TRUE(state) << (state ? "" : state.error().message);
  return std::move(*state);
}

std::vector<Found> as_found(const std::vector<CorrelationResult>& results) {
  std::vector<Found> out;
  for (const CorrelationResult& result : results) out.push_back({result.time, result.event_id, result.group, result.value});
  return out;
}

/// Feeds matches, with the watermark `kLateness` behind the newest, and to the end of time.
std::vector<CorrelationResult> run(CorrelationState& state, const Matches& matches) {
  std::vector<CorrelationResult> out;
  Timestamp newest = kBeginningOfTime;
  for (const CorrelationMatch& match : matches) {
    newest = std::max(newest, match.time);
    state.observe(match, out);
    state.advance(newest - kLateness, out);
  }
  state.advance(kEndOfTime, out);
  return out;
}

SourceCondition source(std::uint32_t number) { return {.source = number}; }

struct RandomCase {
  const char* name;
  std::function<Correlation()> correlation;
  std::uint32_t sources = 1;
};
void PrintTo(const RandomCase& c, std::ostream* out) { *out << c.name; }

class OnRandomStreams : public ::testing::TestWithParam<RandomCase> {};

TEST_P(OnRandomStreams, OrderedInputGivesWhatBruteForceGives) {
  std::size_t results = 0;
  for (std::uint32_t seed = 0; seed < 1100; ++seed) {
    Dice dice(seed);
    const Matches matches = oracle::random_matches({.sources = GetParam().sources, .length = 10 + dice.roll(80), .seconds = 50 + dice.roll(400)}, dice);
    CorrelationState state = state_of(GetParam().correlation());
    const auto expected = oracle::ordered_results(state.correlation(), matches);
    ASSERT_EQ(as_found(run(state, matches)), expected) << "seed " << seed;
    EXPECT_EQ(state.groups(), 0U) << "everything is forgotten in the end";
    EXPECT_EQ(state.entries(), 0U);
    results += expected.size();
  }
  EXPECT_GT(results, 100U) << "the streams are no test otherwise";
}

/// The promise of `CorrelationState`, for input in any order inside the lateness.
void expect_promise(const Correlation& correlation, const Matches& matches, const std::vector<CorrelationResult>& results) {
  const auto holding = oracle::holding_seconds(correlation, matches);
  const auto ordered = oracle::ordered_results(correlation, matches);
  std::map<Group, std::vector<Timestamp>> given;
  for (const CorrelationResult& result : results) given[result.group].push_back(result.time);
  for (auto& [group, times] : given) {
    std::sort(times.begin(), times.end());
    ASSERT_TRUE(holding.contains(group));
    for (std::size_t i = 0; i < times.size(); ++i) {
      EXPECT_TRUE(holding.at(group).contains(times[i])) << "1: said though it never held";
      if (i > 0) {
        EXPECT_GE(times[i] - times[i - 1], correlation.timespan) << "2: said twice";
      }
    }
    const auto in_order = std::count_if(ordered.begin(), ordered.end(), [&group](const Found& found) { return found.group == group; });
    EXPECT_LE(std::ssize(times), in_order) << "4: more than in order";
  }
  for (const auto& [group, seconds] : holding) {
    for (const Timestamp second : seconds)
      EXPECT_TRUE(std::any_of(given[group].begin(), given[group].end(), [&](Timestamp time) { return std::chrono::abs(time - second) < correlation.timespan; }))
          << "3: missed";
    if (*seconds.rbegin() - *seconds.begin() < correlation.timespan) {
      EXPECT_EQ(given[group].size(), 1U) << "4: one burst, one result";
    }
  }
}

class MonotoneOnRandomStreams : public OnRandomStreams {};

TEST_P(MonotoneOnRandomStreams, LateMatchesKeepThePromise) {
  std::size_t out_of_order = 0;
  for (std::uint32_t seed = 0; seed < 1100; ++seed) {
    SCOPED_TRACE(seed);
    Dice dice(seed);
    const Matches matches = oracle::random_matches({.sources = GetParam().sources, .length = 10 + dice.roll(80), .seconds = 50 + dice.roll(400)}, dice);
    const Matches arriving = oracle::delayed(matches, kLateness, dice);
    CorrelationState state = state_of(GetParam().correlation());
    const auto results = run(state, arriving);
    expect_promise(state.correlation(), matches, results);
    EXPECT_EQ(state.counters().late, 0U);
    EXPECT_EQ(state.groups(), 0U);
    if (as_found(results) != oracle::ordered_results(state.correlation(), matches)) ++out_of_order;
    if (HasFailure()) return;
  }
  EXPECT_GT(out_of_order, 10U) << "the order made a difference now and then";
}

TEST_P(OnRandomStreams, ASavedStateGoesOnAsIfNothingHadHappened) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    Dice dice(seed);
    const Matches matches = oracle::delayed(oracle::random_matches({.sources = GetParam().sources, .length = 80, .seconds = 300}, dice), kLateness, dice);
    const std::size_t stop = dice.roll(80);
    CorrelationState state = state_of(GetParam().correlation()), loaded = state_of(GetParam().correlation());
    std::vector<CorrelationResult> of_both, of_state, of_loaded;
    for (std::size_t i = 0; i < matches.size(); ++i) {
      if (i == stop) {
        ByteWriter out, again;
        state.save(out);
        ByteReader in(out.bytes());
        ASSERT_TRUE(loaded.load(in)) << "seed " << seed;
        ASSERT_TRUE(in.finish());
        ASSERT_EQ(loaded, state);
        loaded.save(again);
        ASSERT_EQ(again.bytes(), out.bytes());
      }
      state.observe(matches[i], i < stop ? of_both : of_state);
      if (i >= stop) loaded.observe(matches[i], of_loaded);
      if (i % 7 != 0) continue;
      state.advance(matches[i].time - kLateness, i < stop ? of_both : of_state);
      if (i >= stop) loaded.advance(matches[i].time - kLateness, of_loaded);
    }
    state.advance(kEndOfTime, of_state);
    loaded.advance(kEndOfTime, of_loaded);
    ASSERT_EQ(of_loaded, of_state);
    ASSERT_EQ(loaded, state);
  }
}

TEST_P(OnRandomStreams, ADamagedStateIsRefusedOrHarmless) {
  Dice dice(1);
  const Matches matches = oracle::random_matches({.sources = GetParam().sources, .length = 40}, dice);
  CorrelationState state = state_of(GetParam().correlation());
  std::vector<CorrelationResult> results;
  for (const CorrelationMatch& match : matches) state.observe(match, results);
  ByteWriter out;
  state.save(out);
  for (std::size_t size = 0; size < out.bytes().size(); ++size) {
    CorrelationState other = state_of(GetParam().correlation());
    ByteReader in(std::string_view(out.bytes()).substr(0, size));
    EXPECT_FALSE(other.load(in)) << "cut to " << size;
  }
}

std::vector<RandomCase> random_cases() {
  return {
      {"EventCountAtLeast",
       [] {
         return over(Type::kEventCount, 2, {{Op::kAtLeast, 4}});
       },
       2},
      {"EventCountMore",
       [] {
         return over(Type::kEventCount, 1, {{Op::kMore, 2}});
       }},
      {"EventCountRange",
       [] {
         return over(Type::kEventCount, 1, {{Op::kMore, 1}, {Op::kAtMost, 3}});
       }},
      {"EventCountFew",
       [] {
         return over(Type::kEventCount, 1, {{Op::kLess, 2}});
       }},
      {"ValueCount",
       [] {
         return over(Type::kValueCount, 1, {{Op::kAtLeast, 4}});
       }},
      {"ValueCountOne",
       [] {
         return over(Type::kValueCount, 1, {{Op::kEqual, 1}});
       }},
      {"Temporal", [] { return over(Type::kTemporal, 3); }, 3},
      {"TemporalTwoOfThree",
       [] {
         return over(Type::kTemporal, 3, {{Op::kAtLeast, 2}});
       },
       3},
      {"TemporalEither",
       [] {
         Correlation out = over(Type::kTemporal, 3);
         out.condition = SourceCondition{SourceCondition::Kind::kAll, 0, {source(0), {SourceCondition::Kind::kAny, 0, {source(1), source(2)}}}};
         return out;
       },
       3},
      {"TemporalWithout",
       [] {
         Correlation out = over(Type::kTemporal, 3);
         out.condition = SourceCondition{SourceCondition::Kind::kAll, 0, {source(0), source(1), {SourceCondition::Kind::kNot, 0, {source(2)}}}};
         return out;
       },
       3},
      {"TemporalOrdered", [] { return over(Type::kTemporalOrdered, 3); }, 3},
      {"TemporalOrderedTwoOfThree",
       [] {
         return over(Type::kTemporalOrdered, 3, {{Op::kAtLeast, 2}});
       },
       3},
      {"TemporalOrderedJoined",
       [] {
         Correlation out = over(Type::kTemporalOrdered, 3);
         out.joins = {{0, 0, 1, 0}, {2, 1, 0, 1}};
         return out;
       },
       3},
      {"ValueSum",
       [] {
         return over(Type::kValueSum, 1, {{Op::kMore, 8}});
       }},
      {"ValueAverage",
       [] {
         return over(Type::kValueAverage, 1, {{Op::kMore, 2}});
       }},
      {"ValueMedian",
       [] {
         return over(Type::kValueMedian, 1, {{Op::kAtLeast, 2.5}});
       }},
      {"ValuePercentile",
       [] {
         Correlation out = over(Type::kValuePercentile, 1, {{Op::kAtLeast, 2.7}});
         out.percentile = 90;
         return out;
       }},
  };
}

std::vector<RandomCase> monotone_cases() {
  std::vector<RandomCase> out = random_cases();
  std::erase_if(out, [](const RandomCase& c) { return !is_monotone(c.correlation()); });
  EXPECT_EQ(out.size(), 9U);
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, MonotoneOnRandomStreams, ::testing::ValuesIn(monotone_cases()), [](const auto& row) { return std::string(row.param.name); });
INSTANTIATE_TEST_SUITE_P(All, OnRandomStreams, ::testing::ValuesIn(random_cases()), [](const auto& row) { return std::string(row.param.name); });

// By hand ----------------------------------------------------------------------------------------------------------------------------------------------------

CorrelationMatch at(int second, std::string id, std::uint32_t of_source = 0, std::vector<std::string> values = {}, std::string group = "g") {
  return {.source = of_source,
          .time = Timestamp{std::chrono::seconds{second}},
          .event_id = std::move(id),
          .group = {std::move(group)},
          .values = std::move(values)};
}

std::vector<int> seconds_of(const std::vector<CorrelationResult>& results) {
  std::vector<int> out;
  for (const CorrelationResult& result : results) out.push_back(static_cast<int>(result.time.time_since_epoch().count()));
  return out;
}

Correlation three_in_a_minute() {
  Correlation out = over(Type::kEventCount, 1, {{Op::kAtLeast, 3}});
  out.timespan = 60s;
  return out;
}

TEST(CorrelationState, AResultNamesItsWindow) {
  CorrelationState state = state_of(three_in_a_minute());
  std::vector<CorrelationResult> results;
  for (const CorrelationMatch& match : {at(0, "a"), at(30, "b"), at(70, "c"), at(75, "d")}) state.observe(match, results);
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_EQ(results[0].event_id, "d");
  EXPECT_THAT(results[0].event_ids, ElementsAre("b", "c", "d"));
  EXPECT_EQ(results[0].value, 3);
}

TEST(CorrelationState, AWindowThatALateMatchCompletesHasTheIdOfOrderedInput) {
  CorrelationState in_order = state_of(three_in_a_minute()), late = state_of(three_in_a_minute());
  std::vector<CorrelationResult> first, second;
  for (const CorrelationMatch& match : {at(0, "a"), at(10, "b"), at(20, "c"), at(30, "d")}) in_order.observe(match, first);
  for (const CorrelationMatch& match : {at(0, "a"), at(10, "b"), at(30, "d"), at(20, "c")}) late.observe(match, second);
  EXPECT_THAT(seconds_of(first), ElementsAre(20));
  EXPECT_THAT(seconds_of(second), ElementsAre(30));
  EXPECT_EQ(first[0].id, second[0].id);
}

TEST(CorrelationState, ALateMatchCompletesWindowsBehindIt) {
  CorrelationState state = state_of(three_in_a_minute());
  std::vector<CorrelationResult> results;
  for (const CorrelationMatch& match : {at(10, "b"), at(50, "c"), at(0, "a")}) state.observe(match, results);
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_EQ(results[0].time, Timestamp{50s});
  EXPECT_EQ(results[0].event_id, "c") << "the window ends with it, though the other one came last";
}

TEST(CorrelationState, AResultAgainAfterOneTimespan) {
  CorrelationState state = state_of(three_in_a_minute());
  std::vector<CorrelationResult> results;
  for (int second = 0; second <= 200; second += 10) state.observe(at(second, "e" + std::to_string(second)), results);
  EXPECT_THAT(seconds_of(results), ElementsAre(20, 80, 140, 200));
}

TEST(CorrelationState, AMatchOlderThanTheWatermarkIsCountedAndJudgedOverWhatIsLeft) {
  CorrelationState state = state_of(three_in_a_minute());
  std::vector<CorrelationResult> results;
  state.advance(Timestamp{10'000s}, results);
  for (const CorrelationMatch& match : {at(100, "a"), at(110, "b"), at(120, "c")}) state.observe(match, results);
  EXPECT_THAT(seconds_of(results), ElementsAre(120)) << "a backlog is judged among itself";
  EXPECT_EQ(state.counters().late, 3U);
  state.advance(Timestamp{10'000s + 61s + 60s}, results);
  EXPECT_EQ(state.groups(), 0U) << "and forgotten a timespan later";
}

TEST(CorrelationState, KeepsNoMoreThanItsLimits) {
  Correlation correlation = three_in_a_minute();
  correlation.limits = {.groups = 3, .entries_per_group = 4, .entries = 8};
  CorrelationState state = state_of(correlation);
  std::vector<CorrelationResult> results;
  for (int i = 0; i < 10; ++i) state.observe(at(i, "e" + std::to_string(i)), results);
  EXPECT_EQ(state.entries(), 4U);
  EXPECT_EQ(state.counters().dropped_entries, 6U);
  for (int i = 0; i < 5; ++i) state.observe(at(300 + 60 * i, "f", 0, {}, "h" + std::to_string(i)), results);
  EXPECT_EQ(state.groups(), 3U);
  EXPECT_EQ(state.counters().evicted_groups, 3U) << "the idlest: g, h0 and h1";
  for (int i = 0; i < 4; ++i) state.observe(at(550, "g" + std::to_string(i), 0, {}, "h4"), results);
  for (int i = 0; i < 4; ++i) state.observe(at(550, "g" + std::to_string(i), 0, {}, "h3"), results);
  EXPECT_LE(state.entries(), 8U);
  EXPECT_GT(state.memory_bytes(), 8 * sizeof(WindowEntry));
}

TEST(CorrelationState, EquallyIdleGroupsGoInTheOrderOfTheirTexts) {
  Correlation correlation = three_in_a_minute();
  correlation.limits.groups = 2;
  for (const bool reversed : {false, true}) {
    CorrelationState state = state_of(correlation);
    std::vector<CorrelationResult> results;
    std::vector<std::string> groups{"a", "b"};
    if (reversed) std::reverse(groups.begin(), groups.end());
    for (const std::string& group : groups)
      for (int i = 0; i < 2; ++i) state.observe(at(1, group + std::to_string(i), 0, {}, group), results);
    state.observe(at(2, "x", 0, {}, "c"), results);
    state.observe(at(3, "b2", 0, {}, "b"), results);
    EXPECT_THAT(results, SizeIs(1)) << "b was kept, a went";
  }
}

TEST(CorrelationState, RepeatedValuesTakeNoRoom) {
  Correlation correlation = over(Type::kValueCount, 1, {{Op::kAtLeast, 5}});
  CorrelationState state = state_of(correlation);
  std::vector<CorrelationResult> results;
  for (int i = 0; i < 1000; ++i) state.observe(at(i / 50, "e" + std::to_string(i), 0, {std::to_string(i % 3)}), results);
  EXPECT_LE(state.entries(), 6U) << "the first and the last of each";
  EXPECT_THAT(results, IsEmpty());
}

TEST(CorrelationState, LongTextsAreKeptShort) {
  CorrelationState state = state_of(over(Type::kValueCount, 1, {{Op::kAtLeast, 2}}));
  std::vector<CorrelationResult> results;
  const std::string a(100'000, 'a'), b = a + "b";
  state.observe(at(1, "x", 0, {a}, a), results);
  state.observe(at(2, "y", 0, {b}, a), results);
  ASSERT_THAT(results, SizeIs(1)) << "and told apart all the same";
  EXPECT_LE(results[0].group[0].size(), kMaxKeptText);
  EXPECT_LT(state.memory_bytes(), 4'000U);
}

TEST(CorrelationState, StepsOfOneRuleNeedDifferentEvents) {
  Correlation correlation = over(Type::kTemporalOrdered, 2);
  correlation.sources[1].index = 0;
  CorrelationState state = state_of(correlation);
  std::vector<CorrelationResult> results;
  state.observe(at(1, "a", 0), results);
  state.observe(at(1, "a", 1), results);
  EXPECT_THAT(results, IsEmpty());
  state.observe(at(5, "b", 0), results);
  state.observe(at(5, "b", 1), results);
  EXPECT_THAT(seconds_of(results), ElementsAre(5));
}

TEST(CorrelationState, AnOrderWithoutSomething) {
  Correlation correlation = over(Type::kTemporalOrdered, 3);
  correlation.condition = SourceCondition{SourceCondition::Kind::kAll, 0, {source(0), source(1), {SourceCondition::Kind::kNot, 0, {source(2)}}}};
  CorrelationState state = state_of(correlation);
  std::vector<CorrelationResult> results;
  for (const CorrelationMatch& match : {at(1, "a", 1), at(2, "b", 0)}) state.observe(match, results);
  EXPECT_THAT(results, IsEmpty()) << "not in this order";
  for (const CorrelationMatch& match : {at(100, "c", 0), at(101, "d", 2), at(102, "e", 1)}) state.observe(match, results);
  EXPECT_THAT(results, IsEmpty()) << "not with the third";
  for (const CorrelationMatch& match : {at(200, "f", 0), at(202, "g", 1)}) state.observe(match, results);
  EXPECT_THAT(seconds_of(results), ElementsAre(202));
}

TEST(CorrelationState, ASearchForASequenceGivesUpInTheEnd) {
  Correlation correlation = over(Type::kTemporalOrdered, 4);
  correlation.joins = {{0, 0, 1, 0}, {2, 0, 3, 0}};
  CorrelationState state = state_of(correlation);
  std::vector<CorrelationResult> results;
  for (int i = 0; i < 100; ++i)
    for (std::uint32_t step = 0; step < 4; ++step)
      state.observe(at(1, "e" + std::to_string(i * 4 + static_cast<int>(step)), step, {step == 3 ? "none" : "some"}), results);
  EXPECT_THAT(results, IsEmpty());
  EXPECT_GT(state.counters().cut_searches, 0U);
}

// First seen -------------------------------------------------------------------------------------------------------------------------------------------------

Correlation new_values(std::chrono::seconds learning, std::chrono::seconds memory) {
  Correlation out = over(Type::kFirstSeen, 1);
  out.learning = learning;
  out.timespan = memory;
  return out;
}

TEST(FirstSeen, IsSilentWhileAGroupLearns) {
  CorrelationState state = state_of(new_values(100s, 10'000s));
  std::vector<CorrelationResult> results;
  for (const CorrelationMatch& match :
       {at(0, "a", 0, {"x"}), at(50, "b", 0, {"y"}), at(99, "c", 0, {"z"}), at(100, "d", 0, {"x"}), at(101, "e", 0, {"new"}), at(102, "f", 0, {"new"})})
    state.observe(match, results);
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_EQ(results[0].event_id, "e");
  EXPECT_THAT(results[0].values, ElementsAre("new"));
  state.observe(at(103, "g", 0, {"x"}, "other"), results);
  EXPECT_THAT(results, SizeIs(1)) << "another group learns by itself";
}

TEST(FirstSeen, AValueIsNewAgainWhenItWasForgotten) {
  CorrelationState state = state_of(new_values(0s, 1000s));
  std::vector<CorrelationResult> results;
  for (const CorrelationMatch& match : {at(0, "a", 0, {"x"}), at(999, "b", 0, {"x"}), at(1998, "c", 0, {"x"}), at(2998, "d", 0, {"x"})})
    state.observe(match, results);
  EXPECT_THAT(seconds_of(results), ElementsAre(0, 2998));
  EXPECT_NE(results[0].id, results[1].id);
}

TEST(FirstSeen, ValuesAreTupels) {
  CorrelationState state = state_of(new_values(0s, 1000s));
  std::vector<CorrelationResult> results;
  for (const CorrelationMatch& match : {at(0, "a", 0, {"x", "1"}), at(1, "b", 0, {"x", "2"}), at(2, "c", 0, {"x", "1"}), at(3, "d")})
    state.observe(match, results);
  EXPECT_THAT(seconds_of(results), ElementsAre(0, 1));
}

TEST(FirstSeen, ForgetsTheOldestWhenThereIsNoRoom) {
  Correlation correlation = new_values(0s, 10'000s);
  correlation.limits.entries_per_group = 8;
  CorrelationState state = state_of(correlation);
  std::vector<CorrelationResult> results;
  for (int i = 0; i < 9; ++i) state.observe(at(i, "e" + std::to_string(i), 0, {std::to_string(i)}), results);
  EXPECT_EQ(state.entries(), 7U);
  EXPECT_EQ(state.counters().dropped_entries, 2U);
  state.observe(at(20, "f", 0, {"8"}), results);
  EXPECT_THAT(results, SizeIs(9)) << "the newest are known";
  state.observe(at(21, "g", 0, {"0"}), results);
  EXPECT_THAT(results, SizeIs(10)) << "the oldest is new again";
}

TEST(FirstSeen, ASavedStateGoesOn) {
  Dice dice(7);
  const Matches matches = oracle::random_matches({.values = 30, .length = 80}, dice);
  CorrelationState state = state_of(new_values(100s, 100'000s)), loaded = state_of(new_values(100s, 100'000s));
  std::vector<CorrelationResult> results, of_state, of_loaded;
  for (std::size_t i = 0; i < 40; ++i) state.observe(matches[i], results);
  ByteWriter out;
  state.save(out);
  ByteReader in(out.bytes());
  ASSERT_TRUE(loaded.load(in));
  ASSERT_TRUE(in.finish());
  EXPECT_EQ(loaded, state);
  for (std::size_t i = 40; i < 80; ++i) {
    state.observe(matches[i], of_state);
    loaded.observe(matches[i], of_loaded);
  }
  EXPECT_THAT(of_state, ::testing::Not(IsEmpty()));
  EXPECT_EQ(of_loaded, of_state);
  EXPECT_EQ(loaded, state);
}

TEST(FirstSeen, EveryOrderFindsTheSameValues) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    Dice dice(seed);
    const Matches matches = oracle::random_matches({.values = 30, .length = 80}, dice);
    const auto found = [](const Matches& stream) {
      CorrelationState state = state_of(new_values(0s, 100'000s));
      std::set<std::pair<Group, std::vector<std::string>>> out;
      for (const CorrelationResult& result : run(state, stream)) EXPECT_TRUE(out.emplace(result.group, result.values).second) << "twice";
      return out;
    };
    const auto in_order = found(matches);
    std::set<std::pair<Group, std::vector<std::string>>> all;
    for (const CorrelationMatch& match : matches)
      if (!match.values.empty()) all.emplace(match.group, match.values);
    ASSERT_EQ(in_order, all);
    ASSERT_EQ(found(oracle::delayed(matches, kLateness, dice)), all) << "seed " << seed;
  }
}

// Absence ----------------------------------------------------------------------------------------------------------------------------------------------------

Correlation unanswered() { return over(Type::kAbsence, 2); }

/// Every first match that no second one follows within the timespan; then silence.
std::vector<Found> absences(const Correlation& correlation, const Matches& matches) {
  std::vector<Found> out;
  std::map<Group, Timestamp> last;
  for (const CorrelationMatch& match : matches) {
    if (match.source != 0) continue;
    const bool is_followed = std::any_of(matches.begin(), matches.end(), [&](const CorrelationMatch& other) {
      const bool is_joined = correlation.joins.empty() || (!other.values.empty() && !match.values.empty() && other.values[0] == match.values[0]);
      return other.source == 1 && other.group == match.group && other.time >= match.time && other.time < match.time + correlation.timespan && is_joined;
    });
    if (is_followed || (last.contains(match.group) && match.time < last[match.group] + correlation.timespan)) continue;
    last[match.group] = match.time;
    out.push_back({match.time + correlation.timespan, match.event_id, match.group, 1});
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(Absence, EveryOrderGivesWhatBruteForceGives) {
  std::size_t results = 0;
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    Dice dice(seed);
    const Matches matches = oracle::random_matches({.sources = 2, .length = 10 + dice.roll(60)}, dice);
    Correlation correlation = unanswered();
    if (seed % 2 == 1) correlation.joins = {{0, 0, 1, 0}};
    const auto expected = absences(correlation, matches);
    for (const Matches& stream : {matches, oracle::delayed(matches, kLateness, dice)}) {
      CorrelationState state = state_of(correlation);
      const auto got = run(state, stream);
      for (std::size_t i = 1; i < got.size(); ++i) EXPECT_LE(got[i - 1].time, got[i].time) << "in the order in which their time ran out";
      std::vector<Found> sorted = as_found(got);
      std::sort(sorted.begin(), sorted.end());
      ASSERT_EQ(sorted, expected) << "seed " << seed;
      EXPECT_EQ(state.groups(), 0U);
    }
    results += expected.size();
  }
  EXPECT_GT(results, 500U);
}

TEST(Absence, IsSaidWhenTheWatermarkPassesTheTime) {
  CorrelationState state = state_of(unanswered());
  std::vector<CorrelationResult> results;
  state.observe(at(100, "a"), results);
  state.advance(Timestamp{139s}, results);
  EXPECT_THAT(results, IsEmpty());
  state.advance(Timestamp{140s}, results);
  EXPECT_THAT(seconds_of(results), ElementsAre(140));
  EXPECT_EQ(results[0].event_id, "a");
}

TEST(Absence, WhatIsOlderThanTheWatermarkIsLeftOut) {
  CorrelationState state = state_of(unanswered());
  std::vector<CorrelationResult> results;
  state.observe(at(100, "answer", 1), results);
  state.advance(Timestamp{200s}, results);
  state.observe(at(90, "a"), results);
  state.advance(kEndOfTime, results);
  EXPECT_THAT(results, IsEmpty()) << "its answer may be forgotten";
  EXPECT_EQ(state.counters().late, 1U);
}

TEST(Absence, ASavedStateGoesOn) {
  CorrelationState state = state_of(unanswered()), loaded = state_of(unanswered());
  std::vector<CorrelationResult> results, of_loaded;
  for (const CorrelationMatch& match : {at(100, "a"), at(110, "b", 1), at(120, "c"), at(121, "d", 0, {}, "h")}) state.observe(match, results);
  ByteWriter out;
  state.save(out);
  ByteReader in(out.bytes());
  ASSERT_TRUE(loaded.load(in));
  EXPECT_EQ(loaded, state);
  state.advance(Timestamp{160s}, results);
  loaded.advance(Timestamp{160s}, of_loaded);
  EXPECT_EQ(results, of_loaded);
  EXPECT_THAT(seconds_of(results), ElementsAre(160));
  EXPECT_EQ(loaded, state);
}

// What makes no sense ----------------------------------------------------------------------------------------------------------------------------------------

TEST(CorrelationCheck, SaysWhatIsWrong) {
  const auto error_of = [](const std::function<void(Correlation&)>& spoil, Type type = Type::kEventCount) {
    Correlation correlation = over(type, 2, {{Op::kAtLeast, 3}});
    spoil(correlation);
    const auto checked = check(correlation);
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_EQ(error_of([](Correlation&) {}), "");
  EXPECT_EQ(error_of([](Correlation& c) { c.timespan = 0s; }), "a correlation of type event_count needs a timespan of more than nothing");
  EXPECT_EQ(error_of([](Correlation& c) { c.sources.clear(); }), "a correlation of type event_count has to be over 1 to 64 rules");
  EXPECT_EQ(error_of([](Correlation& c) { c.sources.resize(3); }, Type::kAbsence),
            "a correlation of type absence is over two rules: what happened, and what did not happen after it");
  EXPECT_EQ(error_of([](Correlation& c) { c.sources[1].group.clear(); }),
            "a correlation of type event_count has a rule without a path for each field of the group");
  EXPECT_EQ(error_of([](Correlation& c) { c.sources[1].values.clear(); }, Type::kValueCount),
            "a correlation of type value_count needs a field whose values it looks at");
  EXPECT_EQ(error_of([](Correlation& c) { c.thresholds.clear(); }), "a correlation of type event_count needs a condition with a number, as `gte: 5`");
  EXPECT_EQ(error_of([](Correlation& c) { c.condition = source(0); }), "a correlation of type event_count has a condition over rules that are not its own");
  EXPECT_EQ(error_of([](Correlation& c) { c.condition = source(2); }, Type::kTemporal),
            "a correlation of type temporal has a condition over rules that are not its own");
  EXPECT_EQ(error_of(
                [](Correlation& c) {
                  c.condition = SourceCondition{SourceCondition::Kind::kAny, 0, {source(0), source(1)}};
                },
                Type::kTemporalOrdered),
            "a correlation of type temporal_ordered has a condition that an order can be given to only if it is names, or `not` names, joined by `and`");
  EXPECT_EQ(error_of([](Correlation& c) { c.thresholds[0].number = 5000; }),
            "a correlation of type event_count needs 5000 matches of one group, and at most 4096 are kept");
  EXPECT_EQ(error_of([](Correlation& c) { c.percentile = 101; }, Type::kValuePercentile),
            "a correlation of type value_percentile needs a percentile from 0 to 100");
  EXPECT_EQ(error_of([](Correlation& c) { c.joins = {{0, 0, 1, 0}}; }), "a correlation of type event_count joins fields, which only sequences can");
  EXPECT_EQ(error_of([](Correlation& c) { c.joins = {{0, 0, 1, 2}}; }, Type::kAbsence), "a correlation of type absence joins a field that is not there");
  EXPECT_EQ(error_of(
                [](Correlation& c) {
                  c.joins = {{0, 0, 0, 1}};
                },
                Type::kTemporalOrdered),
            "a correlation of type temporal_ordered joins fields of rules that are not two of its own");
}

TEST(CorrelationCheck, AFingerprintChangesWithWhatTheStateDependsOn) {
  const Correlation correlation = over(Type::kTemporalOrdered, 2);
  Correlation moved = correlation;
  moved.sources[0].index = 17;
  moved.limits.groups = 5;
  EXPECT_EQ(fingerprint(moved), fingerprint(correlation));
  const std::vector<std::function<void(Correlation&)>> changes{[](Correlation& c) { c.id = "d"; },
                                                               [](Correlation& c) { c.timespan = 41s; },
                                                               [](Correlation& c) { c.group_names = {}; },
                                                               [](Correlation& c) { c.sources[0].group = {"h"}; },
                                                               [](Correlation& c) { c.condition = source(1); },
                                                               [](Correlation& c) {
                                                                 c.thresholds = {{Op::kMore, 1}};
                                                               },
                                                               [](Correlation& c) {
                                                                 c.joins = {{0, 0, 1, 0}};
                                                               },
                                                               [](Correlation& c) { c.learning = 1s; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Correlation changed = correlation;
    changes[i](changed);
    EXPECT_NE(fingerprint(changed), fingerprint(correlation)) << i;
  }
}

}  // namespace
}  // namespace trailwarden::rules
