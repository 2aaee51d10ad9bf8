#include "core/log.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "core/check.h"
#include "core/line_writer.h"
#include "core/thread.h"

namespace trailwarden {
namespace {

using namespace std::chrono_literals;

/// A pipe, as a program's stderr may be one.
struct Pipe {
  Pipe() { TRAILWARDEN_CHECK(::pipe(ends) == 0, "there are file descriptors left"); }
  ~Pipe() {
    close_reader();
    ::close(ends[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void close_reader() {
    if (ends[0] >= 0) ::close(ends[0]);
    ends[0] = -1;
  }
  /// Leaves no room at all in it.
  void fill() const {
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    const std::string bytes(4096, '.');
    while (::write(ends[1], bytes.data(), bytes.size()) > 0) {}
    ::fcntl(ends[1], F_SETFL, 0);
  }
  /// What is read until `last` was.
  std::string read_until(std::string_view last) const {
    std::string all;
    char buffer[65536];
    while (all.find(last) == std::string::npos) {
      const ssize_t got = ::read(ends[0], buffer, sizeof buffer);
      if (got <= 0) break;
      all.append(buffer, static_cast<std::size_t>(got));
    }
    return all;
  }

  int ends[2];
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void ignore_loss(std::uint64_t) {}

TEST(LineWriter, WritesLinesInOrder) {
  const Pipe pipe;
  LineWriter writer(pipe.ends[1], {}, ignore_loss);
  writer.push("one\n");
  writer.push("two\n");
  EXPECT_TRUE(writer.flush(10s));
  EXPECT_EQ(pipe.read_until("two\n"), "one\ntwo\n");
  EXPECT_EQ(writer.dropped(), 0U);
}

TEST(LineWriter, IsDoneWithNothingToDo) {
  const Pipe pipe;
  EXPECT_TRUE(LineWriter(pipe.ends[1], {}, ignore_loss).flush(0s));
}

// F81: the reader stops. That this test ends is the claim.
TEST(LineWriter, APipeThatNobodyReadsBlocksNobody) {
  constexpr std::size_t kLines = 100'000;
  Pipe pipe;
  pipe.fill();
  LineWriter* self = nullptr;
  LineWriter writer(pipe.ends[1], {.lines = 100}, [&self](std::uint64_t lines) { self->push("lost " + std::to_string(lines) + "\n"); });
  self = &writer;
  for (std::size_t i = 0; i < kLines; ++i) writer.push("\nline " + std::to_string(i) + "\n");
  EXPECT_FALSE(writer.flush(1ms));
  const std::uint64_t dropped = writer.dropped();
  EXPECT_GE(dropped, kLines - 101);  // the queue, and the line the thread holds
  EXPECT_LT(dropped, kLines);

  // The reader is back: first the oldest lines, then how many are missing.
  const std::string note = "lost " + std::to_string(dropped) + "\n";
  const std::string all = pipe.read_until(note);
  EXPECT_NE(all.find("\nline 0\n"), std::string::npos);
  EXPECT_TRUE(all.ends_with(note));
  EXPECT_TRUE(writer.flush(10s));
}

TEST(LineWriter, BytesAreBoundedToo) {
  Pipe pipe;
  pipe.fill();
  LineWriter writer(pipe.ends[1], {.bytes = 1000}, ignore_loss);
  for (int i = 0; i < 20; ++i) writer.push(std::string(400, 'x') + "\n");
  EXPECT_GE(writer.dropped(), 20U - 3U);
  pipe.close_reader();
  EXPECT_TRUE(writer.flush(10s));
}

TEST(LineWriter, AClosedPipeLosesLinesAndNothingElse) {
  Pipe pipe;
  pipe.close_reader();
  LineWriter writer(pipe.ends[1], {}, ignore_loss);
  writer.push("one\n");
  writer.push("two\n");
  EXPECT_TRUE(writer.flush(10s));
  EXPECT_EQ(writer.dropped(), 2U);
}

TEST(LineWriter, ANonBlockingPipeLosesNothing) {
  const Pipe pipe;
  pipe.fill();
  ::fcntl(pipe.ends[1], F_SETFL, O_NONBLOCK);
  LineWriter writer(pipe.ends[1], {}, ignore_loss);
  writer.push("one\n");
  EXPECT_FALSE(writer.flush(1ms));
  EXPECT_TRUE(pipe.read_until("one\n").ends_with("one\n"));
  EXPECT_TRUE(writer.flush(10s));
}

TEST(LineWriter, TakesLinesFromManyThreads) {
  const Pipe pipe;
  LineWriter writer(pipe.ends[1], {}, ignore_loss);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&writer] {
      for (int i = 0; i < 250; ++i) writer.push("line\n");
    });
  for (std::thread& thread : threads) thread.join();
  writer.push("end\n");
  EXPECT_EQ(lines_of(pipe.read_until("end\n")).size(), 1001U);
}

TEST(Thread, TakesNoSignals) {
  bool blocked = false;
  auto thread = start_thread("test", [&blocked] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGPIPE) == 1 && sigismember(&mask, SIGSEGV) == 0;
  });
  ASSERT_TRUE(thread.has_value());
  thread->join();
  EXPECT_TRUE(blocked);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0) << "the starter's own signals are as they were";
}

/// What happens to a process, in a process of its own.
class LogDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

void log_a_lot_into_a_full_pipe() {
  const Pipe pipe;
  pipe.fill();
  ::dup2(pipe.ends[1], STDERR_FILENO);
  for (std::int64_t i = 0; i < 100'000; ++i) log::error("test.line", {{"number", i}});
  std::exit(log::dropped_lines() > 0 ? 0 : 1);
}

TEST_F(LogDeathTest, ABlockedStderrKeepsNobodyFromWorkingOrLeaving) { EXPECT_EXIT(log_a_lot_into_a_full_pipe(), ::testing::ExitedWithCode(0), ""); }

TEST_F(LogDeathTest, WhatWaitsIsWrittenAtExit) {
  EXPECT_EXIT(
      {
        log::warn("test.field", {{"text", "a\"b"}, {"number", std::int64_t{-1}}, {"flag", true}});
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), R"("level":"warning","event":"test.field","text":"a\\"b","number":-1,"flag":true)");
}

TEST_F(LogDeathTest, LinesBelowTheLevelAreNotWritten) {
  EXPECT_EXIT(
      {
        log::debug("test.quiet");
        log::set_level(log::Level::kError);
        log::warn("test.quiet");
        log::flush();
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "^$");
}

#ifndef __SANITIZE_THREAD__  // whose runtime refuses threads in a child of a program with threads
void log_in_a_child() {
  log::info("test.parent");
  log::flush();
  if (::fork() == 0) {
    log::info("test.child");
    std::exit(0);
  }
  int status = 0;
  ::wait(&status);
  std::exit(WEXITSTATUS(status));
}

TEST_F(LogDeathTest, AChildLogsOnItsOwn) { EXPECT_EXIT(log_in_a_child(), ::testing::ExitedWithCode(0), "test.parent.*\n.*test.child"); }
#endif

TEST_F(LogDeathTest, AFailedCheckSpeaksAfterTheLog) {
  EXPECT_EXIT(
      {
        log::info("test.before");
        TRAILWARDEN_CHECK(1 > 2, "one is more than two");
      },
      ::testing::KilledBySignal(SIGABRT), "test.before.*\n.*believed that one is more than two, but not");
}

void fail_a_check_at_a_full_pipe() {
  const Pipe pipe;
  pipe.fill();
  ::dup2(pipe.ends[1], STDERR_FILENO);
  TRAILWARDEN_CHECK(1 > 2, "one is more than two");
}

TEST_F(LogDeathTest, AFailedCheckEndsTheProgramThoughNobodyListens) {
  EXPECT_EXIT(fail_a_check_at_a_full_pipe(), ::testing::KilledBySignal(SIGABRT), "");
}

}  // namespace
}  // namespace trailwarden
