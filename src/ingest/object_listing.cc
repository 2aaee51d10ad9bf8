#include "ingest/object_listing.h"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "core/text.h"
#include "core/thread.h"
#include "trail/object_name.h"
#include "trail/patiently.h"

namespace trailwarden::ingest {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr std::size_t kPage = 1000;
constexpr unsigned kThreads = 8;  // as many connections as the HTTP client keeps
/// How far a delivery may lie from the records in it: clocks differ a little, and what was held up comes late.
constexpr std::chrono::hours kBeforeItsRecords{1}, kBehindItsRecords{24};

/// The first key that could follow those of a folder: `0` is the character behind `/`. `folder` is without its `/`.
std::string behind_folder(std::string_view folder) { return std::string(folder) + "0"; }

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
    parts.push_back(path.substr(0, slash));
    path.remove_prefix(slash + 1);
  }
  return parts;
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Where a folder stands in CloudTrail's layout, `[PREFIX/]AWSLogs/[o-ORGANIZATION/]ACCOUNT/KIND/REGION/YYYY/MM/DD/`. All views into its path, and without a `/` behind.
struct Place {
  enum class Level : std::uint8_t {
    kElsewhere,     // or deeper than days
    kAboveRegions,  // few folders, of which each holds much
    kRegion,        // or a year or a month of it
    kDay,
  };
  Level level = Level::kElsewhere;
  std::string_view root;           // up to AWSLogs, or to KIND where there is none
  std::string_view kind, region;   // up to these; empty above them
  std::string_view day;            // `YYYY/MM/DD`, from kDay on

  bool is_of_digests() const { return kind.ends_with("/CloudTrail-Digest") || kind == "CloudTrail-Digest"; }
};

/// Of what stands behind the Region.
Place::Level level_of_days(std::span<const std::string_view> date) {
  constexpr std::size_t kSizes[] = {4, 2, 2};
  for (std::size_t i = 0; i < std::min(date.size(), std::size(kSizes)); ++i)
    if (!is_digits(date[i]) || date[i].size() != kSizes[i]) return Place::Level::kElsewhere;
  return date.size() < std::size(kSizes) ? Place::Level::kRegion : date.size() == std::size(kSizes) ? Place::Level::kDay : Place::Level::kElsewhere;
}

/// `path`: of a folder, with its `/`, or of an object, whose folder is meant.
Place place_of(std::string_view path) {
  const std::vector<std::string_view> parts = parts_of(path);
  const auto up_to = [&](std::size_t part) { return path.substr(0, static_cast<std::size_t>(parts[part].data() + parts[part].size() - path.data())); };
  const auto top = std::find(parts.rbegin(), parts.rend(), "AWSLogs");
  const auto below_top = static_cast<std::size_t>(parts.rend() - top);  // number of the part behind it; 0: there is none
  const auto kind = static_cast<std::size_t>(std::find_if(parts.begin() + static_cast<std::ptrdiff_t>(below_top), parts.end(), [](std::string_view part) { return part.starts_with("CloudTrail"); }) - parts.begin());
  Place place;
  if (below_top > 0) place.root = up_to(below_top - 1);
  if (kind == parts.size()) {
    if (below_top == 0) return place;
    std::span<const std::string_view> above = std::span(parts).subspan(below_top);
    if (!above.empty() && above.front().starts_with("o-")) above = above.subspan(1);
    if (above.empty() || (above.size() == 1 && is_digits(above.front()))) place.level = Place::Level::kAboveRegions;
    return place;
  }
  place.kind = up_to(kind);
  if (below_top == 0) place.root = place.kind;
  place.level = Place::Level::kAboveRegions;
  if (kind + 1 == parts.size()) return place;
  place.region = up_to(kind + 1);
  place.level = level_of_days(std::span(parts).subspan(kind + 2));
  if (place.level == Place::Level::kDay) place.day = path.substr(place.region.size() + 1, std::string_view("2026/03/01").size());
  return place;
}

/// What is wanted of one bucket, as bounds on deliveries.
class Selection {
 public:
  explicit Selection(const BucketReading& wanted) {
    if (wanted.since) first_ = *wanted.since - kBeforeItsRecords;
    if (wanted.until) last_ = *wanted.until + kBehindItsRecords;
    if (first_) first_day_ = day_of(*first_);
    if (last_) last_day_ = day_of(*last_);
  }

