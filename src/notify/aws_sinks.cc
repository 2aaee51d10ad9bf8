#include "notify/aws_sinks.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "aws/credential_sources.h"
#include "aws/percent.h"
#include "aws/signature.h"
#include "core/hash.h"
#include "core/text.h"
#include "notify/bodies.h"
#include "notify/ocsf.h"

namespace trailwarden::notify {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kMostBytes = 250'000;  // both services take 256 KiB
constexpr std::size_t kSubject = 100;

/// `host[:port]` as it stands in the Host header.
std::string host_of(std::string_view origin) {
  std::string_view host = origin.substr(origin.find("://") + 3);
  host = host.substr(0, host.find('/'));
  const std::string_view default_port = origin.starts_with("https://") ? ":443" : ":80";
  if (host.ends_with(default_port)) host.remove_suffix(default_port.size());
  return std::string(host);
}

std::string origin_of(const SinkConfig& config, std::string_view service) {
  if (!config.endpoint.empty()) return config.endpoint.substr(0, config.endpoint.find('/', config.endpoint.find("://") + 3));
  return fmt::format("https://{}.{}.{}", service, config.region, aws::domain_of(config.region));
}

/// The body that fits; OCSF of too many alerts becomes that of their number.
std::string body_of(const MessageView& view, const std::string& format) {
  if (format == "text") return text_body(view);
  if (format != "ocsf") return alert_body(view, kMostBytes);
  std::string body = ocsf_body(view);
  if (body.size() <= kMostBytes) return body;
  Message fewer = view.message;
  fewer.alerts.resize(1);
  for (std::size_t i = 1; i < view.alerts.size(); ++i) fewer.more.add(view.alerts[i].detector, view.alerts[i].severity);
  return ocsf_body(MessageView(fewer));
}

/// One line of ASCII.
std::string subject_of(const MessageView& view) {
  std::string out;
  for (const char c : fmt::format("[{}] {}", to_string(view.severity), view.title)) out += c >= ' ' && c <= '~' ? c : '?';
  return out.substr(0, kSubject);
}

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// What AWS calls the error of an answer, in JSON or XML; empty if it does not say.
std::string code_of(const std::string& body) {
  const json said = json::parse(body, nullptr, false);
  if (said.is_object())
    for (const char* name : {"__type", "code", "Code"})
      if (const std::string text = text_in(said, name); !text.empty()) return text.substr(text.rfind('#') + 1);
  const std::size_t begin = body.find("<Code>"), end = body.find("</Code>");
  return begin != std::string::npos && end != std::string::npos && end > begin ? body.substr(begin + 6, end - begin - 6) : std::string();
}

}  // namespace

AwsSink::AwsSink(SinkConfig config, std::string service)
    : HttpSink(std::move(config)), service_(std::move(service)), origin_(origin_of(this->config(), service_)), credentials_(http(), {.region = this->config().region}) {}

Result<HttpMessage> AwsSink::signed_message(std::string body, std::string_view content_type, std::string_view target, Timestamp now) {
  auto credentials = credentials_.get();
  if (!credentials) return fail(std::move(credentials).error().during("sink " + config().name));
  used_key_ = credentials->access_key_id;
  aws::SignableRequest signable{.method = "POST", .path = "/", .query = {}, .headers = {{"Host", host_of(origin_)}, {"Content-Type", std::string(content_type)}}, .payload_hash = sha256_hex(body)};
  if (!target.empty()) signable.headers.emplace_back("X-Amz-Target", std::string(target));
  aws::sign(signable, {config().region, service_}, *credentials, now);
  return HttpMessage{.url = origin_ + "/", .headers = std::move(signable.headers), .body = std::move(body), .secrets = {credentials->secret_access_key, credentials->session_token}};
}

