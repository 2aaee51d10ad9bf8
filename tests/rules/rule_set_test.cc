#include "rules/rule_set.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/hash.h"
#include "event/decoder.h"
#include "rules/event_pattern.h"
#include "rules/glob.h"
#include "rules/naive_evaluator.h"
#include "testing/rule_cases.h"

namespace trailwarden::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::uint8_t> random_bytes(std::uint64_t seed) {
  std::vector<std::uint8_t> bytes(200 + splitmix64(seed) % 800);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(splitmix64(seed * 1'000 + i) >> 32);
  return bytes;
}

TEST(RuleSet, AgreesWithTheNaiveEvaluator) {
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) ASSERT_EQ(testing::disagreement(testing::rule_case(random_bytes(seed))), std::nullopt) << "seed " << seed;
}

/// Verdicts on records are remembered where there are many rules.
TEST(RuleSet, AgreesWithTheNaiveEvaluatorWhenItRemembers) {
  for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
    const testing::RuleCase c = testing::rule_case(random_bytes(seed + 50'000));
    const auto naive = NaiveEvaluator::create(c.record);
    if (!naive) continue;
    std::vector<Predicate> many;
    std::vector<std::uint32_t> expected, got;
    for (std::uint32_t i = 0; i < 120; ++i) {
      many.push_back(c.predicates[i % c.predicates.size()]);
      if (naive->matches(many.back())) expected.push_back(i);
    }
    Matcher matcher(*RuleSet::compile(many, c.limits));
    const std::string padded = c.record + std::string(event::kPadding, '\0');
    for (int again = 0; again < 2; ++again) {
      ASSERT_EQ(matcher.match(std::string_view(padded).substr(0, c.record.size()), got), event::Refusal::kNone);
      ASSERT_EQ(got, expected) << "seed " << seed << ": " << testing::describe(c);
    }
  }
}

Predicate pattern(const std::string& text) { return *parse_event_pattern(text); }

RuleSet compiled(const std::vector<Predicate>& predicates, Limits limits = {}) {
  auto set = RuleSet::compile(predicates, limits);
  EXPECT_TRUE(set) << (set ? "" : set.error().message);
  return *set;
}

/// A matcher that takes records without padding.
class EasyMatcher {
 public:
  explicit EasyMatcher(RuleSet rules) : matcher_(std::move(rules)) {}

  std::vector<std::uint32_t> match(std::string_view record) {
    std::vector<std::uint32_t> matches;
    EXPECT_EQ(refusal_of(record, matches), event::Refusal::kNone) << record;
    return matches;
  }
  event::Refusal refusal_of(std::string_view record) {
    std::vector<std::uint32_t> matches;
    return refusal_of(record, matches);
  }

 private:
  event::Refusal refusal_of(std::string_view record, std::vector<std::uint32_t>& matches) {
    const std::string padded = std::string(record) + std::string(event::kPadding, 'x');
    return matcher_.match(std::string_view(padded).substr(0, record.size()), matches);
  }
  Matcher matcher_;
};

std::string random_array(std::uint64_t& state, int depth) {
  const auto below = [&state](std::uint64_t n) { return (splitmix64(state++) >> 33) % n; };
  std::string out = "[";
  for (std::uint64_t elements = 2 + below(9), i = 0; i < elements; ++i) {
    out += i == 0 ? "{" : ",{";
    for (const auto* name : {"k", "v", "w"})
      if (below(5) > 1) out += "\"" + std::string(name) + "\":" + std::to_string(below(3)) + ",";
    if (depth > 0 && below(2) == 0) out += "\"b\":" + random_array(state, depth - 1) + ",";
    out += "\"z\":0}";
  }
  return out + "]";
}

TEST(ArraySearch, AgreesWithTheNaiveEvaluatorOnLargerArrays) {
  const std::vector<Predicate> predicates{
      pattern(R"({"a":{"k":[0],"v":[1],"w":[2]}})"),
      pattern(R"({"a":{"k":[0],"v":[{"exists":false}],"w":[1]}})"),
      pattern(R"({"a":{"b":{"k":[0],"v":[0],"w":[0]},"k":[1],"v":[1]}})"),
      pattern(R"({"a":{"b":{"b":{"k":[0],"v":[1]},"k":[2]},"v":[{"exists":false},2]},"c":{"k":[0],"v":[2]}})"),
      pattern(R"({"a":{"b":{"k":[{"exists":false}],"v":[1]},"k":[0]},"c":{"b":{"k":[{"exists":false}],"v":[2]}}})"),
      pattern(R"({"a":{"$or":[{"k":[0],"v":[2]},{"b":{"k":[0],"w":[2]}}],"w":[0]}})"),
  };
  EasyMatcher matcher(compiled(predicates));
  std::size_t held = 0, asked = 0;
  for (std::uint64_t seed = 1; seed <= 1'500; ++seed) {
    std::uint64_t state = seed << 20;
    const std::string record = "{\"a\":" + random_array(state, 2) + ",\"c\":" + random_array(state, 1) + "}";
    const auto naive = NaiveEvaluator::create(record);
    std::vector<std::uint32_t> expected;
    for (std::uint32_t i = 0; i < predicates.size(); ++i)
      if (naive->matches(predicates[i])) expected.push_back(i);
    ASSERT_EQ(matcher.match(record), expected) << record;
    held += expected.size();
    asked += predicates.size();
  }
  EXPECT_GT(held, asked / 20);
  EXPECT_LT(held, asked * 9 / 10);
}

TEST(ArraySearch, DoesNotTryTheSameTwice) {
  // Three sibling arrays in each element, and no element that has both parts of the third: tried plainly, 40 x 100^3 choices.
  std::string many = "[";
  for (int i = 0; i < 100; ++i) many += (i > 0 ? ",{\"k\":" : "{\"k\":") + std::string(i % 2 == 0 ? "1}" : "1,\"z\":1}");
  many += "]";
  std::string third = many;
  third.back() = ',';
  third += "{\"v\":1}]";
  std::string record = "{\"a\":[";
  for (int i = 0; i < 40; ++i) record += std::string(i > 0 ? "," : "") + "{\"x\":" + many + ",\"y\":" + many + ",\"z\":" + third + "}";
  record += "]}";
  EasyMatcher matcher(compiled({pattern(R"({"a":{"x":{"k":[1]},"y":{"k":[1]},"z":{"k":[1],"v":[1]}}})")}));
  EXPECT_THAT(matcher.match(record), IsEmpty());
}

TEST(Matcher, KeepsElementsOfADecodedArrayApart) {
  Predicate same = pattern(R"({"docs":{"k":[1],"v":[2]}})");
  same.decode = {"docs"};
  EasyMatcher matcher(compiled({same}));
  EXPECT_THAT(matcher.match(R"({"docs":["{\"k\":1}","{\"v\":2}"]})"), IsEmpty());
  EXPECT_THAT(matcher.match(R"({"docs":["{\"k\":1}","{\"v\":2,\"k\":1}"]})"), ElementsAre(0));
  EXPECT_THAT(matcher.match(R"({"docs":"[{\"k\":1},{\"v\":2}]"})"), IsEmpty());
}

/// Members that decide a verdict, of few values, so that most verdicts are remembered ones; among them what looks alike and is not.
TEST(Matcher, RemembersAVerdictOnlyForWhatIsTheSame) {
  const std::vector<Predicate> predicates{pattern(R"({"eventName":["Get"],"eventSource":["s3"]})"), pattern(R"({"errorCode":["5",""]})"), pattern(R"({"eventName":["5",{"prefix":"Ge"}],"errorCode":[{"exists":false}]})"),
                               pattern(R"({"eventName":["Get"],"userAgent":[{"wildcard":"*x*"}],"awsRegion":["eu"]})"), pattern(R"({"eventSource":["s3"],"requestParameters":{"a":["1"]}})"),
                               pattern(R"({"eventSource":["ec2"],"eventName":[{"anything-but":["Get"]}],"userIdentity":{"type":["Root"]}})")};
  std::vector<Predicate> many = predicates;
  while (many.size() < 200) many.push_back(pattern(R"({"eventName":["Never)" + std::to_string(many.size()) + R"("]})"));
  const auto rules = compiled(predicates);
  const std::vector<std::vector<const char*>> choices{
      {R"("eventName":"Get",)", R"("eventName":"5",)", R"("eventName":"G\u0065t",)", R"("eventName":"Put",)"},
      {R"("eventSource":"s3",)", R"("eventSource":"ec2",)"},
      {"", R"("userAgent":"axb",)", R"("userAgent":"Get",)", R"("userAgent":"",)", R"("userAgent":null,)"},
      {"", R"("errorCode":"5",)", R"("errorCode":"",)", R"("errorCode":null,)"},
      {R"("awsRegion":"eu",)", R"("awsRegion":"us",)"},
      {"", R"("requestParameters":{"a":"1"},)", R"("requestParameters":{"a":"2"},)"},
      {R"("userIdentity":{"type":"Root"},)", R"("userIdentity":{"type":"IAMUser"},)"}};
  Matcher remembering(rules), reading(rules), remembering_records(compiled(many));
  std::uint64_t state = 1;
  std::size_t judged = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string record = "{";
    for (const auto& choice : choices) record += choice[(splitmix64(state++) >> 33) % choice.size()];
    record += R"("eventID":"1","recipientAccountId":"111122223333","eventTime":"2026-01-01T00:00:00Z"})";
    const std::string padded = record + std::string(event::kPadding, '\0');
    event::Arena arena;
    event::CloudTrailEvent event;
    if (event::Decoder().decode(std::string_view(padded).substr(0, record.size()), arena, event) != event::Refusal::kNone) continue;
    std::vector<std::uint32_t> of_event, of_record;
    remembering.match(event, of_event);
    ASSERT_EQ(reading.match(event.raw, of_record), event::Refusal::kNone);
    ASSERT_EQ(of_event, of_record) << record;
    ASSERT_EQ(remembering_records.match(event.raw, of_event), event::Refusal::kNone);
    ASSERT_EQ(of_event, of_record) << record;
    ++judged;
  }
  EXPECT_EQ(judged, 20'000u);
}

TEST(Matcher, RemembersNoVerdictOnSeveralValuesOrElements) {
  std::vector<Predicate> rules{pattern(R"({"a":["y"]})"), pattern(R"({"d":{"k":["1"],"v":["2"]}})"), pattern(R"({"d":{"v":["2"]}})"), pattern(R"({"d":{"k":["1"]}})")};
  while (rules.size() < 200) rules.push_back(pattern(R"({"a":["never)" + std::to_string(rules.size()) + R"("]})"));
  EasyMatcher matcher(compiled(rules));
  EXPECT_THAT(matcher.match(R"({"a":["x","y"]})"), ElementsAre(0));
  EXPECT_THAT(matcher.match(R"({"a":["x","z"]})"), IsEmpty());
  EXPECT_THAT(matcher.match(R"({"a":"x"})"), IsEmpty());
  EXPECT_THAT(matcher.match(R"({"d":[{"k":"1","v":"2"}]})"), ElementsAre(1, 2, 3));
  EXPECT_THAT(matcher.match(R"({"d":[{"k":"1"},{"v":"2"}]})"), ElementsAre(2, 3));
}

TEST(Matcher, SaysWhichRulesHoldInAscendingOrder) {
  EasyMatcher matcher(compiled({pattern(R"({"b":[{"exists":false}]})"), pattern(R"({"a":["y"]})"), pattern(R"({"a":[{"prefix":"x"}]})"), pattern(R"({"a":["x"]})")}));
  EXPECT_THAT(matcher.match(R"({"a":"x"})"), ElementsAre(0, 2, 3));
  EXPECT_THAT(matcher.match(R"({"b":1})"), IsEmpty());
  EXPECT_THAT(matcher.match(R"({})"), ElementsAre(0));
}

TEST(Matcher, RefusesWhatIsNotExactlyOneObject) {
  EasyMatcher matcher(compiled({pattern(R"({"a":["x"]})")}));
  using event::Refusal;
  EXPECT_EQ(matcher.refusal_of(R"({"a":"x")"), Refusal::kTruncated);
  EXPECT_EQ(matcher.refusal_of(R"({"a":"x","b":})"), Refusal::kNotJson);
  EXPECT_EQ(matcher.refusal_of(R"({"a":"x"}{})"), Refusal::kNotJson);
  EXPECT_EQ(matcher.refusal_of(R"([1])"), Refusal::kNotAnObject);
  EXPECT_EQ(matcher.refusal_of("{\"a\":\"\xff\"}"), Refusal::kInvalidUtf8);
  EXPECT_EQ(matcher.refusal_of(R"({"b":01})"), Refusal::kNotJson);
  EXPECT_EQ(matcher.refusal_of("{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}"), Refusal::kTooDeep);
  EXPECT_EQ(matcher.refusal_of(R"({"a":1e999,"b":"\ud83d\ude80"})"), Refusal::kNone);
}

TEST(Matcher, IsSharedByThreadsThroughItsRules) {
  const RuleSet rules = compiled({pattern(R"({"a":[{"wildcard":"*x*y*"}]})"), pattern(R"({"a":{"b":[1],"c":[2]}})")});
  std::atomic<int> held = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      EasyMatcher matcher(rules);
      for (int i = 0; i < 200; ++i) held += static_cast<int>(matcher.match(i % 2 == 0 ? R"({"a":"axby"})" : R"({"a":[{"b":1,"c":2}]})").size());
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(held, 800);
}

std::string error_of(const std::vector<Predicate>& predicates, Limits limits = {}) {
  const auto set = RuleSet::compile(predicates, limits);
  return set ? "compiled" : set.error().message;
}

Predicate asking(LeafTest test) {
  return {.expression = {.kind = Expression::Kind::kField, .field = {"a", Reading::kTexts, std::move(test)}}};
}

TEST(RuleSet, RefusesWhatWouldMakeItSlowOrLarge) {
  EXPECT_THAT(error_of({asking({Regex{"x"}}), asking({Regex{"(?<=a)b"}})}), HasSubstr("rule number 2: regular expression"));
  EXPECT_THAT(error_of({asking({Regex{"((a{1,100}){1,100}){1,100}"}})}), HasSubstr("regular expression"));
  EXPECT_THAT(error_of({asking({Regex{"x"}}), asking({Regex{"y"}})}, {.max_regexes = 1}), HasSubstr("more than 1 regular expressions"));
  EXPECT_THAT(error_of({asking({AnyValue{}}), asking({AnyValue{}})}, {.max_rules = 1}), HasSubstr("2 rules; at most 1"));
  const LeafTest repeats{contains_glob(std::string(8'000, 'x') + "a")};
  EXPECT_THAT(error_of({asking(repeats)}, {.max_tried_per_field = 0}), HasSubstr("field \"a\": its 1 wildcards would slow every record down"));
  EXPECT_EQ(error_of({asking(repeats)}), "compiled");
  EXPECT_THAT(error_of({asking({contains_glob(std::string(8'191, 'x'))})}), HasSubstr("a wildcard of 8,193 characters; at most 8,192"));
  EXPECT_THAT(error_of({asking({AnythingBut{{{prefix_glob(std::string(9'000, 'x'))}}}})}), HasSubstr("a wildcard of 9,001 characters"));
  EXPECT_EQ(error_of({asking({exact_glob(std::string(100'000, 'x'))})}), "compiled");
  std::vector<Predicate> many;
  for (int i = 0; i < 400; ++i) many.push_back(asking({contains_glob(std::to_string(splitmix64(static_cast<std::uint64_t>(i))))}));
  EXPECT_THAT(error_of(many, {.max_states = 300, .max_automata_per_field = 4}), HasSubstr("would slow every record down"));
  EXPECT_THAT(error_of(many, {.max_total_bytes = 10'000}), HasSubstr("of memory"));
  const auto named = RuleSet::compile(std::vector{asking({Regex{"("}})}, {}, std::vector<std::string>{"odd"});
  ASSERT_FALSE(named);
  EXPECT_THAT(named.error().message, HasSubstr("rule odd: regular expression \"(\": missing ): "));
}

TEST(RuleSet, ManyRulesAreCompiledQuicklyAndStaySmall) {
  std::vector<Predicate> predicates;
  for (int i = 0; i < 3'000; ++i) {
    const std::string number = std::to_string(i);
    predicates.push_back(pattern(R"({"eventSource":["s)" + std::to_string(i % 60) + R"("],"eventName":["Name)" + number + R"("],"userAgent":[{"wildcard":"*agent-)" + number + R"(*"}]})"));
  }
  const RuleSet rules = compiled(predicates);
  EXPECT_LT(rules.memory_bytes() / predicates.size(), 20'000U);
  EasyMatcher matcher(rules);
  EXPECT_THAT(matcher.match(R"({"eventSource":"s17","eventName":"Name77","userAgent":"an agent-77/1.0"})"), ElementsAre(77));
}

}  // namespace
}  // namespace trailwarden::rules