  bool takes(std::string_view key, const Place& place) const {
    if (place.is_of_digests() || (place.level == Place::Level::kDay && !takes_day(place.day))) return false;
    const auto name = trail::parse_object_name(key);
    if (!name) return true;
    return name->kind != trail::ObjectKind::kDigest && (!first_ || name->stamp >= *first_) && (!last_ || name->stamp <= *last_);
  }

  /// Where to go on after an object there, if nothing between the two is wanted.
  std::optional<std::string> leap(const Place& place) const {
    if (place.level != Place::Level::kDay) return std::nullopt;
    if (place.is_of_digests()) return trail::last_in_folder(std::string(place.kind) + "/");
    if (takes_day(place.day)) return std::nullopt;
    if (place.day < first_day_) return std::string(place.region) + "/" + first_day_;
    return trail::last_in_folder(std::string(place.region) + "/");
  }

  /// The keys of a Region's folder that may be wanted are greater than `from_of` and less than `stop_of`; empty: no bound.
  std::string from_of(const Place& place) const { return place.region.empty() || first_day_.empty() ? std::string() : std::string(place.region) + "/" + first_day_; }
  std::string stop_of(const Place& place) const { return place.region.empty() || last_day_.empty() ? std::string() : behind_folder(std::string(place.region) + "/" + last_day_); }

 private:
  static std::string day_of(Timestamp time) {
    std::string day = format_time(time).substr(0, 10);
    std::replace(day.begin(), day.end(), '-', '/');
    return day;
  }
  bool takes_day(std::string_view day) const { return day >= first_day_ && (last_day_.empty() || day <= last_day_); }

  std::optional<Timestamp> first_, last_;
  std::string first_day_, last_day_;  // `YYYY/MM/DD`; empty: no bound
};

/// Whether a walk through folders would come by it.
bool is_visible(std::string_view key, std::size_t prefix_size) {
  const std::size_t folder = key.substr(0, prefix_size).rfind('/');
  const std::string_view below = key.substr(folder == std::string_view::npos ? 0 : folder + 1);
  const bool is_named = key.size() == prefix_size;
  return !key.ends_with('/') && (is_named || (!below.starts_with('.') && below.find("/.") == std::string_view::npos));
}

/// The keys with a prefix that are greater than `after`.
struct Part {
  std::string prefix, after;
};

/// One `list_objects`: parts of the bucket that threads take from each other's hands, each of which may come to more parts.
class Listing {
 public:
  using Take = std::function<void(const trail::ListedObject&)>;

  Listing(trail::ObjectStore& store, const std::string& prefix, const BucketReading& wanted, const Take& take) : store_(store), prefix_(prefix), selection_(wanted), take_(take) {}

