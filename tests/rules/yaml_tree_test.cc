#include "rules/yaml_tree.h"

#include <chrono>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::rules {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Kind = YamlNode::Kind;

/// The only document of `text`.
YamlNode parse_one(std::string_view text) {
  auto documents = parse_yaml(text);
  EXPECT_TRUE(documents) << (documents ? "" : documents.error().message);
  if (!documents || documents->size() != 1) return {};
  return std::move(documents->front());
}

std::string error_of(std::string_view text) {
  const auto documents = parse_yaml(text);
  EXPECT_FALSE(documents) << text.substr(0, 200);
  if (documents) return "";
  const auto& [place, message] = documents.error();
  return "f.yml:" + std::to_string(place.line) + ":" + std::to_string(place.column) + ": " + message;
}

struct ScalarCase {
  const char* written;
  Kind kind;
  double number = 0;
};
void PrintTo(const ScalarCase& c, std::ostream* out) { *out << c.written; }

class YamlScalar : public ::testing::TestWithParam<ScalarCase> {};

TEST_P(YamlScalar, HasTheTypeOfTheCoreSchema) {
  const ScalarCase& c = GetParam();
  const YamlNode document = parse_one(std::string("key: ") + c.written + "\n");
  const YamlNode* const value = document.find("key");
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(value->kind, c.kind) << describe(value->kind);
  if (value->is_number()) {
    EXPECT_EQ(value->number, c.number);
    EXPECT_EQ(value->text, c.written) << "the spelling is kept";
  }
}

INSTANTIATE_TEST_SUITE_P(Core, YamlScalar,
                         ::testing::Values(ScalarCase{"", Kind::kNull}, ScalarCase{"~", Kind::kNull}, ScalarCase{"null", Kind::kNull},
                                           ScalarCase{"NULL", Kind::kNull}, ScalarCase{"'null'", Kind::kString}, ScalarCase{"''", Kind::kString},
                                           ScalarCase{"true", Kind::kBoolean}, ScalarCase{"False", Kind::kBoolean}, ScalarCase{"'true'", Kind::kString},
                                           ScalarCase{"\"true\"", Kind::kString}, ScalarCase{"!!str true", Kind::kString}, ScalarCase{"tRUE", Kind::kString},
                                           ScalarCase{"yes", Kind::kString}, ScalarCase{"NO", Kind::kString}, ScalarCase{"on", Kind::kString},
                                           ScalarCase{"0", Kind::kInteger, 0}, ScalarCase{"-17", Kind::kInteger, -17}, ScalarCase{"+5", Kind::kInteger, 5},
                                           ScalarCase{"012345678901", Kind::kInteger, 12345678901}, ScalarCase{"0x1F", Kind::kInteger, 31},
                                           ScalarCase{"0o17", Kind::kInteger, 15}, ScalarCase{"12345678901234567890", Kind::kInteger, 12345678901234567890.0},
                                           ScalarCase{"0o8", Kind::kString}, ScalarCase{"0x", Kind::kString}, ScalarCase{"1_000", Kind::kString},
                                           ScalarCase{"5.0", Kind::kFloat, 5}, ScalarCase{".5", Kind::kFloat, 0.5}, ScalarCase{"5.", Kind::kFloat, 5},
                                           ScalarCase{"-1e3", Kind::kFloat, -1000}, ScalarCase{"1E-2", Kind::kFloat, 0.01},
                                           ScalarCase{"1e999", Kind::kFloat, HUGE_VAL}, ScalarCase{"-1e999", Kind::kFloat, -HUGE_VAL},
                                           ScalarCase{"1e-999", Kind::kFloat, 0}, ScalarCase{"-.inf", Kind::kFloat, -HUGE_VAL}, ScalarCase{".", Kind::kString},
                                           ScalarCase{"1e", Kind::kString}, ScalarCase{"1.2.3", Kind::kString}, ScalarCase{"10.0.0.0/8", Kind::kString},
                                           ScalarCase{"2024-01-01", Kind::kString}, ScalarCase{"e5", Kind::kString}, ScalarCase{"a b", Kind::kString}));

