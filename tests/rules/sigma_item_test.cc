#include "rules/sigma_item.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/sigma_testing.h"

namespace trailwarden::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What tests/data/sigma-cases.jsonl holds is not repeated here.

struct MatchCase {
  const char* name;
  const char* item;
  const char* event;
  bool matches;
};
void PrintTo(const MatchCase& c, std::ostream* out) { *out << c.item << " on " << c.event; }

class SigmaItem : public ::testing::TestWithParam<MatchCase> {};

TEST_P(SigmaItem, MatchesAsTheTableSays) { EXPECT_EQ(one_item(GetParam().item).matches(GetParam().event), GetParam().matches); }

INSTANTIATE_TEST_SUITE_P(
    Values, SigmaItem,
    ::testing::Values(
        MatchCase{"StarAcceptsLineEnds", "x: 'a*b'", R"({"x":"a\n\nb"})", true}, MatchCase{"QuestionMarkIsACharacter", "x: 'a?b'", R"({"x":"a€b"})", true},
        MatchCase{"QuestionMarkIsOneCharacter", "x: 'a?b'", R"({"x":"aééb"})", false}, MatchCase{"CaseBeyondAscii", "x: ÄRGER", R"({"x":"ärger"})", true},
        MatchCase{"CasedBeyondAscii", "x|cased: ÄRGER", R"({"x":"ärger"})", false}, MatchCase{"EmptyListIsNull", "x: []", R"({})", true},
        MatchCase{"EmptyListIsNotEmptyText", "x: []", R"({"x":""})", false}, MatchCase{"NullInsideAnArray", "a.x: null", R"({"a":[{"x":null},{"x":1}]})", true},
        MatchCase{"NullOfAnObject", "x: null", R"({"x":{"y":1}})", false}, MatchCase{"StarAcceptsAnObject", "x: '*'", R"({"x":{}})", true},
        MatchCase{"ExactTextOfAnObject", R"(x: '{"a":1,"b":[true]}')", R"({"x":{ "a": 1, "b": [true] }})", true},
        MatchCase{"ExactTextNotOfAnArray", "x: '[1]'", R"({"x":[1]})", false}, MatchCase{"WildTextOfAnArray", "x: '[1*'", R"({"x":[1,2]})", true},
        MatchCase{"ArraysOfArrays", "x: b", R"({"x":[["a"],["b"]]})", true}, MatchCase{"FlatKeyWinsEvenIfItFails", "a.b: 1", R"({"a.b":2,"a":{"b":1}})", false},
        MatchCase{"BracketsAreNames", "'a[0]': 1", R"({"a[0]":1})", true}));

INSTANTIATE_TEST_SUITE_P(
    Numbers, SigmaItem,
    ::testing::Values(MatchCase{"EqualInOtherSpelling", "n: 1000", R"({"n":1e3})", true},
                      MatchCase{"TextOfANumberInOtherSpelling", "n: '1000'", R"({"n":1e3})", false},
                      MatchCase{"StringWithFraction", "n: 5", R"({"n":"5.0"})", true}, MatchCase{"StringWithMore", "n: 5", R"({"n":"5 "})", false},
                      MatchCase{"NotABoolean", "n: 1", R"({"n":true})", false},
                      MatchCase{"AccountWithLeadingZero", "a: 012345678901", R"({"a":"012345678901"})", true},
                      MatchCase{"AccountWithoutQuotes", "a: 123456789012", R"({"a":"123456789012"})", true},
                      MatchCase{"MoreDigitsThanBinary64", "n: 12345678901234567890", R"({"n":12345678901234567891})", false},
                      MatchCase{"SameSpellingOfMany", "n: 12345678901234567890", R"({"n":"12345678901234567890"})", true},
                      MatchCase{"Infinity", "n: .inf", R"({"n":".INF"})", true}, MatchCase{"ContainsOnANumber", "n|contains: 44", R"({"n":1443})", true},
                      MatchCase{"StartsWithKeepsTheSpelling", "n|startswith: 1.50", R"({"n":"1.50 GB"})", true},
                      MatchCase{"ContainsOnABoolean", "b|contains: true", R"({"b":true})", true}, MatchCase{"BetweenOneSide", "n|gt: 5", R"({"n":5})", false},
                      MatchCase{"GreaterThanInAnArray", "n|gt: 5", R"({"n":[1,9]})", true}, MatchCase{"LessThanANegative", "n|lt: -1.5", R"({"n":-2})", true},
                      MatchCase{"CompareFailsOnAbsence", "n|lt: 5", R"({})", false}, MatchCase{"CompareFailsOnEmptyText", "n|lt: 5", R"({"n":""})", false},
                      MatchCase{"AllBounds", "n|gte|all: [5, 7]", R"({"n":6})", false}, MatchCase{"NeqOfANumber", "n|neq: 5", R"({"n":"5"})", false}));