  Result<void> run() {
    // Most are of one page, for which no other thread is needed.
    if (auto listed = walk({prefix_, {}}); !listed) return listed;
    if (waiting_.empty()) return {};
    std::vector<std::thread> helpers;
    while (helpers.size() + 1 < kThreads) {
      auto helper = start_thread("object-lister", [this] { work(); });
      if (!helper) break;
      helpers.push_back(std::move(*helper));
    }
    work();
    for (std::thread& helper : helpers) helper.join();
    if (error_) return fail(std::move(*error_));
    return {};
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return error_ || !waiting_.empty() || busy_ == 0; });
      if (error_ || waiting_.empty()) return;
      const Part part = std::move(waiting_.back());
      waiting_.pop_back();
      ++busy_;
      lock.unlock();
      auto listed = list(part);
      lock.lock();
      --busy_;
      if (!listed && !error_) error_ = std::move(listed.error());
      changed_.notify_all();
    }
  }

  Result<void> list(const Part& part) {
    switch (place_of(part.prefix).level) {
      case Place::Level::kAboveRegions: return branch(part);
      case Place::Level::kRegion: return list_region(part);
      default: return walk(part);
    }
  }

  /// Page after page, to the end, or to a page that ends within CloudTrail's layout: what follows of that others may list meanwhile.
  Result<void> walk(const Part& part) {
    std::string after = part.after;
    while (true) {
      const auto page = list_page(part.prefix, after);
      if (!page) return fail(page.error());
      if (page->empty() && after.empty() && part.prefix == prefix_) return fail(ErrorCode::kNotFound, store_.name() + "/" + printable(prefix_, 1024) + ": there is no object whose key begins so");
      const bool has_more = page->size() == kPage;
      for (const trail::ListedObject& object : *page) {
        if (object.key <= after) continue;
        const Place place = place_of(object.key);
        if (auto leap = selection_.leap(place)) {
          after = std::move(*leap);
        } else {
          after = object.key;
          offer(object, place);
        }
      }
      if (!has_more) return {};
      if (after != page->back().key) continue;
      if (const auto tree = tree_at(place_of(after), part.prefix)) {
        add({*tree, after});
        if (*tree == part.prefix) return {};
        after = trail::last_in_folder(*tree);
      }
    }
  }

  /// What of CloudTrail's layout around an object can be listed by its folders, as far as it is below `prefix`.
  static std::optional<std::string> tree_at(const Place& place, const std::string& prefix) {
    if (place.level != Place::Level::kDay) return std::nullopt;
    for (const std::string_view folder : {place.root, place.kind}) {
      std::string tree = prefix.size() > folder.size() ? prefix : std::string(folder) + "/";
      const Place::Level level = place_of(tree).level;
      if (level == Place::Level::kAboveRegions || level == Place::Level::kRegion) return tree;
    }
    return std::nullopt;
  }

  /// What is directly there; each folder is a part.
  Result<void> branch(const Part& part) {
    const Place place = place_of(part.prefix);
    const std::string stop = selection_.stop_of(place);
    auto listed = trail::patiently([&] { return store_.list_folder(part.prefix); });
    if (!listed) return fail(ErrorCode::kIo, std::move(listed.error().message));
    for (const trail::ListedObject& object : listed->objects)
      if (object.key > part.after && (stop.empty() || object.key < stop)) offer(object, place);
    for (std::string& folder : listed->folders) {
      const bool is_behind = behind_folder(std::string_view(folder).substr(0, folder.size() - 1)) > part.after;
      if (is_behind && (stop.empty() || folder < stop) && !place_of(folder).is_of_digests()) add({std::move(folder), part.after});
    }
    return {};
  }

  /// A Region, or a year or a month of it: many of them are of one page. Of others what is behind it is listed by its folders, in the end by days.
  Result<void> list_region(const Part& part) {
    const Place place = place_of(part.prefix);
    const std::string after = std::max(part.after, selection_.from_of(place)), stop = selection_.stop_of(place);
    const auto page = list_page(part.prefix, after);
    if (!page) return fail(page.error());
    for (const trail::ListedObject& object : *page) {
      if (!stop.empty() && object.key >= stop) return {};
      offer(object, place_of(object.key));
    }
    if (page->size() < kPage) return {};
    return branch({part.prefix, page->back().key});
  }

  Result<std::vector<trail::ListedObject>> list_page(const std::string& prefix, const std::string& after) {
    const std::string_view behind = after < prefix ? std::string_view() : std::string_view(after);
    auto page = trail::patiently([&] { return store_.list(prefix, behind); });
    // Whatever its fault: a list misses no object, but a bucket or a user.
    if (!page) return fail(ErrorCode::kIo, std::move(page.error().message));
    return std::move(*page);
  }

  void offer(const trail::ListedObject& object, const Place& place) {
    if (!selection_.takes(object.key, place) || !is_visible(object.key, prefix_.size())) return;
    const std::lock_guard lock(taking_);
    take_(object);
  }

  void add(Part part) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(part));
    }
    changed_.notify_one();
  }

  trail::ObjectStore& store_;
  const std::string& prefix_;
  const Selection selection_;
  const Take& take_;
  std::mutex taking_;  // held while `take_` is called

  std::mutex mutex_;  // for all below
  std::condition_variable changed_;
  std::vector<Part> waiting_;
  unsigned busy_ = 0;  // threads that list a part
  std::optional<Error> error_;
};

}  // namespace

std::optional<BucketPath> parse_bucket_path(std::string_view path) {
  if (!path.starts_with(kScheme)) return std::nullopt;
  path.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(path.find('/'), path.size());
  return BucketPath{std::string(path.substr(0, slash)), std::string(path.substr(std::min(slash + 1, path.size())))};
}

Result<void> list_objects(trail::ObjectStore& store, const std::string& prefix, const BucketReading& wanted, const std::function<void(const trail::ListedObject&)>& take) {
  return Listing(store, prefix, wanted, take).run();
}

}  // namespace trailwarden::ingest
