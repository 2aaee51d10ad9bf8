#include "ingest/folder_watcher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "stream/embedded_log.h"
#include "testing/gzip.h"
#include "testing/tar.h"
#include "testing/temp_dir.h"

namespace trailwarden::ingest {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using stream::SourceFault;
using ::testing::ElementsAre;
using testing::gzip;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::tar_end;
using testing::tar_member;
using testing::TempDir;

std::string record(const std::string& id) { return R"({"eventName":"GetObject","eventID":")" + id + "\"}"; }
std::string delivery(const std::string& id) { return R"({"Records":[)" + record(id) + "]}"; }
std::string delivered_at(const std::string& stamp) {
  return "111122223333_CloudTrail_us-east-1_" + stamp + "_AbCd.json.gz";
}

/// A watcher with what an owner would keep of it: everything it gave counts at once.
class Watch {
 public:
  explicit Watch(const std::string& folder, std::map<std::int64_t, std::string> kept = {},
                 std::size_t max_document_bytes = 1 << 20)
      : kept_(std::move(kept)), folder_(folder + "/") {
    auto opened = FolderWatcher::open({.folder = folder,
                                       .max_document_bytes = max_document_bytes,
                                       .settle = milliseconds{150},
                                       .rescan = milliseconds{100}});
    EXPECT_TRUE(opened.has_value());
    watcher_ = std::move(*opened);
    for (const auto& [id, state] : kept_) watcher_->restore(id, state);
  }

  /// What comes until nothing waits: "name:value", or "name!detail".
  std::vector<std::string> take(milliseconds wait = milliseconds{0}) {
    std::vector<std::string> out;
    const auto deadline = std::chrono::steady_clock::now() + wait;
    stream::InputBatch input;
    do {
      const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
      EXPECT_TRUE(watcher_->poll(std::max(left, milliseconds{0}), input).has_value());
      for (const stream::Message& message : input.batch.messages) out.push_back(text(message));
      for (const stream::SourceMark& mark : input.marks) keep(mark);
    } while (!input.drained || (out.empty() && std::chrono::steady_clock::now() < deadline));
    return out;
  }

  const std::map<std::int64_t, std::string>& kept() const { return kept_; }
  FolderWatcher& watcher() { return *watcher_; }
  std::vector<std::optional<AppendTime>> append_times;

 private:
  std::string text(const stream::Message& message) {
    append_times.push_back(message.append_time);
    std::string name(message.origin);
    if (name.starts_with(folder_)) name.erase(0, folder_.size());
    if (message.fault != SourceFault::kNone) return name + "!" + message.fault_detail;
    std::string value(message.value);
    while (value.ends_with('\n')) value.pop_back();
    return name + ":" + value;
  }
  void keep(const stream::SourceMark& mark) {
    if (mark.state)
      kept_[mark.source] = *mark.state;
    else
      kept_.erase(mark.source);
  }

  std::map<std::int64_t, std::string> kept_;
  std::string folder_;
  std::unique_ptr<FolderWatcher> watcher_;
};

class Folder : public ::testing::Test {
 protected:
  void append(const std::string& name, const std::string& text) const {
    std::ofstream(dir_.path(name), std::ios::app | std::ios::binary) << text;
  }
  /// As a careful writer does it.
  void deliver(const std::string& name, const std::string& bytes) const {
    dir_.write(name + ".tmp", bytes);
    fs::rename(dir_.path(name + ".tmp"), dir_.path(name));
  }
  TempDir dir_;
};

using FolderWatcherTest = Folder;

