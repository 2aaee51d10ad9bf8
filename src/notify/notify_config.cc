#include "notify/notify_config.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.h"
#include "notify/body_template.h"

namespace trailwarden::notify {
namespace {

using namespace std::chrono_literals;
using config::Section;

constexpr std::array<std::string_view, 7> kTypes{"webhook", "slack", "pagerduty", "alertmanager", "sns", "eventbridge", "syslog"};
constexpr std::array<std::string_view, 7> kGroupFields{"detector", "what", "severity", "account", "region", "entity", "principal"};
constexpr std::array<std::string_view, 5> kSeverityWords{"informational", "low", "medium", "high", "critical"};
constexpr std::array<std::string_view, 4> kTheirSeverities{"info", "warning", "error", "critical"};
constexpr std::array<std::string_view, 12> kFacilities{"user", "daemon", "auth", "authpriv", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"};
constexpr std::size_t kMostSinks = 50, kMostRoutes = 500;

using Keys = std::vector<std::string_view>;

/// The keys that each type has besides those of all.
Keys keys_of(SinkType type) {
  Keys keys{"name", "type", "queue", "timeout", "rate_limit", "retry", "ca_file", "certificate_file", "key_file"};
  const auto add = [&keys](std::initializer_list<std::string_view> more) { keys.insert(keys.end(), more); };
  switch (type) {
    case SinkType::kWebhook: add({"url", "url_file", "url_env", "format", "body", "headers", "authorization_file", "authorization_env", "signing_secret_file", "signing_secret_env", "allow_plaintext", "group"}); break;
    case SinkType::kSlack: add({"url_file", "url_env", "allow_plaintext", "group"}); break;
    case SinkType::kPagerDuty: add({"url", "routing_key_file", "routing_key_env", "severities", "allow_plaintext"}); break;
    case SinkType::kAlertmanager: add({"url", "authorization_file", "authorization_env", "labels", "resolve_after", "allow_plaintext"}); break;
    case SinkType::kSns: add({"topic_arn", "region", "endpoint", "format", "group", "allow_plaintext"}); break;
    case SinkType::kEventBridge: add({"event_bus", "region", "endpoint", "format", "allow_plaintext"}); break;
    case SinkType::kSyslog: add({"address", "transport", "facility", "format", "allow_plaintext"}); break;
  }
  return keys;
}

/// Keys under which people write what belongs elsewhere.
void refuse_secrets(const Section& section) {
  for (const std::string_view key : {"signing_secret", "routing_key", "authorization", "secret", "token", "password"})
    if (section.has(key)) section.report_key(key, fmt::format("{}: a secret does not belong into this file: put it into a file of its own and name it with {}_file, or use {}_env", key, key, key));
}

/// What stands between the scheme and the path.
std::string host_of(std::string_view url) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (url.starts_with(scheme)) return std::string(url.substr(scheme.size(), url.find_first_of("/?", scheme.size()) - scheme.size()));
  return {};
}

/// The URL of the file, which is no secret, or of the place where it is kept. A URL with a user in it is a secret.
void read_url(const Section& section, SinkConfig& sink, std::string_view usual, std::string_view key = "url") {
  std::string& url = key == "url" ? sink.url : sink.endpoint;
  url = section.text(key, usual);
  if (url.empty()) return;
  const std::string host = host_of(url);
  if (url.find('?') != std::string::npos) {
    section.report(key, fmt::format("{}: a query may hold a secret, and this file is shown: put the whole URL into a file of its own and name it with url_file, or use url_env", key));
  } else if (host.empty() || url.find_first_of(" #") != std::string::npos || host.find('@') != std::string::npos) {
    section.report(key, fmt::format("{}: expected https://HOST/PATH{}", key, host.find('@') != std::string::npos ? ", without a user and a password: use authorization_file" : ""));
  } else if (url.starts_with("http://") && !sink.allow_plaintext && !config::is_loopback(host)) {
    section.report(key, fmt::format("{}: this host is not this machine, and http:// does not encrypt: use https://, or allow it with allow_plaintext: true", key));
  }
}

void need_url(const Section& section, SinkConfig& sink) {
  sink.url_source = config::read_secret_source(section, "url");
  const int given = (sink.url.empty() ? 0 : 1) + (sink.url_source.empty() ? 0 : 1);
  if (given == 0) section.report("name", fmt::format("the sink {} needs its url_file or url_env{}", printable(sink.name), sink.type == SinkType::kWebhook ? ", or its url where that is no secret" : ""));
  if (given == 2) section.report("url", "url, url_file and url_env: give one of them");
}

void read_webhook(const Section& section, SinkConfig& sink) {
  static constexpr std::array<std::string_view, 3> kFormats{"alert", "ocsf", "template"};
  read_url(section, sink, "");
  need_url(section, sink);
  sink.body = section.text("body", "");
  sink.format = section.choice("format", sink.body.empty() ? "alert" : "template", kFormats);
  if ((sink.format == "template") != !sink.body.empty()) section.report("format", "format: template and `body` go together");
  if (!sink.body.empty())
    if (auto checked = check_template(sink.body); !checked) section.report("body", "body: " + checked.error().message);
  sink.authorization = config::read_secret_source(section, "authorization");
  sink.signing_secret = config::read_secret_source(section, "signing_secret");
  const Section headers = section.section("headers");
  for (const std::string& name : headers.keys()) {
    const std::string value = headers.text(name, "");
    const bool is_name = !name.empty() && std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; });
    if (!is_name || value.empty() || std::ranges::any_of(value, [](char c) { return c < ' ' || c > '~'; })) headers.report_key(name, fmt::format("headers: {} is no header's name, or its value no printable text", printable(name)));
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    if (lower == "authorization" || lower == "cookie" || lower.find("token") != std::string::npos || lower.find("key") != std::string::npos)
      headers.report_key(name, fmt::format("headers: {}: a secret does not belong into this file: use authorization_file or authorization_env", printable(name)));
    sink.headers.emplace_back(name, value);
  }
}

