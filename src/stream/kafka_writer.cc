#include "stream/kafka_writer.h"

#include <fmt/format.h>

#include "stream/kafka_client.h"
#include "stream/kafka_query.h"
#include "stream/kafka_settings.h"

namespace trailwarden::stream {
namespace {

constexpr int kFlushSliceMs = 500;

}  // namespace

namespace kafka {
struct Topics {
  std::map<std::string, Topic> handles;
};
}  // namespace kafka

KafkaWriter::KafkaWriter() : topics_(std::make_unique<kafka::Topics>()) {}

KafkaWriter::~KafkaWriter() = default;

Result<std::unique_ptr<KafkaWriter>> KafkaWriter::create(KafkaWriterOptions options) {
  auto settings = kafka::writer_settings(options.connection, options.linger);
  if (!settings) return fail(std::move(settings).error());
  std::unique_ptr<KafkaWriter> writer(new KafkaWriter());
  kafka::Callbacks callbacks{.statistics = options.connection.on_statistics,
                             .delivered = [made = writer.get()](const rd_kafka_message_t& message) {
                               made->delivered(message.err == RD_KAFKA_RESP_ERR_NO_ERROR
                                                   ? std::string()
                                                   : fmt::format("{}: {}", rd_kafka_topic_name(message.rkt), rd_kafka_err2str(message.err)));
                             },
                             .token = options.connection.security.token};
  auto client = kafka::Client::create(RD_KAFKA_PRODUCER, std::move(*settings), std::move(callbacks));
  if (!client) return fail(std::move(client).error());
  writer->client_ = std::move(*client);
  return writer;
}

void KafkaWriter::delivered(const std::string& problem) {
  if (problem.empty()) {
    ++acknowledged_;
    return;
  }
  ++failed_;
  if (first_error_.empty()) first_error_ = problem;
}

Result<void> KafkaWriter::write(const std::string& topic, std::string_view key, std::string_view value) {
  kafka::Topic& handle = topics_->handles[topic];
  if (!handle) handle.reset(rd_kafka_topic_new(client_->get(), topic.c_str(), nullptr));
  while (true) {
    // Credentials that were wrong from the start do not become right by waiting.
    if (acknowledged_ == 0 && client_->is_refused()) return fail(client_->explained({ErrorCode::kIo, fmt::format("write to {}", topic)}));
    const int done = rd_kafka_produce(handle.get(), RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()), value.size(),
                                      key.empty() ? nullptr : key.data(), key.size(), nullptr);
    const auto error = done == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error();
    rd_kafka_poll(client_->get(), error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) continue;
    const auto fatal = client_->fatal();
    const auto code = error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? ErrorCode::kTooLarge : kafka::says_not_there(error) ? ErrorCode::kNotFound : ErrorCode::kIo;
    return fail(code, fmt::format("write to {}: {}", topic, fatal ? fatal->text : rd_kafka_err2str(error)));
  }
}

Result<void> KafkaWriter::flush(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  auto waited = RD_KAFKA_RESP_ERR__TIMED_OUT;
  while (waited == RD_KAFKA_RESP_ERR__TIMED_OUT && std::chrono::steady_clock::now() < end && !(acknowledged_ == 0 && client_->is_refused()))
    waited = rd_kafka_flush(client_->get(), kFlushSliceMs);
  if (waited != RD_KAFKA_RESP_ERR_NO_ERROR)
    return fail(client_->explained({ErrorCode::kIo, fmt::format("{} messages are not acknowledged yet: {}", rd_kafka_outq_len(client_->get()), rd_kafka_err2str(waited))}));
  if (failed_ > 0) return fail(ErrorCode::kIo, fmt::format("{} messages were not written; the first: {}", failed_, first_error_));
  return {};
}

}  // namespace trailwarden::stream
