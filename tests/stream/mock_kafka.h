#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/check.h"

namespace trailwarden::testing {

/// librdkafka's mock cluster of one broker, in this process. Good for connections, groups and error classes; it has no transactions to speak of
/// (spec/streaming.md 1.9).
class MockKafka {
 public:
  // Requests, by their number in Kafka's protocol.
  static constexpr std::int16_t kProduce = 0, kOffsetFetch = 9, kHeartbeat = 12, kInitProducerId = 22, kAddPartitionsToTxn = 24, kAddOffsetsToTxn = 25,
                                kEndTxn = 26, kTxnOffsetCommit = 28;

  MockKafka() {
    owner_ = client({});
    cluster_ = rd_kafka_mock_cluster_new(owner_, 1);
    TRAILWARDEN_CHECK(cluster_ != nullptr, "a mock cluster");
  }
  ~MockKafka() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(owner_);
  }
  MockKafka(const MockKafka&) = delete;
  MockKafka& operator=(const MockKafka&) = delete;

  std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  void create_topic(const std::string& name, int partitions) { rd_kafka_mock_topic_create(cluster_, name.c_str(), partitions, 1); }

  /// The next requests of this kind are answered with these, one each; RD_KAFKA_RESP_ERR__TRANSPORT hangs up.
  void push_errors(std::int16_t api, const std::vector<rd_kafka_resp_err_t>& errors) {
    for (const auto error : errors) rd_kafka_mock_broker_push_request_error_rtts(cluster_, 1, api, 1, error, 0);
  }
  /// Waits until an error that was pushed to the broker is taken.
  bool wait_until_taken(std::int16_t api) {
    for (int i = 0; i < 200; ++i, std::this_thread::sleep_for(std::chrono::milliseconds{50})) {
      std::size_t left = 0;
      rd_kafka_mock_broker_error_stack_cnt(cluster_, 1, api, &left);
      if (left == 0) return true;
    }
    return false;
  }
  /// The next request of this kind is answered, but late.
  void delay_once(std::int16_t api, std::chrono::milliseconds delay) {
    rd_kafka_mock_broker_push_request_error_rtts(cluster_, 1, api, 1, RD_KAFKA_RESP_ERR_NO_ERROR, static_cast<int>(delay.count()));
  }
  void set_down(bool down) { down ? rd_kafka_mock_broker_set_down(cluster_, 1) : rd_kafka_mock_broker_set_up(cluster_, 1); }

  /// Writes values to a partition, and waits until they are there.
  void fill(const std::string& topic, std::int32_t partition, const std::vector<std::string>& values,
            std::vector<std::pair<std::string, std::string>> properties = {}) {
    properties.emplace_back("bootstrap.servers", brokers());
    rd_kafka_t* const producer = client(properties);
    for (const std::string& value : values) {
      const auto error = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_KEY("key", 3),
                                           RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
      TRAILWARDEN_CHECK(error == RD_KAFKA_RESP_ERR_NO_ERROR, "a test's message");
    }
    TRAILWARDEN_CHECK(rd_kafka_flush(producer, 30'000) == RD_KAFKA_RESP_ERR_NO_ERROR, "a mock broker answers");
    rd_kafka_destroy(producer);
  }

 private:
  static rd_kafka_t* client(const std::vector<std::pair<std::string, std::string>>& properties) {
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, nullptr);
    std::array<char, 512> problem{};
    for (const auto& [name, value] : properties)
      TRAILWARDEN_CHECK(rd_kafka_conf_set(conf, name.c_str(), value.c_str(), problem.data(), problem.size()) == RD_KAFKA_CONF_OK, "a test's property");
    rd_kafka_t* const made = rd_kafka_new(RD_KAFKA_PRODUCER, conf, problem.data(), problem.size());
    TRAILWARDEN_CHECK(made != nullptr, "a test's client");
    return made;
  }

  rd_kafka_t* owner_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

}  // namespace trailwarden::testing
