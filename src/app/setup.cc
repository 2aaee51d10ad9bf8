#include "app/setup.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "app/queues.h"
#include "baseline/constants.h"
#include "core/hash.h"
#include "core/log.h"
#include "detectors/registry.h"
#include "pipeline/ledger.h"

namespace trailwarden::app {
namespace {

std::string detectors_yaml(const Setup& setup) {
  std::string out = detectors::to_yaml(setup.insights) + detectors::to_yaml(setup.silence) + "detectors:\n";
  for (const detectors::DetectorKind& kind : detectors::registry()) {
    const auto& info = kind.info();
    const auto on = std::find_if(setup.detectors.begin(), setup.detectors.end(), [&info](const auto& detector) { return detector.info == &info; });
    out += fmt::format("  {}:\n", info.name);
    if (on == setup.detectors.end()) out += "    enabled: false\n";
    else
      for (const auto& [option, value] : on->effective) out += fmt::format("    {}: {}\n", option, value);
  }
  return out;
}

/// What neither detection nor rules depend on.
std::string service_yaml(const Setup& setup) { return config::to_yaml(setup.config) + trail::to_yaml(setup.trails.trails) + notify::to_yaml(setup.notifications); }

std::string detection_yaml(const Setup& setup) {
  std::string out = detectors_yaml(setup) + detectors::to_yaml(setup.rule_config);
  // What the rules ask for stands in their files.
  std::uint64_t asked = 0;
  for (const rules::Rule& rule : setup.rules.rules)
    if (rule.is_enabled) asked = splitmix64(asked ^ rule.hash) ^ xxh3_64(fmt::format("{} {} {} {}", rule.id, rule.title, to_string(rule.severity), rule.quiet_for.count()));
  out += fmt::format("  # of {} rules that are on: {}\n", setup.rule_settings ? setup.rule_settings->book->rules().size() : 0, pipeline::hex(asked));
  return out + detectors::to_yaml(setup.suppressions);
}

/// A path of a config file, which is meant from where that is.
std::string beside(const std::string& file, const std::string& path) {
  return file.empty() || path.starts_with('/') ? path : (std::filesystem::path(file).parent_path() / path).string();
}

/// Behind the setup's other detectors, of which some supersede rules.
Result<void> compile_rules(Setup& setup) {
  setup.rules = detectors::prepare_rules(setup.rule_config, setup.detectors);
  if (!setup.rules.errors.empty()) return fail(ErrorCode::kInvalidArgument, config::join_lines(setup.rules.errors));
  auto book = rules::RuleBook::compile(setup.rules.rules);
  if (!book) return fail(std::move(book).error());
  if ((*book)->rules().empty()) return {};
  setup.rule_settings = std::make_shared<detectors::RuleSettings>(detectors::RuleSettings{*std::move(book), setup.rule_config.automation});
  setup.detectors.push_back(detectors::Rules::configured(setup.rule_settings));
  return {};
}

void check_roles(const config::Config& config, const std::vector<trail::TrailConfig>& trails, const notify::NotifyConfig& notifications) {
  const config::Roles& roles = config.service.roles;
  if (roles.archiver && trails.empty()) config.top.report("roles", "roles: the archiver has nothing to write: name a trail under `trails`");
  if (roles.digest && std::none_of(trails.begin(), trails.end(), [](const trail::TrailConfig& trail) { return trail.digest.enabled; }))
    config.top.report("roles", "roles: digest has nothing to sign: name a trail under `trails` whose digest is enabled");
  if (roles.notifier && notifications.sinks.empty()) config.top.report("roles", "roles: the notifier has nobody to tell: name a sink under `notifications`");
}

/// Without its rules.
Result<Setup> read_setup(const std::string& file) {
  auto config = file.empty() ? Result<config::Config>(config::default_config()) : config::load_config(file);
  if (!config) return fail(std::move(config).error());
  auto detectors = detectors::configure(config->detectors);
  auto insights = detectors::read_insights(config->insights);
  const auto silence = detectors::read_silence(config->silence);
  auto rule_config = detectors::read_rules(config->rules);
  auto suppressions = detectors::read_suppressions(config->top);
  auto trails = trail::read_trails(config->top);
  check_queues(config->top, config->service.embedded, trails.trails);
  auto notifications = notify::read_notifications(config->top);
  check_roles(*config, trails.trails, notifications);
  if (!config->diagnostics->empty()) return fail(ErrorCode::kInvalidArgument, config::join_lines(*config->diagnostics));
  for (std::string& folder : rule_config.folders) folder = beside(file, folder);
  return Setup{std::move(*config), std::move(detectors), std::move(insights), silence, std::move(rule_config), {}, nullptr, std::move(suppressions), std::move(trails), std::move(notifications), file};
}

}  // namespace

Result<Setup> load_setup(const std::string& file) {
  auto setup = read_setup(file);
  if (!setup) return setup;
  if (auto compiled = compile_rules(*setup); !compiled) return fail(std::move(compiled).error());
  return setup;
}

Result<rules::RuleReading> load_rule_reading(const std::string& file) {
  auto setup = read_setup(file);
  if (!setup) return fail(std::move(setup).error());
  return rules::RuleReading{.placeholders = std::move(setup->rule_config.placeholders)};
}

Setup with_detection_of(const Setup& live, Setup written) {
  Setup out = std::move(written);
  out.trails = live.trails;
  out.notifications = live.notifications;
  config::LogConfig log = std::move(out.config.log);
  out.config = live.config;
  out.config.log = std::move(log);
  return out;
}

std::string to_yaml(const Setup& setup) { return service_yaml(setup) + detection_yaml(setup); }

std::string fingerprint(const Setup& setup) {
  const config::Config& config = setup.config;
  return pipeline::hex(xxh3_64(fmt::format("{}lateness {} skew {} record {} document {} constants {}", detection_yaml(setup), config.time.lateness.count(), config.time.future_skew.count(),
                                           config.input.max_record_bytes, config.input.max_document_bytes, baseline::constants_hash())));
}

pipeline::CellSettings cell_settings(const Setup& setup, bool settle) {
  pipeline::CellSettings settings{setup.detectors, setup.config.time.lateness, settle, setup.config.input.max_record_bytes, setup.config.output.max_message_bytes, {setup.insights, 0}};
  settings.insights.open_minutes = settings.open_minutes() + 1;
  settings.silence = setup.silence;
  settings.suppressions = setup.suppressions;
  return settings;
}

pipeline::EngineOptions engine_options(const Setup& setup) {
  const config::Config& config = setup.config;
  pipeline::EngineOptions options;
  options.threads = std::max(1U, std::thread::hardware_concurrency());
  options.shards = config.shards;
  options.lateness = config.time.lateness;
  options.future_skew = config.time.future_skew;
  options.settle = config.time.order == "event_time";
  options.max_record_bytes = config.input.max_record_bytes;
  options.max_message_bytes = config.output.max_message_bytes;
  options.insights = setup.insights;
  options.silence = setup.silence;
  options.suppressions = setup.suppressions;
  return options;
}

pipeline::PartitionSettings partition_settings(const Setup& setup) {
  const config::ServiceConfig& service = setup.config.service;
  pipeline::PartitionSettings settings{.cells = cell_settings(setup, false), .future_skew = setup.config.time.future_skew, .keep_late = service.kafka && service.kafka->late_topic};
  if (service.kafka) settings.tick_grace = service.kafka->tick_grace;
  return settings;
}

int complain(const Error& error, int code) {
  fmt::print(stderr, "trailwarden: {}\n", error.message);
  return code;
}

void log_rule_warnings(const Setup& setup) {
  constexpr std::size_t kSaid = 5;
  std::vector<std::string> lines = setup.rules.warnings.lines();
  if (lines.empty()) return;
  const std::size_t count = lines.size();
  lines.resize(std::min(count, kSaid));
  log::warn("rules.doubtful", {{"count", std::uint64_t{count}}, {"first", fmt::format("{}", fmt::join(lines, "; "))}, {"all_with", "trailwarden config check"}});
}

void set_log_level(const config::LogConfig& log) {
  static constexpr std::pair<std::string_view, log::Level> kLevels[] = {
      {"debug", log::Level::kDebug}, {"info", log::Level::kInfo}, {"warn", log::Level::kWarn}, {"error", log::Level::kError}, {"off", log::Level::kOff}};
  for (const auto& [known, level] : kLevels)
    if (known == log.level) log::set_level(level);
}

}  // namespace trailwarden::app
