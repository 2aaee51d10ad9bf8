#include "app/service_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::app {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

const Timestamp kNow{std::chrono::seconds{1'704'067'200}};  // 2024-01-01T00:00Z

std::string page_of(Timestamp watermark, std::optional<AppendTime> newest_append) {
  pipeline::WorkerStatus worker;
  worker.partitions.push_back({.state = pipeline::PartitionStatus::State::kRunning, .topic = "cloudtrail", .reason = {}, .detail = {}, .partition = 3, .extent = {}, .watermark = watermark,
                               .since_commit = {}, .since_snapshot = {}, .newest_append = newest_append});
  return ServiceMetrics({"cloudtrail"}).text({worker}, {0});
}

TEST(ServiceMetrics, AWatermarkThatStandsStillFallsBehindTheLogsOwnClock) {
  constexpr const char* kLag = "\ntrailwarden_watermark_lag_seconds{partition=\"3\",topic=\"cloudtrail\"} ";
  EXPECT_THAT(page_of(kNow - 20min, kNow + 500ms), HasSubstr(std::string(kLag) + "1200.5\n"));
  EXPECT_THAT(page_of(kNow - 20min, kNow + 1h), HasSubstr(std::string(kLag) + "4800\n"));
  EXPECT_THAT(page_of(kNow, kNow - 1min), HasSubstr(std::string(kLag) + "0\n")) << "ticks took it on";
  EXPECT_THAT(page_of(kNow, std::nullopt), Not(HasSubstr(kLag))) << "the log has no clock";
  EXPECT_THAT(page_of(kBeginningOfTime, kNow), Not(HasSubstr(kLag))) << "there was no record yet";
}

}  // namespace
}  // namespace trailwarden::app