TEST(YamlTree, KeepsOrderAndPlaces) {
  const YamlNode document = parse_one("title: x\ndetection:\n  sel:\n    - eventName: Stop\n      errorCode: null\n    - {a: 1, b: [2, 3]}\n");
  ASSERT_EQ(document.members.size(), 2U);
  EXPECT_EQ(document.members[1].key, "detection");
  EXPECT_EQ(document.members[1].place, (YamlPlace{2, 1}));
  const YamlNode& list = *document.find("detection")->find("sel");
  ASSERT_EQ(list.items.size(), 2U);
  EXPECT_EQ(list.items[0].members[1].key, "errorCode");
  EXPECT_EQ(list.items[0].members[1].place, (YamlPlace{5, 7}));
  EXPECT_EQ(list.items[0].find("eventName")->place, (YamlPlace{4, 18}));
  EXPECT_EQ(list.items[1].find("b")->items[1].place, (YamlPlace{6, 21}));
  EXPECT_EQ(document.find("nothing"), nullptr);
}

TEST(YamlTree, AValueThatIsMissingAtTheEndHasItsPlaceThere) {
  const YamlNode document = parse_one("a:\n- b\n-");
  EXPECT_EQ(document.find("a")->items[1].place, (YamlPlace{3, 2}));
}

TEST(YamlTree, ReadsEveryDocumentThatIsNotEmpty) {
  const auto documents = parse_yaml("a: 1\n---\nb: 2\n---\n---\n- 3\n...\n");
  ASSERT_TRUE(documents);
  ASSERT_EQ(documents->size(), 3U);
  EXPECT_EQ((*documents)[1].find("b")->integer(), 2);
  EXPECT_EQ((*documents)[2].items.size(), 1U);
  for (const char* empty : {"", "\n", "# nothing\n", "---\n", "...\n"}) EXPECT_EQ(parse_yaml(empty)->size(), 0U);
  EXPECT_EQ(parse_yaml("\xef\xbb\xbf"
                       "a: 1\r\nb: |\r\n  text\r\n")
                ->front()
                .find("b")
                ->text,
            "text\n");
}

TEST(YamlTree, IntegersThatFitAreExact) {
  EXPECT_EQ(parse_one("9223372036854775807").integer(), INT64_MAX);
  EXPECT_EQ(parse_one("-9223372036854775808").integer(), INT64_MIN);
  EXPECT_EQ(parse_one("0xff").integer(), 255);
  EXPECT_EQ(parse_one("+7").integer(), 7);
  EXPECT_EQ(parse_one("9223372036854775808").integer(), std::nullopt);
  EXPECT_EQ(parse_one("7.0").integer(), std::nullopt);
  EXPECT_EQ(parse_one("'7'").integer(), std::nullopt);
}

TEST(YamlTree, AliasesAreReplacedByWhatTheyName) {
  const YamlNode document = parse_one("one: &a [x, {y: &b z}]\ntwo: *a\nthree: [*b, *a]\n");
  EXPECT_EQ(document.find("two")->items.size(), 2U);
  EXPECT_EQ(document.find("two")->items[1].find("y")->text, "z");
  EXPECT_EQ(document.find("two")->items[0].place, (YamlPlace{1, 10})) << "the place of what is named";
  EXPECT_EQ(document.find("three")->items[0].text, "z");
  EXPECT_EQ(document.find("three")->items[1].items.size(), 2U);
}

TEST(YamlTree, AnAliasMayNameASiblingThatMovesWhenTheListGrows) {
  std::string text = "- &first {key: value}\n";
  for (int i = 0; i < 100; ++i) text += "- *first\n";
  const YamlNode document = parse_one(text);
  ASSERT_EQ(document.items.size(), 101U);
  for (const YamlNode& item : document.items) EXPECT_EQ(item.find("key")->text, "value");
}

