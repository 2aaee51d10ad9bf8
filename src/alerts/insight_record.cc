#include "alerts/insight_record.h"

#include <fmt/format.h>

#include "alerts/object_text.h"
#include "core/hash.h"

namespace trailwarden::alerts {
namespace {

using event::Insight;

std::string trimmed(std::string decimals) {
  if (decimals.find('.') == std::string::npos) return decimals;
  decimals.erase(decimals.find_last_not_of('0') + 1);
  if (decimals.back() == '.') decimals.pop_back();
  return decimals;
}

std::string id_of(const Insight& insight, const AlertScope& scope, std::string_view what) {
  return uuid_of_parts({scope.account, scope.region, to_string(insight.type), insight.event_source, insight.event_name, insight.error_code,
                        insight.is_upward ? "up" : "down", format_time(insight.started_at), what});
}

std::string_view state_of(const Insight& insight) { return insight.is_start ? "Start" : "End"; }

std::string rates_text(const std::vector<event::AttributedRate>& rates, const event::CallRate& overall) {
  ArrayText out;
  const double average = static_cast<double>(overall.calls) / static_cast<double>(overall.minutes);
  for (const event::AttributedRate& rate : rates) {
    // The only value has the whole rate, to the last digit.
    const std::string text = rate.share == 1 ? exact_average(overall) : trimmed(fmt::format("{:.10f}", rate.share * average));
    out.add(ObjectText().text("value", rate.value).raw("average", text).done());
  }
  return out.done();
}

std::string context_text(const Insight& insight) {
  const std::string statistics = ObjectText()
                                     .raw("baseline", ObjectText().raw("average", exact_average(insight.baseline)).done())
                                     .raw("insight", ObjectText().raw("average", exact_average(insight.insight)).done())
                                     .number("insightDuration", insight.insight.minutes)
                                     .number("baselineDuration", insight.baseline.minutes)
                                     .done();
  ArrayText attributions;
  for (const event::Attribution& attribution : insight.attributions)
    attributions.add(ObjectText()
                         .text("attribute", attribution.attribute)
                         .raw("insight", rates_text(attribution.insight, insight.insight))
                         .raw("baseline", rates_text(attribution.baseline, insight.baseline))
                         .done());
  return ObjectText().raw("statistics", statistics).raw("attributions", attributions.done()).done();
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
        .text("decidedBy", to_string(insight.decided_by))
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
    ArrayText history;
    for (const event::RateSpan& span : insight.history)
      history.add(ObjectText().text("from", format_time(span.from)).number("minutes", std::int64_t{span.minutes}).number("calls", span.calls).number("expected", span.expected).done());
    out.raw("history", history.done());
  }
  ArrayText ids;
  for (const std::string& id : insight.event_ids) ids.add(json_text(id));
  return out.raw("eventIDs", ids.done()).text("model", insight.constants).done();
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
  std::string json = envelope({id, "AWS Insight via CloudTrail", "aws.cloudtrail", insight.decision_time}, scope, insight_record(insight, scope))
                         .raw("trailwarden", evidence_text(insight, scope))
                         .done();
  return {std::move(id), std::move(json)};
}

}  // namespace trailwarden::alerts
