#include "app/probe.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/kafka_setup.h"
#include "app/logs.h"
#include "app/setup.h"
#include "core/clocks.h"
#include "core/hash.h"
#include "core/text.h"
#include "stream/kafka_writer.h"
#include "stream/topic_names.h"

namespace trailwarden::app {
namespace {

using namespace std::chrono_literals;
using nlohmann::ordered_json;

constexpr std::string_view kDetector = "security_group_change";
constexpr auto kLook = 100ms;  // at the alerts

std::string new_id() {
  std::random_device device;
  return uuid_of_parts({"probe", std::to_string(device()), std::to_string(device()), std::to_string(device())});
}

/// What comes into the topic of alerts from now on.
class NewAlerts {
 public:
  static Result<NewAlerts> create(stream::Topics& topics) {
    const auto partitions = topics.partitions(stream::kAlertsTopic);
    if (!partitions) return fail(partitions.error());
    NewAlerts alerts(topics);
    for (std::int32_t partition = 0; partition < *partitions; ++partition) {
      const auto held = topics.range(stream::kAlertsTopic, partition);
      if (!held) return fail(held.error());
      alerts.next_.push_back(held->end);
    }
    return alerts;
  }

  /// The alert that rests on a record, if it has come.
  Result<std::optional<std::string>> find(std::string_view event_id) {
    for (std::size_t partition = 0; partition < next_.size(); ++partition) {
      auto found = find(static_cast<std::int32_t>(partition), event_id);
      if (!found || *found) return found;
    }
    return std::nullopt;
  }

 private:
  explicit NewAlerts(stream::Topics& topics) : topics_(&topics) {}

  Result<std::optional<std::string>> find(std::int32_t partition, std::string_view event_id) {
    std::int64_t& next = next_[static_cast<std::size_t>(partition)];
    const auto held = topics_->range(stream::kAlertsTopic, partition);
    if (!held) return fail(held.error());
    if (held->end <= next) return std::nullopt;
    auto reader = topics_->read(stream::kAlertsTopic, partition, next, held->end);
    if (!reader) return fail(std::move(reader).error());
    stream::MessageBatch batch;
    for (bool more = true; more;) {
      auto read = (*reader)->read(1s, batch);
      if (!read) return fail(std::move(read).error());
      more = *read;
      for (const stream::Message& message : batch.messages)
        if (message.value.find(event_id) != std::string_view::npos) return std::string(message.value);
    }
    next = held->end;
    return std::nullopt;
  }

  stream::Topics* topics_;
  std::vector<std::int64_t> next_;  // by partition
};

Result<void> send(const Setup& setup, const std::string& topic, std::string_view key, std::string_view record, std::chrono::milliseconds limit) {
  auto connection = kafka_connection(setup.config);
  if (!connection) return fail(std::move(connection).error());
  auto writer = stream::KafkaWriter::create({.connection = std::move(*connection)});
  if (!writer) return fail(std::move(writer).error());
  if (auto written = (*writer)->write(topic, key, record); !written) return written;
  return (*writer)->flush(limit);
}

/// The alert, or nothing when the time is over. Brokers that do not answer now may do so later.
Result<std::optional<std::string>> wait_for(NewAlerts& alerts, std::string_view event_id, std::chrono::milliseconds until) {
  for (;;) {
    auto found = alerts.find(event_id);
    const bool over = steady_milliseconds() >= until;
    if ((found && *found) || over) return found;
    std::this_thread::sleep_for(kLook);
  }
}

/// Why this configuration's detectors would not tell of the record; empty if they do.
std::string why_silent(const Setup& setup) {
  const auto& detectors = setup.detectors;
  const bool judged = std::any_of(detectors.begin(), detectors.end(), [](const auto& one) { return one.info->name == kDetector; });
  return judged ? std::string() : fmt::format("the record of `probe` is told of by the detector {}, which this configuration has turned off", kDetector);
}

}  // namespace

std::string probe_record(const ProbeArguments& arguments, Timestamp now, std::string_view id) {
  std::string group(id);
  std::erase(group, '-');
  const std::string arn = fmt::format("arn:aws:iam::{}:user/trailwarden-probe", arguments.account);
  const ordered_json permission{{"ipProtocol", "tcp"}, {"fromPort", 443}, {"toPort", 443}, {"ipRanges", {{"items", {{{"cidrIp", "192.0.2.0/24"}}}}}}};
  const ordered_json record{
      {"eventVersion", "1.11"},
      {"userIdentity", {{"type", "IAMUser"}, {"principalId", "AIDATRAILWARDENPROBE0"}, {"arn", arn}, {"accountId", arguments.account}, {"userName", "trailwarden-probe"}}},
      {"eventTime", format_time(now)},
      {"eventSource", "ec2.amazonaws.com"},
      {"eventName", "AuthorizeSecurityGroupIngress"},
      {"awsRegion", arguments.region},
      {"sourceIPAddress", "192.0.2.1"},
      {"userAgent", "trailwarden probe"},
      {"requestParameters", {{"groupId", "sg-" + group.substr(0, 17)}, {"ipPermissions", {{"items", {permission}}}}}},
      {"responseElements", {{"_return", true}}},
      {"requestID", id},
      {"eventID", id},
      {"readOnly", false},
      {"eventType", "AwsApiCall"},
      {"managementEvent", true},
      {"recipientAccountId", arguments.account},
      {"eventCategory", "Management"}};
  return record.dump();
}

int probe(const ProbeArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  const auto& kafka = setup->config.service.kafka;
  if (!kafka) return complain({ErrorCode::kInvalidArgument, "probe needs a configuration with `kafka:` (-c FILE)"}, kWrongUsage);
  if (const std::string why = why_silent(*setup); !why.empty()) return complain({ErrorCode::kInvalidArgument, why}, kWrongUsage);
  const std::string topic = arguments.topic.empty() ? kafka->input.front().topic : arguments.topic;
  auto topics = open_topics(*setup);
  if (!topics) return complain(topics.error(), exit_code_of(topics.error()));
  auto alerts = NewAlerts::create(**topics);
  if (!alerts) return complain(alerts.error(), kFailed);

  const std::string id = new_id();
  const auto limit = std::chrono::seconds{arguments.timeout};
  const auto began = steady_milliseconds();
  const std::string key = arguments.account + "/" + arguments.region;
  if (auto sent = send(*setup, topic, key, probe_record(arguments, wall_clock(), id), limit); !sent) return complain(std::move(sent).error().during("send to " + topic), kFailed);
  const auto acknowledged = steady_milliseconds();
  auto waited = wait_for(*alerts, id, began + limit);
  if (!waited) return complain(std::move(waited).error().during("read alerts"), kFailed);
  const std::optional<std::string>& alert = *waited;
  if (!alert) {
    const std::string why = fmt::format("the record {} is in {}, and no alert of it came within {} s: does the service run, is it ready (/readyz), and has it caught up? A suppression may hide it too", id,
                                        printable(topic), arguments.timeout);
    return complain({ErrorCode::kNotFound, why}, kFailed);
  }
  const auto envelope = nlohmann::json::parse(*alert, nullptr, false);
  const std::string name = envelope.is_object() ? envelope.value("id", "") : std::string();
  fmt::print("alert {} of record {}: {} ms after the record was in {}\n", printable(name), id, (steady_milliseconds() - acknowledged).count(), printable(topic));
  return kFine;
}

}  // namespace trailwarden::app
