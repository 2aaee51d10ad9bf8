#include "baseline/series_table.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/check.h"

namespace trailwarden::baseline {
namespace {

constexpr float kGrownExposure = 1440;  // minutes before a row's dispersion counts for others
constexpr std::int64_t kMinutesBeforePooling = 2880;
constexpr std::size_t kFewestToPool = 20;
constexpr double kMostPooled = 12;

std::size_t level_class(const RowBlock& block, std::size_t r) {
  const float rate = block.calls_slow[0][r] / std::max(block.exposure_slow[0][r], 1.0F);
  return (rate > 0.01F ? 1U : 0U) + (rate > 0.3F ? 1U : 0U);
}

/// The part of `list` whose rows lie in [first, first + kBlockRows), with rows counted from `first`.
template <class Item, class Row>
void slice(std::span<const Item> list, std::uint32_t first, std::vector<Item>& out, Row row_of) {
  out.clear();
  const auto begin = std::lower_bound(list.begin(), list.end(), first, [&](const Item& item, std::uint32_t row) { return row_of(item) < row; });
  for (auto it = begin; it != list.end() && row_of(*it) < first + kBlockRows; ++it) {
    out.push_back(*it);
    row_of(out.back()) -= first;
  }
}

std::int64_t day_of(std::int64_t minute) { return minute / 1440; }

/// Adds a value >= 0 to a sum in fixed point, 2^-16; the sum of an absurdly busy cell stays at the end of its range.
void add_fixed(std::int64_t& sum, float value) {
  constexpr std::int64_t kMost = std::int64_t{1} << 62;
  const std::int64_t fixed = std::llround(std::min(static_cast<double>(value) * 65536, static_cast<double>(kMost)));
  sum = fixed > kMost - sum ? kMost : sum + fixed;
}

}  // namespace

std::uint32_t SeriesTable::add(std::uint64_t key, std::uint8_t scope) {
  if (blocks_.empty()) {
    blocks_.emplace_back(kind_, first_rows_);
  } else if (RowBlock& last = blocks_.back(); last.rows() == last.capacity()) {
    // A small cell stays small; a large one grows by whole blocks.
    if (last.capacity() < kBlockRows) last.grow(std::min(last.capacity() * 2, kBlockRows));
    else blocks_.emplace_back(kind_, kBlockRows);
  }
  RowBlock& block = blocks_.back();
  const std::size_t row = block.append();
  block.key[0][row] = key;
  block.scope[0][row] = scope;
  return rows_++;
}

void SeriesTable::begin(std::uint32_t row, std::int64_t minute, std::uint8_t flags) {
  const auto [block, r] = at(row);
  block.reset(r);
  block.flags[0][r] = flags;
  block.born_at[0][r] = static_cast<std::int32_t>(minute);
}

bool SeriesTable::Wide::empty() const {
  const auto is_zero = [](std::uint16_t v) { return v == 0; };
  return std::all_of(minute.begin(), minute.end(), is_zero) && std::all_of(quarter.begin(), quarter.end(), is_zero);
}

/// Keeps the high halves of counts and quarters in step with the low ones, which the pass writes.
void SeriesTable::widen(std::int64_t minute, std::span<const MinuteInput::Count> counts) {
  const auto slot = static_cast<std::size_t>(minute % 16), quarter = static_cast<std::size_t>(minute / 15 % 16);
  const bool new_quarter = minute % 15 == 0;
  for (auto& [row, wide] : wide_) {
    wide.minute[slot] = 0;
    if (new_quarter) wide.quarter[quarter] = 0;
  }
  for (const auto& [row, count] : counts) {
    const auto [block, r] = at(row);
    const std::uint32_t low = new_quarter ? 0 : block.quarter_count[quarter][r];
    const std::uint32_t carry = ((low + (count & 0xffffU)) >> 16) + (count >> 16);
    if (carry == 0) continue;
    Wide& wide = wide_[row];
    wide.minute[slot] = static_cast<std::uint16_t>(count >> 16);
    wide.quarter[quarter] = static_cast<std::uint16_t>(wide.quarter[quarter] + carry);
  }
  std::erase_if(wide_, [](const auto& entry) { return entry.second.empty(); });
}

MinuteInput::WideSum SeriesTable::wide_sum(std::uint32_t row, const Wide& wide, std::int64_t minute) const {
  MinuteInput::WideSum sum{row, {}};
  for (std::size_t w = 0; w < kWindowCount; ++w) {
    const bool minutes = kWindows[w] <= 15;
    const std::int64_t newest = minutes ? minute : minute / 15;
    const int length = minutes ? kWindows[w] : kWindows[w] / 15;
    for (int i = 0; i < length; ++i) sum.more[w] += 65536.0F * static_cast<float>((minutes ? wide.minute : wide.quarter)[static_cast<std::size_t>((newest - i) % 16)]);
  }
  return sum;
}

void SeriesTable::close(const Minute& input, MinutePass& pass, std::vector<Transition>& transitions) {
  const std::int64_t day = day_of(input.minute);
  begin_day(day);
  for (const auto& [row, count] : input.counts) add_to_day(row, day, count);
  const std::span<const MinuteInput::Count> observed = input.frozen ? std::span<const MinuteInput::Count>{} : input.counts;
  widen(input.minute, observed);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    RowBlock& block = blocks_[i];
    const auto first = static_cast<std::uint32_t>(i * kBlockRows);
    slice(observed, first, counts_, [](auto& item) -> auto& { return item.row; });
    wide_sums_.clear();
    for (const auto& [row, wide] : wide_)
      if (row / kBlockRows == i) wide_sums_.push_back(wide_sum(row - first, wide, input.minute));
    const bool has_api = !input.profile.empty();
    pass.run(block,
             {.minute = input.minute, .first_row = first, .counts = counts_, .wide = wide_sums_,
              .profile = has_api ? input.profile.subspan(first, block.rows()) : input.profile,
              .api_calls = has_api ? input.api_calls.subspan(first, block.rows()) : input.api_calls,
              .pools = &pools_, .is_alive = input.is_alive, .frozen = input.frozen, .scopes = input.scopes, .callers = input.callers,
              .explanation = input.explanation, .explained_row = input.explained_row},
             transitions);
  }
  ++minutes_closed_;
}

