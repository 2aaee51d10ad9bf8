#include "app/digest_role.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/trail_alert.h"
#include "core/clocks.h"
#include "trail/trail_keys.h"

namespace trailwarden::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 1s;  // at whether a check is due

std::string where(const archive::DigestBook::Slowest& input) { return fmt::format("{}/{}", input.topic, input.partition); }

std::vector<std::string> names_of(const std::vector<archive::Destination>& destinations) {
  std::vector<std::string> names;
  for (const archive::Destination& one : destinations) names.push_back(one.trail.name);
  return names;
}

/// Where a trail's objects go, as one text.
std::string place_of(const trail::TrailConfig& trail) {
  const std::string store = trail.s3 ? fmt::format("s3 {} {}", trail.s3->endpoint, trail.s3->bucket) : trail.directory;
  return fmt::format("{} {}", store, accounts_folder(trail.names()));
}

std::set<std::string> sharing(const std::vector<trail::TrailConfig>& trails) {
  std::set<std::string> names;
  for (const trail::TrailConfig& one : trails)
    if (std::ranges::count(trails, place_of(one), place_of) > 1) names.insert(one.name);
  return names;
}

nlohmann::ordered_json to_json(const archive::WatchedTrail& trail) {
  nlohmann::ordered_json out{{"trail", trail.trail}, {"done", trail.done}, {"failed", trail.failed}};
  if (trail.succeeded) out["succeeded"] = format_time(*trail.succeeded);
  if (!trail.why_failed.empty()) out["whyFailed"] = trail.why_failed;
  out["problems"] = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < trail.problems.size(); ++i)
    if (trail.problems[i] > 0) out["problems"][std::string(to_string(static_cast<archive::TrailProblem::Kind>(i)))] = trail.problems[i];
  return out;
}

void write_metrics(const archive::WatchedTrail& trail, metrics::Registry& metrics) {
  const auto count = [&](std::string_view name, std::string_view label, std::string_view value, std::uint64_t number) { metrics.add(name, {{"trail", trail.trail}, {label, value}}, static_cast<double>(number)); };
  count("trail_checks_total", "result", "done", trail.done);
  count("trail_checks_total", "result", "failed", trail.failed);
  count("trail_checked_objects_total", "how", "digest", trail.digests);
  count("trail_checked_objects_total", "how", "read", trail.logs_read);
  count("trail_checked_objects_total", "how", "listed", trail.logs_listed);
  metrics.add("trail_checked_bytes_total", {{"trail", trail.trail}}, static_cast<double>(trail.bytes));
  if (trail.succeeded) metrics.set("trail_check_last_success_timestamp_seconds", {{"trail", trail.trail}}, static_cast<double>(trail.succeeded->time_since_epoch().count()));
  for (std::size_t i = 0; i < trail.problems.size(); ++i) {
    const std::string_view what = to_string(static_cast<archive::TrailProblem::Kind>(i));
    metrics.set("trail_problems", {{"trail", trail.trail}, {"what", what}}, static_cast<double>(trail.problems[i]));
    count("trail_problems_found_total", "what", what, trail.found[i]);
  }
}

}  // namespace

Result<std::unique_ptr<DigestRole>> DigestRole::create(const Setup& setup, OpenedLog log, metrics::Registry& metrics, bool watches) {
  auto stores = std::make_unique<TrailStores>(&metrics);
  auto destinations = stores->open(setup.trails.trails, [](const trail::TrailConfig& trail) { return trail.digest.enabled; });
  if (!destinations) return fail(std::move(destinations).error());
  // Keys that cannot be read are told at once, and not in an hour.
  for (const archive::Destination& one : *destinations)
    if (auto keys = trail::open_keys(one.trail.digest); !keys) return fail(std::move(keys).error().during("trail " + one.trail.name));
  archive::DigestOptions options;
  options.destinations = std::move(*destinations);
  if (options.destinations.empty()) return fail(ErrorCode::kInvalidArgument, "roles: digest has nothing to sign: name a trail under `trails` whose digest is enabled");
  options.inputs = archived_topics(setup);
  options.now = steady_milliseconds;
  archive::WatchOptions watch{.destinations = {}, .sharing = sharing(setup.trails.trails), .written = {}, .now = wall_clock};
  for (const archive::Destination& one : options.destinations)
    if (watches && one.trail.digest.verify.enabled) watch.destinations.push_back(one);
  return std::unique_ptr<DigestRole>(new DigestRole(std::move(log), std::move(stores), std::move(options), std::move(watch)));
}

DigestRole::DigestRole(OpenedLog log, std::unique_ptr<TrailStores> stores, archive::DigestOptions options, archive::WatchOptions watch)
    : SideRole(std::move(log)), stores_(std::move(stores)), trails_(names_of(options.destinations)), writer_(this->log(), std::move(options)) {
  if (watch.destinations.empty()) return;
  watch.written = [this] { return writer_.written_digests(); };
  watch_ = std::make_unique<archive::TrailWatch>(std::move(watch));
}

