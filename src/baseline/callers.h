#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "baseline/row_index.h"
#include "core/bytes.h"
#include "core/result.h"

namespace trailwarden::baseline {

class SavedOrder;

/// Who calls in one (account, Region): since when each caller is known, and which APIs each one called in the minutes that a decision may rest on.
///
/// A caller is a 64-bit hash of its ARN without the session; 0 is nobody. Counts of open and of the last closed minutes, by caller and API; of callers, at most kMostCallers, the first and
/// the last minute. What it says depends on which calls there were, not on the order in which they came. Not thread-safe. Memory: 16 bytes for a caller and API of
/// a minute that is kept, about 40 for a known caller.
class Callers {
 public:
  static constexpr std::size_t kMostCallers = 65'536;

  /// `open_minutes`: how many can be open.
  explicit Callers(std::size_t open_minutes) : minutes_(open_minutes + kLooksBack) {}

  /// One call, or failed call, of an API (a calls row) in an open minute.
  void count(std::uint64_t caller, std::uint32_t api, bool failed, std::int64_t minute);

  /// The minute is closed; those before it were. Who called then is known from then on.
  void close(std::int64_t minute);

  /// As if that caller had never called. Whether it was there.
  bool forget(std::uint64_t caller);

  /// Nothing was observed for a while.
  void wake();

  /// How much likelier than another caller's the activity of an API is to be unusual, in decades: of the caller with most of its calls (or failures) in the fifteen minutes
  /// until `minute`, which is closing. +1 if it was first seen less than a day ago, where callers have been watched for a week; -1 if it called kManyApis or more
  /// in these minutes, as people at work in the console do.
  double evidence(std::uint32_t api, bool of_failures, std::int64_t minute) const;

  /// Whether that caller has called no other API in these minutes, so far.
  bool is_on_one(std::uint32_t api, bool of_failures, std::int64_t minute) const;

  std::size_t known() const { return known_.size(); }
  std::size_t memory_bytes() const;

  /// By caller, and by API in `order`; of minutes, what one from `first_open` on can ask for. Equal states give equal bytes.
  void save(ByteWriter& out, const SavedOrder& order, std::int64_t first_open) const;
  /// Into a fresh instance. `known`: of how many callers; `apis`: how many calls rows there are, in the saved order.
  Result<void> load(ByteReader& in, std::uint32_t known, std::uint32_t apis);

 private:
  static constexpr std::size_t kLooksBack = 16;

  struct Entry {
    std::uint64_t caller;
    std::uint32_t api;
    std::uint32_t calls, failures;
  };
  struct Minute {
    std::int64_t minute = -1;
    std::vector<Entry> entries;
    RowIndex index;  // of entries, by caller and API

    /// With room for as many entries as a minute has had, so that in the long run nothing is allocated.
    void restart(std::int64_t with, std::size_t room) {
      minute = with;
      entries.clear();
      entries.reserve(room);
      index.clear(room);
    }
  };
  struct Known {
    std::int32_t first, last;  // minutes
  };

  static std::uint64_t key_of(std::uint64_t caller, std::uint32_t api);
  Entry& entry_of(Minute& kept, std::uint64_t caller, std::uint32_t api);
  const Minute* kept(std::int64_t minute) const;
  std::uint64_t main_caller(std::uint32_t api, bool of_failures, std::int64_t minute) const;
  std::size_t apis_of(std::uint64_t caller, std::int64_t minute) const;
  void evict();

  std::vector<Minute> minutes_;  // by minute mod its size
  std::size_t room_ = 16;        // for entries of a minute: a power of two
  std::unordered_map<std::uint64_t, Known> known_;
  std::int64_t since_ = -1;  // the first minute that was closed
};

}  // namespace trailwarden::baseline
