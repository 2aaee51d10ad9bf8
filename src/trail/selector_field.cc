#include "trail/selector_field.h"

#include <algorithm>

namespace trailwarden::trail {
namespace {

using event::CloudTrailEvent;

// Sets of kSelectorOperators.
constexpr std::uint8_t kEquals = 1, kNotEquals = 2, kEvery = 0b111111;

constexpr std::array<std::string_view, kSelectedCategories> kCategories{"Management", "Data", "NetworkActivity"};
constexpr std::array<std::string_view, 2> kReadOnly{"true", "false"};
constexpr std::array<std::string_view, 1> kFromConsole{"true"};
constexpr std::array<std::string_view, 2> kLoudSources{"kms.amazonaws.com", "rdsdata.amazonaws.com"};
constexpr std::array<std::string_view, 1> kDeniedByEndpoint{"VpceAccessDenied"};

constexpr FieldUse kNo{};
constexpr FieldUse kAny{kEvery};
constexpr FieldUse kCategory{kEquals, true, kCategories};
constexpr FieldUse kReads{kEquals, false, kReadOnly};
constexpr FieldUse kOne{kEquals, true};

/// As in the user guide's tables of fields: for management, data and network activity events.
constexpr std::array<SelectorField, 11> kFields{{
    {"eventCategory", {kCategory, kCategory, kCategory}, nullptr},
    {"readOnly", {kReads, kReads, kNo}, [](const CloudTrailEvent& event) { return kReadOnly[event.is_read_only() ? 0 : 1]; }},
    {"eventSource", {FieldUse{kNotEquals, false, kLoudSources}, kAny, kOne}, [](const CloudTrailEvent& event) { return event.event_source; }},
    {"eventName", {kNo, kAny, kAny}, [](const CloudTrailEvent& event) { return event.event_name; }},
    {"eventType", {kNo, kAny, kNo}, [](const CloudTrailEvent& event) { return event.event_type; }},
    {"sessionCredentialFromConsole", {kNo, FieldUse{kEquals | kNotEquals, false, kFromConsole}, kNo}, [](const CloudTrailEvent& event) { return event.session_credential_from_console; }},
    {"userIdentity.arn", {kNo, kAny, kNo}, [](const CloudTrailEvent& event) { return event.user_identity.arn; }},
    {"resources.type", {kNo, kOne, kNo}, nullptr},
    {"resources.ARN", {kNo, kAny, kNo}, nullptr},
    {"errorCode", {kNo, kNo, FieldUse{kEquals, false, kDeniedByEndpoint}}, [](const CloudTrailEvent& event) { return event.error_code; }},
    {"vpcEndpointId", {kNo, kNo, kAny}, [](const CloudTrailEvent& event) { return event.vpc_endpoint_id; }},
}};

}  // namespace

std::optional<SelectedCategory> parse_selected_category(std::string_view text) {
  const auto* const found = std::find(kCategories.begin(), kCategories.end(), text);
  if (found == kCategories.end()) return std::nullopt;
  return static_cast<SelectedCategory>(found - kCategories.begin());
}

std::span<const SelectorField> selector_fields() { return kFields; }

const SelectorField* find_selector_field(std::string_view name) {
  const auto* const found = std::find_if(kFields.begin(), kFields.end(), [name](const SelectorField& field) { return field.name == name; });
  return found == kFields.end() ? nullptr : found;
}

}  // namespace trailwarden::trail
