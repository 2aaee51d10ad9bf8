#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "trail/object_store.h"

namespace trailwarden::trail {

/// A store that tells how long each request took, and what came of it. Thread-safe if `tell` is.
class ObservedStore final : public ObjectStore {
 public:
  /// `op`: put, get, head or list; `result`: done, or the fault's name (`to_string`). A put that found an object there is done.
  using Tell = std::function<void(std::string_view op, std::string_view result, std::chrono::nanoseconds took)>;

  ObservedStore(std::shared_ptr<ObjectStore> store, Tell tell) : store_(std::move(store)), tell_(std::move(tell)) {}

  StoreResult<bool> put(const NewObject& object) override;
  StoreResult<StoredObject> get(std::string_view key) override;
  StoreResult<std::string> get_range(std::string_view key, std::uint64_t offset, std::uint64_t bytes) override;
  StoreResult<ObjectMetadata> head(std::string_view key) override;
  StoreResult<std::vector<ListedObject>> list(std::string_view prefix, std::string_view after) override;
  StoreResult<ListedFolder> list_folder(std::string_view prefix) override;
  std::string name() const override { return store_->name(); }
  std::string bucket() const override { return store_->bucket(); }

 private:
  template <class Ask>
  auto observed(std::string_view op, Ask ask);

  const std::shared_ptr<ObjectStore> store_;
  const Tell tell_;
};

}  // namespace trailwarden::trail
