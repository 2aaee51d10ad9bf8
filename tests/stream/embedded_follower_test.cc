#include "stream/embedded_follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <thread>

#include "core/failpoint.h"
#include "embedded_input_fake.h"
#include "stream/embedded_journal_row.h"
#include "stream/embedded_log.h"
#include "testing/temp_dir.h"

namespace trailwarden::stream {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::LinesInput;
using testing::TempDir;

constexpr PartitionId kFolder{};
constexpr PartitionId kSecond{1, 0};

class Owner final : public Member {
 public:
  void assigned(std::vector<Assigned> partitions) override { now = std::move(partitions); }
  void revoked(std::span<const PartitionId>) override { now.clear(); }
  void lost(std::span<const PartitionId>) override { ADD_FAILURE() << "nobody takes it away"; }

  std::vector<Assigned> now;
};

/// A log or a follower with its owner, started.
template <typename Log>
struct Session {
  explicit Session(Result<std::unique_ptr<Log>> opened) {
    if (!opened) throw std::runtime_error(opened.error().message);
    log = std::move(*opened);
    poll();
    start();
  }

  void start() {
    for (const Assigned& partition : owner.now) log->start(partition.partition);
  }
  std::vector<std::string> poll() {
    const auto done = log->poll(milliseconds{0}, polled, owner);
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
    std::vector<std::string> values;
    for (const Message& message : polled.batch.messages) values.emplace_back(message.value);
    return values;
  }
  std::vector<std::string> poll_all() {
    std::vector<std::string> values;
    for (int i = 0; i < 50; ++i)
      for (std::string& value : poll()) values.push_back(std::move(value));
    return values;
  }
  CommitResult commit(std::int64_t next_offset, std::string metadata = "", PartitionId partition = kFolder) {
    const auto result = log->commit(std::array{Progress{partition, next_offset, std::move(metadata)}});
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
    return result.value_or(CommitResult::kFenced);
  }
  void write(std::string_view topic, std::string value) { log->append({.topic = std::string(topic), .key = "k", .value = std::move(value)}); }

  std::unique_ptr<Log> log;
  Owner owner;
  Polled polled;
};

std::vector<std::string> read_all(EmbeddedFollower& log, std::string_view topic) {
  std::vector<std::string> values;
  const auto begin = log.range(topic, 0).value().begin;
  auto reader = log.read(topic, 0, begin, std::nullopt);
  MessageBatch batch;
  while (reader && (*reader)->read(milliseconds{0}, batch).value_or(false))
    for (const Message& message : batch.messages) values.emplace_back(message.value);
  return values;
}

class EmbeddedFollowerTest : public ::testing::Test {
 protected:
  EmbeddedOptions log_options() {
    return {.database = dir_.path("log.db"), .followers = followers, .now = [this] { return clock; }};
  }
  std::unique_ptr<Session<EmbeddedLog>> open_log(std::vector<std::string> lines) { return open_log(log_options(), std::move(lines)); }
  static std::unique_ptr<Session<EmbeddedLog>> open_log(EmbeddedOptions options, std::vector<std::string> lines) {
    auto source = std::make_unique<LinesInput>("", 3);
    source->lines = std::move(lines);
    return std::make_unique<Session<EmbeddedLog>>(EmbeddedLog::open(std::move(options), std::move(source)));
  }
  std::unique_ptr<Session<EmbeddedFollower>> open_follower(EmbeddedFollowing following = {"archiver", {"folder"}}, std::vector<EmbeddedFollowing> others = {}, std::int64_t kept = 0) {
    return std::make_unique<Session<EmbeddedFollower>>(EmbeddedFollower::open({.database = dir_.path("log.db"), .following = std::move(following), .compacted = {"compacted"},
                                                                               .kept_messages = kept, .followers = std::move(others), .now = [this] { return clock; }}));
  }
  static AppendTime at(int seconds) { return AppendTime{std::chrono::seconds{seconds}}; }

