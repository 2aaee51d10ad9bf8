#include "stream/kafka_describe.h"

#include <fmt/format.h>

#include "stream/kafka_query.h"

namespace trailwarden::stream::kafka {
namespace {

using ConfigResource = Owned<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy>;
using AdminOptions = Owned<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;

tl::unexpected<Error> refused(const std::string& topic, rd_kafka_resp_err_t code, const char* text) {
  return fail(says_not_there(code) ? ErrorCode::kNotFound : ErrorCode::kIo,
              fmt::format("settings of topic {}: {}", topic, text != nullptr ? text : rd_kafka_err2str(code)));
}

}  // namespace

Result<std::map<std::string, std::string>> describe_topic(rd_kafka_t* client, const std::string& topic, std::chrono::milliseconds limit) {
  const ConfigResource asked(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  const AdminOptions options(rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), static_cast<int>(limit.count()), nullptr, 0);
  const Queue queue(rd_kafka_queue_new(client));
  rd_kafka_ConfigResource_t* resource = asked.get();
  rd_kafka_DescribeConfigs(client, &resource, 1, options.get(), queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), static_cast<int>(limit.count()) + 1'000));
  if (!event) return refused(topic, RD_KAFKA_RESP_ERR__TIMED_OUT, nullptr);
  if (const auto code = rd_kafka_event_error(event.get())) return refused(topic, code, rd_kafka_event_error_string(event.get()));

  std::size_t count = 0;
  const auto* const* const answers = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  if (count != 1) return refused(topic, RD_KAFKA_RESP_ERR__BAD_MSG, nullptr);
  if (const auto code = rd_kafka_ConfigResource_error(answers[0])) return refused(topic, code, rd_kafka_ConfigResource_error_string(answers[0]));
  const auto* const* const found = rd_kafka_ConfigResource_configs(answers[0], &count);
  std::map<std::string, std::string> config;
  for (std::size_t i = 0; i < count; ++i)
    if (const char* const value = rd_kafka_ConfigEntry_value(found[i])) config[rd_kafka_ConfigEntry_name(found[i])] = value;
  return config;
}

}  // namespace trailwarden::stream::kafka
