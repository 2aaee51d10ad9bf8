#include "baseline/row_block.h"

#include <algorithm>
#include <new>

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
void RowBlock::for_each_identity(Visit visit) {
  visit(key, 1, std::uint64_t{0});
  visit(open_slot, 1, kNoSlot);
  visit(scope, 1, std::uint8_t{0});
  visit(word, 1, std::uint16_t{0});
  visit(kind_ == SeriesKind::kCalls ? name : call_row, 1, std::uint32_t{0});
}

template <class Visit>
void RowBlock::for_each_state(Visit visit) {
  const bool calls = kind_ == SeriesKind::kCalls;
  const std::size_t tails = channels();
  for (Columns<float>* column : {&calls_fast, &exposure_fast, &calls_slow, &exposure_slow, &weeks_watched}) visit(*column, 1, 0.0F);
  if (calls) {
    visit(profile, kHoursOfWeek, kFlatProfileCode);
    visit(day_type_profile, kHoursOfDayTypes, kFlatProfileCode);
    visit(day_exposure, 7, 0.0F);
    visit(day_type_exposure, 2, 0.0F);
    for (Columns<float>* column : {&hour_calls, &hour_expected, &day_expected}) visit(*column, 1, 0.0F);
    for (Columns<float>* column : {&gap_length, &gap_mean, &gap_squares}) visit(*column, 2, 0.0F);
    visit(gaps, 2, std::uint16_t{0});
  } else {
    visit(error_share, 1, 0.0F);
  }
  for (Columns<std::uint16_t>* ring : {&minute_count, &minute_mean, &quarter_count, &quarter_mean}) visit(*ring, kRing, std::uint16_t{0});
  for (Columns<float>* column : {&squares, &squares_exposure}) visit(*column, kWindowCount, 0.0F);
  visit(cusum, calls ? 2 : 1, 0.0F);
  for (Columns<std::uint16_t>* column : {&peaks, &peak_excess, &episode_peak, &episode_age}) visit(*column, tails, std::uint16_t{0});
  visit(episode_calm, tails, std::uint8_t{0});
  visit(episodes, 1, std::uint16_t{0});
  visit(flags, 1, std::uint8_t{0});
  visit(calm_minutes, 1, std::uint8_t{0});
  visit(on_minutes, 1, std::uint16_t{0});
  visit(ended_at, 1, kLongAgo);
  visit(free_from, 2, kLongAgo);
  visit(born_at, 1, std::int32_t{0});
  visit(day_count, kDayRing, std::uint32_t{0});
  visit(pool, 1, kNoPool);
}

void RowBlock::allocate(std::size_t capacity) {
  TRAILWARDEN_CHECK(capacity > 0 && capacity <= kBlockRows, "a block has 1..2048 rows");
  std::size_t bytes = 0;
  for_each([&]<class T>(Columns<T>&, std::size_t channels, T) { bytes += channels * padded_bytes(capacity * sizeof(T)); });
  memory_.reset(static_cast<std::byte*>(::operator new[](bytes, std::align_val_t{kAlignment})));
  bytes_ = bytes;
  capacity_ = capacity;
  std::byte* at = memory_.get();
  for_each([&]<class T>(Columns<T>& columns, std::size_t channels, T fresh) {
    columns.data_ = reinterpret_cast<T*>(at);
    columns.stride_ = padded_bytes(capacity * sizeof(T)) / sizeof(T);
    std::uninitialized_fill_n(columns.data_, channels * columns.stride_, fresh);
    at += channels * columns.stride_ * sizeof(T);
  });
}

std::size_t RowBlock::append() {
  TRAILWARDEN_CHECK(rows_ < capacity_, "there is room for the row");
  return rows_++;
}

void RowBlock::reset(std::size_t row) {
  for_each_state([row]<class T>(Columns<T>& columns, std::size_t channels, T fresh) {
    for (std::size_t channel = 0; channel < channels; ++channel) columns[channel][row] = fresh;
  });
}

void RowBlock::grow(std::size_t capacity) {
  RowBlock larger(kind_, capacity);
  // Both visit the same columns in the same order.
  struct Source {
    const std::byte* bytes;
    std::size_t stride_bytes;
  };
  std::array<Source, 64> sources{};
  std::size_t count = 0;
  for_each([&]<class T>(Columns<T>& columns, std::size_t, T) {
    sources[count++] = {reinterpret_cast<const std::byte*>(columns.data_), columns.stride_ * sizeof(T)};
  });
  std::size_t next = 0;
  larger.for_each([&]<class T>(Columns<T>& columns, std::size_t channels, T) {
    const Source source = sources[next++];
    for (std::size_t channel = 0; channel < channels; ++channel)
      std::copy_n(reinterpret_cast<const T*>(source.bytes + channel * source.stride_bytes), rows_, columns[channel]);
  });
  larger.rows_ = rows_;
  *this = std::move(larger);
}

}  // namespace trailwarden::baseline
