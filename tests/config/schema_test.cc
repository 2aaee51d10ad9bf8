// The config schema, the example file, the loader and the detectors say the same.

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

#include "config/config.h"
#include "detectors/insights_config.h"
#include "detectors/registry.h"
#include "detectors/rule_settings.h"
#include "detectors/silence_config.h"
#include "detectors/suppressions.h"
#include "notify/notify_config.h"
#include "testing/alert_schema.h"
#include "testing/read_file.h"
#include "trail/trail_config.h"

namespace trailwarden::config {
namespace {

using nlohmann::json;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

std::string read(const std::string& path) { return testing::read_file(std::string(TRAILWARDEN_SOURCE_DIR) + "/" + path); }

json config_schema() { return json::parse(read("models/schemas/config.schema.json")); }

/// A YAML value as an editor with JSON Schema sees it.
json to_json(const YAML::Node& node) {
  if (node.IsMap()) {
    json out = json::object();
    for (const auto& member : node) out[member.first.Scalar()] = to_json(member.second);
    return out;
  }
  if (node.IsSequence()) {
    json out = json::array();
    for (const auto& item : node) out.push_back(to_json(item));
    return out;
  }
  if (!node.IsScalar()) return nullptr;
  const json plain = json::parse(node.Scalar(), nullptr, false);
  return node.Tag() == "?" && (plain.is_number() || plain.is_boolean()) ? plain : json(node.Scalar());
}

std::vector<std::string> errors_of_schema(const std::string& text) { return testing::schema_errors(to_json(YAML::Load(text)).dump(), "config.schema.json"); }

std::vector<std::string> errors_of_loader(const std::string& text) {
  const Config config = parse_config(text, "f.yaml");
  detectors::configure(config.detectors);
  detectors::read_insights(config.insights);
  detectors::read_silence(config.silence);
  detectors::read_rules(config.rules);
  trail::read_trails(config.top);
  notify::read_notifications(config.top);
  return config.diagnostics->lines();
}

/// One config, without its `version: 1`.
struct Example {
  const char* text;
  bool valid;
};

TEST(ConfigSchema, AgreesWithTheLoader) {
  const std::vector<Example> examples{
      {"", true},
      {"time:\ndetectors:\nlog:\ninput:\n", true},
      {"notifications:", true},
      {"notifications: {sinks: [{name: a, type: slack, url_env: X}], routes: [{severity: high, sinks: [a]}]}", true},
      {"notifications: {sinks: [{name: a, type: slack, url: \"https://a/b\"}]}", false},
      {"notifications: {sinks: [{name: a, type: pagerduty, routing_key_file: x, severities: {high: critical}}]}", true},
      {"notifications: {sinks: [{name: a, type: pagerduty, routing_key_file: x, group: {by: [account]}}]}", false},
      {"notifications: {sinks: [{name: a, type: webhook, url: \"https://a/b\", retry: {first: 1s}, rate_limit: {messages: 3, per: 1m}, group: {by: [account]}}]}", true},
      {"notifications: {sinks: [{name: a, type: webhook, url: \"https://a/b?c=d\"}]}", false},
      {"notifications: {sinks: [{name: a, type: webhook, url: \"https://a/b\", url_env: X}]}", false},
      {"notifications: {sinks: [{name: a, type: alertmanager, url: \"http://127.0.0.1:9093\", labels: {a: b}, resolve_after: 2h}]}", true},
      {"notifications: {sinks: [{name: a, type: sns, topic_arn: \"arn:aws:sns:eu-west-1:1:t\", format: ocsf}]}", true},
      {"notifications: {sinks: [{name: a, type: eventbridge}]}", false},
      {"notifications: {sinks: [{name: a, type: syslog, address: \"127.0.0.1:514\", transport: udp, facility: auth}]}", true},
      {"notifications: {sinks: [{name: a, type: email}]}", false},
      {"notifications: {routes: [{severity: grave, sinks: [a]}]}", false},
      {"time: {lateness: 5m, future_skew: 0s, order: arrival}", true},
      {"time: {lateness: \"5m\"}", true},
      {"time: {lateness: 5}", false},
      {"time: {lateness: 5 m}", false},
      {"time: {lateness: }", false},
      {"time: {order: backwards}", false},
      {"time: {latenes: 5m}", false},
      {"time: []", false},
      {"shards: 1", true},
      {"shards: 1024", true},
      {"shards: 0", false},
      {"shards: 1025", false},
      {"shards: \"64\"", false},
      {"shards: 6.5", false},
      {"shards:", false},
      {"input: {max_document: 1GiB, max_record: 2000B}", true},
      {"input: {max_document: 1GB}", false},
      {"input: {max_record: 100000}", false},
      {"output: {max_message: 2MiB}", true},
      {"output: {max_message: 2000000}", false},
      {"output: {max_mesage: 2MiB}", false},
      {"silence: {enabled: false, warm_up: 14d}", true},
      {"silence: {warmup: 7d}", false},
      {"log: {level: off}", true},
      {"log: {level: loud}", false},
      {"colour: red", false},
      {"workers: 0", false},
      {"embedded: {input: in, data: d, alerts: a.jsonl}", true},
      {"embedded: {folder: in}", false},
      {"embedded: {sqs: [{queue_url: \"https://sqs.eu-west-1.amazonaws.com/111122223333/q\", buckets: [logs-a], visibility: 10m}]}", true},
      {"embedded: {sqs: [{queue_url: \"http://127.0.0.1:5000/1/q\", region: eu-west-1, bucket_region: us-east-1}]}", true},
      {"embedded: {sqs: []}", false},
      {"embedded: {sqs: [{region: eu-west-1}]}", false},
      {"embedded: {input: in, sqs: [{queue_url: \"https://sqs.eu-west-1.amazonaws.com/1/q\"}]}", false},
      {"embedded: {sqs: [{queue_url: \"https://sqs.eu-west-1.amazonaws.com/1/q\", url: x}]}", false},
      {"http: {listen: \"\", token_file: t}", true},
      {"http: {port: 80}", false},
      {"http: {token: hunter2}", false},
      {"http: {metrics_listen: \":9465\", tls: {certificate_file: c, key_file: k, client_ca_file: a}}", true},
      {"http: {tls: {certificate_file: c}}", false},
      {"http: {tls: {key_file: k}}", false},
      {"http: {tls: {client_ca_file: a}}", false},
      {"http: {tls: {certificate_file: c, key_file: k, ca_file: a}}", false},
      {"http: {limits: {connections: 100, requests_per_second: 0.5, max_header: 16KiB, idle_timeout: 5m}}", true},
      {"http: {limits: {connections: 1}}", false},
      {"http: {limits: {requests_per_second: -1}}", false},
      {"http: {limits: {max_header: 8000}}", false},
      {"http: {limits: {timeout: 5s}}", false},
      {"api: {regions: [eu-west-1], keys: [{id: TRAILWARDENAUDITOR, account: \"111122223333\", secret_file: s}, {id: TRAILWARDENANOTHER, account: \"111122223333\", secret_env: S}]}", true},
      {"api: {regions: [Ireland]}", false},
      {"api: {keys: [{id: TRAILWARDENAUDITOR, account: \"111122223333\"}]}", false},
      {"api: {keys: [{id: TRAILWARDENAUDITOR, account: \"111122223333\", secret_file: s, secret_env: S}]}", false},
      {"api: {keys: [{id: TRAILWARDENAUDITOR, account: \"111122223333\", secret: hunter2}]}", false},
      {"api: {keys: [{id: SHORT, account: \"111122223333\", secret_file: s}]}", false},
      {"api: {keys: [{id: TRAILWARDENAUDITOR, account: main, secret_file: s}]}", false},
      {"api: {keys: [{account: \"111122223333\", secret_file: s}]}", false},
      {"state: {snapshot_interval: 5m}", true},
      {"workers: 4\nkafka: {brokers: \"localhost:9092\", input: [{topic: t}], security: {protocol: plaintext}}", true},
      {"kafka: {brokers: \"localhost:9092\", input: [{topic: t, gaps: allow}], properties: {fetch.wait.max.ms: 10}}", true},
      {"kafka: {brokers: \"localhost:9092\", input: [{topic: t}], topics: {prefix: trial-2_x.}}", true},
      {"kafka: {brokers: \"localhost:9092\", input: [{topic: t}], topics: {prefix: \"\"}}", false},
      {"kafka: {brokers: \"localhost:9092\", input: [{topic: t}], topics: {prefix: a/b}}", false},
      {"kafka: {brokers: \"localhost:9092\", input: [{topic: t}], topics: {alerts: a}}", false},
      {"kafka: {brokers: \"localhost:9092\", input: [{topic: a b}]}", false},
      {"kafka: {brokers: \"localhost:9092\"}", false},
      {"kafka: {input: [{topic: t}]}", false},
      {"kafka: {brokers: \"localhost:9092\", input: [{topic: t, gaps: maybe}]}", false},
      {"kafka: {brokers: \"localhost:9092\", input: [{topic: t}], security: {protocol: tls}}", false},
      {"kafka: {brokers: \"localhost:9092\", input: [{topic: t}], security: {password: hunter2}}", false},
      {"insights: {a: b}", false},
      {"insights: {region_shares: [{region: us-east-1, share: 0.8}, {account: '1*', region: '*', share: 0.1}]}", true},
      {"insights: {region_shares: [{share: 0.8}]}", false},
      {"insights: {region_shares: [{region: us-east-1, share: 1.5}]}", false},
      {"insights: {false_insights_per_week: 3, active_regions: 2, warm_up: 1d, start_window_minutes: 5, call_rate: false}", true},
      {"insights: {false_insights_per_week: 0}", false},
      {"insights: {warm_up: 24}", false},
      {"insights: {start_window_minutes: 3}", false},
      {"insights: {scopes: [{event_name: \"Create*\", budget: 0.5, direction: up, kinds: error_rate, minimum_count: 5}]}", true},
      {"insights: {scopes: [{budget: 2}]}", false},
      {"insights: {scopes: [{event_name: a, direction: left}]}", false},
      {"trails: []", true},
      {"trails: [{name: main, home_region: eu-west-1, directory: trail}]", true},
      {"trails: [{name: main, home_region: eu-west-1, account: '012345678901', organization: o-a1b2c3d4e5, prefix: a/b, regions: [us-gov-east-1], s3: {bucket: a-b, kms_key_id: k, object_lock: {days: 3}}}]", true},
      {"trails: [{name: main, home_region: eu-west-1, directory: d, epoch: {length: 15m, max_bytes: 2MiB}, digest: {enabled: false}, compression_level: 1, fallback: none}]", true},
      {"trails: [{name: main, home_region: eu-west-1, directory: d, event_selectors: [{read_write_type: ReadOnly, data_resources: [{type: 'AWS::S3::Object', values: ['arn:aws:s3']}]}]}]", true},
      {"trails: [{name: main, home_region: eu-west-1, directory: d, advanced_event_selectors: [{field_selectors: [{field: eventCategory, equals: [Management]}, {field: readOnly, equals: [true]}]}]}]", true},
      {"trails: [{name: main, directory: trail}]", false},
      {"trails: [{name: ma, home_region: eu-west-1, directory: trail}]", false},
      {"trails: [{name: main, home_region: ireland, directory: trail}]", false},
      {"trails: [{name: main, home_region: eu-west-1}]", false},
      {"trails: [{name: main, home_region: eu-west-1, directory: d, s3: {bucket: bbb}}]", false},
      {"trails: [{name: main, home_region: eu-west-1, s3: {region: eu-west-1}}]", false},
      {"trails: [{name: main, home_region: eu-west-1, s3: {bucket: Bbb}}]", false},
      {"trails: [{name: main, home_region: eu-west-1, s3: {bucket: bbb, acl: public-read}}]", false},
      {"trails: [{name: main, home_region: eu-west-1, s3: {bucket: bbb, request_payer: requester}}]", false},
      {"trails: [{name: main, home_region: eu-west-1, directory: d, account: '123'}]", false},
      {"trails: [{name: main, home_region: eu-west-1, directory: d, prefix: /a}]", false},
      {"trails: [{name: main, home_region: eu-west-1, directory: d, event_selectors: []}]", false},
      {"trails: [{name: main, home_region: eu-west-1, directory: d, event_selectors: [{}, {}, {}, {}, {}, {}]}]", false},
      {"trails: [{name: main, home_region: eu-west-1, directory: d, advanced_event_selectors: [{name: a}]}]", false},
      {"trails: [{name: main, home_region: eu-west-1, directory: d, advanced_event_selectors: [{field_selectors: [{field: category, equals: [Data]}]}]}]", false},
      {"trails: [{name: main, home_region: eu-west-1, directory: d, compression_level: 0}]", false},
      {"trails: [{name: main, home_region: eu-west-1, directory: d, epoch: {length: 5}}]", false},
      {"trail: {directory: d}", false},
      {"detectors: {nobody: {enabled: true}}", false},
      {"detectors: {root_use: }", true},
      {"detectors: {root_use: {enabled: false, quiet_for: 0s, reads: false}}", true},
      {"detectors: {root_use: {enabled: \"false\"}}", false},
      {"detectors: {root_use: {enabled: no}}", false},
      {"detectors: {root_use: {quiet_for: 60}}", false},
      {"detectors: {root_use: {sensitive_ports: [22]}}", false},
      {"detectors: {security_group_change: {sensitive_ports: [], public_ports: [80, 443], private_sources: true}}", true},
      {"detectors: {security_group_change: {public_ports: [65536]}}", false},
      {"detectors: {security_group_change: {public_ports: [ssh]}}", false},
      {"detectors: {security_group_change: {public_ports: 80}}", false},
      {"detectors: {trail_tampering: {trail_buckets: [\"*-logs\", 7, true], min_retention_days: 1}}", true},
      {"detectors: {trail_tampering: {trail_buckets: [[a]]}}", false},
      {"detectors: {trail_tampering: {min_retention_days: 0}}", false},
      {"detectors: {iam_burst: {write_calls: [1, 2, 3], max_principals: 5}}", true},
      {"detectors: {iam_burst: {write_calls: [1, 2]}}", false},
      {"detectors: {iam_burst: {write_calls: [1, 2, -3]}}", false},
      {"detectors: {iam_burst: {automation: [{principal: \"*role/ci\", users_created: [0, 0, 0]}]}}", true},
      {"detectors: {iam_burst: {automation: [{users_created: [0, 0, 0]}]}}", false},
      {"detectors: {iam_burst: {automation: [{principal: a, limit: 3}]}}", false},
      {"detectors: {iam_burst: {automation: [a]}}", false},
      {"rules: {placeholders: {admins: [alice, \"ops-*\"]}}", true},
      {"rules: {placeholders: {admins: []}}", false},
      {"rules: {placeholders: [alice]}", false},
  };
  for (const Example& example : examples) {
    const std::string text = std::string("version: 1\n") + example.text + "\n";
    EXPECT_EQ(errors_of_loader(text).empty(), example.valid) << text << ::testing::PrintToString(errors_of_loader(text));
    EXPECT_EQ(errors_of_schema(text).empty(), example.valid) << text << ::testing::PrintToString(errors_of_schema(text));
  }
}

TEST(ConfigSchema, AsksForTheVersion) {
  for (const char* text : {"shards: 3\n", "version: 2\n", "version: \"1\"\n"}) {
    EXPECT_FALSE(errors_of_loader(text).empty()) << text;
    EXPECT_FALSE(errors_of_schema(text).empty()) << text;
  }
}

std::string description_of(const detectors::OptionInfo& option) {
  return std::string(option.claim) + (option.unit.empty() ? "" : " [" + std::string(option.unit) + "]");
}

std::vector<std::string> keys_of(const json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

TEST(ConfigSchema, HasTheOptionsOfTheDetectorsWithTheirDefaults) {
  const json schema = config_schema();
  std::vector<std::string> names;
  for (const detectors::DetectorKind& kind : detectors::registry()) {
    const detectors::DetectorInfo& info = kind.info();
    names.emplace_back(info.name);
    const json in_schema = schema.at("properties").at("detectors").at("properties").value(std::string(info.name), json::object());
    EXPECT_EQ(in_schema.value("description", ""), info.claim);
    EXPECT_EQ(in_schema.value("additionalProperties", true), false) << info.name;
    std::vector<std::string> options;
    for (const auto& list : {detectors::common_options(), info.options}) {
      for (const detectors::OptionInfo& option : list) {
        options.emplace_back(option.name);
        const json described = in_schema.value("properties", json::object()).value(std::string(option.name), json::object());
        EXPECT_EQ(described.value("description", ""), description_of(option)) << info.name << "." << option.name;
        EXPECT_EQ(described.value("default", json()), to_json(YAML::Load(std::string(option.default_value)))) << info.name << "." << option.name;
      }
    }
    std::sort(options.begin(), options.end());
    EXPECT_THAT(keys_of(in_schema.value("properties", json::object())), ElementsAreArray(options)) << info.name;
  }
  EXPECT_THAT(keys_of(schema.at("properties").at("detectors").at("properties")), ElementsAreArray(names));
}

/// The defaults that a schema gives, as a document of that schema: what the example file must hold.
json defaults_of(const json& schema) {
  if (schema.contains("default")) return schema["default"];
  if (schema.contains("const")) return schema["const"];
  json out = json::object();
  for (const auto& [name, property] : schema.at("properties").items()) {
    // What has no default is not there: `kafka`, `http.tls`, places of secrets.
    const bool is_section = property.contains("properties") && name != "kafka" && name != "tls";
    if (is_section || property.contains("default") || property.contains("const")) out[name] = defaults_of(property);
  }
  return out;
}

TEST(ConfigSchema, HasTheDefaultsOfTheLoader) {
  json loaded = to_json(YAML::Load(to_yaml(default_config())));
  json in_schema = defaults_of(config_schema());
  in_schema.erase("detectors");
  in_schema.erase("insights");
  in_schema.erase("silence");
  in_schema.erase("rules");
  in_schema.erase("suppressions");
  in_schema.erase("trails");
  in_schema.erase("notifications");
  EXPECT_EQ(loaded, in_schema);
}

TEST(ConfigSchema, HasTheDefaultsOfInsights) {
  EXPECT_EQ(to_json(YAML::Load(detectors::to_yaml(detectors::InsightsConfig{})))["insights"], defaults_of(config_schema())["insights"]);
}

TEST(ConfigSchema, HasTheDefaultsOfRulesAndSuppressions) {
  EXPECT_EQ(to_json(YAML::Load(detectors::to_yaml(detectors::RuleConfig{})))["rules"], defaults_of(config_schema())["rules"]);
  EXPECT_EQ(to_json(YAML::Load(detectors::to_yaml(detectors::Suppressions{})))["suppressions"], defaults_of(config_schema())["suppressions"]);
}

TEST(ConfigSchema, HasTheDefaultsOfTrails) {
  const Config config = parse_config("version: 1\ntrails: [{name: main, home_region: eu-west-1, s3: {bucket: bbb}}]\n", "f.yaml");
  const json loaded = to_json(YAML::Load(trail::to_yaml(trail::read_trails(config.top).trails)))["trails"][0];
  const json of_trail = config_schema().at("properties").at("trails").at("items");
  const json defaults = defaults_of(of_trail), of_s3 = defaults_of(of_trail.at("properties").at("s3"));
  for (const auto& [key, value] : defaults.items()) {
    if (key != "s3") {
      EXPECT_EQ(loaded.at(key), value) << key;
    }
  }
  for (const auto& [key, value] : of_s3.items()) {
    if (key != "object_lock") {
      EXPECT_EQ(loaded.at("s3").at(key), value) << key;
    }
  }
  EXPECT_EQ(config_schema().at("properties").at("trails").at("default"), json::array());
}

TEST(ConfigSchema, HasTheDefaultsOfSilence) {
  EXPECT_EQ(to_json(YAML::Load(detectors::to_yaml(detectors::SilenceConfig{})))["silence"], defaults_of(config_schema())["silence"]);
}

/// The values that a section's schema gives as defaults are those that were loaded; its own sections are left out.
void expect_defaults(const json& schema, const json& loaded) {
  const json defaults = defaults_of(schema);
  for (const auto& [key, value] : defaults.items()) {
    if (!value.is_object()) {
      EXPECT_EQ(loaded.value(key, json()), value) << key;
    }
  }
}

TEST(ConfigSchema, HasTheDefaultsOfKafka) {
  const Config config = parse_config("version: 1\nkafka: {brokers: \"localhost:9092\", input: [{topic: t}], security: {allow_plaintext: false}}\n", "f.yaml");
  const json loaded = to_json(YAML::Load(to_yaml(config)))["kafka"];
  const json of_kafka = config_schema().at("properties").at("kafka");
  expect_defaults(of_kafka, loaded);
  for (const std::string section : {"security", "ticks", "topics"}) expect_defaults(of_kafka.at("properties").at(section), loaded.at(section));
  EXPECT_EQ(loaded.at("input").at(0).at("gaps"), of_kafka.at("properties").at("input").at("items").at("properties").at("gaps").at("default"));
}

/// What a schema says of a key, with what it refers to.
json resolved(const json& schema, const json& definitions) {
  if (!schema.contains("$ref")) return schema;
  json out = definitions.at(schema.at("$ref").get<std::string>().substr(std::string_view("#/definitions/").size()));
  out.update(schema);
  return out;
}

/// What is missing for somebody who reads of the key in the reference: `x-default` is a default that is no value, in words; `x-unit` the unit of a number.
std::string missing_of(const json& key, bool required) {
  const bool is_section = key.contains("properties") || key.value("additionalProperties", json()).is_object();
  const json type = key.value("type", json());
  const bool is_number = type == "integer" || type == "number";
  if (key.value("description", "").empty()) return "description";
  if (type.is_null() && !key.contains("enum") && !key.contains("const")) return "type";
  if (!required && !is_section && !key.contains("default") && !key.contains("x-default")) return "default or x-default";
  if (is_number && !key.contains("x-unit") && !key.value("description", "").ends_with("]")) return "x-unit";
  return "";
}

void expect_complete(const json& node, const json& definitions, const std::string& path) {
  const json schema = resolved(node, definitions);
  const std::vector<std::string> required = schema.value("required", std::vector<std::string>{});
  const json properties = schema.value("properties", json::object());
  for (const auto& [name, property] : properties.items()) {
    const json key = resolved(property, definitions);
    const std::string here = path.empty() ? name : path + "." + name;
    EXPECT_EQ(missing_of(key, std::find(required.begin(), required.end(), name) != required.end()), "") << here;
    expect_complete(key, definitions, here);
  }
  if (schema.contains("items") && schema.at("items").is_object()) expect_complete(schema.at("items"), definitions, path + "[]");
  const json forms = schema.value("oneOf", json::array());
  for (const json& form : forms) expect_complete(form, definitions, path);
}

TEST(ConfigSchema, SaysOfEveryKeyWhatItIsItsTypeDefaultAndUnit) {
  const json schema = config_schema();
  expect_complete(schema, schema.at("definitions"), "");
  EXPECT_EQ(missing_of(json::parse(R"({"type": "integer", "description": "how many", "default": 1})"), false), "x-unit");
  EXPECT_EQ(missing_of(json::parse(R"({"type": "string", "description": "a text"})"), false), "default or x-default");
}

TEST(ConfigExample, HoldsEveryKeyWithItsDefault) {
  const std::string text = read("docs/config.example.yaml");
  EXPECT_THAT(errors_of_loader(text), IsEmpty());
  EXPECT_THAT(errors_of_schema(text), IsEmpty());
  EXPECT_EQ(to_json(YAML::Load(text)), defaults_of(config_schema()));
}

TEST(ConfigExample, ShowsAnEntryThatWorks) {
  std::string text = read("docs/config.example.yaml");
  const std::string none = "automation: []\n";
  ASSERT_NE(text.find(none), std::string::npos);
  text.replace(text.find(none), none.size(), "automation:\n");
  for (const std::string commented : {"    #   - principal:", "    #     write_calls:", "    #     policies_created:"}) {
    const std::size_t at = text.find(commented);
    ASSERT_NE(at, std::string::npos) << commented;
    const std::size_t end = text.find('\n', at) + 1;
    const std::string line = "    " + text.substr(at + 6, end - at - 6);
    text.erase(at, end - at);
    text.insert(text.find("    # How many principals"), line);
  }
  EXPECT_THAT(errors_of_loader(text), IsEmpty());
  EXPECT_THAT(errors_of_schema(text), IsEmpty());
}

/// The trails in the example's comments, with one kind of selectors or the other.
std::string trails_of_example(bool advanced) {
  std::istringstream lines(read("docs/config.example.yaml"));
  std::string out, line;
  bool inside = false, in_basic = false;
  while (std::getline(lines, line) && line != "trails: []") {
    if (line.starts_with("#   - name: everything")) inside = true;
    if (!inside) continue;
    line.erase(0, 2);
    in_basic = line.starts_with("    event_selectors:") || (in_basic && line.starts_with("      "));
    if (advanced && in_basic) continue;
    if (advanced && (line.starts_with("    # advanced") || line.starts_with("    #   "))) line.erase(4, 2);
    out += line + "\n";
  }
  return "version: 1\ntrails:\n" + out;
}

TEST(ConfigExample, ShowsTrailsThatWork) {
  for (const bool advanced : {false, true}) {
    const std::string text = trails_of_example(advanced);
    EXPECT_THAT(errors_of_loader(text), IsEmpty()) << text;
    EXPECT_THAT(errors_of_schema(text), IsEmpty()) << text;
    const auto trails = trail::read_trails(parse_config(text, "f.yaml").top).trails;
    ASSERT_EQ(trails.size(), 2U);
    EXPECT_EQ(trails[1].selectors.index(), advanced ? 1U : 0U);
    EXPECT_NE(trails[1].selectors, trail::default_event_selectors());
  }
}

TEST(ConfigExample, IsWhatDetectorsDoWithoutAConfig) {
  const Config example = parse_config(read("docs/config.example.yaml"), "example");
  EXPECT_EQ(to_yaml(example), to_yaml(default_config()));
  const auto from_example = detectors::configure(example.detectors), by_default = detectors::configure(default_config().detectors);
  ASSERT_EQ(from_example.size(), by_default.size());
  for (std::size_t i = 0; i < by_default.size(); ++i) {
    EXPECT_EQ(from_example[i].effective, by_default[i].effective);
    EXPECT_EQ(from_example[i].quiet_for, by_default[i].quiet_for);
  }
}

}  // namespace
}  // namespace trailwarden::config
