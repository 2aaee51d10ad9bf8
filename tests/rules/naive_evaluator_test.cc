#include "rules/naive_evaluator.h"

#include <string>

#include <gtest/gtest.h>

#include "rules/event_pattern.h"
#include "rules/glob.h"

namespace trailwarden::rules {
namespace {

NaiveEvaluator event(std::string_view json) {
  auto created = NaiveEvaluator::create(json);
  return std::move(*created);
}

LeafTest ignoring_case(Glob glob) {
  glob.ignore_case = true;
  return {std::move(glob)};
}

bool text_holds(std::string_view record, std::string path, LeafTest test, std::vector<std::string> decode = {}) {
  return event(record).holds(FieldTest{std::move(path), Reading::kTexts, std::move(test)}, decode);
}

TEST(TextReading, SeesScalarsByTheirText) {
  EXPECT_TRUE(text_holds(R"({"x":"AbC"})", "x", ignoring_case(exact_glob("aBc"))));
  EXPECT_TRUE(text_holds(R"({"x":5.0})", "x", {exact_glob("5.0")}));
  EXPECT_TRUE(text_holds(R"({"x":true})", "x", ignoring_case(exact_glob("TRUE"))));
  EXPECT_FALSE(text_holds(R"({"x":null})", "x", {prefix_glob("")}));
  EXPECT_TRUE(text_holds(R"({"x":""})", "x", {prefix_glob("")}));
  EXPECT_FALSE(text_holds(R"({})", "x", {prefix_glob("")}));
}

TEST(TextReading, SeesContainersByCompactJsonAndWildTestsAlsoWhatIsBelow) {
  constexpr auto kRecord = R"({"p" : {"V": {"S" : "Sus\u0070ended"}, "n":[1.50, "\u00e9\/\n"]}})";
  EXPECT_TRUE(text_holds(kRecord, "p", {contains_glob("\"S\":\"Suspended\"")}));
  EXPECT_TRUE(text_holds(kRecord, "p", {prefix_glob("Susp")}));
  EXPECT_TRUE(text_holds(kRecord, "p", {contains_glob("[1.50,\"\xc3\xa9/\\n\"]")}));
  EXPECT_FALSE(text_holds(kRecord, "p", {exact_glob("Suspended")}));
  EXPECT_TRUE(text_holds(kRecord, "p.V", {exact_glob(R"({"S":"Suspended"})")}));
  EXPECT_TRUE(text_holds(kRecord, "p", {Regex{"^Sus"}}));
  EXPECT_TRUE(text_holds(kRecord, "", {contains_glob("uspend")}));
}

TEST(TextReading, SeesArraysByTheirElements) {
  constexpr auto kRecord = R"({"x":["a",["b"],{"c":"d"},[]],"e":[]})";
  EXPECT_TRUE(text_holds(kRecord, "x", {exact_glob("b")}));
  EXPECT_TRUE(text_holds(kRecord, "x", {exact_glob(R"({"c":"d"})")}));
  EXPECT_FALSE(text_holds(kRecord, "x", {exact_glob("d")}));
  EXPECT_TRUE(text_holds(kRecord, "x", {suffix_glob("d")}));
  EXPECT_TRUE(text_holds(kRecord, "x", {prefix_glob(R"(["a",["b"])")}));
  EXPECT_FALSE(text_holds(kRecord, "x", {exact_glob(R"(["b"])")}));
  EXPECT_FALSE(text_holds(kRecord, "e", {prefix_glob("")}));
  EXPECT_TRUE(text_holds(kRecord, "e", {AnyValue{}}));
  EXPECT_TRUE(text_holds(kRecord, "x.c", {exact_glob("d")}));
}

TEST(TextReading, ATopLevelMemberCalledLikeTheWholePathCountsAlone) {
  EXPECT_TRUE(text_holds(R"({"a":{"b":"in"},"a.b":"flat"})", "a.b", {exact_glob("flat")}));
  EXPECT_FALSE(text_holds(R"({"a":{"b":"in"},"a.b":"flat"})", "a.b", {exact_glob("in")}));
  EXPECT_FALSE(text_holds(R"({"a":{"b.c":"x"}})", "a.b.c", {exact_glob("x")}));
}

TEST(TextReading, NumbersCompareByValueAlsoInStrings) {
  const LeafTest five{NumberRange{5, 5}};
  EXPECT_TRUE(text_holds(R"({"n":5.0})", "n", five));
  EXPECT_TRUE(text_holds(R"({"n":"5e0"})", "n", five));
  EXPECT_FALSE(text_holds(R"({"n":" 5"})", "n", five));
  EXPECT_FALSE(text_holds(R"({"n":{"m":5}})", "n", five));
  EXPECT_TRUE(text_holds(R"({"n":[1,[5]]})", "n", five));
}

TEST(TextReading, ComparesFields) {
  using How = FieldComparison::How;
  const auto holds = [](std::string_view record, How how, bool ignore_case) { return event(record).holds(FieldComparison{how, "a", "b.c", ignore_case}, {}); };
  EXPECT_TRUE(holds(R"({"a":"Bob","b":{"c":"bob"}})", How::kEqual, true));
  EXPECT_FALSE(holds(R"({"a":"Bob","b":{"c":"bob"}})", How::kEqual, false));
  EXPECT_TRUE(holds(R"({"a":["x","user/bob"],"b":[{"c":"eve"},{"c":"bob"}]})", How::kEndsWith, true));
  EXPECT_TRUE(holds(R"({"a":15,"b":{"c":"5"}})", How::kContains, true));
  EXPECT_FALSE(holds(R"({"a":"x"})", How::kContains, true));
}

TEST(Decode, ReadsADocumentInAStringAsIfItStoodThere) {
  constexpr auto kRecord = R"({"r":{"doc":"{\"S\":[{\"E\":\"Allow\",\"A\":\"x\"},{\"E\":\"Deny\",\"A\":\"y\"}]}"}})";
  auto predicate = *parse_event_pattern(R"({"r":{"doc":{"S":{"E":["Allow"],"A":["x"]}}}})");
  EXPECT_FALSE(event(kRecord).matches(predicate));
  predicate.decode = {"r.doc"};
  EXPECT_TRUE(event(kRecord).matches(predicate));
  predicate.combinations[0][0].alternatives = {{exact_glob("y")}};  // Allow and y: of different elements
  EXPECT_FALSE(event(kRecord).matches(predicate));
  EXPECT_TRUE(text_holds(kRecord, "r.doc.S.E", {exact_glob("Deny")}, {"r.doc"}));
  EXPECT_FALSE(text_holds(kRecord, "r.doc", {prefix_glob("{\\")}, {"r.doc"}));
}

