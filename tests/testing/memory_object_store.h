#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trail/object_store.h"

namespace trailwarden::testing {

/// A bucket in memory, with faults on request. Thread-safe as every store is; `objects` may be changed while nobody else uses it.
class MemoryObjectStore : public trail::ObjectStore {
 public:
  enum class Call : std::uint8_t { kPut, kGet, kHead, kList };
  /// Asked before each call: the error that it gives instead of what it does. `key`: its prefix, of a list.
  using Fault = std::function<std::optional<trail::StoreError>(Call call, std::string_view key)>;

  explicit MemoryObjectStore(std::string bucket = "trails") : bucket_(std::move(bucket)) {}

  trail::StoreResult<bool> put(const trail::NewObject& object) override;
  trail::StoreResult<trail::StoredObject> get(std::string_view key) override;
  trail::StoreResult<trail::ObjectMetadata> head(std::string_view key) override;
  trail::StoreResult<std::vector<trail::ListedObject>> list(std::string_view prefix, std::string_view after) override;
  trail::StoreResult<trail::ListedFolder> list_folder(std::string_view prefix) override;
  std::string name() const override { return "memory://" + bucket_; }
  std::string bucket() const override { return bucket_; }

  std::map<std::string, trail::StoredObject, std::less<>> objects;
  Fault refuse;  // nothing is done
  Fault lose;    // done, but the answer is lost

 private:
  std::optional<trail::StoreError> fault(const Fault& fault, Call call, std::string_view key) const;

  std::string bucket_;
  mutable std::mutex mutex_;
};

}  // namespace trailwarden::testing