TEST_F(FolderWatcherTest, TakesWhatIsThereInOrderOfStampThenName) {
  dir_.write("z/" + delivered_at("20240313T0805Z"), gzip(delivery("first")));
  dir_.write("a/" + delivered_at("20240313T0810Z"), gzip(delivery("second")));
  dir_.write("b.json", delivery("none"));
  dir_.write(".hidden/x.json", delivery("hidden"));
  dir_.write(".x.json", delivery("hidden"));
  dir_.write("x.json.part", delivery("unfinished"));
  Watch watch(dir_.path());
  EXPECT_THAT(watch.take(seconds{5}),
              ElementsAre("b.json:" + delivery("none"), "z/" + delivered_at("20240313T0805Z") + ":" + delivery("first"),
                          "a/" + delivered_at("20240313T0810Z") + ":" + delivery("second")));
  EXPECT_EQ(watch.append_times[0], std::nullopt);
  EXPECT_EQ(watch.append_times[1], AppendTime{seconds{1'710'317'100}});
  EXPECT_THAT(watch.take(), IsEmpty());
}

TEST_F(FolderWatcherTest, TakesWhatIsRenamedOrClosedWithoutWaiting) {
  Watch watch(dir_.path());
  EXPECT_THAT(watch.take(), IsEmpty());
  deliver("a.json", delivery("a"));
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("a.json:" + delivery("a")));
  dir_.write("b.json.gz", gzip(delivery("b")));
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("b.json.gz:" + delivery("b")));
}

TEST_F(FolderWatcherTest, WaitsForAFileThatIsBeingWritten) {
  Watch watch(dir_.path());
  watch.take();
  std::ofstream file(dir_.path("a.json"));
  const std::string text = delivery("a");
  for (std::size_t i = 0; i < 6; ++i) {
    file << text.substr(i * text.size() / 6, (i + 1) * text.size() / 6 - i * text.size() / 6) << std::flush;
    EXPECT_THAT(watch.take(), IsEmpty()) << i;
    std::this_thread::sleep_for(milliseconds{40});
  }
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("a.json:" + text)) << "nobody closed it, but it has settled";
}

TEST_F(FolderWatcherTest, LooksIntoNewFolders) {
  Watch watch(dir_.path());
  watch.take();
  dir_.write("2024/03/13/a.json", delivery("a"));
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("2024/03/13/a.json:" + delivery("a")));
  deliver("2024/03/13/b.json", delivery("b"));
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("2024/03/13/b.json:" + delivery("b")));
}

TEST_F(FolderWatcherTest, LinesAreTakenWhenTheyAreWhole) {
  Watch watch(dir_.path());
  watch.take();
  append("a.jsonl", record("1") + "\n" + record("2").substr(0, 10));
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("a.jsonl:" + record("1")));
  append("a.jsonl", record("2").substr(10) + "\n" + record("3") + "\n");
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("a.jsonl:" + record("2") + "\n" + record("3")));
  EXPECT_THAT(watch.take(milliseconds{400}), IsEmpty());
}

TEST_F(FolderWatcherTest, ALastLineWithoutNewlineIsTakenWhenItIsWholeAndQuiet) {
  Watch watch(dir_.path());
  watch.take();
  append("a.jsonl", record("1"));
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("a.jsonl:" + record("1")));
  append("a.jsonl", "\n" + record("2").substr(0, 12));
  EXPECT_THAT(watch.take(milliseconds{500}), IsEmpty());
  append("a.jsonl", record("2").substr(12) + "\n");
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("a.jsonl:" + record("2")));
}

TEST_F(FolderWatcherTest, AFileOfLinesThatWasCutBeginsAnew) {
  Watch watch(dir_.path());
  append("a.jsonl", record("1") + "\n" + record("2") + "\n");
  watch.take(seconds{5});
  fs::resize_file(dir_.path("a.jsonl"), 0);
  append("a.jsonl", record("3") + "\n");
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("a.jsonl:" + record("3")));
  // Cut, and longer than before when we look again.
  fs::resize_file(dir_.path("a.jsonl"), 0);
  append("a.jsonl", record("4") + "\n" + record("5") + "\n");
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("a.jsonl:" + record("4") + "\n" + record("5")));
}

TEST_F(FolderWatcherTest, RotationLosesAndDoublesNothing) {
  Watch watch(dir_.path());
  append("a.jsonl", record("1") + "\n");
  watch.take(seconds{5});
  append("a.jsonl", record("2") + "\n");
  fs::rename(dir_.path("a.jsonl"), dir_.path("a.jsonl.1"));
  append("a.jsonl", record("3") + "\n");
  append("a.jsonl.1", record("4") + "\n");
  std::vector<std::string> got = watch.take(seconds{5});
  for (std::string& more : watch.take(milliseconds{600})) got.push_back(std::move(more));
  EXPECT_THAT(
      got, ::testing::UnorderedElementsAre("a.jsonl:" + record("3"), "a.jsonl.1:" + record("2") + "\n" + record("4")));
  Watch again(dir_.path(), watch.kept());
  EXPECT_THAT(again.take(milliseconds{300}), IsEmpty());
}

