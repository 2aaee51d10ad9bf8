#include "rules/event_pattern.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/naive_evaluator.h"

namespace trailwarden::rules {
namespace {

Predicate pattern(std::string_view text) {
  auto parsed = parse_event_pattern(text);
  EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().message);
  return parsed.value_or(Predicate{});
}

bool matches(std::string_view text, std::string_view event) { return NaiveEvaluator::create(event)->matches(pattern(text)); }

std::string error_of(std::string_view text, PatternOptions options = {}) {
  const auto parsed = parse_event_pattern(text, options);
  return parsed ? "valid" : parsed.error().message;
}

struct Refused {
  const char* name;
  const char* pattern;
  const char* message;  // all of it up to the advice
};
void PrintTo(const Refused& c, std::ostream* out) { *out << c.pattern; }

class RefusesBadPatterns : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusesBadPatterns, AtTheirPlace) { EXPECT_THAT(error_of(GetParam().pattern), ::testing::StartsWith(GetParam().message)); }

INSTANTIATE_TEST_SUITE_P(
    EventPattern, RefusesBadPatterns,
    ::testing::Values(Refused{"NotJson", "{\"a\":[\"x\"],\n \"b\":[1,}", "2:9: a JSON value should stand here"},
                      Refused{"Truncated", "{\"a\":[\"x\"]", "1:11: the JSON ends where a comma or } should stand"},
                      Refused{"Comment", "{/* x */\"a\":[1]}", "1:2: a name in quotes"},
                      Refused{"TextBehind", "{\"a\":[1]} x", "1:11: text behind the end"},
                      Refused{"LeadingZero", "{\"a\":[01]}", "1:7: a number with a leading zero"},
                      Refused{"LoneSurrogate", "{\"a\":[\"\\ud800\"]}", "1:8: half of a surrogate pair"},
                      Refused{"NotAnObject", "[1]", "1:1: a pattern is a JSON object"},
                      Refused{"EmptyObjectInside", "{\"a\":{\"b\":{}}}", "1:11: an empty object"},
                      Refused{"LeafOutsideAList", "{\"a\":\n  \"x\"}", "2:3: the value of \"a\" has to be a list"},
                      Refused{"ColumnsCountCharacters", "{\"\xc3\xa9\xc3\xa9\":5}", "1:7: the value of"},
                      Refused{"MisspeltOperator", "{\"a\":[{\"prefx\":\"x\"}]}", "1:8: \"prefx\" is no operator; did you mean \"prefix\"?"},
                      Refused{"TwoOperators", "{\"a\":[{\"prefix\":\"x\",\"suffix\":\"y\"}]}", "1:21: an alternative in braces has exactly one operator"},
                      Refused{"Stars", "{\"a\":[{\"wildcard\":\"x**\"}]}", "1:19: two stars in a row"},
                      Refused{"NumericOrder", "{\"a\":[{\"numeric\":[\"<\",5,\">\",1]}]}", "1:25: of two bounds the lower one comes first"},
                      Refused{"NumericThreeParts", "{\"a\":[{\"numeric\":[\">\",5,\"<\"]}]}", "1:18: numeric takes an operator and a number"},
                      Refused{"NumericSameOrder", "{\"a\":[{\"numeric\":[\">\",1,\">\",5]}]}", "1:25: the second bound is the upper one"},
                      Refused{"MixedAnythingBut", "{\"a\":[{\"anything-but\":[\"x\",1]}]}", "1:28: anything-but takes strings or numbers, not both"},
                      Refused{"OneBranch", "{\"$or\":[{\"a\":[1]}]}", "1:8: $or needs at least two objects"},
                      Refused{"ReservedName", "{\"$or\":[{\"a\":{\"prefix\":[\"x\"]}},{\"b\":[3]}]}", "1:15: \"prefix\" cannot be the name of a field inside $or"},
                      Refused{"CidrBits", "{\"a\":[{\"cidr\":\"10.0.0.0/32\"}]}", "1:15: the bits of an IPv4 block are 0 to 31"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(EventPattern, OlderReadingOfOrKnowsLessOfAnythingBut) {
  EXPECT_EQ(error_of(R"({"$or":["x"],"a":[{"anything-but":{"prefix":"y"}}]})"), "valid");
  EXPECT_THAT(error_of(R"({"$or":["x"],"a":[{"anything-but":{"wildcard":"y*"}}]})"), ::testing::HasSubstr("$or takes objects only"));
  EXPECT_THAT(error_of(R"({"$or":["x"],"a":[{"anything-but":{"prefix":["y"]}}]})"), ::testing::HasSubstr("$or takes objects only"));
  EXPECT_EQ(error_of(R"({"$or":["x"],"a":[{"anything-but":{"equals-ignore-case":["y"]}}]})"), "valid");
}

TEST(EventPattern, StrictModeRefusesAPathNamedTwice) {
  const PatternOptions strict{.strict = true};
  EXPECT_THAT(error_of(R"({"a":{"b":[1]},"a.b":[2]})", strict), ::testing::StartsWith("1:16: the field \"a.b\" is named twice"));
  EXPECT_EQ(error_of(R"({"$or":[{"a":[1]},{"a":[2]}]})", strict), "valid");
  EXPECT_THAT(error_of(R"({"a":[1],"$or":[{"a":[2]},{"b":[2]}]})", strict), ::testing::HasSubstr("named twice"));
}

TEST(EventPattern, OrMultipliesToAtMostAThousandCombinations) {
  const std::string ten = R"("$or":[{"a":[0]},{"a":[1]},{"a":[2]},{"a":[3]},{"a":[4]},{"a":[5]},{"a":[6]},{"a":[7]},{"a":[8]},{"a":[9]}])";
  const std::string thousand = "{\"x\":{" + ten + "},\"y\":{" + ten + "},\"z\":{" + ten + "}";
  EXPECT_EQ(pattern(thousand + "}").combinations.size(), 1'000U);
  EXPECT_THAT(error_of(thousand + ",\"$or\":[{\"v\":[1]},{\"w\":[2]}]}"), ::testing::HasSubstr("more than 1,000 combinations"));
}

TEST(EventPattern, HasAtMost256PathsInOneCombination) {
  std::string text = "{";
  for (int i = 0; i < 256; ++i) text += "\"f" + std::to_string(i) + "\":[1],";
  EXPECT_EQ(error_of(text + "\"f0\":[2]}"), "valid");
  EXPECT_THAT(error_of(text + "\"f256\":[1]}"), ::testing::HasSubstr("more than 256 fields"));
}

TEST(EventPattern, IsRefusedWhenItIsLarge) {
  EXPECT_THAT(error_of("{\"a\":[\"" + std::string(1 << 20, 'x') + "\"]}"), ::testing::HasSubstr("more than 1,048,576 bytes"));
  std::string list;
  for (int i = 0; i < 500; ++i) list += std::to_string(i) + ",";
  const std::string branch = "{\"a\":[" + list + "0]},";
  std::string branches;
  for (int i = 0; i < 500; ++i) branches += branch;
  EXPECT_THAT(error_of("{\"$or\":[" + branches + "{\"b\":[1]}]}"), ::testing::HasSubstr("more than 200,000 alternatives"));
}

TEST(EventPattern, CombinationsGoByUtf16Order) {
  // U+FF21 comes before U+1F680 among UTF-8 bytes, and after its surrogates among UTF-16 units.
  const Predicate p = pattern("{\"\xef\xbc\xa1\":[1],\"\xf0\x9f\x9a\x80\":[1],\"a\":[1]}");
  ASSERT_EQ(p.combinations.size(), 1U);
  EXPECT_EQ(p.combinations[0][0].path, "a");
  EXPECT_EQ(p.combinations[0][1].path, "\xf0\x9f\x9a\x80");
}

TEST(EventPattern, ExpressionDoesNotGrowWithTheProduct) {
  const Predicate p = pattern(R"({"c":[3],"$or":[{"a":[1]},{"b":[2]}],"d":{"$or":[{"e":[5]},{"f":[6]}]}})");
  EXPECT_EQ(p.combinations.size(), 4U);
  ASSERT_EQ(p.expression.kind, Expression::Kind::kAll);
  EXPECT_EQ(p.expression.parts.size(), 3U);
}

TEST(EventPattern, AnOuterPathRepeatedInABranchIsReplacedInThatBranchOnly) {
  constexpr auto kPattern = R"({"a":[1],"$or":[{"a":[2]},{"b":[3]}]})";
  EXPECT_TRUE(matches(kPattern, R"({"a":2})"));
  EXPECT_TRUE(matches(kPattern, R"({"a":1,"b":3})"));
  EXPECT_FALSE(matches(kPattern, R"({"a":1})"));
  const auto event = NaiveEvaluator::create(R"({"a":2})");
  EXPECT_TRUE(event->holds(pattern(kPattern).expression, {}));
}

TEST(EventPattern, AFieldNamedByTheEmptyTextIsNotTheTop) {
  EXPECT_TRUE(matches(R"({"":{"a":[1]}})", R"({"":{"a":1}})"));
  EXPECT_TRUE(matches(R"({"":{"a":[1]}})", R"({".a":1})"));
  EXPECT_FALSE(matches(R"({"":{"a":[1]}})", R"({"a":1})"));
}

}  // namespace
}  // namespace trailwarden::rules
