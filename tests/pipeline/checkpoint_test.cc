#include "pipeline/checkpoint.h"

#include <gtest/gtest.h>

#include "pipeline/ledger.h"
#include "pipeline/snapshot.h"

namespace trailwarden::pipeline {
namespace {

Timestamp at(std::int64_t seconds) { return Timestamp{std::chrono::seconds{seconds}}; }

TEST(Checkpoint, IsReadAsItWasWritten) {
  const Checkpoint checkpoint{.config = "0123456789abcdef", .begin = 5, .snapshots = {120, 60}, .ticks_since = 60, .ticks = {{60, at(-7)}, {130, at(1'700'000'000)}}, .accepted_until = 70, .skipped = {131, 140}, .brought = 60};
  const auto again = parse_checkpoint(to_metadata(checkpoint));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(*again, checkpoint);
  const Checkpoint bare{.config = "x"};
  EXPECT_EQ(*parse_checkpoint(to_metadata(bare)), bare);
}

TEST(Checkpoint, AStateThatWasBroughtInLeavesNothingOlder) {
  Checkpoint checkpoint{.config = "c", .begin = 3, .snapshots = {60, 40}, .ticks_since = 40, .ticks = {{50, at(1)}, {70, at(2)}}};
  checkpoint.bring(70);
  EXPECT_EQ(checkpoint.snapshots, (std::vector<std::int64_t>{70}));
  EXPECT_EQ(checkpoint.ticks, (std::vector<AppliedTick>{{70, at(2)}}));
  EXPECT_EQ(*parse_checkpoint(to_metadata(checkpoint)), checkpoint);
  checkpoint.add_snapshot(80);
  EXPECT_EQ(checkpoint.brought, 70) << "for good: the input alone never leads there";
}

TEST(Checkpoint, RefusesWhatItDidNotWrite) {
  for (const char* text : {"", "1", "2 config=a begin=1 state= since=1 ticks=", "1 config=a begin=x", "1 config=a state=1,b", "1 config=a ticks=1", "1 config=a more=1",
                           "1 config=a ticks=1@", "1 config=a brought="})
    EXPECT_FALSE(parse_checkpoint(text).has_value()) << text;
}

TEST(Checkpoint, KeepsTwoSnapshotsAndTheTicksThatTheOlderOneNeeds) {
  Checkpoint checkpoint{.config = "c", .begin = 0};
  checkpoint.add({10, at(100)});
  checkpoint.add({10, at(200)});
  EXPECT_EQ(checkpoint.ticks, (std::vector<AppliedTick>{{10, at(200)}})) << "of two at one offset the last one";
  checkpoint.add_snapshot(20);
  checkpoint.add({20, at(300)});
  EXPECT_EQ(checkpoint.ticks.size(), 2U) << "with one snapshot a replay may have to begin at the beginning";
  checkpoint.add_snapshot(40);
  checkpoint.add({50, at(400)});
  EXPECT_EQ(checkpoint.snapshots, (std::vector<std::int64_t>{40, 20}));
  EXPECT_EQ(checkpoint.ticks_since, 20);
  EXPECT_EQ(checkpoint.ticks, (std::vector<AppliedTick>{{20, at(300)}, {50, at(400)}}));
  checkpoint.add_snapshot(60);
  EXPECT_EQ(checkpoint.snapshots, (std::vector<std::int64_t>{60, 40}));
  EXPECT_EQ(checkpoint.ticks, (std::vector<AppliedTick>{{50, at(400)}}));
}

TEST(Checkpoint, FitsIntoTheMetadataOfAnOffset) {
  Checkpoint checkpoint{.config = "0123456789abcdef", .begin = INT64_MAX, .snapshots = {INT64_MAX, INT64_MAX}, .ticks_since = INT64_MAX, .accepted_until = INT64_MAX, .brought = INT64_MAX};
  checkpoint.skipped.assign(Checkpoint::kMostSkips, INT64_MAX);
  for (std::size_t i = 0; i < Checkpoint::kMostTicks; ++i) checkpoint.ticks.push_back({9'000'000'000'000'000'000, at(10'000'000'000)});
  EXPECT_LT(to_metadata(checkpoint).size(), 4000U);
}

TEST(Ledger, IsReadAsItWasWritten) {
  LedgerRecord record{.group = "g", .topic = "cloudtrail", .partition = 3, .from = 10, .to = 20, .counts = {10, 7, 1, 1, 1, 2, 3}, .alerts = 2, .alerts_hash = UINT64_MAX, .config = "c"};
  EXPECT_EQ(*parse_ledger_record(to_json(record)), record) << "without a watermark";
  record.watermark = at(1'700'000'000);
  record.ticks = {{12, at(5)}};
  record.state = SnapshotMark{8, 1, 1000};
  record.brought_state = true;
  record.accepted_gap = true;
  record.skipped = {11, 12};
  EXPECT_EQ(*parse_ledger_record(to_json(record)), record);
}

TEST(Ledger, RefusesWhatIsNone) {
  const std::string good = to_json(LedgerRecord{.group = "g", .topic = "t"});
  for (const std::string& bad : {std::string("{}"), std::string("[]"), std::string(""), good.substr(1), good.substr(0, good.size() - 1)})
    EXPECT_FALSE(parse_ledger_record(bad).has_value()) << bad;
  std::string newer = good;
  newer.replace(newer.find("\"version\":1"), 11, "\"version\":2");
  EXPECT_FALSE(parse_ledger_record(newer).has_value());
}

TEST(Ledger, NamesCommitsByTheirGroupWhateverItsLetters) {
  for (const std::string group : {"g", "a/b", "x y/1/2/3"}) EXPECT_EQ(group_of_commit(commit_name(owner_of(group, "topic"), 7, 1234)), group);
  for (const std::string_view none : {"", "a", "t/0/1"}) EXPECT_EQ(group_of_commit(none), "") << none;
}

TEST(Ledger, HashesAlertsWhateverTheirOrder) {
  EXPECT_EQ(hash_of_alerts({"a", "b"}), hash_of_alerts({"b", "a"}));
  EXPECT_NE(hash_of_alerts({"a", "b"}), hash_of_alerts({"a", "c"}));
  EXPECT_EQ(hash_of_alerts({"a"}) + hash_of_alerts({"b"}), hash_of_alerts({"a", "b"}));
}

stream::Message message_of(const stream::Outgoing& outgoing) {
  stream::Message message;
  message.key = outgoing.key;
  message.value = outgoing.value;
  message.has_value = outgoing.has_value;
  return message;
}

std::vector<stream::Outgoing> all_of(SnapshotWriter& writer) {
  std::vector<stream::Outgoing> out;
  while (!writer.chunks_done()) out.push_back(writer.next_chunk());
  out.push_back(writer.manifest());
  return out;
}

std::string some_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 24);
  return bytes;
}

TEST(Snapshot, IsReadAsItWasWrittenWhateverItsSize) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, SnapshotWriter::kChunkBytes, SnapshotWriter::kChunkBytes + 1, 3 * SnapshotWriter::kChunkBytes}) {
    SnapshotWriter writer("a/b", 7, 1234, some_bytes(size));
    SnapshotShelf shelf("a/b", 7);
    for (const stream::Outgoing& part : all_of(writer)) {
      EXPECT_LE(part.value.size(), SnapshotWriter::kChunkBytes);
      EXPECT_EQ(part.partition, 7);
      shelf.take(message_of(part));
    }
    const auto bytes = shelf.bytes(1234);
    ASSERT_TRUE(bytes.has_value()) << bytes.error().message;
    EXPECT_EQ(*bytes, some_bytes(size));
    EXPECT_FALSE(shelf.bytes(1).has_value());
  }
}

TEST(Snapshot, IsNotTakenWhenAnythingIsMissingOrDamaged) {
  SnapshotWriter writer("t", 0, 9, some_bytes(2 * SnapshotWriter::kChunkBytes + 5));
  const std::vector<stream::Outgoing> parts = all_of(writer);
  for (std::size_t broken = 0; broken < parts.size(); ++broken) {
    SnapshotShelf missing("t", 0), damaged("t", 0);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      stream::Outgoing part = parts[i];
      if (i != broken) missing.take(message_of(part));
      if (i == broken) part.value[part.value.size() / 2] ^= 1;
      damaged.take(message_of(part));
    }
    EXPECT_FALSE(missing.bytes(9).has_value()) << broken;
    EXPECT_FALSE(damaged.bytes(9).has_value()) << broken;
    EXPECT_NE(damaged.entries().at(0).problem, "");
  }
}

TEST(Snapshot, LeavesNothingBehindWhenItIsForgotten) {
  SnapshotWriter old_one("t", 0, 9, some_bytes(SnapshotWriter::kChunkBytes + 1)), new_one("t", 0, 10, some_bytes(10)), other("t", 1, 9, some_bytes(10));
  SnapshotShelf shelf("t", 0);
  for (SnapshotWriter* writer : {&old_one, &new_one, &other})
    for (const stream::Outgoing& part : all_of(*writer)) shelf.take(message_of(part));
  EXPECT_EQ(shelf.entries().size(), 2U);
  for (const stream::Outgoing& tombstone : shelf.forget_all_but({10})) {
    EXPECT_FALSE(tombstone.has_value);
    shelf.take(message_of(tombstone));
  }
  ASSERT_EQ(shelf.entries().size(), 1U);
  EXPECT_EQ(shelf.entries()[0].offset, 10);
  for (const stream::Outgoing& tombstone : forget_snapshot("t", 0, 10, new_one.chunks())) shelf.take(message_of(tombstone));
  EXPECT_TRUE(shelf.entries().empty());
}

TEST(Snapshot, TakesOnlyItsOwnKeys) {
  EXPECT_TRUE(parse_state_key("a/b/3/12/manifest").has_value());
  for (const char* key : {"", "manifest", "t/0/9", "t/0/9/", "t/x/9/manifest", "t/0/x/000001", "/0/9/manifest", "t/0/9/00000x"})
    EXPECT_FALSE(parse_state_key(key).has_value()) << key;
}

}  // namespace
}  // namespace trailwarden::pipeline