void SeriesTable::begin_day(std::int64_t day) {
  for (std::int64_t d = std::max(day_ + 1, day - static_cast<std::int64_t>(kDayRing) + 1); d <= day; ++d)
    for (RowBlock& block : blocks_) std::fill_n(block.day_count[static_cast<std::size_t>(d) % kDayRing], block.rows(), 0U);
  day_ = std::max(day, day_);
}

void SeriesTable::wake(std::int64_t minute) {
  wide_.clear();
  for (RowBlock& block : blocks_) {
    for (std::size_t slot = 0; slot < kRing; ++slot)
      for (Columns<std::uint16_t>* const ring : {&block.minute_count, &block.minute_mean, &block.quarter_count, &block.quarter_mean})
        std::fill_n((*ring)[slot], block.rows(), std::uint16_t{0});
    for (std::size_t r = 0; r < block.rows(); ++r) {
      std::uint8_t& flags = block.flags[0][r];
      if ((flags & kOn) == 0 || (flags & kStarted) != 0) continue;
      flags = static_cast<std::uint8_t>(flags & ~(kOn | kGated));
      block.on_minutes[0][r] = 0;
      block.ended_at[0][r] = static_cast<std::int32_t>(minute);
    }
    for (std::size_t side = 0; side < (kind_ == SeriesKind::kCalls ? 2U : 1U); ++side) std::fill_n(block.cusum[side], block.rows(), 0.0F);
    if (kind_ != SeriesKind::kCalls) continue;
    for (Columns<float>* const column : {&block.hour_calls, &block.hour_expected, &block.day_expected}) std::fill_n((*column)[0], block.rows(), 0.0F);
    for (std::size_t clock = 0; clock < 2; ++clock) std::fill_n(block.gap_length[clock], block.rows(), 0.0F);
    for (std::size_t slot = 0; slot < kBlockRing; ++slot)
      std::fill_n(block.block_count[slot], block.rows(), slot == static_cast<std::size_t>(minute / kBlockMinutes) % kBlockRing ? kPartialBlock : kUnknownBlock);
  }
}

