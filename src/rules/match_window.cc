#include "rules/match_window.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/hash.h"

namespace trailwarden::rules {
namespace {

constexpr std::size_t kBlockBytes = 2 * sizeof(void*);  // that an allocation costs beside what it holds

bool ends_before(Timestamp time, const WindowEntry& entry) { return time < entry.time; }

constexpr std::size_t kMostSpare = 1024;

std::vector<std::unique_ptr<WindowEntry>>& spare_entries() {
  thread_local std::vector<std::unique_ptr<WindowEntry>> entries;
  return entries;
}

}  // namespace

std::unique_ptr<WindowEntry> spare_entry() {
  auto& spare = spare_entries();
  if (spare.empty()) return std::make_unique<WindowEntry>();
  std::unique_ptr<WindowEntry> entry = std::move(spare.back());
  spare.pop_back();
  return entry;
}

void give_back(std::unique_ptr<WindowEntry> entry) {
  if (auto& spare = spare_entries(); spare.size() < kMostSpare) spare.push_back(std::move(entry));
}

std::uint64_t hash_of(const std::vector<std::string>& values) {
  std::uint64_t hash = values.size();
  for (const std::string& value : values) hash = splitmix64(hash ^ xxh3_64(value));
  return hash;
}

void MatchWindow::insert(std::unique_ptr<WindowEntry> entry) {
  const auto before = [](const WindowEntry& a, const WindowEntry& b) {
    return std::tie(a.time, a.event_id, a.source) < std::tie(b.time, b.event_id, b.source);
  };
  sources_ |= std::uint64_t{1} << (entry->source & 63);
  const Entries all = entries();
  const auto place = entries_.begin() + (std::upper_bound(all.begin(), all.end(), *entry, before) - all.begin());
  entries_.insert(place, std::move(entry));
}

std::unique_ptr<WindowEntry> MatchWindow::drop_oldest() {
  std::unique_ptr<WindowEntry> oldest = std::move(entries_.front());
  entries_.erase(entries_.begin());
  return oldest;
}

void MatchWindow::note_sources() {
  sources_ = 0;
  for (const WindowEntry& entry : entries()) sources_ |= std::uint64_t{1} << (entry.source & 63);
}

std::pair<std::size_t, std::size_t> MatchWindow::places(Timestamp end, std::chrono::seconds timespan) const {
  const Entries all = entries();
  const auto first = std::upper_bound(all.begin(), all.end(), end - timespan, ends_before);
  return {first - all.begin(), std::upper_bound(first, all.end(), end, ends_before) - all.begin()};
}

MatchWindow::Entries MatchWindow::window(Timestamp end, std::chrono::seconds timespan) const {
  const auto [first, behind] = places(end, timespan);
  return of(std::span(entries_).subspan(first, behind - first));
}

std::vector<Timestamp> MatchWindow::ends(Timestamp time, std::chrono::seconds timespan) const {
  std::vector<Timestamp> out{time};
  const Entries all = entries();
  for (auto entry = std::upper_bound(all.begin(), all.end(), time, ends_before); entry != all.end() && (*entry).time < time + timespan; ++entry)
    if ((*entry).time != out.back()) out.push_back((*entry).time);
  const auto of_entries = static_cast<std::ptrdiff_t>(out.size());
  const auto first = std::upper_bound(thinned_ends_.begin(), thinned_ends_.end(), time);
  out.insert(out.end(), first, std::lower_bound(first, thinned_ends_.end(), time + timespan));
  std::inplace_merge(out.begin(), out.begin() + of_entries, out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void MatchWindow::add_thinned_end(Timestamp time) {
  const auto place = std::lower_bound(thinned_ends_.begin(), thinned_ends_.end(), time);
  if (place == thinned_ends_.end() || *place != time) thinned_ends_.insert(place, time);
}

void MatchWindow::drop_ends(std::size_t most) {
  if (thinned_ends_.size() > most) thinned_ends_.erase(thinned_ends_.begin(), thinned_ends_.end() - static_cast<std::ptrdiff_t>(most));
}

bool MatchWindow::is_silent(Timestamp time, std::chrono::seconds timespan) const {
  return std::any_of(given_.begin(), given_.end(), [time, timespan](const Given& given) { return std::chrono::abs(given.time - time) < timespan; });
}

void MatchWindow::add_result(Timestamp time, Timestamp kept_from) { given_.push_back({time, kept_from}); }

void MatchWindow::forget(Timestamp watermark, std::chrono::seconds timespan) {
  const auto is_over = [watermark, timespan](const auto& what) { return what.kept_from + timespan <= watermark; };
  std::erase_if(given_, is_over);
  thinned_ends_.erase(thinned_ends_.begin(), std::lower_bound(thinned_ends_.begin(), thinned_ends_.end(), watermark));  // no window to come ends there
  const auto first = std::find_if_not(entries_.begin(), entries_.end(), [&](const auto& entry) { return is_over(*entry); });
  if (first == entries_.begin() || (first - entries_.begin()) * 4 < std::ssize(entries_)) return;
  std::for_each(entries_.begin(), first, [](auto& entry) { give_back(std::move(entry)); });
  entries_.erase(entries_.begin(), first);
  note_sources();
}

void MatchWindow::recycle() {
  for (auto& entry : entries_) give_back(std::move(entry));
  entries_.clear();
}

std::size_t MatchWindow::forget(const NamesWho& names) {
  return std::erase_if(entries_, [&names](const auto& entry) { return any_names(names, entry->values); });
}

void MatchWindow::save(ByteWriter& out) const {
  out.number(static_cast<std::uint32_t>(entries_.size()));
  for (const WindowEntry& entry : entries()) rules::save(out, entry);
  out.number(static_cast<std::uint32_t>(thinned_ends_.size()));
  for (const Timestamp end : thinned_ends_) out.time(end);
  out.number(static_cast<std::uint32_t>(given_.size()));
  for (const Given& given : given_) {
    out.time(given.time);
    out.time(given.kept_from);
  }
}

void MatchWindow::load(ByteReader& in) {
  *this = {};
  const auto entries = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < entries && in.ok(); ++i) entries_.push_back(std::make_unique<WindowEntry>(load_window_entry(in)));
  note_sources();
  const auto ends = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < ends && in.ok(); ++i) thinned_ends_.push_back(in.time());
  const auto given = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < given && in.ok(); ++i) {
    const Timestamp time = in.time();
    given_.push_back({time, in.time()});
  }
}

