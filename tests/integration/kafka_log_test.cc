#include "stream/kafka_log.h"

#include <thread>

#include "integration/kafka_cluster.h"
#include "integration/kafka_fixture.h"

namespace trailwarden::testing {
namespace {

using stream::CommitResult;
using stream::KafkaLogOptions;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using Kind = KafkaLogOptions::StartFrom::Kind;

class KafkaLogTest : public KafkaTest {};

TEST_F(KafkaLogTest, WhatIsAppendedBecomesVisibleWithTheOffsets) {
  make_topic(input_);
  make_topic(output_);
  fill(input_, {"1", "2", "3"});
  Joined a = join(options());
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 3; })) << a.log->trouble();
  EXPECT_THAT(a.member->values, ElementsAre("1", "2", "3"));

  a.log->append(out("x"));
  a.log->append(out("y"));
  EXPECT_THAT(read_all(*a.log, output_), IsEmpty());
  EXPECT_EQ(a.member->commit("v1 checkpoint"), CommitResult::kCommitted);
  EXPECT_THAT(read_all(*a.log, output_), ElementsAre("x", "y"));
  EXPECT_EQ(a.log->counters().commits, 1u);
  a.member->commits_when_revoked = false;
  ASSERT_TRUE(a.log->leave(*a.member).has_value());
  EXPECT_EQ(a.member->times_revoked, 1);

  Joined b = join(options());
  ASSERT_TRUE(b.member->poll_until([&] { return b.member->times_assigned == 1; }));
  const stream::Assigned& assigned = b.member->assignments[{0, 0}];
  EXPECT_EQ(assigned.next_offset, 3);
  EXPECT_EQ(assigned.metadata, "v1 checkpoint");
}

TEST_F(KafkaLogTest, ARewindGivesOneCopy) {
  make_topic(input_);
  make_topic(output_);
  fill(input_, {"1", "2", "3", "4"});
  Joined a = join(options());
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 4; }));
  a.log->append(out("dropped"));
  const auto rewound = a.log->rewind();
  ASSERT_TRUE(rewound.has_value());
  ASSERT_THAT(*rewound, SizeIs(1));
  EXPECT_EQ(rewound->front().next_offset, 0);  // nothing was ever committed: where it began, not -1001

  a.member->values.clear();
  ASSERT_TRUE(a.member->poll().has_value());
  EXPECT_THAT(a.member->values, IsEmpty()) << "not started";
  a.log->start({0, 0});
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 4; }));
  EXPECT_THAT(a.member->values, ElementsAre("1", "2", "3", "4"));
  a.log->append(out("kept"));
  EXPECT_EQ(a.member->commit(), CommitResult::kCommitted);
  EXPECT_THAT(read_all(*a.log, output_), ElementsAre("kept"));
  EXPECT_EQ(a.log->counters().aborts.at("rewound"), 1u);
}

TEST_F(KafkaLogTest, MembersShareAndCommitWhatTheyGiveBack) {
  make_topic(input_, 2);
  make_topic(output_);
  Joined a = join(options("a"));
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->own.size() == 2; }));
  for (int i = 0; i < 20; ++i) fill(input_, {std::to_string(i)}, "key" + std::to_string(i));
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 20; }));
  a.log->append(out("by a"));

  Joined b = join(options("b"));
  ASSERT_TRUE(b.member->poll_until([&] {
    EXPECT_TRUE(a.member->poll(10ms).has_value());
    return a.member->own.size() == 1 && b.member->own.size() == 1;
  }));
  EXPECT_EQ(a.member->when_revoked, CommitResult::kCommitted);
  EXPECT_EQ(a.member->times_lost, 0);
  EXPECT_THAT(read_all(*a.log, output_), ElementsAre("by a"));
  EXPECT_THAT(b.member->values, IsEmpty()) << "everything was committed before";
  EXPECT_EQ(b.member->assignments[*b.member->own.begin()].next_offset, a.member->next[*b.member->own.begin()]);

  ASSERT_TRUE(a.log->leave(*a.member).has_value());
  ASSERT_TRUE(b.member->poll_until([&] { return b.member->own.size() == 2; }));
  EXPECT_THAT(b.member->values, IsEmpty());
}

}  // namespace
}  // namespace trailwarden::testing
