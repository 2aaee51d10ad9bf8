#include "config/section.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace trailwarden::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using namespace std::chrono_literals;

/// A text as `f.yaml`, with what was said of it.
struct Parsed {
  explicit Parsed(std::string_view text) : top(Section::parse(text, "f.yaml", diagnostics)) {}
  std::vector<std::string> lines() const { return diagnostics->lines(); }

  std::shared_ptr<Diagnostics> diagnostics = std::make_shared<Diagnostics>();
  Section top;
};

TEST(Section, GivesDefaultsForWhatIsAbsent) {
  const Parsed parsed("");
  EXPECT_TRUE(parsed.top.present());
  EXPECT_FALSE(parsed.top.section("time").present());
  EXPECT_EQ(parsed.top.section("time").duration("lateness", 15min, 0s, 1h), 15min);
  EXPECT_EQ(parsed.top.integer("shards", 64, 1, 1024), 64);
  EXPECT_EQ(parsed.top.texts("names", {"a"}), std::vector<std::string>{"a"});
  EXPECT_THAT(parsed.top.sections("entries"), IsEmpty());
  EXPECT_THAT(parsed.lines(), IsEmpty());
}

TEST(Section, IsAbsentWithoutAFile) {
  const Section absent;
  EXPECT_FALSE(absent.present());
  EXPECT_FALSE(absent.has("key"));
  EXPECT_THAT(absent.keys(), IsEmpty());
  EXPECT_TRUE(absent.boolean("key", true));
}

TEST(Section, ReadsEveryFormOfValue) {
  const Parsed parsed(
      "yes: true\n"
      "count: -3\n"
      "share: 2.5e-1\n"
      "wait: 2h\n"
      "room: 64KiB\n"
      "name: \"plain \\u00e9\"\n"
      "account: 012345678901\n"
      "order: arrival\n"
      "names: [a, 'b', 7]\n"
      "ports:\n- 22\n- 3389\n"
      "entries:\n  - key: 1\n  - {key: 2}\n");
  static constexpr std::array<std::string_view, 2> kOrders{"event_time", "arrival"};
  const Section& top = parsed.top;
  EXPECT_TRUE(top.boolean("yes", false));
  EXPECT_EQ(top.integer("count", 0, -10, 10), -3);
  EXPECT_EQ(top.number("share", 0, 0, 1), 0.25);
  EXPECT_EQ(top.duration("wait", 0s, 0s, 24h), 2h);
  EXPECT_EQ(top.bytes("room", 0, 0, 1 << 20), 65536U);
  EXPECT_EQ(top.text("name", ""), "plain é");
  EXPECT_EQ(top.text("account", ""), "012345678901");
  EXPECT_EQ(top.choice("order", "event_time", kOrders), "arrival");
  EXPECT_THAT(top.texts("names", {}), ElementsAre("a", "b", "7"));
  EXPECT_THAT(top.integers("ports", {}, 0, 65535), ElementsAre(22, 3389));
  const std::vector<Section> entries = top.sections("entries");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[1].integer("key", 0, 0, 9), 2);
  EXPECT_THAT(parsed.lines(), IsEmpty());
}

TEST(Section, SuggestsTheKeyThatWasMeant) {
  const Parsed parsed("version: 1\ntime:\n  latenes: 5m\n  colour: red\n");
  static constexpr std::array<std::string_view, 2> kKnown{"lateness", "order"};
  parsed.top.section("time").only(kKnown);
  EXPECT_THAT(parsed.lines(), ElementsAre("f.yaml:3:3: unknown key \"latenes\", did you mean \"lateness\"?", "f.yaml:4:3: unknown key \"colour\""));
}

TEST(Section, SaysEverythingInTheOrderOfTheFileAndOnce) {
  const Parsed parsed("a: x\nb: y\n");
  parsed.top.integer("b", 0, 0, 9);
  parsed.top.integer("a", 0, 0, 9);
  parsed.top.integer("b", 0, 0, 9);
  EXPECT_THAT(parsed.lines(), ElementsAre("f.yaml:1:4: a: expected a whole number from 0 to 9, not \"x\"",
                                          "f.yaml:2:4: b: expected a whole number from 0 to 9, not \"y\""));
}

TEST(Section, ReportsAtTheValueTheKeyOrTheSection) {
  const Parsed parsed("a:\n  key: value\n");
  const Section a = parsed.top.section("a");
  a.report("key", "of the value");
  a.report_key("key", "of the key");
  a.report("other", "of the section");
  EXPECT_THAT(parsed.lines(), ElementsAre("f.yaml:2:3: of the key", "f.yaml:2:3: of the section", "f.yaml:2:8: of the value"));
}

