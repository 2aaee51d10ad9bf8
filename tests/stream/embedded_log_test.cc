#include "stream/embedded_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "core/failpoint.h"
#include "embedded_input_fake.h"
#include "stream/sqlite.h"
#include "testing/read_file.h"
#include "testing/temp_dir.h"

namespace trailwarden::stream {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LinesInput;
using testing::TempDir;
using testing::read_file;

constexpr PartitionId kFolder{};

class Owner final : public Member {
 public:
  void assigned(std::vector<Assigned> partitions) override { now = std::move(partitions); }
  void revoked(std::span<const PartitionId>) override { now.clear(); }
  void lost(std::span<const PartitionId>) override { ADD_FAILURE() << "nobody takes it away"; }

  std::vector<Assigned> now;
};

/// A log with its owner, over lines.
struct Session {
  explicit Session(EmbeddedOptions options, std::vector<std::string> lines = {}, std::size_t per_poll = 3) {
    auto source = std::make_unique<LinesInput>("", per_poll);
    source->lines = std::move(lines);
    input = source.get();
    auto opened = EmbeddedLog::open(std::move(options), std::move(source));
    EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().message);
    if (!opened) std::abort();
    log = std::move(*opened);
    join();
  }

  void join() {
    EXPECT_TRUE(log->poll(milliseconds{0}, polled, owner).has_value());
    ASSERT_EQ(owner.now.size(), 1U);
    log->start(kFolder);
  }
  std::vector<std::string> poll() {
    EXPECT_TRUE(log->poll(milliseconds{0}, polled, owner).has_value());
    std::vector<std::string> values;
    for (const Message& message : polled.batch.messages) values.emplace_back(message.value);
    return values;
  }
  CommitResult commit(std::int64_t next_offset, std::string metadata = "") {
    const auto result = log->commit(std::array{Progress{kFolder, next_offset, std::move(metadata)}});
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
    return result.value_or(CommitResult::kFenced);
  }
  void alert(std::string value) {
    log->append({.topic = std::string(kAlertsTopic), .key = "k", .value = std::move(value)});
  }

  LinesInput* input = nullptr;
  std::unique_ptr<EmbeddedLog> log;
  Owner owner;
  Polled polled;
};

std::vector<std::string> read_all(EmbeddedReader& reader, std::string_view topic, std::int64_t from = 0,
                                  std::optional<std::int64_t> to = std::nullopt) {
  std::vector<std::string> values;
  auto opened = reader.read(topic, 0, from, to);
  EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().message);
  if (!opened) return values;
  MessageBatch batch;
  std::int64_t last = -1;
  while (true) {
    const auto more = (*opened)->read(milliseconds{0}, batch);
    EXPECT_TRUE(more.has_value()) << (more ? "" : more.error().message);
    if (!more || !*more) return values;
    for (const Message& message : batch.messages) {
      EXPECT_GT(message.offset, last);
      last = message.offset;
      values.push_back(std::string(message.key) + "=" + std::string(message.value));
    }
  }
}

std::vector<std::string> read_all(const std::string& path, std::string_view topic, std::int64_t from = 0,
                                  std::optional<std::int64_t> to = std::nullopt) {
  auto reader = EmbeddedReader::open(path);
  EXPECT_TRUE(reader.has_value());
  return read_all(*reader, topic, from, to);
}

class EmbeddedLogTest : public ::testing::Test {
 protected:
  EmbeddedOptions options() const {
    return {.database = dir_.path("log.db"), .alerts_file = dir_.path("alerts.jsonl")};
  }
  std::string alerts() const { return read_file(dir_.path("alerts.jsonl")); }
  TempDir dir_;
};

TEST_F(EmbeddedLogTest, BeginsAtZeroAndGoesOnBehindTheCommit) {
  {
    Session run(options(), {"a", "b", "c", "d"});
    EXPECT_EQ(run.owner.now.front(), (Assigned{kFolder, 0, "", ""}));
    EXPECT_THAT(run.poll(), ElementsAre("a", "b", "c"));
    EXPECT_EQ(run.polled.batch.messages[2].offset, 2);
    EXPECT_THAT(run.polled.caught_up, IsEmpty());
    EXPECT_THAT(run.poll(), ElementsAre("d"));
    ASSERT_EQ(run.polled.caught_up.size(), 1U);
    EXPECT_EQ(run.polled.caught_up[0].end, 4);
    EXPECT_EQ(run.commit(2, "here"), CommitResult::kCommitted);
    EXPECT_EQ(run.log->extent(kFolder), (Extent{0, 4}));
  }
  Session run(options(), {"a", "b", "c", "d"});
  EXPECT_EQ(run.owner.now.front(), (Assigned{kFolder, 2, "here", ""}));
  EXPECT_THAT(run.poll(), ElementsAre("c", "d"));
  EXPECT_EQ(run.polled.batch.messages[0].offset, 2);
}

