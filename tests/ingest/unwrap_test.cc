#include "ingest/unwrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "event/decoder.h"

namespace trailwarden::ingest {
namespace {

using ::testing::ElementsAre;

/// What was told, as text: a leaf by its JSON, `!` in front if it is truncated; a skip by its name in angle brackets.
class Told final : public LeafSink {
 public:
  void leaf(const Leaf& leaf) override {
    texts.push_back((leaf.truncated ? "!" : "") + std::string(leaf.text));
    offsets.push_back(leaf.offset);
  }
  void skip(Skip skip, std::string_view raw, std::uint64_t offset) override {
    texts.push_back("<" + std::string(to_string(skip)) + ">");
    skipped.emplace_back(raw);
    offsets.push_back(offset);
  }

  std::vector<std::string> texts, skipped;
  std::vector<std::uint64_t> offsets;
};

Told told_by(std::string text, std::uint64_t offset = 0) {
  const std::size_t size = text.size();
  text.append(event::kPadding, 'x');
  event::Arena arena;
  Told told;
  unwrap(std::string_view(text).substr(0, size), offset, arena, told);
  return told;
}

/// `text` as a JSON string, `times` over.
std::string quoted(std::string text, int times = 1) {
  for (int i = 0; i < times; ++i) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    text = out + "\"";
  }
  return text;
}

std::string record(int number) {
  return R"({"eventVersion":"1.08","userIdentity":{"type":"IAMUser","list":[{"a":[1]}]},)"
         R"("eventTime":"2024-03-13T08:33:30Z",)"
         R"("eventSource":"s3.amazonaws.com","eventName":"Get\"}{Object","requestParameters":{"n":)" +
         std::to_string(number) + R"(,"tags":[{"key":"]}"}]},"eventID":")" + std::to_string(number) + R"("})";
}

struct FormCase {
  const char* name;
  std::string text;
  std::vector<std::string> told;
};
void PrintTo(const FormCase& c, std::ostream* out) { *out << c.text; }

class Unwrap : public ::testing::TestWithParam<FormCase> {};

TEST_P(Unwrap, FindsTheLeaves) { EXPECT_EQ(told_by(GetParam().text).texts, GetParam().told); }

const std::string kA = record(1), kB = record(2);
const std::string kDelivered = R"({"Records":[)" + kA + "," + kB + "]}";
const std::string kNotice = R"({"s3Bucket":"b","s3ObjectKey":["k.json.gz"]})";
// {"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","message":"{\"eventVersion\":\"1\"}"}]}
const std::string kPacked =
    "H4sIAAAAAAACA6tWyk0tLk5MTw2pLEhVslJycQxxjPd1DQ52dHdV0lHKyU93LUvNKylWsoquVspMAaowBApD9QB51TFKqSAFYalFxZn5eTFKVj"
    "FKhjFKtUq1sbUAKH5P4lwAAAA=";

