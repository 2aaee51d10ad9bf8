#include "trail/observed_store.h"

namespace trailwarden::trail {

template <class Ask>
auto ObservedStore::observed(std::string_view op, Ask ask) {
  const auto start = std::chrono::steady_clock::now();
  auto answer = ask();
  tell_(op, answer ? "done" : to_string(answer.error().fault), std::chrono::steady_clock::now() - start);
  return answer;
}

StoreResult<bool> ObservedStore::put(const NewObject& object) {
  return observed("put", [&] { return store_->put(object); });
}

StoreResult<StoredObject> ObservedStore::get(std::string_view key) {
  return observed("get", [&] { return store_->get(key); });
}

StoreResult<std::string> ObservedStore::get_range(std::string_view key, std::uint64_t offset, std::uint64_t bytes) {
  return observed("get", [&] { return store_->get_range(key, offset, bytes); });
}

StoreResult<ObjectMetadata> ObservedStore::head(std::string_view key) {
  return observed("head", [&] { return store_->head(key); });
}

StoreResult<std::vector<ListedObject>> ObservedStore::list(std::string_view prefix, std::string_view after) {
  return observed("list", [&] { return store_->list(prefix, after); });
}

StoreResult<ListedFolder> ObservedStore::list_folder(std::string_view prefix) {
  return observed("list", [&] { return store_->list_folder(prefix); });
}

}  // namespace trailwarden::trail
