#include "app/client_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kConsumer =
    R"({"name":"tw#consumer-1","client_id":"tw","type":"consumer","ts":1,"msg_cnt":0,"brokers":{)"
    R"("h:9092/bootstrap":{"name":"h:9092/bootstrap","nodeid":-1,"state":"UP","txerrs":9,"rxerrs":9,"rtt":{"avg":7}},)"
    R"("h:9092/1":{"name":"h:9092/1","nodeid":1,"state":"UP","txerrs":2,"rxerrs":3,"rtt":{"avg":1500}},)"
    R"("h:9093/2":{"name":"h:9093/2","nodeid":2,"state":"DOWN","txerrs":0,"rxerrs":0,"rtt":{"avg":0}}},)"
    R"("topics":{"t":{"topic":"t","partitions":{"0":{"fetchq_cnt":5},"1":{"fetchq_cnt":6},"-1":{}}}}})";

TEST(ClientStatistics, AreFewHoweverManyPartitions) {
  const auto read = parse_client_statistics(kConsumer);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->queued, 11U);
  ASSERT_EQ(read->brokers.size(), 2U) << "without the address that was only asked";
  metrics::Registry registry;
  ClientMetrics metrics(0);
  metrics.take(*read);
  metrics.write(registry);
  metrics.write(registry);
  const std::string text = registry.text();
  EXPECT_THAT(text, HasSubstr("trailwarden_client_queue_messages{queue=\"consumer\",worker=\"0\"} 11\n"));
  EXPECT_THAT(text, HasSubstr("trailwarden_client_broker_up{broker=\"2\",client=\"consumer\",worker=\"0\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("trailwarden_client_broker_rtt_seconds{broker=\"1\",client=\"consumer\",worker=\"0\"} 0.0015\n"));
  EXPECT_THAT(text, Not(HasSubstr("rtt_seconds{broker=\"2\""))) << "it was not measured";
  EXPECT_THAT(text, HasSubstr("trailwarden_client_request_errors_total{direction=\"receive\"} 3\n")) << "each is counted once";
}

TEST(ClientStatistics, RefusesWhatIsNone) {
  for (const char* bad : {"", "[]", "{}", R"({"name":"a","type":"producer","brokers":{"b":{}}})"}) EXPECT_FALSE(parse_client_statistics(bad).has_value()) << bad;
}

}  // namespace
}  // namespace trailwarden::app
