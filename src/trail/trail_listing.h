#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "trail/digest.h"
#include "trail/log_object.h"
#include "trail/object_store.h"

namespace trailwarden::trail {

/// A digest by its key.
struct ListedDigest {
  std::string key;
  Timestamp end{};
};

/// The digests of one chain, and those of its backfill chain, by their ends.
struct ListedChain {
  std::vector<ListedDigest> hourly, backfill;
};

/// Calls `take` for each object whose key begins with `prefix` and is greater than `after`, in byte order, until it says false.
Result<void> for_each_object(ObjectStore& store, std::string_view prefix, std::string_view after, const std::function<bool(const ListedObject&)>& take);

/// The names of the folders in `folder`, which ends with `/`. The cost of `list_folder`.
Result<std::vector<std::string>> folders_in(ObjectStore& store, const std::string& folder);

/// The accounts and Regions of which a trail has logs or digests, restricted to `account` and `region` unless they are empty.
Result<std::vector<Place>> places_of(ObjectStore& store, const TrailNames& trail, const std::string& account, const std::string& region);

/// The digests of a place that end in [from, until], by trail and home Region.
Result<std::map<std::pair<std::string, std::string>, ListedChain>> digests_of(ObjectStore& store, const TrailNames& trail, const Place& place, Timestamp from, Timestamp until);

}  // namespace trailwarden::trail