/// One wrong value of the key `k`, and where and how it is refused.
struct WrongValue {
  const char* name;
  const char* text;
  void (*read)(const Section&);
  const char* said;
};
void PrintTo(const WrongValue& c, std::ostream* out) { *out << c.text; }

class WrongValues : public ::testing::TestWithParam<WrongValue> {};

TEST_P(WrongValues, AreRefusedAtTheirPlace) {
  const Parsed parsed(GetParam().text);
  GetParam().read(parsed.top);
  EXPECT_THAT(parsed.lines(), ElementsAre(GetParam().said));
}

void read_boolean(const Section& s) { EXPECT_TRUE(s.boolean("k", true)); }
void read_integer(const Section& s) { EXPECT_EQ(s.integer("k", 7, 1, 9), 7); }
void read_number(const Section& s) { EXPECT_EQ(s.number("k", 0.5, 0, 1), 0.5); }
void read_duration(const Section& s) { EXPECT_EQ(s.duration("k", 5min, 1min, 2h), 5min); }
void read_bytes(const Section& s) { EXPECT_EQ(s.bytes("k", 2048, 1024, 4096), 2048U); }
void read_text(const Section& s) { EXPECT_EQ(s.text("k", "x"), "x"); }
void read_choice(const Section& s) {
  static constexpr std::array<std::string_view, 2> kWords{"red", "blue"};
  EXPECT_EQ(s.choice("k", "red", kWords), "red");
}
void read_texts(const Section& s) { EXPECT_THAT(s.texts("k", {"x"}), ElementsAre("x")); }
void read_items(const Section& s) { EXPECT_THAT(s.texts("k", {"x"}), ElementsAre("a")); }
void read_integers(const Section& s) { EXPECT_THAT(s.integers("k", {7}, 0, 9), ElementsAre(1)); }
void read_section(const Section& s) { EXPECT_FALSE(s.section("k").present()); }
void read_sections(const Section& s) { EXPECT_THAT(s.sections("k"), IsEmpty()); }

