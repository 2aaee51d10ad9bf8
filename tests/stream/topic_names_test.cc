#include "stream/topic_names.h"

#include <gtest/gtest.h>

namespace trailwarden::stream {
namespace {

TEST(TopicNames, OnlyTheServicesOwnTakeThePrefix) {
  EXPECT_EQ(topic_name(kAlertsTopic, kTopicPrefix), "trailwarden.alerts");
  EXPECT_EQ(topic_name(kManifestTopic, "trial-"), "trial-manifest");
  EXPECT_EQ(topic_name("cloudtrail", "trial-"), "cloudtrail");
  EXPECT_EQ(topic_name("trailwarden.else", "trial-"), "trailwarden.else");
  for (const std::string_view topic : kServiceTopics) EXPECT_EQ(topic_name(topic, kTopicPrefix), topic);
}

}  // namespace
}  // namespace trailwarden::stream
