#include "api/trail_api.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/trail_view.h"
#include "core/text.h"
#include "trail/aws_names.h"

namespace trailwarden::api {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// CloudTrail's, besides those that are answered here.
constexpr std::array<std::string_view, 53> kOtherOperations{
    "AddTags", "CancelQuery", "CreateChannel", "CreateDashboard", "CreateEventDataStore", "CreateTrail", "DeleteChannel", "DeleteDashboard", "DeleteEventDataStore",
    "DeleteResourcePolicy", "DeleteTrail", "DeregisterOrganizationDelegatedAdmin", "DescribeQuery", "DisableFederation", "EnableFederation", "GenerateQuery", "GetChannel",
    "GetDashboard", "GetEventConfiguration", "GetEventDataStore", "GetImport", "GetQueryResults", "GetResourcePolicy", "ListChannels", "ListDashboards", "ListEventDataStores",
    "ListImportFailures", "ListImports", "ListInsightsData", "ListInsightsMetricData", "ListQueries", "ListTags", "LookupEvents", "PutEventConfiguration", "PutEventSelectors",
    "PutInsightSelectors", "PutResourcePolicy", "RegisterOrganizationDelegatedAdmin", "RemoveTags", "RestoreEventDataStore", "SearchSampleQueries", "StartDashboardRefresh",
    "StartEventDataStoreIngestion", "StartImport", "StartLogging", "StartQuery", "StopEventDataStoreIngestion", "StopImport", "StopLogging", "UpdateChannel", "UpdateDashboard",
    "UpdateEventDataStore", "UpdateTrail"};

/// On its way out of the functions below.
[[noreturn]] void fail_with(std::string type, std::string message, unsigned status = 400) { throw Refusal{status, std::move(type), std::move(message)}; }

/// The members of a request.
class Input {
 public:
  explicit Input(std::string_view body) {
    if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return;
    value_ = json::parse(body, nullptr, false);
    if (!value_.is_object()) fail_with("SerializationException", "the body is no JSON object");
  }

  std::string text(std::string_view name) const {
    const json* const found = find(name);
    if (found == nullptr) return {};
    if (!found->is_string()) wrong(name, "string");
    return found->get<std::string>();
  }
  bool boolean(std::string_view name, bool fallback) const {
    const json* const found = find(name);
    if (found != nullptr && !found->is_boolean()) wrong(name, "boolean");
    return found == nullptr ? fallback : found->get<bool>();
  }
  std::vector<std::string> texts(std::string_view name) const {
    const json* const found = find(name);
    std::vector<std::string> out;
    if (found == nullptr) return out;
    if (!found->is_array()) wrong(name, "list of strings");
    for (const json& one : *found) {
      if (!one.is_string()) wrong(name, "list of strings");
      out.push_back(one.get<std::string>());
    }
    return out;
  }
  /// Epoch seconds; a fraction is cut off.
  std::optional<Timestamp> time(std::string_view name) const {
    constexpr double kLast = 253'402'300'799;  // of the year 9999
    const json* const found = find(name);
    if (found == nullptr) return std::nullopt;
    if (!found->is_number()) wrong(name, "number of seconds since 1970");
    const double seconds = found->get<double>();
    if (!(seconds >= 0 && seconds <= kLast)) wrong(name, "time before the year 10000");
    return Timestamp{std::chrono::seconds{static_cast<std::int64_t>(std::floor(seconds))}};
  }

 private:
  /// A member that is null is absent.
  const json* find(std::string_view name) const {
    const auto found = value_.find(name);
    return found == value_.end() || found->is_null() ? nullptr : &*found;
  }
  [[noreturn]] static void wrong(std::string_view name, std::string_view expected) { fail_with("SerializationException", fmt::format("{} is no {}", name, expected)); }