INSTANTIATE_TEST_SUITE_P(
    Section, WrongValues,
    ::testing::Values(
        WrongValue{"YesForTrue", "k: yes", read_boolean, "f.yaml:1:4: k: expected true or false, not \"yes\""},
        WrongValue{"QuotedTrue", "k: 'true'", read_boolean, "f.yaml:1:4: k: expected true or false, not the text \"true\""},
        WrongValue{"NullForTrue", "k:", read_boolean, "f.yaml:1:1: k: expected true or false"},
        WrongValue{"WordForInteger", "k: many", read_integer, "f.yaml:1:4: k: expected a whole number from 1 to 9, not \"many\""},
        WrongValue{"IntegerTooLarge", "k: 10", read_integer, "f.yaml:1:4: k: expected a whole number from 1 to 9, not \"10\""},
        WrongValue{"IntegerOver64Bits", "k: 18446744073709551617", read_integer,
                   "f.yaml:1:4: k: expected a whole number from 1 to 9, not \"18446744073709551617\""},
        WrongValue{"QuotedInteger", "k: \"3\"", read_integer, "f.yaml:1:4: k: expected a whole number from 1 to 9, not the text \"3\""},
        WrongValue{"FractionForInteger", "k: 3.0", read_integer, "f.yaml:1:4: k: expected a whole number from 1 to 9, not \"3.0\""},
        WrongValue{"NotANumber", "k: nan", read_number, "f.yaml:1:4: k: expected a number from 0 to 1, not \"nan\""},
        WrongValue{"Infinity", "k: inf", read_number, "f.yaml:1:4: k: expected a number from 0 to 1, not \"inf\""},
        WrongValue{"ListForNumber", "k: [1]", read_number, "f.yaml:1:4: k: expected a number"},
        WrongValue{"DurationWithoutUnit", "k: 90", read_duration, "f.yaml:1:4: k: expected a duration with its unit (90s, 15m, 2h, 7d) from 1m to 2h, not \"90\""},
        WrongValue{"DurationOfTwoUnits", "k: 1h30m", read_duration,
                   "f.yaml:1:4: k: expected a duration with its unit (90s, 15m, 2h, 7d) from 1m to 2h, not \"1h30m\""},
        WrongValue{"DurationTooShort", "k: 59s", read_duration, "f.yaml:1:4: k: expected a duration with its unit (90s, 15m, 2h, 7d) from 1m to 2h, not \"59s\""},
        WrongValue{"DurationBelowZero", "k: -5m", read_duration, "f.yaml:1:4: k: expected a duration with its unit (90s, 15m, 2h, 7d) from 1m to 2h, not \"-5m\""},
        WrongValue{"DurationOverflows", "k: 9223372036854775807d", read_duration,
                   "f.yaml:1:4: k: expected a duration with its unit (90s, 15m, 2h, 7d) from 1m to 2h, not \"9223372036854775807d\""},
        WrongValue{"SizeWithoutUnit", "k: 2048", read_bytes,
                   "f.yaml:1:4: k: expected a size with its unit (1000B, 64KiB, 256MiB, 1GiB) from 1KiB to 4KiB, not \"2048\""},
        WrongValue{"SizeInPowersOfTen", "k: 2kB", read_bytes,
                   "f.yaml:1:4: k: expected a size with its unit (1000B, 64KiB, 256MiB, 1GiB) from 1KiB to 4KiB, not \"2kB\""},
        WrongValue{"SizeOverflows", "k: 17179869184GiB", read_bytes,
                   "f.yaml:1:4: k: expected a size with its unit (1000B, 64KiB, 256MiB, 1GiB) from 1KiB to 4KiB, not \"17179869184GiB\""},
        WrongValue{"MappingForText", "k: {a: b}", read_text, "f.yaml:1:4: k: expected a text"},
        WrongValue{"WordNotOffered", "k: green", read_choice, "f.yaml:1:4: k: expected one of red, blue, not \"green\""},
        WrongValue{"TextForList", "k: a", read_texts, "f.yaml:1:4: k: expected a list of texts"},
        WrongValue{"ListInList", "k: [a, [b]]", read_items, "f.yaml:1:8: k: expected a list of texts"},
        WrongValue{"WordAmongIntegers", "k: [1, x]", read_integers, "f.yaml:1:8: k: expected a list of whole numbers from 0 to 9"},
        WrongValue{"TextForSection", "k: a", read_section, "f.yaml:1:4: k: expected `key: value` lines below it"},
        WrongValue{"MappingForEntries", "k: {a: b}", read_sections, "f.yaml:1:4: k: expected a list of `- key: value` entries"},
        WrongValue{"TextAmongEntries", "k:\n- a", read_sections, "f.yaml:2:3: k: expected a list of `- key: value` entries"},
        WrongValue{"ControlCharacters", "k: \"\\e[31m\"", read_integer, "f.yaml:1:4: k: expected a whole number from 1 to 9, not the text \"\\x1b[31m\""}),
    [](const auto& row) { return std::string(row.param.name); });

/// A text that is refused as a whole, or has keys that are, and what is said of it.
struct WrongFile {
  const char* name;
  std::string text;
  const char* said;
};
void PrintTo(const WrongFile& c, std::ostream* out) { *out << c.name; }

class WrongFiles : public ::testing::TestWithParam<WrongFile> {};

TEST_P(WrongFiles, AreRefusedAtTheirPlace) { EXPECT_THAT(Parsed(GetParam().text).lines(), ElementsAre(StartsWith(GetParam().said))); }

