#include "pipeline/silence_voice.h"

#include "alerts/envelope.h"
#include "pipeline/alert_message.h"

namespace trailwarden::pipeline {

void SilenceVoice::say(event::Finding finding, std::string_view account, std::string_view region) {
  ++totals_.detectors[finding.detector].findings[static_cast<std::size_t>(finding.severity)];
  alerts_.push_back(alert_message(alerts::render(finding, {account, region}), account, finding.decision_time, finding.detector, finding.severity, max_message_bytes_));
}

}  // namespace trailwarden::pipeline
