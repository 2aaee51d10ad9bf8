#include "baseline/row_block.h"

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/check.h"

namespace trailwarden::baseline {
namespace {

constexpr std::size_t kAlignment = 64;

/// Rows of a column are padded to whole cache lines, so that each one begins at one.
std::size_t padded_bytes(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

void RowBlock::Free::operator()(std::byte* bytes) const { ::operator delete[](bytes, std::align_val_t{kAlignment}); }

RowBlock::RowBlock(SeriesKind kind, std::size_t capacity) : kind_(kind) { allocate(capacity); }

template <class Visit>
void RowBlock::for_each_identity(SeriesKind kind, Visit visit) {
  visit(&RowBlock::key, 1, std::uint64_t{0});
  visit(&RowBlock::open_slot, 1, kNoSlot);
  visit(&RowBlock::scope, 1, std::uint8_t{0});
  visit(&RowBlock::word, 1, std::uint16_t{0});
  visit(kind == SeriesKind::kCalls ? &RowBlock::name : &RowBlock::call_row, 1, std::uint32_t{0});
}

template <class Visit>
void RowBlock::for_each_state(SeriesKind kind, Visit visit) {
  using B = RowBlock;
  const bool calls = kind == SeriesKind::kCalls;
  const std::size_t tails = calls ? kCallChannels : kErrorChannels;
  for (const auto column : {&B::calls_fast, &B::exposure_fast, &B::calls_slow, &B::exposure_slow, &B::weeks_watched}) visit(column, 1, 0.0F);
  if (calls) {
    visit(&B::profile, kHoursOfWeek, kFlatProfileCode);
    visit(&B::day_type_profile, kHoursOfDayTypes, kFlatProfileCode);
    visit(&B::day_exposure, 7, 0.0F);
    visit(&B::day_type_exposure, 2, 0.0F);
    for (const auto column : {&B::hour_calls, &B::hour_expected, &B::day_expected}) visit(column, 1, 0.0F);
    for (const auto column : {&B::gap_length, &B::gap_mean, &B::gap_squares}) visit(column, 2, 0.0F);
    visit(&B::gaps, 2, std::uint16_t{0});
    visit(&B::block_count, kBlockRing, kUnknownBlock);
    for (const auto column : {&B::low, &B::low_of_epoch, &B::low_before, &B::low_now}) visit(column, 1, kNoLow);
    for (const auto column : {&B::longest_gap, &B::longest_gap_of_epoch, &B::longest_gap_before, &B::longest_gap_now}) visit(column, 1, std::uint16_t{0});
  } else {
    visit(&B::error_share, 1, 0.0F);
  }
  for (const auto ring : {&B::minute_count, &B::minute_mean, &B::quarter_count, &B::quarter_mean}) visit(ring, kRing, std::uint16_t{0});
  for (const auto column : {&B::squares, &B::squares_exposure}) visit(column, kWindowCount, 0.0F);
  visit(&B::cusum, calls ? 2 : 1, 0.0F);
  for (const auto column : {&B::peaks, &B::peak_excess, &B::episode_peak, &B::episode_age}) visit(column, tails, std::uint16_t{0});
  visit(&B::episode_calm, tails, std::uint8_t{0});
  visit(&B::episodes, 1, std::uint16_t{0});
  visit(&B::flags, 1, std::uint8_t{0});
  visit(&B::calm_minutes, 1, std::uint8_t{0});
  visit(&B::on_minutes, 1, std::uint16_t{0});
  visit(&B::ended_at, 1, kLongAgo);
  visit(&B::free_from, 2, kLongAgo);
  visit(&B::born_at, 1, std::int32_t{0});
  for (const auto column : {&B::record, &B::record_of_epoch, &B::record_before, &B::record_now}) visit(column, kWindowCount, std::uint16_t{0});
  visit(&B::day_count, kDayRing, std::uint32_t{0});
  visit(&B::pool, 1, kNoPool);
}

template <class Visit>
void RowBlock::for_each_saved(SeriesKind kind, Visit visit) {
  visit(&RowBlock::key, 1, std::uint64_t{0});
  for_each_state(kind, visit);
}

void RowBlock::allocate(std::size_t capacity) {
  TRAILWARDEN_CHECK(capacity > 0 && capacity <= kBlockRows, "a block has 1..2048 rows");
  std::size_t bytes = 0;
  for_each(kind_, [&]<class T>(Columns<T> RowBlock::*, std::size_t channels, T) { bytes += channels * padded_bytes(capacity * sizeof(T)); });
  memory_.reset(static_cast<std::byte*>(::operator new[](bytes, std::align_val_t{kAlignment})));
  bytes_ = bytes;
  capacity_ = capacity;
  std::byte* at = memory_.get();
  for_each(kind_, [&]<class T>(Columns<T> RowBlock::*column, std::size_t channels, T fresh) {
    Columns<T>& columns = this->*column;
    columns.data_ = reinterpret_cast<T*>(at);
    columns.stride_ = padded_bytes(capacity * sizeof(T)) / sizeof(T);
    std::uninitialized_fill_n(columns.data_, channels * columns.stride_, fresh);
    at += channels * columns.stride_ * sizeof(T);
  });
}

std::size_t RowBlock::append(std::size_t rows) {
  TRAILWARDEN_CHECK(rows <= capacity_ - rows_, "there is room for the row");
  return std::exchange(rows_, rows_ + rows);
}

void RowBlock::reset(std::size_t row) {
  for_each_state(kind_, [this, row]<class T>(Columns<T> RowBlock::*column, std::size_t channels, T fresh) {
    for (std::size_t channel = 0; channel < channels; ++channel) (this->*column)[channel][row] = fresh;
  });
}

void RowBlock::grow(std::size_t capacity) {
  RowBlock larger(kind_, capacity);
  for_each(kind_, [&]<class T>(Columns<T> RowBlock::*column, std::size_t channels, T) {
    for (std::size_t channel = 0; channel < channels; ++channel) std::copy_n((this->*column)[channel], rows_, (larger.*column)[channel]);
  });
  larger.rows_ = rows_;
  *this = std::move(larger);
}

void RowBlock::save(ByteWriter& out, SeriesKind kind, std::span<const RowBlock> blocks, std::span<const std::uint32_t> rows) {
  // A channel at a time: what of it is gathered in any order then fits a cache.
  for_each_saved(kind, [&]<class T>(Columns<T> RowBlock::*column, std::size_t channels, T) {
    std::vector<const T*> values_of(blocks.size());
    std::array<T, kBlockRows> some;
    for (std::size_t channel = 0; channel < channels; ++channel) {
      for (std::size_t i = 0; i < blocks.size(); ++i) values_of[i] = (blocks[i].*column)[channel];
      for (std::size_t first = 0; first < rows.size(); first += kBlockRows) {
        const auto next = rows.subspan(first, std::min(kBlockRows, rows.size() - first));
        std::transform(next.begin(), next.end(), some.begin(), [&](std::uint32_t row) { return values_of[row / kBlockRows][row % kBlockRows]; });
        out.array(std::span(some).first(next.size()));
      }
    }
  });
}

std::size_t RowBlock::saved_bytes(SeriesKind kind) {
  std::size_t bytes = 0;
  for_each_saved(kind, [&]<class T>(Columns<T> RowBlock::*, std::size_t channels, T) { bytes += channels * sizeof(T); });
  return bytes;
}

Result<void> RowBlock::load(ByteReader& in, SeriesKind kind, std::span<RowBlock> blocks) {
  for_each_saved(kind, [&]<class T>(Columns<T> RowBlock::*column, std::size_t channels, T) {
    for (std::size_t channel = 0; channel < channels; ++channel)
      for (RowBlock& block : blocks) in.array(std::span((block.*column)[channel], block.rows_));
  });
  if (!in.ok()) return fail(ErrorCode::kMalformed, "rows end too early");
  for (const RowBlock& block : blocks)
    if (const std::string_view what = block.fault(); !what.empty()) return fail(ErrorCode::kMalformed, std::string(what));
  return {};
}

/// What no minute pass leaves behind: numbers that are none, and what would lead a later pass outside of its tables. Empty: nothing.
std::string_view RowBlock::fault() const {
  const auto all = [this]<class T>(const Columns<T>& columns, std::size_t channels, auto is_fine) {
    for (std::size_t channel = 0; channel < channels; ++channel)
      if (!std::all_of(columns[channel], columns[channel] + rows_, is_fine)) return false;
    return true;
  };
  bool sums = true;
  for_each_state(kind_, [&]<class T>(Columns<T> RowBlock::*column, std::size_t channels, T) {
    if constexpr (std::is_same_v<T, float>) {
      if (column == &RowBlock::cusum) return;
      sums = sums && all(this->*column, channels, [](float value) { return value >= 0 && value <= std::numeric_limits<float>::max(); });
    }
  });
  if (!sums) return "a row has a decayed sum that is negative, infinite or no number";
  const std::size_t sides = kind_ == SeriesKind::kCalls ? 2 : 1, tails = channels();
  if (!all(cusum, sides, [](float value) { return value >= kCusumFloor && value <= kCusumCeiling; })) return "a row has a drift that is out of range or no number";
  for (const Columns<std::uint16_t>* const means : {&minute_mean, &quarter_mean})
    if (!all(*means, kRing, [](std::uint16_t bits) { return bits < 0x7f80; })) return "a row has an expected count that is negative, infinite or no number";
  for (const Columns<std::uint16_t>* const tail : {&peaks, &peak_excess, &episode_peak})
    if (!all(*tail, tails, [](std::uint16_t bits) { return bits < 0x7c00; })) return "a row has past peaks that are negative, infinite or no number";
  if (!all(episodes, 1, [tails](std::uint16_t open) { return open >> tails == 0; })) return "a row has an open episode of a channel that it does not have";
  for (const Columns<std::uint16_t>* const records : {&record, &record_of_epoch, &record_before, &record_now})
    if (!all(*records, kWindowCount, [](std::uint16_t bits) { return bits < 0x7f80; })) return "a row has a record that is negative, infinite or no number";
  if (kind_ == SeriesKind::kCalls)
    for (const Columns<std::uint16_t>* const lows : {&low, &low_of_epoch, &low_before, &low_now})
      if (!all(*lows, 1, [](std::uint16_t bits) { return bits <= kNoLow; })) return "a row has a fewest number of calls that is negative or no number";
  if (!all(pool, 1, [](std::uint8_t which) { return which < kPools || which == kNoPool; })) return "a row belongs to a pool that there is not";
  return {};
}

}  // namespace trailwarden::baseline
