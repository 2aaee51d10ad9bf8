#include "app/logs.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "app/client_statistics.h"
#include "app/kafka_setup.h"
#include "app/queues.h"
#include "ingest/folder_watcher.h"
#include "stream/embedded_follower.h"
#include "stream/embedded_log.h"
#include "stream/kafka_log.h"

namespace trailwarden::app {
namespace {

std::string database_of(const config::EmbeddedConfig& embedded) { return embedded.data + "/trailwarden.db"; }

std::string alerts_of(const config::EmbeddedConfig& embedded) { return embedded.alerts.empty() ? embedded.data + "/alerts.jsonl" : embedded.alerts; }

/// Whether `path` lies below `folder`, as far as the parts that exist tell.
bool is_below(const std::string& path, const std::string& folder) {
  std::error_code ignored;
  const std::filesystem::path relative = std::filesystem::weakly_canonical(path, ignored).lexically_relative(std::filesystem::weakly_canonical(folder, ignored));
  return !relative.empty() && *relative.begin() != "..";
}

/// Who works beside the detector on the embedded log.
stream::EmbeddedFollowing archiver_of(const Setup& setup) { return {"archiver", archived_topics(setup)}; }
stream::EmbeddedFollowing digest_writer() { return {"digest", {std::string(stream::kManifestTopic)}}; }
stream::EmbeddedFollowing notifier() { return {"notifier", {std::string(stream::kAlertsTopic)}}; }
std::vector<stream::EmbeddedFollowing> followers_of(const Setup& setup) {
  std::vector<stream::EmbeddedFollowing> followers;
  if (setup.config.service.roles.archiver) followers.push_back(archiver_of(setup));
  if (setup.config.service.roles.digest) followers.push_back(digest_writer());
  if (setup.config.service.roles.notifier) followers.push_back(notifier());
  return followers;
}

Result<OpenedLog> open_follower(const Setup& setup, stream::EmbeddedFollowing following) {
  auto log = stream::EmbeddedFollower::open({.database = database_of(setup.config.service.embedded), .following = std::move(following), .compacted = {std::string(stream::kDigestsTopic), std::string(stream::kNotificationsTopic)}, .followers = followers_of(setup)});
  if (!log) return fail(std::move(log).error());
  stream::EmbeddedFollower& follower = **log;
  return OpenedLog{.log = std::move(*log), .report = {}, .is_fenced = {}, .drain = [&follower] { return follower.cut_here(); }};
}

Result<void> check_places(const Setup& setup) {
  const config::EmbeddedConfig& embedded = setup.config.service.embedded;
  const auto refuse = [](std::string_view what) { return fail(ErrorCode::kInvalidArgument, fmt::format("{} lies in embedded.input: the service would read what it writes", what)); };
  if (is_below(embedded.data, embedded.input)) return refuse("embedded.data");
  if (is_below(alerts_of(embedded), embedded.input)) return refuse("embedded.alerts");
  if (!setup.config.service.roles.archiver) return {};
  for (const trail::TrailConfig& trail : setup.trails.trails)
    if (!trail.directory.empty() && is_below(trail.directory, embedded.input)) return refuse("the directory of trail " + trail.name);
  return {};
}

Result<std::unique_ptr<stream::InputSource>> open_folder(const Setup& setup) {
  if (auto checked = check_places(setup); !checked) return fail(std::move(checked).error());
  auto watcher = ingest::FolderWatcher::open({.folder = setup.config.service.embedded.input, .max_document_bytes = setup.config.input.max_document_bytes});
  if (!watcher) return fail(std::move(watcher).error().during("embedded.input"));
  return std::unique_ptr<stream::InputSource>(std::move(*watcher));
}

Result<std::unique_ptr<stream::PartitionedLog>> open_embedded(const Setup& setup, std::unique_ptr<stream::InputSource> input) {
  const config::EmbeddedConfig& embedded = setup.config.service.embedded;
  std::error_code error;
  std::filesystem::create_directories(embedded.data, error);
  if (error) return fail(io_error("make folder", embedded.data, error.value()));
  auto log = stream::EmbeddedLog::open({.database = database_of(embedded), .alerts_file = alerts_of(embedded), .keep_journal = embedded.keep_input,
                                        .max_bytes = embedded.max_bytes, .followers = followers_of(setup)},
                                       std::move(input));
  if (!log) return fail(std::move(log).error());
  return std::unique_ptr<stream::PartitionedLog>(std::move(*log));
}

/// There is nothing to read.
class NoInput final : public stream::InputSource {
 public:
  void restore(std::int64_t, std::string_view) override {}
  Result<void> poll(std::chrono::milliseconds, stream::InputBatch& input) override {
    input.clear();
    input.drained = true;
    return {};
  }
  std::string trouble() const override { return {}; }
  void wake() override {}
};

/// Adds what counts have grown by since the last time.
void add_growth(metrics::Registry& registry, std::string_view metric, std::string_view label, const std::map<std::string, std::uint64_t>& now, std::map<std::string, std::uint64_t>& before) {
  for (const auto& [value, count] : now) {
    std::uint64_t& known = before[value];
    registry.add(metric, {{label, value}}, static_cast<double>(count - known));
    known = count;
  }
}

std::function<void(ServiceMetrics&)> reports_of(const stream::KafkaLog& log, std::shared_ptr<ClientMetrics> clients) {
  return [&log, clients = std::move(clients), before = stream::KafkaCounters{}](ServiceMetrics& metrics) mutable {
    const stream::KafkaCounters& now = log.counters();
    add_growth(metrics.registry(), "transaction_aborts_total", "reason", now.aborts, before.aborts);
    add_growth(metrics.registry(), "producer_rebuilds_total", "reason", now.producer_rebuilds, before.producer_rebuilds);
    add_growth(metrics.registry(), "consumer_rebuilds_total", "reason", now.consumer_rebuilds, before.consumer_rebuilds);
    clients->write(metrics.registry());
  };
}

std::function<void(ServiceMetrics&)> reports_of(const ingest::QueueInput& queues) {
  return [&queues, before = ingest::QueueCounters{}](ServiceMetrics& metrics) mutable {
    metrics::Registry& registry = metrics.registry();
    add_growth(registry, "sqs_messages_total", "result", queues.counters().messages, before.messages);
    add_growth(registry, "sqs_objects_total", "result", queues.counters().objects, before.objects);
    registry.set("sqs_messages_held", {}, static_cast<double>(queues.messages_held()));
    const auto oldest = queues.oldest_message();
    registry.set("sqs_oldest_message_age_seconds", {}, oldest ? std::chrono::duration<double>(std::chrono::system_clock::now() - *oldest).count() : 0);
  };
}

/// Statistics come on the thread that polls, which is the worker's own and the one that reports.
std::function<void(std::string_view)> statistics_to(std::shared_ptr<ClientMetrics> clients) {
  return [clients = std::move(clients)](std::string_view json) {
    if (auto statistics = parse_client_statistics(json)) clients->take(std::move(*statistics));
  };
}

Result<std::unique_ptr<stream::KafkaLog>> open_kafka(const config::Config& config, std::size_t worker, const std::string& from, std::shared_ptr<ClientMetrics> clients = nullptr) {
  auto options = kafka_log_options(config, worker, from);
  if (!options) return fail(std::move(options).error());
  if (clients) options->connection.on_statistics = statistics_to(std::move(clients));
  return stream::KafkaLog::create(std::move(*options));
}

Result<OpenedLog> opened(Result<std::unique_ptr<stream::PartitionedLog>> log, std::function<void(ServiceMetrics&)> report) {
  if (!log) return fail(std::move(log).error());
  return OpenedLog{.log = std::move(*log), .report = std::move(report), .is_fenced = {}};
}

Result<OpenedLog> open_beside(Result<stream::KafkaLogOptions> options) {
  if (!options) return fail(std::move(options).error());
  auto log = stream::KafkaLog::create(std::move(*options));
  if (!log) return fail(std::move(log).error());
  const stream::KafkaLog& kafka = **log;
  return OpenedLog{.log = std::move(*log), .report = {}, .is_fenced = [&kafka] { return kafka.fenced(); }};
}

}  // namespace

Result<OpenedLog> open_log(const Setup& setup, std::size_t worker, const std::string& from) {
  if (!setup.config.service.kafka) {
    if (!from.empty()) return fail(ErrorCode::kInvalidArgument, "--from is for Kafka; the embedded log begins with what is in its folder or queues");
    if (setup.config.service.embedded.sqs.empty()) {
      auto folder = open_folder(setup);
      if (!folder) return fail(std::move(folder).error());
      return opened(open_embedded(setup, std::move(*folder)), {});
    }
    auto queues = open_queues(setup);
    if (!queues) return fail(std::move(queues).error());
    auto report = reports_of(**queues);
    return opened(open_embedded(setup, std::move(*queues)), std::move(report));
  }
  const auto clients = std::make_shared<ClientMetrics>(worker);
  auto log = open_kafka(setup.config, worker, from, clients);
  if (!log) return fail(std::move(log).error());
  const stream::KafkaLog& kafka = **log;
  return OpenedLog{.log = std::move(*log), .report = reports_of(kafka, clients), .is_fenced = [&kafka] { return kafka.fenced(); }};
}

std::string archived_alerts(const Setup& setup) {
  const auto& trails = setup.trails.trails;
  if (std::none_of(trails.begin(), trails.end(), [](const trail::TrailConfig& trail) { return trail.insights; })) return {};
  const auto& kafka = setup.config.service.kafka;
  return stream::topic_name(stream::kAlertsTopic, kafka ? std::string_view(kafka->topic_prefix) : stream::kTopicPrefix);
}

std::vector<std::string> input_topics(const Setup& setup) {
  if (!setup.config.service.kafka) return {std::string(stream::kFolderTopic)};
  std::vector<std::string> topics;
  for (const config::KafkaInput& input : setup.config.service.kafka->input) topics.push_back(input.topic);
  return topics;
}

std::vector<bool> gaps_allowed(const Setup& setup) {
  std::vector<bool> allowed;
  if (setup.config.service.kafka)
    for (const config::KafkaInput& input : setup.config.service.kafka->input) allowed.push_back(input.gaps);
  return allowed;
}

std::vector<std::string> archived_topics(const Setup& setup) {
  std::vector<std::string> topics = input_topics(setup);
  if (std::string alerts = archived_alerts(setup); !alerts.empty()) topics.push_back(std::move(alerts));
  return topics;
}

Result<OpenedLog> open_archive_log(const Setup& setup, const std::string& from) {
  if (!setup.config.service.kafka) return open_follower(setup, archiver_of(setup));
  return open_beside(kafka_archive_options(setup.config, from, !archived_alerts(setup).empty()));
}

Result<OpenedLog> open_digest_log(const Setup& setup) {
  if (!setup.config.service.kafka) return open_follower(setup, digest_writer());
  return open_beside(kafka_digest_options(setup.config));
}

Result<OpenedLog> open_notifier_log(const Setup& setup) {
  if (!setup.config.service.kafka) return open_follower(setup, notifier());
  return open_beside(kafka_notifier_options(setup.config, setup.notifications.start));
}

Result<std::unique_ptr<stream::PartitionedLog>> open_stopped(const Setup& setup) {
  const config::EmbeddedConfig& embedded = setup.config.service.embedded;
  std::error_code error;
  std::filesystem::create_directories(embedded.data, error);
  if (error) return fail(io_error("make folder", embedded.data, error.value()));
  auto log = stream::EmbeddedLog::open({.database = database_of(embedded), .alerts_file = {}, .keep_journal = embedded.keep_input, .max_bytes = embedded.max_bytes, .followers = followers_of(setup)}, std::make_unique<NoInput>());
  if (!log) return fail(std::move(log).error().during("the service must not run"));
  return std::unique_ptr<stream::PartitionedLog>(std::move(*log));
}

Result<std::unique_ptr<stream::Topics>> open_topics(const Setup& setup) {
  if (setup.config.service.kafka) {
    // Reads without joining the group; its producer is never used.
    auto log = open_kafka(setup.config, 0, {});
    if (!log) return fail(std::move(log).error());
    return std::unique_ptr<stream::Topics>(std::move(*log));
  }
  auto reader = stream::EmbeddedLog::open_read_only(database_of(setup.config.service.embedded));
  if (!reader) return fail(std::move(reader).error());
  return std::make_unique<stream::EmbeddedReader>(std::move(*reader));
}

}  // namespace trailwarden::app