INSTANTIATE_TEST_SUITE_P(
    Modifiers, SigmaItem,
    ::testing::Values(
        MatchCase{"CasedBehindContains", "x|contains|cased: Bar", R"({"x":"fooBarbaz"})", true},
        MatchCase{"CasedBeforeContains", "x|cased|contains: Bar", R"({"x":"foobarbaz"})", false},
        MatchCase{"StarsAreNotDoubled", "x|contains: '*a*'", R"({"x":"a"})", true},
        MatchCase{"StartsWithAndEndsWithAreContains", "x|startswith|endswith: b", R"({"x":"abc"})", true},
        MatchCase{"ContainsNothing", "x|contains: ''", R"({"x":"abc"})", true}, MatchCase{"ContainsNothingNeedsAValue", "x|contains: ''", R"({})", false},
        MatchCase{"EndsWithABackslash", R"(x|endswith: '\')", R"({"x":"a\\"})", true},
        MatchCase{"NeqOfAll", "x|contains|all|neq: [a, b]", R"({"x":"a"})", true},
        MatchCase{"NeqOfAllThatHold", "x|contains|all|neq: [a, b]", R"({"x":"ab"})", false}, MatchCase{"NeqOfNull", "x|neq: null", R"({"x":"a"})", true},
        MatchCase{"NeqOfNullOnAbsence", "x|neq: null", R"({})", false}, MatchCase{"ReFindsInLeavesOfObjects", "x|re: '^b$'", R"({"x":{"y":["a","b"]}})", true},
        MatchCase{"ReOnTheTextOfAnObject", R"(x|re: '"y":\[')", R"({"x":{"y":["a"]}})", true}, MatchCase{"ReOfANumber", "x|re: 5", R"({"x":"a5b"})", true},
        MatchCase{"ReWithAllFlags", "x|re|i|m|s: '^b.C$'", R"({"x":"a\nB\nc\nd"})", true},
        MatchCase{"ReFlagsByLongName", "x|re|ignorecase|multiline|dotall: '^b.C$'", R"({"x":"a\nB\nc\nd"})", true},
        MatchCase{"ReInAList", "x|re: ['^a', 'b$']", R"({"x":"xb"})", true}, MatchCase{"ReAll", "x|re|all: ['^a', 'b$']", R"({"x":"xb"})", false},
        MatchCase{"ReWithStartsWith", "x|re|startswith: 'a|b'", R"({"x":"cb"})", false},
        MatchCase{"ReWithEndsWith", "x|re|endswith: 'a|b'", R"({"x":"cb"})", true}, MatchCase{"ReWithContains", "x|re|contains: 'a|b'", R"({"x":"cbd"})", true},
        MatchCase{"ReNeq", "x|re|neq: '^a'", R"({"x":"ba"})", true}, MatchCase{"CidrWithoutBits", "x|cidr: 10.1.2.3", R"({"x":"10.1.2.3"})", true},
        MatchCase{"CidrList", "x|cidr: [10.0.0.0/8, '2001:db8::/32']", R"({"x":"2001:db8:1::1"})", true},
        MatchCase{"CidrOfEverything", "x|cidr: 0.0.0.0/0", R"({"x":"203.0.113.9"})", true},
        MatchCase{"CidrNeq", "x|cidr|neq: 10.0.0.0/8", R"({"x":"ec2.amazonaws.com"})", true}));

