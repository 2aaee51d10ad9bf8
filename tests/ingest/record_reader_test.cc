#include "ingest/record_reader.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/record_collector.h"

namespace trailwarden::ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using trailwarden::testing::RecordCollector;

std::string record(const std::string& id, const std::string& more = "") {
  return R"({"eventVersion":"1.08","userIdentity":{"type":"IAMUser"},"eventTime":"2021-07-28T15:28:12Z","eventSource":"s3.amazonaws.com",)"
         R"("eventName":"ListBuckets","requestParameters":{"a":"]}{["},"eventID":")" +
         id + "\"" + more + "}";
}

std::string pretty(const std::string& text) { return nlohmann::ordered_json::parse(text).dump(2); }
std::string json_string(const std::string& text) { return nlohmann::json(text).dump(); }

struct Form {
  const char* name;
  std::string text;  // of two records, ids a and b
};
void PrintTo(const Form& form, std::ostream* out) { *out << form.text; }

class ReadsEveryForm : public ::testing::TestWithParam<Form> {};

TEST_P(ReadsEveryForm, AndFindsBothRecords) {
  const RecordCollector found = RecordCollector::of(GetParam().text);
  EXPECT_THAT(found.whats(), ElementsAre("judged:a", "judged:b"));
  for (const auto& f : found.found) EXPECT_EQ(nlohmann::json::parse(f.raw)["eventName"], "ListBuckets");
}

const std::string kBoth = "[" + record("a") + "," + record("b") + "]";
const std::string kFile = "{\"Records\":" + kBoth + "}";
const std::string kSubscription =
    R"({"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1,"message":)" +
    json_string(record("a")) + R"(},{"id":"2","timestamp":2,"message":)" + json_string(record("b")) + "}]}";
std::string envelope(const std::string& id) {
  return R"({"version":"0","id":"x","detail-type":"AWS API Call via CloudTrail","source":"aws.s3","detail":)" + record(id) + "}";
}

