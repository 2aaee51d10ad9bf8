// The service on a real broker, against a bare client on the same topic in the same run.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/setup.h"
#include "corpus.h"
#include "figure.h"
#include "pipeline/worker.h"
#include "stream/kafka_admin.h"
#include "stream/kafka_log.h"
#include "stream/kafka_writer.h"

namespace trailwarden::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kPartitions = 8;
constexpr std::size_t kBytes = std::size_t{2} << 30;  // of JSON: several seconds, so that one commit interval is little of it
constexpr int kRounds = 3;
constexpr int kBackgroundRate = 5'000;  // events a second while latency is measured
constexpr int kAlerts = 60;             // one a second

std::string brokers() {
  const char* const text = std::getenv("TRAILWARDEN_KAFKA");
  if (text == nullptr) throw std::runtime_error("kafka: no broker; scripts/bench kafka starts one, or set TRAILWARDEN_KAFKA=HOST:PORT");
  return text;
}

std::string unique(std::string_view what) {
  static int count = 0;
  return fmt::format("bench-{}-{}-{}", what, ::getpid(), ++count);
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// What one way through the topic took, from the first message on.
struct Pass {
  double seconds = 0, cpu = 0;
  std::uint64_t messages = 0;
};

/// A consumer that only counts: librdkafka with the settings of the service, one message a poll.
Pass bare_pass(const std::string& topic, std::uint64_t messages) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char error[512];
  const std::pair<const char*, std::string> settings[] = {{"bootstrap.servers", brokers()}, {"group.id", unique("bare")},      {"isolation.level", "read_committed"},
                                                          {"enable.auto.commit", "false"},  {"enable.auto.offset.store", "false"}, {"auto.offset.reset", "earliest"},
                                                          {"check.crcs", "true"},           {"fetch.wait.max.ms", "50"},          {"queued.max.messages.kbytes", "65536"},
                                                          {"socket.nagle.disable", "true"}, {"heartbeat.interval.ms", "1000"},    {"partition.assignment.strategy", "range"}};
  for (const auto& [name, value] : settings)
    if (rd_kafka_conf_set(conf, name, value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK) throw std::runtime_error(error);
  rd_kafka_t* const consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error);
  if (consumer == nullptr) throw std::runtime_error(error);
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_topic_partition_list_t* const topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, topic.c_str(), RD_KAFKA_PARTITION_UA);
  rd_kafka_subscribe(consumer, topics);
  rd_kafka_topic_partition_list_destroy(topics);
  Pass pass;
  std::chrono::steady_clock::time_point start;
  double cpu = 0;
  while (pass.messages < messages) {
    rd_kafka_message_t* const message = rd_kafka_consumer_poll(consumer, 1000);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && pass.messages++ == 0) {
      start = std::chrono::steady_clock::now();
      cpu = cpu_seconds();
    }
    rd_kafka_message_destroy(message);
  }
  pass.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  pass.cpu = cpu_seconds() - cpu;
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  return pass;
}

std::chrono::milliseconds steady_now() { return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()); }

std::unique_ptr<stream::KafkaLog> member_of(const std::string& topic) {
  stream::KafkaLogOptions options;
  options.connection.brokers = brokers();
  options.group = options.transactional_id = unique("service");
  options.inputs = {topic};
  options.outputs = {std::string(stream::kAlertsTopic), std::string(stream::kLedgerTopic), std::string(stream::kStateTopic)};
  options.start_from.kind = stream::KafkaLogOptions::StartFrom::Kind::kEarliest;
  return must(stream::KafkaLog::create(std::move(options)));
}

pipeline::WorkerOptions worker_options(const app::Setup& setup) {
  pipeline::WorkerOptions options;
  options.partitions = app::partition_settings(setup);
  options.config = app::fingerprint(setup);
  options.now = steady_now;
  return options;
}

/// Notes when the first records are there, and how many are committed.
class Watch final : public pipeline::WorkerObserver {
 public:
  void counted(const std::string&, const pipeline::RangeCounts& counts, std::uint64_t) override { committed_records += counts.read; }
  std::uint64_t committed_records = 0;
};

/// The whole service on the topic: judged, with a ledger, committed exactly once.
Pass exactly_once_pass(const app::Setup& setup, const std::string& topic, std::uint64_t messages) {
  const auto log = member_of(topic);
  Watch watch;
  pipeline::Worker worker(*log, worker_options(setup), watch);
  Pass pass;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  double cpu = cpu_seconds();
  const auto has_begun = [&] {
    for (const auto& partition : worker.status().partitions)
      if (partition.next > partition.committed || partition.committed > 0) return true;
    return false;
  };
  for (bool begun = false; watch.committed_records < messages;) {
    must(worker.step(100ms));
    if (begun || !(begun = has_begun())) {
      if (begun) continue;
      start = std::chrono::steady_clock::now();
      cpu = cpu_seconds();
    }
  }
  pass = {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), cpu_seconds() - cpu, watch.committed_records};
  must(worker.finish(8s));
  return pass;
}