INSTANTIATE_TEST_SUITE_P(References, SigmaItem,
                         ::testing::Values(MatchCase{"Cased", "a|fieldref|cased: b", R"({"a":"Bob","b":"bob"})", false},
                                           MatchCase{"StartsWith", "a|fieldref|startswith: b", R"({"a":"bobby","b":"bob"})", true},
                                           MatchCase{"Contains", "a|fieldref|contains: b", R"({"a":"a bob b","b":"BOB"})", true},
                                           MatchCase{"NotTheOtherWayRound", "a|fieldref|contains: b", R"({"a":"bob","b":"a bob b"})", false},
                                           MatchCase{"AnyOfAList", "a|fieldref: [b, c]", R"({"a":"x","b":"y","c":"x"})", true},
                                           MatchCase{"AllOfAList", "a|fieldref|all: [b, c]", R"({"a":"x","b":"y","c":"x"})", false},
                                           MatchCase{"Neq", "a|fieldref|neq: b", R"({"a":"x","b":"y"})", true},
                                           MatchCase{"NeqOnAbsence", "a|fieldref|neq: b", R"({"a":"x"})", true}));

INSTANTIATE_TEST_SUITE_P(Encodings, SigmaItem,
                         ::testing::Values(MatchCase{"WideBase64", "x|wide|base64: foo", R"({"x":"ZgBvAG8A"})", true},
                                           MatchCase{"Utf16leBase64", "x|utf16le|base64: foo", R"({"x":"ZgBvAG8A"})", true},
                                           MatchCase{"Utf16beBase64", "x|utf16be|base64: foo", R"({"x":"AGYAbwBv"})", true},
                                           MatchCase{"Utf16Base64", "x|utf16|base64: foo", R"({"x":"//5mAG8AbwA="})", true},
                                           MatchCase{"WideOffset", "x|wide|base64offset|contains: ping", R"({"x":"AABwAGkAbgBnAA=="})", true},
                                           MatchCase{"Base64OfEscapedStar", R"(x|base64: 'a\*b')", R"({"x":"YSpi"})", true},
                                           MatchCase{"Base64OfANumber", "x|base64: 123", R"({"x":"MTIz"})", true},
                                           MatchCase{"WideAlone", "x|wide|contains: ab", R"({"x":"..a\u0000b\u0000.."})", true},
                                           MatchCase{"AllOffsetsAreAlternatives", "x|base64offset|contains|all: [foo, bar]", R"({"x":"Zm9v YmFy"})", true},
                                           MatchCase{"AllNeedsBoth", "x|base64offset|contains|all: [foo, bar]", R"({"x":"Zm9v"})", false},
                                           MatchCase{"WindashBehindContains", "x|contains|windash: ' /f '", R"({"x":"cmd —f x"})", true},
                                           MatchCase{"WindashKeepsWildcards", "x|windash: '* -f*'", R"({"x":"cmd /foo"})", true}));

INSTANTIATE_TEST_SUITE_P(Times, SigmaItem,
                         ::testing::Values(MatchCase{"Minute", "t|minute: 4", R"({"t":"2026-01-02T03:04:05Z"})", true},
                                           MatchCase{"Day", "t|day: 2", R"({"t":"2026-01-02T03:04:05Z"})", true},
                                           MatchCase{"IsoWeekOfTheOldYear", "t|week: 53", R"({"t":"2027-01-01T00:00:00Z"})", true},
                                           MatchCase{"Month", "t|month: 1", R"({"t":"2026-01-02T03:04:05Z"})", true},
                                           MatchCase{"Year", "t|year: 2026", R"({"t":"2026-01-02T03:04:05Z"})", true},
                                           MatchCase{"AnyHour", "t|hour: [2, 3]", R"({"t":"2026-01-02T03:04:05Z"})", true},
                                           MatchCase{"NotAtNight", "t|hour|neq: [2, 3]", R"({"t":"2026-01-02T03:04:05Z"})", false},
                                           MatchCase{"NoTimestamp", "t|hour: 3", R"({"t":"soon"})", false}));

INSTANTIATE_TEST_SUITE_P(Keywords, SigmaItem,
                         ::testing::Values(MatchCase{"InAName", "'': userName", R"({"a":{"userName":1}})", true},
                                           MatchCase{"ByRegex", "'|re': '^root$'", R"({"a":["x","root"]})", true},
                                           MatchCase{"Cased", "'|cased': ROOT", R"({"a":"root"})", false},
                                           MatchCase{"ANumber", "'': [443]", R"({"a":4430})", true}, MatchCase{"ABoolean", "'': true", R"({"a":[true]})", true},
                                           MatchCase{"AllInDifferentPlaces", "'|all': [one, two]", R"({"a":"one","b":["two"]})", true},
                                           MatchCase{"Negated", "'|neq': evil", R"({"a":"good"})", true},
                                           MatchCase{"Wildcards", "'': 'a*z'", R"({"k":"xxabczxx"})", true},
                                           MatchCase{"AtTheStartOfALeaf", "'|startswith': arn", R"({"k":"arn:aws"})", true},
                                           MatchCase{"NotInsideALeaf", "'|startswith': aws", R"({"k":"arn:aws"})", false},
                                           MatchCase{"Encoded", "'|base64offset': /bin/sh", R"({"k":"eeeeeHgvYmluL3NoIC1p"})", true}));

TEST(SigmaPlaceholders, StandForAnyOfTheirValues) {
  const RuleReading settings{{{"admins", {"alice", "bob*"}}, {"dc", {"a.b", "c+"}}}};
  EXPECT_TRUE(one_item("x|expand: '%admins%'", settings).matches(R"({"x":"ALICE"})"));
  EXPECT_TRUE(one_item("x|expand: '%admins%'", settings).matches(R"({"x":"bobby"})")) << "wildcards in values are live";
  EXPECT_FALSE(one_item("x|expand: '%admins%'", settings).matches(R"({"x":"%admins%"})"));
  EXPECT_TRUE(one_item("x|contains|expand: 'user/%admins%/'", settings).matches(R"({"x":"a/user/alice/b"})"));
  EXPECT_TRUE(one_item("x|expand|contains: '%admins%-%admins%'", settings).matches(R"({"x":"alice-bobx-"})"));
  EXPECT_TRUE(one_item(R"(x|expand: '100\%')", settings).matches(R"({"x":"100%"})"));
  EXPECT_TRUE(one_item(R"(x|expand: '\%admins\%')", settings).matches(R"({"x":"%admins%"})"));
  EXPECT_TRUE(one_item("x|expand: '50% of 100%'", settings).matches(R"({"x":"50% of 100%"})")) << "no name between them";
  EXPECT_TRUE(one_item("x: '%admins%'", settings).matches(R"({"x":"%admins%"})")) << "not without the modifier";
  EXPECT_TRUE(one_item("x|re|expand: '^%dc%$'", settings).matches(R"({"x":"a.b"})"));
  EXPECT_FALSE(one_item("x|re|expand: '^%dc%$'", settings).matches(R"({"x":"axb"})")) << "in a regular expression values stand for themselves";
  EXPECT_EQ(one_item("x|expand: '%admin%'", settings).error(),
            "d:2:13: expand: there are no values for the placeholder %admin%, did you mean \"admins\"?: give some, or leave the rule out");
  EXPECT_EQ(one_item("x|expand: '%nobody%'").error(), "d:2:13: expand: there are no values for the placeholder %nobody%: give some, or leave the rule out");
}

struct ErrorCase {
  const char* name;
  const char* item;
  const char* error;  // behind "d:2:"
};
void PrintTo(const ErrorCase& c, std::ostream* out) { *out << c.item; }

class SigmaItemError : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(SigmaItemError, SaysWhereAndWhatToDo) { EXPECT_EQ(one_item(GetParam().item).error(), std::string("d:2:") + GetParam().error); }

INSTANTIATE_TEST_SUITE_P(
    All, SigmaItemError,
    ::testing::Values(
        ErrorCase{"Unknown", "x|contians: a", "3: unknown modifier \"contians\", did you mean \"contains\"?"},
        ErrorCase{"Empty", "'x|': a", "3: unknown modifier \"\""},
        ErrorCase{"InOtherCase", "x|Contains: a", "3: unknown modifier \"Contains\", did you mean \"contains\"?"},
        ErrorCase{"ReBehindAnother", "x|contains|re: a",
                  "18: re: must be the first modifier, right behind the field: it reads the value as it is written, so `contains` cannot come before it"},
        ErrorCase{"ReBehindAll", "x|all|re: a",
                  "3: re: must be the first modifier, right behind the field: it reads the value as it is written, so `all` cannot come before it"},
        ErrorCase{"CidrBehindAnother", "x|cased|cidr: 10.0.0.0/8",
                  "17: cidr: must be the first modifier, right behind the field: it reads the value as it is written, so `cased` cannot come before it"},
        ErrorCase{"BadRegex", "x|re: 'a('", "9: value: regular expression \"a(\": missing ): a(; it is read as RE2 (no look-around, no back references)"},
        ErrorCase{"FlagWithoutRe", "x|i: a", "8: i: is a flag of regular expressions and has to stand behind `re`"},
        ErrorCase{"FlagBeforeRe", "x|i|re: a", "11: i: is a flag of regular expressions and has to stand behind `re`"},
        ErrorCase{"CasedRe", "x|re|cased: a", "15: cased: has no meaning here: only texts have a case (a regular expression is case-sensitive already)"},
        ErrorCase{"Base64OfRe", "x|re|base64: a", "16: base64: does not go with the modifier before it: it needs a text"},
        ErrorCase{"CidrIsNoAddress", "x|cidr: ten/8", "11: cidr: \"ten/8\" is no address block, as 10.0.0.0/8 or 2001:db8::/32"},
        ErrorCase{"CidrIsANumber", "x|cidr: 10", "11: cidr: expected an address block, as 10.0.0.0/8"},
        ErrorCase{"CidrBits", "x|cidr: 10.0.0.0/33", "11: cidr: \"10.0.0.0/33\": the number behind the slash must be from 0 to 32"},
        ErrorCase{"CidrSixBits", "x|cidr: 2001:db8::/129", "11: cidr: \"2001:db8::/129\": the number behind the slash must be from 0 to 128"},
        ErrorCase{"CidrHostBits", "x|cidr: 10.1.2.3/8", "11: cidr: \"10.1.2.3/8\" has bits set behind the network: write 10.0.0.0/8"},
        ErrorCase{"CidrSixHostBits", "x|cidr: 2001:db8::1/32", "11: cidr: \"2001:db8::1/32\" has bits set behind the network: write 2001:db8::/32"},
        ErrorCase{"CidrWithStar", "x|cidr: 10.0.*", "11: cidr: \"10.0.*\" is no address block, as 10.0.0.0/8 or 2001:db8::/32"},
        ErrorCase{"ExistsOfAText", "x|exists: 'true'", "13: exists: expected true or false, without quotes"},
        ErrorCase{"ExistsTwice", "x|exists: [true, false]", "3: exists: takes one value, true or false"},
        ErrorCase{"ExistsWithNeq", "x|exists|neq: true", "3: exists: goes with no other modifier"},
        ErrorCase{"ExistsBehindAll", "x|all|exists: true", "3: exists: goes with no other modifier"},
        ErrorCase{"ExistsWithoutField", "'|exists': true", "3: exists: needs a field"},
        ErrorCase{"CompareText", "x|gt: 'five'", "9: gt: expected a number, without quotes and before any other modifier"},
        ErrorCase{"CompareQuoted", "x|lte: '5'", "10: lte: expected a number, without quotes and before any other modifier"},
        ErrorCase{"CompareManyDigits", "x|lt: 12345678901234567890", "9: lt: this number has more digits than can be compared"},
        ErrorCase{"CompareKeyword", "'|gt': 5", "3: gt: needs a field"},
        ErrorCase{"RefToANumber", "x|fieldref: 5", "15: fieldref: expected the name of a field, before any other modifier"},
        ErrorCase{"RefWithStar", "x|fieldref: 'a*'", "15: fieldref: expected the name of one field, without wildcards"},
        ErrorCase{"RefBehindContains", "x|contains|fieldref: a", "24: fieldref: expected the name of a field, before any other modifier"},
        ErrorCase{"RefKeyword", "'|fieldref': a", "3: fieldref: needs a field"},
        ErrorCase{"Base64OfRef", "x|fieldref|base64: a", "22: base64: does not go with the modifier before it: it needs a text"},
        ErrorCase{"Base64OfStar", "x|base64: 'a*'",
                  "13: base64: a value with wildcards cannot be encoded: escape them (`\\*`), and write `contains` behind this modifier"},
        ErrorCase{"Base64BehindContains", "x|contains|base64offset: ab",
                  "28: base64offset: a value with wildcards cannot be encoded: escape them (`\\*`), and write `contains` behind this modifier"},
        ErrorCase{"OffsetTooShort", "x|base64offset|contains: a",
                  "28: base64offset: the value is too short: nothing of it is certain in Base64; it needs two bytes"},
        ErrorCase{"WideOfStar", "x|wide: 'a?'",
                  "11: wide: a value with wildcards cannot be encoded: escape them (`\\*`), and write `contains` behind this modifier"},
        ErrorCase{"WideThatIsNoText", "x|utf16: a", "12: value: UTF-16 that is no text by itself: put `base64` or `base64offset` behind it"},
        ErrorCase{"ContainsOfNull", "x|contains: null", "15: contains: needs a text, not null; for absence write the field without this modifier"},
        ErrorCase{"ContainsOfExists", "x|gt|contains: 5", "18: contains: does not go with the modifier before it: it needs a text"},
        ErrorCase{"HourOutOfRange", "x|hour: 24", "11: hour: expected a whole number from 0 to 23, without quotes"},
        ErrorCase{"HourWithFraction", "x|hour: 1.5", "11: hour: expected a whole number from 0 to 23, without quotes"},
        ErrorCase{"WeekAsText", "x|week: '3'", "11: week: expected a whole number from 1 to 53, without quotes"},
        ErrorCase{"TimeKeyword", "'|hour': 3", "3: hour: needs a field"}, ErrorCase{"NullKeyword", "'': null", "7: value: null is no keyword"},
        ErrorCase{"CidrKeyword", "'|cidr': 10.0.0.0/8", "12: value: a keyword list has texts and regular expressions only: name a field"},
        ErrorCase{"MapAsValue", "x: {y: 1}", "6: a map cannot be a value: name the field below with a dot, as `requestParameters.bucketName: ...`"},
        ErrorCase{"ListInAList", "x: [a, [b]]", "10: a list inside a list of values: make it one list"},
        ErrorCase{"TooManyDashes", "x|windash: '-a -a -a -a -a -a'",
                  "14: windash: makes more than 1,000 variants of one value: write out those that are meant"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SigmaItem, LookAroundIsNamedAsWhatIsNotUnderstood) {
  EXPECT_THAT(one_item("x|re: '(?=a)b'").error(), ::testing::StartsWith("d:2:9: value: regular expression "));
  EXPECT_THAT(one_item("x|re: '(a)\\1'").error(), ::testing::StartsWith("d:2:9: value: regular expression "));
  EXPECT_THAT(one_item("x|re: '((a{100}){100}){100}'").error(), ::testing::StartsWith("d:2:9: value: regular expression "));
}

TEST(SigmaItem, WarnsOfAnAllThatSaysNothing) {
  EXPECT_THAT(one_item("x|contains|all: a").warnings(), ElementsAre("d:2:19: all: there is only one value, so that it says nothing"));
  EXPECT_THAT(one_item("x|contains|all: [a]").warnings(), ElementsAre("d:2:20: all: there is only one value, so that it says nothing"));
  EXPECT_THAT(one_item("x|contains|all: [a, b]").warnings(), IsEmpty());
}

TEST(SigmaItem, TooManyPlaceholderValuesAreRefused) {
  RuleReading settings;
  for (int i = 0; i < 40; ++i) settings.placeholders["many"].push_back("v" + std::to_string(i));
  EXPECT_TRUE(one_item("x|expand: '%many%'", settings).matches(R"({"x":"v39"})"));
  EXPECT_EQ(one_item("x|expand: '%many%-%many%'", settings).error(),
            "d:2:13: expand: makes more than 1,000 variants of one value: write out those that are meant");
}

}  // namespace
}  // namespace trailwarden::rules