INSTANTIATE_TEST_SUITE_P(
    Forms, Unwrap,
    ::testing::Values(
        FormCase{"Record", kA, {kA}}, FormCase{"RecordsOneAfterAnother", kA + kB + "\n " + kA, {kA, kB, kA}},
        FormCase{"Array", "[" + kA + " ,\n" + kB + "]", {kA, kB}}, FormCase{"Delivered", kDelivered, {kA, kB}},
        FormCase{"DeliveredPretty", "{\n  \"Records\" : [\n    " + kA + ",\n    " + kB + "\n  ]\n}\n", {kA, kB}},
        FormCase{"DeliveredEmpty", R"({"Records":[]})", {}},
        FormCase{"ArrayOfDelivered", "[" + kDelivered + "," + kDelivered + "]", {kA, kB, kA, kB}},
        FormCase{"EventBridge",
                 R"({"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.s3","detail":)" + kA + "}",
                 {kA}},
        FormCase{"DetailWithoutType", R"({"detail":{}})", {R"({"detail":{}})"}},
        FormCase{"CloudWatchLogs",
                 R"({"messageType":"DATA_MESSAGE","owner":"1","logEvents":[{"id":"1","message":)" + quoted(kA) +
                     R"(},{"message":)" + quoted(kB) + "}]}",
                 {kA, kB}},
        FormCase{"CloudWatchLogsControl",
                 R"({"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","message":"CWL CONTROL MESSAGE: hello"}]})",
                 {"<control_message>"}},
        FormCase{"CloudWatchLogsFiltered",
                 R"({"events":[{"message":)" + quoted(kA) + R"(,"eventId":"1"}],"searchedLogStreams":[]})",
                 {kA}},
        FormCase{"CloudWatchLogsToLambda", R"({"awslogs":{"data":")" + kPacked + R"("}})", {R"({"eventVersion":"1"})"}},
        FormCase{"LookupEvents",
                 R"({"NextToken":"t","Events":[{"EventId":"1","CloudTrailEvent":)" + quoted(kA) +
                     R"(},{"EventId":"2","CloudTrailEvent":)" + quoted(kB) + "}]}",
                 {kA, kB}},
        FormCase{"LookupEventWithoutRecord", R"({"Events":[{"EventId":"1"}]})", {R"({"EventId":"1"})"}},
        FormCase{"StringOfARecord", quoted(kA), {kA}},
        FormCase{"Sns", R"({"Type":"Notification","TopicArn":"t","Message":)" + quoted(kA) + "}", {kA}},
        FormCase{"SnsToLambda",
                 R"({"Records":[{"EventSource":"aws:sns","Sns":{"Type":"Notification","Message":)" +
                     quoted(kDelivered) + "}}]}",
                 {kA, kB}},
        FormCase{"Sqs",
                 R"({"Messages":[{"MessageId":"m","Body":)" + quoted(kA) + R"(},{"MessageId":"n","Body":)" +
                     quoted(kB) + "}]}",
                 {kA, kB}},
        FormCase{"SqsToLambda",
                 R"({"Records":[{"messageId":"m","eventSource":"aws:sqs","body":)" + quoted(kA) + "}]}",
                 {kA}},
        FormCase{"SnsInSqs",
                 R"({"Messages":[{"Body":)" +
                     quoted(R"({"Type":"Notification","Message":)" + quoted(kDelivered) + "}") + "}]}",
                 {kA, kB}},
        FormCase{
            "Digest", R"({"awsAccountId":"1","digestStartTime":"2019-11-08T15:49:11Z","logFiles":[]})", {"<digest>"}},
        FormCase{"DeliveryNotice", kNotice, {"<notification>"}},
        FormCase{
            "DeliveryNoticeBySns", R"({"Type":"Notification","Message":)" + quoted(kNotice) + "}", {"<notification>"}},
        FormCase{
            "S3Event", R"({"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","s3":{}}]})", {"<notification>"}},
        FormCase{"S3TestEvent", R"({"Service":"Amazon S3","Event":"s3:TestEvent"})", {"<notification>"}},
        FormCase{"S3EventByEventBridge",
                 R"({"detail-type":"Object Created","source":"aws.s3","detail":{}})",
                 {"<notification>"}},
        FormCase{"ValidationMessage",
                 R"({"Type":"Notification","Message":"CloudTrail validation message."})",
                 {"<notification>"}},
        FormCase{"ValidationMessageAlone", "CloudTrail validation message.", {"<notification>"}},
        FormCase{"Subscription",
                 R"({"Type":"SubscriptionConfirmation","Message":"You have chosen to subscribe"})",
                 {"<notification>"}},
        FormCase{"NoRecordTwice",
                 R"({"Records":[)" + kA + R"(],"eventSource":"x","digestEndTime":"x","Message":"{}"})",
                 {kA}},
        FormCase{"Garbage", "hello, world\n" + kA, {"hello, world", kA}}, FormCase{"Numbers", "[1,2]", {"1", "2"}},
        FormCase{"OtherObject", R"({"level":"info","message":"hello"})", {R"({"level":"info","message":"hello"})"}},
        FormCase{"BadEscape", R"({"Message":"{\"a\":\q}"})", {R"({"Message":"{\"a\":\q}"})"}},
        FormCase{"TooManyLevels", quoted(kA, 9), {quoted(kA)}}, FormCase{"Nothing", " \n", {}}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Damage, Unwrap,
    ::testing::Values(
        FormCase{"CutInside", R"({"Records":[)" + kA + "," + kB.substr(0, 40), {kA, "!" + kB.substr(0, 40)}},
        FormCase{"CutBetween", R"({"Records":[)" + kA + ",", {kA, "!"}},
        FormCase{"CutBehindAnElement", R"({"Records":[)" + kA, {kA, "!"}},
        FormCase{"CutBehindTheArray", R"({"Records":[)" + kA + "]", {kA}},
        FormCase{"ScalarsOfManyKinds", R"([1,"a",null,true,"b"])", {"1", "\"a\"", "null", "true", "\"b\""}},
        FormCase{"CutInLogEvents",
                 R"({"messageType":"DATA_MESSAGE","logEvents":[{"message":)" + quoted(kA) + R"(},{"message":"{\"ev)",
                 {kA, R"(!{"message":"{\"ev)"}},
        FormCase{"OpenString",
                 R"({"Records":[)" + kA + R"(,{"eventVersion":"1.08,"x":{}},)" + kB + "]}",
                 {kA, R"({"eventVersion":"1.08,"x":{}})", kB}},
        FormCase{"OpenBrace",
                 R"({"Records":[)" + kA + R"(,{"eventVersion":{"x":{}},)" + kB + "]}",
                 {kA, R"({"eventVersion":{"x":{}})", kB}},
        FormCase{"OpenBracket",
                 R"({"Records":[)" + kA + R"(,{"eventVersion":[{"x":{}},)" + kB + "]}",
                 {kA, R"({"eventVersion":[{"x":{}})", kB}},
        FormCase{"BraceTooMany",
                 R"({"Records":[)" + kA + R"(,{"eventVersion":"1"},"x":1},)" + kB + "]}",
                 {kA, R"({"eventVersion":"1"},"x":1})", kB}},
        FormCase{"BracketTooMany",
                 R"({"Records":[)" + kA + R"(,{"eventVersion":"1"],"x":1},)" + kB + "]}",
                 {kA, R"({"eventVersion":"1"],"x":1})", kB}},
        FormCase{"NoComma", R"({"Records":[)" + kA + kB + "]}", {kA, kB}},
        FormCase{"BracketForComma", R"({"Records":[)" + kA + "]" + kB + "]}", {kA, kB}},
        FormCase{"NullBetween", R"({"Records":[)" + kA + ",null," + kB + "]}", {kA, "null", kB}},
        FormCase{"LastOneOpen", R"({"Records":[)" + kA + R"(,{"eventVersion":"1]})", {kA, R"({"eventVersion":"1)"}},
        FormCase{"InnerObjectsBeginAlike",
                 R"([{"id":1,"list":[{"id":2},{"id":3}]},{"id":4}])",
                 {R"({"id":1,"list":[{"id":2},{"id":3}]})", R"({"id":4})"}},
        FormCase{"DocumentInFrontDamaged",
                 R"({"Records":[{"eventVersion":"1]})" + kDelivered,
                 {R"({"eventVersion":"1)", kA, kB}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(UnwrapOffsets, AreThoseOfTheLeafOrOfTheStringThatCarriesIt) {
  EXPECT_THAT(told_by(R"( {"Records":[{"a":1}, {"b":2}]})", 1000).offsets, ElementsAre(1013, 1022));
  EXPECT_THAT(told_by(R"({"Messages":[{"Body":"{\"Records\":[{\"a\":1},{\"b\":2}]}"}]})").offsets, ElementsAre(21, 21));
}

