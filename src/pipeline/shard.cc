#include "pipeline/shard.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "core/hash.h"
#include "core/text.h"
#include "event/cell_name.h"

namespace trailwarden::pipeline {
namespace {

KnobTotals knob_of(const baseline::CellBaseline::Knob& knob) {
  const auto whole = [](double insights) { return static_cast<std::uint64_t>(insights * KnobTotals::kUnit + 0.5); };
  return {.of_account = whole(knob.of_account), .of_cells = whole(knob.of_region), .silences = whole(knob.silences), .directions = knob.directions,
          .allowed = {whole(knob.allowed[0]), whole(knob.allowed[1])}, .least_alpha = whole(knob.least_alpha), .most_alpha = whole(knob.most_alpha),
          .expected_false = whole(knob.expected_false), .judged_hours = knob.judged_hours};
}

}  // namespace

Cell* Shard::find(std::uint64_t hash, std::string_view account, std::string_view region) const {
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it)
    if (it->second->is(account, region)) return it->second;
  return nullptr;
}

Cell& Shard::cell_of(const Slot& slot) {
  Cell* const known = find(slot.cell, slot.event.account(), slot.event.region());
  return known != nullptr ? *known : add(slot.cell, slot.event.account(), slot.event.region());
}

Cell& Shard::add(std::uint64_t hash, std::string_view account, std::string_view region) {
  cells_.push_back(std::make_unique<Cell>(settings_, account, region));
  by_hash_.emplace(hash, cells_.back().get());
  return *cells_.back();
}

bool Shard::judge(Slot& slot, CellOutput& output) { return cell_of(slot).judge(slot, output); }

void Shard::advance(Timestamp watermark, CellOutput& output) {
  const std::int64_t minute = minute_of(watermark);
  if (minute == minute_) return;
  minute_ = minute;
  for (const auto& cell : cells_) cell->advance(watermark, output);
}

void Shard::freeze(std::uint64_t cell, std::string_view account, std::string_view region, std::int64_t from, std::int64_t until) {
  if (Cell* const known = find(cell, account, region)) known->freeze(from, until);
}

void Shard::finish(CellOutput& output) {
  for (const auto& cell : cells_) cell->finish(output);
}

void Shard::save(ByteWriter& out) const {
  std::vector<const Cell*> order;
  for (const auto& cell : cells_) order.push_back(cell.get());
  std::sort(order.begin(), order.end(), [](const Cell* a, const Cell* b) { return std::tie(a->account(), a->region()) < std::tie(b->account(), b->region()); });
  out.signed_number(minute_);
  out.number(static_cast<std::uint32_t>(order.size()));
  for (const Cell* cell : order) {
    ByteWriter whole;
    whole.text(cell->account());
    whole.text(cell->region());
    cell->save(whole);
    out.number(xxh3_64(whole.bytes()));
    out.text(whole.bytes());
  }
}

/// Calls `take(account, region, state)` for every saved cell, in order.
template <class Take>
Result<void> Shard::each_saved(ByteReader& in, Take take) {
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const auto hash = in.number<std::uint64_t>();
    const std::string_view whole = in.view(in.number<std::uint32_t>());
    if (!in.ok() || xxh3_64(whole) != hash) return fail(ErrorCode::kMalformed, fmt::format("cell {} of {}: its checksum does not fit", i, count));
    ByteReader reader(whole);
    const std::string account = reader.text(), region = reader.text();
    if (auto taken = take(account, region, reader); !taken) return fail(std::move(taken).error().during(fmt::format("cell {}", printable(event::cell_name(account, region)))));
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "saved cells end too early");
  return {};
}

Result<void> Shard::load(ByteReader& in) {
  minute_ = in.signed_number();
  return each_saved(in, [this](const std::string& account, const std::string& region, ByteReader& state) -> Result<void> {
    if (auto loaded = add(event::cell_hash(account, region), account, region).load(state); !loaded) return loaded;
    return state.finish();
  });
}

void Shard::save_cells(Timestamp newest, SavedCells& out) const {
  for (const auto& cell : cells_) {
    ByteWriter state;
    cell->save(state);
    out.push_back({cell->account(), cell->region(), newest, std::move(state).bytes()});
  }
}

Result<SavedCells> Shard::cells_of(ByteReader& in, Timestamp newest) {
  SavedCells cells;
  static_cast<void>(in.signed_number());  // the minute that all had advanced to
  auto done = each_saved(in, [&](const std::string& account, const std::string& region, ByteReader& state) -> Result<void> {
    cells.push_back({account, region, newest, std::string(state.view(state.remaining()))});
    return state.finish();
  });
  if (!done) return fail(std::move(done).error());
  return cells;
}

bool Shard::has(std::string_view account, std::string_view region) const { return find(event::cell_hash(account, region), account, region) != nullptr; }

Result<void> Shard::put(const SavedCell& saved) {
  auto cell = std::make_unique<Cell>(settings_, saved.account, saved.region);
  ByteReader state(saved.state);
  auto loaded = cell->load(state);
  if (loaded) loaded = state.finish();
  if (!loaded) return fail(std::move(loaded).error().during(fmt::format("cell {}", printable(saved.name()))));
  const std::uint64_t hash = saved.hash();
  const Cell* const known = find(hash, saved.account, saved.region);
  if (known == nullptr) {
    by_hash_.emplace(hash, cell.get());
    cells_.push_back(std::move(cell));
    return {};
  }
  for (auto [it, end] = by_hash_.equal_range(hash); it != end; ++it)
    if (it->second == known) it->second = cell.get();
  *std::find_if(cells_.begin(), cells_.end(), [known](const auto& one) { return one.get() == known; }) = std::move(cell);
  return {};
}

std::size_t Shard::forget(const event::ForgottenPrincipal& principal) {
  std::size_t places = 0;
  for (const auto& cell : cells_) places += cell->forget(principal);
  return places;
}

std::size_t Shard::memory_bytes() const {
  std::size_t total = sizeof *this + by_hash_.size() * (sizeof(void*) * 4) + cells_.capacity() * sizeof(void*);
  for (const auto& cell : cells_) total += cell->memory_bytes();
  return total;
}

void Shard::add_to(Totals& totals) const {
  totals.cells += cells_.size();
  totals.state_bytes += memory_bytes();
  for (const auto& cell : cells_) {
    cell->add_correlations(totals);
    if (cell->insights() == nullptr) continue;
    totals.baseline_rows += cell->insights()->rows();
    totals.baseline_bytes += cell->insights()->memory_bytes();
    totals.open_incidents += cell->insights()->open_incidents();
    totals.baseline_overflowed += cell->insights()->baseline().overflowed();
    totals.baseline_evicted += cell->insights()->baseline().evicted();
    totals.knob.add(knob_of(cell->insights()->baseline().knob()));
  }
}

}  // namespace trailwarden::pipeline
