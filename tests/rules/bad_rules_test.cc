// What is wrong with rules is said at its place, and takes nothing else along: `load_rules` over a folder in which one good rule stands beside each kind of bad input.

#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/rule_book.h"
#include "rules/rule_folder.h"
#include "rules/yaml_tree.h"
#include "testing/temp_dir.h"

namespace trailwarden::rules {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using trailwarden::testing::TempDir;

std::string rule(std::string_view id, std::string_view body) {
  return fmt::format(
      "id: {}\ntitle: T\nsentence: S\nseverity: high\n{}\ntests:\n  - {{name: yes, event: {{eventName: X}}, expect: match}}\n  - {{name: no, event: {{eventName: Y}}, expect: nomatch}}\n", id, body);
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

struct BadFile {
  const char* name;
  std::string text;
  const char* says;  // behind the file's name
};
void PrintTo(const BadFile& file, std::ostream* out) { *out << file.name; }

class BadRules : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadRules, AreSaidAtTheirPlaceAndLeftOut) {
  TempDir dir;
  const std::string bad = dir.write("bad.yaml", GetParam().text);
  dir.write("good.yaml", rule("good", "pattern: {eventName: [X]}"));
  const LoadedRules loaded = load_rules({dir.path()});
  EXPECT_THAT(loaded.errors.lines(), ElementsAre(HasSubstr(bad + GetParam().says)));
  ASSERT_THAT(loaded.rules, SizeIs(1));
  EXPECT_EQ(loaded.rules.front().id, "good");
  EXPECT_TRUE(RuleBook::compile(loaded.rules));
}

INSTANTIATE_TEST_SUITE_P(
    Files, BadRules,
    ::testing::Values(
        BadFile{"BrokenYaml", "id: a\n  b: [c\n", ":2:4: not YAML"},
        BadFile{"NotUtf8", "id: a\ntitle: \"\xff\xfe\"\n", ":2:9: not UTF-8 text: save the file as UTF-8"},
        BadFile{"UnknownKey", rule("a", "pattern: {eventName: [X]}\nqiet_for: 1h"), ":6:1: unknown key \"qiet_for\", did you mean \"quiet_for\"?"},
        BadFile{"UnknownOperator", rule("a", "pattern: {eventName: [{prefx: X}]}"), ":5:25: pattern: \"prefx\" is no operator; did you mean \"prefix\"?"},
        BadFile{"WrongType", rule("a", "pattern: {eventName: [X]}\nquiet_for: [1h]"), ":6:12: quiet_for: expected a text, not a list"},
        BadFile{"RecursiveAlias", "a: &x [*x]\n", ":1:8: an alias stands inside the value that it names, which would never end"},
        BadFile{"AliasesOfAliases",
                "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
                ":4:29: its aliases repeat more than 10,000 values: write out what is meant"},
        BadFile{"FileOfTenMegabytes", rule("a", "pattern: {eventName: [\"" + std::string(kMaxYamlBytes, 'x') + "\"]}"), ":1:1: larger than 10.0 MB, the most that a rule file may have: split it"},
        BadFile{"LongPattern", rule("a", "pattern: {eventName: [\"" + std::string(2'000'000, 'x') + "\"]}"), ":5:1: pattern: the pattern has more than 1,048,576 bytes; split it"},
        BadFile{"LongWildcard", rule("a", "pattern: {userAgent: [{wildcard: \"" + repeated("*a", 5'000) + "\"}]}"),
                ":1:1: rule a: field \"userAgent\": a wildcard of 10,000 characters; at most 8,192 are taken: shorten it"},
        BadFile{"RegexWithLookAround", rule("a", "sigma: {detection: {a: {userAgent|re: '(?=a)b'}, condition: a}}"), ":5:39: value: regular expression \"(?=a)b\": invalid perl operator"},
        BadFile{"HugeRegex", rule("a", "sigma: {detection: {a: {userAgent|re: '(\\pL{900})x{1000}(\\w{900})'}, condition: a}}"), ":5:39: value: regular expression"},
        BadFile{"EndlessSequence",
                rule("a", "correlate: {sequence: {within: 5m, steps: [{name: a, pattern: {eventName: [X]}}, {name: b, pattern: {eventName: [Y]}}, {name: c, pattern: {eventName: [Z]}, absent: true}]}}"),
                ":1:1: rule a: a sequence whose last step is absent has two steps"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RuleFolder, OfRulesWithOneIdTheFirstStays) {
  TempDir dir;
  const std::string first = dir.write("a.yaml", rule("same", "pattern: {eventName: [X]}"));
  const std::string second = dir.write("b.yaml", rule("other", "pattern: {eventName: [X]}") + "---\n" + rule("same", "pattern: {eventName: [Y]}"));
  const LoadedRules loaded = load_rules({dir.path()});
  EXPECT_THAT(loaded.errors.lines(), ElementsAre(second + ":10:1: id same: there is a rule of that name in " + first + ":1 already"));
  ASSERT_THAT(loaded.rules, SizeIs(2));
  EXPECT_EQ(loaded.rules.front().file, first);
}

TEST(RuleFolder, WhatCannotBeReadIsAnError) {
  TempDir dir;
  dir.write("good.yaml", rule("good", "pattern: {eventName: [X]}"));
  std::filesystem::create_symlink("/nowhere/rule.yaml", dir.path() + "/dangling.yaml");
  std::filesystem::create_symlink("loop.yaml", dir.path() + "/loop.yaml");
  std::filesystem::create_directory(dir.path() + "/folder.yaml");
  const LoadedRules loaded = load_rules({dir.path(), "/nowhere"});
  EXPECT_THAT(loaded.errors.lines(), ElementsAre("/nowhere:1:1: there is no such file or folder", HasSubstr("dangling.yaml:1:1: cannot be read"), HasSubstr("loop.yaml:1:1: cannot be read")));
  EXPECT_THAT(loaded.rules, SizeIs(1));
}

TEST(RuleFolder, AnEmptyFileIsAnErrorAndAFileOfCommentsIsNot) {
  TempDir dir;
  dir.write("being_written.yaml", "\n");
  dir.write("none.yaml", "# no rules of our own yet\n");
  const LoadedRules loaded = load_rules({dir.path()});
  EXPECT_THAT(loaded.errors.lines(), ElementsAre(HasSubstr("being_written.yaml:1:1: empty")));
}

/// `count` small rules from number `first` on.
std::string small_rules(int first, int count) {
  std::string out;
  for (int i = first; i < first + count; ++i)
    out += fmt::format("---\n{{id: r{}, title: T, sentence: S, severity: low, pattern: {{eventName: [X{}]}}}}\n", i, i);
  return out;
}

TEST(RuleFolder, AHundredThousandRulesOfOneFileLoad) {
  TempDir dir;
  const LoadedRules loaded = load_rules({dir.write("many.yaml", small_rules(0, kMaxRules))});
  EXPECT_THAT(loaded.errors.lines(), IsEmpty());
  EXPECT_THAT(loaded.rules, SizeIs(kMaxRules));
}

TEST(RuleFolder, MoreAreAnError) {
  TempDir dir;
  dir.write("a.yaml", small_rules(0, kMaxRules));
  dir.write("b.yaml", small_rules(kMaxRules, 1));
  EXPECT_THAT(load_rules({dir.path()}).errors.lines(), ElementsAre(dir.path() + ":1:1: 100001 rules, and at most 100000 can be loaded"));
}

TEST(RuleFolder, CatastrophicWildcardsAndRegexesCostLittle) {
  TempDir dir;
  std::string text = rule("regex", "sigma: {detection: {a: {userAgent|re: '(a*)*(a|aa)+$'}, condition: a}}");
  for (int i = 0; i < 200; ++i) text += "---\n" + rule(fmt::format("w{}", i), "pattern: {userAgent: [{wildcard: \"" + repeated(fmt::format("*a{}", i), 100) + "\"}]}");
  const LoadedRules loaded = load_rules({dir.write("wild.yaml", text)});
  EXPECT_THAT(loaded.errors.lines(), IsEmpty());
  const auto book = RuleBook::compile(loaded.rules);
  ASSERT_TRUE(book) << book.error().message;
  EXPECT_LT((*book)->memory_bytes(), 20'000'000U);
  std::string record = R"({"userAgent":")" + std::string(100'000, 'a') + "!\"}";
  const std::size_t size = record.size();
  record.append(event::kPadding, ' ');
  std::vector<std::uint32_t> matches;
  EXPECT_EQ(Matcher((*book)->set()).match(std::string_view(record).substr(0, size), matches), event::Refusal::kNone);
  EXPECT_THAT(matches, IsEmpty());
}

}  // namespace
}  // namespace trailwarden::rules
