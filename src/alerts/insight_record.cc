#include "alerts/insight_record.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/hash.h"

namespace trailwarden::alerts {
namespace {

using event::Insight;
using nlohmann::ordered_json;

std::string json_text(std::string_view text) { return ordered_json(text).dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

std::string trimmed(std::string decimals) {
  if (decimals.find('.') == std::string::npos) return decimals;
  decimals.erase(decimals.find_last_not_of('0') + 1);
  if (decimals.back() == '.') decimals.pop_back();
  return decimals;
}

std::string id_of(const Insight& insight, const AlertScope& scope, std::string_view what) {
  std::string text;
  const std::string start = format_time(insight.started_at);
  for (const std::string_view part :
       {scope.account, scope.region, to_string(insight.type), std::string_view(insight.event_source), std::string_view(insight.event_name),
        std::string_view(insight.error_code), std::string_view(insight.is_upward ? "up" : "down"), std::string_view(start), what})
    text.append(std::to_string(part.size())).append(":").append(part);
  return uuid_of(text);
}

std::string_view state_of(const Insight& insight) { return insight.is_start ? "Start" : "End"; }

/// Members of a JSON object one after another; numbers are given as they shall be spelled.
class ObjectText {
 public:
  ObjectText& raw(std::string_view name, std::string_view json) {
    text_.append(text_.size() > 1 ? ",\"" : "\"").append(name).append("\":").append(json);
    return *this;
  }
  ObjectText& text(std::string_view name, std::string_view value) { return raw(name, json_text(value)); }
  ObjectText& number(std::string_view name, std::int64_t value) { return raw(name, std::to_string(value)); }
  ObjectText& number(std::string_view name, double value) { return raw(name, fmt::format("{:.6g}", value)); }
  ObjectText& flag(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  std::string done() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

std::string rates_text(const std::vector<event::AttributedRate>& rates, const event::CallRate& overall) {
  std::string out = "[";
  const double average = static_cast<double>(overall.calls) / static_cast<double>(overall.minutes);
  for (const event::AttributedRate& rate : rates) {
    // The only value has the whole rate, to the last digit.
    const std::string text = rate.share == 1 ? exact_average(overall) : trimmed(fmt::format("{:.10f}", rate.share * average));
    out.append(out.size() > 1 ? "," : "").append(ObjectText().text("value", rate.value).raw("average", text).done());
  }
  return out + "]";
}

std::string context_text(const Insight& insight) {
  const std::string statistics = ObjectText()
                                     .raw("baseline", ObjectText().raw("average", exact_average(insight.baseline)).done())
                                     .raw("insight", ObjectText().raw("average", exact_average(insight.insight)).done())
                                     .number("insightDuration", insight.insight.minutes)
                                     .number("baselineDuration", insight.baseline.minutes)
                                     .done();
  std::string attributions = "[";
  for (const event::Attribution& attribution : insight.attributions)
    attributions.append(attributions.size() > 1 ? "," : "")
        .append(ObjectText()
                    .text("attribute", attribution.attribute)
                    .raw("insight", rates_text(attribution.insight, insight.insight))
                    .raw("baseline", rates_text(attribution.baseline, insight.baseline))
                    .done());
  return ObjectText().raw("statistics", statistics).raw("attributions", attributions + "]").done();
}

/// What trailwarden knows besides: how it was decided, how unusual it is, and a sentence for a person.
std::string evidence_text(const Insight& insight, const AlertScope& scope) {
  ObjectText out;
  out.text("detector", kInsightsName)
      .text("severity", to_string(severity_of(insight)))
      .text("sentence", insight.sentence)
      .text("account", scope.account)
      .text("region", scope.region)
      .text("direction", insight.is_upward ? "up" : "down")
      .text("startedAt", format_time(insight.started_at));
  if (insight.is_start) {
    out.text("decidedAt", format_time(insight.decision_time))
        .text("decidedBy", insight.decided_by)
        .flag("minuteStillOpen", insight.early)
        .number("observedCalls", insight.observed)
        .number("expectedCalls", insight.expected)
        .number("scoreNats", insight.score)
        .number("expectedFalseAlarmsPerWeek", insight.false_alarms_per_week)
        .number("threshold", insight.threshold);
  } else {
    out.flag("takenForNormal", insight.adopted);
  }
  if (insight.is_start) {
    std::string history = "[";
    for (const event::RateSpan& span : insight.history)
      history.append(history.size() > 1 ? "," : "")
          .append(ObjectText().text("from", format_time(span.from)).number("minutes", std::int64_t{span.minutes}).number("calls", span.calls).number("expected", span.expected).done());
    out.raw("history", history + "]");
  }
  std::string ids = "[";
  for (const std::string& id : insight.event_ids) ids.append(ids.size() > 1 ? "," : "").append(json_text(id));
  return out.raw("eventIDs", ids + "]").text("model", insight.constants).done();
}

}  // namespace

event::Severity severity_of(const Insight& insight) {
  if (!insight.is_start) return event::Severity::kInformational;
  if (!insight.is_upward) return event::Severity::kLow;
  return insight.false_alarms_per_week < insight.threshold / 100 ? event::Severity::kHigh : event::Severity::kMedium;
}

std::string exact_average(const event::CallRate& rate) {
  constexpr std::uint64_t kUnit = 10'000'000'000;
  __extension__ using Wide = unsigned __int128;
  const auto minutes = static_cast<std::uint64_t>(rate.minutes);
  const auto scaled = static_cast<Wide>(rate.calls) * kUnit + minutes / 2;
  const auto units = static_cast<std::uint64_t>(scaled / minutes % kUnit);
  return trimmed(fmt::format("{}.{:010}", static_cast<std::uint64_t>(scaled / minutes / kUnit), units));
}

std::string insight_record(const Insight& insight, const AlertScope& scope) {
  ObjectText details;
  details.text("state", state_of(insight)).text("eventSource", insight.event_source).text("eventName", insight.event_name).text("insightType", to_string(insight.type));
  if (insight.type == event::InsightType::kApiErrorRate) details.text("errorCode", insight.error_code);
  details.text("sourceEventCategory", insight.is_data ? "Data" : "Management").raw("insightContext", context_text(insight));
  ObjectText record;
  record.text("eventVersion", "1.09")
      .text("eventTime", format_time(insight.event_time))
      .text("awsRegion", scope.region)
      .text("eventID", id_of(insight, scope, state_of(insight)))
      .text("eventType", "AwsCloudTrailInsight");
  if (scope.account != "unknown") record.text("recipientAccountId", scope.account);
  return record.text("sharedEventID", id_of(insight, scope, "pair")).raw("insightDetails", details.done()).text("eventCategory", "Insight").done();
}

RenderedAlert render(const Insight& insight, const AlertScope& scope) {
  std::string id = id_of(insight, scope, insight.is_start ? "alert Start" : "alert End");
  std::string json = ObjectText()
                         .text("version", "0")
                         .text("id", id)
                         .text("detail-type", "AWS Insight via CloudTrail")
                         .text("source", "aws.cloudtrail")
                         .text("account", scope.account)
                         .text("time", format_time(insight.decision_time))
                         .text("region", scope.region)
                         .raw("resources", "[]")
                         .raw("detail", insight_record(insight, scope))
                         .raw("trailwarden", evidence_text(insight, scope))
                         .done();
  return {std::move(id), std::move(json)};
}

}  // namespace trailwarden::alerts