std::string repeated(std::string_view unit, std::size_t times) {
  std::string text;
  while (times-- > 0) text += unit;
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    Section, WrongFiles,
    ::testing::Values(
        WrongFile{"DuplicateKey", "a: 1\nb: 2\na: 3\n", "f.yaml:3:1: key \"a\" is written twice"},
        WrongFile{"KeyIsAList", "[a, b]: 1\n", "f.yaml:1:1: a key must be a plain word"},
        WrongFile{"List", "- a\n- b\n", "f.yaml:1:1: expected `key: value` lines at the top"},
        WrongFile{"Word", "hello", "f.yaml:1:1: expected `key: value` lines at the top"},
        WrongFile{"WrongIndentation", "a: 1\n b: 2\n", "f.yaml:2:3: not YAML: illegal map value"},
        WrongFile{"OpenBracket", "a: [1, 2\n", "f.yaml:2:1: not YAML: end of sequence flow not found"},
        WrongFile{"Tab", "a:\n\tb: 1\n", "f.yaml:2:"},
        WrongFile{"Anchor", "a: &x 1\n", "f.yaml:1:4: anchors and aliases (`&name`, `*name`) are not understood here"},
        WrongFile{"Alias", "a: *-logs\n", "f.yaml:1:4: "},
        WrongFile{"SecondDocument", "a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins here"},
        WrongFile{"Utf16", std::string("\xff\xfe" "a\0:\0", 6), "f.yaml:1:1: not UTF-8 text"},
        WrongFile{"Nul", std::string("a: \0", 4), "f.yaml:1:1: not UTF-8 text"},
        WrongFile{"Latin1", "a: caf\xe9\n", "f.yaml:1:1: not UTF-8 text"},
        WrongFile{"Surrogate", "a: \xed\xa0\x80\n", "f.yaml:1:1: not UTF-8 text"},
        WrongFile{"OverlongSlash", "a: \xc0\xaf\n", "f.yaml:1:1: not UTF-8 text"},
        WrongFile{"TooLarge", "a: 1\n" + std::string(std::size_t{1} << 20, '#'), "f.yaml:1:1: larger than 1 MiB"},
        WrongFile{"DeepBrackets", "a: " + repeated("[", 200'000) + repeated("]", 200'000), "f.yaml:1:35: nested deeper than 32 levels"},
        WrongFile{"DeepDashes", repeated("- ", 200'000), "f.yaml:1:65: nested deeper than 32 levels"},
        WrongFile{"DeepQuestions", repeated("? ", 200'000), "f.yaml:1:65: nested deeper than 32 levels"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Section, TakesWhatIsNoNesting) {
  const Parsed parsed("# " + repeated("[ { ", 100) + "\nglobs: ['" + repeated("[{", 100) + "']\na: [[[[1]]]]\nlast: 1\n");
  EXPECT_EQ(parsed.top.integer("last", 0, 0, 9), 1);
  EXPECT_THAT(parsed.lines(), IsEmpty());
}

TEST(Section, TakesAByteOrderMarkAndWindowsLines) {
  const Parsed parsed("\xef\xbb\xbf" "a: 1\r\nb: 2\r\n");
  EXPECT_EQ(parsed.top.integer("a", 0, 0, 9), 1);
  EXPECT_EQ(parsed.top.integer("b", 0, 0, 9), 2);
  EXPECT_THAT(parsed.lines(), IsEmpty());
}

TEST(Section, OutlivesTheOneItCameFrom) {
  Section inner;
  {
    const Parsed parsed("a: {b: {c: 7}}");
    inner = parsed.top.section("a").section("b");
  }
  EXPECT_EQ(inner.integer("c", 0, 0, 9), 7);
}

TEST(Section, FindsDuplicateKeysBelow) {
  const Parsed parsed("a:\n  b: 1\n  b: 2\nlist:\n- c: 1\n  c: 1\n");
  parsed.top.section("a");
  parsed.top.sections("list");
  EXPECT_THAT(parsed.lines(), ElementsAre("f.yaml:3:3: key \"b\" is written twice", "f.yaml:6:3: key \"c\" is written twice"));
}

RC_GTEST_PROP(Section, ReadsTheDurationsAndSizesItWrites, (std::uint32_t number)) {
  const Parsed parsed("wait: " + format_duration(std::chrono::seconds{number}) + "\nroom: " + format_size(number) + "\n");
  RC_ASSERT(parsed.top.duration("wait", 1s, 0s, std::chrono::seconds{UINT32_MAX}) == std::chrono::seconds{number});
  RC_ASSERT(parsed.top.bytes("room", 1, 0, UINT32_MAX) == number);
  RC_ASSERT(parsed.lines().empty());
}

TEST(Section, ReadsTheTextsItWrites) {
  std::string every = "\xC3\xA9 \xF0\x9F\x98\x80 *&!%@`{}[]|>-: #'~ null ";
  for (char c = 1; c < 127; ++c) every += c;
  for (const std::string& text : {every, std::string("\x7f"), std::string()}) {
    const Parsed parsed("a: " + yaml_text(text));
    EXPECT_EQ(parsed.top.text("a", "absent"), text);
    EXPECT_TRUE(parsed.lines().empty());
  }
}

RC_GTEST_PROP(Section, GivesEveryComplaintAPlace, (const std::string& text)) {
  const Parsed parsed(text);
  parsed.top.only({});
  for (const std::string& line : parsed.lines()) RC_ASSERT(line.starts_with("f.yaml:"));
}

}  // namespace
}  // namespace trailwarden::config
