#include "event/decoder.h"

#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "testing/slow_decode.h"

namespace trailwarden::event {
namespace {

constexpr std::string_view kHead = R"("eventVersion":"1.08","eventTime":"2021-07-28T15:28:12Z","eventSource":"s3.amazonaws.com",)"
                                   R"("eventName":"GetBucketAcl","eventID":"25794ca3-3b5f-42cb-a190-196f6b15f8cc")";

std::string record_with(std::string_view members) {
  return "{" + std::string(kHead) + (members.empty() ? "" : ",") + std::string(members) + "}";
}

/// Decodes one text; the event's views live as long as this.
struct Decoded {
  explicit Decoded(std::string_view record) : text(testing::padded(record)) {
    refusal = Decoder().decode(std::string_view(text).substr(0, record.size()), arena, event);
  }
  std::string text;
  Arena arena;
  CloudTrailEvent event;
  Refusal refusal;
};

TEST(Decoder, ReadsTheMembersOfARecord) {
  const Decoded d(record_with(
      R"("userIdentity":{"type":"AssumedRole","principalId":"AROA:ci","arn":"arn:aws:sts::111122223333:assumed-role/Deploy/ci",)"
      R"("accountId":"111122223333","sessionContext":{"attributes":{"mfaAuthenticated":"false"},"sessionIssuer":{"arn":"arn:aws:iam::111122223333:role/x/Deploy"}}},)"
      R"("awsRegion":"eu-west-1","readOnly":true,"managementEvent":true,"requestParameters":{"bucketName":"b","a":[1,2.5e3]},)"
      R"("responseElements":null,"eventCategory":"Management","recipientAccountId":"444455556666")"));
  ASSERT_EQ(d.refusal, Refusal::kNone) << to_string(d.refusal);
  EXPECT_EQ(d.event.event_name, "GetBucketAcl");
  EXPECT_EQ(format_time(d.event.event_time), "2021-07-28T15:28:12Z");
  EXPECT_EQ(d.event.user_identity.type, IdentityType::kAssumedRole);
  EXPECT_EQ(d.event.user_identity.mfa_authenticated, "false");
  EXPECT_EQ(principal_of(d.event), "arn:aws:iam::111122223333:role/x/Deploy");
  EXPECT_EQ(d.event.request_parameters, R"({"bucketName":"b","a":[1,2.5e3]})");
  EXPECT_EQ(d.event.response_elements, "");
  EXPECT_EQ(d.event.account(), "444455556666");
  EXPECT_EQ(d.event.read_only, true);
  EXPECT_EQ(d.event.raw.size(), d.text.size() - kPadding);
}

TEST(Decoder, UnescapesStrings) {
  const Decoded d(record_with(R"("userAgent":"a\"b\\c\/\u00e9\ud83d\ude00\n","aws\u0052egion":"eu-west-1")"));
  ASSERT_EQ(d.refusal, Refusal::kNone);
  EXPECT_EQ(d.event.user_agent, "a\"b\\c/\xc3\xa9\xf0\x9f\x98\x80\n");
  EXPECT_EQ(d.event.aws_region, "eu-west-1");
}

TEST(Decoder, OfAMemberWrittenTwiceTheLastCounts) {
  const Decoded d(record_with(R"("eventName":7,"eventName":"PutObject","userIdentity":{"type":"Root"},"userIdentity":{"arn":"x"})"));
  ASSERT_EQ(d.refusal, Refusal::kNone);
  EXPECT_EQ(d.event.event_name, "PutObject");
  EXPECT_EQ(d.event.user_identity.type, IdentityType::kAbsent);
  EXPECT_EQ(d.event.user_identity.arn, "x");
  EXPECT_EQ(d.event.duplicate_keys, 3U);
}

struct Refused {
  const char* name;
  std::string text;
  Refusal refusal;
};
void PrintTo(const Refused& c, std::ostream* out) { *out << c.text; }

class RefusesBadRecords : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusesBadRecords, AndSaysWhy) {
  const Decoded d(GetParam().text);
  EXPECT_EQ(to_string(d.refusal), to_string(GetParam().refusal));
}

std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

INSTANTIATE_TEST_SUITE_P(
    Decoder, RefusesBadRecords,
    ::testing::Values(Refused{"Empty", "", Refusal::kNotJson}, Refused{"Space", "  ", Refusal::kNotJson}, Refused{"Number", "12345", Refusal::kNotAnObject},
                      Refused{"Array", "[]", Refusal::kNotAnObject}, Refused{"EmptyObject", "{}", Refusal::kNotARecord},
                      Refused{"Cut", "{" + std::string(kHead), Refusal::kTruncated}, Refused{"CutInString", record_with(R"("a":"b)").substr(0, 100), Refusal::kTruncated},
                      Refused{"TrailingComma", record_with(R"("a":1,)"), Refusal::kNotJson}, Refused{"NoColon", record_with(R"("a" 1)"), Refusal::kNotJson},
                      Refused{"TwoValues", record_with(R"("a":1 2)"), Refusal::kNotJson}, Refused{"StringGlued", record_with(R"("a":"b"c)"), Refusal::kNotJson},
                      Refused{"LiteralGlued", record_with(R"("a":truex)"), Refusal::kNotJson}, Refused{"HalfLiteral", record_with(R"("a":tru)"), Refusal::kNotJson},
                      Refused{"LeadingZero", record_with(R"("a":01)"), Refusal::kNotJson}, Refused{"BareDot", record_with(R"("a":1.)"), Refusal::kNotJson},
                      Refused{"PlusSign", record_with(R"("a":+1)"), Refusal::kNotJson}, Refused{"HugeNumber", record_with(R"("a":1e999)"), Refusal::kNotJson},
                      Refused{"BadEscape", record_with(R"("a":"\x")"), Refusal::kNotJson}, Refused{"LoneSurrogate", record_with(R"("a":"\ud83d")"), Refusal::kNotJson},
                      Refused{"BadEscapeInKey", record_with(R"("a":{"\q":1})"), Refusal::kNotJson}, Refused{"ControlCharacter", record_with("\"a\":\"\n\""), Refusal::kNotJson},
                      Refused{"Utf8", record_with("\"a\":\"\xff\""), Refusal::kInvalidUtf8}, Refused{"WrongBracket", record_with(R"("a":[1})"), Refusal::kNotJson},
                      Refused{"TrailingValue", record_with("") + "{}", Refusal::kNotJson}, Refused{"TooDeep", record_with("\"a\":" + nested(64)), Refusal::kTooDeep},
                      Refused{"NumberForName", record_with(R"("eventName":5)"), Refusal::kWrongType}, Refused{"StringForFlag", record_with(R"("readOnly":"true")"), Refusal::kWrongType},
                      Refused{"ArrayForIdentity", record_with(R"("userIdentity":[])"), Refusal::kWrongType},
                      Refused{"BadTime", record_with(R"("eventTime":"yesterday")"), Refusal::kBadEventTime},
                      Refused{"NoTime", record_with(R"("eventTime":null)"), Refusal::kMissingEventTime},
                      Refused{"NoId", record_with(R"("eventID":"")"), Refusal::kMissingEventId},
                      Refused{"NoSource", record_with(R"("eventSource":null)"), Refusal::kMissingEventSource},
                      Refused{"TooLarge", record_with("\"a\":\"" + std::string(1 << 20, 'x') + "\""), Refusal::kTooLarge}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Decoder, TakesWhatJsonAllows) {
  EXPECT_EQ(Decoded(" \n" + record_with("\"a\" : [ ] , \"b\":{ } ,\"c\":-0.0E+1\t") + " ").refusal, Refusal::kNone);
  EXPECT_EQ(Decoded(record_with("\"a\":" + nested(63))).refusal, Refusal::kNone);
  EXPECT_EQ(Decoded(record_with("\"a\":\"" + std::string(5000, 'x') + "\"")).refusal, Refusal::kNone);
}

TEST(Decoder, TheFirstRecordsHadNoIds) {
  EXPECT_EQ(Decoded(R"({"eventVersion":"1.0","eventTime":"2014-03-06T21:22:54Z","eventSource":"ec2.amazonaws.com","eventName":"StartInstances"})").refusal,
            Refusal::kNone);
}

struct CategoryCase {
  const char* members;
  EventCategory category;
};

TEST(Decoder, KnowsTheCategoryOfOldRecords) {
  const std::vector<CategoryCase> cases{{"", EventCategory::kManagement},
                                        {R"("managementEvent":false)", EventCategory::kData},
                                        {R"("managementEvent":true)", EventCategory::kManagement},
                                        {R"("eventType":"AwsVpceEvents")", EventCategory::kNetworkActivity},
                                        {R"("eventType":"AwsCloudTrailInsight")", EventCategory::kInsight},
                                        {R"("eventCategory":"Data","managementEvent":true)", EventCategory::kData},
                                        {R"("eventCategory":"ConfigurationItem")", EventCategory::kOther}};
  for (const CategoryCase& c : cases) EXPECT_EQ(to_string(Decoded(record_with(c.members)).event.category), to_string(c.category)) << c.members;
}

TEST(Decoder, ReadsReadOnlyFromTheVerbWhereItIsAbsent) {
  EXPECT_TRUE(Decoded(record_with("")).event.is_read_only());
  EXPECT_FALSE(Decoded(record_with(R"("eventName":"PutBucketAcl")")).event.is_read_only());
  EXPECT_FALSE(Decoded(record_with(R"("readOnly":false)")).event.is_read_only());
}

TEST(Decoder, DecodesRecordAfterRecordFromOneIndex) {
  const std::string lines = testing::padded(record_with(R"("awsRegion":"a")") + "\n" + record_with(R"("awsRegion":"\u0062")"));
  TokenIndex index;
  ASSERT_EQ(index.build(std::string_view(lines).substr(0, lines.size() - kPadding)), Refusal::kNone);
  Decoder decoder;
  Arena arena;
  CloudTrailEvent first, second;
  std::size_t cursor = 0;
  ASSERT_EQ(decoder.decode(index, cursor, arena, first), Refusal::kNone);
  ASSERT_EQ(decoder.decode(index, cursor, arena, second), Refusal::kNone);
  EXPECT_EQ(cursor, index.tokens().size());
  EXPECT_EQ(first.aws_region, "a");
  EXPECT_EQ(second.aws_region, "b");
}

struct RepeatCase {
  const char* members;
  const char* creation_date;
  Refusal refusal;
};

TEST(Decoder, TakesTheLastOfRepeatedMembersWholeAtEveryLevel) {
  const std::vector<RepeatCase> cases{
      {R"("userIdentity":{"sessionContext":{"attributes":{"creationDate":"x"}},"sessionContext":{}})", "", Refusal::kNone},
      {R"("userIdentity":{"sessionContext":{"attributes":{"creationDate":"x"}},"sessionContext":null})", "", Refusal::kNone},
      {R"("userIdentity":{"sessionContext":{"attributes":{"creationDate":"x"},"attributes":{"mfaAuthenticated":"true"}}})", "", Refusal::kNone},
      {R"("userIdentity":{"sessionContext":{"attributes":{"creationDate":"x"}}},"userIdentity":{})", "", Refusal::kNone},
      {R"("userIdentity":{"sessionContext":{"attributes":{"creationDate":[]},"attributes":{"creationDate":"y"}}})", "y", Refusal::kNone},
      {R"("userIdentity":{"sessionContext":7,"sessionContext":{"attributes":{"creationDate":"y"}}})", "y", Refusal::kNone},
      {R"("userIdentity":{"sessionContext":{"attributes":{"creationDate":"y"}},"sessionContext":7})", "", Refusal::kWrongType}};
  for (const RepeatCase& c : cases) {
    const Decoded decoded(record_with(c.members));
    EXPECT_EQ(to_string(decoded.refusal), to_string(c.refusal)) << c.members;
    if (c.refusal != Refusal::kNone) continue;
    EXPECT_EQ(decoded.event.user_identity.creation_date, c.creation_date) << c.members;
    EXPECT_EQ(decoded.event.duplicate_keys, 1U) << c.members;
  }
}

TEST(Decoder, RefusesWhatFollowsARecordBeforeItJudgesTheRecord) {
  EXPECT_EQ(to_string(Decoded("{} x").refusal), "not_json");
  EXPECT_EQ(to_string(Decoded(record_with("") + "}").refusal), "not_json");
}

/// JSON texts around the edge of validity: pieces of records put together at random.
rc::Gen<std::string> json_like() {
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
                          "{", "}", "[", "]", ":", ",", "\"eventName\"", "\"eventTime\"", "\"2021-07-28T15:28:12Z\"", "\"userIdentity\"", "\"type\"", "\"Root\"",
                          "\"a\\n\"", "\"\\ud800\"", "\"x\"", "true", "false", "null", "0", "-1.5e3", "1e400", " ", "\n", "\"eventID\"", "\"readOnly\"", "\\", "\"")),
                      [](const std::vector<std::string>& parts) {
                        std::string text;
                        for (const std::string& part : parts) text += part;
                        return text;
                      });
}

void expect_same_reading(const std::string& text) {
  const Decoded fast(text);
  const auto slow = testing::decode_slowly(text);
  const bool is_object = fast.refusal != Refusal::kNotJson && fast.refusal != Refusal::kTruncated && fast.refusal != Refusal::kInvalidUtf8 &&
                         fast.refusal != Refusal::kTooDeep && fast.refusal != Refusal::kNotAnObject;
  RC_ASSERT(is_object == slow.has_value());
  if (!slow) return;
  RC_ASSERT(to_string(fast.refusal) == to_string(slow->verdict));
  if (fast.refusal == Refusal::kNone) RC_ASSERT(testing::describe(fast.event) == testing::describe(slow->event));
}

RC_GTEST_PROP(Decoder, AgreesWithThePlainReadingOfAnyText, ()) { expect_same_reading(*json_like()); }

RC_GTEST_PROP(Decoder, AgreesWithThePlainReadingOfRecordsWithOnePieceChanged, ()) {
  std::string text = record_with(R"("userIdentity":{"type":"IAMUser","sessionContext":{"attributes":{"mfaAuthenticated":"true"}}},"a":[1,{"b":null}])");
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  text.replace(at, *rc::gen::inRange<std::size_t>(0, 4), *json_like());
  expect_same_reading(text);
}

}  // namespace
}  // namespace trailwarden::event
