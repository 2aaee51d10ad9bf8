// What the notifier reads from outside: the header Retry-After, alerts of a topic, templates of a configuration, and its own state. The first byte says which.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "notify/alertmanager.h"
#include "notify/aws_sinks.h"
#include "notify/bodies.h"
#include "notify/body_template.h"
#include "notify/book.h"
#include "notify/ocsf.h"
#include "notify/pagerduty.h"
#include "notify/retry_after.h"
#include "notify/slack.h"
#include "notify/syslog.h"

namespace {

using namespace trailwarden;
using namespace trailwarden::notify;

constexpr AppendTime kNow{std::chrono::seconds{1'772'366'400}};

void expect_json(const std::string& body) {
  if (!nlohmann::json::accept(body)) std::abort();
}

SinkConfig sink(const char* name, SinkType type) { return {.name = name, .type = type, .format = "alert", .topic_arn = "arn", .facility = "auth"}; }

/// Every form of a message is what it should be.
void look_at(const Message& message) {
  const MessageView view(message);
  expect_json(alert_body(view));
  expect_json(ocsf_body(view));
  expect_json(slack_body(view));
  expect_json(pagerduty_body(view, sink("a", SinkType::kPagerDuty), "key"));
  expect_json(alertmanager_body(view, sink("a", SinkType::kAlertmanager)));
  expect_json(eventbridge_body(view, sink("a", SinkType::kEventBridge)));
  if (syslog_line(view, sink("a", SinkType::kSyslog), "host").find('\n') != std::string::npos && text_body(view).empty()) std::abort();
}

void take_alert(std::string_view text) {
  NotifyConfig config;
  config.sinks = {sink("a", SinkType::kWebhook), sink("b", SinkType::kPagerDuty), sink("c", SinkType::kSlack)};
  config.sinks[2].group.by = {"detector", "entity"};
  Book book(config);
  book.take(0, text, kNow);
  book.advance(kNow, true);
  book.changes();
  book.committed();
  for (const Message& message : book.due(kNow)) look_at(message);
}

/// `NAME` up to a zero byte, and what is kept under it.
void load_state(std::string_view text) {
  NotifyConfig config;
  config.sinks = {sink("a", SinkType::kWebhook)};
  Book book(config);
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos || !book.load(0, text.substr(0, end), text.substr(end + 1))) return;
  book.advance(kNow);
  book.changes();
  for (const Message& message : book.due(kNow)) (void)MessageView(message);
}

void use_template(std::string_view text) {
  if (!check_template(text)) return;
  const Message message = sample_message("a", kNow);
  expect_json(fill_template(text, MessageView(message)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'r':
      if (const auto wait = parse_retry_after(text, std::chrono::floor<std::chrono::seconds>(kNow)); wait && (wait->count() < 0 || wait->count() > 86'400)) std::abort();
      break;
    case 'a': take_alert(text); break;
    case 's': load_state(text); break;
    case 't': use_template(text); break;
    default: break;
  }
  return 0;
}
