#include "app/service.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/expiry_metrics.h"
#include "app/service_http.h"
#include "core/clocks.h"
#include "core/log.h"
#include "core/service_notify.h"
#include "core/text.h"
#include "stream/embedded_schema.h"

namespace trailwarden::app {
namespace {

using namespace std::chrono_literals;
using nlohmann::ordered_json;

constexpr auto kLook = 50ms;      // at signals and workers
constexpr auto kReport = 1'000ms;  // what happened inside a log is told so often
constexpr auto kGrace = 1'500ms;  // beyond the budget
constexpr auto kQuiet = 300ms;  // of everything, before a drained service ends

pipeline::WorkerOptions worker_options(const Setup& setup) {
  const config::ServiceConfig& service = setup.config.service;
  pipeline::WorkerOptions options;
  options.partitions = partition_settings(setup);
  options.config = fingerprint(setup);
  options.snapshot_interval = service.snapshot_interval;
  if (service.kafka) options.tick_interval = service.kafka->tick_interval;
  options.gaps_allowed = gaps_allowed(setup);
  options.now = steady_milliseconds;
  return options;
}

/// Ids for a line of the log: the first few, and how many more.
std::string list_of(const std::vector<std::string>& ids) { return first_of(ids, 20); }

std::vector<std::string> keys_of(const std::vector<ConfigChange>& changes) {
  std::vector<std::string> out;
  for (const ConfigChange& change : changes) out.push_back(change.key);
  return out;
}

std::size_t rules_on(const Setup& setup) { return setup.rule_settings ? setup.rule_settings->book->rules().size() : 0; }

ordered_json partition_json(const pipeline::PartitionStatus& status) {
  ordered_json out{{"topic", status.topic}, {"partition", status.partition}, {"state", to_string(status.state)}};
  if (!status.reason.empty()) out["reason"] = status.reason;
  if (!status.detail.empty()) out["detail"] = status.detail;
  out["next"] = status.next;
  out["committed"] = status.committed;
  if (status.extent) out["begin"] = status.extent->begin, out["end"] = status.extent->end;
  if (status.watermark != kBeginningOfTime) out["watermark"] = format_time(status.watermark);
  out["snapshot"] = status.snapshot;
  out["cells"] = status.cells;
  out["caughtUp"] = status.caught_up;
  return out;
}

}  // namespace

/// One worker with its log and thread.
struct Service::Member {
  std::unique_ptr<stream::PartitionedLog> log;
  std::function<void(ServiceMetrics&)> report;
  std::function<bool()> is_fenced;
  std::unique_ptr<pipeline::Worker> worker;
  std::atomic<bool> ended = false;
  std::optional<Error> failure;  // read after `ended`
  std::jthread thread;           // last: joined before the rest goes
};

Service::Service(const Setup& setup, OpenLog open_log, Limits limits, std::shared_ptr<const pipeline::SavedCells> bring)
    : setup_(setup), open_log_(std::move(open_log)), limits_(limits), bring_(std::move(bring)), metrics_(input_topics(setup)), rules_(setup, limits.look_at_rules), rules_loaded_(rules_on(setup)), config_(to_yaml(setup)), fingerprint_(fingerprint(setup)), insights_(setup.insights) {}
Service::~Service() { stop_workers_ = true; }

Result<void> Service::run(std::atomic<bool>& stop, bool drain, std::atomic<bool>& reload) {
  if (auto started = start(); !started) return started;
  log::info("service.started", {{"workers", std::uint64_t{members_.size()}}, {"config", fingerprint(setup_)}, {"pages", pages_ ? fmt::format("port {}", pages_->port()) : std::string()}});
  notify_ready();  // it works; whether state is restored is what /readyz says, and may take as long as it takes
  const auto started_at = std::chrono::steady_clock::now();
  while (!stop.load() && watch(drain)) {
    reload_if_due(reload);
    std::this_thread::sleep_for(kLook);
  }
  if (fenced() && std::chrono::steady_clock::now() - started_at < limits_.settled_after) back_off(stop);
  // Whoever waits for all input to be judged must hear that some was not.
  const auto judged = drain && !stop ? all_running() : Result<void>{};
  const auto ended = end();
  return ended ? judged : ended;
}

bool Service::fenced() const {
  if (std::any_of(side_roles_.begin(), side_roles_.end(), [](const auto& role) { return role->is_fenced(); })) return true;
  return std::any_of(members_.begin(), members_.end(), [](const auto& member) { return member->ended && member->is_fenced && member->is_fenced(); });
}

void Service::reload_if_due(std::atomic<bool>& asked) {
  const auto now = ConfigReload::Clock::now();
  if (now - last_reload_ < limits_.reload_at_most) return;
  const bool files_changed = rules_.files_have_changed();
  if (!asked.exchange(false) && !files_changed) return;
  last_reload_ = now;
  const auto change = rules_.read();
  metrics_.reloaded(change.has_value());
  if (change) take(*change);
  else log::error("config.reload_refused", {{"why", change.error().message}, {"what_now", "what was in use stays in use; correct the files, or send SIGHUP"}});
}

/// What was read is in use from the workers' next commits on.
void Service::take(const ConfigReload::Change& change) {
  const Setup& live = rules_.live();
  auto detection = std::make_shared<pipeline::Detection>(pipeline::Detection{live.detectors, live.suppressions, live.insights, live.silence, fingerprint(live)});
  for (const auto& member : members_) {
    member->worker->change(detection);
    member->log->wake();
  }
  set_log_level(live.config.log);
  log::info("config.reloaded", {{"config", detection->config}, {"rules_added", list_of(change.rules.added)}, {"rules_removed", list_of(change.rules.removed)}, {"rules_changed", list_of(change.rules.changed)},
                                {"keys", list_of(keys_of(change.taken))}});
  log_rule_warnings(live);
  rules_loaded_ = rules_on(live);
  if (!change.waiting.empty()) log::warn("config.restart_needed", {{"keys", list_of(keys_of(change.waiting))}, {"why", "they are read at the start only; what else has changed is taken"}});
  const std::lock_guard lock(shown_mutex_);
  config_ = to_yaml(live);
  fingerprint_ = detection->config;
  insights_ = live.insights;
}

/// Two processes with one transactional id, each started anew by a supervisor whenever the other fences it off, would do nothing else. So the one that had just started waits
/// before it ends, with nothing assigned, and the other one works.
void Service::back_off(const std::atomic<bool>& stop) {
  log::error("service.fenced_soon", {{"why", "another process uses our transactional id; each needs its own kafka.instance"}, {"ends_after_ms", std::int64_t{limits_.back_off.count()}}});
  log::flush();
  stop_workers_ = true;
  const auto end = std::chrono::steady_clock::now() + limits_.back_off;
  while (!stop.load() && std::chrono::steady_clock::now() < end) {
    if (all_turn()) notify_watchdog();
    std::this_thread::sleep_for(kLook);
  }
}

/// No worker is stuck, nor what runs beside them.
bool Service::all_turn() const {
  const auto ages = heartbeat_ages();
  return std::all_of(ages.begin(), ages.end(), [this](double age) { return age < std::chrono::duration<double>(limits_.stuck_after).count(); }) &&
         std::all_of(side_roles_.begin(), side_roles_.end(), [this](const auto& role) { return role->heartbeat_age() < limits_.stuck_after; });
}

/// An error that names the first partition that has stopped.
Result<void> Service::all_running() const {
  for (const pipeline::WorkerStatus& worker : statuses())
    for (const pipeline::PartitionStatus& partition : worker.partitions)
      if (partition.state == pipeline::PartitionStatus::State::kStopped)
        return fail(ErrorCode::kIo, fmt::format("{}/{} has stopped: {}: {}", partition.topic, partition.partition, partition.reason, partition.detail));
  for (const auto& role : side_roles_)
    if (const std::string stopped = role->stopped(); !stopped.empty()) return fail(ErrorCode::kIo, role->name() + ": " + stopped);
  return {};
}

/// Everything that is lost by dying is done again after a restart: so a worker that cannot end in time does not keep the process.
Result<void> Service::end() {
  notify_stopping();
  log::info("service.stopping");
  stop_workers_ = true;
  const auto deadline = std::chrono::steady_clock::now() + kFinishBudget + kGrace;
  const auto all_ended = [this] {
    return std::all_of(members_.begin(), members_.end(), [](const auto& member) { return member->ended.load(); }) &&
           std::all_of(side_roles_.begin(), side_roles_.end(), [](const auto& role) { return role->has_ended(); });
  };
  while (!all_ended() && std::chrono::steady_clock::now() < deadline) {
    for (const auto& member : members_) member->log->wake();
    for (const auto& role : side_roles_) role->ask_to_stop();
    std::this_thread::sleep_for(kLook);
  }
  if (!all_ended()) {
    log::error("service.ends_hard", {{"why", "a worker, or a store that a role waits for, did not end in time; what is not committed is done again after a restart"}});
    log::flush();
    std::_Exit(kFailed);
  }
  for (const auto& member : members_) member->thread.join();
  for (const auto& role : side_roles_) role->stop();
  open_pages_.reset();
  pages_.reset();
  for (const auto& member : members_)
    if (member->failure) return fail(*member->failure);
  for (const auto& role : side_roles_)
    if (role->failure()) return fail(*role->failure());
  log::info("service.stopped");
  return {};
}

Result<void> Service::start() {
  if (const auto& kafka = setup_.config.service.kafka) write_kafka_certificates(kafka->security, metrics_.registry());
  const std::size_t workers = setup_.config.service.roles.detector ? setup_.config.service.workers : 0;
  for (std::size_t i = 0; i < workers; ++i) {
    auto log = open_log_(i);
    if (!log) return fail(std::move(log).error());
    auto member = std::make_unique<Member>();
    member->log = std::move(log->log);
    member->report = std::move(log->report);
    member->is_fenced = std::move(log->is_fenced);
    pipeline::WorkerOptions options = worker_options(setup_);
    options.bring = bring_;
    member->worker = std::make_unique<pipeline::Worker>(*member->log, std::move(options), metrics_);
    members_.push_back(std::move(member));
  }
  if (auto started = start_pages(); !started) return started;
  if (auto started = start_open_pages(); !started) return started;
  for (const auto& member : members_) {
    member->thread = std::jthread([this, member = member.get()] {
      if (auto done = work(*member); !done) member->failure = std::move(done).error();
      member->ended = true;
    });
  }
  for (const auto& role : side_roles_) role->start();
  return {};
}

/// A worker's life, on its thread.
Result<void> Service::work(Member& member) {
  return member.worker->run(stop_workers_, kFinishBudget, [this, &member, reported = steady_milliseconds()]() mutable {
    if (!member.report || steady_milliseconds() - reported < kReport) return;
    reported = steady_milliseconds();
    member.report(metrics_);
  });
}

Result<void> Service::start_pages() {
  const config::HttpConfig& http = setup_.config.service.http;
  if (http.listen.empty()) return {};
  warn_of_http(setup_);
  http::Options options = page_options(setup_, metrics_.registry());
  if (!setup_.config.service.api.keys.empty()) {
    const auto status = [this](const trail::TrailConfig& trail) {
      api::TrailStatus out;
      for (const auto& role : side_roles_) role->describe(trail.name, out);
      return out;
    };
    const auto insights = [this] {
      const std::lock_guard lock(shown_mutex_);
      return insights_;
    };
    auto api = ServiceApi::open(setup_, {.status = status, .insights = insights}, metrics_.registry());
    if (!api) return fail(std::move(api).error());
    api_ = std::move(*api);
    options.posts = {{"/", [this](const http::PostedRequest& request) { return api_->answer(request); }}};
  }
  auto pages = open_pages();
  pages["/config"] = [this] {
    const std::lock_guard lock(shown_mutex_);
    return http::Response{.content_type = "application/yaml", .body = config_};
  };
  pages["/state"] = [this] { return http::Response{.content_type = "application/json", .body = state_json() + "\n"}; };
  auto server = http::Server::start(std::move(options), std::move(pages));
  if (!server) return fail(std::move(server).error());
  pages_ = std::move(*server);
  port_ = pages_->port();
  return {};
}

/// For whoever watches, without the pages that ask who reads them.
Result<void> Service::start_open_pages() {
  if (setup_.config.service.http.metrics_listen.empty()) return {};
  auto pages = open_pages();
  http::Options options = open_page_options(setup_, metrics_.registry());
  for (const auto& [path, page] : pages) options.open_pages.insert(path);
  auto server = http::Server::start(std::move(options), std::move(pages));
  if (!server) return fail(std::move(server).error().during("http.metrics_listen"));
  open_pages_ = std::move(*server);
  log::info("http.metrics_at", {{"pages", fmt::format("port {}", open_pages_->port())}});
  return {};
}

std::map<std::string, http::Handler> Service::open_pages() {
  const auto plain = [](bool good, std::string body) { return http::Response{.status = good ? 200U : 503U, .body = std::move(body) + "\n"}; };
  return {{"/metrics", [this] { return http::Response{.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = page_of_metrics()}; }},
          {"/healthz",
           [this, plain] {
             const bool good = all_turn();
             return plain(good, good ? "ok" : "a worker is stuck");
           }},
          {"/readyz", [this, plain] {
             const auto reasons = reasons_not_ready();
             return plain(reasons.empty(), reasons.empty() ? "ready" : fmt::format("{}", fmt::join(reasons, "\n")));
           }}};
}

/// False when it is over: a worker has ended, or all is drained.
bool Service::watch(bool drain) {
  metrics_.count_dropped_lines(log::dropped_lines());
  if (all_turn()) notify_watchdog();
  for (const auto& member : members_)
    if (member->ended) return false;
  if (std::any_of(side_roles_.begin(), side_roles_.end(), [](const auto& role) { return role->has_ended(); })) return false;
  return !drain || !is_drained() || !std::all_of(side_roles_.begin(), side_roles_.end(), [](const auto& role) { return role->drain(); });
}

bool Service::is_drained() const {
  const auto workers = statuses();
  return std::all_of(workers.begin(), workers.end(), [](const pipeline::WorkerStatus& worker) {
    return worker.is_member && std::all_of(worker.partitions.begin(), worker.partitions.end(), [](const pipeline::PartitionStatus& partition) {
             const bool stopped = partition.state == pipeline::PartitionStatus::State::kStopped;
             return stopped || (partition.caught_up && partition.committed == partition.next && partition.since_commit >= kQuiet);
           });
  });
}

std::vector<std::string> Service::reasons_not_ready() const {
  std::vector<std::string> reasons;
  if (fenced()) reasons.emplace_back("another process uses our transactional id, and this one does nothing: each needs its own kafka.instance");
  if (stop_workers_) reasons.emplace_back("stopping");
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const std::string trouble = members_[i]->log->trouble();
    if (!trouble.empty()) reasons.push_back(fmt::format("worker {}: {}", i, trouble));
    const pipeline::WorkerStatus status = members_[i]->worker->status();
    if (!status.is_member) reasons.push_back(fmt::format("worker {}: not assigned yet", i));
    for (const pipeline::PartitionStatus& partition : status.partitions) {
      if (partition.state == pipeline::PartitionStatus::State::kRestoring)
        reasons.push_back(fmt::format("{}/{}: restoring, at offset {} of {}", partition.topic, partition.partition, partition.next, partition.committed));
      if (partition.state == pipeline::PartitionStatus::State::kStopped)
        reasons.push_back(fmt::format("{}/{}: stopped: {}: {}", partition.topic, partition.partition, partition.reason, partition.detail));
    }
  }
  for (const auto& role : side_roles_)
    if (const std::string trouble = role->trouble(); !trouble.empty()) reasons.push_back(role->name() + ": " + trouble);
  return reasons;
}

