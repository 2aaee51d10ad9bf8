#include "rules/timespan.h"

#include <array>
#include <cstdint>
#include <utility>

#include "core/text.h"

namespace trailwarden::rules {

std::optional<std::chrono::seconds> parse_timespan(std::string_view text) {
  static constexpr std::array<std::pair<char, std::int64_t>, 7> kUnits{
      {{'s', 1}, {'m', 60}, {'h', 3'600}, {'d', 86'400}, {'w', 604'800}, {'M', 2'629'746}, {'y', 31'556'952}}};
  if (text.size() < 2 || text[0] == '-') return std::nullopt;
  const auto count = parse_decimal<std::int64_t>(text.substr(0, text.size() - 1));
  if (!count || *count == 0) return std::nullopt;
  for (const auto& [unit, seconds] : kUnits) {
    if (text.back() != unit) continue;
    if (*count > std::chrono::seconds(kLongestTimespan).count() / seconds) return std::nullopt;
    return std::chrono::seconds{*count * seconds};
  }
  return std::nullopt;
}

}  // namespace trailwarden::rules
