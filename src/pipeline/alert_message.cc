#include "pipeline/alert_message.h"

#include "pipeline/message_size.h"

namespace trailwarden::pipeline {

Alert alert_message(alerts::RenderedAlert alert, std::string_view account, Timestamp decision_time, std::string_view detector, event::Severity severity,
                    std::size_t max_message_bytes) {
  stream::Outgoing message{.topic = std::string(stream::kAlertsTopic),
                           .key = std::string(account),
                           .value = {},
                           .headers = {{"alert-id", alert.id}, {"detector", std::string(detector)}, {"severity", std::string(to_string(severity))}}};
  message.value = alerts::cut_alert(std::move(alert.json), room_for_value(message, max_message_bytes));
  return {decision_time, std::move(alert.id), std::move(message)};
}

}  // namespace trailwarden::pipeline