  json value_ = json::object();
};

std::string text_of(const ordered_json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

ordered_json seconds_of(Timestamp time) { return static_cast<double>(time.time_since_epoch().count()); }

using Options = TrailApi::Options;

/// What an operation works on.
struct Call {
  const Options& options;
  const Caller& caller;
  const Input& input;

  std::vector<TrailView> trails() const {
    std::vector<TrailView> out;
    for (const trail::TrailConfig& trail : options.trails)
      if (is_visible(trail, caller)) out.emplace_back(trail, caller);
    return out;
  }

  ordered_json described(const TrailView& trail) const { return trail.description(!options.insight_types().empty()); }

  /// By its ARN, or the name of one that is at home here. Refuses what can be neither.
  std::optional<TrailView> find(const std::string& name) const {
    const bool is_arn = name.starts_with("arn:");
    if (is_arn && !is_trail_arn(name)) fail_with("CloudTrailARNInvalidException", fmt::format("\"{}\" is not the ARN of a trail", printable(name)));
    if (const std::string problem = is_arn ? "" : trail::problem_with_trail_name(name); !problem.empty())
      fail_with("InvalidTrailNameException", fmt::format("the trail name \"{}\" {}", printable(name), problem));
    for (const TrailView& trail : trails())
      if (is_arn ? trail.arn() == name : trail.is_home() && trail.config().name == name) return trail;
    return std::nullopt;
  }

  /// The one that a member of the request names.
  TrailView named(std::string_view member) const {
    const std::string name = input.text(member);
    if (auto trail = find(name)) return *trail;
    fail_with("TrailNotFoundException", fmt::format("Unknown trail: {} for the user: {} (in another Region than its home {}, and for a trail of another account, its ARN is needed)", printable(name),
                                                    caller.account, caller.region), 404);
  }
};

std::string describe_trails(const Call& call) {
  const std::vector<std::string> names = call.input.texts("trailNameList");
  const bool with_shadows = call.input.boolean("includeShadowTrails", true);
  ordered_json list = ordered_json::array();
  for (const std::string& name : names)
    if (const auto trail = call.find(name)) list.push_back(call.described(*trail));
  if (names.empty())
    for (const TrailView& trail : call.trails())
      if (trail.is_home() || (with_shadows && trail.is_shadow())) list.push_back(call.described(trail));
  return text_of({{"trailList", std::move(list)}});
}

std::string get_trail(const Call& call) { return text_of({{"Trail", call.described(call.named("Name"))}}); }

/// A page's token is the ARN of the trail before it.
std::string list_trails(const Call& call) {
  const std::vector<TrailView> trails = call.trails();
  const std::string token = call.input.text("NextToken");
  auto next = trails.begin();
  if (!token.empty()) {
    next = std::ranges::find_if(trails, [&](const TrailView& trail) { return trail.arn() == token; });
    if (next == trails.end()) fail_with("InvalidNextTokenException", "NextToken is none that ListTrails gave");
    ++next;
  }
  ordered_json list = ordered_json::array();
  for (; next != trails.end() && list.size() < call.options.page; ++next) list.push_back({{"TrailARN", next->arn()}, {"Name", next->config().name}, {"HomeRegion", next->config().home_region}});
  ordered_json out{{"Trails", std::move(list)}};
  if (next != trails.end()) out["NextToken"] = out["Trails"].back()["TrailARN"];
  return text_of(out);
}

std::string get_trail_status(const Call& call) {
  const TrailStatus status = call.options.status(call.named("Name").config());
  ordered_json out = ordered_json::object();
  if (status.is_logging) out["IsLogging"] = *status.is_logging;
  if (!status.latest_delivery_error.empty()) out["LatestDeliveryError"] = status.latest_delivery_error;
  if (status.latest_delivery) out["LatestDeliveryTime"] = seconds_of(*status.latest_delivery);
  if (!status.latest_digest_delivery_error.empty()) out["LatestDigestDeliveryError"] = status.latest_digest_delivery_error;
  if (status.latest_digest_delivery) out["LatestDigestDeliveryTime"] = seconds_of(*status.latest_digest_delivery);
  return text_of(out);
}

std::string get_event_selectors(const Call& call) { return text_of(call.named("TrailName").event_selectors()); }

std::string get_insight_selectors(const Call& call) {
  if (!call.input.text("EventDataStore").empty()) fail_with("UnsupportedOperationException", "there are no event data stores here");
  const TrailView trail = call.named("TrailName");
  const auto types = call.options.insight_types();
  if (!trail.config().insights || types.empty()) fail_with("InsightNotEnabledException", fmt::format("the trail {} keeps no Insights", trail.arn()));
  ordered_json selectors = ordered_json::array();
  for (const std::string& type : types) selectors.push_back({{"InsightType", type}});
  return text_of({{"TrailARN", trail.arn()}, {"InsightSelectors", std::move(selectors)}});
}

/// All on one page: the AWS CLI reads no further one.
std::string list_public_keys(const Call& call) {
  if (!call.input.text("NextToken").empty()) fail_with("InvalidTokenException", "ListPublicKeys gives all keys at once, and no NextToken");
  const Timestamp now = call.options.now();
  const Timestamp start = call.input.time("StartTime").value_or(now), end = call.input.time("EndTime").value_or(std::max(now, start));
  if (start > end) fail_with("InvalidTimeRangeException", "StartTime is behind EndTime");
  auto keys = call.options.public_keys();
  if (!keys) fail_with("InternalFailure", "the public keys cannot be read: " + keys.error().message, 500);
  return trail::public_keys_json(trail::KnownKeys(std::move(*keys)).keys(start, end).value());
}

struct Operation {
  std::string_view name;
  std::string (*answer)(const Call& call);
};
constexpr std::array<Operation, 7> kOperations{{{"DescribeTrails", describe_trails},
                                                {"GetEventSelectors", get_event_selectors},
                                                {"GetInsightSelectors", get_insight_selectors},
                                                {"GetTrail", get_trail},
                                                {"GetTrailStatus", get_trail_status},
                                                {"ListPublicKeys", list_public_keys},
                                                {"ListTrails", list_trails}}};

const Operation* operation_of(std::string_view name) {
  const auto* const found = std::ranges::find(kOperations, name, &Operation::name);
  return found == kOperations.end() ? nullptr : found;
}

}  // namespace

tl::expected<std::string, Refusal> TrailApi::answer(const Caller& caller, std::string_view operation, std::string_view body) const {
  const Operation* const known = operation_of(operation);
  if (known == nullptr)
    return refuse("UnsupportedOperationException", fmt::format("{} is not done here: trailwarden's trails are read by this API, and changed in its configuration", printable(operation)));
  try {
    const Input input(body);
    return known->answer(Call{options_, caller, input});
  } catch (const Refusal& refusal) {
    return tl::unexpected(refusal);
  }
}

bool TrailApi::is_operation(std::string_view name) { return operation_of(name) != nullptr || std::ranges::find(kOtherOperations, name) != kOtherOperations.end(); }

}  // namespace trailwarden::api
