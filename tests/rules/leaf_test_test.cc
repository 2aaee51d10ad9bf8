#include "rules/leaf_test.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "rules/address.h"
#include "rules/decimal.h"
#include "rules/glob.h"
#include "rules/json_value.h"
#include "rules/letter_case.h"
#include "rules/naive_evaluator.h"
#include "rules/regex_program.h"
#include "rules/timestamp_part.h"
#include "rules/utf8.h"

namespace trailwarden::rules {
namespace {

TEST(ComparableNumber, IsWhatADoubleKeeps) {
  EXPECT_EQ(comparable_number("1.0"), 1.0);
  EXPECT_EQ(comparable_number("3.0e2"), 300.0);
  EXPECT_EQ(comparable_number("0.000e99999999999999999999"), 0.0);
  EXPECT_FALSE(std::signbit(*comparable_number("-0.0")));
  EXPECT_EQ(comparable_number("9007199254740992"), 9007199254740992.0);
  EXPECT_EQ(comparable_number("9007199254740993"), std::nullopt);
  EXPECT_EQ(comparable_number("0.30000000000000004"), 0.1 + 0.2);
  EXPECT_EQ(comparable_number("0.300000000000000041"), std::nullopt);
  EXPECT_EQ(comparable_number("1e400"), std::nullopt);
  EXPECT_EQ(comparable_number("-1e-400"), std::nullopt);
  EXPECT_EQ(comparable_number("1e-99999999999999999999"), std::nullopt);
  EXPECT_EQ(comparable_number("1000000000000000000000000"), 1e24);
}

RC_GTEST_PROP(ComparableNumber, EveryPrintedDoubleIsComparable, (double value)) {
  RC_PRE(std::isfinite(value));
  char text[64];
  std::snprintf(text, sizeof text, "%.17g", value);
  if (std::strtod(text, nullptr) != 0) RC_ASSERT(comparable_number(text).value_or(value) == value);
  for (int digits = 1; digits <= 15; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::isnormal(std::strtod(text, nullptr))) RC_ASSERT(comparable_number(text) == std::strtod(text, nullptr));
  }
}

TEST(JsonNumber, FollowsTheGrammar) {
  for (const auto* number : {"0", "-0", "10", "1.5", "1e5", "1E+5", "1.25e-3"}) EXPECT_TRUE(is_json_number(number)) << number;
  for (const auto* other : {"", "-", "01", "1.", ".5", "1e", "1e+", "+1", "1 ", "0x1", "NaN"}) EXPECT_FALSE(is_json_number(other)) << other;
}

TEST(Address, EverySpellingIsOneAddress) {
  EXPECT_EQ(parse_address("::1"), parse_address("0:0:0:0:0:0:0:1"));
  EXPECT_EQ(parse_address("2001:DB8::5"), parse_address("2001:db8:0:0::5"));
  EXPECT_EQ(parse_address("::ffff:a00:1"), parse_address("10.0.0.1"));
  EXPECT_NE(parse_address("a00::1"), parse_address("10.0.0.1"));
  for (const auto* other : {"", "::ffff:10.0.0.1", "10.0.0", "10.0.0.1.", "10.0.0.256", "10.0.0.1 ", "1::2::3", ":1", "fe80::1%eth0", "AWS Internal", "10..0.1", "cafe"})
    EXPECT_FALSE(parse_address(other)) << other;
}

TEST(Address, BlocksAreOfOneFamily) {
  AddressBlock block = *parse_address("10.1.2.3");
  block.bits = 9;
  clear_host_bits(block);
  EXPECT_TRUE(contains(block, *parse_address("10.127.255.255")));
  EXPECT_FALSE(contains(block, *parse_address("10.128.0.0")));
  EXPECT_FALSE(contains(AddressBlock{.v6 = true}, *parse_address("10.0.0.1")));
}

TEST(CaseForms, AreTheFullMappingsOfOneCharacter) {
  EXPECT_EQ(case_forms('k').upper, "K");
  EXPECT_EQ(case_forms('5').upper, "5");
  EXPECT_EQ(case_forms(0xdf).upper, "SS");
  EXPECT_EQ(case_forms(0x212a).lower, "k");
  EXPECT_EQ(case_forms(0x130).lower, "i\xcc\x87");
  EXPECT_EQ(case_forms(0x3a3).lower, "\xcf\x83");
  EXPECT_EQ(case_forms(0x10400).lower, "\xf0\x90\x90\x80");  // Deseret: beyond the plane, so compared exactly
}

Glob glob_of(std::vector<std::string> runs, std::vector<Glob::Gap> gaps, bool ignore_case = false) { return {std::move(runs), std::move(gaps), ignore_case}; }

TEST(Glob, GapsCountCodePoints) {
  const Glob one = glob_of({"a", "c"}, {{.at_least = 1}});
  EXPECT_TRUE(accepts_plainly(one, "abc"));
  EXPECT_TRUE(accepts_plainly(one, "a\xf0\x9f\x9a\x80"
                                   "c"));
  EXPECT_FALSE(accepts_plainly(one, "ac"));
  const Glob two_or_more = glob_of({"", ""}, {{.at_least = 2, .any_more = true}});
  EXPECT_FALSE(accepts_plainly(two_or_more, "\xc3\xa9"));
  EXPECT_TRUE(accepts_plainly(two_or_more, "\xc3\xa9x"));
}

TEST(Glob, CaseFormsMayHaveOtherLengths) {
  Glob glob = exact_glob("stra\xc3\x9f" "e");
  glob.ignore_case = true;
  EXPECT_TRUE(accepts_plainly(glob, "STRASSE"));
  EXPECT_TRUE(accepts_plainly(glob, "Stra\xc3\x9f" "E"));
  EXPECT_FALSE(accepts_plainly(glob, "STRASE"));
}

TEST(TimestampPart, NeedsADate) {
  using Part = TimePart::Part;
  EXPECT_EQ(part_of_timestamp("2026-01-02T03:04:05Z", Part::kHour), 3);
  EXPECT_EQ(part_of_timestamp("2026-01-02 03:04:05.678+01:00", Part::kMinute), 4);
  EXPECT_EQ(part_of_timestamp("2026-01-02", Part::kDay), 2);
  EXPECT_EQ(part_of_timestamp("2026-01-02", Part::kHour), std::nullopt);
  EXPECT_EQ(part_of_timestamp("2021-01-03T00:00:00Z", Part::kWeek), 53);  // of 2020
  EXPECT_EQ(part_of_timestamp("2024-12-30T00:00:00Z", Part::kWeek), 1);   // of 2025
  EXPECT_EQ(part_of_timestamp("2026-01-05T00:00:00Z", Part::kWeek), 2);
  EXPECT_EQ(part_of_timestamp("2023-02-29T00:00:00Z", Part::kYear), std::nullopt);
  EXPECT_EQ(part_of_timestamp("2026-01-02T03:04Z", Part::kYear), std::nullopt);
  EXPECT_EQ(part_of_timestamp("1767323045", Part::kYear), std::nullopt);
}

TEST(RegexProgram, IsFoundAnywhereAndRefusesWhatRe2DoesNotKnow) {
  EXPECT_TRUE(RegexProgram::compile({.pattern = "b+c"}, 1 << 20)->found_in("abbcd"));
  EXPECT_FALSE(RegexProgram::compile({.pattern = "a.c"}, 1 << 20)->found_in("a\nc"));
  EXPECT_TRUE(RegexProgram::compile({.pattern = "a.c", .dot_all = true}, 1 << 20)->found_in("a\nc"));
  EXPECT_TRUE(RegexProgram::compile({.pattern = "^C$", .ignore_case = true, .multi_line = true}, 1 << 20)->found_in("a\nc\nd"));
  const auto look_behind = RegexProgram::compile({.pattern = "(?<=a)b"}, 1 << 20);
  ASSERT_FALSE(look_behind);
  EXPECT_EQ(look_behind.error().code, ErrorCode::kMalformed);
  const auto large = RegexProgram::compile({.pattern = "((a{1,100}){1,10}){1,50}"}, 1 << 16);
  ASSERT_FALSE(large);
}

TEST(Utf8, RefusesWhatIsNotWellFormed) {
  for (const auto* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82"})
    EXPECT_EQ(utf8_length(bad), 0U);
  EXPECT_EQ(utf8_length("\xf4\x8f\xbf\xbf"), 4U);
  EXPECT_EQ(utf8_decode("\xe2\x82\xac"), U'\u20ac');
}

TEST(JsonValue, KeepsRepeatsAndSpellings) {
  const auto value = parse_json(R"( {"a" : 1.0, "a":[ "\u00e9\ud83d\ude80" , 1e400 , {} , [ ] ], "\n":null } )");
  ASSERT_TRUE(value);
  EXPECT_EQ(compact_json(*value), "{\"a\":1.0,\"a\":[\"\xc3\xa9\xf0\x9f\x9a\x80\",1e400,{},[]],\"\\n\":null}");
}

TEST(JsonValue, HasAtMost64Levels) {
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(parse_json(std::string(65, '[') + std::string(65, ']')));
}

}  // namespace
}  // namespace trailwarden::rules