void read_slack(const Section& section, SinkConfig& sink) {
  if (section.has("url")) section.report_key("url", "url: the URL of an incoming webhook is a secret: put it into a file of its own and name it with url_file, or use url_env");
  need_url(section, sink);
}

void read_pagerduty(const Section& section, SinkConfig& sink) {
  read_url(section, sink, "https://events.pagerduty.com/v2/enqueue");
  sink.routing_key = config::read_secret_source(section, "routing_key");
  if (sink.routing_key.empty()) section.report("name", fmt::format("the sink {} needs its routing_key_file or routing_key_env", printable(sink.name)));
  const Section severities = section.section("severities");
  severities.only(kSeverityWords);
  for (const std::string& ours : severities.keys()) sink.severities[ours] = severities.choice(ours, "info", kTheirSeverities);
}

void read_alertmanager(const Section& section, SinkConfig& sink) {
  read_url(section, sink, "");
  if (sink.url.empty()) section.report("url", fmt::format("the sink {} needs its url, as http://127.0.0.1:9093", printable(sink.name)));
  while (sink.url.ends_with('/')) sink.url.pop_back();
  sink.authorization = config::read_secret_source(section, "authorization");
  sink.resolve_after = section.duration("resolve_after", sink.resolve_after, 1min, std::chrono::hours{24 * 7});
  const Section labels = section.section("labels");
  for (const std::string& name : labels.keys()) {
    const bool is_name = !name.empty() && (name[0] < '0' || name[0] > '9') && std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
    if (!is_name) labels.report_key(name, fmt::format("labels: {} is no label's name: letters, digits and '_'", printable(name)));
    sink.labels[name] = labels.text(name, "");
  }
}