TEST_F(EmbeddedLogTest, NothingComesBeforeItIsStartedOrAfterItIsStopped) {
  auto source = std::make_unique<LinesInput>();
  source->lines = {"a"};
  auto log = EmbeddedLog::open(options(), std::move(source));
  ASSERT_TRUE(log.has_value());
  Owner owner;
  Polled polled;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE((*log)->poll(milliseconds{0}, polled, owner).has_value());
    EXPECT_TRUE(polled.empty());
  }
  (*log)->start(kFolder);
  (*log)->stop(kFolder);
  ASSERT_TRUE((*log)->poll(milliseconds{0}, polled, owner).has_value());
  EXPECT_TRUE(polled.empty());
  (*log)->start(kFolder);
  ASSERT_TRUE((*log)->poll(milliseconds{0}, polled, owner).has_value());
  EXPECT_EQ(polled.batch.messages.size(), 1U);
  ASSERT_TRUE((*log)->leave(owner).has_value());
  EXPECT_THAT(owner.now, IsEmpty());
}

TEST_F(EmbeddedLogTest, WhatIsAppendedIsVisibleWithTheCommitOrNever) {
  Session run(options(), {"a"});
  run.poll();
  run.alert("one");
  EXPECT_THAT(read_all(options().database, kAlertsTopic), IsEmpty());
  EXPECT_EQ(run.commit(1), CommitResult::kCommitted);
  run.alert("dropped");
  ASSERT_TRUE(run.log->rewind().has_value());
  run.log->start(kFolder);
  run.alert("two");
  EXPECT_EQ(run.commit(1), CommitResult::kCommitted);
  EXPECT_THAT(read_all(options().database, kAlertsTopic), ElementsAre("k=one", "k=two"));
  EXPECT_EQ(alerts(), "one\ntwo\n");
}

TEST_F(EmbeddedLogTest, RewindGivesTheSameMessagesAgain) {
  Session run(options(), {"a", "b", "c", "d", "e"});
  run.poll();
  run.poll();
  EXPECT_EQ(run.commit(1), CommitResult::kCommitted);
  const auto assigned = run.log->rewind();
  ASSERT_TRUE(assigned.has_value());
  EXPECT_THAT(*assigned, ElementsAre(Assigned{kFolder, 1, "", ""}));
  EXPECT_THAT(run.poll(), IsEmpty());
  run.log->start(kFolder);
  EXPECT_THAT(run.poll(), ElementsAre("b", "c"));
  EXPECT_EQ(run.polled.batch.messages[0].offset, 1);
  EXPECT_THAT(run.poll(), ElementsAre("d", "e"));
  ASSERT_EQ(run.polled.caught_up.size(), 1U);
}

TEST_F(EmbeddedLogTest, TheJournalGivesTheSameMessages) {
  Session run(options(), {"a", "b", "c", "d", "e"});
  run.poll();
  run.poll();
  run.commit(2);
  run.commit(5);
  auto reader = run.log->read("folder", 0, 1, 4);
  ASSERT_TRUE(reader.has_value());
  MessageBatch batch;
  std::vector<std::string> got;
  while (true) {
    const auto more = (*reader)->read(milliseconds{0}, batch);
    ASSERT_TRUE(more.has_value());
    if (!*more) break;
    for (const Message& message : batch.messages) {
      got.push_back(std::to_string(message.offset) + std::string(message.value));
      EXPECT_EQ(message.origin, "lines");
      EXPECT_EQ(message.byte_offset, static_cast<std::uint64_t>(message.offset + 1));
      EXPECT_EQ(message.append_time, AppendTime{milliseconds{1000 * (message.offset + 1)}});
    }
  }
  EXPECT_THAT(got, ElementsAre("1b", "2c", "3d"));
}

