#include "trail/selectors_yaml.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace trailwarden::trail {
namespace {

using config::Section;
using config::yaml_text;

constexpr const char* kBasicKey = "event_selectors";
constexpr const char* kAdvancedKey = "advanced_event_selectors";

EventSelector read_basic(const Section& section) {
  static constexpr std::array<std::string_view, 4> kKeys{"read_write_type", "include_management_events", "data_resources", "exclude_management_event_sources"};
  static constexpr std::array<std::string_view, 2> kResourceKeys{"type", "values"};
  static constexpr std::array<std::string_view, 3> kTypes{"All", "ReadOnly", "WriteOnly"};
  section.only(kKeys);
  EventSelector selector;
  selector.read_write_type = parse_read_write_type(section.choice("read_write_type", "All", kTypes)).value_or(ReadWriteType::kAll);
  selector.include_management_events = section.boolean("include_management_events", true);
  for (const Section& resource : section.sections("data_resources")) {
    resource.only(kResourceKeys);
    selector.data_resources.push_back({resource.text("type", ""), resource.texts("values", {})});
    if (!resource.has("values")) resource.report("values", "a data resource names its `values`: ARNs, or for all of a service `arn:aws:s3`");
  }
  selector.exclude_management_event_sources = section.texts("exclude_management_event_sources", {});
  return selector;
}

AdvancedEventSelector read_advanced(const Section& section) {
  static constexpr std::array<std::string_view, 2> kKeys{"name", "field_selectors"};
  static constexpr auto kFieldKeys = [] {
    std::array<std::string_view, kSelectorOperators.size() + 1> keys{"field"};
    for (std::size_t i = 0; i < kSelectorOperators.size(); ++i) keys[i + 1] = kSelectorOperators[i].name;
    return keys;
  }();
  section.only(kKeys);
  AdvancedEventSelector selector{.name = section.text("name", ""), .field_selectors = {}};
  for (const Section& field : section.sections("field_selectors")) {
    field.only(kFieldKeys);
    AdvancedFieldSelector test{.field = field.text("field", "")};
    for (const SelectorOperator& op : kSelectorOperators) {
      test.*op.values = field.texts(op.name, {});
      if (field.has(op.name) && (test.*op.values).empty()) field.report(op.name, fmt::format("{}: expected a list of one or more texts", op.name));
    }
    selector.field_selectors.push_back(std::move(test));
  }
  return selector;
}

/// Reports problems where their values stand. `sections` are those of the selectors, `parts` the key of their parts.
void report(const std::vector<SelectorProblem>& problems, const std::vector<Section>& sections, const char* parts) {
  for (const SelectorProblem& problem : problems) {
    const Section& selector = sections[problem.selector];
    const Section at = problem.part ? selector.sections(parts)[*problem.part] : selector;
    at.report(problem.key, problem.message);
  }
}

template <class Selector, class Read>
EventSelectors read_list(const Section& trail, const char* key, const char* parts, Read read) {
  const std::vector<Section> sections = trail.sections(key);
  std::vector<Selector> selectors;
  selectors.reserve(sections.size());
  for (const Section& section : sections) selectors.push_back(read(section));
  if (selectors.empty()) {
    trail.report(key, fmt::format("{}: give one or more, or leave the key out for all management events", key));
    return default_event_selectors();
  }
  const auto problems = problems_with(selectors);
  report(problems, sections, parts);
  if (!problems.empty()) return default_event_selectors();
  return selectors;
}

std::string list(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out.append(out.empty() ? "" : ", ").append(yaml_text(text));
  return "[" + out + "]";
}

std::string yaml_of(const EventSelector& selector, int indent) {
  std::string out = fmt::format("{:{}}- read_write_type: {}\n", "", indent, to_string(selector.read_write_type));
  out += fmt::format("{:{}}include_management_events: {}\n", "", indent + 2, selector.include_management_events);
  out += fmt::format("{:{}}data_resources:{}\n", "", indent + 2, selector.data_resources.empty() ? " []" : "");
  for (const DataResource& resource : selector.data_resources)
    out += fmt::format("{:{}}- {{type: {}, values: {}}}\n", "", indent + 4, yaml_text(resource.type), list(resource.values));
  return out + fmt::format("{:{}}exclude_management_event_sources: {}\n", "", indent + 2, list(selector.exclude_management_event_sources));
}

std::string yaml_of(const AdvancedEventSelector& selector, int indent) {
  std::string out = fmt::format("{:{}}- name: {}\n{:{}}field_selectors:\n", "", indent, yaml_text(selector.name), "", indent + 2);
  for (const AdvancedFieldSelector& test : selector.field_selectors) {
    out += fmt::format("{:{}}- {{field: {}", "", indent + 4, yaml_text(test.field));
    for (const SelectorOperator& op : kSelectorOperators)
      if (!(test.*op.values).empty()) out += fmt::format(", {}: {}", op.name, list(test.*op.values));
    out += "}\n";
  }
  return out;
}

}  // namespace

EventSelectors read_event_selectors(const Section& trail) {
  const bool is_basic = trail.has(kBasicKey), is_advanced = trail.has(kAdvancedKey);
  if (is_basic && is_advanced) {
    trail.report_key(kAdvancedKey, "a trail has event_selectors or advanced_event_selectors, not both: advanced ones can say all that the others can");
    return default_event_selectors();
  }
  if (is_basic) return read_list<EventSelector>(trail, kBasicKey, "data_resources", read_basic);
  if (is_advanced) return read_list<AdvancedEventSelector>(trail, kAdvancedKey, "field_selectors", read_advanced);
  return default_event_selectors();
}

std::string to_yaml(const EventSelectors& selectors, int indent) {
  const bool is_basic = std::holds_alternative<std::vector<EventSelector>>(selectors);
  std::string out = fmt::format("{:{}}{}:\n", "", indent, is_basic ? kBasicKey : kAdvancedKey);
  std::visit([&](const auto& all) { for (const auto& selector : all) out += yaml_of(selector, indent + 2); }, selectors);
  return out;
}

}  // namespace trailwarden::trail
