#include "rules/yaml_fields.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/timespan.h"

namespace trailwarden::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

/// A map with what was said of it.
struct Parsed {
  explicit Parsed(std::string_view text) : document(parse_yaml(text).value().front()), fields(document, "the rule", report) {}
  std::vector<std::string> errors() const { return report.errors.lines(); }

  FileReport report{"f.yml", {}, {}};
  YamlNode document;
  YamlFields fields;
};

TEST(YamlFields, GivesNothingForWhatIsAbsentOrNull) {
  const Parsed parsed("a: ~\n");
  EXPECT_FALSE(parsed.fields.has("a"));
  EXPECT_EQ(parsed.fields.text("a"), std::nullopt);
  EXPECT_EQ(parsed.fields.boolean("b"), std::nullopt);
  EXPECT_THAT(parsed.fields.texts("b"), IsEmpty());
  EXPECT_THAT(parsed.fields.items("b"), IsEmpty());
  EXPECT_THAT(parsed.errors(), IsEmpty());
}

TEST(YamlFields, ReadsEveryType) {
  const Parsed parsed("title: 2024\nyes: true\ncount: -3\nshare: 0.5\nspan: 15m\nlevel: high\nnames: [a, 7]\nname: b\n");
  const YamlFields& fields = parsed.fields;
  static constexpr std::array<std::string_view, 2> kLevels{"low", "high"};
  EXPECT_EQ(fields.text("title"), "2024");
  EXPECT_EQ(fields.boolean("yes"), true);
  EXPECT_EQ(fields.integer("count", -5, 5), -3);
  EXPECT_EQ(fields.number("share", 0, 1), 0.5);
  EXPECT_EQ(fields.number("count", -5, 5), -3.0);
  EXPECT_EQ(fields.timespan("span"), 15min);
  EXPECT_EQ(fields.choice("level", kLevels), 1U);
  EXPECT_THAT(fields.texts("names"), ElementsAre("a", "7"));
  EXPECT_THAT(fields.texts("name"), ElementsAre("b"));
  EXPECT_EQ(fields.items("name").size(), 1U);
  EXPECT_THAT(parsed.errors(), IsEmpty());
}

TEST(YamlFields, ReportsEveryErrorAtItsPlace) {
  Parsed parsed("title: [x]\nyes: 'true'\ncount: 9\nshare: much\nspan: 15\nlevel: hgih\nnames: [a, {b: c}]\nsevrity: x\nq: 1\n");
  const YamlFields& fields = parsed.fields;
  static constexpr std::array<std::string_view, 2> kLevels{"low", "high"};
  static constexpr std::array<std::string_view, 8> kKnown{"title", "yes", "count", "share", "span", "level", "names", "severity"};
  EXPECT_EQ(fields.text("title"), std::nullopt);
  EXPECT_EQ(fields.boolean("yes"), std::nullopt);
  EXPECT_EQ(fields.integer("count", -5, 5), std::nullopt);
  EXPECT_EQ(fields.number("share", 0, 1), std::nullopt);
  EXPECT_EQ(fields.timespan("span"), std::nullopt);
  EXPECT_EQ(fields.choice("level", kLevels), std::nullopt);
  EXPECT_THAT(fields.texts("names"), ElementsAre("a"));
  fields.only(kKnown);
  fields.error("elsewhere", "at the map");
  EXPECT_THAT(parsed.errors(),
              ElementsAre("f.yml:1:1: at the map", "f.yml:1:8: title: expected a text, not a list", "f.yml:2:6: yes: expected true or false, not a text",
                          "f.yml:3:8: count: expected a whole number from -5 to 5", "f.yml:4:8: share: expected a number from 0 to 1",
                          "f.yml:5:7: span: expected a time with its unit, as 90s, 15m, 2h, 7d or 4w, not \"15\"",
                          "f.yml:6:8: level: expected one of low, high, not \"hgih\", did you mean \"high\"?",
                          "f.yml:7:12: names: expected a text, or a list of texts, not a map", "f.yml:8:1: unknown key \"sevrity\", did you mean \"severity\"?",
                          "f.yml:9:1: unknown key \"q\""));
}

TEST(YamlFields, SayWhenTheyHaveNoMap) {
  const Parsed parsed("[1, 2]");
  EXPECT_EQ(parsed.fields.text("title"), std::nullopt);
  EXPECT_THAT(parsed.errors(), ElementsAre("f.yml:1:1: the rule: expected `key: value` lines, not a list"));
}

TEST(Timespan, HasAUnit) {
  EXPECT_EQ(parse_timespan("90s"), 90s);
  EXPECT_EQ(parse_timespan("2h"), 2h);
  EXPECT_EQ(parse_timespan("4w"), 28 * 24h);
  EXPECT_EQ(parse_timespan("1M"), 2'629'746s);
  EXPECT_EQ(parse_timespan("1y"), 31'556'952s);
  for (const char* text : {"", "5", "s", "-5s", "0s", "5 s", "5S", "1.5h", "5ms", "99999999999999999999s", "11y"})
    EXPECT_EQ(parse_timespan(text), std::nullopt) << text;
}

}  // namespace
}  // namespace trailwarden::rules