std::size_t MatchWindow::memory_bytes() const {
  std::size_t total = entries_.capacity() * sizeof(Kept::value_type) + entries_.size() * (sizeof(WindowEntry) + kBlockBytes) + thinned_ends_.capacity() * sizeof(Timestamp) + given_.capacity() * sizeof(Given);
  for (const WindowEntry& entry : entries()) total += rules::memory_bytes(entry);
  return total;
}

void save(ByteWriter& out, const WindowEntry& entry) {
  out.time(entry.time);
  out.time(entry.kept_from);
  out.number(entry.source);
  out.text(entry.event_id);
  out.number(static_cast<std::uint32_t>(entry.values.size()));
  for (const std::string& value : entry.values) out.text(value);
}

WindowEntry load_window_entry(ByteReader& in) {
  WindowEntry entry;
  entry.time = in.time();
  entry.kept_from = in.time();
  entry.source = in.number<std::uint32_t>();
  entry.event_id = in.text();
  const auto values = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < values && in.ok(); ++i) entry.values.push_back(in.text());
  entry.values_hash = hash_of(entry.values);
  return entry;
}

std::size_t memory_bytes(const WindowEntry& entry) {
  std::size_t total = entry.event_id.capacity() + 1 + entry.values.capacity() * sizeof(std::string);
  for (const std::string& value : entry.values) total += value.capacity() + 1;
  return total;
}

}  // namespace trailwarden::rules