TEST_F(EmbeddedLogTest, WhatIsTrimmedIsGone) {
  Session run(options(), {"a", "b", "c", "d", "e"});
  run.poll();
  run.commit(3);
  run.poll();
  run.log->trim(kFolder, 4);
  run.commit(5);
  EXPECT_EQ(run.log->extent(kFolder), (Extent{3, 5}));
  const auto gone = run.log->read("folder", 0, 2, std::nullopt);
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(read_all(options().database, "folder", 3), ElementsAre("=d", "=e"));
}

TEST_F(EmbeddedLogTest, ACompactedTopicKeepsTheNewestOfAKey) {
  Session run(options(), {"a"});
  const auto put = [&](std::string key, std::string value, bool has_value = true) {
    run.log->append(
        {.topic = std::string(kStateTopic), .key = std::move(key), .value = std::move(value), .has_value = has_value});
  };
  put("x", "1");
  put("y", "1");
  put("z", "1");
  run.commit(0);
  put("x", "2");
  put("y", "", false);
  run.commit(0);
  EXPECT_THAT(read_all(options().database, kStateTopic), ElementsAre("z=1", "x=2"));
  put("y", "3");
  run.commit(0);
  EXPECT_THAT(read_all(options().database, kStateTopic), ElementsAre("z=1", "x=2", "y=3"));
}

TEST_F(EmbeddedLogTest, MessagesKeepKeyHeadersAndNull) {
  Session run(options());
  run.log->append({.topic = "t", .key = "k", .value = std::string("\0v", 2), .headers = {{"a", "1"}, {"b", ""}}});
  run.log->append({.topic = "t", .key = "k", .value = "", .partition = 3, .has_value = false});
  run.commit(0);
  EXPECT_EQ(run.log->partitions("t").value(), 4);
  EXPECT_EQ(run.log->partitions("folder").value(), 1);
  EXPECT_EQ(run.log->partitions("unknown").value(), 1);
  MessageBatch batch;
  auto reader = run.log->read("t", 0, 0, std::nullopt);
  ASSERT_TRUE((*reader)->read(milliseconds{0}, batch).value());
  ASSERT_EQ(batch.messages.size(), 1U);
  EXPECT_EQ(batch.messages[0].value, std::string_view("\0v", 2));
  EXPECT_THAT(batch.messages[0].headers, ElementsAre(std::pair("a", "1"), std::pair("b", "")));
  reader = run.log->read("t", 3, 0, std::nullopt);
  ASSERT_TRUE((*reader)->read(milliseconds{0}, batch).value());
  EXPECT_FALSE(batch.messages[0].has_value);
  EXPECT_FALSE((*reader)->read(milliseconds{0}, batch).value());
}

TEST_F(EmbeddedLogTest, OneProcessOnly) {
  const Session run(options());
  const auto second = EmbeddedLog::open(options(), std::make_unique<LinesInput>());
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().message, HasSubstr("in use by process " + std::to_string(::getpid())));
}

TEST_F(EmbeddedLogTest, ADamagedDatabaseSaysWhatToDo) {
  std::ofstream(options().database) << "this is no database, and long enough to be looked at as one: "
                                    << std::string(4096, 'x');
  const auto log = EmbeddedLog::open(options(), std::make_unique<LinesInput>());
  ASSERT_FALSE(log.has_value());
  EXPECT_EQ(log.error().code, ErrorCode::kMalformed);
  EXPECT_THAT(log.error().message, HasSubstr("move it"));
}

