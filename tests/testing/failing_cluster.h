#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/epoch.h"
#include "core/failpoint.h"
#include "stream/topic_names.h"
#include "testing/memory_object_store.h"
#include "testing/sim_broker.h"
#include "testing/traffic.h"

namespace trailwarden::testing {

inline constexpr std::int32_t kPartitions = 3;
inline constexpr const char* kInput = "cloudtrail";
inline constexpr archive::EpochRules kEpochRules{std::chrono::seconds{60}, 20'000};

/// The number in a variable of the environment, such as a seed to repeat.
inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Thrown where the power goes out.
struct PowerCut {};

/// A broker with an input and ticks, a store that fails, and power that goes out at failpoints: what all simulations of a trail have. One at a time.
class FailingCluster {
 public:
  FailingCluster(std::uint64_t seed, SimFaults faults) : broker_(seed, faults), store_(std::make_shared<MemoryObjectStore>()) {
    broker_.create_topic(kInput, kPartitions);
    broker_.create_topic(stream::kTicksTopic, kPartitions);
    failpoint::set_hook([this](std::string_view) {
      if (cut_in_ > 0 && --cut_in_ == 0) throw PowerCut{};
    });
    using StoreCall = MemoryObjectStore::Call;
    const auto busy = [] { return std::optional(trail::StoreError{trail::StoreFault::kNotNow, "SlowDown", "the store is busy"}); };
    store_->refuse = [this, busy](StoreCall, std::string_view) { return store_is_away || broker_.dice().chance(trouble) ? busy() : std::nullopt; };
    store_->lose = [this, busy](StoreCall, std::string_view) { return broker_.dice().chance(trouble) ? busy() : std::nullopt; };
  }
  ~FailingCluster() { failpoint::set_hook({}); }
  FailingCluster(const FailingCluster&) = delete;
  FailingCluster& operator=(const FailingCluster&) = delete;

  SimBroker& broker() { return broker_; }
  MemoryObjectStore& store() { return *store_; }
  double trouble = 0.1;  // of each call to the store
  bool store_is_away = false;
  std::size_t cuts = 0;

  void cut_after(std::uint64_t failpoints) { cut_in_ = failpoints; }

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

 private:
  std::uint64_t cut_in_ = 0;
};

}  // namespace trailwarden::testing
