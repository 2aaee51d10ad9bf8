#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/epoch.h"
#include "stream/topic_names.h"
#include "testing/memory_object_store.h"
#include "testing/power_cuts.h"
#include "testing/sim_broker.h"
#include "testing/traffic.h"

namespace trailwarden::testing {

inline constexpr std::int32_t kPartitions = 3;
inline constexpr const char* kInput = "cloudtrail";
inline constexpr archive::EpochRules kEpochRules{std::chrono::seconds{60}, 20'000};

/// A broker with an input and ticks, a store that fails, and power that goes out at failpoints: what all simulations of a trail have. One at a time.
class FailingCluster {
 public:
  FailingCluster(std::uint64_t seed, SimFaults faults) : broker_(seed, faults), store_(std::make_shared<MemoryObjectStore>()) {
    broker_.create_topic(kInput, kPartitions);
    broker_.create_topic(stream::kTicksTopic, kPartitions);
    using StoreCall = MemoryObjectStore::Call;
    const auto busy = [] { return std::optional(trail::StoreError{trail::StoreFault::kNotNow, "SlowDown", "the store is busy"}); };
    store_->refuse = [this, busy](StoreCall, std::string_view) { return store_is_away || broker_.dice().chance(trouble) ? busy() : std::nullopt; };
    store_->lose = [this, busy](StoreCall, std::string_view) { return broker_.dice().chance(trouble) ? busy() : std::nullopt; };
  }

  SimBroker& broker() { return broker_; }
  MemoryObjectStore& store() { return *store_; }
  double trouble = 0.1;  // of each call to the store
  bool store_is_away = false;

  void cut_after(std::uint64_t failpoints) { power_.after(failpoints); }

  void put(const std::vector<testing::Call>& calls) {
    std::string value;
    for (const testing::Call& call : calls) value += to_json(call) + "\n";
    broker_.put(kInput, static_cast<std::int32_t>(broker_.dice().below(kPartitions)), value);
  }
  void put_into(std::int32_t partition, const testing::Call& call) { broker_.put(kInput, partition, to_json(call)); }
  void tick() {
    for (std::int32_t p = 0; p < kPartitions; ++p) broker_.put(stream::kTicksTopic, p, "{}");
  }

 protected:
  SimBroker broker_;
  std::shared_ptr<MemoryObjectStore> store_;

  /// Whether a group has committed all that is in the input.
  bool has_consumed(const std::string& group) { return broker_.has_consumed(group, kInput, kPartitions); }

 private:
  PowerCuts power_;
};

}  // namespace trailwarden::testing
