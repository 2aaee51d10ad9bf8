#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/time.h"
#include "rules/correlation.h"
#include "rules/correlation_match.h"

namespace trailwarden::rules {

/// A match as a window keeps it.
struct WindowEntry {
  Timestamp time{};
  Timestamp kept_from{};  // its time, or the watermark when it came if that was later: it is kept for a timespan from then
  std::uint32_t source = 0;
  std::uint64_t values_hash = 0;  // so that different values are mostly told apart without looking at them
  std::string event_id;
  std::vector<std::string> values;
  bool operator==(const WindowEntry&) const = default;
};
std::uint64_t hash_of(const std::vector<std::string>& values);

/// An entry to be filled: one that was given back on this thread, whose texts keep their room, or a new one. Windows take and lose entries all the time.
std::unique_ptr<WindowEntry> spare_entry();
void give_back(std::unique_ptr<WindowEntry> entry);

/// The matches of one group, by event time (those of one second by event id), and when it had results. A window is (t - timespan, t].
/// A lookup costs O(log n), an insertion moves O(n) pointers at worst. Not thread-safe.
class MatchWindow {
 private:
  using Kept = std::vector<std::unique_ptr<WindowEntry>>;
  struct Content {
    const WindowEntry& operator()(const Kept::value_type& kept) const { return *kept; }
  };

 public:
  /// Entries in order: a random access range of `const WindowEntry&`.
  using Entries = std::ranges::transform_view<std::span<const Kept::value_type>, Content>;

  void insert(std::unique_ptr<WindowEntry> entry);

  /// Of three entries that are `alike` and lie within one timespan the middle one goes, if `entry`, which was just inserted, is among them: every window that
  /// holds it holds one of the others. Windows still end where it was. For what counts different things only. Gives the one that went, if one did.
  template <class Alike>
  std::unique_ptr<WindowEntry> thin(const WindowEntry& entry, std::chrono::seconds timespan, Alike alike);

  /// The entries of the window that ends with the second `end`.
  Entries window(Timestamp end, std::chrono::seconds timespan) const;
  /// The seconds at which windows end that hold the second `time`: those of matches, ascending; `time` itself first.
  std::vector<Timestamp> ends(Timestamp time, std::chrono::seconds timespan) const;

  /// Whether there was a result less than a timespan from `time`, before or after it.
  bool is_silent(Timestamp time, std::chrono::seconds timespan) const;
  void add_result(Timestamp time, Timestamp kept_from);

  /// Forgets what no window of a match that is yet to come in time can hold. Some of it is left, to move entries seldom.
  void forget(Timestamp watermark, std::chrono::seconds timespan);
  std::unique_ptr<WindowEntry> drop_oldest();
  /// Forgets the oldest ends of entries that are gone, but for `most`.
  void drop_ends(std::size_t most);

  std::size_t forget(const NamesWho& names);
  /// Of a window that is over: gives its entries back.
  void recycle();

  std::size_t size() const { return entries_.size(); }
  /// Bit by bit the sources that entries may be of.
  std::uint64_t sources() const { return sources_; }
  Entries entries() const { return of(entries_); }

  void save(ByteWriter& out) const;
  void load(ByteReader& in);
  std::size_t memory_bytes() const;
  bool operator==(const MatchWindow& other) const {
    return std::ranges::equal(entries(), other.entries()) && thinned_ends_ == other.thinned_ends_ && given_ == other.given_;
  }

 private:
  struct Given {
    Timestamp time{}, kept_from{};
    bool operator==(const Given&) const = default;
  };

  static Entries of(std::span<const Kept::value_type> kept) { return {kept, Content{}}; }
  /// Where in `entries_` a window begins, and behind which place it ends.
  std::pair<std::size_t, std::size_t> places(Timestamp end, std::chrono::seconds timespan) const;
  void add_thinned_end(Timestamp time);
  void note_sources();

  Kept entries_;  // one by one: delivered files interleave, so matches often go in between many
  std::uint64_t sources_ = 0;
  std::vector<Timestamp> thinned_ends_;  // seconds of entries that were thinned out, ascending
  std::vector<Given> given_;             // in the order they were given
};

template <class Alike>
std::unique_ptr<WindowEntry> MatchWindow::thin(const WindowEntry& entry, std::chrono::seconds timespan, Alike alike) {
  std::size_t before = entries_.size(), middle = before;  // the last two that are alike
  const auto [first, end] = places(entry.time + timespan, 2 * timespan + std::chrono::seconds(1));
  for (std::size_t i = first; i < end; ++i) {
    if (!alike(*entries_[i], entry)) continue;
    if (before < i && entries_[i]->time - entries_[before]->time <= timespan) {
      std::unique_ptr<WindowEntry> gone = std::move(entries_[middle]);
      entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(middle));
      add_thinned_end(gone->time);
      return gone;  // they were thin before, so one makes one too many at most
    }
    before = std::exchange(middle, i);
  }
  return nullptr;
}

void save(ByteWriter& out, const WindowEntry& entry);
WindowEntry load_window_entry(ByteReader& in);
std::size_t memory_bytes(const WindowEntry& entry);  // beside the entry itself

}  // namespace trailwarden::rules