  TempDir dir_;
  AppendTime clock = at(1'000'000);
  std::vector<EmbeddedFollowing> followers{{"archiver", {"folder"}}};
};

TEST_F(EmbeddedFollowerTest, SeesWhatIsCommittedWithTheTimeOfTheCommit) {
  auto log = open_log({"a", "b", "c", "d"});
  auto follower = open_follower();
  EXPECT_THAT(follower->owner.now, ElementsAre(Assigned{kFolder, 0, "", ""}));
  log->poll();
  EXPECT_THAT(follower->poll_all(), IsEmpty());
  log->commit(2);
  EXPECT_THAT(follower->poll(), ElementsAre("a", "b"));
  EXPECT_EQ(follower->polled.batch.messages[1].offset, 1);
  EXPECT_EQ(follower->polled.batch.messages[1].origin, "lines");
  EXPECT_EQ(follower->polled.batch.messages[1].append_time, at(1'000'000));
  EXPECT_EQ(follower->log->range("folder", 0).value(), (Extent{0, 2}));
  follower->poll();
  EXPECT_THAT(follower->polled.caught_up, ElementsAre(Field(&CaughtUp::end, 2)));
  clock = at(1'000'005);
  log->commit(3);
  EXPECT_THAT(follower->poll(), ElementsAre("c"));
  EXPECT_EQ(follower->polled.batch.messages[0].append_time, at(1'000'005));
  // The log itself goes by the stamps of its files, as before.
  auto again = log->log->read("folder", 0, 2, 3);
  MessageBatch batch;
  ASSERT_TRUE((*again)->read(milliseconds{0}, batch).value());
  EXPECT_EQ(batch.messages[0].append_time, at(3));
}

TEST_F(EmbeddedFollowerTest, GoesOnBehindItsOwnCommitWithWhatWasWrittenWithIt) {
  auto log = open_log({"a", "b", "c"});
  log->poll();
  log->commit(3, "the log's");
  {
    auto follower = open_follower();
    follower->poll_all();
    follower->write(kManifestTopic, "one");
    EXPECT_THAT(read_all(*follower->log, kManifestTopic), IsEmpty());
    follower->write("compacted", "x");
    follower->write("compacted", "y");
    EXPECT_EQ(follower->commit(2, "mine"), CommitResult::kCommitted);
    follower->write(kManifestTopic, "never");
  }
  auto follower = open_follower();
  EXPECT_THAT(follower->owner.now, ElementsAre(Assigned{kFolder, 2, "mine", ""}));
  EXPECT_THAT(follower->poll_all(), ElementsAre("c"));
  EXPECT_THAT(read_all(*follower->log, kManifestTopic), ElementsAre("one"));
  EXPECT_THAT(read_all(*follower->log, "compacted"), ElementsAre("y"));
  EXPECT_EQ(log->log->range("folder", 0).value(), (Extent{0, 3}));
  EXPECT_THAT(*follower->log->rewind(), ElementsAre(Assigned{kFolder, 2, "mine", ""}));
  EXPECT_THAT(follower->poll_all(), IsEmpty()) << "not started";
  follower->start();
  EXPECT_THAT(follower->poll_all(), ElementsAre("c"));
}

TEST_F(EmbeddedFollowerTest, TopicsThatAreWrittenToAreFollowedToo) {
  auto log = open_log({"a"});
  log->poll();
  log->write(kAlertsTopic, "first");
  log->commit(1);
  auto follower = open_follower({"archiver", {"folder", std::string(kAlertsTopic)}});
  EXPECT_THAT(follower->poll_all(), ElementsAre("a", "first"));
  clock = at(1'000'060);
  log->write(kAlertsTopic, "second");
  log->commit(1, "again");
  EXPECT_THAT(follower->poll(), ElementsAre("second"));
  EXPECT_EQ(partition_of(follower->polled.batch.messages[0]), kSecond);
  EXPECT_EQ(follower->polled.batch.messages[0].append_time, at(1'000'060));
  follower->commit(2, "", kSecond);
  EXPECT_THAT(open_follower({"archiver", {"folder", std::string(kAlertsTopic)}})->owner.now, ElementsAre(Assigned{kFolder, 0, "", ""}, Assigned{kSecond, 2, "", ""}));
}

TEST_F(EmbeddedFollowerTest, NothingIsCommittedWithATimeBeforeATick) {
  auto log = open_log({"a", "b", "c"});
  auto follower = open_follower();
  log->poll();
  log->commit(1);
  follower->poll();
  ASSERT_THAT(follower->polled.ticks, SizeIs(1));
  EXPECT_EQ(follower->polled.ticks[0].time, at(1'000'000));
  clock = at(1'000'009);
  follower->poll();
  EXPECT_THAT(follower->polled.ticks, IsEmpty());
  clock = at(1'000'010);
  follower->poll();
  ASSERT_THAT(follower->polled.ticks, SizeIs(1));
  clock = at(900'000);  // somebody sets the clock back
  log->commit(2);
  EXPECT_THAT(follower->poll(), ElementsAre("b"));
  EXPECT_EQ(follower->polled.batch.messages[0].append_time, at(1'000'010));
  follower.reset();
  log.reset();
  log = open_log({"a", "b", "c"});
  log->poll();
  log->commit(3);
  EXPECT_THAT(open_follower()->poll_all(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(EmbeddedReader::open(dir_.path("log.db"))->clock().value(), at(1'000'010));
}

// What is kept for it.

TEST_F(EmbeddedFollowerTest, TheJournalIsKeptUntilItIsCommittedHere) {
  auto log = open_log({"a", "b", "c", "d", "e", "f"});
  for (int i = 1; i <= 6; ++i) {
    log->poll();
    log->commit(i);
  }
  log->log->trim(kFolder, 5);
  log->commit(6, "1");
  EXPECT_EQ(log->log->extent(kFolder), (Extent{0, 6})) << "a follower that has not begun holds all";
  auto follower = open_follower();
  follower->poll_all();
  follower->commit(2);
  log->commit(6, "2");
  EXPECT_EQ(log->log->extent(kFolder), (Extent{2, 6}));
  follower->commit(6);
  log->commit(6, "3");
  EXPECT_EQ(log->log->extent(kFolder), (Extent{5, 6})) << "the log itself needs that";
}

TEST_F(EmbeddedFollowerTest, WhoIsNotInTheConfigurationHoldsNothingAndJumpsWhenItIsBack) {
  {
    auto log = open_log({"a", "b", "c", "d"});
    for (int i = 1; i <= 4; ++i) log->poll(), log->commit(i);
    auto follower = open_follower();
    follower->poll_all();
    follower->commit(1, "mine");
  }
  followers.clear();
  {
    auto log = open_log({"a", "b", "c", "d"});
    log->log->trim(kFolder, 3);
    log->commit(4, "x");
    EXPECT_EQ(log->log->extent(kFolder), (Extent{3, 4}));
  }
  followers = {{"archiver", {"folder"}}};
  auto log = open_log({"a", "b", "c", "d"});
  auto follower = open_follower();
  EXPECT_THAT(follower->owner.now, ElementsAre(Assigned{kFolder, 3, "mine", ""}));
  EXPECT_THAT(follower->poll_all(), ElementsAre("d"));
  EXPECT_THAT(open_follower({"another", {"folder"}})->owner.now, ElementsAre(Assigned{kFolder, 3, "", ""}));
}

TEST_F(EmbeddedFollowerTest, AnOutputTopicKeepsWhatItsFollowerHasNotCommitted) {
  auto log = open_log({});
  const EmbeddedFollowing digest{"digest", {std::string(kManifestTopic)}};
  auto archiver = open_follower({"archiver", {"folder"}}, {digest}, 2);
  for (int i = 0; i < 5; ++i) {
    archiver->write(kManifestTopic, std::to_string(i));
    archiver->commit(0, std::to_string(i));
  }
  EXPECT_THAT(read_all(*archiver->log, kManifestTopic), ElementsAre("0", "1", "2", "3", "4"));
  auto reader = open_follower(digest);
  EXPECT_THAT(reader->poll_all(), ElementsAre("0", "1", "2", "3", "4"));
  reader->commit(2);
  archiver->write(kManifestTopic, "5");
  archiver->commit(0, "5");
  EXPECT_THAT(read_all(*archiver->log, kManifestTopic), ElementsAre("2", "3", "4", "5"));
  reader->poll_all();
  reader->commit(6);
  archiver->write(kManifestTopic, "6");
  archiver->commit(0, "6");
  EXPECT_THAT(read_all(*archiver->log, kManifestTopic), ElementsAre("5", "6"));
}

TEST_F(EmbeddedFollowerTest, WhatItNeedsNeverFillsTheDatabaseInputWaits) {
  std::vector<std::string> lines(60, std::string(100'000, ' '));
  std::mt19937 random(1);
  for (std::string& line : lines)
    for (char& c : line) c = static_cast<char>('0' + random() % 64);
  EmbeddedOptions options = log_options();
  options.max_bytes = 2'000'000;
  auto log = open_log(options, lines);
  auto follower = open_follower();
  std::int64_t next = 0;
  const auto turn = [&] {
    log->poll();
    if (!log->polled.batch.messages.empty()) next = log->polled.batch.messages.back().offset + 1;
    log->log->trim(kFolder, next);
    ASSERT_EQ(log->commit(next), CommitResult::kCommitted);
    std::this_thread::sleep_for(milliseconds{30});
  };
  for (int i = 0; i < 40; ++i) turn();
  EXPECT_GT(next, 10);
  EXPECT_LT(next, 30);
  EXPECT_THAT(log->log->trouble(), HasSubstr("embedded.max_bytes"));
  std::vector<std::string> archived;
  for (int i = 0; i < 200 && archived.size() < lines.size(); ++i) {
    for (std::string& line : follower->poll()) archived.push_back(std::move(line));
    follower->commit(static_cast<std::int64_t>(archived.size()));
    turn();
  }
  EXPECT_EQ(archived, lines);
  EXPECT_EQ(log->log->trouble(), "");
}

// Cuts.

TEST_F(EmbeddedFollowerTest, ACutIsWhereItWasWhateverHappens) {
  auto log = open_log({"a", "b", "c", "d", "e"});
  log->poll();
  log->commit(2);
  {
    auto follower = open_follower();
    follower->commit(0, "rules");
    EXPECT_FALSE(follower->log->cut_here());
    EXPECT_THAT(follower->poll(), ElementsAre("a", "b"));
    log->commit(3);
    EXPECT_THAT(follower->poll(), IsEmpty()) << "not beyond the cut";
    EXPECT_EQ(follower->log->range("folder", 0)->end, 2);
    EXPECT_THAT(follower->polled.cuts, ElementsAre(Field(&Cut::offset, 2)));
    EXPECT_FALSE(follower->log->cut_here());
  }
  auto follower = open_follower();  // its process died
  EXPECT_THAT(follower->owner.now, ElementsAre(Assigned{kFolder, 0, "rules", ""}));
  EXPECT_THAT(follower->poll_all(), ElementsAre("a", "b"));
  EXPECT_THAT(follower->polled.cuts, ElementsAre(Field(&Cut::offset, 2)));
  follower->commit(2, "rules");
  EXPECT_THAT(follower->poll_all(), ElementsAre("c"));
  EXPECT_EQ(follower->log->range("folder", 0)->end, 3);
  EXPECT_FALSE(follower->log->cut_here()) << "a new one, for what came since";
  follower->poll_all();
  follower->commit(3, "rules");
  EXPECT_TRUE(follower->log->cut_here());
  EXPECT_TRUE(open_follower()->log->cut_here() == false) << "not before it has looked";
}

TEST_F(EmbeddedFollowerTest, WhereEverythingIsCommittedNothingIsCut) {
  auto log = open_log({"a"});
  log->poll();
  log->commit(1);
  auto follower = open_follower();
  follower->poll_all();
  follower->commit(1);
  follower->log->cut_here();
  follower->poll();
  EXPECT_TRUE(follower->log->cut_here());
}

// Formats.

/// The tables as format 1 had them, with three lines, two alerts and a checkpoint.
void make_format_1(const std::string& path) {
  auto database = sqlite::Database::open(path, sqlite::Database::Mode::kReadWrite);
  ASSERT_TRUE(database->execute(R"(
    PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;
    CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE checkpoint(topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, metadata TEXT NOT NULL, PRIMARY KEY(topic, partition)) STRICT, WITHOUT ROWID;
    CREATE TABLE input(first INTEGER PRIMARY KEY, next INTEGER NOT NULL, messages BLOB NOT NULL) STRICT;
    CREATE TABLE sources(id INTEGER PRIMARY KEY, state BLOB NOT NULL) STRICT;
    CREATE TABLE ends(topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, PRIMARY KEY(topic, partition)) STRICT, WITHOUT ROWID;
    CREATE TABLE messages(topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, key BLOB NOT NULL, value BLOB, headers BLOB NOT NULL, PRIMARY KEY(topic, partition, offset)) STRICT;
    CREATE TABLE newest(topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, key BLOB NOT NULL, value BLOB, headers BLOB NOT NULL, PRIMARY KEY(topic, partition, key)) STRICT;
    CREATE UNIQUE INDEX newest_in_order ON newest(topic, partition, offset);
    CREATE TABLE delivered(topic TEXT PRIMARY KEY, next_offset INTEGER NOT NULL, position INTEGER NOT NULL, inode INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES('format', 1);
    INSERT INTO checkpoint VALUES('folder', 0, 3, 'kept');
    INSERT INTO sources VALUES(7, X'33');
    INSERT INTO ends VALUES('trailwarden.alerts', 0, 2);
    INSERT INTO messages VALUES('trailwarden.alerts', 0, 0, X'6B', X'31', X''), ('trailwarden.alerts', 0, 1, X'6B', X'32', X'');
    PRAGMA application_id = 0x74776c67;
  )").has_value());
  const std::string padded = "abc" + std::string(64, ' ');
  std::vector<Message> messages(3);
  for (std::size_t i = 0; i < 3; ++i) messages[i].value = std::string_view(padded).substr(i, 1);
  std::string row;
  JournalRow().encode(messages, row);
  auto put = database->prepare("INSERT INTO input VALUES(0, 3, ?1)");
  ASSERT_TRUE(put->bind_bytes(1, row).run().has_value());
}

TEST_F(EmbeddedFollowerTest, ADatabaseOfFormat1GoesOnAndWhatItHeldCountsAsCommittedThen) {
  make_format_1(dir_.path("log.db"));
  const auto early = EmbeddedReader::open(dir_.path("log.db"));
  ASSERT_FALSE(early.has_value());
  EXPECT_EQ(early.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(early.error().message, HasSubstr("start the service once"));

  auto log = open_log({"a", "b", "c", "d"});
  EXPECT_THAT(log->owner.now, ElementsAre(Assigned{kFolder, 3, "kept", ""}));
  clock = at(1'000'100);
  EXPECT_THAT(log->poll(), ElementsAre("d"));
  log->write(kAlertsTopic, "3");
  log->commit(4);
  log.reset();
  log = open_log({"a", "b", "c", "d"});  // and once more
  auto follower = open_follower({"archiver", {"folder", std::string(kAlertsTopic)}});
  std::map<std::string, AppendTime> seen;
  for (int i = 0; i < 10; ++i) {
    follower->poll();
    for (const Message& message : follower->polled.batch.messages) seen[std::string(message.value)] = *message.append_time;
  }
  const AppendTime before = at(1'000'000), after = at(1'000'100);
  EXPECT_EQ(seen, (std::map<std::string, AppendTime>{{"a", before}, {"b", before}, {"c", before}, {"d", after}, {"1", before}, {"2", before}, {"3", after}}));
}

// Both at once.

TEST_F(EmbeddedFollowerTest, TheLogAndItsFollowersHinderEachOtherNowhere) {
  constexpr std::int64_t kLines = 400;
  std::vector<std::string> lines;
  for (int i = 0; i < kLines; ++i) lines.push_back("line " + std::to_string(i));
  followers = {{"archiver", {"folder"}}, {"digest", {std::string(kManifestTopic)}}};
  EmbeddedOptions options = log_options();
  options.now = system_log_time;
  auto log = open_log(options, lines);
  std::jthread detector([&] {
    for (std::int64_t next = 0; next < kLines;) {
      log->poll();
      for (const Message& message : log->polled.batch.messages) {
        log->write(kAlertsTopic, std::string(message.value));
        next = message.offset + 1;
        ASSERT_EQ(log->commit(next), CommitResult::kCommitted);
        log->log->trim(kFolder, next);
      }
    }
  });
  const auto follow = [&](EmbeddedFollowing following, std::string_view output, std::vector<std::string>& seen) {
    auto opened = EmbeddedFollower::open({.database = dir_.path("log.db"), .following = std::move(following), .tick_interval = milliseconds{1}});
    Session<EmbeddedFollower> session(std::move(opened));
    AppendTime newest{};
    while (seen.size() < static_cast<std::size_t>(kLines)) {
      for (std::string& value : session.poll()) {
        seen.push_back(value);
        if (!output.empty()) session.write(output, value);
      }
      for (const Message& message : session.polled.batch.messages) {
        EXPECT_GE(*message.append_time, newest);
        newest = *message.append_time;
      }
      ASSERT_EQ(session.commit(static_cast<std::int64_t>(seen.size())), CommitResult::kCommitted);
    }
  };
  std::vector<std::string> archived, digested;
  std::jthread digest([&] { follow({"digest", {std::string(kManifestTopic)}}, "", digested); });
  follow({"archiver", {"folder"}}, kManifestTopic, archived);
  digest.join();
  detector.join();
  EXPECT_EQ(archived, lines);
  EXPECT_EQ(digested, lines);
}

}  // namespace
}  // namespace trailwarden::stream
