// The saved form of a CellBaseline: which sections there are, and what stands in them. docs/baseline.md, "Saved form".

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "baseline/cell_baseline.h"
#include "baseline/saved_order.h"
#include "baseline/section_frame.h"

namespace trailwarden::baseline {
namespace {

constexpr SectionKind kClock{1, 2, "clock"};               // minutes, and what the thresholds were last computed from
constexpr SectionKind kWords{2, 1, "words"};               // event sources and error codes, ascending
constexpr SectionKind kCallRows{3, 2, "calls"};            // `SeriesTable`
constexpr SectionKind kApis{4, 1, "APIs"};                 // number of the source u16, data event u8, name text; a row of `calls` each
constexpr SectionKind kErrorRows{5, 1, "errors"};          // `SeriesTable`
constexpr SectionKind kErrorCodes{6, 1, "error codes"};    // row of its API u32, number of the code u16; a row of `errors` each
constexpr SectionKind kOpenMinutes{7, 1, "open minutes"};  // series with calls in open minutes
constexpr SectionKind kCallers{13, 1, "callers"};          // `Callers`

constexpr std::int64_t kEarliest = 1440, kLatest = INT32_MAX - CellBaseline::kDormantAfter;  // minutes that windows and columns can hold
constexpr std::size_t kMostWordNumbers = 65'536;

Result<void> malformed(std::string what) { return fail(ErrorCode::kMalformed, std::move(what)); }

/// Numbers of the words that are in use, by text.
std::vector<std::uint16_t> by_text(const std::vector<std::string>& words, const std::vector<bool>& in_use) {
  std::vector<std::uint16_t> order;
  for (std::size_t number = 0; number < words.size(); ++number)
    if (in_use[number]) order.push_back(static_cast<std::uint16_t>(number));
  std::sort(order.begin(), order.end(), [&](std::uint16_t a, std::uint16_t b) { return words[a] < words[b]; });
  return order;
}

}  // namespace

SavedOrder::SavedOrder(const CellBaseline& cell, const DroppedRows* dropped) {
  for (const SeriesKind kind : {SeriesKind::kCalls, SeriesKind::kErrors}) {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> by_key;
    by_key.reserve(cell.rows(kind));
    for (std::uint32_t row = 0; row < cell.rows(kind); ++row)
      if (dropped == nullptr || !dropped->contains({kind, row})) by_key.emplace_back(cell.key_of({kind, row}), row);
    std::sort(by_key.begin(), by_key.end(), [&](const auto& a, const auto& b) {
      return a.first != b.first ? a.first < b.first : cell.compare({kind, a.second}, {kind, b.second}) < 0;
    });
    auto& rows = rows_[static_cast<std::size_t>(kind)];
    auto& places = places_[static_cast<std::size_t>(kind)];
    places.assign(cell.rows(kind), kDropped);
    for (const auto& [key, row] : by_key) {
      places[row] = static_cast<std::uint32_t>(rows.size());
      rows.push_back(row);
    }
  }
}

void CellBaseline::save(SectionWriter& out, const SavedOrder& order) const {
  const auto calls = order.rows(SeriesKind::kCalls), errors = order.rows(SeriesKind::kErrors);
  std::vector<bool> in_use(words_.size());
  for (const SeriesKind kind : {SeriesKind::kCalls, SeriesKind::kErrors}) {
    for (const std::uint32_t row : order.rows(kind)) {
      const auto [block, r] = table(kind).rows.at(row);
      in_use[block.word[0][r]] = true;
    }
  }
  const std::vector<std::uint16_t> words = by_text(words_, in_use);
  std::vector<std::uint16_t> word_numbers(words_.size());
  for (std::size_t i = 0; i < words.size(); ++i) word_numbers[words[i]] = static_cast<std::uint16_t>(i);

  out.add(kClock, 1, [&](ByteWriter& bytes) {
    bytes.signed_number(next_);
    bytes.signed_number(newest_);
    bytes.number(cost_);
    bytes.number(next_cost_);
    bytes.number(overflowed_);
  });
  out.add(kWords, words.size(), [&](ByteWriter& bytes) {
    for (const std::uint16_t number : words) bytes.text(words_[number]);
  });
  out.add(kCallRows, calls.size(), [&](ByteWriter& bytes) { table(SeriesKind::kCalls).rows.save(bytes, calls); });
  out.add(kApis, calls.size(), [&](ByteWriter& bytes) {
    for (const std::uint32_t row : calls) {
      const auto [block, r] = table(SeriesKind::kCalls).rows.at(row);
      bytes.number(word_numbers[block.word[0][r]]);
      bytes.flag(is_data({SeriesKind::kCalls, row}));
      bytes.text(name_of({SeriesKind::kCalls, row}).event_name);
    }
  });
  out.add(kErrorRows, errors.size(), [&](ByteWriter& bytes) { table(SeriesKind::kErrors).rows.save(bytes, errors); });
  out.add(kErrorCodes, errors.size(), [&](ByteWriter& bytes) {
    for (const std::uint32_t row : errors) {
      const auto [block, r] = table(SeriesKind::kErrors).rows.at(row);
      bytes.number(order.place_of({SeriesKind::kCalls, block.call_row[0][r]}));
      bytes.number(word_numbers[block.word[0][r]]);
    }
  });
  out.add(kOpenMinutes, used_slots_.size(), [&](ByteWriter& bytes) { save_open(bytes, order); });
  out.add(kCallers, callers_.known(), [&](ByteWriter& bytes) { callers_.save(bytes, order, next_); });
}

void CellBaseline::save_open(ByteWriter& out, const SavedOrder& order) const {
  std::vector<std::uint32_t> slots = used_slots_;
  std::sort(slots.begin(), slots.end(), [&](std::uint32_t a, std::uint32_t b) { return order.number_of(open_[a].series) < order.number_of(open_[b].series); });
  for (const std::uint32_t slot : slots) {
    const OpenSeries& o = open_[slot];
    out.number(order.number_of(o.series));
    out.flag(o.is_judged);
    out.signed_number(o.decided.value_or(kNever));
    out.signed_number(o.slack_minute);
    out.number(o.slack_minute == kNever ? 0U : o.slack);
    out.real(o.told);
    const auto count_at = [&](std::int64_t minute) { return o.counts[static_cast<std::size_t>(minute) % settings_->open_minutes]; };
    std::uint16_t minutes = 0;
    for (std::int64_t minute = next_; minute <= newest_; ++minute) minutes = static_cast<std::uint16_t>(minutes + (count_at(minute) > 0 ? 1 : 0));
    out.number(minutes);
    for (std::int64_t minute = next_; minute <= newest_; ++minute) {
      if (count_at(minute) == 0) continue;
      out.number(static_cast<std::uint16_t>(minute - next_));
      out.number(count_at(minute));
    }
  }
}

Result<void> CellBaseline::load(SectionReader& in) {
  const auto rows_of = [&](SeriesKind kind) {
    return [this, kind](ByteReader& bytes, std::uint32_t rows) -> Result<void> {
      if (rows > 0 && next_ == kNever) return malformed("rows of a cell that never had a call");
      return table(kind).rows.load(bytes, rows);
    };
  };
  return in.read(kClock, [&](ByteReader& bytes, std::uint32_t rows) { return rows == 1 ? load_clock(bytes) : malformed("there is one"); })
      .and_then([&] { return in.read(kWords, [&](ByteReader& bytes, std::uint32_t rows) { return load_words(bytes, rows); }); })
      .and_then([&] { return in.read(kCallRows, rows_of(SeriesKind::kCalls)); })
      .and_then([&] { return in.read(kApis, [&](ByteReader& bytes, std::uint32_t rows) { return load_apis(bytes, rows); }); })
      .and_then([&] { return in.read(kErrorRows, rows_of(SeriesKind::kErrors)); })
      .and_then([&] { return in.read(kErrorCodes, [&](ByteReader& bytes, std::uint32_t rows) { return load_error_codes(bytes, rows); }); })
      .and_then([&] { return in.read(kOpenMinutes, [&](ByteReader& bytes, std::uint32_t rows) { return load_open(bytes, rows); }); })
      .and_then([&] { return in.read(kCallers, [&](ByteReader& bytes, std::uint32_t known) { return callers_.load(bytes, known, rows(SeriesKind::kCalls)); }); });
}

Result<void> CellBaseline::load_clock(ByteReader& in) {
  next_ = in.signed_number();
  newest_ = in.signed_number();
  cost_ = in.number<std::uint64_t>();
  next_cost_ = in.number<std::uint64_t>();
  if (cost_ < kUpwardCost || next_cost_ < kUpwardCost) return malformed("a budget that nothing shares");
  overflowed_ = in.number<std::uint64_t>();
  set_scopes();
  if (next_ == kNever && newest_ == kNever) return {};
  if (next_ < kEarliest || next_ > kLatest || newest_ < next_ - kDormantAfter || newest_ > kLatest) return malformed("minutes that no cell is at");
  if (newest_ - next_ >= static_cast<std::int64_t>(settings_->open_minutes))
    return malformed(fmt::format("calls lie {} minutes behind the first open one, and with this lateness only {} minutes can be open", newest_ - next_, settings_->open_minutes));
  set_places();
  return {};
}

Result<void> CellBaseline::load_words(ByteReader& in, std::uint32_t count) {
  if (count > kMostWordNumbers || !in.has(count, sizeof(std::uint32_t))) return malformed("more words than can be");
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string text = in.text();
    if (i > 0 && text <= words_.back()) return malformed("words that do not ascend");
    word(text);
  }
  return {};
}