TEST(Decode, LeavesAStringThatIsNoDocument) {
  auto predicate = *parse_event_pattern(R"({"doc":[{"prefix":"{"}]})");
  predicate.decode = {"doc"};
  EXPECT_TRUE(event(R"({"doc":"{\"a\":1"})").matches(predicate));
  EXPECT_FALSE(event(R"({"doc":"{\"a\":1}"})").matches(predicate));
  EXPECT_TRUE(event(R"({"doc":["{","{}"]})").matches(predicate));
}

TEST(NaiveEvaluator, RefusesWhatIsNoObject) {
  EXPECT_EQ(NaiveEvaluator::create("[]").error().message, "1:1: an event is a JSON object");
  EXPECT_EQ(NaiveEvaluator::create("{\"a\":1,\n}").error().message, "2:1: a comma before the end; remove it");
}

TEST(NaiveEvaluator, ShowsTheValuesItSaw) {
  const auto record = event(R"({"a":[{"b":1},{"b":"x"}],"c":{"d":null}})");
  EXPECT_EQ(record.values_at("a.b", Reading::kLeaves, {}), (std::vector<std::string>{"1", "\"x\""}));
  EXPECT_EQ(record.values_at("c", Reading::kLeaves, {}), std::vector<std::string>{});
  EXPECT_EQ(record.values_at("c", Reading::kTexts, {}), std::vector<std::string>{R"({"d":null})"});
}

}  // namespace
}  // namespace trailwarden::rules