void SeriesTable::refresh_error_shares(const SeriesTable& calls) {
  for (RowBlock& block : blocks_) {
    for (std::size_t r = 0; r < block.rows(); ++r) {
      const auto [api, row] = calls.at(block.call_row[0][r]);
      block.error_share[0][r] = (block.calls_slow[0][r] + 0.01F) / (api.calls_slow[0][row] + 2.0F);
    }
  }
}

void SeriesTable::pool_dispersions() {
  if (minutes_closed_ < kMinutesBeforePooling) return;
  struct Grown {
    std::uint32_t row;
    std::size_t pool;
  };
  std::vector<Grown> grown;
  for (std::uint32_t row = 0; row < rows_; ++row) {
    const auto [block, r] = at(row);
    if (block.exposure_slow[0][r] > kGrownExposure) grown.push_back({row, level_class(block, r)});
  }
  std::array<bool, kPools> pooled{};
  std::vector<std::pair<float, float>> members;  // num_w, den_w
  for (std::size_t pool = 0; pool < kPools; ++pool) {
    const auto alike = static_cast<std::size_t>(std::count_if(grown.begin(), grown.end(), [pool](const Grown& g) { return g.pool == pool; }));
    const bool all = alike < kFewestToPool;
    if (all && grown.size() < kFewestToPool) continue;
    pooled[pool] = true;
    for (std::size_t w = 0; w < kWindowCount; ++w) {
      members.clear();
      for (const Grown& g : grown) {
        const auto [block, r] = at(g.row);
        if (all || g.pool == pool) members.emplace_back(block.squares[w][r], block.squares_exposure[w][r]);
      }
      // By value, not by row, and summed in fixed point: the order of rows must not show.
      std::sort(members.begin(), members.end());
      members.resize(static_cast<std::size_t>(0.9 * static_cast<double>(members.size() - 1)) + 1);
      std::int64_t squares = 0, exposure = 0;
      for (const auto& [num, den] : members) {
        add_fixed(squares, num);
        add_fixed(exposure, den);
      }
      const double prior = static_cast<double>(kDispersionPrior[w]);
      const double ratio = (static_cast<double>(squares) / 65536 + 20 * prior) / (static_cast<double>(exposure) / 65536 + 20);
      pools_[pool][w] = static_cast<float>(std::clamp(ratio, 1.05, kMostPooled));
    }
  }
  for (RowBlock& block : blocks_) {
    for (std::size_t r = 0; r < block.rows(); ++r) {
      const std::size_t pool = level_class(block, r);
      if (pooled[pool]) block.pool[0][r] = static_cast<std::uint8_t>(pool);
    }
  }
}

std::uint32_t SeriesTable::minute_count(std::uint32_t row, std::int64_t minute) const {
  const auto [block, r] = at(row);
  const auto slot = static_cast<std::size_t>(minute % 16);
  const auto wide = wide_.find(row);
  return block.minute_count[slot][r] + (wide == wide_.end() ? 0U : static_cast<std::uint32_t>(wide->second.minute[slot]) << 16);
}

std::uint32_t SeriesTable::quarter_count(std::uint32_t row, std::int64_t quarter) const {
  const auto [block, r] = at(row);
  const auto slot = static_cast<std::size_t>(quarter % 16);
  const auto wide = wide_.find(row);
  return block.quarter_count[slot][r] + (wide == wide_.end() ? 0U : static_cast<std::uint32_t>(wide->second.quarter[slot]) << 16);
}

void SeriesTable::add_to_day(std::uint32_t row, std::int64_t day, std::uint32_t count) {
  if (day > day_ || day <= day_ - static_cast<std::int64_t>(kDayRing)) return;
  const auto [block, r] = at(row);
  block.day_count[static_cast<std::size_t>(day) % kDayRing][r] += count;
}

