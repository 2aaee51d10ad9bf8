#include "stream/kafka_client.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <future>

#include "core/log.h"
#include "core/thread.h"

namespace trailwarden::stream::kafka {
namespace {

constexpr int kSyslogWarning = 4;
constexpr std::chrono::milliseconds kLongestEnd{5'000};

Callbacks& callbacks_of(void* opaque) { return *static_cast<Callbacks*>(opaque); }

/// Logged as a warning down to syslog's "warning"; below that the library tells of every connection.
void on_log(const rd_kafka_t*, int level, const char* facility, const char* text) {
  const log::Fields fields = {{"facility", std::string_view(facility)}, {"text", std::string_view(text)}};
  if (level <= kSyslogWarning) log::warn("kafka.client", fields);
  else log::debug("kafka.client", fields);
}

/// What to look at when brokers do not have us. With TLS 1.3 a certificate that they miss shows only after the handshake, as a connection that failed.
std::string_view advice(rd_kafka_resp_err_t code, std::string_view text) {
  if (text.find("SSL routines") != std::string_view::npos) code = RD_KAFKA_RESP_ERR__SSL;
  switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM: return "Look at kafka.security: mechanism, username, and the password or token";
    case RD_KAFKA_RESP_ERR__SSL:
      return "Look at kafka.security: ca_file (it must hold the authority that signed the brokers' certificates), certificate_file and key_file, and whether this port speaks TLS";
    default: return {};
  }
}

void on_error(rd_kafka_t*, int code_number, const char* text, void* opaque) {
  const auto code = static_cast<rd_kafka_resp_err_t>(code_number);
  std::string said = text;
  if (const std::string_view hint = advice(code, text); !hint.empty()) callbacks_of(opaque).refusal = said.append(". ").append(hint);
  if (const auto& callback = callbacks_of(opaque).error) callback(code, said);
}

int on_statistics(rd_kafka_t*, char* json, std::size_t size, void* opaque) {
  if (const auto& callback = callbacks_of(opaque).statistics) callback({json, size});
  return 0;  // the library frees it
}

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) { callbacks_of(opaque).delivered(*message); }

void on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  callbacks_of(opaque).rebalance(what, *partitions);
}

void on_token_needed(rd_kafka_t* handle, const char*, void* opaque) {
  const auto token = callbacks_of(opaque).token();
  std::array<char, 512> problem{};
  if (token && rd_kafka_oauthbearer_set_token(handle, token->value.c_str(), token->expires.time_since_epoch().count(), token->principal.c_str(), nullptr, 0,
                                              problem.data(), problem.size()) == RD_KAFKA_RESP_ERR_NO_ERROR)
    return;
  const std::string why = token ? std::string(problem.data()) : token.error().message;
  log::warn("kafka.no_token", {{"detail", why}});
  rd_kafka_oauthbearer_set_token_failure(handle, why.c_str());
}

}  // namespace

std::string reason_of(rd_kafka_resp_err_t code) {
  std::string name = rd_kafka_err2name(code);
  if (name.starts_with('_')) name.erase(0, 1);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

void Client::connect(rd_kafka_conf_t* conf) {
  rd_kafka_conf_set_opaque(conf, callbacks_.get());
  rd_kafka_conf_set_log_cb(conf, on_log);
  rd_kafka_conf_set_error_cb(conf, on_error);
  if (callbacks_->statistics) rd_kafka_conf_set_stats_cb(conf, on_statistics);
  if (callbacks_->delivered) rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  if (callbacks_->rebalance) rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
  if (!callbacks_->token) return;
  // Served by a thread of the library, so that a token is there however long nobody polls.
  rd_kafka_conf_enable_sasl_queue(conf, 1);
  rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, on_token_needed);
}

Result<std::unique_ptr<Client>> Client::create(rd_kafka_type_t type, Conf conf, Callbacks callbacks) {
  std::unique_ptr<Client> client(new Client(std::move(callbacks)));
  client->connect(conf.get());
  std::array<char, 512> problem{};
  client->handle_ = rd_kafka_new(type, conf.get(), problem.data(), problem.size());
  if (client->handle_ == nullptr) return fail(ErrorCode::kInvalidArgument, std::string("Kafka client: ") + problem.data());
  [[maybe_unused]] rd_kafka_conf_t* const taken = conf.release();
  if (client->callbacks_->token) {
    if (const auto error = outcome(rd_kafka_sasl_background_callbacks_enable(client->handle_)))
      return fail(ErrorCode::kInvalidArgument, "Kafka client: " + error->text);
  }
  return client;
}

Client::~Client() {
  if (handle_ == nullptr) return;
  // Whatever a producer still holds would be waited for.
  if (rd_kafka_type(handle_) == RD_KAFKA_PRODUCER) rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  // What the library says on its way out is no concern of ours any more; tokens it may still want.
  callbacks_->error = {};
  callbacks_->statistics = [](std::string_view) {};
  callbacks_->delivered = [](const rd_kafka_message_t&) {};
  callbacks_->rebalance = [](rd_kafka_resp_err_t, const rd_kafka_topic_partition_list_t&) {};
  auto ended = std::make_shared<std::promise<void>>();
  const auto end = [handle = handle_, callbacks = std::shared_ptr<Callbacks>(std::move(callbacks_)), ended] {
    rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    ended->set_value();
  };
  auto thread = start_thread("kafka-end", end);
  if (!thread) {
    end();
  } else if (ended->get_future().wait_for(kLongestEnd) == std::future_status::ready) {
    thread->join();
  } else {
    log::warn("kafka.client_does_not_end", {{"left_after_ms", std::int64_t{kLongestEnd.count()}}});
    thread->detach();
  }
}

Error Client::explained(Error error) {
  rd_kafka_poll(handle_, 0);
  if (!callbacks_->refusal.empty()) error.message.append(": ").append(callbacks_->refusal);
  return error;
}

std::optional<CallError> Client::fatal() const {
  std::array<char, 512> text{};
  const rd_kafka_resp_err_t code = rd_kafka_fatal_error(handle_, text.data(), text.size());
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  return CallError{.code = code, .fatal = true, .text = text.data()};
}

}  // namespace trailwarden::stream::kafka
