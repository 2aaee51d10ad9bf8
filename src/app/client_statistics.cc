#include "app/client_statistics.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace trailwarden::app {
namespace {

using nlohmann::json;

constexpr double kMicroseconds = 1e6;  // a second

std::uint64_t count(const json& object, const char* name) { return object.value(name, std::uint64_t{0}); }

ClientStatistics read(const json& in) {
  ClientStatistics out{.client = in.at("name"), .type = in.at("type")};
  out.queued = count(in, "msg_cnt");
  for (const auto& [name, broker] : in.at("brokers").items()) {
    if (broker.at("nodeid").get<std::int64_t>() < 0) continue;
    out.brokers[std::to_string(broker.at("nodeid").get<std::int64_t>())] = {.is_up = broker.value("state", "") == "UP",
                                                                            .round_trip_seconds = broker.at("rtt").value("avg", 0.0) / kMicroseconds,
                                                                            .send_errors = count(broker, "txerrs"),
                                                                            .receive_errors = count(broker, "rxerrs")};
  }
  if (out.type != "consumer") return out;
  for (const auto& [name, topic] : in.at("topics").items())
    for (const auto& [number, partition] : topic.at("partitions").items()) out.queued += count(partition, "fetchq_cnt");
  return out;
}

}  // namespace

Result<ClientStatistics> parse_client_statistics(std::string_view text) {
  try {
    return read(json::parse(text));
  } catch (const std::exception& error) {
    return fail(ErrorCode::kMalformed, fmt::format("not the statistics of a Kafka client: {}", error.what()));
  }
}

void ClientMetrics::take(ClientStatistics statistics) {
  std::string type = statistics.type;
  newest_.insert_or_assign(std::move(type), std::move(statistics));
}

void ClientMetrics::write(metrics::Registry& registry) {
  for (const auto& [type, client] : newest_) {
    registry.set("client_queue_messages", {{"worker", worker_}, {"queue", type}}, static_cast<double>(client.queued));
    for (const auto& [id, broker] : client.brokers) {
      registry.set("client_broker_up", {{"worker", worker_}, {"client", type}, {"broker", id}}, broker.is_up ? 1 : 0);
      if (broker.round_trip_seconds > 0) registry.set("client_broker_rtt_seconds", {{"worker", worker_}, {"client", type}, {"broker", id}}, broker.round_trip_seconds);
      Errors& told = told_[client.client + "/" + id];
      registry.add("client_request_errors_total", {{"direction", "send"}}, static_cast<double>(broker.send_errors - told.sent));
      registry.add("client_request_errors_total", {{"direction", "receive"}}, static_cast<double>(broker.receive_errors - told.received));
      told = {broker.send_errors, broker.receive_errors};
    }
  }
}

}  // namespace trailwarden::app
