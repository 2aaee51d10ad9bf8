#include "ingest/s3_notice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace trailwarden::ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string in_sns(const std::string& message) { return nlohmann::json{{"Type", "Notification"}, {"MessageId", "1"}, {"TopicArn", "arn:aws:sns:eu-west-1:111122223333:t"}, {"Message", message}}.dump(); }

const std::string kPlain =
    R"({"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"logs"},)"
    R"("object":{"key":"AWSLogs%2Fa+b%2Bc%C3%A4.json.gz","size":42,"eTag":"abc","sequencer":"00"}}}]})";
const NoticedObject kPlainObject{.bucket = "logs", .key = "AWSLogs/a b+c\u00e4.json.gz", .region = "eu-west-1", .etag = "abc", .bytes = 42};

TEST(S3Notice, ReadsS3sOwnEventWithItsEncodedKey) {
  const auto notice = parse_s3_notice(kPlain);
  ASSERT_TRUE(notice.has_value());
  EXPECT_THAT(notice->objects, ElementsAre(kPlainObject));
}

TEST(S3Notice, ReadsEventBridgesWithItsKeyAsItIs) {
  const auto notice = parse_s3_notice(
      R"({"version":"0","detail-type":"Object Created","source":"aws.s3","region":"eu-west-1","detail":{"bucket":{"name":"logs"},"object":{"key":"a+b%2Fc","size":5,"etag":"abc"}}})");
  ASSERT_TRUE(notice.has_value());
  EXPECT_THAT(notice->objects, ElementsAre(NoticedObject{.bucket = "logs", .key = "a+b%2Fc", .region = "eu-west-1", .etag = "abc", .bytes = 5}));
}

TEST(S3Notice, ReadsCloudTrailsWithSeveralKeys) {
  const std::string body = R"({"s3Bucket":"logs","s3ObjectKey":["a+b","c"]})";
  for (const std::string& text : {body, in_sns(body)}) {
    const auto notice = parse_s3_notice(text);
    ASSERT_TRUE(notice.has_value());
    EXPECT_THAT(notice->objects, ElementsAre(NoticedObject{.bucket = "logs", .key = "a+b"}, NoticedObject{.bucket = "logs", .key = "c"}));
  }
}

TEST(S3Notice, ReadsTheSameInASnsNotification) {
  const auto notice = parse_s3_notice(in_sns(kPlain));
  ASSERT_TRUE(notice.has_value());
  EXPECT_THAT(notice->objects, ElementsAre(kPlainObject));
}

TEST(S3Notice, ARegionThatIsNoneIsNotTaken) {
  const auto notice = parse_s3_notice(R"({"detail-type":"Object Created","region":"evil.example/","detail":{"bucket":{"name":"logs"},"object":{"key":"k"}}})");
  ASSERT_TRUE(notice.has_value());
  EXPECT_EQ(notice->objects[0].region, "");
}

struct Case {
  const char* name;
  std::string body;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.body; }

class OtherEvents : public ::testing::TestWithParam<Case> {};
TEST_P(OtherEvents, AreCountedAndTellOfNoObject) {
  const auto notice = parse_s3_notice(GetParam().body);
  ASSERT_TRUE(notice.has_value()) << notice.error().message;
  EXPECT_THAT(notice->objects, IsEmpty());
  EXPECT_EQ(notice->others, 1U);
}
INSTANTIATE_TEST_SUITE_P(
    S3, OtherEvents,
    ::testing::Values(Case{"Test", R"({"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-03-01T00:00:00.000Z","Bucket":"logs"})"},
                      Case{"TestInSns", in_sns(R"({"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"logs"})")},
                      Case{"Removed", R"({"Records":[{"eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"logs"},"object":{"key":"a"}}}]})"},
                      Case{"RemovedByEventBridge", R"({"detail-type":"Object Deleted","source":"aws.s3","detail":{}})"},
                      Case{"Validation", in_sns("CloudTrail validation message.")}, Case{"Confirmation", R"({"Type":"SubscriptionConfirmation","Message":"x"})"}),
    [](const auto& row) { return std::string(row.param.name); });

class NoNotice : public ::testing::TestWithParam<Case> {};
TEST_P(NoNotice, IsMalformed) {
  const auto notice = parse_s3_notice(GetParam().body);
  ASSERT_FALSE(notice.has_value());
  EXPECT_EQ(notice.error().code, ErrorCode::kMalformed);
  EXPECT_FALSE(notice.error().message.empty());
}
INSTANTIATE_TEST_SUITE_P(
    Bodies, NoNotice,
    ::testing::Values(Case{"Empty", ""}, Case{"Text", "hello"}, Case{"List", "[]"}, Case{"NothingKnown", R"({"a":1})"},
                      // One that can be read does not hide one that cannot.
                      Case{"HalfReadable", R"({"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}},{"eventName":"ObjectCreated:Put","s3":{}}]})"},
                      Case{"RecordOfCloudTrail", R"({"Records":[{"eventVersion":"1.08","eventName":"ConsoleLogin"}]})"},
                      Case{"EventOfCloudTrail", R"({"detail-type":"AWS API Call via CloudTrail","detail":{}})"}, Case{"KeyIsNumber", R"({"s3Bucket":"b","s3ObjectKey":[1]})"},
                      Case{"TooOftenWrapped", in_sns(in_sns(in_sns(in_sns(kPlain))))}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace trailwarden::ingest
