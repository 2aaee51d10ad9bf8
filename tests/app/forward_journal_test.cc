#include "app/forward_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "testing/read_file.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using ::testing::HasSubstr;
using testing::TempDir;
using Entry = ForwardJournal::Entry;

class Journal : public ::testing::Test {
 protected:
  /// As a run does at its beginning; `mark` as Kafka has it.
  Result<ForwardJournal> begin(std::optional<std::int64_t> mark, const std::string& cluster = "c", const std::string& topic = "t") {
    auto journal = ForwardJournal::open(path_);
    if (!journal) return journal;
    if (auto settled = journal->settle(cluster, topic, mark); !settled) return fail(std::move(settled).error());
    return journal;
  }

  std::int64_t prepare(ForwardJournal& journal, const std::vector<Entry>& entries) { return journal.prepare(entries).value(); }

  const TempDir dir_;
  const std::string path_ = dir_.path("sent");
};

TEST_F(Journal, KnowsWhatWasCommittedAndForgetsWhatWasNot) {
  std::string id;
  {
    auto journal = begin(std::nullopt).value();
    id = journal.id();
    EXPECT_EQ(prepare(journal, {}), 0);
    ASSERT_TRUE(journal.committed());
    EXPECT_EQ(prepare(journal, {{1, 10}, {2, ForwardJournal::kEnd}}), 2);
    ASSERT_TRUE(journal.committed());
    EXPECT_EQ(prepare(journal, {{1, ForwardJournal::kEnd}, {3, 7}}), 4);  // and killed
  }
  const std::string killed = testing::read_file(path_);
  for (const auto& [mark, of_one, of_three] : {std::tuple{4, ForwardJournal::kEnd, std::uint64_t{7}}, std::tuple{2, std::uint64_t{10}, std::uint64_t{0}}}) {
    dir_.write("sent", killed);
    auto journal = begin(mark).value();
    EXPECT_EQ(journal.id(), id);
    EXPECT_EQ(journal.steps_of(1), of_one);
    EXPECT_EQ(journal.steps_of(2), ForwardJournal::kEnd);
    EXPECT_EQ(journal.steps_of(3), of_three);
    EXPECT_EQ(journal.steps_of(4), 0U);
    EXPECT_EQ(prepare(journal, {{3, 1}}), mark + 1);
  }
}

TEST_F(Journal, CutsOffALineThatWasNotWrittenToItsEnd) {
  { auto journal = begin(std::nullopt).value(), ignored = std::move(journal); }
  std::ofstream(path_, std::ios::app) << "= 0\n+ 0000000000000001 5\n+ 0000000000000002 e";
  auto journal = begin(1).value();
  EXPECT_EQ(journal.steps_of(1), 5U);
  EXPECT_EQ(journal.steps_of(2), 0U);
  EXPECT_EQ(prepare(journal, {{2, 3}}), 2);
  EXPECT_THAT(testing::read_file(path_), HasSubstr("= 0\n+ 0000000000000001 5\n= 1\n+ 0000000000000002 3\n"));
}

TEST_F(Journal, WithoutAMarkItGoesByWhatItKnowsAndElseSaysThatNobodyKnows) {
  {
    auto journal = begin(std::nullopt).value();
    ASSERT_TRUE(journal.committed());
    prepare(journal, {{1, 10}});
    ASSERT_TRUE(journal.committed());
  }
  EXPECT_EQ(begin(std::nullopt).value().steps_of(1), 10U);
  std::ofstream(path_, std::ios::app) << "+ 0000000000000002 5\n";
  const auto refused = begin(std::nullopt);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("nobody knows whether the last 1 lines"));
  std::ofstream(path_, std::ios::app) << "= 2\n";
  EXPECT_EQ(begin(std::nullopt).value().steps_of(2), 5U) << "as the message says";
}

TEST_F(Journal, RefusesWhatDoesNotBelongTogether) {
  {
    auto journal = begin(std::nullopt).value();
    ASSERT_TRUE(journal.committed());
    prepare(journal, {{1, 10}});
    ASSERT_TRUE(journal.committed());
  }
  const std::string text = testing::read_file(path_);
  EXPECT_THAT(begin(1, "other").error().message, HasSubstr("not for t of other"));
  EXPECT_THAT(begin(1, "c", "other").error().message, HasSubstr("not for other of c"));
  EXPECT_THAT(begin(2).error().message, HasSubstr("not the file that was last used"));
  EXPECT_THAT(begin(0).error().message, HasSubstr("not the file that was last used"));
  EXPECT_EQ(testing::read_file(path_), text);
  const auto open = begin(1).value();
  EXPECT_THAT(begin(1).error().message, HasSubstr("another process"));
}

TEST_F(Journal, LeavesOtherFilesAlone) {
  const std::string header = "trailwarden forward 1 0123456789abcdef c t\n";
  for (const std::string& text : {std::string("whatever\n"), std::string("whatever"), std::string("trailwarden forward 2 x\n"), std::string("trailwarden forward 1 0 c t\n"), header + "+ 1 2\n",
                                  header + "+ 0000000000000001 -1\n", header + "= 1\n", header + "\n", header + "+ 0000000000000001 1\n= 1\n= 0\n"}) {
    dir_.write("sent", text);
    const auto refused = begin(std::nullopt);
    ASSERT_FALSE(refused.has_value()) << text;
    EXPECT_EQ(refused.error().code, ErrorCode::kMalformed) << text;
    EXPECT_EQ(testing::read_file(path_), text);
  }
}

TEST_F(Journal, AnOriginIsItsNameAndBytes) {
  EXPECT_EQ(ForwardJournal::key_of("a", 1), ForwardJournal::key_of("a", 1));
  EXPECT_NE(ForwardJournal::key_of("a", 1), ForwardJournal::key_of("a", 2));
  EXPECT_NE(ForwardJournal::key_of("a", 11), ForwardJournal::key_of("1a", 1));
}

}  // namespace
}  // namespace trailwarden::app
