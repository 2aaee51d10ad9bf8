#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/result.h"
#include "metrics/registry.h"

namespace trailwarden::app {

/// What a Kafka client says of itself every few seconds, as far as it is worth a metric: few series, however large the cluster's topics are.
struct ClientStatistics {
  struct Broker {
    bool is_up = false;
    double round_trip_seconds = 0;  // mean
    std::uint64_t send_errors = 0, receive_errors = 0;
  };
  std::string client;              // which of the process's clients: unique
  std::string type;                // "consumer", "producer"
  std::uint64_t queued = 0;        // messages: fetched and not taken yet, or written and not acknowledged yet
  std::map<std::string, Broker> brokers;  // by id; not those that were only asked for the others
};

/// Reads librdkafka's statistics. kMalformed if they are none.
/// Source: librdkafka STATISTICS.md, 2.0.2.
Result<ClientStatistics> parse_client_statistics(std::string_view json);

/// Keeps the last word of each client of one worker, and writes it all as metrics. One thread.
class ClientMetrics {
 public:
  explicit ClientMetrics(std::size_t worker) : worker_(std::to_string(worker)) {}

  void take(ClientStatistics statistics);
  /// Gauges `client_*` as of now; the errors since the last time are added.
  void write(metrics::Registry& registry);

 private:
  struct Errors {
    std::uint64_t sent = 0, received = 0;
  };

  const std::string worker_;
  std::map<std::string, ClientStatistics> newest_;  // by type: a client that was replaced is forgotten
  std::map<std::string, Errors> told_;              // by client and broker
};

}  // namespace trailwarden::app
