#include "rules/glob_set.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/hash.h"
#include "rules/glob.h"
#include "rules/naive_evaluator.h"
#include "rules/text_memo.h"

namespace trailwarden::rules {
namespace {

/// The numbers of the globs that accept `text`.
std::vector<std::uint32_t> asked(const GlobSet& set, std::string_view text) {
  std::vector<std::uint32_t> ids;
  set.scan(text, [&ids](std::uint32_t id) { ids.push_back(id); });
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::vector<GlobSet::Entry> entries_of(const std::vector<Glob>& globs) {
  std::vector<GlobSet::Entry> entries;
  for (std::uint32_t i = 0; i < globs.size(); ++i) entries.push_back({&globs[i], i});
  return entries;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(splitmix64(state_++) >> 33) % n; }

 private:
  std::uint64_t state_;
};

std::string random_text(Random& random, std::size_t pieces) {
  static const std::vector<std::string> kPieces{"a", "b", "A", "B", "ab", "\xc3\xa9", "\xc3\x89", "\xc3\x9f", "S", "s", "\xf0\x9f\x9a\x80", "\xe2\x84\xaa", "k"};
  std::string text;
  while (pieces-- > 0) text += kPieces[random.below(kPieces.size())];
  return text;
}

Glob random_glob(Random& random) {
  Glob glob;
  glob.ignore_case = random.below(2) == 0;
  glob.runs.push_back(random_text(random, random.below(4)));
  for (std::size_t gaps = random.below(5); gaps > 0; --gaps) {
    const auto at_least = static_cast<std::uint32_t>(random.below(4) == 0 ? 1 + random.below(2) : 0);
    glob.gaps.push_back({at_least, at_least == 0 || random.below(2) == 0});
    glob.runs.push_back(random_text(random, gaps == 1 ? random.below(3) : 1 + random.below(2)));
  }
  return glob;
}

TEST(GlobSet, AgreesWithEveryGlobByItself) {
  std::size_t accepted = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed * 1'000'003);
    std::vector<Glob> globs;
    for (std::size_t i = 0; i < 12; ++i) globs.push_back(random_glob(random));
    for (const std::size_t max_states : {10'000, 40, 6, 1}) {
      const GlobSet set(entries_of(globs), max_states);
      TextMemo memo;
      for (int i = 0; i < 20; ++i) {
        const std::string text = random_text(random, random.below(9));
        std::vector<std::uint32_t> expected;
        for (std::uint32_t g = 0; g < globs.size(); ++g)
          if (accepts_plainly(globs[g], text)) expected.push_back(g);
        ASSERT_EQ(asked(set, text), expected) << "seed " << seed << ", states " << max_states << ", text " << text;
        for (int again = 0; again < 2; ++again) {
          std::vector<std::uint32_t> remembered;
          memo.scan(text, [&set](std::string_view t, auto&& hit) { set.scan(t, hit); }, [&remembered](std::uint32_t id) { remembered.push_back(id); });
          std::sort(remembered.begin(), remembered.end());
          remembered.erase(std::unique(remembered.begin(), remembered.end()), remembered.end());
          ASSERT_EQ(remembered, expected);
        }
        accepted += expected.size();
      }
    }
  }
  EXPECT_GT(accepted, 5'000U);
}

TEST(GlobMatcher, AgreesWithTheNaiveEvaluator) {
  std::size_t accepted = 0;
  for (std::uint64_t seed = 1; seed <= 60'000; ++seed) {
    Random random(seed * 7'919);
    const Glob glob = random_glob(random);
    const GlobMatcher matcher(glob);
    for (int i = 0; i < 5; ++i) {
      const std::string text = random_text(random, random.below(9));
      ASSERT_EQ(matcher.accepts(text), accepts_plainly(glob, text)) << "seed " << seed << ", text " << text;
      accepted += matcher.accepts(text) ? 1 : 0;
    }
  }
  EXPECT_GT(accepted, 5'000U);
}

TEST(GlobSet, FindsExactTextsOfEverySize) {
  std::vector<Glob> globs;
  for (std::size_t size = 0; size < 140; ++size) {
    globs.push_back(exact_glob(std::string(size, 'k')));
    globs.push_back(exact_glob(std::string(size, 'Z')));
    globs.back().ignore_case = true;
  }
  const GlobSet set(entries_of(globs), 1);
  EXPECT_EQ(set.automata(), 0U);
  for (std::uint32_t size = 1; size < 140; ++size) {
    EXPECT_EQ(asked(set, std::string(size, 'k')), std::vector<std::uint32_t>{2 * size});
    std::string mixed(size, 'z');
    mixed[size / 2] = 'Z';
    EXPECT_EQ(asked(set, mixed), std::vector<std::uint32_t>{2 * size + 1});
    mixed[size - 1] = '@';  // one bit from a letter
    EXPECT_EQ(asked(set, mixed), std::vector<std::uint32_t>{});
  }
  EXPECT_EQ(asked(set, ""), (std::vector<std::uint32_t>{0, 1}));
}

TEST(GlobSet, ManyContainedTextsNeedOneAutomatonOfTheirOwnSize) {
  std::vector<Glob> globs;
  for (int i = 0; i < 500; ++i) globs.push_back(contains_glob("needle-" + std::to_string(i)));
  const GlobSet set(entries_of(globs), 10'000);
  EXPECT_EQ(set.automata(), 1U);
  EXPECT_LT(set.memory_bytes(), 500U * 200);
  EXPECT_EQ(asked(set, "a needle-77 and needle-9"), (std::vector<std::uint32_t>{7, 9, 77}));
}

TEST(GlobSet, GapsInTheMiddleDoNotMultiplyStates) {
  std::vector<Glob> globs;
  for (int i = 0; i < 60; ++i) globs.push_back({.runs = {"", "a" + std::to_string(i), "b" + std::to_string(i), ""}, .gaps = {{.any_more = true}, {.any_more = true}, {.any_more = true}}});
  const GlobSet set(entries_of(globs), 2'000);  // all together they would need more than 2^60
  EXPECT_EQ(set.automata(), 1U);
  EXPECT_EQ(set.always_tried(), 0U);
  EXPECT_EQ(asked(set, "b7 a7 b7 a9 a12 b1"), (std::vector<std::uint32_t>{1, 7}));
}

}  // namespace
}  // namespace trailwarden::rules