TEST_F(FolderWatcherTest, AFileIsReadOnceAlsoAfterARestartOrUnderAnotherName) {
  dir_.write("a.json", delivery("a"));
  append("b.jsonl", record("1") + "\n");
  Watch first(dir_.path());
  EXPECT_EQ(first.take(seconds{5}).size() + first.take(milliseconds{400}).size(), 2U);
  fs::create_directory(dir_.path("done"));
  fs::rename(dir_.path("a.json"), dir_.path("done/renamed.json"));
  append("b.jsonl", record("2") + "\n");
  Watch second(dir_.path(), first.kept());
  EXPECT_THAT(second.take(seconds{5}), ElementsAre("b.jsonl:" + record("2")));
  EXPECT_THAT(second.take(milliseconds{400}), IsEmpty());
}

TEST_F(FolderWatcherTest, AFileThatChangesIsReadAgain) {
  Watch watch(dir_.path());
  deliver("a.json", delivery("a"));
  watch.take(seconds{5});
  deliver("a.json", delivery("b"));
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("a.json:" + delivery("b")));
}

TEST_F(FolderWatcherTest, ACopyOfTheFolderIsKnown) {
  dir_.write("in/a.json", delivery("a"));
  append("in/b.jsonl", record("1") + "\n");
  Watch first(dir_.path("in"));
  EXPECT_EQ(first.take(seconds{5}).size() + first.take(milliseconds{400}).size(), 2U);
  ASSERT_EQ(std::system(("cp -a " + dir_.path("in") + " " + dir_.path("copy")).c_str()), 0);
  Watch second(dir_.path("copy"), first.kept());
  EXPECT_THAT(second.take(milliseconds{400}), IsEmpty());
  append("copy/b.jsonl", record("2") + "\n");
  EXPECT_THAT(second.take(seconds{5}), ElementsAre("b.jsonl:" + record("2")));
}

TEST_F(FolderWatcherTest, FilesThatAreGoneAreForgotten) {
  dir_.write("a.json", delivery("a"));
  dir_.write("b.json", delivery("b"));
  Watch watch(dir_.path());
  while (watch.kept().size() < 2) watch.take(milliseconds{200});
  fs::remove(dir_.path("a.json"));
  for (int i = 0; i < 50 && watch.kept().size() > 1; ++i) watch.take(milliseconds{50});
  EXPECT_EQ(watch.kept().size(), 1U);
}

TEST_F(FolderWatcherTest, LinksAreLeftAlone) {
  const TempDir other;
  fs::create_symlink(other.write("secret.json", delivery("secret")), dir_.path("link.json"));
  fs::create_directory_symlink(other.path(), dir_.path("folder"));
  dir_.write("a.json", delivery("a"));
  Watch watch(dir_.path());
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("a.json:" + delivery("a")));
  EXPECT_THAT(watch.take(milliseconds{300}), IsEmpty());
}

TEST_F(FolderWatcherTest, WhatCannotBeReadIsSaidOnceUntilItChanges) {
  if (::geteuid() == 0) {
    ASSERT_EQ(::chmod(dir_.path().c_str(), 0777), 0);
  }
  dir_.write("a.json", delivery("a"));
  fs::permissions(dir_.path("a.json"), fs::perms::none);
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  Watch watch(dir_.path());
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre(HasSubstr("a.json!open")));
  EXPECT_THAT(watch.take(milliseconds{400}), IsEmpty());
  Watch again(dir_.path(), watch.kept());
  EXPECT_THAT(again.take(milliseconds{400}), IsEmpty());
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  fs::permissions(dir_.path("a.json"), fs::perms::owner_all | fs::perms::others_all);
  EXPECT_THAT(again.take(seconds{5}), ElementsAre("a.json:" + delivery("a")));
}

