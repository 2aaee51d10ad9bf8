#include "rules/sigma_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

Glob glob(std::vector<std::string> runs, std::vector<Glob::Gap> gaps) { return {.runs = std::move(runs), .gaps = std::move(gaps)}; }

constexpr Glob::Gap kStar{0, true}, kOne{1, false};

TEST(SigmaText, HasLiveWildcardsAndEscapes) {
  EXPECT_EQ(parse_sigma_text("abc"), glob({"abc"}, {}));
  EXPECT_EQ(parse_sigma_text(""), glob({""}, {}));
  EXPECT_EQ(parse_sigma_text("a*"), glob({"a", ""}, {kStar}));
  EXPECT_EQ(parse_sigma_text("*a?b"), glob({"", "a", "b"}, {kStar, kOne}));
  EXPECT_EQ(parse_sigma_text(R"(\*\?\\)"), glob({R"(*?\)"}, {}));
  EXPECT_EQ(parse_sigma_text(R"(\\*)"), glob({R"(\)", ""}, {kStar}));
  EXPECT_EQ(parse_sigma_text(R"(\\\*)"), glob({R"(\*)"}, {}));
  EXPECT_EQ(parse_sigma_text(R"(C:\Windows\)"), glob({R"(C:\Windows\)"}, {}));
}

TEST(SigmaText, NeighbouringWildcardsAreOneGap) {
  EXPECT_EQ(parse_sigma_text("a**b"), parse_sigma_text("a*b"));
  EXPECT_EQ(parse_sigma_text("a?*?b"), glob({"a", "b"}, {{2, true}}));
  EXPECT_EQ(parse_sigma_text("??"), glob({"", ""}, {{2, false}}));
}

TEST(SigmaText, OpensWhereItIsNotOpenYet) {
  Glob text = parse_sigma_text("a");
  open_front(text);
  open_back(text);
  EXPECT_EQ(text, parse_sigma_text("*a*"));
  open_front(text);
  open_back(text);
  EXPECT_EQ(text, parse_sigma_text("*a*"));
  Glob one = parse_sigma_text("?a");
  open_front(one);
  EXPECT_EQ(one, glob({"", "a"}, {{1, true}}));
  Glob empty = parse_sigma_text("");
  open_front(empty);
  open_back(empty);
  EXPECT_EQ(empty, parse_sigma_text("*"));
}

TEST(SigmaText, Concatenates) {
  EXPECT_EQ(concatenate(parse_sigma_text("a*"), parse_sigma_text("*b")), parse_sigma_text("a*b"));
  EXPECT_EQ(concatenate(parse_sigma_text("a"), parse_sigma_text("b?")), parse_sigma_text("ab?"));
  EXPECT_EQ(concatenate(parse_sigma_text("*"), parse_sigma_text("*")), parse_sigma_text("*"));
}

TEST(SigmaText, Base64HasTheVectorsOfRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

// Whatever stands around the bytes, one of the three is in the Base64 of the whole, for every length.
TEST(SigmaText, OneOfThreeOffsetsIsAlwaysThere) {
  for (std::size_t length = 2; length <= 9; ++length) {
    const std::string bytes = std::string("x/bin/sh!").substr(0, length);
    const auto needles = base64_offsets(bytes);
    ASSERT_THAT(needles, SizeIs(3));
    for (std::size_t before = 0; before < 6; ++before) {
      for (std::size_t behind = 0; behind < 6; ++behind) {
        const std::string whole = base64(std::string(before, '\xa7') + bytes + std::string(behind, '\x5b'));
        EXPECT_NE(whole.find(needles[before % 3]), whole.npos) << length << " " << before << " " << behind;
        EXPECT_FALSE(needles[before % 3].empty());
      }
    }
  }
  EXPECT_THAT(base64_offsets("/bin/sh"), ElementsAre("L2Jpbi9za", "9iaW4vc2", "vYmluL3No"));
}

TEST(SigmaText, Utf16HasBothOrdersAMarkAndSurrogates) {
  using namespace std::string_literals;
  EXPECT_EQ(to_utf16("ab", Utf16::kLittleEndian), "a\0b\0"s);
  EXPECT_EQ(to_utf16("ab", Utf16::kBigEndian), "\0a\0b"s);
  EXPECT_EQ(to_utf16("a", Utf16::kMarked),
            "\xff\xfe"s
            "a\0"s);
  EXPECT_EQ(to_utf16("\u20ac", Utf16::kLittleEndian), "\xac\x20"s);
  EXPECT_EQ(to_utf16("\U0001f511", Utf16::kBigEndian), "\xd8\x3d\xdd\x11"s);
  EXPECT_EQ(to_utf16("", Utf16::kMarked), "\xff\xfe"s);
}

TEST(SigmaText, DashesThatBeginAWordHaveFiveForms) {
  EXPECT_THAT(dash_variants(parse_sigma_text("-f"), 100), ElementsAre(parse_sigma_text("-f"), parse_sigma_text("/f"), parse_sigma_text("\u2013f"),
                                                                      parse_sigma_text("\u2014f"), parse_sigma_text("\u2015f")));
  EXPECT_THAT(dash_variants(parse_sigma_text("x-f"), 100), ElementsAre(parse_sigma_text("x-f"))) << "inside a word";
  EXPECT_THAT(dash_variants(parse_sigma_text("- f"), 100), ElementsAre(parse_sigma_text("- f"))) << "before no word";
  EXPECT_THAT(dash_variants(parse_sigma_text("f -"), 100), ElementsAre(parse_sigma_text("f -")));
  EXPECT_THAT(dash_variants(parse_sigma_text("--f"), 100), SizeIs(5)) << "the second one only";
  EXPECT_THAT(dash_variants(parse_sigma_text("-param-name"), 100), SizeIs(5));
  EXPECT_THAT(dash_variants(parse_sigma_text("* -a /b"), 100), SizeIs(25));
  EXPECT_THAT(dash_variants(parse_sigma_text("\u00e9-a"), 100), SizeIs(1)) << "a letter with an accent is one of a word";
  EXPECT_THAT(dash_variants(parse_sigma_text("-\u00e9"), 100), SizeIs(5));
  EXPECT_GT(dash_variants(parse_sigma_text("-a -a -a -a -a -a -a -a -a -a -a -a"), 100).size(), 100U) << "too many, and no more than that";
}

}  // namespace
}  // namespace trailwarden::rules
