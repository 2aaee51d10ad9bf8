#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "stream/kafka_options.h"

namespace trailwarden::stream {

namespace kafka {
class Client;
struct Topics;
}  // namespace kafka

struct KafkaWriterOptions {
  KafkaConnection connection;
  std::chrono::milliseconds linger{20};  // how long a batch is gathered, 5 to 50 ms: latency against compression
};

/// Writes messages as fast as the brokers take them: idempotent (no message twice, none out of order), acknowledged by all replicas, without
/// transactions. For filling topics; what must be all or nothing goes through `KafkaLog`.
///
/// Threads: one.
class KafkaWriter {
 public:
  /// kInvalidArgument with what the library says of the settings; asks nobody yet.
  static Result<std::unique_ptr<KafkaWriter>> create(KafkaWriterOptions options);
  /// What was not flushed is dropped.
  ~KafkaWriter();

  /// Takes copies. Waits while a million messages or 1 GB are under way. The key decides the partition (murmur2, as everywhere in Kafka); an empty one
  /// is no key. kIo, kNotFound, kTooLarge: this message will not be written.
  Result<void> write(const std::string& topic, std::string_view key, std::string_view value);

  /// Waits until everything is acknowledged or failed; kIo if it takes longer, or if anything failed since the writer was made.
  Result<void> flush(std::chrono::milliseconds limit);

  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t failed() const { return failed_; }
  /// Why the first one failed; empty if none did.
  const std::string& first_error() const { return first_error_; }

 private:
  KafkaWriter();
  void delivered(const std::string& problem);

  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Topics> topics_;
  std::uint64_t acknowledged_ = 0, failed_ = 0;
  std::string first_error_;
};

}  // namespace trailwarden::stream
