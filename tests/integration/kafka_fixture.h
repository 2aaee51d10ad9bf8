#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "stream/kafka_admin.h"
#include "stream/kafka_log.h"
#include "stream/kafka_writer.h"

namespace trailwarden::testing {

using namespace std::chrono_literals;

/// Joins in as a worker does: starts what it is given, keeps what it reads, and commits when it is asked to give partitions back.
class PlainMember final : public stream::Member {
 public:
  explicit PlainMember(stream::KafkaLog& log) : log_(log) {}

  void assigned(std::vector<stream::Assigned> partitions) override {
    for (const stream::Assigned& each : partitions) {
      assignments[each.partition] = each;
      own.insert(each.partition);
      if (each.next_offset) next[each.partition] = *each.next_offset;
      if (each.next_offset && starts) log_.start(each.partition);
    }
    ++times_assigned;
  }
  void revoked(std::span<const stream::PartitionId> partitions) override {
    if (commits_when_revoked) when_revoked = commit();
    for (const auto id : partitions) own.erase(id);
    ++times_revoked;
  }
  void lost(std::span<const stream::PartitionId> partitions) override {
    for (const auto id : partitions) own.erase(id);
    ++times_lost;
  }

  /// One poll; keeps what came.
  Result<void> poll(std::chrono::milliseconds wait = 100ms) {
    auto polled_once = log_.poll(wait, polled, *this);
    if (!polled_once) return polled_once;
    for (const stream::Message& message : polled.batch.messages) {
      values.emplace_back(message.value);
      next[stream::partition_of(message)] = message.offset + 1;
    }
    for (const auto& fault : polled.faults) faults.push_back(fault.reason);
    for (const auto& tick : polled.ticks) ticks.push_back(tick);
    for (const auto& each : polled.caught_up) caught_up[each.partition] = each.end;
    return polled_once;
  }

  /// Polls until `is_true` or for 30 s.
  template <class Condition>
  bool poll_until(Condition is_true) {
    for (const auto end = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < end;) {
      if (is_true()) return true;
      if (const auto done = poll(); !done) {
        ADD_FAILURE() << done.error().message;
        return false;
      }
    }
    return is_true();
  }

  std::vector<stream::Progress> progress(const std::string& metadata = "") const {
    std::vector<stream::Progress> all;
    for (const auto id : own)
      if (next.contains(id)) all.push_back({id, next.at(id), metadata});
    return all;
  }
  std::optional<stream::CommitResult> commit(const std::string& metadata = "") {
    const auto result = log_.commit(progress(metadata));
    return result ? std::optional(*result) : std::nullopt;
  }

  bool starts = true, commits_when_revoked = true;
  std::set<stream::PartitionId> own;
  std::map<stream::PartitionId, stream::Assigned> assignments;
  std::map<stream::PartitionId, std::int64_t> next, caught_up;
  std::vector<std::string> values, faults;
  std::vector<stream::Tick> ticks;
  std::optional<stream::CommitResult> when_revoked;
  int times_assigned = 0, times_revoked = 0, times_lost = 0;
  stream::Polled polled;

 private:
  stream::KafkaLog& log_;
};

/// A log with a member of it.
struct Joined {
  std::unique_ptr<stream::KafkaLog> log;
  std::unique_ptr<PlainMember> member;
};

/// Tests against a real cluster: TRAILWARDEN_KAFKA names its brokers; without it they are skipped. Every test has topics, a group and transactional
/// ids of its own.
class KafkaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const brokers = std::getenv("TRAILWARDEN_KAFKA");
    if (brokers == nullptr) GTEST_SKIP() << "TRAILWARDEN_KAFKA is not set to the brokers of a test cluster; scripts/stack up starts one";
    connection_.brokers = brokers;
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    prefix_ = fmt::format("{}-{:x}-{}", ::testing::UnitTest::GetInstance()->current_test_info()->name(), now, ::getpid());
    input_ = name("in");
    output_ = name("out");
  }

  std::string name(std::string_view what) const { return fmt::format("{}.{}", prefix_, what); }

  void make_topic(const std::string& topic, std::int32_t partitions = 1, std::map<std::string, std::string> config = {}) {
    const stream::TopicSpec spec{.name = topic, .partitions = partitions, .config = std::move(config)};
    const auto made = stream::create_topics(connection_, {&spec, 1});
    ASSERT_TRUE(made.has_value()) << made.error().message;
  }

  void fill(const std::string& topic, const std::vector<std::string>& values, const std::string& key = "k") {
    auto writer = stream::KafkaWriter::create({.connection = connection_}).value();
    for (const std::string& value : values) ASSERT_TRUE(writer->write(topic, key, value).has_value());
    const auto flushed = writer->flush(30s);
    ASSERT_TRUE(flushed.has_value()) << flushed.error().message;
  }

  stream::KafkaLogOptions options(std::string_view id = "a") const {
    stream::KafkaLogOptions options;
    options.connection = connection_;
    options.group = name("group");
    options.inputs = {input_};
    options.outputs = {output_};
    options.transactional_id = name(fmt::format("tx-{}", id));
    options.start_from.kind = stream::KafkaLogOptions::StartFrom::Kind::kEarliest;
    options.session_timeout = 6s;
    return options;
  }

  static Joined join(stream::KafkaLogOptions options) {
    Joined joined;
    auto log = stream::KafkaLog::create(std::move(options));
    EXPECT_TRUE(log.has_value()) << log.error().message;
    joined.log = std::move(*log);
    joined.member = std::make_unique<PlainMember>(*joined.log);
    return joined;
  }

  /// What a read_committed reader sees of a partition.
  static std::vector<std::string> read_all(stream::KafkaLog& log, const std::string& topic, std::int32_t partition = 0, std::int64_t from = 0,
                                           std::optional<std::int64_t> to = std::nullopt) {
    auto reader = log.read(topic, partition, from, to);
    EXPECT_TRUE(reader.has_value()) << reader.error().message;
    std::vector<std::string> values;
    stream::MessageBatch batch;
    while (reader) {
      const auto more = (*reader)->read(1s, batch);
      EXPECT_TRUE(more.has_value()) << more.error().message;
      if (!more) break;
      for (const auto& message : batch.messages) values.emplace_back(message.value);
      if (!*more) break;
    }
    return values;
  }

  stream::Outgoing out(std::string value) const { return {.topic = output_, .key = "k", .value = std::move(value), .headers = {}, .partition = 0}; }

  stream::KafkaConnection connection_;
  std::string prefix_, input_, output_;
};

}  // namespace trailwarden::testing
