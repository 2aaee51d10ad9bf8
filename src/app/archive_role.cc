#include "app/archive_role.h"

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/clocks.h"

namespace trailwarden::app {
namespace {

using namespace std::chrono_literals;

/// Epochs are common to all trails, as they end where offsets are committed: those of the trail that wants the shortest and smallest.
archive::EpochRules rules_of(const std::vector<trail::TrailConfig>& trails) {
  archive::EpochRules rules{trails.front().epoch.length};
  for (const trail::TrailConfig& trail : trails) {
    rules.length = std::min(rules.length, trail.epoch.length);
    rules.most_bytes = std::min(rules.most_bytes, trail.epoch.max_bytes);
  }
  return rules;
}

std::map<std::string, std::string> names_of(const std::vector<archive::Destination>& destinations) {
  std::map<std::string, std::string> names;
  for (const archive::Destination& one : destinations) names.emplace(one.trail.name, one.store->name());
  return names;
}

}  // namespace

Result<std::unique_ptr<ArchiveRole>> ArchiveRole::create(const Setup& setup, OpenedLog log, metrics::Registry& metrics) {
  if (setup.trails.trails.empty()) return fail(ErrorCode::kInvalidArgument, "roles: the archiver has nothing to write: name a trail under `trails`");
  auto stores = std::make_unique<TrailStores>(&metrics);
  auto destinations = stores->open(setup.trails.trails, [](const trail::TrailConfig&) { return true; });
  if (!destinations) return fail(std::move(destinations).error());
  archive::ArchiverOptions options;
  options.destinations = std::move(*destinations);
  options.rules = rules_of(setup.trails.trails);
  options.now = options.delivery.now = steady_milliseconds;
  options.delivery.patience = 5s;  // below what a service has to end in
  options.delivery.sleep = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
  options.alerts_topic = archived_alerts(setup);
  if (setup.config.service.kafka) {
    options.gaps_allowed = gaps_allowed(setup);
    options.gaps_allowed.push_back(true);  // the alerts, which are written in transactions
  } else {
    options.tick_grace = 0ms;  // its ticks are exact
  }
  return std::unique_ptr<ArchiveRole>(new ArchiveRole(std::move(log), std::move(stores), std::move(options)));
}

ArchiveRole::ArchiveRole(OpenedLog log, std::unique_ptr<TrailStores> stores, archive::ArchiverOptions options)
    : SideRole(std::move(log)), stores_(std::move(stores)), store_names_(names_of(options.destinations)), archiver_(this->log(), std::move(options)) {}

std::string ArchiveRole::trouble() const {
  if (std::string trouble = log().trouble(); !trouble.empty()) return trouble;
  return stopped();
}

bool ArchiveRole::drain() { return has_ended() || log_is_drained() || !stopped().empty(); }

std::string ArchiveRole::stopped() const {
  for (const auto& partition : archiver_.status().partitions)
    if (!partition.stopped.empty()) return fmt::format("{}/{}: stopped: {}", partition.topic, partition.partition, partition.stopped);
  return {};
}

void ArchiveRole::write(metrics::Registry& metrics) const {
  const archive::ArchiverStatus status = archiver_.status();
  const auto count = [&metrics](std::string_view name, std::uint64_t value) { metrics.add(name, {}, static_cast<double>(value)); };
  metrics.set("trail_delivery_blocked", {}, status.blocked ? 1 : 0);
  count("trail_objects_written_total", status.objects);
  count("trail_bytes_written_total", status.object_bytes);
  count("trail_epochs_total", status.epochs);
  count("trail_put_retries_total", status.retries);
  const archive::ArchiveCounts& records = status.counts;
  for (const auto& [result, value] : {std::pair("archived", records.archived), {"unwanted", records.unwanted}, {"skipped", records.skipped}, {"unarchivable", records.unarchivable}})
    metrics.add("trail_records_total", {{"result", result}}, static_cast<double>(value));
  count("trail_fallback_records_total", records.fallback);
  AppendTime oldest = AppendTime::max();
  for (const auto& partition : status.partitions) oldest = std::min(oldest, partition.oldest_unwritten.value_or(oldest));
  const auto age = std::chrono::system_clock::now() - oldest;
  metrics.set("trail_oldest_unwritten_seconds", {}, oldest == AppendTime::max() ? 0 : std::max(std::chrono::duration<double>(age).count(), 0.0));
  for (const auto& partition : status.partitions) {
    const std::string number = std::to_string(partition.partition);
    metrics.set("trail_open_epoch_bytes", {{"topic", partition.topic}, {"partition", number}}, static_cast<double>(partition.open_bytes));
    if (!partition.stopped.empty()) metrics.set("trail_stopped_partitions", {{"topic", partition.topic}, {"partition", number}}, 1);
  }
}

nlohmann::ordered_json ArchiveRole::state() const {
  const archive::ArchiverStatus status = archiver_.status();
  nlohmann::ordered_json out{{"epochs", status.epochs}, {"objects", status.objects}, {"objectBytes", status.object_bytes}, {"archived", status.counts.archived},
                             {"unwanted", status.counts.unwanted}, {"unarchivable", status.counts.unarchivable}, {"partitions", nlohmann::ordered_json::array()}};
  if (status.blocked) out["blocked"] = {{"store", status.blocked->store}, {"code", status.blocked->code}, {"why", status.blocked->message}};
  for (const auto& partition : status.partitions) {
    nlohmann::ordered_json one{{"topic", partition.topic}, {"partition", partition.partition}, {"committed", partition.committed}, {"openEpochBytes", partition.open_bytes}};
    if (!partition.stopped.empty()) one["stopped"] = partition.stopped;
    out["partitions"].push_back(std::move(one));
  }
  return out;
}

void ArchiveRole::describe(const std::string& trail, api::TrailStatus& out) const {
  const archive::ArchiverStatus status = archiver_.status();
  out.is_logging = !has_ended();
  if (const auto newest = status.newest_objects.find(trail); newest != status.newest_objects.end()) out.latest_delivery = newest->second;
  const auto store = store_names_.find(trail);
  if (status.blocked && store != store_names_.end() && status.blocked->store == store->second) out.latest_delivery_error = status.blocked->code;
}

}  // namespace trailwarden::app
