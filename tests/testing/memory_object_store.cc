#include "testing/memory_object_store.h"

#include "core/hash.h"

namespace trailwarden::testing {

using trail::StoreError;
using trail::StoreFault;

namespace {

constexpr std::size_t kPage = 1000;

StoreError no_such_key(std::string_view key) { return {StoreFault::kNotFound, "NoSuchKey", std::string(key) + ": no such object"}; }

std::string etag_of(const std::string& bytes) { return sha256_hex(bytes).substr(0, 32); }

}  // namespace

std::optional<StoreError> MemoryObjectStore::fault(const Fault& fault, Call call, std::string_view key) const { return fault ? fault(call, key) : std::nullopt; }

trail::StoreResult<bool> MemoryObjectStore::put(const trail::NewObject& object) {
  const std::lock_guard lock(mutex_);
  if (auto error = fault(refuse, Call::kPut, object.key)) return tl::unexpected(*error);
  const bool written = objects.try_emplace(std::string(object.key), trail::StoredObject{std::string(object.bytes), object.metadata}).second;
  if (auto error = fault(lose, Call::kPut, object.key)) return tl::unexpected(*error);
  return written;
}

trail::StoreResult<trail::StoredObject> MemoryObjectStore::get(std::string_view key) {
  const std::lock_guard lock(mutex_);
  if (auto error = fault(refuse, Call::kGet, key)) return tl::unexpected(*error);
  const auto found = objects.find(key);
  if (found == objects.end()) return tl::unexpected(no_such_key(key));
  return found->second;
}

trail::StoreResult<trail::ObjectMetadata> MemoryObjectStore::head(std::string_view key) {
  const std::lock_guard lock(mutex_);
  if (auto error = fault(refuse, Call::kHead, key)) return tl::unexpected(*error);
  const auto found = objects.find(key);
  if (found == objects.end()) return tl::unexpected(no_such_key(key));
  return found->second.metadata;
}

trail::StoreResult<std::vector<trail::ListedObject>> MemoryObjectStore::list(std::string_view prefix, std::string_view after) {
  const std::lock_guard lock(mutex_);
  if (auto error = fault(refuse, Call::kList, prefix)) return tl::unexpected(*error);
  std::vector<trail::ListedObject> found;
  for (auto object = objects.lower_bound(prefix); object != objects.end() && object->first.starts_with(prefix) && found.size() < kPage; ++object)
    if (object->first > after) found.push_back({object->first, object->second.bytes.size(), etag_of(object->second.bytes)});
  return found;
}

trail::StoreResult<trail::ListedFolder> MemoryObjectStore::list_folder(std::string_view prefix) {
  const std::lock_guard lock(mutex_);
  if (auto error = fault(refuse, Call::kList, prefix)) return tl::unexpected(*error);
  trail::ListedFolder found;
  for (auto object = objects.lower_bound(prefix); object != objects.end() && object->first.starts_with(prefix); ++object) {
    const std::size_t slash = object->first.find('/', prefix.size());
    if (slash == std::string::npos) found.objects.push_back({object->first, object->second.bytes.size(), etag_of(object->second.bytes)});
    else if (found.folders.empty() || !object->first.starts_with(found.folders.back())) found.folders.push_back(object->first.substr(0, slash + 1));
  }
  return found;
}

}  // namespace trailwarden::testing
