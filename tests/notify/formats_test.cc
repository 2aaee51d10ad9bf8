// What each sink is sent, byte by byte. TRAILWARDEN_UPDATE_GOLDEN=1 rewrites the files, and the difference is reviewed like code.

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "notify/alertmanager.h"
#include "notify/alerts.h"
#include "notify/aws_sinks.h"
#include "notify/bodies.h"
#include "notify/body_template.h"
#include "notify/ocsf.h"
#include "notify/pagerduty.h"
#include "notify/retry_after.h"
#include "notify/slack.h"
#include "notify/syslog.h"
#include "notify/webhook.h"
#include "testing/read_file.h"

namespace trailwarden::notify {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::finding;
using testing::insight;

constexpr AppendTime kCreated{std::chrono::seconds{1'767'607'200}};  // 2026-01-05T10:00:00Z

Message of(std::vector<std::string> alerts) { return {.id = "11111111-2222-8333-8444-555555555555", .sink = "sink", .alerts = std::move(alerts), .created = kCreated}; }
Message one() { return of({finding("f-1")}); }
Message group() {
  Message message = of({finding("f-1"), finding("f-2", "root_use", "critical")});
  message.more.add("root_use", event::Severity::kHigh, 3);
  return message;
}
Message start() { return of({insight("i-1", "pair", true)}); }
Message end() {
  Message message = of({insight("i-2", "pair", false)});
  message.began_as = event::Severity::kMedium;
  return message;
}
Message digest() {
  Message message = of({});
  message.kind = Message::Kind::kDigest;
  message.seconds = 600;
  message.more.add("root_use", event::Severity::kHigh, 12);
  message.more.add("insights", event::Severity::kMedium, 30);
  return message;
}

struct Form {
  const char* name;
  std::string (*body)(const MessageView&);
};
SinkConfig config_of(SinkType type) {
  SinkConfig config{.name = "sink", .type = type, .format = "alert"};
  config.labels = {{"cluster", "test"}};
  config.facility = "local0";
  config.topic_arn = "arn:aws:sns:eu-west-1:111122223333:findings.fifo";
  config.event_bus = "default";
  return config;
}
const Form kForms[] = {
    {"alert", [](const MessageView& view) { return alert_body(view); }},
    {"text", [](const MessageView& view) { return text_body(view); }},
    {"ocsf", [](const MessageView& view) { return ocsf_body(view); }},
    {"slack", [](const MessageView& view) { return slack_body(view); }},
    {"pagerduty", [](const MessageView& view) { return pagerduty_body(view, config_of(SinkType::kPagerDuty), "KEY"); }},
    {"alertmanager", [](const MessageView& view) { return alertmanager_body(view, config_of(SinkType::kAlertmanager)); }},
    {"sns", [](const MessageView& view) { return sns_body(view, config_of(SinkType::kSns)); }},
    {"eventbridge", [](const MessageView& view) { return eventbridge_body(view, config_of(SinkType::kEventBridge)); }},
};
struct Case {
  const char* name;
  Message (*message)();
};
const Case kCases[] = {{"one", one}, {"group", group}, {"start", start}, {"end", end}, {"digest", digest}};

/// JSON indented, so that a difference can be read.
std::string readable(const std::string& body) {
  const auto json = nlohmann::ordered_json::parse(body, nullptr, false);
  return json.is_discarded() ? body : json.dump(2) + "\n";
}

class Golden : public ::testing::TestWithParam<std::tuple<Form, Case>> {};

TEST_P(Golden, IsAsKept) {
  const auto& [form, example] = GetParam();
  const std::string path = std::string(TRAILWARDEN_SOURCE_DIR) + "/tests/notify/golden/" + form.name + "-" + example.name + ".txt";
  const Message message = example.message();
  const std::string body = readable(form.body(MessageView(message)));
  if (std::getenv("TRAILWARDEN_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << body;
  EXPECT_EQ(body, testing::read_file(path));
}

INSTANTIATE_TEST_SUITE_P(Bodies, Golden, ::testing::Combine(::testing::ValuesIn(kForms), ::testing::ValuesIn(kCases)),
                         [](const auto& row) { return std::string(std::get<0>(row.param).name) + "_" + std::get<1>(row.param).name; });

TEST(PagerDuty, TheEndOfAnInsightResolvesWhatItsStartTriggered) {
  const Message first = start(), last = end();
  const auto begun = nlohmann::json::parse(pagerduty_body(MessageView(first), config_of(SinkType::kPagerDuty), "K"));
  const auto ended = nlohmann::json::parse(pagerduty_body(MessageView(last), config_of(SinkType::kPagerDuty), "K"));
  EXPECT_EQ(begun["event_action"], "trigger");
  EXPECT_EQ(ended["event_action"], "resolve");
  EXPECT_EQ(begun["dedup_key"], ended["dedup_key"]);
}

TEST(PagerDuty, TheRepeatsOfAFindingGoToItsAlert) {
  Message message = of({finding("f-2", "root_use", "high", "111122223333", "summary", R"(,"summarises":"f-1")")});
  const auto body = nlohmann::json::parse(pagerduty_body(MessageView(message), config_of(SinkType::kPagerDuty), "K"));
  EXPECT_EQ(body["dedup_key"], uuid_of_parts({"sink", "f-1"}));
}

TEST(PagerDuty, SeveritiesCanBeMapped) {
  SinkConfig config = config_of(SinkType::kPagerDuty);
  config.severities = {{"high", "critical"}};
  const Message message = one();
  EXPECT_EQ(nlohmann::json::parse(pagerduty_body(MessageView(message), config, "K"))["payload"]["severity"], "critical");
}

TEST(AlertmanagerBody, StartAndEndOfAnInsightAreOneAlert) {
  const Message first = start(), last = end();
  const auto begun = nlohmann::json::parse(alertmanager_body(MessageView(first), config_of(SinkType::kAlertmanager)));
  const auto ended = nlohmann::json::parse(alertmanager_body(MessageView(last), config_of(SinkType::kAlertmanager)));
  EXPECT_EQ(begun[0]["labels"], ended[0]["labels"]);
  EXPECT_GT(begun[0]["endsAt"].get<std::string>(), ended[0]["endsAt"].get<std::string>());
}

TEST(SyslogLine, HasTheFormOfRfc5424) {
  SinkConfig config = config_of(SinkType::kSyslog);
  config.format = "text";
  const Message message = one();
  const std::string line = syslog_line(MessageView(message), config, "a host");
  EXPECT_THAT(line, ::testing::MatchesRegex("<131>1 2026-01-05T10:00:00Z a_host trailwarden [0-9]+ root_use .trailwarden@32473 id=\"11111111-2222-8333-8444-555555555555\" severity=\"high\" .*entity=\"root\". \xef\xbb\xbf.high. .*"));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
}

TEST(SyslogLine, EscapesWhatEndsAParameter) {
  EXPECT_EQ(syslog_parameter("a", "x\"]\\\n\x7fü"), "a=\"x\\\"\\]\\\\  ü\"");
  EXPECT_EQ(syslog_parameter("a", ""), "a=\"\"");
}

/// The example of the specification of Standard Webhooks.
TEST(WebhookSignature, IsThatOfTheSpecification) {
  EXPECT_EQ(webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp{1614265330s}, R"({"test": 2432232314})").value(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  EXPECT_FALSE(webhook_signature("whsec_!!!!", "a", {}, "").has_value());
  EXPECT_TRUE(webhook_signature("plain", "a", {}, "").has_value());
}

TEST(BodyTemplate, FillsAndEscapes) {
  const std::string text = R"({"text": "{{severity}}: {{ sentence }}", "n": {{count}}, "all": {{alerts}}})";
  ASSERT_TRUE(check_template(text).has_value());
  const Message message = one();
  const auto body = nlohmann::json::parse(fill_template(text, MessageView(message)));
  EXPECT_EQ(body["text"], "high: The root user signed in to the console of 111122223333 from 203.0.113.7 <b>\"x\"</b> ünd.");
  EXPECT_EQ(body["all"][0]["id"], "f-1");
  const Message none = digest();
  EXPECT_EQ(nlohmann::json::parse(fill_template(text, MessageView(none)))["n"], 42);
}

TEST(BodyTemplate, SaysWhatIsWrong) {
  EXPECT_THAT(check_template(R"({"a": "{{sevrity}}"})").error().message, HasSubstr("there is no {{sevrity}}: expected one of id"));
  EXPECT_THAT(check_template(R"({"a": {{sentence}}})").error().message, HasSubstr("is no JSON"));
  EXPECT_THAT(check_template(R"({"a": "{{sentence"})").error().message, HasSubstr("has no `}}`"));
}

TEST(RetryAfter, IsSecondsOrADate) {
  const Timestamp now = parse_event_time("1994-11-06T08:49:00Z").value();
  EXPECT_EQ(parse_retry_after("120", now), 120s);
  EXPECT_EQ(parse_retry_after("99999999999999999999", now), 24h);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), 37s);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:48:37 GMT", now), 0s);
  for (const char* odd : {"", "-1", "1.5", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "Sunday, 06-Nov-94 08:49:37 GMT"}) EXPECT_EQ(parse_retry_after(odd, now), std::nullopt) << odd;
}

TEST(Redacted, StarsOutSecretsAndThePathsOfUrls) {
  EXPECT_EQ(redacted("no service at /services/T0/B0/abcdef, key s3cret", {"https://hooks.slack.com/services/T0/B0/abcdef", "s3cret"}), "no service at ***, key ***");
}

TEST(AlertBody, LeavesOutAlertsThatDoNotFit) {
  const Message message = group();
  const std::string body = alert_body(MessageView(message), 2'000);
  EXPECT_LE(body.size(), 2'000U);
  const auto json = nlohmann::json::parse(body);
  EXPECT_EQ(json["omitted"], 2 - json["alerts"].size());
  EXPECT_EQ(json["count"], 5);
}

TEST(HttpSink, JudgesByTheStatus) {
  const auto judged = [](int status, const std::string& header = "") {
    aws::HttpResponse response{.status = status};
    if (!header.empty()) response.headers["retry-after"] = header;
    return HttpSink::judge_status(response, {});
  };
  EXPECT_EQ(judged(202).outcome, Sent::Outcome::kDelivered);
  for (const int status : {302, 401, 403, 404, 408, 429, 500, 503}) EXPECT_EQ(judged(status).outcome, Sent::Outcome::kLater) << status;
  for (const int status : {400, 413, 415, 422}) EXPECT_EQ(judged(status).outcome, Sent::Outcome::kRefused) << status;
  EXPECT_EQ(judged(429, "7").not_before, 7s);
}

}  // namespace
}  // namespace trailwarden::notify
