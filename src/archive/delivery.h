#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "archive/epoch.h"
#include "archive/manifest.h"

namespace trailwarden::archive {

struct DeliveryOptions {
  unsigned threads = 4;                          // that deflate and store objects
  std::chrono::milliseconds patience{20'000};    // with a store that does not take an object; then the epochs are given up, to be gathered again
  std::chrono::milliseconds first_wait{100}, longest_wait{5'000};  // between two tries: a random time below one that doubles
  std::function<std::chrono::milliseconds()> now;                  // only paces tries
  std::function<void(std::chrono::milliseconds)> sleep;
};

/// What stands in the way of delivering.
struct DeliveryTrouble {
  trail::StoreFault fault = trail::StoreFault::kNotNow;
  std::string store;    // `s3://bucket`, or a path
  std::string code;     // the store's
  std::string message;  // for people
  std::optional<EpochRange> conflict;  // another object stands where one of this epoch belongs: its partition may not go on until somebody has looked
};

/// Stores the objects of epochs, some at a time on threads of its own, so that each is there once, whole, and never changes.
///
/// An object that is there already is ours if its metadata say so (`epoch`: its range and place in it; `sha256`): from a try that was cut off. If it was written
/// from the same range with other bytes, by a version with another library, it stays and the manifest names what is in it. Anything else is a conflict.
class Delivery {
 public:
  Delivery(std::span<const Destination> destinations, DeliveryOptions options) : destinations_(destinations), options_(std::move(options)) {}

  /// The manifest's records of the objects, in the order of the epochs and their objects; or what stood in the way until patience was over. Blocks. `again`: an
  /// earlier try may have stored some of them.
  tl::expected<std::vector<ManifestObject>, DeliveryTrouble> deliver(std::vector<GatheredEpoch>& epochs, bool again) const;

  std::uint64_t retries() const { return retries_; }

 private:
  struct Task {
    const GatheredEpoch* epoch;
    GatheredObject* object;
  };
  tl::expected<ManifestObject, DeliveryTrouble> store(const Task& task, bool again, std::chrono::milliseconds end, const std::atomic<bool>& stop) const;
  std::optional<DeliveryTrouble> compare(const trail::ObjectMetadata& there, const std::string& epoch, const Task& task, ManifestObject& said) const;

  std::span<const Destination> destinations_;
  DeliveryOptions options_;
  mutable std::atomic<std::uint64_t> retries_ = 0;
};

}  // namespace trailwarden::archive
