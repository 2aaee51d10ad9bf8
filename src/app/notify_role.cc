#include "app/notify_role.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/clocks.h"

namespace trailwarden::app {
namespace {

AppendTime wall_milliseconds() { return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

double seconds_since(const std::optional<AppendTime>& time) {
  return time ? std::max(0.0, std::chrono::duration<double>(wall_milliseconds() - *time).count()) : 0;
}

}  // namespace

Result<std::unique_ptr<NotifyRole>> NotifyRole::create(const Setup& setup, OpenedLog log) {
  std::map<std::string, std::unique_ptr<notify::Sink>> sinks;
  for (const notify::SinkConfig& config : setup.notifications.sinks) {
    auto sink = notify::open_sink(config);
    if (!sink) return fail(std::move(sink).error());
    sinks[config.name] = std::move(*sink);
  }
  notify::NotifierOptions options{.config = setup.notifications, .now = wall_milliseconds, .steady = steady_milliseconds, .from = std::nullopt};
  if (!setup.config.service.kafka && setup.notifications.start == "latest") {
    const auto held = log.log->range(stream::kAlertsTopic, 0);
    if (!held) return fail(held.error());
    options.from = held->end;
  }
  const bool is_alone = !setup.config.service.kafka;
  auto role = std::unique_ptr<NotifyRole>(new NotifyRole(std::move(log), std::move(sinks), std::move(options)));
  if (is_alone)
    if (auto pinned = role->pin(); !pinned) return fail(std::move(pinned).error());
  return role;
}

/// Commits where the alerts begin before there are any: else a process that dies before its first commit would leave out what came meanwhile.
Result<void> NotifyRole::pin() {
  constexpr int kTurns = 3;  // assigned; loaded; committed
  for (int i = 0; i < kTurns; ++i)
    if (auto done = notifier_.step(std::chrono::milliseconds{0}); !done) return done;
  return {};
}

NotifyRole::NotifyRole(OpenedLog log, std::map<std::string, std::unique_ptr<notify::Sink>> sinks, notify::NotifierOptions options)
    : SideRole(std::move(log)), threads_(std::move(sinks), [this] { this->log().wake(); }, wall_clock), notifier_(this->log(), threads_, std::move(options)) {}

Result<void> NotifyRole::turn(std::chrono::milliseconds wait) {
  const bool drains = drains_;
  if (drains) notifier_.close_groups();
  if (auto done = notifier_.step(wait); !done || !drains) return done;
  const notify::NotifierStatus status = notifier_.status();
  const auto alerts = log().range(stream::kAlertsTopic, 0);
  if (!alerts) return fail(alerts.error());
  is_drained_ = !status.stopped.empty() || (status.is_at_rest && std::ranges::all_of(status.partitions, [&](const auto& part) { return part.next >= alerts->end; }) && !status.partitions.empty());
  return {};
}

/// All alerts there are by now were told, or were tried to be: what a sink does not take now waits for the next run.
bool NotifyRole::drain() {
  if (!log_can_be_drained()) return true;
  drains_ = true;
  return has_ended() || is_drained_;
}

std::string NotifyRole::trouble() const {
  if (std::string trouble = log().trouble(); !trouble.empty()) return trouble;
  const notify::NotifierStatus status = notifier_.status();
  return status.stopped.empty() ? status.waits : "stopped: " + status.stopped;
}

void NotifyRole::write(metrics::Registry& metrics) const {
  const notify::NotifierStatus status = notifier_.status();
  metrics.set("notifier_stopped", {}, has_ended() || !trouble().empty() ? 1 : 0);
  metrics.add("notification_alerts_unrouted_total", {}, static_cast<double>(status.unrouted));
  metrics.add("notification_dead_letters_total", {{"sink", ""}, {"reason", "unreadable"}}, static_cast<double>(status.unreadable));
  for (const auto& [sink, one] : status.sinks) {
    metrics.add("notification_alerts_total", {{"sink", sink}}, static_cast<double>(one.alerts));
    metrics.add("notification_alerts_held_total", {{"sink", sink}}, static_cast<double>(one.held));
    metrics.add("notifications_total", {{"sink", sink}, {"result", "delivered"}}, static_cast<double>(one.delivered));
    metrics.add("notifications_total", {{"sink", sink}, {"result", "failed"}}, static_cast<double>(one.failed));
    metrics.set("notification_queue", {{"sink", sink}}, static_cast<double>(one.queue));
    metrics.set("notification_oldest_seconds", {{"sink", sink}}, seconds_since(one.oldest));
    for (const std::string_view reason : {"refused", "too_old", "attempts", "queue_full", "no_sink"}) {
      const auto found = one.dead.find(std::string(reason));
      metrics.add("notification_dead_letters_total", {{"sink", sink}, {"reason", reason}}, found == one.dead.end() ? 0 : static_cast<double>(found->second));
    }
  }
}

nlohmann::ordered_json NotifyRole::state() const {
  const notify::NotifierStatus status = notifier_.status();
  nlohmann::ordered_json out{{"isMember", status.is_member}, {"unrouted", status.unrouted}, {"unreadable", status.unreadable}, {"partitions", nlohmann::ordered_json::array()}, {"sinks", nlohmann::ordered_json::object()}};
  if (!status.stopped.empty()) out["stopped"] = status.stopped;
  if (!status.waits.empty()) out["waits"] = status.waits;
  for (const auto& part : status.partitions) out["partitions"].push_back({{"topic", part.topic}, {"partition", part.partition}, {"next", part.next}, {"committed", part.committed}});
  for (const auto& [sink, one] : status.sinks) {
    nlohmann::ordered_json row{{"alerts", one.alerts}, {"delivered", one.delivered}, {"failed", one.failed}, {"held", one.held}, {"queue", one.queue}, {"oldestSeconds", seconds_since(one.oldest)}};
    for (const auto& [reason, count] : one.dead) row["dead"][reason] = count;
    if (!one.why.empty()) row["lastFailure"] = one.why;
    out["sinks"][sink] = std::move(row);
  }
  return out;
}

}  // namespace trailwarden::app
