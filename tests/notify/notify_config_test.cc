#include "notify/notify_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"

namespace trailwarden::notify {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct Read {
  NotifyConfig config;
  std::string errors;
};
Read read(const std::string& text) {
  const auto diagnostics = std::make_shared<config::Diagnostics>();
  const auto top = config::Section::parse(text, "f.yaml", diagnostics);
  Read out{read_notifications(top), ""};
  out.errors = config::join_lines(*diagnostics);
  return out;
}

constexpr const char* kAll = R"(notifications:
  start: earliest
  sinks:
    - name: soar
      type: webhook
      url: https://soar.example.com/hook
      signing_secret_file: /run/secrets/soar
      authorization_env: SOAR_TOKEN
      headers: {X-Team: security}
      group: {by: [detector, account], window: 1m}
      rate_limit: {messages: 100, per: 5m}
      retry: {first: 2s, longest: 1m, max_age: 1h, max_attempts: 9}
    - {name: made, type: webhook, url_env: HOOK, body: '{"text": "{{sentence}}"}'}
    - {name: chat, type: slack, url_file: /run/secrets/slack}
    - {name: oncall, type: pagerduty, routing_key_file: /run/secrets/pagerduty, severities: {high: critical}}
    - {name: am, type: alertmanager, url: "http://127.0.0.1:9093/", labels: {cluster: test}, resolve_after: 2h}
    - {name: topic, type: sns, topic_arn: "arn:aws:sns:eu-west-1:111122223333:findings", format: text}
    - {name: bus, type: eventbridge, region: eu-west-1, event_bus: security, format: ocsf}
    - {name: siem, type: syslog, address: "siem.example.com:6514", ca_file: /etc/ca.pem, facility: auth, format: ocsf}
  routes:
    - {severity: high, detectors: ["trail_*"], accounts: ["1111*"], regions: [eu-west-1], sinks: [oncall, chat]}
    - {sinks: [siem]}
)";

TEST(NotifyConfig, ReadsEveryType) {
  const Read all = read(kAll);
  EXPECT_EQ(all.errors, "");
  ASSERT_EQ(all.config.sinks.size(), 8U);
  EXPECT_EQ(all.config.sinks[0].retry, (RetryConfig{2s, 60s, 1h, 9}));
  EXPECT_EQ(all.config.sinks[1].format, "template");
  EXPECT_EQ(all.config.sinks[2].rate, (RateConfig{30, 600s}));
  EXPECT_EQ(all.config.sinks[4].url, "http://127.0.0.1:9093");
  EXPECT_EQ(all.config.sinks[5].region, "eu-west-1");
  EXPECT_EQ(all.config.sinks[7].transport, "tls");
  EXPECT_EQ(all.config.routes[0].severity, event::Severity::kHigh);
}

TEST(NotifyConfig, IsTheSameFromItsYaml) {
  const NotifyConfig config = read(kAll).config;
  const Read again = read(to_yaml(config));
  EXPECT_EQ(again.errors, "");
  EXPECT_EQ(again.config, config);
  EXPECT_EQ(read(to_yaml(NotifyConfig{})).config, NotifyConfig{});
}

struct Wrong {
  const char* name;
  const char* text;  // of one sink, or of the whole where it has lines
  const char* error;
};
void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.text; }

class NotifyConfigRefuses : public ::testing::TestWithParam<Wrong> {};

TEST_P(NotifyConfigRefuses, WithThePlace) {
  const std::string text = GetParam().text;
  const Read wrong = read(text.find('\n') != std::string::npos ? text : "notifications:\n  sinks:\n    - {" + text + "}\n");
  EXPECT_THAT(wrong.errors, HasSubstr(GetParam().error));
  EXPECT_THAT(wrong.errors, HasSubstr("f.yaml:"));
}

INSTANTIATE_TEST_SUITE_P(
    Sinks, NotifyConfigRefuses,
    ::testing::Values(
        Wrong{"UnknownKey", "name: a, type: slack, url_env: X, chanel: y", "unknown key \"chanel\""},
        Wrong{"UnknownType", "name: a, type: email", "type: expected one of webhook"},
        Wrong{"NoName", "type: slack, url_env: X", "a sink needs its `name`"},
        Wrong{"SecretUrl", "name: a, type: slack, url: \"https://hooks.slack.com/services/T/B/x\"", "the URL of an incoming webhook is a secret"},
        Wrong{"InlineSecret", "name: a, type: webhook, url: \"https://a/b\", signing_secret: abc", "signing_secret: a secret does not belong into this file"},
        Wrong{"InlineKey", "name: a, type: pagerduty, routing_key: abc", "routing_key: a secret does not belong into this file"},
        Wrong{"SecretInHeader", "name: a, type: webhook, url: \"https://a/b\", headers: {Authorization: Bearer x}", "use authorization_file"},
        Wrong{"SecretInQuery", "name: a, type: webhook, url: \"https://a/b?key=x\"", "a query may hold a secret"},
        Wrong{"SecretInUser", "name: a, type: webhook, url: \"https://u:p@a/b\"", "without a user and a password"},
        Wrong{"NoUrl", "name: a, type: webhook", "needs its url_file or url_env"},
        Wrong{"PlainHttp", "name: a, type: webhook, url: \"http://example.com/b\"", "http:// does not encrypt"},
        Wrong{"PlainSyslog", "name: a, type: syslog, address: \"example.com:514\", transport: udp", "udp does not encrypt"},
        Wrong{"NoPort", "name: a, type: syslog, address: example.com", "address: expected HOST:PORT"},
        Wrong{"NoArn", "name: a, type: sns, topic_arn: findings", "expected the topic's ARN"},
        Wrong{"NoRegion", "name: a, type: eventbridge", "needs its region"},
        Wrong{"BadTemplate", "name: a, type: webhook, url: \"https://a/b\", body: '{\"x\": \"{{sevrity}}\"}'", "there is no {{sevrity}}"},
        Wrong{"TemplateWithoutBody", "name: a, type: webhook, url: \"https://a/b\", format: template", "format: template and `body` go together"},
        Wrong{"GroupWithEnds", "name: a, type: pagerduty, routing_key_env: X, group: {by: [account]}", "pagerduty groups by itself"},
        Wrong{"GroupByNothing", "name: a, type: slack, url_env: X, group: {by: [colour]}", "\"colour\" is none of detector"},
        Wrong{"Retry", "name: a, type: slack, url_env: X, retry: {first: 1m, longest: 1s}", "not shorter than `first`"},
        Wrong{"TwoOfAName", "notifications:\n  sinks:\n    - {name: a, type: slack, url_env: X}\n    - {name: a, type: slack, url_env: X}\n", "two sinks are called \"a\""},
        Wrong{"RouteToNobody", "notifications:\n  sinks:\n    - {name: chat, type: slack, url_env: X}\n  routes:\n    - {sinks: [chatt]}\n", "there is no sink \"chatt\"; did you mean chat?"},
        Wrong{"RouteWithoutSinks", "notifications:\n  routes:\n    - {severity: high}\n", "a route names the `sinks`"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace trailwarden::notify