void read_aws(const Section& section, SinkConfig& sink) {
  static constexpr std::array<std::string_view, 3> kSnsFormats{"alert", "ocsf", "text"};
  static constexpr std::array<std::string_view, 2> kBusFormats{"alert", "ocsf"};
  read_url(section, sink, "", "endpoint");
  while (sink.endpoint.ends_with('/')) sink.endpoint.pop_back();
  sink.region = section.text("region", "");
  if (sink.type == SinkType::kSns) {
    sink.format = section.choice("format", "alert", kSnsFormats);
    sink.topic_arn = section.text("topic_arn", "");
    // arn:aws:sns:REGION:ACCOUNT:NAME
    const bool is_arn = sink.topic_arn.starts_with("arn:") && std::ranges::count(sink.topic_arn, ':') == 5 && sink.topic_arn.find(":sns:") != std::string::npos;
    if (!is_arn) section.report("topic_arn", "topic_arn: expected the topic's ARN, as arn:aws:sns:eu-west-1:111122223333:findings");
    else if (sink.region.empty()) sink.region = sink.topic_arn.substr(sink.topic_arn.find(":sns:") + 5, sink.topic_arn.find(':', sink.topic_arn.find(":sns:") + 5) - sink.topic_arn.find(":sns:") - 5);
  } else {
    sink.format = section.choice("format", "alert", kBusFormats);
    sink.event_bus = section.text("event_bus", "default");
  }
  const bool is_region = !sink.region.empty() && std::ranges::all_of(sink.region, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (!is_region) section.report("region", fmt::format("the sink {} needs its region, as eu-west-1", printable(sink.name)));
}

void read_syslog(const Section& section, SinkConfig& sink) {
  static constexpr std::array<std::string_view, 3> kFormats{"text", "alert", "ocsf"};
  static constexpr std::array<std::string_view, 3> kTransports{"tls", "tcp", "udp"};
  sink.format = section.choice("format", "text", kFormats);
  sink.transport = section.choice("transport", "tls", kTransports);
  sink.facility = section.choice("facility", "local0", kFacilities);
  sink.address = section.text("address", "");
  const std::size_t colon = sink.address.rfind(':');
  const auto port = colon == std::string::npos ? std::nullopt : parse_decimal<std::uint16_t>(std::string_view(sink.address).substr(colon + 1));
  if (!port || *port == 0 || colon == 0) section.report("address", "address: expected HOST:PORT, as siem.example.com:6514");
  else if (sink.transport != "tls" && !sink.allow_plaintext && !config::is_loopback(sink.address))
    section.report("transport", fmt::format("transport: this host is not this machine, and {} does not encrypt: use tls, or allow it with allow_plaintext: true", sink.transport));
}

void read_group(const Section& section, GroupConfig& group) {
  static constexpr std::array<std::string_view, 2> kKeys{"by", "window"};
  section.only(kKeys);
  if (!section.present()) return;
  group.by = section.texts("by", {"detector", "account"});
  if (group.by.empty()) section.report("by", fmt::format("by: which of {} alerts have to agree in", fmt::join(kGroupFields, ", ")));
  for (const std::string& field : group.by)
    if (std::ranges::find(kGroupFields, field) == kGroupFields.end()) section.report("by", fmt::format("by: \"{}\" is none of {}", printable(field), fmt::join(kGroupFields, ", ")));
  group.window = section.duration("window", group.window, 1s, 1h);
}

void read_rate(const Section& section, RateConfig& rate) {
  static constexpr std::array<std::string_view, 2> kKeys{"messages", "per"};
  section.only(kKeys);
  rate.messages = static_cast<std::uint64_t>(section.integer("messages", static_cast<std::int64_t>(rate.messages), 0, 1'000'000));
  rate.per = section.duration("per", rate.per, 1s, 24h);
}

void read_retry(const Section& section, RetryConfig& retry) {
  static constexpr std::array<std::string_view, 4> kKeys{"first", "longest", "max_age", "max_attempts"};
  section.only(kKeys);
  retry.first = section.duration("first", retry.first, 1s, 1h);
  retry.longest = section.duration("longest", retry.longest, 1s, 24h);
  retry.max_age = section.duration("max_age", retry.max_age, 1s, std::chrono::hours{24 * 14});
  retry.max_attempts = static_cast<std::uint64_t>(section.integer("max_attempts", 0, 0, 1'000'000));
  if (retry.longest < retry.first) section.report("longest", "longest: not shorter than `first`");
}

SinkConfig read_sink(const Section& section) {
  SinkConfig sink;
  sink.name = section.text("name", "");
  const bool is_name = !sink.name.empty() && sink.name.size() <= 60 && std::ranges::all_of(sink.name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; });
  if (!is_name) section.report("name", "a sink needs its `name`: 1 to 60 letters, digits, '-' and '_'");
  if (!section.has("type")) section.report("type", fmt::format("a sink needs its `type`: {}", fmt::join(kTypes, ", ")));
  const std::string type = section.choice("type", "webhook", kTypes);
  sink.type = static_cast<SinkType>(std::ranges::find(kTypes, type) - kTypes.begin());
  refuse_secrets(section);
  Keys keys = keys_of(sink.type);
  if (sink.type == SinkType::kSlack) keys.emplace_back("url");  // told of by itself
  for (const std::string_view told : {"signing_secret", "routing_key", "authorization", "secret", "token", "password"}) keys.push_back(told);
  if (has_ends(sink.type)) {
    keys.emplace_back("group");
    if (section.has("group")) section.report_key("group", fmt::format("group: {} groups by itself; grouping is for sinks of the other types", type));
  }
  section.only(keys);
  sink.allow_plaintext = section.boolean("allow_plaintext", false);
  sink.ca_file = section.text("ca_file", "");
  sink.certificate_file = section.text("certificate_file", "");
  sink.key_file = section.text("key_file", "");
  if (sink.certificate_file.empty() != sink.key_file.empty()) section.report("certificate_file", "certificate_file and key_file go together");
  sink.timeout = section.duration("timeout", sink.timeout, 1s, 2min);
  sink.queue = static_cast<std::uint64_t>(section.integer("queue", static_cast<std::int64_t>(sink.queue), 10, 1'000'000));
  if (sink.type == SinkType::kSlack || sink.type == SinkType::kPagerDuty) sink.rate.messages = 30;
  read_rate(section.section("rate_limit"), sink.rate);
  read_retry(section.section("retry"), sink.retry);
  if (!has_ends(sink.type)) read_group(section.section("group"), sink.group);
  switch (sink.type) {
    case SinkType::kWebhook: read_webhook(section, sink); break;
    case SinkType::kSlack: read_slack(section, sink); break;
    case SinkType::kPagerDuty: read_pagerduty(section, sink); break;
    case SinkType::kAlertmanager: read_alertmanager(section, sink); break;
    case SinkType::kSns:
    case SinkType::kEventBridge: read_aws(section, sink); break;
    case SinkType::kSyslog: read_syslog(section, sink); break;
  }
  return sink;
}