TEST_F(EmbeddedLogTest, ADamagedPageIsSeenAtTheStart) {
  {
    Session run(options(), {"a"});
    for (int i = 0; i < 2000; ++i) run.alert("alert " + std::to_string(i));
    run.commit(0);
  }
  std::fstream file(options().database, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(40'000);
  file << std::string(60'000, '\x5a');
  file.close();
  const auto log = EmbeddedLog::open(options(), std::make_unique<LinesInput>());
  ASSERT_FALSE(log.has_value());
  EXPECT_EQ(log.error().code, ErrorCode::kMalformed);
}

TEST_F(EmbeddedLogTest, ANewerFormatIsRefused) {
  { const Session run(options()); }
  auto database = sqlite::Database::open(options().database, sqlite::Database::Mode::kReadWrite);
  ASSERT_TRUE(database->execute("UPDATE meta SET value = 3 WHERE name = 'format'").has_value());
  const auto log = EmbeddedLog::open(options(), std::make_unique<LinesInput>());
  ASSERT_FALSE(log.has_value());
  EXPECT_EQ(log.error().code, ErrorCode::kUnsupported);
}

TEST_F(EmbeddedLogTest, OldLedgerRecordsAreForgottenAndAlertsAreNot) {
  EmbeddedOptions bounded = options();
  bounded.kept_messages = 3;
  {
    Session run(bounded, {"a", "b", "c", "d", "e"});
    for (int i = 1; i <= 5; ++i) {
      run.poll();
      run.alert(std::to_string(i));
      run.log->append({.topic = std::string(kLedgerTopic), .key = "k", .value = std::to_string(i), .headers = {}, .partition = 0});
      EXPECT_EQ(run.commit(i), CommitResult::kCommitted);
    }
  }
  EXPECT_THAT(read_all(bounded.database, kLedgerTopic), ElementsAre("k=3", "k=4", "k=5"));
  EXPECT_THAT(read_all(bounded.database, kAlertsTopic), ElementsAre("k=1", "k=2", "k=3", "k=4", "k=5"));
  auto reader = EmbeddedLog::open_read_only(bounded.database);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->range(kLedgerTopic, 0)->begin, 2);
}

TEST_F(EmbeddedLogTest, AFullDatabaseRollsBackAndHeals) {
  EmbeddedOptions small = options();
  small.max_bytes = 256 * 1024;
  Session run(small, {"a", "b"});
  run.poll();
  run.alert("kept");
  EXPECT_EQ(run.commit(1, "m"), CommitResult::kCommitted);
  run.alert(std::string(400'000, 'x'));
  EXPECT_EQ(run.commit(2), CommitResult::kRolledBack);
  EXPECT_THAT(run.log->trouble(), HasSubstr("full"));
  EXPECT_THAT(*run.log->rewind(), ElementsAre(Assigned{kFolder, 1, "m", ""}));
  run.log->start(kFolder);
  EXPECT_THAT(run.poll(), IsEmpty()) << "it does not spin";
  std::this_thread::sleep_for(milliseconds{600});
  EXPECT_THAT(run.poll(), ElementsAre("b"));
  run.alert("small");
  EXPECT_EQ(run.commit(2), CommitResult::kCommitted);
  EXPECT_EQ(run.log->trouble(), "");
  EXPECT_THAT(read_all(small.database, kAlertsTopic), ElementsAre("k=kept", "k=small"));
  EXPECT_EQ(alerts(), "kept\nsmall\n");
}

TEST_F(EmbeddedLogTest, TellsTheSourceOfEachMarkOnceBehindItsCommit) {
  Session run(options(), {"a", "b", "c", "d"});
  run.poll();
  run.poll();
  EXPECT_THAT(run.input->told, IsEmpty());
  run.commit(2);
  EXPECT_THAT(run.input->told, ElementsAre("1", "2"));
  run.commit(4);
  EXPECT_THAT(run.input->told, ElementsAre("1", "2", "3", "4"));
}

TEST_F(EmbeddedLogTest, WhatWasRolledBackIsNotTold) {
  EmbeddedOptions small = options();
  small.max_bytes = 256 * 1024;
  Session run(small, {"a", "b"});
  run.poll();
  run.alert(std::string(400'000, 'x'));
  EXPECT_EQ(run.commit(2), CommitResult::kRolledBack);
  ASSERT_TRUE(run.log->rewind().has_value());
  EXPECT_THAT(run.input->told, IsEmpty());
  EXPECT_EQ(run.commit(2), CommitResult::kCommitted);
  EXPECT_THAT(run.input->told, ElementsAre("1", "2"));
}

/// Gives a message with its mark, and then a mark alone.
class MarkAlone final : public InputSource {
 public:
  void restore(std::int64_t, std::string_view) override {}
  Result<void> poll(milliseconds, InputBatch& input) override {
    input.clear();
    if (polls_++ == 0) {
      input.batch.messages.emplace_back();
      input.marks.push_back({1, 7, "first"});
    } else if (polls_ == 2) {
      input.marks.push_back({0, 8, "alone"});
    }
    return {};
  }
  void committed(const SourceMark& mark) override { told.push_back(*mark.state); }
  std::string trouble() const override { return {}; }
  void wake() override {}

  std::vector<std::string> told;

 private:
  int polls_ = 0;
};

TEST_F(EmbeddedLogTest, AMarkWithoutMessagesOutlivesACommitInDoubt) {
  EmbeddedOptions small = options();
  small.max_bytes = 256 * 1024;
  auto source = std::make_unique<MarkAlone>();
  MarkAlone& input = *source;
  auto log = EmbeddedLog::open(small, std::move(source));
  ASSERT_TRUE(log.has_value());
  Owner owner;
  Polled polled;
  ASSERT_TRUE((*log)->poll(milliseconds{0}, polled, owner).has_value());
  (*log)->start(kFolder);
  ASSERT_TRUE((*log)->poll(milliseconds{0}, polled, owner).has_value());
  EXPECT_EQ((*log)->commit(std::array{Progress{kFolder, 1, "m"}}), CommitResult::kCommitted);
  ASSERT_TRUE((*log)->poll(milliseconds{0}, polled, owner).has_value());
  (*log)->append({.topic = std::string(kAlertsTopic), .key = "k", .value = std::string(400'000, 'x')});
  EXPECT_EQ((*log)->commit(std::array{Progress{kFolder, 1, "m"}}), CommitResult::kRolledBack);
  ASSERT_TRUE((*log)->rewind().has_value());
  EXPECT_THAT(input.told, ElementsAre("first"));
  EXPECT_EQ((*log)->commit(std::array{Progress{kFolder, 1, "m"}}), CommitResult::kCommitted);
  EXPECT_THAT(input.told, ElementsAre("first", "alone"));
}

TEST_F(EmbeddedLogTest, AFullDiskRollsBackAndHeals) {
  const std::string disk = dir_.path("disk");
  fs::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=2m") != 0) GTEST_SKIP() << "this needs leave to mount a tmpfs";
  {
    EmbeddedOptions on_disk{.database = disk + "/log.db", .alerts_file = disk + "/alerts.jsonl"};
    Session run(on_disk, {"a", "b", "c"}, 1);
    run.poll();
    run.alert("first");
    EXPECT_EQ(run.commit(1), CommitResult::kCommitted);
    std::ofstream(disk + "/filling") << std::string(std::size_t{4} << 20, 'x');
    run.poll();
    bool rolled_back = false;
    for (int i = 0; i < 200 && !rolled_back; ++i) {
      run.alert("alert " + std::string(10'000, 'x'));
      rolled_back = run.commit(1) == CommitResult::kRolledBack;
    }
    EXPECT_TRUE(rolled_back);
    EXPECT_NE(run.log->trouble(), "");
    fs::remove(disk + "/filling");
    const auto assigned = run.log->rewind();
    ASSERT_TRUE(assigned.has_value()) << assigned.error().message;
    EXPECT_EQ(assigned->front().next_offset, 1);
    run.log->start(kFolder);
    std::this_thread::sleep_for(milliseconds{600});
    EXPECT_THAT(run.poll(), ElementsAre("b"));
    run.alert("last");
    EXPECT_EQ(run.commit(2), CommitResult::kCommitted);
    EXPECT_EQ(run.log->trouble(), "");
    std::string expected;
    for (const std::string& line : read_all(on_disk.database, kAlertsTopic)) expected += line.substr(2) + "\n";
    EXPECT_EQ(read_file(on_disk.alerts_file), expected);
    EXPECT_TRUE(expected.ends_with("last\n"));
  }
  ::umount(disk.c_str());
}

TEST_F(EmbeddedLogTest, WakeEndsAWait) {
  Session run(options());
  run.poll();
  run.log->stop(kFolder);
  std::thread waker([&] {
    std::this_thread::sleep_for(milliseconds{50});
    run.log->wake();
  });
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(run.log->poll(std::chrono::seconds{20}, run.polled, run.owner).has_value());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{10});
  waker.join();
}

TEST_F(EmbeddedLogTest, AnotherProcessMayLook) {
  Session run(options(), {"a", "b"});
  run.poll();
  run.alert("one");
  run.commit(2, "meta");
  auto reader = EmbeddedLog::open_read_only(options().database);
  ASSERT_TRUE(reader.has_value());
  EXPECT_THAT(reader->topics().value(), ElementsAre("folder", kAlertsTopic));
  EXPECT_EQ(reader->committed().value()->next_offset, 2);
  EXPECT_EQ(reader->committed().value()->metadata, "meta");
  EXPECT_EQ(reader->extent(kAlertsTopic, 0).value(), (Extent{0, 1}));
  EXPECT_THAT(read_all(*reader, "folder"), ElementsAre("=a", "=b"));
  EXPECT_EQ(EmbeddedLog::open_read_only(dir_.path("none")).error().code, ErrorCode::kNotFound);
}

TEST_F(EmbeddedLogTest, TheFileShrinksWhenMuchIsTrimmed) {
  std::mt19937 random(1);
  std::vector<std::string> lines(40);
  for (std::string& line : lines) {
    line.resize(1'000'000);
    for (char& c : line) c = static_cast<char>('0' + random() % 64);
  }
  Session run(options(), lines, 1);
  for (int i = 1; i <= 40; ++i) {
    run.poll();
    run.commit(i);
  }
  const auto before = run.log->size();
  run.log->trim(kFolder, 39);
  for (int i = 0; i < 6; ++i) run.commit(40, std::to_string(i));
  const auto after = run.log->size();
  ASSERT_TRUE(before && after);
  EXPECT_GT(before->database, std::uint64_t{25} << 20);
  EXPECT_LT(after->database, std::uint64_t{10} << 20);
  EXPECT_EQ(run.log->extent(kFolder), (Extent{39, 40}));
}

// The alerts file.

class AlertsFile : public EmbeddedLogTest {
 protected:
  void run(std::vector<std::string> lines) {
    Session run(options());
    for (std::string& line : lines) run.alert(std::move(line));
    run.commit(0);
  }
  std::string path() const { return options().alerts_file; }
};

TEST_F(AlertsFile, ATornLineIsMadeWhole) {
  run({"one", "two"});
  // As if it had ended in the middle of the append: the record is behind.
  auto database = sqlite::Database::open(options().database, sqlite::Database::Mode::kReadWrite);
  ASSERT_TRUE(database->execute("UPDATE delivered SET next_offset = 1, position = 4").has_value());
  for (const char* torn : {"one\n", "one\ntw", "one\ntwo\n", "one\nxx garbage behind"}) {
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << torn;
    run({});
    EXPECT_EQ(alerts(), "one\ntwo\n") << torn;
    ASSERT_TRUE(database->execute("UPDATE delivered SET next_offset = 1, position = 4").has_value());
  }
}

TEST_F(AlertsFile, AFileThatWasRotatedAwayBeginsAnew) {
  run({"one"});
  fs::rename(path(), path() + ".1");
  run({"two"});
  EXPECT_EQ(alerts(), "two\n");
  EXPECT_EQ(read_file(path() + ".1"), "one\n");
}

TEST_F(AlertsFile, RotationWhileRunning) {
  Session run(options());
  run.alert("one");
  run.commit(0);
  fs::rename(path(), path() + ".1");
  run.alert("two");
  run.commit(0);
  EXPECT_EQ(alerts(), "two\n");
  fs::resize_file(path(), 0);  // copytruncate
  run.alert("three");
  run.commit(0);
  EXPECT_EQ(alerts(), "three\n");
}

TEST_F(AlertsFile, WhatStoodThereBeforeTheFirstStartStays) {
  std::ofstream(path()) << "of somebody else";
  run({"one"});
  EXPECT_EQ(alerts(), "of somebody else\none\n");
}

TEST_F(AlertsFile, AFileThatCannotBeWrittenHoldsUpNothing) {
  Session run(options());
  run.alert("one");
  run.commit(0);
  fs::rename(path(), path() + ".1");
  fs::create_directory(path());
  run.alert("two");
  EXPECT_EQ(run.commit(0), CommitResult::kCommitted);
  EXPECT_THAT(run.log->trouble(), HasSubstr("not in their file"));
  fs::remove(path());
  std::this_thread::sleep_for(milliseconds{600});
  run.poll();
  EXPECT_EQ(alerts(), "two\n");
  EXPECT_EQ(run.log->trouble(), "");
}

// Killed at any point.

struct Killed {};

/// The loop of a service that writes one alert and one ledger record for each line.
void serve(const EmbeddedOptions& options, const std::string& lines, bool forever) {
  auto opened = EmbeddedLog::open(options, std::make_unique<LinesInput>(lines));
  if (!opened) throw std::runtime_error(opened.error().message);
  EmbeddedLog& log = **opened;
  Owner owner;
  Polled polled;
  if (!log.poll(milliseconds{0}, polled, owner)) throw std::runtime_error("poll");
  log.start(kFolder);
  std::int64_t next = *owner.now.front().next_offset;
  while (true) {
    if (!log.poll(milliseconds{1}, polled, owner)) throw std::runtime_error("poll");
    for (const Message& message : polled.batch.messages) {
      log.append({.topic = std::string(kAlertsTopic), .key = "k", .value = std::string(message.value)});
      log.append({.topic = std::string(kLedgerTopic), .key = "k", .value = std::to_string(message.offset)});
      next = message.offset + 1;
      // Not always all that was polled.
      if (next % 5 == 0 && log.commit(std::array{Progress{kFolder, next, ""}}) != CommitResult::kCommitted)
        throw std::runtime_error("commit");
    }
    if (log.commit(std::array{Progress{kFolder, next, ""}}) != CommitResult::kCommitted)
      throw std::runtime_error("commit");
    if (!forever && !polled.caught_up.empty()) return;
  }
}

class KilledAnywhere : public EmbeddedLogTest {
 protected:
  void grow(int lines) {
    std::ofstream file(dir_.path("lines"), std::ios::app);
    for (int i = 0; i < lines; ++i) {
      const std::string line = "line " + std::to_string(count_++);
      file << line << "\n";
      expected_ += line + "\n";
    }
  }
  void serve_to_the_end() { serve(options(), dir_.path("lines"), false); }
  void expect_each_line_once() {
    serve_to_the_end();
    EXPECT_EQ(alerts(), expected_);
    std::string in_topic, in_journal;
    for (const std::string& line : read_all(options().database, kAlertsTopic)) in_topic += line.substr(2) + "\n";
    for (const std::string& line : read_all(options().database, "folder")) in_journal += line.substr(1) + "\n";
    EXPECT_EQ(in_topic, expected_);
    EXPECT_EQ(in_journal, expected_);
    int next = 0;
    for (const std::string& offset : read_all(options().database, kLedgerTopic))
      EXPECT_EQ(offset, "k=" + std::to_string(next++));
    EXPECT_EQ(next, count_);
  }

  int count_ = 0;
  std::string expected_;
};

TEST_F(KilledAnywhere, AtEveryNamedPoint) {
  for (const char* point : {"embedded_before_commit", "embedded_in_transaction", "embedded_after_commit",
                            "embedded_mid_alert_append", "embedded_before_delivered"}) {
    for (int hit = 1; hit <= 4; ++hit) {
      grow(7);
      int left = hit;
      failpoint::set_hook([&](std::string_view name) {
        if (name == point && --left == 0) throw Killed{};
      });
      EXPECT_THROW(serve_to_the_end(), Killed) << point << " " << hit;
      failpoint::set_hook({});
      grow(1);
    }
    expect_each_line_once();
  }
}

TEST_F(KilledAnywhere, AtRandomTimesBySignal) {
  std::mt19937 random(20240313);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{3};
  int kills = 0;
  for (; std::chrono::steady_clock::now() < until; ++kills) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        serve(options(), dir_.path("lines"), true);
      } catch (const std::exception& error) {
        ::dprintf(2, "%s\n", error.what());
      }
      ::_exit(1);
    }
    for (int i = 0; i < 3; ++i) {
      grow(static_cast<int>(random() % 40));
      std::this_thread::sleep_for(std::chrono::microseconds{random() % 8000});
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  EXPECT_GT(kills, 10);
  expect_each_line_once();
}

TEST_F(KilledAnywhere, AtNamedPointsBySignal) {
  for (const char* point :
       {"embedded_in_transaction", "embedded_after_commit", "embedded_mid_alert_append", "embedded_before_delivered"}) {
    grow(20);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      int left = 3;
      failpoint::set_hook([&](std::string_view name) {
        if (name == point && --left == 0) ::raise(SIGKILL);
      });
      serve(options(), dir_.path("lines"), false);
      ::_exit(1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << point;
  }
  expect_each_line_once();
}

}  // namespace
}  // namespace trailwarden::stream
