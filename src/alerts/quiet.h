#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "core/time.h"
#include "event/finding.h"
#include "event/forgotten_principal.h"

namespace trailwarden::alerts {

/// What a quiet window says when it closes: how often the finding that opened it was repeated.
struct Summary {
  event::Finding finding;         // the one that opened the window, without its evidence; its severity the highest of them all
  Timestamp decision_time{};      // the end of the window
  Timestamp first{}, last{};      // decision times of the earliest and latest of them all, the opening one included
  std::uint64_t repeats = 0;      // folded, without the opening one
  std::vector<std::string> event_ids;  // of the repeats that have one, the first kMaxEventIds
  bool late = false;              // a repeat was
  bool operator==(const Summary&) const = default;
};

/// Folds repeats of a finding, for one cell.
///
/// The first finding of a key (detector, entity, what) passes and opens a window [t0, t0 + quiet_for) by its decision time t0. Another one inside
/// it is a repeat: counted, not passed. One that is more severe than anything of the window so far passes all the same, and stays in the window. When the
/// watermark passes the window's end, or a finding of its key comes from behind it, the window closes, and if anything was folded a summary comes
/// out with the window's end as its decision time. A finding from before t0 by less than quiet_for (late or out of order) is a repeat too; one from
/// longer before passes and opens nothing.
///
/// Bounded: at most kMaxWindows are open; then the one that ends first is closed early. Deterministic: what ends together ends in the order of (end, key).
/// Cost: a map lookup a finding. Not thread-safe: a cell owns it. Time: event time only.
class Quiet {
 public:
  static constexpr std::size_t kMaxWindows = 10'000;
  static constexpr std::size_t kMaxEventIds = 20;

  /// Where what is said goes on to.
  struct Output {
    std::function<void(const event::Finding&)> finding;
    std::function<void(const Summary&)> summary;
    std::function<void(const event::Finding&)> folded;  // a repeat, for counting
  };

  /// Passes, folds or opens. `quiet_for` zero or negative: passes.
  void observe(event::Finding finding, std::chrono::seconds quiet_for, const Output& output);

  /// Closes the windows that end at or before `watermark`.
  void advance(Timestamp watermark, const Output& output);

  /// Closes every window: the input is over.
  void finish(const Output& output) { advance(kEndOfTime, output); }

  std::size_t open_windows() const { return windows_.size(); }
  /// How many windows were closed because there were too many.
  std::uint64_t closed_early() const { return closed_early_; }

  /// Forgets the windows whose finding names a principal, with what they folded; how many. The next finding of such a key is told again.
  std::size_t forget(const event::ForgottenPrincipal& principal);

  void save(ByteWriter& out) const;
  Result<void> load(ByteReader& in);
  std::size_t memory_bytes() const;
  bool operator==(const Quiet&) const = default;

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // detector, entity, what

  using Windows = std::map<Key, Summary>;

  void open(Key key, event::Finding finding, std::chrono::seconds quiet_for, const Output& output);
  void close(Windows::iterator window, const Output& output);

  Windows windows_;
  std::set<std::pair<Timestamp, Key>> by_end_;  // of windows_
  std::uint64_t closed_early_ = 0;
};

}  // namespace trailwarden::alerts
