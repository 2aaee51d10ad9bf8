#include "app/digest_role.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/steady_time.h"
#include "trail/trail_keys.h"

namespace trailwarden::app {
namespace {

std::string where(const archive::DigestBook::Slowest& input) { return fmt::format("{}/{}", input.topic, input.partition); }

std::vector<std::string> names_of(const std::vector<archive::Destination>& destinations) {
  std::vector<std::string> names;
  for (const archive::Destination& one : destinations) names.push_back(one.trail.name);
  return names;
}

}  // namespace

Result<std::unique_ptr<DigestRole>> DigestRole::create(const Setup& setup, OpenedLog log) {
  auto stores = std::make_unique<TrailStores>();
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
  return std::unique_ptr<DigestRole>(new DigestRole(std::move(log), std::move(stores), std::move(options)));
}

DigestRole::DigestRole(OpenedLog log, std::unique_ptr<TrailStores> stores, archive::DigestOptions options)
    : SideRole(std::move(log)), stores_(std::move(stores)), trails_(names_of(options.destinations)), writer_(this->log(), std::move(options)) {}

Result<void> DigestRole::turn(std::chrono::milliseconds wait) {
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