TEST(UnwrapSkips, TellTheWholeThing) { EXPECT_THAT(told_by("[" + kNotice + "]").skipped, ElementsAre(kNotice)); }

TEST(UnwrapElements, EndsBehindTheArray) {
  const std::string text = kA + "," + kB + "],\"x\":1}" + std::string(event::kPadding, ' ');
  event::Arena arena;
  Told told;
  EXPECT_EQ(unwrap_elements(text, 0, arena, told), kA.size() + kB.size() + 2);
  EXPECT_THAT(told.texts, ElementsAre(kA, kB));
}

TEST(UnwrapDamage, CostsTheRecordItIsInWhateverTheByte) {
  std::vector<std::string> records;
  std::string document = R"({"Records":[)";
  std::vector<std::size_t> begins;
  for (int i = 0; i < 8; ++i) {
    records.push_back(record(i));
    document += i == 0 ? "" : ",";
    begins.push_back(document.size());
    document += records.back();
  }
  document += "]}";
  constexpr std::string_view kBytes = "{}[]\",:\\x";
  for (const std::size_t victim : {std::size_t{0}, std::size_t{4}, std::size_t{7}}) {
    // Not the first member: an element that does not begin like one cannot be told from the one before it.
    for (std::size_t at = begins[victim] + 16; at < begins[victim] + records[victim].size(); ++at) {
      for (const char byte : kBytes) {
        std::string damaged = document;
        damaged[at] = byte;
        const Told told = told_by(damaged);
        for (std::size_t i = 0; i < records.size(); ++i) {
          if (i == victim) continue;
          EXPECT_EQ(std::count(told.texts.begin(), told.texts.end(), records[i]), 1)
              << "byte " << at << " became " << byte;
        }
        EXPECT_EQ(told.texts.size(), records.size()) << "byte " << at << " became " << byte;
        if (::testing::Test::HasFailure()) FAIL() << ::testing::PrintToString(told.texts);
      }
    }
  }
}

TEST(UnwrapDamage, IsBoundedInTimeWhenEverythingIsDamaged) {
  std::string text = "[";
  for (int i = 0; i < 20'000; ++i) text += R"({"a":"x},)";
  EXPECT_FALSE(told_by(text).texts.empty());
  text = "[";
  for (int i = 0; i < 20'000; ++i) text += R"({"a":[)";
  EXPECT_FALSE(told_by(text).texts.empty());
}

}  // namespace
}  // namespace trailwarden::ingest