/// AWS says with 400 also what will pass: throttling, a clock, a right that is missing.
Sent AwsSink::judge(const aws::HttpResponse& response, Timestamp now) {
  static constexpr std::array<std::string_view, 8> kForGood{"InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid", "ValidationException", "ValidationError", "SerializationException", "MalformedDetail", "InvalidArgument"};
  Sent sent = judge_status(response, now);
  if (sent.outcome == Sent::Outcome::kDelivered) return sent;
  const std::string code = code_of(response.body);
  if (response.status >= 400 && response.status < 500) sent.outcome = std::ranges::find(kForGood, code) == kForGood.end() ? Sent::Outcome::kLater : Sent::Outcome::kRefused;
  if (code.find("Token") != std::string::npos || code.find("Signature") != std::string::npos || code.find("Access") != std::string::npos) credentials_.forget(used_key_);
  return sent;
}

std::string sns_body(const MessageView& view, const SinkConfig& config) {
  std::string out = "Action=Publish&Version=2010-03-31";
  const auto add = [&out](std::string_view name, std::string_view value) { out += fmt::format("&{}={}", name, aws::percent_encoded(value)); };
  add("TopicArn", config.topic_arn);
  add("Subject", subject_of(view));
  add("Message", body_of(view, config.format));
  const std::array<std::pair<std::string_view, std::string>, 3> attributes{{{"id", view.message.id}, {"severity", std::string(to_string(view.severity))}, {"detector", view.alerts.empty() ? "digest" : view.first().detector}}};
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    const std::string entry = fmt::format("MessageAttributes.entry.{}.", i + 1);
    add(entry + "Name", attributes[i].first);
    add(entry + "Value.DataType", "String");
    add(entry + "Value.StringValue", attributes[i].second.empty() ? "-" : attributes[i].second);
  }
  if (config.topic_arn.ends_with(".fifo")) {
    add("MessageGroupId", config.name);
    add("MessageDeduplicationId", view.message.id);
  }
  return out;
}

std::string eventbridge_body(const MessageView& view, const SinkConfig& config) {
  const bool is_insight = !view.alerts.empty() && view.first().is_insight();
  const Timestamp time = view.alerts.empty() ? std::chrono::floor<std::chrono::seconds>(view.message.created) : view.first().time;
  const ordered_json out{{"Entries",
                          {{{"EventBusName", config.event_bus},
                            {"Source", "trailwarden"},
                            {"DetailType", config.format == "ocsf" ? "OCSF Detection Finding" : view.is_digest() ? "Trailwarden Digest" : is_insight ? "Trailwarden Insight" : "Trailwarden Finding"},
                            {"Time", time.time_since_epoch().count()},
                            {"Detail", body_of(view, config.format)}}}}};
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<HttpMessage> Sns::make(const MessageView& view, Timestamp now) { return signed_message(sns_body(view, config()), "application/x-www-form-urlencoded", "", now); }

Result<HttpMessage> EventBridge::make(const MessageView& view, Timestamp now) { return signed_message(eventbridge_body(view, config()), "application/x-amz-json-1.1", "AWSEvents.PutEvents", now); }

/// It says 200, and inside that it failed.
Sent EventBridge::judge(const aws::HttpResponse& response, Timestamp now) {
  Sent sent = AwsSink::judge(response, now);
  if (sent.outcome != Sent::Outcome::kDelivered) return sent;
  const json said = json::parse(response.body, nullptr, false);
  const auto failed = said.is_object() ? said.find("FailedEntryCount") : said.end();
  if (!said.is_object() || failed == said.end() || !failed->is_number_integer()) return {.outcome = Sent::Outcome::kLater, .why = "the answer is not that of PutEvents: " + printable(response.body)};
  if (failed->get<std::int64_t>() == 0) return sent;
  std::string code, words;
  if (const auto entries = said.find("Entries"); entries != said.end() && entries->is_array() && !entries->empty() && entries->front().is_object()) {
    code = text_in(entries->front(), "ErrorCode");
    words = text_in(entries->front(), "ErrorMessage");
  }
  const bool for_good = code == "MalformedDetail" || code == "InvalidArgument";
  return {.outcome = for_good ? Sent::Outcome::kRefused : Sent::Outcome::kLater, .why = printable(code + ": " + words)};
}

}  // namespace trailwarden::notify
