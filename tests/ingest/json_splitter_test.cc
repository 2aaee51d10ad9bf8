#include "ingest/json_splitter.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace trailwarden::ingest {
namespace {

constexpr std::size_t kNotYet = JsonSplitter::kNotYet;

/// The plain reading: brackets outside strings, one byte after the other.
std::size_t slow_end(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::size_t backslashes = 0;
    while (backslashes < i && text[i - 1 - backslashes] == '\\') ++backslashes;
    const char c = text[i];
    if (c == '"' && backslashes % 2 == 0) {
      in_string = !in_string;
      if (!in_string && depth == 0) return i + 1;
    } else if (!in_string) {
      if (c == '{' || c == '[')
        ++depth;
      else if ((c == '}' || c == ']') && depth > 0)
        --depth;
      if (depth == 0) return i + 1;
    }
  }
  return kNotYet;
}

std::string random_text(std::mt19937& random, std::string_view alphabet, std::size_t size) {
  std::string text;
  while (text.size() < size) {
    // Runs, so that backslashes cross the borders of blocks.
    const char c = alphabet[random() % alphabet.size()];
    text.append(random() % 4 == 0 ? random() % 70 : 1, c);
  }
  return text;
}

struct EndCase {
  const char* name;
  const char* text;
  std::size_t end;
};
void PrintTo(const EndCase& c, std::ostream* out) { *out << c.text; }

class ValueEnd : public ::testing::TestWithParam<EndCase> {};

TEST_P(ValueEnd, IsWhereTheBracketsAreInBalance) { EXPECT_EQ(value_end(GetParam().text, 0), GetParam().end); }

INSTANTIATE_TEST_SUITE_P(Table, ValueEnd,
                         ::testing::Values(EndCase{"EmptyObject", R"({} {})", 2},
                                           EndCase{"Nested", R"([{"a":[1]},2],)", 13},
                                           EndCase{"BracketsInStrings", R"({"}]":"[{"}})", 11},
                                           EndCase{"EscapedQuote", R"({"a":"\"}"} )", 11},
                                           EndCase{"EscapedBackslash", R"({"a":"\\"}"})", 10},
                                           EndCase{"String", R"("a\"b" 1)", 6}, EndCase{"Number", R"(-1.5e3,2)", 6},
                                           EndCase{"Word", "true\n", 4}, EndCase{"WordAtTheEnd", "null", 4},
                                           EndCase{"LoneComma", ",1", 1}, EndCase{"Unclosed", R"({"a":[})", kNotYet},
                                           EndCase{"UnclosedString", R"({"a":"})", kNotYet},
                                           EndCase{"Nothing", "", kNotYet}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(JsonSplitter, AgreesWithThePlainReadingWhereverTheTextIsCut) {
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = random_text(random, round % 2 == 0 ? R"({}[]"\ab)" : R"("\{})", random() % 300);
    text.insert(text.begin(), round % 3 == 0 ? '[' : '{');
    if (round % 5 == 0) text.insert(0, 200, '[');  // deep enough for whole blocks without an end
    JsonSplitter splitter;
    std::size_t fed = 0, end = kNotYet;
    while (fed < text.size() && end == kNotYet) {
      const std::string_view piece = std::string_view(text).substr(fed, random() % 150);
      const std::size_t size = splitter.feed(piece);
      if (size != kNotYet) end = fed + size;
      fed += piece.size();
    }
    ASSERT_EQ(end, slow_end(text)) << text;
    ASSERT_EQ(value_end(text, 0), end) << text;
  }
}

}  // namespace
}  // namespace trailwarden::ingest
