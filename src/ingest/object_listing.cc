#include "ingest/object_listing.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/text.h"
#include "trail/object_name.h"
#include "trail/patiently.h"

namespace trailwarden::ingest {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr std::size_t kPage = 1000;
/// How far a delivery may lie from the records in it: clocks differ a little, and what was held up comes late.
constexpr std::chrono::hours kBeforeItsRecords{1}, kBehindItsRecords{24};

/// A key `.../KIND/REGION/YYYY/MM/DD/NAME` of CloudTrail's layout.
struct LaidOut {
  std::string_view kind_folder, region_folder;  // up to these, without the `/`
  Timestamp day{};
};

std::optional<LaidOut> parse_layout(std::string_view key) {
  constexpr std::size_t kDay = std::string_view("/2026/03/01").size();
  const std::size_t name = key.rfind('/');
  if (name == std::string_view::npos || name <= kDay) return std::nullopt;
  const std::string_view region_folder = key.substr(0, name - kDay), day = key.substr(name - kDay + 1, kDay - 1);
  std::string date(day);
  std::replace(date.begin(), date.end(), '/', '-');
  const auto time = day[4] == '/' && day[7] == '/' ? parse_event_time(date + "T00:00:00Z") : std::nullopt;
  const std::size_t region = region_folder.rfind('/');
  if (!time || region == std::string_view::npos) return std::nullopt;
  const std::string_view kind_folder = region_folder.substr(0, region);
  if (!kind_folder.substr(kind_folder.rfind('/') + 1).starts_with("CloudTrail")) return std::nullopt;
  return LaidOut{kind_folder, region_folder, *time};
}

/// Behind every key of a folder, and before all others that follow: `0` is the character behind `/`.
std::string behind_folder(std::string_view folder) { return std::string(folder) + "0"; }

/// What is wanted of one bucket, as bounds on deliveries.
class Selection {
 public:
  explicit Selection(const BucketReading& wanted) {
    if (wanted.since) first_ = *wanted.since - kBeforeItsRecords;
    if (wanted.until) last_ = *wanted.until + kBehindItsRecords;
  }

  bool takes(std::string_view key) const {
    const auto name = trail::parse_object_name(key);
    if (!name) return true;
    return name->kind != trail::ObjectKind::kDigest && (!first_ || name->stamp >= *first_) && (!last_ || name->stamp <= *last_);
  }

  /// Where to go on after `key`, if nothing between the two is wanted.
  std::optional<std::string> leap(std::string_view key) const {
    const auto name = trail::parse_object_name(key);
    const auto place = name ? parse_layout(key) : std::nullopt;
    if (!place) return std::nullopt;
    if (name->kind == trail::ObjectKind::kDigest) return behind_folder(place->kind_folder);
    if (last_ && place->day > *last_) return behind_folder(place->region_folder);
    if (!first_ || place->day + std::chrono::days{1} > *first_) return std::nullopt;
    std::string day = format_time(*first_).substr(0, 10);
    std::replace(day.begin(), day.end(), '-', '/');
    return std::string(place->region_folder) + "/" + day;
  }

 private:
  std::optional<Timestamp> first_, last_;
};

/// Whether a walk through folders would come by it.
bool is_visible(std::string_view key, std::size_t prefix_size) {
  const std::size_t folder = key.substr(0, prefix_size).rfind('/');
  const std::string_view below = key.substr(folder == std::string_view::npos ? 0 : folder + 1);
  const bool is_named = key.size() == prefix_size;
  return !key.ends_with('/') && (is_named || (!below.starts_with('.') && below.find("/.") == std::string_view::npos));
}

}  // namespace

std::optional<BucketPath> parse_bucket_path(std::string_view path) {
  if (!path.starts_with(kScheme)) return std::nullopt;
  path.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(path.find('/'), path.size());
  return BucketPath{std::string(path.substr(0, slash)), std::string(path.substr(std::min(slash + 1, path.size())))};
}

Result<void> list_objects(trail::ObjectStore& store, const std::string& prefix, const BucketReading& wanted, const std::function<void(const trail::ListedObject&)>& take) {
  const Selection selection(wanted);
  std::string after;
  while (true) {
    auto page = trail::patiently([&] { return store.list(prefix, after); });
    // Whatever its fault: a list misses no object, but a bucket or a user.
    if (!page) return fail(ErrorCode::kIo, std::move(page.error().message));
    if (page->empty() && after.empty()) return fail(ErrorCode::kNotFound, store.name() + "/" + printable(prefix, 1024) + ": there is no object whose key begins so");
    for (const trail::ListedObject& object : *page) {
      if (object.key <= after) continue;
      after = object.key;
      if (auto leap = selection.leap(object.key))
        after = std::move(*leap);
      else if (selection.takes(object.key) && is_visible(object.key, prefix.size()))
        take(object);
    }
    if (page->size() < kPage) return {};
  }
}

}  // namespace trailwarden::ingest
