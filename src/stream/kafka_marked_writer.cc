#include "stream/kafka_marked_writer.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "stream/kafka_client.h"
#include "stream/kafka_query.h"
#include "stream/kafka_settings.h"
#include "stream/kafka_transactions.h"

namespace trailwarden::stream {
namespace {

using namespace std::chrono_literals;

constexpr auto kBeginLimit = 60s;
constexpr auto kTransactionTimeout = 60s;
constexpr std::int32_t kMarkPartition = 0;

}  // namespace

struct KafkaMarkedWriter::Parts {
  explicit Parts(KafkaLogOptions with) : options(std::move(with)), transactions(options, trouble, counters), group(rd_kafka_consumer_group_metadata_new(options.group.c_str())) {}

  const std::string& topic() const { return options.inputs.front(); }

  const KafkaLogOptions options;
  kafka::Trouble trouble;
  KafkaCounters counters;
  kafka::Transactions transactions;
  kafka::GroupMetadata group;
};

KafkaMarkedWriter::KafkaMarkedWriter(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

KafkaMarkedWriter::~KafkaMarkedWriter() { parts_->transactions.close(5s); }

Result<std::unique_ptr<KafkaMarkedWriter>> KafkaMarkedWriter::create(KafkaConnection connection, std::string topic, std::string name) {
  KafkaLogOptions options{.connection = std::move(connection), .group = name, .inputs = {topic}, .outputs = {topic}, .transactional_id = name, .transaction_timeout = kTransactionTimeout};
  if (auto settings = kafka::transaction_settings(options); !settings) return fail(std::move(settings).error());
  return std::unique_ptr<KafkaMarkedWriter>(new KafkaMarkedWriter(std::make_unique<Parts>(std::move(options))));
}

Result<KafkaMarkedWriter::Begun> KafkaMarkedWriter::begin() {
  const auto end = std::chrono::steady_clock::now() + kBeginLimit;
  while (!parts_->transactions.ready()) {
    if (auto prepared = parts_->transactions.prepare(1s); !prepared) return fail(std::move(prepared).error());
    if (!parts_->transactions.ready() && std::chrono::steady_clock::now() > end) return fail(ErrorCode::kIo, "no transactional producer: " + parts_->trouble.text());
  }
  auto settings = kafka::reader_settings(parts_->options.connection, parts_->options.group);
  if (!settings) return fail(std::move(settings).error());
  const auto reader = kafka::Client::create(RD_KAFKA_CONSUMER, std::move(*settings), {.token = parts_->options.connection.security.token});
  if (!reader) return fail(reader.error());
  if (auto counted = kafka::count_partitions((*reader)->get(), parts_->topic(), kBeginLimit); !counted) return fail(std::move(counted).error());
  kafka::PartitionList list = kafka::make_list(1);
  rd_kafka_topic_partition_list_add(list.get(), parts_->topic().c_str(), kMarkPartition);
  if (auto fetched = kafka::fetch_committed((*reader)->get(), list, kBeginLimit); !fetched) return fail(std::move(fetched).error());
  const std::int64_t mark = kafka::entries(list).front().offset;
  Begun begun{.cluster = "?", .mark = mark < 0 ? std::nullopt : std::optional(mark)};
  if (char* const id = rd_kafka_clusterid((*reader)->get(), static_cast<int>(std::chrono::milliseconds(kBeginLimit).count())); id != nullptr) {
    begun.cluster = id;
    rd_kafka_mem_free((*reader)->get(), id);
  }
  return begun;
}

void KafkaMarkedWriter::write(std::string_view key, std::string_view value) { parts_->transactions.append({.topic = parts_->topic(), .key = std::string(key), .value = std::string(value)}); }

Result<void> KafkaMarkedWriter::commit(std::int64_t mark) {
  const Progress progress{.partition = {0, kMarkPartition}, .next_offset = mark};
  const auto done = parts_->transactions.commit({&progress, 1}, parts_->group.get());
  if (!done) return fail(Error(done.error()));
  if (*done == CommitResult::kCommitted) return {};
  return fail(ErrorCode::kIo, *done == CommitResult::kFenced ? "another process goes on with the same work" : "a transaction came to nothing: " + parts_->trouble.text());
}

}  // namespace trailwarden::stream
