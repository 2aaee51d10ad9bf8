#include "detectors/trail_tampering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detectors/judging.h"

namespace trailwarden::detectors {
namespace {

using testing::an_event;
using testing::configured;
using testing::differences_after_reload;
using testing::EventBuilder;
using testing::flaws;
using testing::judge;
using testing::whats;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::unique_ptr<Detector> detector(std::string_view yaml = "trail_buckets: [\"*-logs\"]") { return configured("trail_tampering", yaml); }

EventBuilder trail_call(std::string_view name, std::string_view request = R"({"name":"main"})") { return an_event().of("cloudtrail").named(name).request(request); }
EventBuilder bucket_call(std::string_view name, std::string_view more = "", std::string_view bucket = "trail-logs") {
  return an_event().of("s3").named(name).request(fmt::format(R"({{"bucketName":"{}"{}}})", bucket, more));
}
EventBuilder selectors(std::string_view list) { return trail_call("PutEventSelectors", fmt::format(R"({{"trailName":"main",{}}})", list)); }
EventBuilder expiry(std::string_view rule) { return bucket_call("PutBucketLifecycle", fmt::format(R"(,"LifecycleConfiguration":{{"Rule":{}}},"lifecycle":"")", rule)); }
EventBuilder policy(std::string_view statements) {
  return bucket_call("PutBucketPolicy", fmt::format(R"(,"bucketPolicy":{{"Version":"2012-10-17","Statement":{}}},"policy":"")", statements));
}

constexpr std::string_view kCloudTrailWrites =
    R"({"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::trail-logs/*"})";

struct Case {
  const char* name;
  EventBuilder event;
  const char* says;           // what(severity); "" : nothing
  const char* in_words = "";  // a part of the sentence
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.event.json(); }

class TrailCallTable : public ::testing::TestWithParam<Case> {};

TEST_P(TrailCallTable, IsJudged) {
  const auto trails = detector();
  const auto said = judge(*trails, GetParam().event);
  if (*GetParam().says == '\0') {
    EXPECT_THAT(whats(said), IsEmpty());
    return;
  }
  ASSERT_THAT(whats(said), ElementsAre(GetParam().says)) << said[0].sentence;
  EXPECT_THAT(said[0].sentence, HasSubstr(GetParam().in_words));
  EXPECT_THAT(flaws(said[0]), IsEmpty());
}

std::string name_of(const ::testing::TestParamInfo<Case>& row) { return row.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Trails, TrailCallTable,
    ::testing::Values(
        Case{"Stopped", trail_call("StopLogging"), "logging_stopped(high)", "user alice stopped the logging of trail main in eu-west-1 of account 111111111111, from 203.0.113.7."},
        Case{"StoppedByArn", trail_call("StopLogging", R"({"name":"arn:aws:cloudtrail:eu-west-1:111111111111:trail/main"})"), "logging_stopped(high)", "trail main in"},
        Case{"StopRefused", trail_call("StopLogging", "null").refused(), "logging_stopped_refused(medium)", "tried to stop the logging of a trail that the record does not name"},
        Case{"StopFailed", trail_call("StopLogging").failed_with("TrailNotFoundException"), "attempt_failed(low)", "and failed (TrailNotFoundException)."},
        Case{"Deleted", trail_call("DeleteTrail"), "trail_deleted(high)"},
        Case{"Started", trail_call("StartLogging"), ""},
        Case{"Created", trail_call("CreateTrail", R"({"name":"main","s3BucketName":"x","isMultiRegionTrail":false})"), ""},
        Case{"Looked", trail_call("DescribeTrails").read(), ""},
        Case{"CopyAtAVpcEndpoint", trail_call("StopLogging").set("eventCategory", "NetworkActivity"), ""},
        Case{"NoLongerAllRegions", trail_call("UpdateTrail", R"({"name":"main","isMultiRegionTrail":false})"), "trail_narrowed(high)", "changed trail main in eu-west-1 of account 111111111111, from 203.0.113.7, so that it no longer covers all Regions."},
        Case{"NoLongerGlobalServices", trail_call("UpdateTrail", R"({"name":"main","includeGlobalServiceEvents":false})"), "trail_narrowed(high)", "global services such as IAM"},
        Case{"NoLongerTheOrganization", trail_call("UpdateTrail", R"({"name":"main","isOrganizationTrail":false})"), "trail_narrowed(high)"},
        Case{"NoLongerValidated", trail_call("UpdateTrail", R"({"name":"main","enableLogFileValidation":false})"), "trail_redirected(medium)", "no longer validated"},
        Case{"AnotherBucket", trail_call("UpdateTrail", R"({"name":"main","s3BucketName":"evil"})"), "trail_redirected(medium)", "it is delivered to bucket evil"},
        Case{"ABucketThatHoldsTrails", trail_call("UpdateTrail", R"({"name":"main","s3BucketName":"trail-logs"})"), ""},
        Case{"KeyRemoved", trail_call("UpdateTrail", R"({"name":"main","kmsKeyId":""})"), "trail_redirected(medium)", "no longer encrypted with a key of its own"},
        Case{"LogGroupRemoved", trail_call("UpdateTrail", R"({"name":"main","cloudWatchLogsLogGroupArn":""})"), "trail_redirected(medium)"},
        Case{"ValidationOn", trail_call("UpdateTrail", R"({"name":"main","enableLogFileValidation":true})"), ""},
        Case{"MoreCovered", trail_call("UpdateTrail", R"({"name":"main","includeGlobalServiceEvents":true,"isMultiRegionTrail":true})"), ""},
        Case{"LogGroupAdded", trail_call("UpdateTrail", R"({"name":"main","cloudWatchLogsLogGroupArn":"arn:aws:logs:x"})"), ""},
        Case{"EverythingSentAgain", trail_call("UpdateTrail", R"({"name":"main","s3BucketName":"trail-logs","isMultiRegionTrail":true,"includeGlobalServiceEvents":true,
             "enableLogFileValidation":true,"isOrganizationTrail":false})"), ""},
        Case{"EverythingSentAgainAndLess", trail_call("UpdateTrail", R"({"name":"main","s3BucketName":"trail-logs","isMultiRegionTrail":false,"isOrganizationTrail":false})"),
             "trail_redirected(medium)", "all Regions (if it did before, which is not known)"},
        Case{"UpdateRefusedWithoutParameters", trail_call("UpdateTrail", "null").refused(), "trail_redirected_refused(low)", "(how is not recorded)"},
        Case{"UpdateRefused", trail_call("UpdateTrail", R"({"name":"main","isMultiRegionTrail":false})").refused(), "trail_narrowed_refused(medium)",
             "user alice tried to change trail main in eu-west-1 of account 111111111111, from 203.0.113.7, so that it no longer covers all Regions, and was refused (AccessDenied)."},
        Case{"StrangeParameters", trail_call("UpdateTrail", R"({"name":7,"isMultiRegionTrail":"false","s3BucketName":null,"kmsKeyId":[]})"), ""},
        Case{"InsightsOff", trail_call("PutInsightSelectors", R"({"trailName":"main","insightSelectors":[]})"), "insights_disabled(low)", "whether they were on is not known"},
        Case{"InsightsOn", trail_call("PutInsightSelectors", R"({"trailName":"main","insightSelectors":[{"insightType":"ApiCallRateInsight"}]})"), ""},
        Case{"DataStoreDeleted", trail_call("DeleteEventDataStore", R"({"eventDataStore":"arn:aws:cloudtrail:x:1:eventdatastore/abc"})"), "data_store_deleted(medium)", "event data store abc"},
        Case{"DataStoreStopped", trail_call("StopEventDataStoreIngestion", R"({"eventDataStore":"abc"})"), "data_store_stopped(medium)"},
        Case{"DataStoreUnprotected", trail_call("UpdateEventDataStore", R"({"eventDataStore":"abc","terminationProtectionEnabled":false})"), "data_store_narrowed(medium)", "no longer protected from deletion"},
        Case{"DataStoreRenamed", trail_call("UpdateEventDataStore", R"({"eventDataStore":"abc","name":"new"})"), ""}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Selectors, TrailCallTable,
    ::testing::Values(
        Case{"Everything", selectors(R"("eventSelectors":[{"readWriteType":"All","includeManagementEvents":true,"excludeManagementEventSources":[]}])"), ""},
        Case{"DefaultsAreEverything", selectors(R"("eventSelectors":[{"dataResources":[]}])"), ""},
        Case{"Nothing", selectors(R"("eventSelectors":[{"readWriteType":"All","includeManagementEvents":false}])"), "selectors_narrowed(high)", ", so that management events are no longer recorded."},
        Case{"OnlyReads", selectors(R"("eventSelectors":[{"readWriteType":"ReadOnly","includeManagementEvents":true}])"), "selectors_narrowed(high)", "only reads are recorded"},
        Case{"OnlyWrites", selectors(R"("eventSelectors":[{"readWriteType":"WriteOnly","includeManagementEvents":true}])"), "selectors_thinned(medium)", "only writes are recorded"},
        Case{"ReadsAndWritesApart", selectors(R"("eventSelectors":[{"readWriteType":"WriteOnly"},{"readWriteType":"ReadOnly"}])"), ""},
        Case{"OneSelectorOfTwoKeepsEverything", selectors(R"("eventSelectors":[{"includeManagementEvents":false},{"readWriteType":"All","includeManagementEvents":true}])"), ""},
        Case{"WithoutAService", selectors(R"("eventSelectors":[{"readWriteType":"All","excludeManagementEventSources":["kms.amazonaws.com"]}])"), "selectors_thinned(medium)", "those of kms.amazonaws.com"},
        Case{"AdvancedEverything", selectors(R"("advancedEventSelectors":[{"name":"m","fieldSelectors":[{"field":"eventCategory","equals":["Management"]}]}])"), ""},
        Case{"AdvancedOnlyData", selectors(R"("advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Data"]},{"field":"resources.type","equals":["AWS::S3::Object"]}]}])"),
             "selectors_narrowed(high)"},
        Case{"AdvancedOnlyReads", selectors(R"("advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Management"]},{"field":"readOnly","equals":["true"]}]}])"),
             "selectors_narrowed(high)"},
        Case{"AdvancedReadsAndWritesApart", selectors(R"("advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Management"]},{"field":"readOnly","equals":["true"]}]},
             {"fieldSelectors":[{"field":"eventCategory","equals":["Management"]},{"field":"readOnly","equals":["false"]}]}])"), ""},
        Case{"AdvancedWithoutAService", selectors(R"("advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Management"]},{"field":"eventSource","notEquals":["kms.amazonaws.com"]}]}])"),
             "selectors_thinned(medium)", "a condition on eventSource"},
        Case{"OnlyTheResponseTells", selectors(R"("omitted":true)").response(R"({"eventSelectors":[{"includeManagementEvents":false}]})"), "selectors_narrowed(high)"},
        Case{"Refused", selectors(R"("eventSelectors":[{"includeManagementEvents":false}])").refused(), "selectors_narrowed_refused(medium)", "tried to set the event selectors of trail main"},
        Case{"Strange", selectors(R"("eventSelectors":[3,null,"x"],"advancedEventSelectors":{})"), ""}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Buckets, TrailCallTable,
    ::testing::Values(
        Case{"Deleted", bucket_call("DeleteBucket"), "bucket_deleted(high)", "deleted bucket trail-logs, which holds a trail, in"},
        Case{"DeletionRefused", bucket_call("DeleteBucket").refused(), "bucket_deleted_refused(medium)"},
        Case{"DeletionFailed", bucket_call("DeleteBucket").failed_with("BucketNotEmpty"), "attempt_failed(low)"},
        Case{"PolicyDeleted", bucket_call("DeleteBucketPolicy"), "bucket_policy_shuts_out(high)"},
        Case{"EncryptionRemoved", bucket_call("DeleteBucketEncryption"), "bucket_encryption_removed(medium)"},
        Case{"Acl", bucket_call("PutBucketAcl"), "bucket_acl_changed(medium)"},
        Case{"VersioningSuspended", bucket_call("PutBucketVersioning", R"(,"VersioningConfiguration":{"Status":"Suspended"})"), "bucket_versioning_suspended(medium)"},
        Case{"VersioningOn", bucket_call("PutBucketVersioning", R"(,"VersioningConfiguration":{"Status":"Enabled","MfaDelete":"Disabled"})"), ""},
        Case{"ShortExpiry", expiry(R"({"Expiration":{"Days":1},"Status":"Enabled","Filter":{"Prefix":"AWSLogs/"}})"), "bucket_expiry_shortened(medium)",
             "let objects under \"AWSLogs/\" expire after 1 day in bucket trail-logs"},
        Case{"SoonestOfSeveral", expiry(R"([{"Expiration":{"Days":400},"Status":"Enabled"},{"Expiration":{"Days":30},"Status":"Enabled"}])"), "bucket_expiry_shortened(medium)", "after 30 days"},
        Case{"ExpiryByDate", expiry(R"({"Expiration":{"Date":"2024-05-04T00:00:00.000Z"},"Status":"Enabled"})"), "bucket_expiry_shortened(medium)", "after 2 days"},
        Case{"ExpiryThatIsOff", expiry(R"({"Expiration":{"Days":1},"Status":"Disabled"})"), ""},
        Case{"LongExpiry", expiry(R"({"Expiration":{"Days":90},"Status":"Enabled"})"), ""},
        Case{"OldVersionsOnly", expiry(R"({"NoncurrentVersionExpiration":{"NoncurrentDays":1},"Status":"Enabled"})"), ""},
        Case{"HarmlessPolicy", policy(kCloudTrailWrites), "bucket_policy_changed(low)", ", so that CloudTrail may write to it and only AWS services are let in."},
        Case{"PolicyThatLetsIn", policy(fmt::format(R"([{},{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::999999999999:root"}},"Action":"s3:GetObject"}}])", kCloudTrailWrites)),
             "bucket_policy_changed(medium)", "it lets in arn:aws:iam::999999999999:root"},
        Case{"PolicyThatShutsOut", policy(R"([{"Effect":"Allow","Principal":{"Service":"config.amazonaws.com"},"Action":"s3:*"}])"), "bucket_policy_shuts_out(high)", "CloudTrail may no longer write to it"},
        Case{"PolicyThatDenies", policy(fmt::format(R"([{},{{"Effect":"Deny","Principal":"*","Action":"s3:Put*"}}])", kCloudTrailWrites)), "bucket_policy_shuts_out(high)"},
        Case{"PolicyThatAsksForTls", policy(fmt::format(R"([{},{{"Effect":"Deny","Principal":"*","Action":"s3:*","Condition":{{"Bool":{{"aws:SecureTransport":"false"}}}}}}])", kCloudTrailWrites)),
             "bucket_policy_changed(low)"},
        Case{"PolicyThatTheRecordLeavesOut", bucket_call("PutBucketPolicy"), "bucket_policy_changed(medium)"},
        Case{"OtherBucket", bucket_call("DeleteBucket", "", "pictures"), ""},
        Case{"OtherCall", bucket_call("PutBucketTagging"), ""}),
    name_of);

EventBuilder cloudtrail_uses(std::string_view bucket) { return bucket_call("PutObject", R"(,"key":"AWSLogs/x")", bucket).by_service("cloudtrail.amazonaws.com"); }

TEST(TrailTampering, LearnsTheBucketThatCloudTrailUses) {
  const auto trails = detector("");
  const EventBuilder deletion = bucket_call("DeleteBucketPolicy", "", "store");
  EXPECT_THAT(judge(*trails, deletion), IsEmpty());
  EXPECT_THAT(judge(*trails, cloudtrail_uses("store")), IsEmpty());
  const auto said = judge(*trails, deletion);
  ASSERT_THAT(whats(said), ElementsAre("bucket_policy_shuts_out(high)"));
  EXPECT_EQ(said[0].entity, "store");
  EXPECT_THAT(said[0].normal, HasSubstr("because CloudTrail was seen using it"));
}

TEST(TrailTampering, LearnsTheBucketThatATrailNames) {
  const auto trails = detector("");
  judge(*trails, trail_call("CreateTrail", R"({"name":"main","s3BucketName":"store"})"));
  EXPECT_THAT(whats(judge(*trails, bucket_call("DeleteBucket", "", "store"))), ElementsAre("bucket_deleted(high)"));
}

TEST(TrailTampering, DoesNotLookAgainAtWhatItKnows) {
  const auto trails = detector("");
  const auto use = cloudtrail_uses("store").decode();
  EXPECT_TRUE(trails->wants(use->event));
  judge(*trails, use->event);
  EXPECT_FALSE(trails->wants(use->event));
  EXPECT_TRUE(trails->wants(bucket_call("DeleteBucket", "", "other").decode()->event)) << "it may be known by the time the record has settled";
}

TEST(TrailTampering, SomebodyElsesUseOfABucketTeachesNothing) {
  const auto trails = detector("");
  EXPECT_FALSE(trails->wants(bucket_call("PutObject", "", "pictures").decode()->event));
}

EventBuilder creation() {
  return trail_call("CreateTrail", R"({"name":"main","s3BucketName":"store","isMultiRegionTrail":false,"includeGlobalServiceEvents":true})")
      .response(R"({"name":"main","s3BucketName":"store","includeGlobalServiceEvents":true,"isMultiRegionTrail":false,"logFileValidationEnabled":true,
                    "kmsKeyId":"arn:aws:kms:k1","trailARN":"arn:aws:cloudtrail:eu-west-1:111111111111:trail/main","isOrganizationTrail":false})")
      .at("2024-05-01T10:00:00Z");
}

TEST(TrailTampering, SettingsThatATrailHadAlreadyTakeNothingAway) {
  const auto trails = detector("");
  judge(*trails, creation());
  EXPECT_THAT(judge(*trails, trail_call("UpdateTrail", R"({"name":"main","isMultiRegionTrail":false,"isOrganizationTrail":false,"s3BucketName":"store"})")), IsEmpty());
  const auto said = judge(*trails, trail_call("UpdateTrail", R"({"name":"main","s3BucketName":"store","includeGlobalServiceEvents":false})"));
  ASSERT_THAT(whats(said), ElementsAre("trail_narrowed(high)"));
  EXPECT_EQ(said[0].normal, "As of 2024-05-01T12:00:00Z trail main covered global services, was validated, went to bucket store and was encrypted with arn:aws:kms:k1.");
}

TEST(TrailTampering, SaysWhereATrailWentBefore) {
  const auto trails = detector("");
  judge(*trails, creation());
  EXPECT_THAT(judge(*trails, trail_call("UpdateTrail", R"({"name":"arn:aws:cloudtrail:eu-west-1:111111111111:trail/main","s3BucketName":"evil"})"))[0].sentence,
              HasSubstr(", so that it is delivered to bucket evil instead of store."));
}

TEST(TrailTampering, AKeyUnderItsAliasIsTheSameKey) {
  const auto trails = detector("");
  judge(*trails, creation());
  EXPECT_THAT(judge(*trails, trail_call("UpdateTrail", R"({"name":"main","kmsKeyId":"alias/k1"})")
                                 .response(R"({"name":"main","s3BucketName":"store","kmsKeyId":"arn:aws:kms:k1"})")), IsEmpty());
  EXPECT_THAT(judge(*trails, trail_call("UpdateTrail", R"({"name":"main","kmsKeyId":"alias/k2"})")
                                 .response(R"({"name":"main","s3BucketName":"store","kmsKeyId":"arn:aws:kms:k2"})"))[0].sentence,
              HasSubstr("it is encrypted with key arn:aws:kms:k2 instead of arn:aws:kms:k1"));
}

TEST(TrailTampering, ALateUpdateDoesNotOverwriteWhatIsKnown) {
  const auto trails = detector("");
  judge(*trails, creation());
  judge(*trails, trail_call("UpdateTrail", R"({"name":"main","isMultiRegionTrail":true})").at("2024-05-01T09:00:00Z"));
  EXPECT_THAT(judge(*trails, trail_call("UpdateTrail", R"({"name":"main","isMultiRegionTrail":false})")), IsEmpty());
}

TEST(TrailTampering, TurningInsightsOffCountsWhereTheyWereOn) {
  const auto off = trail_call("PutInsightSelectors", R"({"trailName":"main","insightSelectors":[]})");
  const auto fresh = detector(""), used = detector("");
  judge(*fresh, creation());
  EXPECT_THAT(judge(*fresh, off), IsEmpty()) << "the console does so for every trail that it makes";
  judge(*used, trail_call("PutInsightSelectors", R"({"trailName":"main","insightSelectors":[{"insightType":"ApiCallRateInsight"}]})"));
  EXPECT_THAT(whats(judge(*used, off)), ElementsAre("insights_disabled(medium)"));
}

TEST(TrailTampering, ForgetsTheBucketLearnedFirstWhenItIsFull) {
  const auto trails = detector("");
  for (std::size_t i = 0; i <= TrailTampering::kMaxBuckets; ++i) judge(*trails, cloudtrail_uses(fmt::format("b{}", i)));
  EXPECT_THAT(judge(*trails, bucket_call("DeleteBucket", "", "b0")), IsEmpty());
  EXPECT_THAT(whats(judge(*trails, bucket_call("DeleteBucket", "", "b1"))), ElementsAre("bucket_deleted(high)"));
  for (std::size_t i = 0; i < 1'000; ++i) judge(*trails, trail_call("UpdateTrail", fmt::format(R"({{"name":"t{}","isMultiRegionTrail":true}})", i)));
  EXPECT_LT(trails->memory_bytes(), 100'000U);
}

TEST(TrailTampering, GoesOnAfterAReloadAsIfNothingHadHappened) {
  std::vector<std::unique_ptr<testing::OwnedEvent>> events;
  for (const EventBuilder& event : {cloudtrail_uses("b1"), creation(), trail_call("PutInsightSelectors", R"({"trailName":"main","insightSelectors":[{"insightType":"x"}]})"),
                                    trail_call("UpdateTrail", R"({"name":"main","isMultiRegionTrail":false})"), bucket_call("DeleteBucket", "", "b1"),
                                    trail_call("UpdateTrail", R"({"name":"main","s3BucketName":"b1"})"), trail_call("PutInsightSelectors", R"({"trailName":"main","insightSelectors":[]})"),
                                    trail_call("DeleteTrail"), trail_call("UpdateTrail", R"({"name":"main","isMultiRegionTrail":false})")})
    events.push_back(event.decode());
  for (std::size_t split = 0; split <= events.size(); ++split) {
    const auto trails = detector(""), fresh = detector("");
    EXPECT_THAT(differences_after_reload(*trails, *fresh, events, split), IsEmpty()) << split;
  }
}

TEST(TrailTampering, TakesAnExpiryThatTheOptionsAllow) {
  const auto trails = detector("trail_buckets: [\"*-logs\"]\nmin_retention_days: 7\n");
  EXPECT_THAT(judge(*trails, expiry(R"({"Expiration":{"Days":7},"Status":"Enabled"})")), IsEmpty());
  EXPECT_THAT(whats(judge(*trails, expiry(R"({"Expiration":{"Days":6},"Status":"Enabled"})"))), ElementsAre("bucket_expiry_shortened(medium)"));
}

TEST(TrailTampering, SaysWhatIsWrongWithItsOptions) {
  std::vector<std::string> complaints;
  configured("trail_tampering", "trail_bucket: x\nmin_retention_days: 0\n", &complaints);
  EXPECT_THAT(complaints, ElementsAre(HasSubstr("did you mean \"trail_buckets\"?"), HasSubstr("min_retention_days")));
}

}  // namespace
}  // namespace trailwarden::detectors