/// Judging alone, from memory, the same records partition by partition.
double pass_alone_cpu(const app::Setup& setup, const Lines& lines) {
  const pipeline::PartitionSettings settings = app::partition_settings(setup);
  std::vector<std::unique_ptr<pipeline::Partition>> partitions;
  for (int i = 0; i < kPartitions; ++i) partitions.push_back(std::make_unique<pipeline::Partition>(settings, i, 0));
  pipeline::JudgeTools tools(settings.cells);
  pipeline::Counting counting(settings.cells);
  pipeline::PartitionOutput output;
  const double cpu = cpu_seconds();
  std::size_t number = 0;
  for (std::size_t at = 0; at < lines.size; ++number) {
    const std::size_t end = lines.text.find('\n', at);
    stream::Message message;
    message.value = std::string_view(lines.text).substr(at, end - at);
    message.origin = "bench";
    partitions[number % kPartitions]->judge(message, tools, counting, output);
    output.clear();
    at = end + 1;
  }
  return cpu_seconds() - cpu;
}

void fill(const std::string& topic, const Lines& lines) {
  auto writer = must(stream::KafkaWriter::create({.connection = {.brokers = brokers()}}));
  std::size_t number = 0;
  for (std::size_t at = 0; at < lines.size; ++number) {
    const std::size_t end = lines.text.find('\n', at);
    must(writer->write(topic, fmt::format("key-{}", number % 64), std::string_view(lines.text).substr(at, end - at)));
    at = end + 1;
  }
  must(writer->flush(120s));
  if (writer->acknowledged() != lines.records) throw std::runtime_error("the topic did not take all records");
}

void create_topics(const std::string& input) {
  std::vector<stream::TopicSpec> topics{{.name = input, .partitions = kPartitions, .replication = 1, .config = {{"message.timestamp.type", "LogAppendTime"}}}};
  for (const std::string_view name : {stream::kAlertsTopic, stream::kLedgerTopic, stream::kStateTopic, stream::kDeadLetterTopic})
    topics.push_back({.name = std::string(name), .partitions = kPartitions, .replication = 1, .config = {}});
  must(stream::create_topics({.brokers = brokers()}, topics));
}

std::vector<Figure> rate_figures(const app::Setup& setup) {
  const Lines lines = repeated(real_records(), kBytes, 0);
  const std::string topic = unique("input");
  create_topics(topic);
  fill(topic, lines);
  const double alone = pass_alone_cpu(setup, lines);
  std::vector<double> of_bare, of_cpu;
  Pass bare, service;
  for (int round = 0; round < kRounds; ++round) {
    bare = bare_pass(topic, lines.records);
    service = exactly_once_pass(setup, topic, lines.records);
    of_bare.push_back(bare.seconds / service.seconds);
    of_cpu.push_back(service.cpu / (bare.cpu + alone));
  }
  std::sort(of_bare.begin(), of_bare.end());
  std::sort(of_cpu.begin(), of_cpu.end());
  const double records = static_cast<double>(lines.records);
  const std::string what = fmt::format("{} records of {:.0f} bytes, {} partitions, zstd: bare {:.0f} k/s and {:.2f} us CPU, service {:.0f} k/s and {:.2f} us, judging alone {:.2f} us",
                                       lines.records, static_cast<double>(lines.size) / records, kPartitions, records / bare.seconds / 1e3, 1e6 * bare.cpu / records,
                                       records / service.seconds / 1e3, 1e6 * service.cpu / records, 1e6 * alone / records);
  return {{"kafka.of_bare", of_bare[kRounds / 2], "of a bare consumer's wall-clock rate", 0.70, true, what},
          {"kafka.cpu", of_cpu[kRounds / 2], "of CPU of bare consumer plus judging alone", 1.0, false, what}};
}

/// A root sign-in that nobody has seen: one alert, whose deciding eventID is `id`. `account` sets it apart from quiet times.
std::string trigger(const std::string& id, const std::string& account) {
  const Timestamp now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format(R"({{"eventVersion":"1.08","userIdentity":{{"type":"Root","arn":"arn:aws:iam::{0}:root","accountId":"{0}"}},"eventTime":"{1}",)"
                     R"("eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","eventID":"{2}",)"
                     R"("eventType":"AwsApiCall","recipientAccountId":"{0}"}})",
                     account, format_time(now), id);
}

