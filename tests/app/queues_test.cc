// Queues beside trails: the service must not read what it writes.

#include "app/queues.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using ::testing::HasSubstr;

Result<Setup> setup_of(const std::string& queue, const std::string& trail) {
  const testing::TempDir folder;
  std::ofstream(folder.path("c.yaml")) << "version: 1\nembedded:\n  sqs:\n    - queue_url: https://sqs.eu-west-1.amazonaws.com/111122223333/q\n      " << queue
                                       << "\ntrails:\n  - {name: main, home_region: eu-west-1, " << trail << "}\n";
  return load_setup(folder.path("c.yaml"));
}

TEST(Queues, ABucketThatATrailWritesToIsRefusedAtItsPlace) {
  const auto setup = setup_of("buckets: [company-trail, ours]", "s3: {bucket: ours}");
  ASSERT_FALSE(setup.has_value());
  EXPECT_THAT(setup.error().message, HasSubstr("c.yaml:5:16: buckets: the trail main writes to ours"));
}

TEST(Queues, OtherBucketsAreRead) {
  EXPECT_TRUE(setup_of("buckets: [company-trail]", "s3: {bucket: ours}").has_value());
  EXPECT_TRUE(setup_of("visibility: 1m", "directory: d").has_value());
}

}  // namespace
}  // namespace trailwarden::app
