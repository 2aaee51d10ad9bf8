#include "rules/rule_file.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/record_fields.h"
#include "rules/rule_book.h"
#include "rules/sentence.h"

namespace trailwarden::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kHead = "id: a.b\ntitle: T\nsentence: S\nseverity: high\n";
constexpr std::string_view kTests =
    "tests:\n  - {name: yes, event: {eventName: X}, expect: match}\n  - {name: no, event: {eventName: Y}, expect: nomatch}\n";

struct Read {
  std::vector<Rule> rules;
  FileReport report{"f.yaml", {}, {}};
};

Read read(const std::string& text) {
  Read out;
  out.rules = read_rule_file(text, out.report);
  return out;
}

std::vector<std::string> errors_of(const std::string& body) { return read(std::string(kHead) + body + std::string(kTests)).report.errors.lines(); }

TEST(RuleFile, ReadsEveryPart) {
  const Read file = read(
      "id: aws.iam.key\ntitle: A key\nsentence: \"{principal} made a key for {requestParameters.userName|somebody}.\"\nseverity: high\nrefused: none\nstatus: experimental\n"
      "behaviour: B043\nattack: [T1098.001]\ncis: [\"4.4\"]\nfalse_positives: [tools]\nreferences: [https://example.org]\nwhen: any\n"
      "pattern: {eventName: [CreateAccessKey]}\nunless: [{userIdentity: {type: [AWSService]}}]\nwhere: [{field: requestParameters.userName, is_not: userIdentity.userName}]\n"
      "decode: [requestParameters.policyDocument]\nentity: requestParameters.userName\nquiet_for: 0s\nenrich: [sourceIPAddress]\nparameters: {calls: 10, window: 5m}\n"
      "correlate: {count: {at_least: $calls, within: $window, by: [principal]}}\n" +
      std::string(kTests));
  ASSERT_THAT(file.report.errors.lines(), IsEmpty());
  ASSERT_EQ(file.rules.size(), 1U);
  const Rule& rule = file.rules.front();
  EXPECT_EQ(rule.refused, std::nullopt);
  EXPECT_FALSE(rule.is_enabled) << "experimental";
  EXPECT_EQ(rule.when, When::kAny);
  EXPECT_EQ(rule.unless.size(), 1U);
  EXPECT_EQ(rule.quiet_for.count(), 0);
  EXPECT_EQ(rule.correlation->at_least, (Quantity{10, "calls"}));
  EXPECT_EQ(rule.correlation->within, (Quantity{300, "window"}));
  EXPECT_THAT(rule.correlation->by, ElementsAre("principal_id"));
  EXPECT_THAT(rule.parameters, ElementsAre("calls", "window"));
  EXPECT_EQ(rule.tests.size(), 2U);
}

TEST(RuleFile, SaysWhereAndWhat) {
  EXPECT_THAT(errors_of("patern: {eventName: [X]}\n"), ElementsAre(HasSubstr("f.yaml:1:1: a rule needs `pattern` or `sigma`"), HasSubstr("f.yaml:5:1: unknown key \"patern\", did you mean \"pattern\"?")));
  EXPECT_THAT(errors_of("pattern:\n  eventName:\n    - {prefx: X}\n"), ElementsAre(::testing::AllOf(HasSubstr("f.yaml:7:"), HasSubstr("prefx"))));
  EXPECT_THAT(errors_of("pattern: '{\"eventName\": \"X\"}'\n"), ElementsAre(HasSubstr("f.yaml:5:10: pattern: in its text, 1:")));
  EXPECT_THAT(errors_of("pattern: {eventName: [X]}\nattack: [T15]\n"), ElementsAre(HasSubstr("attack: \"T15\" is no technique")));
  EXPECT_THAT(errors_of("pattern: {eventName: [X]}\nquiet_for: 5\n"), ElementsAre(HasSubstr("f.yaml:6:12: quiet_for: expected a time with its unit")));
  EXPECT_THAT(errors_of("pattern: {eventName: [X]}\nwhere: [{field: a}]\n"), ElementsAre(HasSubstr("f.yaml:6:9: where: expected")));
  EXPECT_THAT(errors_of("pattern: {eventName: [X]}\ncorrelate: {count: {at_least: $n, within: 5m}}\n"), ElementsAre(HasSubstr("there is no parameter \"n\"")));
  EXPECT_THAT(errors_of("correlate: {sequence: {within: 5m, steps: [{name: a, pattern: {eventName: [X]}}, {name: b, pattern: {eventName: [Y]}, join: {p: c.q}}]}}\n"),
              ElementsAre(HasSubstr("STEP is the name of a step before this one")));
  EXPECT_THAT(read("id: a\n- b\n").report.errors.lines(), ElementsAre(HasSubstr("f.yaml:2:")));
}

TEST(RuleFile, ARuleThatIsWrongDoesNotTakeTheOthersAlong) {
  const std::string good = std::string(kHead) + "pattern: {eventName: [X]}\n" + std::string(kTests);
  const Read file = read(good + "---\n" + std::string(kHead) + "pattern: {}\n" + std::string(kTests) + "---\n" + good);
  EXPECT_EQ(file.rules.size(), 2U);
  EXPECT_EQ(file.report.errors.lines().size(), 1U);
}