Route read_route(const Section& section, const std::vector<SinkConfig>& sinks) {
  static constexpr std::array<std::string_view, 5> kKeys{"severity", "detectors", "accounts", "regions", "sinks"};
  section.only(kKeys);
  Route route;
  route.severity = alerts::severity_of(section.choice("severity", "informational", kSeverityWords)).value_or(route.severity);
  route.detectors = section.texts("detectors", {});
  route.accounts = section.texts("accounts", {});
  route.regions = section.texts("regions", {});
  route.sinks = section.texts("sinks", {});
  if (route.sinks.empty()) section.report("sinks", "a route names the `sinks` that it leads to");
  std::vector<std::string_view> names;
  for (const SinkConfig& sink : sinks) names.emplace_back(sink.name);
  for (const std::string& name : route.sinks) {
    if (std::ranges::find(names, name) != names.end()) continue;
    const std::string_view meant = closest(name, names);
    section.report("sinks", fmt::format("sinks: there is no sink \"{}\"{}", printable(name), meant.empty() ? "" : fmt::format("; did you mean {}?", meant)));
  }
  return route;
}

void line(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) out += fmt::format("      {}: {}\n", name, config::yaml_text(value));
}
void line(std::string& out, std::string_view name, const config::SecretSource& source) {
  line(out, fmt::format("{}_file", name), source.file);
  line(out, fmt::format("{}_env", name), source.environment);
}
template <class Map>
void lines(std::string& out, std::string_view name, const Map& values) {
  if (values.empty()) return;
  out += fmt::format("      {}:\n", name);
  for (const auto& [key, value] : values) out += fmt::format("        {}: {}\n", config::yaml_text(key), config::yaml_text(value));
}
std::string list_of(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + config::yaml_text(text);
  return "[" + out + "]";
}

