#include "trail/event_selector.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/text.h"

namespace trailwarden::trail {
namespace {

constexpr std::array<std::string_view, 3> kReadWriteTypes{"All", "ReadOnly", "WriteOnly"};
constexpr std::array<std::string_view, 2> kExcludable{"kms.amazonaws.com", "rdsdata.amazonaws.com"};

struct DataType {
  std::string_view type, service;
};
constexpr std::string_view kObjects = "AWS::S3::Object";
constexpr std::array<DataType, 3> kDataTypes{{{kObjects, "s3"}, {"AWS::Lambda::Function", "lambda"}, {"AWS::DynamoDB::Table", "dynamodb"}}};

/// `arn:PARTITION:SERVICE` cut off the front of an ARN; empty if it does not begin so.
std::string_view service_part(std::string_view arn) {
  const std::size_t partition = arn.starts_with("arn:") ? arn.find(':', 4) : std::string_view::npos;
  return partition == std::string_view::npos ? std::string_view() : arn.substr(0, arn.find(':', partition + 1));
}

/// Everything of a service: `arn:aws:lambda`, and of S3 `arn:aws:s3:::` as well.
bool is_whole_service(std::string_view value) {
  const std::string_view rest = value.substr(service_part(value).size());
  return rest.empty() || (rest == ":::" && service_part(value).ends_with(":s3"));
}

std::string problem_with_value(const DataType& type, std::string_view value) {
  const std::string_view service = service_part(value);
  if (!service.ends_with(fmt::format(":{}", type.service)))
    return fmt::format("\"{}\" is no ARN of {}: these begin with `arn:aws:{}`", printable(value), type.type, type.service);
  if (is_whole_service(value)) return {};
  const std::string_view rest = value.substr(service.size());
  if (type.type == kObjects ? rest.starts_with(":::") : std::count(rest.begin(), rest.end(), ':') >= 3) return {};
  return fmt::format("\"{}\" is no whole ARN: take `{}` for all of the service, or {}", printable(value), service,
                     type.type == kObjects ? "`arn:aws:s3:::BUCKET/PREFIX`" : "the ARN of one of them");
}

std::string one_of(std::string_view what, std::string_view value, std::span<const std::string_view> allowed) {
  const std::string_view nearest = closest(value, allowed);
  return fmt::format("{}: expected one of {}, not \"{}\"{}", what, fmt::join(allowed, ", "), printable(value), nearest.empty() ? "" : fmt::format(", did you mean \"{}\"?", nearest));
}

void check_resource(const DataResource& resource, std::size_t selector, std::size_t part, std::vector<SelectorProblem>& problems) {
  const auto* const type = std::find_if(kDataTypes.begin(), kDataTypes.end(), [&](const DataType& row) { return row.type == resource.type; });
  if (type == kDataTypes.end()) {
    std::array<std::string_view, kDataTypes.size()> types;
    std::transform(kDataTypes.begin(), kDataTypes.end(), types.begin(), [](const DataType& row) { return row.type; });
    problems.push_back({selector, part, "type", one_of("basic selectors know three types", resource.type, types) + "; advanced selectors know all"});
    return;
  }
  for (const std::string& value : resource.values)
    if (std::string problem = problem_with_value(*type, value); !problem.empty()) problems.push_back({selector, part, "values", std::move(problem)});
}

/// A field selector with one list.
AdvancedFieldSelector test(std::string_view field, std::vector<std::string> AdvancedFieldSelector::*list, std::vector<std::string> values) {
  AdvancedFieldSelector out{.field = std::string(field)};
  out.*list = std::move(values);
  return out;
}

AdvancedEventSelector of_category(const EventSelector& selector, std::string_view category) {
  AdvancedEventSelector out;
  out.field_selectors.push_back(test("eventCategory", &AdvancedFieldSelector::equals, {std::string(category)}));
  if (selector.read_write_type != ReadWriteType::kAll)
    out.field_selectors.push_back(test("readOnly", &AdvancedFieldSelector::equals, {selector.read_write_type == ReadWriteType::kReadOnly ? "true" : "false"}));
  return out;
}

}  // namespace

std::string_view to_string(ReadWriteType type) { return kReadWriteTypes[static_cast<std::size_t>(type)]; }

std::optional<ReadWriteType> parse_read_write_type(std::string_view text) {
  const auto* const found = std::find(kReadWriteTypes.begin(), kReadWriteTypes.end(), text);
  if (found == kReadWriteTypes.end()) return std::nullopt;
  return static_cast<ReadWriteType>(found - kReadWriteTypes.begin());
}

std::vector<SelectorProblem> problems_with(const std::vector<EventSelector>& selectors) {
  std::vector<SelectorProblem> problems;
  std::size_t values = 0;
  for (std::size_t i = 0; i < selectors.size(); ++i) {
    const EventSelector& selector = selectors[i];
    if (i == EventSelector::kMost) problems.push_back({i, std::nullopt, "", fmt::format("a trail has at most {} event selectors; {} are given", EventSelector::kMost, selectors.size())});
    for (const std::string& source : selector.exclude_management_event_sources)
      if (std::find(kExcludable.begin(), kExcludable.end(), source) == kExcludable.end())
        problems.push_back({i, std::nullopt, "exclude_management_event_sources", one_of("only the loudest sources can be left out", source, kExcludable)});
    for (std::size_t part = 0; part < selector.data_resources.size(); ++part) {
      const DataResource& resource = selector.data_resources[part];
      check_resource(resource, i, part, problems);
      const std::size_t before = values;
      values += static_cast<std::size_t>(std::count_if(resource.values.begin(), resource.values.end(), [](const std::string& value) { return !is_whole_service(value); }));
      if (before <= EventSelector::kMostValues && values > EventSelector::kMostValues)
        problems.push_back({i, part, "values", fmt::format("a trail's event selectors have at most {} values of data resources; here are more: take prefixes, or a whole service", EventSelector::kMostValues)});
    }
  }
  return problems;
}

std::vector<AdvancedEventSelector> as_advanced(const EventSelector& selector) {
  std::vector<AdvancedEventSelector> out;
  if (selector.include_management_events) {
    out.push_back(of_category(selector, "Management"));
    if (!selector.exclude_management_event_sources.empty())
      out.back().field_selectors.push_back(test("eventSource", &AdvancedFieldSelector::not_equals, selector.exclude_management_event_sources));
  }
  for (const DataResource& resource : selector.data_resources) {
    if (resource.values.empty()) continue;  // resources none of which is named
    out.push_back(of_category(selector, "Data"));
    out.back().field_selectors.push_back(test("resources.type", &AdvancedFieldSelector::equals, {resource.type}));
    AdvancedFieldSelector arn{.field = "resources.ARN"};
    for (const std::string& value : resource.values) (resource.type == kObjects || is_whole_service(value) ? arn.starts_with : arn.equals).push_back(value);
    out.back().field_selectors.push_back(std::move(arn));
  }
  return out;
}

}  // namespace trailwarden::trail
