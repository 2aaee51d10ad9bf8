#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace trailwarden::baseline {

/// The most frequent values of a stream, with at most `capacity` counters: exact while there are no more values than that; beyond it a new value takes
/// over the smallest counter (the oldest on ties) and its count, plus what it brings.
///
/// Value: anything with ==. Cost: O(capacity) a value, 32 counters are two cache lines of ids. Source: Metwally, Agrawal, El Abbadi, ICDT 2005.
template <class Value>
class SpaceSaving {
 public:
  struct Counter {
    Value value;
    double count;
  };

  explicit SpaceSaving(std::size_t capacity) : capacity_(capacity) {}

  void add(const Value& value, double count = 1) {
    total_ += count;
    const auto known = std::find_if(counters_.begin(), counters_.end(), [&](const Counter& c) { return c.value == value; });
    if (known != counters_.end()) {
      known->count += count;
    } else if (counters_.size() < capacity_) {
      counters_.push_back({value, count});
    } else {
      const auto smallest = std::min_element(counters_.begin(), counters_.end(), [](const Counter& a, const Counter& b) { return a.count < b.count; });
      *smallest = {value, smallest->count + count};
    }
  }

  /// Multiplies every count.
  void decay(double factor) {
    for (Counter& counter : counters_) counter.count *= factor;
    total_ *= factor;
  }

  /// In order of the counters' age.
  const std::vector<Counter>& counters() const { return counters_; }
  /// Everything ever added, decayed likewise.
  double total() const { return total_; }

 private:
  std::size_t capacity_;
  std::vector<Counter> counters_;
  double total_ = 0;
};

}  // namespace trailwarden::baseline