/// Milliseconds from the writing of a record to its alert being visible to a read_committed consumer, sorted.
std::vector<double> latencies(const app::Setup& setup) {
  using Clock = std::chrono::steady_clock;
  const std::string topic = unique("latency");
  create_topics(topic);
  std::atomic<bool> stop = false;
  std::jthread service([&] {
    const auto log = member_of(topic);
    pipeline::WorkerObserver nobody;
    pipeline::Worker worker(*log, worker_options(setup), nobody);
    must(worker.run(stop, 8s));
  });
  // The reader is a member of a group of its own, with the service's settings for latency.
  class Reader final : public stream::Member {
   public:
    explicit Reader(stream::PartitionedLog& from) : log(from) {}
    void assigned(std::vector<stream::Assigned> partitions) override {
      for (const auto& partition : partitions) log.start(partition.partition);
    }
    void revoked(std::span<const stream::PartitionId>) override {}
    void lost(std::span<const stream::PartitionId>) override {}
    stream::PartitionedLog& log;
  };
  const auto alerts = member_of(std::string(stream::kAlertsTopic));
  Reader reader(*alerts);
  stream::Polled polled;
  const auto warm_up = Clock::now() + 8s;
  while (Clock::now() < warm_up) must(alerts->poll(100ms, polled, reader));

  std::map<std::string, Clock::time_point> sent;
  std::mutex mutex;
  std::jthread writing([&] {
    auto writer = must(stream::KafkaWriter::create({.connection = {.brokers = brokers()}, .linger = 1ms}));
    const auto& records = real_records().lines;
    const auto begin = Clock::now();
    for (int i = 0; i < kAlerts * kBackgroundRate; ++i) {
      std::this_thread::sleep_until(begin + i * 1'000'000us / kBackgroundRate);
      if (i % kBackgroundRate == kBackgroundRate / 2) {
        const std::string account = fmt::format("{:012}", 500'000'000'000 + i);
        const std::string record = trigger(fmt::format("trigger-{}", i), account);
        const std::lock_guard lock(mutex);
        sent[account] = Clock::now();
        must(writer->write(topic, account + "/us-east-1", record));
        continue;
      }
      must(writer->write(topic, fmt::format("key-{}", i % 64), records[static_cast<std::size_t>(i) % records.size()]));
    }
    must(writer->flush(10s));
  });
  std::vector<double> milliseconds;
  const auto end = Clock::now() + std::chrono::seconds(kAlerts + 10);
  while (Clock::now() < end && milliseconds.size() < kAlerts) {
    must(alerts->poll(100ms, polled, reader));
    const auto now = Clock::now();
    for (const stream::Message& message : polled.batch.messages) {
      const std::lock_guard lock(mutex);
      const auto found = sent.find(std::string(message.key));
      if (found == sent.end()) continue;
      milliseconds.push_back(std::chrono::duration<double, std::milli>(now - found->second).count());
      sent.erase(found);
    }
  }
  stop = true;
  if (milliseconds.size() != kAlerts) throw std::runtime_error(fmt::format("{} of {} alerts were seen", milliseconds.size(), kAlerts));
  std::sort(milliseconds.begin(), milliseconds.end());
  return milliseconds;
}

std::vector<Figure> latency_figures(const app::Setup& setup) {
  const std::vector<double> sorted = latencies(setup);
  const auto quantile = [&](double q) { return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))]; };
  std::map<int, int> histogram;  // by upper bound
  for (const double value : sorted)
    for (const int bound : {10, 20, 30, 40, 60, 80, 100, 150, 200, 500, 100'000})
      if (value <= bound) {
        ++histogram[bound];
        break;
      }
  std::string what = fmt::format("{} alerts, {} other events a second; up to ms: ", sorted.size(), kBackgroundRate);
  for (const auto& [bound, count] : histogram) what += fmt::format("{}: {}  ", bound, count);
  return {{"kafka.alert_p50", quantile(0.5), "ms from produce to visible", 40, false, what}, {"kafka.alert_p99", quantile(0.99), "ms from produce to visible", 200, false, what}};
}

}  // namespace

std::vector<Figure> kafka_figures() {
  const app::Setup setup = must(app::load_setup(""));
  std::vector<Figure> figures = rate_figures(setup);
  for (Figure& figure : latency_figures(setup)) figures.push_back(std::move(figure));
  return figures;
}

}  // namespace trailwarden::bench
