#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trailwarden::trail {

/// What one field of an event must be like: one of `equals`, `starts_with` and `ends_with`, if there are any of them, and none of the others. Exact, by case
/// and without wildcards. A field that an event does not have is like an empty text.
struct AdvancedFieldSelector {
  std::string field;
  std::vector<std::string> equals, not_equals, starts_with, not_starts_with, ends_with, not_ends_with;
  bool operator==(const AdvancedFieldSelector&) const = default;
};

/// The six lists of a field selector. A set of operators has bit 1 << i for the one at i.
struct SelectorOperator {
  std::string_view name;  // `not_equals`, in the API `NotEquals`
  std::vector<std::string> AdvancedFieldSelector::*values;
};
inline constexpr std::array<SelectorOperator, 6> kSelectorOperators{{
    {"equals", &AdvancedFieldSelector::equals},
    {"not_equals", &AdvancedFieldSelector::not_equals},
    {"starts_with", &AdvancedFieldSelector::starts_with},
    {"not_starts_with", &AdvancedFieldSelector::not_starts_with},
    {"ends_with", &AdvancedFieldSelector::ends_with},
    {"not_ends_with", &AdvancedFieldSelector::not_ends_with},
}};

/// An advanced event selector: keeps the events that all its field selectors accept. Which fields and operators there are for which category of events:
/// `selector_field.h`.
/// Source: AWS CloudTrail API reference, AdvancedEventSelector and AdvancedFieldSelector.
struct AdvancedEventSelector {
  static constexpr std::size_t kMostValues = 500;  // of all selectors of a trail
  static constexpr std::size_t kLongestName = 1000, kLongestValue = 2048;  // characters

  std::string name;  // may be empty
  std::vector<AdvancedFieldSelector> field_selectors;
  bool operator==(const AdvancedEventSelector&) const = default;
};

/// One thing that is wrong with a trail's selectors.
struct SelectorProblem {
  std::size_t selector = 0;         // which one
  std::optional<std::size_t> part;  // which of its field selectors, or data resources; none: the selector itself
  std::string_view key;             // member of that, as `starts_with`
  std::string message;
};

/// What CloudTrail refuses a trail's selectors for (InvalidEventSelectorsException); in their order.
std::vector<SelectorProblem> problems_with(const std::vector<AdvancedEventSelector>& selectors);

}  // namespace trailwarden::trail
