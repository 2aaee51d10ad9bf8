#include "stream/kafka_reader.h"

#include <fmt/format.h>

#include "stream/kafka_query.h"
#include "stream/kafka_settings.h"

namespace trailwarden::stream::kafka {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto kPatience = 30s;
constexpr auto kOpenTransactions = 1s;  // how long they are waited for at the end as of now
constexpr std::size_t kMessagesAtMost = 1'024;

}  // namespace

Result<std::unique_ptr<PartitionReader>> Reader::open(const KafkaConnection& connection, const std::string& group, Range range) {
  std::unique_ptr<Reader> reader(new Reader(std::move(range)));
  auto opened = reader->connect(connection, group);
  if (opened) opened = reader->find_ends();
  if (opened) opened = reader->assign();
  if (!opened) return fail(std::move(opened).error().during(fmt::format("read {}/{}", reader->range_.topic, reader->range_.partition)));
  return reader;
}

Result<void> Reader::connect(const KafkaConnection& connection, const std::string& group) {
  auto settings = reader_settings(connection, group);
  if (!settings) return fail(std::move(settings).error());
  auto client = Client::create(RD_KAFKA_CONSUMER, std::move(*settings), {.token = connection.security.token});
  if (!client) return fail(std::move(client).error());
  client_ = std::move(*client);
  rd_kafka_poll_set_consumer(client_->get());
  return {};
}

Result<void> Reader::find_ends() {
  const auto extent = query_extent(client_->get(), range_.topic, range_.partition, kPatience);
  if (!extent) return fail(extent.error());
  next_ = range_.from;
  end_ = range_.to;
  if (next_ >= extent->begin || done()) return {};
  const auto compacted = is_compacted(client_->get(), range_.topic, kPatience);
  if (!compacted) return fail(compacted.error());
  if (!*compacted) return fail(ErrorCode::kNotFound, fmt::format("it begins at offset {} now, {} is gone", extent->begin, range_.from));
  next_ = extent->begin;
  return {};
}

Result<void> Reader::assign() {
  if (done()) return {};
  const PartitionList list = make_list(1);
  rd_kafka_topic_partition_list_add(list.get(), range_.topic.c_str(), range_.partition)->offset = next_;
  const auto error = rd_kafka_assign(client_->get(), list.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(ErrorCode::kIo, rd_kafka_err2str(error));
  return {};
}

Result<bool> Reader::read(milliseconds wait, MessageBatch& batch) {
  batch.clear();
  filler_.begin();
  while (!done() && batch.messages.size() < kMessagesAtMost && batch.source_bytes < BatchFiller::kBufferBytes) {
    const MessageHandle message(rd_kafka_consumer_poll(client_->get(), static_cast<int>(wait.count())));
    if (!message) break;
    wait = 0ms;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) add(*message, batch);
    else if (auto heals = take_error(*message); !heals) return fail(std::move(heals).error());
  }
  if (!done() && !range_.to && is_too_short(kOpenTransactions)) end_ = next_;  // somebody's transaction stays open: what is behind it is not visible
  // Brokers that have just changed roles may for a while know less than was committed.
  if (!done() && is_too_short(kPatience)) return failed(ErrorCode::kNotFound, fmt::format("the log ends before offset {}", *end_));
  return !done();
}

bool Reader::is_too_short(milliseconds patience) const { return too_short_since_ && Clock::now() - *too_short_since_ > patience; }

void Reader::add(const rd_kafka_message_t& message, MessageBatch& batch) {
  fix_end();
  too_short_since_.reset();
  next_ = message.offset + 1;
  if (end_ && message.offset >= *end_) return;
  if (batch.messages.empty()) batch.holds.push_back(origin_);
  Message& added = filler_.add(message, true, batch);
  added.origin = *origin_;
  added.origin_id = range_.origin_id;
}

void Reader::reached_end(std::int64_t offset) {
  next_ = std::max(next_, offset);
  fix_end();
  if (!end_) end_ = next_;
  if (!done() && !too_short_since_) too_short_since_ = Clock::now();
}

/// The first answer to a fetch says where the log ends, open transactions included.
void Reader::fix_end() {
  if (end_) return;
  std::int64_t begin = -1, end = -1;
  const auto error = rd_kafka_get_watermark_offsets(client_->get(), range_.topic.c_str(), range_.partition, &begin, &end);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR && end >= 0) end_ = end;
}

Result<void> Reader::take_error(const rd_kafka_message_t& message) {
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      reached_end(message.offset);
      return {};
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC: return failed(ErrorCode::kNotFound, rd_kafka_message_errstr(&message));
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION: return failed(ErrorCode::kMalformed, rd_kafka_message_errstr(&message));
    default: return {};  // it heals
  }
}

tl::unexpected<Error> Reader::failed(ErrorCode code, std::string_view why) const {
  return fail(code, fmt::format("{}/{} at offset {}: {}", range_.topic, range_.partition, next_, why));
}

}  // namespace trailwarden::stream::kafka
