#include "trail/trail_listing.h"

#include <algorithm>
#include <set>

#include "trail/patiently.h"

namespace trailwarden::trail {

Result<void> for_each_object(ObjectStore& store, std::string_view prefix, std::string_view after, const std::function<bool(const ListedObject&)>& take) {
  constexpr std::size_t kPage = 1000;
  std::string last(after);
  while (true) {
    auto page = patiently([&] { return store.list(prefix, last); });
    if (!page) return fail(to_error(std::move(page.error())).during("list " + store.name()));
    for (const ListedObject& object : *page)
      if (!take(object)) return {};
    if (page->size() < kPage) return {};
    last = page->back().key;
  }
}

Result<std::vector<std::string>> folders_in(ObjectStore& store, const std::string& folder) {
  auto listed = patiently([&] { return store.list_folder(folder); });
  if (!listed) return fail(to_error(std::move(listed.error())).during("list " + store.name()));
  for (std::string& name : listed->folders) name = name.substr(folder.size(), name.size() - folder.size() - 1);
  return std::move(listed->folders);
}

Result<std::vector<Place>> places_of(ObjectStore& store, const TrailNames& trail, const std::string& account, const std::string& region) {
  const auto choose = [&](const std::string& wanted, const std::string& folder) -> Result<std::vector<std::string>> {
    if (!wanted.empty()) return std::vector{wanted};
    return folders_in(store, folder);
  };
  std::vector<Place> places;
  const std::string top = accounts_folder(trail);
  const auto accounts = choose(account, top);
  if (!accounts) return fail(accounts.error());
  for (const std::string& one : *accounts) {
    std::set<std::string> regions;
    for (const ObjectKind kind : {ObjectKind::kDigest, ObjectKind::kLog}) {
      auto found = choose(region, top + one + "/" + std::string(to_string(kind)) + "/");
      if (!found) return fail(std::move(found.error()));
      regions.insert(found->begin(), found->end());
    }
    for (const std::string& other : regions)
      if (is_key_part(one) && is_key_part(other)) places.push_back({one, other});
  }
  return places;
}

Result<std::map<std::pair<std::string, std::string>, ListedChain>> digests_of(ObjectStore& store, const TrailNames& trail, const Place& place, Timestamp from, Timestamp until) {
  std::map<std::pair<std::string, std::string>, ListedChain> chains;
  const std::string folder = objects_folder(trail, ObjectKind::kDigest, place);
  const std::string last_day = day_folder(trail, ObjectKind::kDigest, place, until) + "~";  // behind all of that day
  const auto take = [&](const ListedObject& object) {
    if (object.key > last_day) return false;
    const auto name = parse_digest_key(object.key);
    const bool ours = name && name->account == place.account && name->region == place.region && name->end >= from && name->end <= until;
    if (!ours || (!trail.trail.empty() && name->trail != trail.trail) || (!trail.home_region.empty() && name->home_region != trail.home_region)) return true;
    ListedChain& chain = chains[{name->trail, name->home_region}];
    (name->backfill ? chain.backfill : chain.hourly).push_back({object.key, name->end});
    return true;
  };
  if (auto listed = for_each_object(store, folder, day_folder(trail, ObjectKind::kDigest, place, from), take); !listed) return fail(std::move(listed.error()));
  return chains;
}

}  // namespace trailwarden::trail
