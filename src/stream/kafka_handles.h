#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <optional>
#include <span>
#include <string>

/// librdkafka's objects with owners: the only header of ours that includes its header, and only .cc files and internal headers include this one.
namespace trailwarden::stream::kafka {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* object) const {
    destroy(object);
  }
};
template <class T, auto destroy>
using Owned = std::unique_ptr<T, Destroy<destroy>>;

using Conf = Owned<rd_kafka_conf_t, rd_kafka_conf_destroy>;
using PartitionList = Owned<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;
using MessageHandle = Owned<rd_kafka_message_t, rd_kafka_message_destroy>;
using Queue = Owned<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using Topic = Owned<rd_kafka_topic_t, rd_kafka_topic_destroy>;
using Metadata = Owned<const rd_kafka_metadata_t, rd_kafka_metadata_destroy>;
using GroupMetadata = Owned<rd_kafka_consumer_group_metadata_t, rd_kafka_consumer_group_metadata_destroy>;
using Headers = Owned<rd_kafka_headers_t, rd_kafka_headers_destroy>;
using Event = Owned<rd_kafka_event_t, rd_kafka_event_destroy>;
using ErrorHandle = Owned<rd_kafka_error_t, rd_kafka_error_destroy>;

inline PartitionList make_list(std::size_t size = 8) { return PartitionList(rd_kafka_topic_partition_list_new(static_cast<int>(size))); }
inline std::span<rd_kafka_topic_partition_t> entries(const PartitionList& list) { return {list->elems, static_cast<std::size_t>(list->cnt)}; }
inline std::span<const rd_kafka_topic_partition_t> entries(const rd_kafka_topic_partition_list_t& list) {
  return {list.elems, static_cast<std::size_t>(list.cnt)};
}

/// What a call says when it did not succeed; which of the flags is set decides what may be done next (spec/streaming.md 1.4).
struct CallError {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  bool fatal = false, retriable = false, requires_abort = false;
  std::string text;
};

/// None if the call succeeded. Takes the object.
inline std::optional<CallError> outcome(rd_kafka_error_t* taken) {
  const ErrorHandle error(taken);
  if (!error) return std::nullopt;
  return CallError{rd_kafka_error_code(error.get()), rd_kafka_error_is_fatal(error.get()) != 0, rd_kafka_error_is_retriable(error.get()) != 0,
                   rd_kafka_error_txn_requires_abort(error.get()) != 0, rd_kafka_error_string(error.get())};
}

}  // namespace trailwarden::stream::kafka
