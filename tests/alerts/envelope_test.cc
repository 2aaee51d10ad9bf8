#include "alerts/envelope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "samples.h"
#include "testing/alert_schema.h"

namespace trailwarden::alerts {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Envelope, IsOneLineWithMembersInAFixedOrder) {
  EXPECT_EQ(render(a_finding(), kScope).json,
            R"({"version":"0","id":"2cccc72d-4d68-812f-b7f6-f9460fcf7464","detail-type":"Trailwarden Finding","source":"trailwarden",)"
            R"("account":"111122223333","time":"2021-07-28T15:28:12Z","region":"eu-west-1","resources":[],"detail":{"schemaVersion":"1.0",)"
            R"("kind":"finding","detector":"root_use","what":"sign_in","title":"Root sign-in","severity":"high",)"
            R"("sentence":"The root user of account 111122223333 signed in.","normal":"Root had not been seen before.","late":false,)"
            R"("entity":"arn:aws:iam::111122223333:root","account":"111122223333","region":"eu-west-1",)"
            R"("principal":{"type":"Root","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","sourceIPAddress":"203.0.113.7"},)"
            R"("attack":[{"technique":"T1078.004","name":"Valid Accounts: Cloud Accounts","tactic":"Initial Access"}],"cis":["4.3"],)"
            R"("firstEventTime":"2021-07-28T15:28:12Z","lastEventTime":"2021-07-28T15:28:12Z","count":1,)"
            R"("records":[{"eventID":"11111111-2222-3333-4444-555555555555","eventTime":"2021-07-28T15:28:12Z",)"
            R"("eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","file":"AWSLogs/a.json.gz","recordNumber":3,"byteOffset":4096,)"
            R"("partition":0,"offset":0,"recordBytes":28,"record":{"eventName":"ConsoleLogin"}}]}})");
}

TEST(Envelope, MatchesItsSchema) {
  EXPECT_THAT(testing::schema_errors(render(a_finding(), kScope).json), IsEmpty());
  EXPECT_THAT(testing::schema_errors(render(a_summary(), kScope).json), IsEmpty());
  EXPECT_THAT(testing::schema_errors(R"({"version":"0"})"), Not(IsEmpty()));
}

TEST(Envelope, LeavesOutWhatIsNotKnown) {
  event::Finding finding = a_finding();
  finding.principal = {};
  finding.attack = {};
  finding.cis_controls.clear();
  finding.evidence[0].event_id.clear();
  finding.evidence[0].record.clear();
  const std::string line = render(finding, kScope).json;
  EXPECT_THAT(line, HasSubstr(R"("principal":{},"attack":[],"cis":[],)"));
  EXPECT_THAT(line, HasSubstr(R"("recordBytes":28,"recordOmitted":true}]}})"));
  EXPECT_THAT(testing::schema_errors(line), IsEmpty());
}

TEST(Envelope, CarriesTheRecordAsItWasReceivedButForWhitespace) {
  event::Finding finding = a_finding();
  finding.evidence[0].record = "{ \"n\" : 1.10,\n\t\"big\": 123456789012345678901234567890, \"e\":1E5, \"s\": \"a  \\\"b \\\\\", \"u\": \"\\u00e9\\/\",\r\n \"n\": -0 }";
  const std::string line = render(finding, kScope).json;
  EXPECT_THAT(line, HasSubstr(R"("record":{"n":1.10,"big":123456789012345678901234567890,"e":1E5,"s":"a  \"b \\","u":"\u00e9\/","n":-0}}]}})"));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_THAT(testing::schema_errors(line), IsEmpty());
}

TEST(Envelope, NeverBreaksOnAnEvidenceThatIsNoRecord) {
  for (const char* record : {"{", "[]", "1", "{\"a\":1}}", "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", " ", "{}{}"}) {
    event::Finding finding = a_finding();
    finding.evidence[0].record = record;
    const std::string line = render(finding, kScope).json;
    EXPECT_THAT(line, HasSubstr("\"recordOmitted\":true")) << record;
    EXPECT_THAT(testing::schema_errors(line), IsEmpty()) << record;
  }
}

