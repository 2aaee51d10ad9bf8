#pragma once

#include <string>

#include "alerts/envelope.h"
#include "event/insight.h"

namespace trailwarden::alerts {

/// The name under which Insights stand in counts, metrics and message headers.
inline constexpr std::string_view kInsightsName = "insights";

/// How urgent an Insight is: a Start upwards is medium, high where chance gives less than a hundredth of the threshold; downwards low; an End informational.
event::Severity severity_of(const event::Insight& insight);

/// An Insight as CloudTrail's own record, eventVersion 1.09: the members and their order as AWS writes them, averages exact to ten decimals.
/// Source: AWS CloudTrail user guide, "CloudTrail Insights event record contents"; docs/formats.md.
std::string insight_record(const event::Insight& insight, const AlertScope& scope);

/// The record as the `detail` of an EventBridge envelope ("AWS Insight via CloudTrail", `aws.cloudtrail`); what trailwarden knows besides, as the
/// envelope's member `trailwarden`. Schema: models/schemas/insight.schema.json.
///
/// All ids are hashes of (account, Region, type, series, direction, first minute, state): the same in every run.
RenderedAlert render(const event::Insight& insight, const AlertScope& scope);

/// calls / minutes with at most ten decimals, rounded half up, without trailing zeros: "0.0000882145", "664".
std::string exact_average(const event::CallRate& rate);

}  // namespace trailwarden::alerts