TEST_F(FolderWatcherTest, DamageIsSaidWhereItIs) {
  const std::string packed = gzip(delivery("a"));
  dir_.write("a.json.gz", packed.substr(0, packed.size() / 2));
  Watch watch(dir_.path());
  std::vector<std::string> got = watch.take(seconds{5});
  EXPECT_THAT(got, ::testing::Contains(HasSubstr("a.json.gz!")));
  EXPECT_THAT(watch.take(milliseconds{400}), IsEmpty());
}

TEST_F(FolderWatcherTest, ALineThatIsTooLargeIsPassedOver) {
  append("b.jsonl", record("1") + "\n" + std::string(500'000, 'x') + "\n" + record("2") + "\n");
  Watch watch(dir_.path(), {}, 300'000);
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("b.jsonl:" + record("1"), HasSubstr("b.jsonl!this line is larger"),
                                                  "b.jsonl:" + record("2")));
}

TEST_F(FolderWatcherTest, ArchivesAreReadByMember) {
  deliver("a.tar.gz", gzip(tar_member(delivered_at("20240313T0810Z"), gzip(delivery("2"))) +
                           tar_member(delivered_at("20240313T0805Z"), gzip(delivery("1"))) + tar_end()));
  Watch watch(dir_.path());
  EXPECT_THAT(watch.take(seconds{5}), ElementsAre("a.tar.gz:" + delivered_at("20240313T0805Z") + ":" + delivery("1"),
                                                  "a.tar.gz:" + delivered_at("20240313T0810Z") + ":" + delivery("2")));
  EXPECT_TRUE(watch.append_times[0].has_value());
}

TEST_F(FolderWatcherTest, AnUnreadableFolderIsTrouble) {
  fs::create_directory(dir_.path("in"));
  Watch watch(dir_.path("in"));
  watch.take();
  EXPECT_EQ(watch.watcher().trouble(), "");
  fs::remove(dir_.path("in"));
  watch.take(milliseconds{300});
  EXPECT_THAT(watch.watcher().trouble(), HasSubstr("cannot be listed"));
  fs::create_directory(dir_.path("in"));
  watch.take(milliseconds{300});
  EXPECT_EQ(watch.watcher().trouble(), "");
}

TEST_F(FolderWatcherTest, WakeEndsAWait) {
  Watch watch(dir_.path());
  watch.take();
  std::thread waker([&] {
    std::this_thread::sleep_for(milliseconds{50});
    watch.watcher().wake();
  });
  stream::InputBatch input;
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(watch.watcher().poll(seconds{20}, input).has_value());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds{10});
  waker.join();
}

TEST_F(FolderWatcherTest, GoesOnInsideAFile) {
  std::string lines, values;
  for (int i = 0; i < 20'000; ++i) lines += record(std::to_string(i)) + "\n";
  for (int i = 0; i < 3'000; ++i) values += delivery(std::string(200, 'x') + std::to_string(i)) + " ";
  dir_.write("a.jsonl", lines);
  dir_.write("b.json.gz", gzip(lines));
  dir_.write("c.json", values);
  std::map<std::string, std::string> got;
  std::map<std::int64_t, std::string> kept;
  std::uint64_t restarts = 0;
  for (bool drained = false; !drained || got.size() < 3; ++restarts) {
    ASSERT_LT(restarts, 1000U);
    auto watcher = FolderWatcher::open({.folder = dir_.path(), .settle = milliseconds{50}});
    for (const auto& [id, state] : kept) (*watcher)->restore(id, state);
    stream::InputBatch input;
    ASSERT_TRUE((*watcher)->poll(milliseconds{300}, input).has_value());
    drained = input.drained;
    // Only the first message counts before the next restart.
    const std::size_t count = std::min<std::size_t>(input.batch.messages.size(), 1);
    for (std::size_t i = 0; i < count; ++i)
      got[fs::path(input.batch.messages[i].origin).filename()] += input.batch.messages[i].value;
    for (const auto& mark : input.marks)
      if (mark.messages <= count) kept[mark.source] = mark.state.value();
    drained = drained && count == input.batch.messages.size();
  }
  EXPECT_GT(restarts, 5U);
  EXPECT_EQ(got["a.jsonl"], lines);
  EXPECT_EQ(got["b.json.gz"], lines);
  EXPECT_EQ(std::count(got["c.json"].begin(), got["c.json"].end(), '}'), 6'000);
}

// With the log, killed at any time.

class Owner final : public stream::Member {
 public:
  void assigned(std::vector<stream::Assigned> partitions) override { next = *partitions.front().next_offset; }
  void revoked(std::span<const stream::PartitionId>) override {}
  void lost(std::span<const stream::PartitionId>) override {}
  std::int64_t next = 0;
};

/// Writes every record that it reads as an alert.
void serve(const TempDir& dir, bool forever) {
  auto watcher = FolderWatcher::open({.folder = dir.path("in"), .settle = milliseconds{100}});
  auto opened = stream::EmbeddedLog::open({.database = dir.path("log.db"), .alerts_file = dir.path("alerts.jsonl")},
                                          std::move(*watcher));
  if (!opened) throw std::runtime_error(opened.error().message);
  stream::EmbeddedLog& log = **opened;
  Owner owner;
  stream::Polled polled;
  if (!log.poll(milliseconds{0}, polled, owner)) throw std::runtime_error("poll");
  log.start({});
  const auto until = std::chrono::steady_clock::now() + milliseconds{500};
  while (forever || std::chrono::steady_clock::now() < until) {
    if (!log.poll(milliseconds{20}, polled, owner)) throw std::runtime_error("poll");
    for (const stream::Message& message : polled.batch.messages) {
      std::string_view rest = message.value;
      for (std::size_t at = rest.find("\"eventID\":\""); at != std::string_view::npos;
           at = rest.find("\"eventID\":\"")) {
        rest.remove_prefix(at + 11);
        log.append({.topic = std::string(stream::kAlertsTopic),
                    .key = "k",
                    .value = std::string(rest.substr(0, rest.find('"')))});
      }
      owner.next = message.offset + 1;
    }
    if (log.commit(std::array{stream::Progress{{}, owner.next, ""}}) != stream::CommitResult::kCommitted)
      throw std::runtime_error("commit");
  }
}

TEST_F(Folder, EveryRecordOnceWhenKilledAtAnyTime) {
  fs::create_directory(dir_.path("in"));
  std::mt19937 random(7);
  int next = 0;
  const auto until = std::chrono::steady_clock::now() + seconds{4};
  while (std::chrono::steady_clock::now() < until) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        serve(dir_, true);
      } catch (const std::exception& error) {
        ::dprintf(2, "%s\n", error.what());
      }
      ::_exit(1);
    }
    for (int i = 0; i < 6; ++i) {
      const std::string id = std::to_string(next++);
      switch (random() % 4) {
        case 0:
          deliver("in/" + id + ".json.gz", gzip(delivery(id)));
          break;
        case 1:
          dir_.write("in/" + id + ".json", delivery(id));
          break;
        case 2:
          append("in/grows.jsonl", record(id) + "\n");
          break;
        default:
          append("in/grows.jsonl", record(id).substr(0, 9));
          std::this_thread::sleep_for(milliseconds{random() % 4});
          append("in/grows.jsonl", record(id).substr(9) + "\n");
      }
      if (random() % 16 == 0 && fs::exists(dir_.path("in/grows.jsonl")))
        fs::rename(dir_.path("in/grows.jsonl"), dir_.path("in/grows.jsonl." + id));
      std::this_thread::sleep_for(milliseconds{random() % 10});
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  serve(dir_, false);
  std::multiset<int> alerts;
  std::ifstream file(dir_.path("alerts.jsonl"));
  for (std::string line; std::getline(file, line);) alerts.insert(std::stoi(line));
  std::multiset<int> expected;
  for (int i = 0; i < next; ++i) expected.insert(i);
  EXPECT_EQ(alerts, expected);
}

}  // namespace
}  // namespace trailwarden::ingest
