#include "trail/advanced_event_selector.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.h"
#include "trail/selector_field.h"

namespace trailwarden::trail {
namespace {

constexpr std::size_t kLongestField = 1000;
/// Categories that only event data stores take.
constexpr std::array<std::string_view, 4> kElsewhere{"Insight", "ConfigurationItem", "Evidence", "ActivityAuditLog"};
constexpr std::string_view kArnField = "resources.ARN";

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, of which Region and account may be empty.
bool is_whole_arn(std::string_view text) {
  std::array<std::string_view, 6> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t end = i + 1 < parts.size() ? text.find(':') : text.size();
    if (end == std::string_view::npos) return false;
    parts[i] = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts[0] == "arn" && !parts[1].empty() && !parts[2].empty() && !parts[5].empty();
}

std::vector<std::string_view> names_of(SelectedCategory category) {
  std::vector<std::string_view> names;
  for (const SelectorField& field : selector_fields())
    if (field.uses[static_cast<std::size_t>(category)].operators != 0) names.push_back(field.name);
  return names;
}

std::string operators_of(const FieldUse& use) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kSelectorOperators.size(); ++i)
    if ((use.operators >> i & 1) != 0) names.push_back(kSelectorOperators[i].name);
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Checks one selector; what it finds goes to `problems`.
class Check {
 public:
  Check(const AdvancedEventSelector& selector, std::size_t index, std::vector<SelectorProblem>& problems) : selector_(selector), index_(index), problems_(problems) {}

  void run() {
    if (characters(selector_.name) > AdvancedEventSelector::kLongestName) add("name", fmt::format("longer than {} characters", AdvancedEventSelector::kLongestName));
    const auto category = read_category();
    if (!category) return;
    for (part_ = 0; part_ < selector_.field_selectors.size(); ++part_) check_field(selector_.field_selectors[part_], *category);
    for (const SelectorField& field : selector_fields()) check_required(field, field.uses[static_cast<std::size_t>(*category)]);
  }

 private:
  /// Of a problem with the selector as a whole.
  void add(std::string_view key, std::string message) { problems_.push_back({index_, std::nullopt, key, std::move(message)}); }
  /// Of one with the field selector at hand.
  void add_of_field(std::string_view key, std::string message) { problems_.push_back({index_, part_, key, std::move(message)}); }

  std::optional<SelectedCategory> read_category() {
    for (part_ = 0; part_ < selector_.field_selectors.size(); ++part_) {
      const AdvancedFieldSelector& test = selector_.field_selectors[part_];
      if (test.field != "eventCategory" || test.equals.empty()) continue;
      const std::string& written = test.equals.front();
      const auto category = parse_selected_category(written);
      if (category) return category;
      const bool is_elsewhere = std::find(kElsewhere.begin(), kElsewhere.end(), written) != kElsewhere.end();
      add_of_field("equals", is_elsewhere ? fmt::format("eventCategory {} is for event data stores; a trail has Management, Data and NetworkActivity, and Insights by a setting of their own", written)
                                          : fmt::format("eventCategory: expected Management, Data or NetworkActivity, not \"{}\"", printable(written)));
      return std::nullopt;
    }
    add("field_selectors", "an advanced selector says which events it is about: {field: eventCategory, equals: [Management]}, [Data] or [NetworkActivity]");
    return std::nullopt;
  }

  void check_field(const AdvancedFieldSelector& test, SelectedCategory category) {
    const SelectorField* const field = find_selector_field(test.field);
    const FieldUse use = field == nullptr ? FieldUse{} : field->uses[static_cast<std::size_t>(category)];
    if (use.operators == 0) return refuse_field(test.field, category, field != nullptr);
    bool is_empty = true;
    for (std::size_t i = 0; i < kSelectorOperators.size(); ++i) {
      const SelectorOperator& op = kSelectorOperators[i];
      const std::vector<std::string>& values = test.*op.values;
      if (values.empty()) continue;
      is_empty = false;
      if ((use.operators >> i & 1) == 0) add_of_field(op.name, fmt::format("{} takes only {} in such a selector", test.field, operators_of(use)));
      else for (const std::string& value : values) check_value(*field, use, op, value);
    }
    if (is_empty) add_of_field("field", fmt::format("{} is tested for nothing: give it {}", test.field, operators_of(use)));
    if (use.required && test.equals.size() > 1) add_of_field("equals", fmt::format("{} takes one value; make a selector for each", test.field));
  }

  void refuse_field(const std::string& name, SelectedCategory category, bool is_known) {
    const std::vector<std::string_view> names = names_of(category);
    const std::string_view nearest = name.size() <= kLongestField ? closest(name, names) : std::string_view();
    if (is_known) add_of_field("field", fmt::format("selectors of this eventCategory do not test {}, but {}", name, fmt::join(names, ", ")));
    else add_of_field("field", fmt::format("unknown field \"{}\"{}", printable(name), nearest.empty() ? fmt::format("; there are {}", fmt::join(names, ", ")) : fmt::format(", did you mean \"{}\"?", nearest)));
  }

  void check_value(const SelectorField& field, const FieldUse& use, const SelectorOperator& op, const std::string& value) {
    if (value.empty() || characters(value) > AdvancedEventSelector::kLongestValue)
      add_of_field(op.name, fmt::format("a value has 1 to {} characters", AdvancedEventSelector::kLongestValue));
    else if (!use.values.empty() && std::find(use.values.begin(), use.values.end(), value) == use.values.end())
      add_of_field(op.name, fmt::format("{}: expected {}, not \"{}\"", field.name, fmt::join(use.values, " or "), printable(value)));
    else if (field.name == kArnField && (op.name == "equals" || op.name == "not_equals") && !is_whole_arn(value))
      add_of_field(op.name, fmt::format("\"{}\" is no whole ARN; for the beginning of one take {}", printable(value), op.name == "equals" ? "starts_with" : "not_starts_with"));
  }

  void check_required(const SelectorField& field, const FieldUse& use) {
    if (!use.required) return;
    const auto times = std::count_if(selector_.field_selectors.begin(), selector_.field_selectors.end(), [&](const AdvancedFieldSelector& test) { return test.field == field.name; });
    if (times == 0) add("field_selectors", fmt::format("selectors of this eventCategory name one {}: {{field: {}, equals: [...]}}", field.name, field.name));
    if (times > 1) add("field_selectors", fmt::format("{} is tested twice; make a selector for each", field.name));
  }

  const AdvancedEventSelector& selector_;
  const std::size_t index_;
  std::vector<SelectorProblem>& problems_;
  std::size_t part_ = 0;
};

std::size_t values_of(const AdvancedFieldSelector& test) {
  std::size_t values = 0;
  for (const SelectorOperator& op : kSelectorOperators) values += (test.*op.values).size();
  return values;
}

}  // namespace

std::vector<SelectorProblem> problems_with(const std::vector<AdvancedEventSelector>& selectors) {
  std::vector<SelectorProblem> problems;
  std::size_t values = 0;
  for (std::size_t i = 0; i < selectors.size(); ++i) {
    Check(selectors[i], i, problems).run();
    for (std::size_t part = 0; part < selectors[i].field_selectors.size(); ++part) {
      const std::size_t before = values;
      values += values_of(selectors[i].field_selectors[part]);
      if (before <= AdvancedEventSelector::kMostValues && values > AdvancedEventSelector::kMostValues)
        problems.push_back({i, part, "", fmt::format("a trail's advanced selectors have at most {} values in all; here are more", AdvancedEventSelector::kMostValues)});
    }
  }
  return problems;
}

}  // namespace trailwarden::trail