std::string sink_yaml(const SinkConfig& sink) {
  std::string out = fmt::format("    - name: {}\n      type: {}\n", sink.name, to_string(sink.type));
  line(out, "format", sink.format == "template" ? "" : sink.format);
  line(out, "url", sink.url);
  line(out, "url", sink.url_source);
  line(out, "body", sink.body);
  lines(out, "headers", sink.headers);
  line(out, "authorization", sink.authorization);
  line(out, "signing_secret", sink.signing_secret);
  line(out, "routing_key", sink.routing_key);
  lines(out, "severities", sink.severities);
  lines(out, "labels", sink.labels);
  if (sink.type == SinkType::kAlertmanager) out += fmt::format("      resolve_after: {}\n", config::format_duration(sink.resolve_after));
  line(out, "topic_arn", sink.topic_arn);
  line(out, "event_bus", sink.event_bus);
  line(out, "region", sink.region);
  line(out, "endpoint", sink.endpoint);
  line(out, "address", sink.address);
  line(out, "transport", sink.transport);
  line(out, "facility", sink.facility);
  line(out, "ca_file", sink.ca_file);
  line(out, "certificate_file", sink.certificate_file);
  line(out, "key_file", sink.key_file);
  out += fmt::format("      allow_plaintext: {}\n      timeout: {}\n      queue: {}\n", sink.allow_plaintext, config::format_duration(sink.timeout), sink.queue);
  if (!sink.group.by.empty()) out += fmt::format("      group: {{by: {}, window: {}}}\n", list_of(sink.group.by), config::format_duration(sink.group.window));
  out += fmt::format("      rate_limit: {{messages: {}, per: {}}}\n", sink.rate.messages, config::format_duration(sink.rate.per));
  return out + fmt::format("      retry: {{first: {}, longest: {}, max_age: {}, max_attempts: {}}}\n", config::format_duration(sink.retry.first), config::format_duration(sink.retry.longest),
                           config::format_duration(sink.retry.max_age), sink.retry.max_attempts);
}

bool any_fits(const std::vector<std::string>& globs, std::string_view text) {
  return globs.empty() || std::ranges::any_of(globs, [&](const std::string& glob) { return glob_match(glob, text); });
}

}  // namespace

std::string_view to_string(SinkType type) { return kTypes.at(static_cast<std::size_t>(type)); }

NotifyConfig read_notifications(const Section& top) {
  static constexpr std::array<std::string_view, 3> kKeys{"start", "sinks", "routes"};
  static constexpr std::array<std::string_view, 2> kStarts{"latest", "earliest"};
  NotifyConfig config;
  const Section section = top.section("notifications");
  section.only(kKeys);
  config.start = section.choice("start", config.start, kStarts);
  std::set<std::string> names;
  for (const Section& one : section.sections("sinks")) {
    config.sinks.push_back(read_sink(one));
    if (!names.insert(config.sinks.back().name).second) one.report("name", fmt::format("two sinks are called \"{}\"", printable(config.sinks.back().name)));
  }
  for (const Section& one : section.sections("routes")) config.routes.push_back(read_route(one, config.sinks));
  if (config.sinks.size() > kMostSinks) section.report("sinks", fmt::format("sinks: at most {}", kMostSinks));
  if (config.routes.size() > kMostRoutes) section.report("routes", fmt::format("routes: at most {}; use globs", kMostRoutes));
  return config;
}

std::string to_yaml(const NotifyConfig& config) {
  std::string out = fmt::format("notifications:\n  start: {}\n  sinks:{}\n", config.start, config.sinks.empty() ? " []" : "");
  for (const SinkConfig& sink : config.sinks) out += sink_yaml(sink);
  out += fmt::format("  routes:{}\n", config.routes.empty() ? " []" : "");
  for (const Route& route : config.routes)
    out += fmt::format("    - {{severity: {}, detectors: {}, accounts: {}, regions: {}, sinks: {}}}\n", event::to_string(route.severity), list_of(route.detectors), list_of(route.accounts), list_of(route.regions),
                       list_of(route.sinks));
  return out;
}

bool fits(const Route& route, const AlertView& alert, bool whatever_severity) {
  if (!whatever_severity && alert.severity < route.severity) return false;
  const std::string whole = fmt::format("{}.{}", alert.detector, alert.what);
  return (any_fits(route.detectors, alert.detector) || any_fits(route.detectors, alert.what) || any_fits(route.detectors, whole)) && any_fits(route.accounts, alert.account) &&
         any_fits(route.regions, alert.region);
}

std::string group_field(const AlertView& alert, std::string_view field) {
  if (field == "detector") return alert.detector;
  if (field == "what") return alert.what;
  if (field == "severity") return std::string(event::to_string(alert.severity));
  if (field == "account") return alert.account;
  if (field == "region") return alert.region;
  if (field == "entity") return alert.entity;
  return alert.principal;
}

}  // namespace trailwarden::notify
