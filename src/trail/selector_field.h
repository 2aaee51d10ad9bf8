#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "event/cloudtrail_event.h"

namespace trailwarden::trail {

/// What events of a trail an advanced selector can be about.
enum class SelectedCategory : std::uint8_t { kManagement, kData, kNetworkActivity };
inline constexpr std::size_t kSelectedCategories = 3;
/// `Management`, `Data`, `NetworkActivity`.
std::optional<SelectedCategory> parse_selected_category(std::string_view text);

/// How a field may be tested in selectors of one category.
struct FieldUse {
  std::uint8_t operators = 0;  // a set of kSelectorOperators; none: not at all
  bool required = false;       // then once in every selector, and with one value
  std::span<const std::string_view> values{};  // the only ones; empty: any
};

/// A field that advanced selectors test.
struct SelectorField {
  std::string_view name;
  std::array<FieldUse, kSelectedCategories> uses;
  /// What an event has there; null for `eventCategory` and for fields of resources.
  std::string_view (*read)(const event::CloudTrailEvent&);
};

std::span<const SelectorField> selector_fields();
/// nullptr: there is none of that name.
const SelectorField* find_selector_field(std::string_view name);

}  // namespace trailwarden::trail
