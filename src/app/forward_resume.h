#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "app/forward_journal.h"
#include "app/forward_target.h"
#include "core/result.h"
#include "ingest/file_source.h"
#include "stream/kafka_marked_writer.h"
#include "stream/kafka_options.h"

namespace trailwarden::app {

/// Sends in transactions of about a second, each with how far every file and object has come, and leaves out what earlier runs with the same journal sent.
///
/// An origin is known by its name and stored bytes: one that has grown is another one, sent from its beginning. One that cannot be read is tried again by the next run, from
/// where it broke off.
class ResumedTarget final : public ForwardTarget {
 public:
  /// `group`: of the service; what this is called in Kafka begins with it. The errors of `ForwardJournal` and `KafkaMarkedWriter`.
  static Result<std::unique_ptr<ResumedTarget>> open(const std::string& path, stream::KafkaConnection connection, const std::string& topic, const std::string& group, double rate);

  /// Whether all of it was sent. Counts those of which it was.
  bool is_done(std::string_view name, std::uint64_t bytes);
  /// Where the messages come from; outlives this.
  void read_from(ingest::FileSource& source) { source_ = &source; }

  void begin(const stream::Message& message) override;
  bool step() override;
  Result<void> write(std::string_view key, std::string_view value) override;
  Result<void> taken() override;
  /// The error also if something could not be read.
  Result<void> finish() override;
  std::uint64_t acknowledged() const override { return acknowledged_; }
  std::uint64_t failed() const override { return 0; }
  std::string remark() const override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Origin {
    std::uint64_t key = 0, steps = 0;
    std::uint64_t before = 0;  // steps of earlier runs
    bool changed = false, ended = false, unreadable = false;
  };

  ResumedTarget(ForwardJournal journal, double rate) : journal_(std::move(journal)), gap_(rate > 0 ? 1 / rate : 0) {}
  Origin& origin_of(std::uint32_t number);
  bool is_due() const;
  Result<void> commit();

  ForwardJournal journal_;
  std::unique_ptr<stream::KafkaMarkedWriter> writer_;
  const std::chrono::duration<double> gap_;  // from one record to the next
  ingest::FileSource* source_ = nullptr;
  std::unordered_map<std::uint32_t, Origin> origins_;  // begun, and not known to be at their end
  Origin* current_ = nullptr;
  bool in_unreadable_ = false;
  Clock::time_point begun_{};  // of the transaction, if something was written
  std::uint64_t written_ = 0, bytes_ = 0;  // in it
  std::uint64_t acknowledged_ = 0, done_before_ = 0, unreadable_ = 0;
};

}  // namespace trailwarden::app