TEST(RuleFile, WhatItAsksForMakesItsHashAndNothingElse) {
  const auto hash = [](const std::string& body) { return read(std::string(kHead) + body + std::string(kTests)).rules.at(0).hash; };
  const std::uint64_t hash_of_x = hash("pattern: {eventName: [X]}\n");
  EXPECT_EQ(hash("pattern: {eventName: [X]}\nfalse_positives: [words]\n"), hash_of_x);
  EXPECT_EQ(hash("# a remark\n\npattern:\n  eventName:\n    - X\n"), hash_of_x) << "wherever it stands, and however it is set";
  EXPECT_EQ(hash("behaviour: B1\npattern:\n  eventName:\n    - X\n"), hash_of_x) << "another place, and another layout";
  EXPECT_NE(hash("pattern: {eventName: [Z]}\n"), hash_of_x);
  EXPECT_NE(hash("pattern: {eventName: [X]}\nunless: [{eventName: [Q]}]\n"), hash_of_x);
}

TEST(RuleBook, RefusesASequenceThatEndsInAnAbsenceBehindTwoSteps) {
  const Read file = read(std::string(kHead) +
                         "correlate:\n  sequence:\n    within: 5m\n    steps:\n      - {name: a, pattern: {eventName: [X]}}\n      - {name: b, pattern: {eventName: [Y]}}\n"
                         "      - {name: c, pattern: {eventName: [Z]}, absent: true}\n" +
                         std::string(kTests));
  ASSERT_THAT(file.report.errors.lines(), IsEmpty());
  const auto book = RuleBook::compile(file.rules);
  ASSERT_FALSE(book);
  EXPECT_THAT(book.error().message, HasSubstr("f.yaml:1: rule a.b: a sequence whose last step is absent has two steps"));
}

TEST(Sentence, FillsFieldsAndSaysWhatIsMissing) {
  const auto sentence = Sentence::parse("{{x}} {a} {b|nothing} {c}");
  ASSERT_TRUE(sentence);
  EXPECT_EQ(sentence->fill([](std::string_view field) { return field == "a" ? std::optional<std::string>("A") : std::nullopt; }), "{x} A nothing (no c)");
  EXPECT_FALSE(Sentence::parse("{a"));
  EXPECT_FALSE(Sentence::parse("a}"));
  EXPECT_FALSE(Sentence::parse("{}"));
}

TEST(RecordFields, FollowsPathsThroughListsAndDocuments) {
  event::CloudTrailEvent event;
  event.raw = R"({"a":[{"b":"x"},{"b":["y","x"]}],"p":"{\"Statement\":[{\"Effect\":\"Allow\"}]}","n":7,"o":{"k":true},"z":null})";
  event.event_source = "ec2.amazonaws.com";
  const std::vector<std::string> decode{"p"};
  const RecordFields fields(event, decode);
  EXPECT_EQ(fields.text("a.b"), "x");
  std::vector<std::string> texts;
  fields.texts(RecordField("a.b"), texts);
  EXPECT_THAT(texts, ElementsAre("x", "y"));
  EXPECT_EQ(fields.text("p.Statement.Effect"), "Allow");
  EXPECT_EQ(fields.text("n"), "7");
  EXPECT_EQ(fields.text("o"), R"({"k":true})");
  EXPECT_EQ(fields.text("z"), std::nullopt);
  EXPECT_EQ(fields.text("service"), "ec2");
}

/// Without documents in strings a path is looked for in the JSON text; with them in what was parsed. Both find the same.
TEST(RecordFields, FindsTheSameWithAndWithoutParsing) {
  event::CloudTrailEvent event;
  event.raw = R"( { "a" : [ { "b" : "x" } , [ { "b\u002ec" : 1e2 } ] , "y" , null , { "b" : [ "q\"" , true , [] ] , "b" : "twice" } ] , "a.b" : { "c" : 3 } , "\u0061" : { "b" : { "k" : [ 1 , { } ] , "c" : null } } } )";
  event.dotted_keys = event.duplicate_keys = 1;
  const std::vector<std::string> none, some{"elsewhere"};
  const RecordFields plain(event, none), parsed(event, some);
  std::vector<std::string> texts, expected;
  for (const char* path : {"a", "a.b", "a.b.c", "a.b.k", "b", "a.", "", ".", "c"}) {
    plain.texts(RecordField(path), texts);
    parsed.texts(RecordField(path), expected);
    EXPECT_EQ(texts, expected) << path;
    EXPECT_EQ(plain.text(path), parsed.text(path)) << path;
  }
  plain.texts(RecordField("a.b"), texts);
  EXPECT_THAT(texts, ElementsAre("x", "q\"", "true", "twice", R"({"c":3})", R"({"k":[1,{}],"c":null})"));
  plain.texts(RecordField("a.b.c"), texts);
  EXPECT_THAT(texts, ElementsAre("1e2", "3"));
}

}  // namespace
}  // namespace trailwarden::rules
