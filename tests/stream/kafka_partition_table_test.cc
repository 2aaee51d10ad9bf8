#include "stream/kafka_partition_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::stream::kafka {
namespace {

constexpr PartitionId kFirst{0, 0}, kSecond{0, 1};

std::vector<Assigned> both() { return {{.partition = kFirst, .next_offset = 5}, {.partition = kSecond, .next_offset = std::nullopt}}; }

TEST(PartitionTable, NothingFlowsBeforeItIsStarted) {
  PartitionTable table;
  table.assign(both());
  EXPECT_THAT(table.ids(), ::testing::ElementsAre(kFirst, kSecond));
  EXPECT_FALSE(table.flows(kFirst));
  table.start(kFirst);
  EXPECT_TRUE(table.flows(kFirst));
  EXPECT_FALSE(table.flows({1, 0}));
}

TEST(PartitionTable, IsPausedOnceOnly) {
  PartitionTable table;
  table.assign(both());
  EXPECT_FALSE(table.stop(kFirst)) << "it is paused already";
  table.start(kFirst);
  EXPECT_TRUE(table.stop(kFirst));
  EXPECT_FALSE(table.stop(kFirst));
  EXPECT_FALSE(table.stop({1, 0}));
}

TEST(PartitionTable, AnAssignmentForgetsTheOneBefore) {
  PartitionTable table;
  table.assign(both());
  table.start(kFirst);
  table.reached_end(kFirst, 9);
  table.assign(both());
  EXPECT_FALSE(table.flows(kFirst));
  EXPECT_EQ(table.end(kFirst), std::nullopt);
  table.start(kFirst);
  table.assign({});
  EXPECT_FALSE(table.holds(kFirst));
}

TEST(PartitionTable, KnowsItsEndWhileItIsThere) {
  PartitionTable table;
  table.assign(both());
  table.reached_end(kFirst, 7);
  EXPECT_EQ(table.end(kFirst), 7);
  table.moved(kFirst);
  EXPECT_EQ(table.end(kFirst), std::nullopt);
}

TEST(PartitionTableDeathTest, StartingTwiceOrWithoutAnOffsetIsAMistake) {
  PartitionTable table;
  table.assign(both());
  table.start(kFirst);
  EXPECT_DEATH(table.start(kFirst), "started once after each assignment");
  EXPECT_DEATH(table.start(kSecond), "a partition with an offset");
  EXPECT_DEATH(table.start({1, 0}), "only what is assigned");
}

}  // namespace
}  // namespace trailwarden::stream::kafka
