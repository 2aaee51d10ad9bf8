#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "stream/kafka_handles.h"
#include "stream/kafka_options.h"

namespace trailwarden::stream::kafka {

/// For metrics: "ILLEGAL_GENERATION" is "illegal_generation", "_TIMED_OUT" is "timed_out".
std::string reason_of(rd_kafka_resp_err_t code);

/// What a client says besides the results of calls: on the thread that polls it, `token` excepted. Any may be empty.
struct Callbacks {
  std::function<void(rd_kafka_resp_err_t, std::string_view text)> error;
  std::function<void(std::string_view json)> statistics;
  std::function<void(const rd_kafka_message_t&)> delivered;  // or not: of each message, or of failed ones if so configured
  std::function<void(rd_kafka_resp_err_t, const rd_kafka_topic_partition_list_t&)> rebalance;
  std::function<Result<KafkaToken>()> token;  // on a thread of the library's
  std::string refusal{};  // not called: the last time that brokers would not have us, and what to look at
};

/// One client of a cluster: librdkafka's `rd_kafka_t` with callbacks that live as long as it does. What the library logs goes to core/log.
///
/// Destroyed without closing a consumer's membership, and a producer without waiting for what it still has. Takes at most about 5 s: 2.0.2 can wait for
/// its own threads for ever (a consumer whose topic was deleted), and then it is left to itself.
class Client {
 public:
  /// kInvalidArgument with what the library says.
  static Result<std::unique_ptr<Client>> create(rd_kafka_type_t type, Conf conf, Callbacks callbacks);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_t* get() const { return handle_; }
  /// The same error, with why the brokers would not have us if they said so. Of a producer, on the thread that polls it.
  Error explained(Error error);
  bool is_refused() const { return !callbacks_->refusal.empty(); }
  /// The error after which nothing works any more, if there was one.
  std::optional<CallError> fatal() const;

 private:
  explicit Client(Callbacks callbacks) : callbacks_(std::make_unique<Callbacks>(std::move(callbacks))) {}
  void connect(rd_kafka_conf_t* conf);

  std::unique_ptr<Callbacks> callbacks_;
  rd_kafka_t* handle_ = nullptr;
};

}  // namespace trailwarden::stream::kafka
