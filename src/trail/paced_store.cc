#include "trail/paced_store.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace trailwarden::trail {

PacedStore::PacedStore(std::shared_ptr<ObjectStore> store, std::uint64_t per_second)
    : store_(std::move(store)), apart_(std::chrono::duration_cast<Clock::duration>(std::chrono::seconds{1}) / static_cast<std::int64_t>(std::max(per_second, std::uint64_t{1}))) {
  TRAILWARDEN_CHECK(per_second > 0, "a pace is a number of requests");
}

void PacedStore::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stops_.notify_all();
}

StoreResult<void> PacedStore::turn() {
  std::unique_lock lock(mutex_);
  const Clock::time_point ours = std::max(next_, Clock::now());
  next_ = ours + apart_;
  stops_.wait_until(lock, ours, [this] { return stopped_; });
  if (stopped_) return tl::unexpected(StoreError{StoreFault::kRefused, "Stopped", name() + ": nothing more is asked, as the service ends"});
  return {};
}

StoreResult<bool> PacedStore::put(const NewObject& object) {
  return turn().and_then([&] { return store_->put(object); });
}

StoreResult<StoredObject> PacedStore::get(std::string_view key) {
  return turn().and_then([&] { return store_->get(key); });
}

StoreResult<std::string> PacedStore::get_range(std::string_view key, std::uint64_t offset, std::uint64_t bytes) {
  return turn().and_then([&] { return store_->get_range(key, offset, bytes); });
}

StoreResult<ObjectMetadata> PacedStore::head(std::string_view key) {
  return turn().and_then([&] { return store_->head(key); });
}

StoreResult<std::vector<ListedObject>> PacedStore::list(std::string_view prefix, std::string_view after) {
  return turn().and_then([&] { return store_->list(prefix, after); });
}

StoreResult<ListedFolder> PacedStore::list_folder(std::string_view prefix) {
  return turn().and_then([&] { return store_->list_folder(prefix); });
}

}  // namespace trailwarden::trail