INSTANTIATE_TEST_SUITE_P(
    Forms, ReadsEveryForm,
    ::testing::Values(Form{"JsonLines", record("a") + "\n" + record("b") + "\n"}, Form{"JsonLinesWithCarriageReturns", record("a") + "\r\n\r\n" + record("b")},
                      Form{"RecordsCompact", kFile}, Form{"RecordsPretty", pretty(kFile)}, Form{"Array", kBoth}, Form{"ArrayPretty", pretty(kBoth)},
                      Form{"DocumentsOneAfterAnother", record("a") + record("b")}, Form{"PrettyDocuments", pretty(record("a")) + "\n" + pretty(record("b"))},
                      Form{"RecordsFilesOneAfterAnother", "{\"Records\":[" + record("a") + "]}\n{\"Records\":[" + record("b") + "]}"},
                      Form{"RecordsWithMembersBehind", "{\"Records\":" + kBoth + ",\"x\":[1,{\"y\":null}]}"},
                      Form{"RecordsWithMembersBefore", "{\"x\":1,\"Records\":" + kBoth + "}"}, Form{"ByteOrderMark", "\xef\xbb\xbf" + kFile},
                      Form{"Envelopes", envelope("a") + "\n" + envelope("b")}, Form{"EnvelopeArray", "[" + envelope("a") + "," + envelope("b") + "]"},
                      Form{"CloudWatchLogs", kSubscription},
                      Form{"LookupEvents", R"({"Events":[{"EventId":"a","EventName":"ListBuckets","CloudTrailEvent":)" + json_string(record("a")) +
                                               R"(},{"EventId":"b","CloudTrailEvent":)" + json_string(record("b")) + R"(}],"NextToken":"t"})"},
                      Form{"SqsLambda", R"({"Records":[{"messageId":"m","body":)" + json_string(kFile) + R"(,"eventSource":"aws:sqs"}]})"},
                      Form{"SqsReceive", R"({"Messages":[{"MessageId":"m","Body":)" + json_string(kFile) + "}]}"},
                      Form{"Sns", R"({"Type":"Notification","MessageId":"m","TopicArn":"t","Message":)" + json_string(kFile) + "}"},
                      Form{"SnsInSqs", R"({"Messages":[{"Body":)" + json_string(R"({"Type":"Notification","Message":)" + json_string(envelope("a")) + "}") + R"(},{"Body":)" +
                                           json_string(record("b")) + "}]}"},
                      Form{"SnsLambda", R"({"Records":[{"EventSource":"aws:sns","Sns":{"Message":)" + json_string(kBoth) + "}}]}"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RecordReader, NothingIsNoRecord) {
  for (const char* text : {"", " \n\n", R"({"Records":[]})", R"({"Records": [ ] , "a":1})", "[]"}) EXPECT_THAT(RecordCollector::of(text).whats(), IsEmpty()) << text;
}

struct Damage {
  const char* name;
  std::string text;
  std::vector<std::string> found;
};
void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.text; }

class ABadRecordCostsItselfOnly : public ::testing::TestWithParam<Damage> {};

TEST_P(ABadRecordCostsItselfOnly, WhereverItStands) { EXPECT_EQ(RecordCollector::of(GetParam().text).whats(), GetParam().found); }

const std::string kA = record("a"), kB = record("b");
const std::string kUtf8 = record("bad", ",\"userAgent\":\"\xff\"");

INSTANTIATE_TEST_SUITE_P(
    Damage, ABadRecordCostsItselfOnly,
    ::testing::Values(
        Damage{"LineCut", kA + "\n" + kA.substr(0, 150) + "\n" + kB, {"judged:a", "refused:truncated", "judged:b"}},
        Damage{"FirstLineCut", kA.substr(0, 150) + "\n" + kA + "\n" + kB, {"refused:truncated", "judged:a", "judged:b"}},
        Damage{"LineWithBadUtf8", kA + "\n" + kUtf8 + "\n" + kB, {"judged:a", "refused:invalid_utf8", "judged:b"}},
        Damage{"LineWithGarbageBehind", kA + "\n" + record("x") + "x\n" + kB, {"judged:a", "refused:not_json", "judged:b"}},
        Damage{"LineOfText", kA + "\nhello\n" + kB, {"judged:a", "refused:not_json", "judged:b"}},
        Damage{"LineWithNumber", kA + "\n12345\n" + kB, {"judged:a", "refused:not_an_object", "judged:b"}},
        Damage{"LineWithoutId", kA + "\n" + record("") + "\n" + kB, {"judged:a", "refused:missing_event_id", "judged:b"}},
        Damage{"ElementWithBadLiteral", "{\"Records\":[" + kA + "," + record("x", ",\"a\":tru") + "," + kB + "]}", {"judged:a", "refused:not_json", "judged:b"}},
        Damage{"ElementWithBadUtf8", "{\"Records\":[" + kA + "," + kUtf8 + "," + kB + "]}", {"judged:a", "refused:invalid_utf8", "judged:b"}},
        Damage{"ElementWrongType", "{\"Records\":[" + kA + ",5," + kB + "]}",
               {"judged:a", "refused:not_an_object", "judged:b"}},
        Damage{"ElementWithoutBrace", "{\"Records\":[" + kA + "," + kA.substr(0, kA.size() - 1) + "," + kB + "]}", {"judged:a", "refused:truncated", "judged:b"}},
        Damage{"ElementWithOpenString", "{\"Records\":[" + kA + "," + kA.substr(0, kA.size() - 2) + "}," + kB + "]}", {"judged:a", "refused:truncated", "judged:b"}},
        Damage{"DocumentCut", "{\"Records\":[" + kA + "," + kB + "," + kA.substr(0, 100), {"judged:a", "judged:b", "refused:truncated"}},
        Damage{"DocumentCutBetween", "{\"Records\":[" + kA + "," + kB, {"judged:a", "judged:b", "refused:truncated"}},
        Damage{"PrettyDocumentCut", pretty("{\"Records\":[" + kA + "," + kB + "]}").substr(0, 500), {"judged:a", "refused:truncated"}},
        Damage{"NoRecords", R"({"foo":"bar"})", {"refused:not_a_record"}}, Damage{"Number", "12345", {"refused:not_an_object"}},
        Damage{"OldIdentity", "[" + kA + "," + record("c", ",\"userIdentity\":7") + "]", {"judged:a", "refused:wrong_type"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RecordReader, SkipsWhatItKnowsAndDoesNotJudge) {
  EXPECT_THAT(RecordCollector::of(R"({"awsAccountId":"1","digestStartTime":"x","digestS3Bucket":"b","digestS3Object":"o","logFiles":[]})").whats(),
              ElementsAre("skipped:digest"));
  EXPECT_THAT(RecordCollector::of(record("i", R"(,"eventCategory":"Insight","eventType":"AwsCloudTrailInsight")")).whats(), ElementsAre("skipped:insight"));
  EXPECT_THAT(RecordCollector::of(R"({"eventVersion":"1.0","eventId":"x","eventCategory":"Aggregated","eventType":"AwsAggregatedEvent"})").whats(),
              ElementsAre("skipped:aggregated"));
  EXPECT_THAT(RecordCollector::of(R"({"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE"}]})").whats(),
              ElementsAre("skipped:control_message"));
  EXPECT_THAT(RecordCollector::of(R"({"Type":"Notification","Message":"CloudTrail validation message."})").whats(), ElementsAre("skipped:notification"));
  EXPECT_THAT(RecordCollector::of(R"({"s3Bucket":"b","s3ObjectKey":["k"]})").whats(), ElementsAre("skipped:notification"));
  EXPECT_THAT(RecordCollector::of(R"({"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"1970-01-01T00:00:00.000Z",)"
                                  R"("eventName":"ObjectCreated:Put","s3":{"object":{"key":"k"}}}]})")
                  .whats(),
              ElementsAre("skipped:notification"));
}

TEST(RecordReader, SaysWhereARecordBegins) {
  const std::string text = "{\"Records\":[" + kA + ", " + kB + "]}";
  const auto found = RecordCollector::of(text).found;
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].byte_offset, 12U);
  EXPECT_EQ(found[1].byte_offset, 12 + kA.size() + 2);
}

TEST(RecordReader, KeepsRefusedBytesAsTheyWere) {
  const std::string bad = "{\"eventVersion\":\"1.08\", \"x\": \xff}";
  const auto found = RecordCollector::of(kA + "\n" + bad + "\n" + kB).found;
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[1].raw, bad);
  EXPECT_EQ(found[1].byte_offset, kA.size() + 1);
}

TEST(RecordReader, LeavesOfADeepContainerAreRefusedNotLost) {
  std::string text = kA;
  for (int i = 0; i < 20; ++i) text = "{\"Messages\":[{\"Body\":" + json_string(text) + "}]}";
  EXPECT_EQ(RecordCollector::of(text).found.size(), 1U);
}

}  // namespace
}  // namespace trailwarden::ingest