Result<void> CellBaseline::load_apis(ByteReader& in, std::uint32_t count) {
  SeriesTable& rows = table(SeriesKind::kCalls).rows;
  if (count != rows.rows()) return malformed("not as many names as rows");
  for (std::uint32_t row = 0; row < count; ++row) {
    const auto number = in.number<std::uint16_t>();
    const bool is_data_event = in.flag();
    const std::string_view name = in.view(in.number<std::uint32_t>());
    if (number >= words_.size() || names_.size() + name.size() > kMostNameBytes) return malformed(fmt::format("row {} has a name that cannot be", row));
    const auto [block, r] = rows.at(row);
    block.word[0][r] = number;
    block.name[0][r] = add_name(name) | (is_data_event ? kDataName : 0U);
    if (auto taken = take_row({SeriesKind::kCalls, row}); !taken) return taken;
  }
  return {};
}

Result<void> CellBaseline::load_error_codes(ByteReader& in, std::uint32_t count) {
  SeriesTable& rows = table(SeriesKind::kErrors).rows;
  if (count != rows.rows()) return malformed("not as many codes as rows");
  for (std::uint32_t row = 0; row < count; ++row) {
    const auto call_row = in.number<std::uint32_t>();
    const auto number = in.number<std::uint16_t>();
    if (call_row >= table(SeriesKind::kCalls).rows.rows() || number >= words_.size()) return malformed(fmt::format("row {} is of an API or a code that there is not", row));
    const auto [block, r] = rows.at(row);
    block.call_row[0][r] = call_row;
    block.word[0][r] = number;
    if (auto taken = take_row({SeriesKind::kErrors, row}); !taken) return taken;
  }
  return {};
}

