#include "rules/sigma_condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// As a text with every parenthesis.
std::string written(const SigmaCondition& condition) {
  using Kind = SigmaCondition::Kind;
  const auto joined = [&](const char* word) {
    std::string out = "(";
    for (const SigmaCondition& part : condition.parts) out += (out.size() > 1 ? word : "") + written(part);
    return out + ")";
  };
  switch (condition.kind) {
    case Kind::kName: return condition.name;
    case Kind::kAnyOf: return "any[" + condition.name + "]";
    case Kind::kAllOf: return "all[" + condition.name + "]";
    case Kind::kAnd: return joined(" & ");
    case Kind::kOr: return joined(" | ");
    case Kind::kNot: return "!" + written(condition.parts.front());
  }
  return "";
}

std::string parsed(std::string_view text) {
  const auto condition = parse_sigma_condition(text);
  return condition ? written(*condition) : "error: " + condition.error().message;
}

TEST(SigmaCondition, BindsNotThenAndThenOr) {
  EXPECT_EQ(parsed("a"), "a");
  EXPECT_EQ(parsed("a or b and c"), "(a | (b & c))");
  EXPECT_EQ(parsed("not a and b"), "(!a & b)");
  EXPECT_EQ(parsed("not not a"), "!!a");
  EXPECT_EQ(parsed("not (a or b) and c"), "(!(a | b) & c)");
  EXPECT_EQ(parsed("a and b and c"), "(a & b & c)");
  EXPECT_EQ(parsed("((a))"), "a");
  EXPECT_EQ(parsed("(a)and(b)"), "(a & b)");
  EXPECT_EQ(parsed(" a\n  and\tb "), "(a & b)");
}

TEST(SigmaCondition, HasQuantifiers) {
  EXPECT_EQ(parsed("1 of sel_*"), "any[sel_*]");
  EXPECT_EQ(parsed("any of them"), "any[*]");
  EXPECT_EQ(parsed("all of them and not 1 of filter_*"), "(all[*] & !any[filter_*])");
  EXPECT_EQ(parsed("ALL OF THEM OR NOT a"), "(all[*] | !a)") << "keywords in any case";
  EXPECT_EQ(parsed("all of selection"), "all[selection]");
  EXPECT_EQ(parsed("all and them and 1"), "(all & them & 1)") << "names, where no `of` follows";
}

TEST(SigmaCondition, RefusesWithAPlace) {
  EXPECT_EQ(parsed(""), "error: is empty: name a selection");
  EXPECT_EQ(parsed("a b"), "error: \"b\" is left over: is an `and` or `or` missing before it? (at character 3)");
  EXPECT_EQ(parsed("a and"), "error: something is missing (at the end)");
  EXPECT_EQ(parsed("a and or b"), "error: a selection is missing before \"or\" (at character 7)");
  EXPECT_EQ(parsed("not"), "error: something is missing (at the end)");
  EXPECT_EQ(parsed("(a or b"), "error: a closing parenthesis is missing (at the end)");
  EXPECT_EQ(parsed("a)"), "error: \")\" is left over: is an `and` or `or` missing before it? (at character 2)");
  EXPECT_EQ(parsed("()"), "error: a selection is missing before \")\" (at character 2)");
  EXPECT_EQ(parsed("sel_*"), "error: \"sel_*\" has a star: write `1 of sel_*` or `all of sel_*` (at character 1)");
  EXPECT_EQ(parsed("2 of them"), "error: \"2 of\": only 1, any and all are known (at character 1)");
  EXPECT_EQ(parsed("1 of"), "error: behind `of` comes `them`, or a name with a star (at the end)");
  EXPECT_EQ(parsed("1 of (a)"), "error: behind `of` comes `them`, or a name with a star (at character 6)");
  EXPECT_EQ(parsed("of them"), "error: a selection is missing before \"of\" (at character 1)");
}

TEST(SigmaCondition, IsBounded) {
  std::string deep;
  for (int i = 0; i < 65; ++i) deep += "(";
  EXPECT_EQ(parsed(deep + "a" + std::string(65, ')')), "error: nests deeper than 64 levels (at character 66)");
  std::string negations;
  for (int i = 0; i < 100; ++i) negations += "not ";
  EXPECT_EQ(parsed(negations + "a").substr(0, 33), "error: nests deeper than 64 level");
  std::string long_one = "a";
  for (int i = 0; i < 6'000; ++i) long_one += " or a";
  EXPECT_EQ(parsed(long_one), "error: has more than 10,000 words");
}

TEST(SigmaCondition, PatternsCoverHiddenNamesOnlyIfTheyBeginSo) {
  const std::vector<std::string_view> names{"sel_a", "sel_b", "_sel", "other"};
  EXPECT_THAT(names_covered("sel_*", names), ElementsAre("sel_a", "sel_b"));
  EXPECT_THAT(names_covered("*", names), ElementsAre("sel_a", "sel_b", "other"));
  EXPECT_THAT(names_covered("*sel*", names), ElementsAre("sel_a", "sel_b"));
  EXPECT_THAT(names_covered("_*", names), ElementsAre("_sel"));
  EXPECT_THAT(names_covered("other", names), ElementsAre("other"));
  EXPECT_THAT(names_covered("SEL_*", names), IsEmpty());
}

}  // namespace
}  // namespace trailwarden::rules
