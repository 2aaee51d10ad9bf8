#include "baseline/calibration.h"

#include <algorithm>

#include "baseline/portable_math.h"
#include "baseline/small_floats.h"

namespace trailwarden::baseline {
namespace {

/// What speaks beside the tail, as a factor on it.
double factor(Direction direction, double record) {
  return portable_pow(10, -(direction == Direction::kUp ? kRecordWeight : kDownwardDecades) * record);
}

}  // namespace

double calibrate(double tail, Direction direction, double record, double caller) {
  const double combined = tail * factor(direction, record) * portable_pow(10, -caller);
  return std::max(kCalibratedRate * portable_pow(combined, kCalibratedPower), combined);
}

double tail_for(double rate, Direction direction, double record) {
  return std::min(portable_pow(rate / kCalibratedRate, 1 / kCalibratedPower), rate) / factor(direction, record);
}

double record_of(const RowBlock& block, std::size_t row, std::size_t window, std::int64_t open, std::int64_t end) {
  std::uint16_t record = std::max(block.record[window][row], block.record_of_epoch[window][row]);
  if (open / kRecordDelay != end / kRecordDelay) record = std::max(record, block.record_before[window][row]);
  return static_cast<double>(from_bfloat16(record));
}

double longest_gap(const RowBlock& block, std::size_t row) { return std::max(block.longest_gap[0][row], block.longest_gap_of_epoch[0][row]); }

double fewest_of_28_hours(const RowBlock& block, std::size_t row) {
  const std::uint16_t low = std::min(block.low[0][row], block.low_of_epoch[0][row]);
  return low == kNoLow ? 0 : static_cast<double>(from_bfloat16(low));
}

bool is_clear(const RowBlock& block, std::size_t row, std::size_t window, std::int64_t end) {
  const int length = kWindows[window];
  const bool masked = (block.flags[0][row] & kOn) == 0 && end - block.ended_at[0][row] < length;
  return !masked && end - block.born_at[0][row] + 1 >= length;
}

}  // namespace trailwarden::baseline