TEST(Envelope, WritesTextsThatAreNotUtf8) {
  event::Finding finding = a_finding();
  finding.evidence[0].origin = "caf\xe9.json";
  EXPECT_THAT(render(finding, kScope).json, HasSubstr("\"file\":\"caf\xef\xbf\xbd.json\""));
}

TEST(Envelope, IsCutToFitWithoutLosingItsId) {
  event::Finding finding = a_finding();
  finding.evidence[0].record = R"({"requestParameters":")" + std::string(9'000, 'r') + R"("})";
  for (int i = 0; i < 200; ++i) finding.evidence.push_back(finding.evidence[0]);
  finding.principal.user_agent = std::string(700'000, 'a') + "\u00e9";
  for (int i = 0; i < 200'000; ++i) finding.entity += "\xc3\xa9";  // two bytes a letter
  const RenderedAlert whole = render(finding, kScope);
  EXPECT_EQ(cut_alert(whole.json, whole.json.size()), whole.json) << "it fits";
  const std::vector<std::size_t> bounds{whole.json.size() - 1, 1'500'000, 640'000, 120'000, 60'000};
  for (const std::size_t bound : bounds) {
    const std::string cut = cut_alert(whole.json, bound);
    EXPECT_LE(cut.size(), bound);
    EXPECT_EQ(cut_alert(whole.json, bound), cut);
    EXPECT_THAT(testing::schema_errors(cut), IsEmpty());
    const json alert = json::parse(cut);
    EXPECT_EQ(alert["id"], whole.id);
    EXPECT_EQ(alert["detail"]["cut"], true);
    EXPECT_EQ(alert["detail"]["records"][0]["recordOmitted"], true);
    EXPECT_EQ(alert["detail"]["sentence"], finding.sentence);
  }
  EXPECT_THAT(cut_alert(whole.json, 1'500'000), HasSubstr(finding.principal.user_agent)) << "records go first";
}

TEST(Envelope, SpansTheTimesOfItsRecords) {
  event::Finding finding = a_finding();
  finding.evidence.push_back(finding.evidence[0]);
  finding.evidence[1].event_time = kTime - std::chrono::minutes{5};
  const json detail = json::parse(render(finding, kScope).json)["detail"];
  EXPECT_EQ(detail["firstEventTime"], "2021-07-28T15:23:12Z");
  EXPECT_EQ(detail["lastEventTime"], "2021-07-28T15:28:12Z");
  EXPECT_EQ(detail["records"].size(), 2U);
}

TEST(Envelope, SumsUpWhatItFolded) {
  const RenderedAlert finding = render(a_finding(), kScope), summary = render(a_summary(), kScope);
  const json alert = json::parse(summary.json);
  EXPECT_EQ(alert["time"], "2021-07-28T16:28:12Z");
  EXPECT_EQ(alert["detail"]["kind"], "summary");
  EXPECT_EQ(alert["detail"]["summarises"], finding.id);
  EXPECT_NE(summary.id, finding.id);
  EXPECT_EQ(alert["detail"]["count"], 1'234);
  EXPECT_EQ(alert["detail"]["eventIDs"], json({"a", "b"}));
  EXPECT_EQ(alert["detail"]["lastEventTime"], "2021-07-28T16:27:12Z");
  EXPECT_EQ(alert["detail"]["sentence"],
            "1,234 more like it between 2021-07-28T15:28:12Z and 2021-07-28T16:27:12Z, after: The root user of account 111122223333 signed in.");
}

/// A change to a finding, and whether its id must change with it.
struct Change {
  const char* name;
  void (*make)(event::Finding&, AlertScope&);
  bool is_another;
};
void PrintTo(const Change& c, std::ostream* out) { *out << c.name; }

class AlertId : public ::testing::TestWithParam<Change> {};

TEST_P(AlertId, IsOfWhoAndWhatDecided) {
  event::Finding finding = a_finding();
  AlertScope scope = kScope;
  GetParam().make(finding, scope);
  EXPECT_EQ(render(finding, scope).id != render(a_finding(), kScope).id, GetParam().is_another);
}

INSTANTIATE_TEST_SUITE_P(
    Envelope, AlertId,
    ::testing::Values(Change{"Account", [](event::Finding&, AlertScope& s) { s.account = "444455556666"; }, true},
                      Change{"Region", [](event::Finding&, AlertScope& s) { s.region = "us-east-1"; }, true},
                      Change{"Detector", [](event::Finding& f, AlertScope&) { f.detector = "iam_burst"; }, true},
                      Change{"Entity", [](event::Finding& f, AlertScope&) { f.entity = "x"; }, true},
                      Change{"What", [](event::Finding& f, AlertScope&) { f.what = "write_call"; }, true},
                      Change{"Event", [](event::Finding& f, AlertScope&) { f.deciding_event_id = "x"; }, true},
                      Change{"PartsShifted",
                             [](event::Finding& f, AlertScope&) {
                               f.detector = "root_uses";
                               f.entity = f.entity.substr(1);
                             },
                             true},
                      Change{"Words", [](event::Finding& f, AlertScope&) { f.sentence = "Other words."; }, false},
                      Change{"Severity", [](event::Finding& f, AlertScope&) { f.severity = event::Severity::kLow; }, false},
                      Change{"Place",
                             [](event::Finding& f, AlertScope&) {
                               f.evidence[0].partition = 7;
                               f.evidence[0].offset = 1'000;
                               f.evidence[0].origin = "topic/7";
                             },
                             false},
                      Change{"TimeWithAnEvent", [](event::Finding& f, AlertScope&) { f.decision_time += std::chrono::seconds{1}; }, false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Envelope, GivesFindingsWithoutAnEventTheirTimeAsIdentity) {
  event::Finding first = a_finding(), second = a_finding();
  first.deciding_event_id.clear();
  second.deciding_event_id.clear();
  EXPECT_EQ(render(first, kScope).id, render(second, kScope).id);
  second.decision_time += std::chrono::seconds{1};
  EXPECT_NE(render(first, kScope).id, render(second, kScope).id);
}

RC_GTEST_PROP(Envelope, IsValidWhateverTheTexts, (const std::string& a, const std::string& b, const std::string& c)) {
  event::Finding finding = a_finding();
  finding.entity = "e" + a;
  finding.principal.user_agent = b;
  finding.sentence = c + ".";
  finding.evidence[0].record = "{\"a\":" + c + "}";
  const std::string line = render(finding, kScope).json;
  RC_ASSERT(testing::schema_errors(line).empty());
  RC_ASSERT(line.find('\n') == std::string::npos);
}

TEST(PrettyAlert, BeginsWithSeverityTimeAndSentence) {
  const std::string shown = pretty_alert(render(a_finding(), kScope).json);
  EXPECT_THAT(shown, StartsWith("[high] 2021-07-28T15:28:12Z root_use: The root user of account 111122223333 signed in.\n{\n  \"version\": \"0\",\n"));
}

TEST(PrettyAlert, KeepsCommandsOffTheTerminal) {
  event::Finding finding = a_finding();
  finding.sentence = "Red \x1b[31m text.";
  finding.principal.user_agent = "\x1b]0;title\x07 \xc2\x9b""31m \xe2\x80\xae\x7f";
  const std::string shown = pretty_alert(render(finding, kScope).json);
  for (const char c : shown) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << static_cast<int>(c);
}

TEST(PrettyAlert, ShowsWhatIsNoAlertAsItIs) {
  for (const char* text : {"", "hello", "[1]", "{}", R"({"detail":3})"}) EXPECT_EQ(pretty_alert(text), text);
  EXPECT_THAT(pretty_alert(R"({"time":5,"detail":{"severity":[],"sentence":null}})"), StartsWith("[?] ? ?: ?\n"));
}

}  // namespace
}  // namespace trailwarden::alerts
