#include "trail/selectors_json.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace trailwarden::trail {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kBasicName = "EventSelectors", kAdvancedName = "AdvancedEventSelectors";

/// `not_equals` as the API writes it: `NotEquals`.
std::string pascal_case(std::string_view name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (c != '_') out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = c == '_';
  }
  return out;
}

ordered_json json_of(const EventSelector& selector) {
  ordered_json resources = ordered_json::array();
  for (const DataResource& resource : selector.data_resources) resources.push_back({{"Type", resource.type}, {"Values", resource.values}});
  return {{"ReadWriteType", to_string(selector.read_write_type)},
          {"IncludeManagementEvents", selector.include_management_events},
          {"DataResources", std::move(resources)},
          {"ExcludeManagementEventSources", selector.exclude_management_event_sources}};
}

ordered_json json_of(const AdvancedEventSelector& selector) {
  ordered_json out = ordered_json::object();
  if (!selector.name.empty()) out["Name"] = selector.name;
  out["FieldSelectors"] = ordered_json::array();
  for (const AdvancedFieldSelector& test : selector.field_selectors) {
    ordered_json field{{"Field", test.field}};
    for (const SelectorOperator& op : kSelectorOperators)
      if (!(test.*op.values).empty()) field[pascal_case(op.name)] = test.*op.values;
    out["FieldSelectors"].push_back(std::move(field));
  }
  return out;
}

/// A member that has another type than it should, on its way out of the reading functions.
struct WrongType {
  std::string message;
};

/// An object of the request, and where it stands in it.
class Member {
 public:
  Member(const json& value, std::string place) : value_(value), place_(std::move(place)) {
    if (!value.is_object()) throw WrongType{fmt::format("{} is no object", place_.empty() ? "the request" : place_)};
  }

  bool has(std::string_view name) const { return find(name) != nullptr; }

  std::string text(std::string_view name) const {
    const json* const found = find(name);
    if (found == nullptr) return {};
    if (!found->is_string()) wrong(name, "no string");
    return found->get<std::string>();
  }
  bool boolean(std::string_view name, bool fallback) const {
    const json* const found = find(name);
    if (found == nullptr) return fallback;
    if (!found->is_boolean()) wrong(name, "no boolean");
    return found->get<bool>();
  }
  std::vector<std::string> texts(std::string_view name) const {
    std::vector<std::string> out;
    for (const json& value : list(name)) {
      if (!value.is_string()) wrong(name, "no list of strings");
      out.push_back(value.get<std::string>());
    }
    return out;
  }
  std::vector<Member> members(std::string_view name) const {
    std::vector<Member> out;
    for (const json& value : list(name)) out.emplace_back(value, fmt::format("{}[{}]", place_of(name), out.size()));
    return out;
  }
  const std::string& place() const { return place_; }

 private:
  /// A member that is null is absent.
  const json* find(std::string_view name) const {
    const auto found = value_.find(name);
    return found == value_.end() || found->is_null() ? nullptr : &*found;
  }
  const json& list(std::string_view name) const {
    static const json kNone = json::array();
    const json* const found = find(name);
    if (found != nullptr && !found->is_array()) wrong(name, "no list");
    return found == nullptr ? kNone : *found;
  }
  [[noreturn]] void wrong(std::string_view name, std::string_view what) const { throw WrongType{fmt::format("{} is {}", place_of(name), what)}; }
  std::string place_of(std::string_view name) const { return fmt::format("{}{}{}", place_, place_.empty() ? "" : ".", name); }

  const json& value_;
  std::string place_;
};