DigestRole::~DigestRole() {
  stop();
  end_watch();
}

void DigestRole::start_watch() {
  watcher_ = std::jthread([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any waits;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      watch_->step();
      waits.wait_for(lock, stop, kLook, [] { return false; });
    }
  });
}

void DigestRole::end_watch() {
  if (!watcher_.joinable()) return;
  watch_->stop();
  watcher_.request_stop();
  watcher_.join();
}

std::vector<archive::WatchedTrail> DigestRole::verified() const { return watch_ ? watch_->status() : std::vector<archive::WatchedTrail>{}; }

/// The watch's, through the writer's transactions.
void DigestRole::tell_problems() {
  std::vector<archive::Telling> tellings;
  for (const archive::TrailProblem& problem : watch_->take_new()) tellings.push_back(alert_of(problem, wall_clock()));
  if (!tellings.empty()) writer_.tell(std::move(tellings));
}

Result<void> DigestRole::finish() {
  const auto finished = writer_.finish();
  end_watch();
  return finished;
}

Result<void> DigestRole::turn(std::chrono::milliseconds wait) {
  if (watch_ && !watcher_.joinable()) start_watch();
  if (watch_) tell_problems();
  if (auto done = writer_.step(wait); !done || !drains_) return done;
  const archive::DigestStatus status = writer_.status();
  const auto manifest = log().range(log().inputs().front(), 0);
  if (!manifest) return fail(manifest.error());
  is_drained_ = status.next >= manifest->end && !status.is_writing;
  return {};
}

/// All that the manifest has by now is read, and the digests of the hours that have passed are stored.
bool DigestRole::drain() {
  if (!log_can_be_drained()) return true;
  drains_ = true;
  const archive::DigestStatus status = writer_.status();
  return has_ended() || is_drained_ || !status.stopped.empty();
}

std::string DigestRole::trouble() const {
  if (std::string trouble = log().trouble(); !trouble.empty()) return trouble;
  const archive::DigestStatus status = writer_.status();
  if (!status.stopped.empty()) return "stopped: " + status.stopped;
  if (!status.stopped_chains.empty()) return fmt::format("{}: stopped: {}", to_string(status.stopped_chains.begin()->first), status.stopped_chains.begin()->second);
  return {};
}

void DigestRole::write(metrics::Registry& metrics) const {
  const archive::DigestStatus status = writer_.status();
  metrics.set("digest_delivery_blocked", {}, status.blocked ? 1 : 0);
  metrics.add("digest_chain_breaks_total", {}, static_cast<double>(status.chain_breaks));
  metrics.add("digests_written_total", {{"kind", "hourly"}}, static_cast<double>(status.written));
  metrics.add("digests_written_total", {{"kind", "backfill"}}, static_cast<double>(status.backfilled));
  if (!status.is_member) return;  // who stands by knows nothing of the rest
  metrics.set("digest_chains", {}, static_cast<double>(status.chains));
  metrics.set("digest_waiting_logs", {}, static_cast<double>(status.waiting_logs));
  if (status.passed) metrics.set("digest_last_timestamp_seconds", {}, static_cast<double>(status.passed->time_since_epoch().count()));
  for (const archive::WatchedTrail& trail : verified()) write_metrics(trail, metrics);
}

nlohmann::ordered_json DigestRole::state() const {
  const archive::DigestStatus status = writer_.status();
  nlohmann::ordered_json out{{"isMember", status.is_member}, {"written", status.written}, {"backfilled", status.backfilled}, {"next", status.next}, {"committed", status.committed},
                             {"chains", status.chains}, {"waitingLogs", status.waiting_logs}};
  if (status.passed) out["passed"] = format_time(*status.passed);
  if (status.waits_for) {
    out["waitsFor"] = {{"partition", where(*status.waits_for)}};
    if (status.waits_for->delivered) out["waitsFor"]["delivered"] = format_time(*status.waits_for->delivered);
  }
  if (!status.stopped.empty()) out["stopped"] = status.stopped;
  if (status.blocked) out["blocked"] = {{"store", status.blocked->store}, {"code", status.blocked->code}, {"why", status.blocked->message}};
  for (const archive::WatchedTrail& trail : verified()) out["verified"].push_back(to_json(trail));
  for (const auto& [chain, why] : status.stopped_chains) out["stoppedChains"].push_back({{"chain", to_string(chain)}, {"why", why}});
  return out;
}

void DigestRole::describe(const std::string& trail, api::TrailStatus& out) const {
  if (std::find(trails_.begin(), trails_.end(), trail) == trails_.end()) return;
  const archive::DigestStatus status = writer_.status();
  out.latest_digest_delivery = status.passed;
  if (status.blocked) out.latest_digest_delivery_error = status.blocked->code;
}

}  // namespace trailwarden::app