/// A row whose columns and name are loaded: checks that they belong together and to this cell, finds its scope under these settings, and makes it found.
Result<void> CellBaseline::take_row(SeriesId series) {
  const SeriesName name = name_of(series);
  const Call call{name.event_source, name.event_name, name.error_code, false, is_data(series)};
  if (key_of(series) != hash(series.kind, call)) return malformed(fmt::format("row {} has the key of another series, account or Region", series.row));
  if (series.row > 0 && compare({series.kind, series.row - 1}, series) >= 0) return malformed(fmt::format("row {} is not behind the one before", series.row));
  set_scope_of_row(series, call);
  table(series.kind).by_key.insert(series.row, [&](std::uint32_t row) { return key_of(series.kind, row); });
  return {};
}

Result<void> CellBaseline::load_open(ByteReader& in, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const auto series = series_at(in.number<std::uint32_t>());
    if (!series || slot_of(*series) != kNoSlot) return malformed("open minutes of a series that there is not, or twice");
    OpenSeries& o = open(*series);
    o.is_judged = in.flag();
    const std::int64_t decided = in.signed_number();
    o.slack_minute = in.signed_number();
    o.slack = in.number<std::uint32_t>();
    o.told = in.real<double>();
    if (!(o.told >= 0 && o.told <= std::numeric_limits<double>::max())) return malformed("something that goes on and is told of with no number");
    const auto minutes = in.number<std::uint16_t>();
    for (std::uint16_t n = 0; n < minutes; ++n) {
      const std::int64_t minute = next_ + in.number<std::uint16_t>();
      const auto calls = in.number<std::uint32_t>();
      if (minute <= o.newest || minute > newest_ || calls == 0) return malformed("open minutes that do not ascend, are not open or have no call");
      o.counts[static_cast<std::size_t>(minute) % settings_->open_minutes] = calls;
      o.total += calls;
      o.newest = minute;
    }
    const auto is_open = [&](std::int64_t minute) { return minute == kNever || (minute >= next_ && minute <= o.newest); };
    const bool was_decided = decided != kNever && decided < next_ && decided >= next_ - kHoldMinutes;
    if ((minutes == 0 && !was_decided) || !(is_open(decided) || was_decided) || !is_open(o.slack_minute) || (o.slack_minute != kNever && o.slack == 0))
      return malformed("an open series without a call, or judged at a minute that is not open");
    if (decided != kNever) o.decided = decided;
  }
  return {};
}

std::optional<SeriesId> CellBaseline::series_at(std::uint32_t number) const {
  const std::uint32_t calls = table(SeriesKind::kCalls).rows.rows(), errors = table(SeriesKind::kErrors).rows.rows();
  if (number < calls) return SeriesId{SeriesKind::kCalls, number};
  if (number - calls < errors) return SeriesId{SeriesKind::kErrors, number - calls};
  return std::nullopt;
}

}  // namespace trailwarden::baseline
