#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"

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

  /// What `is_old` counts for `value` from here on, where the oldest of them stands. How many counters that were.
  template <class IsOld>
  std::size_t rename(IsOld is_old, const Value& value) {
    const auto is_one = [&](const Counter& c) { return is_old(c.value) || c.value == value; };
    const auto old = static_cast<std::size_t>(std::count_if(counters_.begin(), counters_.end(), [&](const Counter& c) { return is_old(c.value); }));
    if (old == 0) return 0;
    const auto first = std::find_if(counters_.begin(), counters_.end(), is_one);
    for (auto next = first + 1; next != counters_.end(); ++next)
      if (is_one(*next)) first->count += next->count;
    first->value = value;
    counters_.erase(std::remove_if(first + 1, counters_.end(), is_one), counters_.end());
    return old;
  }

  /// Counters keep their order, in which the oldest gives way first. `number_of(value)`: the 32-bit number that a value is saved as.
  template <class NumberOf>
  void save(ByteWriter& out, NumberOf number_of) const {
    out.real(total_);
    out.number(static_cast<std::uint16_t>(counters_.size()));
    for (const Counter& counter : counters_) {
      out.number(std::uint32_t{number_of(counter.value)});
      out.real(counter.count);
    }
  }

  /// Into a fresh instance of the same capacity. `value_of(number)`: an optional, empty where there is no such value.
  template <class ValueOf>
  Result<void> load(ByteReader& in, ValueOf value_of) {
    const auto is_sum = [](double value) { return value >= 0 && value <= std::numeric_limits<double>::max(); };
    total_ = in.real<double>();
    const auto size = in.number<std::uint16_t>();
    if (size > capacity_) return fail(ErrorCode::kMalformed, "a sketch has more counters than there is room for");
    for (std::uint16_t i = 0; i < size; ++i) {
      const auto value = value_of(in.number<std::uint32_t>());
      const auto count = in.real<double>();
      if (!value) return fail(ErrorCode::kMalformed, "a sketch counts a value that there is not");
      if (!is_sum(count)) return fail(ErrorCode::kMalformed, "a sketch has a count that is negative, infinite or no number");
      counters_.push_back({*value, count});
    }
    if (!in.ok()) return fail(ErrorCode::kMalformed, "a sketch ends too early");
    if (!is_sum(total_)) return fail(ErrorCode::kMalformed, "a sketch has a total that is negative, infinite or no number");
    return {};
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
