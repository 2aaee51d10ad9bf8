#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "alerts/envelope.h"
#include "event/finding.h"
#include "pipeline/batch.h"

namespace trailwarden::pipeline {

/// A rendered alert as the message that carries it; its text is cut to fit `max_message_bytes`.
Alert alert_message(alerts::RenderedAlert alert, std::string_view account, Timestamp decision_time, std::string_view detector, event::Severity severity,
                    std::size_t max_message_bytes);

}  // namespace trailwarden::pipeline