TEST(YamlTree, RefusesWithAPlaceAndWhatToDo) {
  EXPECT_EQ(error_of("a: 1\nb: 2\na: 3\n"), "f.yml:3:1: key \"a\" is written twice");
  EXPECT_EQ(error_of("a:\n  b: 1\n  'b': 2\n"), "f.yml:3:3: key \"b\" is written twice");
  EXPECT_EQ(error_of("a: &x [1, *x]\n"), "f.yml:1:11: an alias stands inside the value that it names, which would never end");
  EXPECT_EQ(error_of("&x {a: {b: *x}}\n"), "f.yml:1:12: an alias stands inside the value that it names, which would never end");
  EXPECT_THAT(error_of("a: *x\n"), StartsWith("f.yml:1:4: not YAML: "));
  EXPECT_THAT(error_of("a: 1\n---\nb: &x 1\n---\nc: *x\n"), StartsWith("f.yml:5:4: not YAML: "));
  EXPECT_THAT(error_of("a: 1\nb: [1, 2\n"), StartsWith("f.yml:3:1: not YAML: "));
  EXPECT_THAT(error_of("a: \"x\nb: c\n"), StartsWith("f.yml:3:1: not YAML: "));
  EXPECT_EQ(error_of("a: 1\n---\n,\n"), "f.yml:3:1: not YAML: nothing can begin with this character");
  EXPECT_THAT(error_of("a: 'x"), StartsWith("f.yml:1:6: not YAML: "));
  EXPECT_EQ(error_of("a: 1\n? [b]\n: 2\n"), "f.yml:2:3: a key must be a plain word; put it in quotes if it has brackets or braces");
  EXPECT_EQ(error_of("a: 1\n~: 2\n"), "f.yml:2:1: a key is missing, or null: write its name, in quotes if it is \"null\" or \"~\"");
  EXPECT_EQ(error_of("x: &k a\n*k : 2\n"), "f.yml:2:1: an alias (`*name`) may not stand for a key: write the key out");
  EXPECT_EQ(error_of("x: {<<: 1}\n"), "f.yml:1:5: merge keys (`<<`) are of YAML 1.1 and not understood here: write the keys out");
  EXPECT_EQ(error_of("x: !!binary aGk=\n"), "f.yml:1:4: tags are not understood here, but for `!!str`: put a text in quotes instead");
  EXPECT_EQ(error_of("x: !thing {a: 1}\n"), "f.yml:1:4: tags are not understood here: remove it");
  EXPECT_EQ(error_of("a: b\nc: caf\xe9\n"), "f.yml:2:7: not UTF-8 text: save the file as UTF-8");
  EXPECT_EQ(error_of(std::string_view("a: b\0c\n", 7)), "f.yml:1:5: not UTF-8 text: save the file as UTF-8");
}

TEST(YamlTree, IsBounded) {
  EXPECT_EQ(error_of(std::string(kMaxYamlBytes + 1, ' ')), "f.yml:1:1: larger than 10.0 MB, the most that a rule file may have: split it");
  EXPECT_EQ(error_of(std::string(65, '[') + std::string(65, ']')), "f.yml:1:65: nested deeper than 64 levels");
  EXPECT_TRUE(parse_yaml(std::string(64, '[') + std::string(64, ']')));
  std::string deep_alias = "a: &a " + std::string(40, '[') + std::string(40, ']') + "\nb: " + std::string(40, '[') + "*a" + std::string(40, ']') + "\n";
  EXPECT_EQ(error_of(deep_alias), "f.yml:2:44: nested deeper than 64 levels");
  std::string many = "[";
  for (int i = 0; i < 1'000'001; ++i) many += "1,";
  EXPECT_EQ(error_of(many + "]"), "f.yml:1:2000000: more than 1,000,000 values in one file: split it");
  std::string anchors;
  for (int i = 0; i <= 1'000; ++i) anchors += "- &a" + std::to_string(i) + " x\n";
  EXPECT_EQ(error_of(anchors), "f.yml:1001:3: more than 1,000 anchors (`&name`)");
}

TEST(YamlTree, RefusesABillionLaughs) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 0; k < 8; ++k) text += ", " + before;
    text += "]\n";
  }
  EXPECT_THAT(error_of(text), HasSubstr("its aliases repeat more than 10,000 values: write out what is meant"));
}

// Texts on which a recursive or backtracking parser would be slow.
TEST(YamlTree, IsNeverSlow) {
  const auto repeat = [](std::string_view part, std::size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += part;
    return out;
  };
  for (const std::string_view part :
       {"[", "{", "- ", "? ", "a: ", "&a ", "*a ", "!", "\"", "'", "%", "\n", " ", "#", "|\n", "---\n", "a", ",", "]", "{a", ": ", "[a:", "!!str ", "\\"}) {
    const std::string text = repeat(part, 100'000);
    const auto start = std::chrono::steady_clock::now();
    (void)parse_yaml(text);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5)) << part;
  }
}

}  // namespace
}  // namespace trailwarden::rules
