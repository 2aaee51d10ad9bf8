#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "event/finding.h"

namespace trailwarden::detectors {

/// The newest calls of one kind by one principal, in order of event time, for questions of the form "were there n within
/// w". A window is (t - w, t]: it ends with the second t of its last call and holds no call that is w older.
///
/// Bounded by what can still matter: it keeps the newest calls up to those that hold `enough` (the largest limit) of them, or
/// of different targets, and none older than kKept before the newest. When targets are counted, of three calls on one target within
/// kShortest the middle one is dropped: every window of at least kShortest that holds it holds one of the others.
///
/// So a question about a call that came in order is answered exactly. One that came late is answered from what is still kept.
/// Cost: a call is inserted in O(log n) if it is the newest; a question costs O(n log n) of the calls within w of it. Not thread-safe.
class SlidingWindow {
 public:
  enum class Counting : std::uint8_t { kCalls, kTargets };

  static constexpr std::chrono::minutes kShortest{5}, kLongest{60};
  static constexpr std::chrono::seconds kKept = 2 * kLongest;

  struct Call {
    Timestamp time{};
    std::string target;        // what it acts on
    event::Evidence evidence;  // without the record
    bool operator==(const Call&) const = default;
  };

  /// What a window held when it reached a limit.
  struct Crossing {
    std::size_t count = 0;
    bool is_least = false;         // there may have been more: some of it was forgotten
    std::span<const Call> calls;  // of the window, oldest first; until the next `add`
  };

  explicit SlidingWindow(Counting counting) : counting_(counting) {}

  /// Remembers a call; `enough` >= 1.
  void add(Call call, std::size_t enough);

  /// The window of length `window` that ends first among those that hold the second `at` and at least `limit` >= 1 calls, or
  /// different targets.
  std::optional<Crossing> crossing(Timestamp at, std::chrono::seconds window, std::size_t limit) const;

  std::size_t size() const { return calls_.size(); }
  void clear() { std::vector<Call>().swap(calls_); }

  void save(ByteWriter& out) const;
  void load(ByteReader& in);
  std::size_t memory_bytes() const;

 private:
  void drop_between(std::size_t added);
  void drop_oldest(std::size_t enough);

  Counting counting_;
  std::vector<Call> calls_;  // ascending by time; of one second in the order of arrival
  Timestamp forgotten_ = kBeginningOfTime;  // of the newest call that was dropped for want of room
};

}  // namespace trailwarden::detectors