std::vector<double> Service::heartbeat_ages() const {
  std::vector<double> ages;
  for (const auto& member : members_)  // one that has ended is not stuck
    ages.push_back(member->ended ? 0 : std::chrono::duration<double>(steady_milliseconds() - member->worker->heartbeat()).count());
  return ages;
}

std::vector<pipeline::WorkerStatus> Service::statuses() const {
  std::vector<pipeline::WorkerStatus> out;
  for (const auto& member : members_) out.push_back(member->worker->status());
  return out;
}

std::string Service::page_of_metrics() const {
  metrics::Registry beside;
  write_credentials(beside);
  for (const auto& role : side_roles_) role->write(beside);
  beside.set("rules_loaded", {}, static_cast<double>(rules_loaded_.load()));
  return metrics_.text(statuses(), heartbeat_ages()) + beside.text();
}

std::string Service::state_json() const {
  ordered_json out{{"config", shown_fingerprint()}, {"workers", ordered_json::array()}};
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const pipeline::WorkerStatus status = members_[i]->worker->status();
    ordered_json worker{{"worker", i}, {"isMember", status.is_member}, {"trouble", members_[i]->log->trouble()}, {"read", status.totals.read},
                        {"judged", status.totals.judged}, {"duplicate", status.totals.duplicate}, {"refused", status.totals.refused_in_all()},
                        {"skipped", status.totals.skipped_in_all()}, {"stateBytes", status.totals.state_bytes}, {"partitions", ordered_json::array()}};
    for (const pipeline::PartitionStatus& partition : status.partitions) worker["partitions"].push_back(partition_json(partition));
    out["workers"].push_back(std::move(worker));
  }
  for (const auto& role : side_roles_) out[role->name()] = role->state();
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string Service::shown_fingerprint() const {
  const std::lock_guard lock(shown_mutex_);
  return fingerprint_;
}

}  // namespace trailwarden::app
