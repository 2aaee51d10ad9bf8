#include "rules/text_table.h"

#include <algorithm>
#include <bit>

#include "core/hash.h"
#include "rules/glob_matcher.h"

namespace trailwarden::rules {

TextTable::TextTable(Letters letters, std::vector<std::pair<std::string, std::uint32_t>> texts) : letters_(letters) {
  if (letters == Letters::kIgnoreCase)
    for (auto& [text, id] : texts) std::transform(text.begin(), text.end(), text.begin(), ascii_lower);
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  table_.resize(std::bit_ceil(texts.size() * 2 + 1));
  mask_ = table_.size() - 1;
  for (std::size_t first = 0, last = 0; first < texts.size(); first = last) {
    const std::string& text = texts[first].first;
    Entry entry{.text = static_cast<std::uint32_t>(texts_.size()), .size = static_cast<std::uint32_t>(text.size()), .ids_begin = static_cast<std::uint32_t>(ids_.size())};
    for (last = first; last < texts.size() && texts[last].first == text; ++last) ids_.push_back(texts[last].second);
    entry.ids_end = static_cast<std::uint32_t>(ids_.size());
    texts_ += text;
    sizes_ |= std::uint64_t{1} << std::min<std::size_t>(text.size(), 63);
    const std::uint64_t hash = hash_of(text);
    entry.hash = static_cast<std::uint32_t>(hash >> 32);
    std::size_t at = hash & mask_;
    while (table_[at].ids_begin != table_[at].ids_end) at = (at + 1) & mask_;
    table_[at] = entry;
  }
}

std::uint64_t TextTable::hash_of(std::string_view text) const {
  constexpr std::uint64_t kFactor = 0x94d049bb133111ebULL;
  std::uint64_t hash = text.size() * kSplitmixStep;
  if (text.size() <= 8) {
    hash = (hash ^ folded(short_word(text))) * kFactor;
    return hash ^ hash >> 32;
  }
  const char* const last = text.data() + text.size() - 8;  // overlaps the word before it
  for (const char* at = text.data(); at < last; at += 8) {
    hash = (hash ^ folded(load<std::uint64_t>(at))) * kFactor;
    hash ^= hash >> 32;
  }
  hash = (hash ^ folded(load<std::uint64_t>(last))) * kFactor;
  return hash ^ hash >> 32;
}

bool TextTable::is(const Entry& entry, std::string_view text) const {
  if (entry.size != text.size()) return false;
  const std::string_view kept(texts_.data() + entry.text, entry.size);
  if (letters_ == Letters::kExact) return text == kept;
  return std::equal(text.begin(), text.end(), kept.begin(), [](char a, char b) { return ascii_lower(a) == b; });
}

std::size_t TextTable::memory_bytes() const {
  return sizeof *this + table_.capacity() * sizeof(Entry) + texts_.capacity() + ids_.capacity() * sizeof(std::uint32_t);
}

}  // namespace trailwarden::rules
