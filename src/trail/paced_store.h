#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "trail/object_store.h"

namespace trailwarden::trail {

/// A store that takes so many requests a second and no more, for work that nothing waits for. Each waits for its turn, on a clock that never goes back; a turn that was not used is gone.
///
/// After `stop` every request is refused (`Stopped`), those that wait too. All members from any thread.
class PacedStore final : public ObjectStore {
 public:
  /// per_second > 0
  PacedStore(std::shared_ptr<ObjectStore> store, std::uint64_t per_second);

  void stop();

  StoreResult<bool> put(const NewObject& object) override;
  StoreResult<StoredObject> get(std::string_view key) override;
  StoreResult<std::string> get_range(std::string_view key, std::uint64_t offset, std::uint64_t bytes) override;
  StoreResult<ObjectMetadata> head(std::string_view key) override;
  StoreResult<std::vector<ListedObject>> list(std::string_view prefix, std::string_view after) override;
  StoreResult<ListedFolder> list_folder(std::string_view prefix) override;
  std::string name() const override { return store_->name(); }
  std::string bucket() const override { return store_->bucket(); }

 private:
  using Clock = std::chrono::steady_clock;

  StoreResult<void> turn();

  const std::shared_ptr<ObjectStore> store_;
  const Clock::duration apart_;
  std::mutex mutex_;  // of what follows
  std::condition_variable stops_;
  bool stopped_ = false;
  Clock::time_point next_{};
};

}  // namespace trailwarden::trail
