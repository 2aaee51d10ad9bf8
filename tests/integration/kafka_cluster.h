#pragma once

#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/check.h"

namespace trailwarden::testing {

/// What a test does to a cluster behind our back, with librdkafka itself.
class Cluster {
 public:
  explicit Cluster(const std::string& brokers, std::vector<std::pair<std::string, std::string>> properties = {}) {
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    std::array<char, 512> problem{};
    properties.emplace_back("bootstrap.servers", brokers);
    for (const auto& [name, value] : properties)
      TRAILWARDEN_CHECK(rd_kafka_conf_set(conf, name.c_str(), value.c_str(), problem.data(), problem.size()) == RD_KAFKA_CONF_OK, "a test's property");
    client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, problem.data(), problem.size()));
    TRAILWARDEN_CHECK(client_ != nullptr, "a test's client");
  }
  rd_kafka_t* get() const { return client_.get(); }

  /// Deletes the records of a partition before `offset`.
  bool delete_records(const std::string& topic, std::int32_t partition, std::int64_t offset) {
    rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = offset;
    rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_topic_partition_list_destroy(list);
    return admin([&](rd_kafka_queue_t* queue) { rd_kafka_DeleteRecords(get(), &request, 1, nullptr, queue); }, [&] { rd_kafka_DeleteRecords_destroy(request); });
  }

  bool delete_topic(const std::string& topic) {
    rd_kafka_DeleteTopic_t* request = rd_kafka_DeleteTopic_new(topic.c_str());
    return admin([&](rd_kafka_queue_t* queue) { rd_kafka_DeleteTopics(get(), &request, 1, nullptr, queue); }, [&] { rd_kafka_DeleteTopic_destroy(request); });
  }

 private:
  template <class Ask, class Destroy>
  bool admin(Ask ask, Destroy destroy) {
    rd_kafka_queue_t* const queue = rd_kafka_queue_new(get());
    ask(queue);
    rd_kafka_event_t* const event = rd_kafka_queue_poll(queue, 30'000);
    const bool done = event != nullptr && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (event != nullptr) rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    destroy();
    return done;
  }

  struct Free {
    void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
  };
  std::unique_ptr<rd_kafka_t, Free> client_;
};

}  // namespace trailwarden::testing
