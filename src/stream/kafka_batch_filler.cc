#include "stream/kafka_batch_filler.h"

#include <algorithm>
#include <cstring>

namespace trailwarden::stream::kafka {
namespace {

constexpr std::size_t kPooled = 8;

std::optional<AppendTime> append_time_of(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t time = rd_kafka_message_timestamp(&message, &type);
  if (type != RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME || time < 0) return std::nullopt;  // a producer's clock is not the log's
  return AppendTime{std::chrono::milliseconds{time}};
}

}  // namespace

Message& BatchFiller::add(const rd_kafka_message_t& from, bool with_headers, MessageBatch& batch) {
  Message& message = batch.messages.emplace_back();
  message.partition = from.partition;
  message.offset = from.offset;
  message.append_time = append_time_of(from);
  message.has_value = from.payload != nullptr;
  message.key = keep(from.key, from.key_len, batch);
  message.value = keep(from.payload, from.len, batch);
  batch.source_bytes += from.key_len + from.len;
  rd_kafka_headers_t* headers = nullptr;
  if (!with_headers || rd_kafka_message_headers(&from, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return message;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    const std::string_view kept = keep(name, std::strlen(name), batch);
    message.headers.emplace_back(kept, keep(value, size, batch));
  }
  return message;
}

std::string_view BatchFiller::keep(const void* bytes, std::size_t size, MessageBatch& batch) {
  if (current_ == nullptr || current_->capacity - current_->used < size) take_buffer(size, batch);
  char* const at = current_->bytes.get() + current_->used;
  if (size > 0) std::memcpy(at, bytes, size);
  current_->used += size;
  return {at, size};
}

void BatchFiller::take_buffer(std::size_t size, MessageBatch& batch) {
  const auto is_free = [size](const std::shared_ptr<Buffer>& buffer) { return buffer.use_count() == 1 && buffer->capacity >= size; };
  const auto found = std::ranges::find_if(pool_, is_free);
  std::shared_ptr<Buffer> buffer;
  if (found != pool_.end()) {
    buffer = *found;
  } else {
    buffer = std::make_shared<Buffer>(std::max(size, kBufferBytes));
    // A giant's buffer is not kept.
    if (size <= kBufferBytes && pool_.size() < kPooled) pool_.push_back(buffer);
  }
  buffer->used = 0;
  current_ = buffer.get();
  batch.holds.push_back(std::move(buffer));
}

}  // namespace trailwarden::stream::kafka