std::uint64_t SeriesTable::day_count(std::uint32_t row, std::int64_t day) const {
  if (day > day_ || day <= day_ - static_cast<std::int64_t>(kDayRing)) return 0;
  const auto [block, r] = at(row);
  return block.day_count[static_cast<std::size_t>(day) % kDayRing][r];
}

float SeriesTable::profile_of(std::uint32_t row, const ProfilePlace& place) const {
  const auto [block, r] = at(row);
  return place.weight * kProfileValue[block.profile[place.hour][r]] + place.next_weight * kProfileValue[block.profile[place.next_hour][r]];
}

void SeriesTable::save(ByteWriter& out, std::span<const std::uint32_t> order) const {
  out.signed_number(day_);
  out.signed_number(minutes_closed_);
  for (const auto& pool : pools_) out.array(pool);
  save_wide(out, order);
  RowBlock::save(out, kind_, blocks_, order);
}

void SeriesTable::save_wide(ByteWriter& out, std::span<const std::uint32_t> order) const {
  out.number(static_cast<std::uint32_t>(std::count_if(order.begin(), order.end(), [this](std::uint32_t row) { return wide_.contains(row); })));
  if (wide_.empty()) return;
  for (std::uint32_t number = 0; number < order.size(); ++number) {
    const auto wide = wide_.find(order[number]);
    if (wide == wide_.end()) continue;
    out.number(number);
    out.array(wide->second.minute);
    out.array(wide->second.quarter);
  }
}

Result<void> SeriesTable::load(ByteReader& in, std::uint32_t rows) {
  day_ = in.signed_number();
  minutes_closed_ = in.signed_number();
  if (day_ < -1 || day_ > day_of(INT32_MAX) || minutes_closed_ < 0 || minutes_closed_ > INT32_MAX) return fail(ErrorCode::kMalformed, "minutes that were never closed");
  for (auto& pool : pools_) {
    in.array(pool);
    if (!std::all_of(pool.begin(), pool.end(), [](double phi) { return phi >= 1 && phi <= kMostPooled; }))
      return fail(ErrorCode::kMalformed, "a pooled dispersion is out of range or no number");
  }
  if (auto loaded = load_wide(in, rows); !loaded) return loaded;
  return load_blocks(in, rows);
}

Result<void> SeriesTable::load_wide(ByteReader& in, std::uint32_t rows) {
  const auto count = in.number<std::uint32_t>();
  if (count > rows || !in.has(count, sizeof(std::uint32_t) + 2 * sizeof(Wide::minute))) return fail(ErrorCode::kMalformed, "more wide counts than rows");
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto row = in.number<std::uint32_t>();
    Wide wide;
    in.array(wide.minute);
    in.array(wide.quarter);
    if (row >= rows || !wide_.try_emplace(row, wide).second) return fail(ErrorCode::kMalformed, "wide counts of a row that there is not, or twice");
  }
  return {};
}

Result<void> SeriesTable::load_blocks(ByteReader& in, std::uint32_t rows) {
  if (!in.has(rows, RowBlock::saved_bytes(kind_))) return fail(ErrorCode::kMalformed, "rows end too early");
  while (rows_ < rows) {
    const std::size_t some = std::min<std::size_t>(rows - rows_, kBlockRows);
    blocks_.emplace_back(kind_, blocks_.empty() ? std::max(std::bit_ceil(some), first_rows_) : kBlockRows);  // as large as if its rows had been added
    blocks_.back().append(some);
    rows_ += static_cast<std::uint32_t>(some);
  }
  return RowBlock::load(in, kind_, blocks_);
}

std::size_t SeriesTable::memory_bytes() const {
  std::size_t total = sizeof *this + wide_.size() * (sizeof(Wide) + 32);
  for (const RowBlock& block : blocks_) total += sizeof block + block.memory_bytes();
  return total;
}

}  // namespace trailwarden::baseline
