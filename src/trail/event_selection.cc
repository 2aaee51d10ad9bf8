#include "trail/event_selection.h"

#include <algorithm>
#include <array>

#include "core/check.h"
#include "event/json_scan.h"
#include "trail/selector_field.h"

namespace trailwarden::trail {
namespace {

constexpr std::array<event::EventCategory, kSelectedCategories> kCategories{event::EventCategory::kManagement, event::EventCategory::kData, event::EventCategory::kNetworkActivity};

/// The text of a member of a resource; empty if it has none, or no text. `scratch` holds it if it had to be unescaped.
std::string_view member_text(std::string_view resource, std::string_view name, std::string& scratch) {
  const auto raw = event::raw_member(resource, name);
  if (!raw || raw->front() != '"') return {};
  if (raw->find('\\') == std::string_view::npos) return raw->substr(1, raw->size() - 2);
  scratch.clear();
  event::unescape_to(*raw, scratch);
  return scratch;
}

}  // namespace

EventSelectors default_event_selectors() { return std::vector<EventSelector>{EventSelector{}}; }

std::vector<SelectorProblem> problems_with(const EventSelectors& selectors) {
  return std::visit([](const auto& list) { return problems_with(list); }, selectors);
}

bool EventSelection::Texts::hit(std::string_view text) const {
  return std::any_of(whole.begin(), whole.end(), [text](const std::string& value) { return text == value; }) ||
         std::any_of(beginnings.begin(), beginnings.end(), [text](const std::string& value) { return text.starts_with(value); }) ||
         std::any_of(ends.begin(), ends.end(), [text](const std::string& value) { return text.ends_with(value); });
}

EventSelection::Selector EventSelection::compile(const AdvancedEventSelector& selector) {
  Selector out{};
  for (const AdvancedFieldSelector& test : selector.field_selectors) {
    const SelectorField* const field = find_selector_field(test.field);
    TRAILWARDEN_CHECK(field != nullptr, "selectors were checked");
    if (test.field == "eventCategory") {
      const auto category = test.equals.empty() ? std::nullopt : parse_selected_category(test.equals.front());
      TRAILWARDEN_CHECK(category.has_value(), "selectors were checked");
      out.category = kCategories[static_cast<std::size_t>(category.value_or(SelectedCategory::kManagement))];
      continue;
    }
    std::vector<Test>& tests = field->read != nullptr ? out.of_event : test.field == "resources.type" ? out.of_type : out.of_arn;
    tests.push_back({field->read, {test.equals, test.starts_with, test.ends_with}, {test.not_equals, test.not_starts_with, test.not_ends_with}});
  }
  return out;
}

EventSelection::EventSelection(const EventSelectors& selectors) {
  if (const auto* const basic = std::get_if<std::vector<EventSelector>>(&selectors)) {
    for (const EventSelector& selector : *basic)
      for (const AdvancedEventSelector& same : as_advanced(selector)) selectors_.push_back(compile(same));
    return;
  }
  for (const AdvancedEventSelector& selector : std::get<std::vector<AdvancedEventSelector>>(selectors)) selectors_.push_back(compile(selector));
}

bool EventSelection::keeps(const event::CloudTrailEvent& event) const {
  return std::any_of(selectors_.begin(), selectors_.end(), [&event](const Selector& selector) { return selector.keeps(event); });
}

bool EventSelection::Selector::keeps(const event::CloudTrailEvent& event) const {
  if (event.category != category) return false;
  if (!std::all_of(of_event.begin(), of_event.end(), [&event](const Test& test) { return test.accepts(test.read(event)); })) return false;
  if (of_type.empty() && of_arn.empty()) return true;
  std::string type_scratch, arn_scratch;
  std::string_view rest = event.resources;
  for (;;) {
    const auto resource = event::take_element(rest);
    if (!resource) return false;
    std::string_view arn = member_text(*resource, "ARN", arn_scratch);
    if (arn.empty()) arn = member_text(*resource, "ARNPrefix", arn_scratch);
    if (keeps_resource(member_text(*resource, "type", type_scratch), arn)) return true;
  }
}

bool EventSelection::Selector::keeps_resource(std::string_view type, std::string_view arn) const {
  return std::all_of(of_type.begin(), of_type.end(), [type](const Test& test) { return test.accepts(type); }) &&
         std::all_of(of_arn.begin(), of_arn.end(), [arn](const Test& test) { return test.accepts(arn); });
}

}  // namespace trailwarden::trail