EventSelector read_basic(const Member& member, std::vector<std::string>& problems) {
  EventSelector selector;
  if (member.has("ReadWriteType")) {
    const auto type = parse_read_write_type(member.text("ReadWriteType"));
    if (!type) problems.push_back(fmt::format("{}.ReadWriteType: expected All, ReadOnly or WriteOnly", member.place()));
    selector.read_write_type = type.value_or(ReadWriteType::kAll);
  }
  selector.include_management_events = member.boolean("IncludeManagementEvents", true);
  for (const Member& resource : member.members("DataResources")) selector.data_resources.push_back({resource.text("Type"), resource.texts("Values")});
  selector.exclude_management_event_sources = member.texts("ExcludeManagementEventSources");
  return selector;
}

AdvancedEventSelector read_advanced(const Member& member, std::vector<std::string>& problems) {
  AdvancedEventSelector selector{.name = member.text("Name"), .field_selectors = {}};
  for (const Member& field : member.members("FieldSelectors")) {
    AdvancedFieldSelector test{.field = field.text("Field")};
    for (const SelectorOperator& op : kSelectorOperators) {
      const std::string name = pascal_case(op.name);
      test.*op.values = field.texts(name);
      if (field.has(name) && (test.*op.values).empty()) problems.push_back(fmt::format("{}.{}: a list of one or more values", field.place(), name));
    }
    selector.field_selectors.push_back(std::move(test));
  }
  return selector;
}

std::string in_words(const SelectorProblem& problem, bool is_basic) {
  std::string place = fmt::format("{}[{}]", is_basic ? kBasicName : kAdvancedName, problem.selector);
  if (problem.part) place += fmt::format(".{}[{}]", is_basic ? "DataResources" : "FieldSelectors", *problem.part);
  if (!problem.key.empty()) place += "." + pascal_case(problem.key);
  return fmt::format("{}: {}", place, problem.message);
}

tl::unexpected<SelectorsRefused> refuse(std::string_view type, std::string message) { return tl::unexpected(SelectorsRefused{type, std::move(message)}); }

tl::expected<EventSelectors, SelectorsRefused> read_request(const Member& request) {
  const bool is_basic = request.has(kBasicName);
  if (is_basic == request.has(kAdvancedName))
    return refuse("InvalidParameterCombinationException", fmt::format("give {} or {}, and only one of them", kBasicName, kAdvancedName));
  std::vector<std::string> problems;
  EventSelectors selectors;
  if (is_basic) {
    auto& list = selectors.emplace<std::vector<EventSelector>>();
    for (const Member& member : request.members(kBasicName)) list.push_back(read_basic(member, problems));
    if (list.empty()) problems.push_back(fmt::format("{}: a list of 1 to {} selectors", kBasicName, EventSelector::kMost));
  } else {
    auto& list = selectors.emplace<std::vector<AdvancedEventSelector>>();
    for (const Member& member : request.members(kAdvancedName)) list.push_back(read_advanced(member, problems));
    if (list.empty()) problems.push_back(fmt::format("{}: a list of one or more selectors", kAdvancedName));
  }
  for (const SelectorProblem& problem : problems_with(selectors)) problems.push_back(in_words(problem, is_basic));
  if (!problems.empty()) return refuse("InvalidEventSelectorsException", fmt::format("{}", fmt::join(problems, "; ")));
  return selectors;
}

}  // namespace

std::string to_json(const EventSelectors& selectors) {
  ordered_json list = ordered_json::array();
  std::visit([&list](const auto& all) { for (const auto& selector : all) list.push_back(json_of(selector)); }, selectors);
  const std::string_view name = std::holds_alternative<std::vector<EventSelector>>(selectors) ? kBasicName : kAdvancedName;
  return ordered_json{{std::string(name), std::move(list)}}.dump();
}

tl::expected<EventSelectors, SelectorsRefused> parse_event_selectors(std::string_view request) {
  const json parsed = json::parse(request, nullptr, false);
  if (parsed.is_discarded()) return refuse("SerializationException", "the request is not JSON");
  try {
    return read_request(Member(parsed, ""));
  } catch (const WrongType& wrong) {
    return refuse("SerializationException", wrong.message);
  }
}

}  // namespace trailwarden::trail
