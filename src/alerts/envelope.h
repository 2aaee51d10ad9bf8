#pragma once

#include <string>
#include <string_view>

#include "alerts/object_text.h"
#include "alerts/quiet.h"
#include "event/finding.h"

namespace trailwarden::alerts {

/// The cell that an alert is about.
struct AlertScope {
  std::string_view account, region;
};

/// An alert ready to be sent.
struct RenderedAlert {
  std::string id;
  std::string json;  // one line
};

/// What differs from one kind of envelope to the next.
struct EnvelopeHead {
  std::string_view id, detail_type, source;
  Timestamp time;
};

/// Stands for the detector in alerts about a trail itself, which the digest writer commits and not a worker.
inline constexpr std::string_view kTrailWatchName = "trail_watch";

/// An EventBridge envelope around `detail`, a JSON object. Source: Amazon EventBridge user guide, "Events".
ObjectText envelope(const EnvelopeHead& head, const AlertScope& scope, std::string_view detail);

/// A finding as an EventBridge envelope: `detail-type` "Trailwarden Finding", `source` "trailwarden", `time` the decision time, `detail` as
/// `models/schemas/finding.schema.json` has it. Members come in a fixed order; the records are the ones received, whitespace aside.
///
/// The id is a UUID of version 8 from SHA-256 over (account, Region, detector, entity, what, deciding eventID): the same in every run, on files and on Kafka.
RenderedAlert render(const event::Finding& finding, const AlertScope& scope);

/// The closing summary of a finding's repeats: `kind` "summary", `summarises` the finding's id.
RenderedAlert render(const Summary& summary, const AlertScope& scope);

/// The JSON of an alert in at most `max_bytes`: as it is, if it fits. Else without the records that it rests on (`recordOmitted`), then with long texts and lists cut
/// shorter and shorter; marked with `cut`. Ids stay what they are. A pure function: the same alert and bound give the same bytes.
std::string cut_alert(std::string json, std::size_t max_bytes);

/// An alert's JSON for a person: severity and sentence as a headline, then the whole alert, indented. Text that is no alert comes back as it is.
std::string pretty_alert(std::string_view json);

}  // namespace trailwarden::alerts
