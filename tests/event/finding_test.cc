#include "event/finding.h"

#include <string>

#include <gtest/gtest.h>

#include "event/decoder.h"
#include "event/json_scan.h"
#include "testing/slow_decode.h"

namespace trailwarden::event {
namespace {

struct PrincipalCase {
  const char* identity;
  const char* principal;
  const char* words;
};

TEST(Principal, KeepsItsNameFromSessionToSession) {
  const std::vector<PrincipalCase> cases{
      {R"({"type":"Root","arn":"arn:aws:iam::1:root","accountId":"1"})", "arn:aws:iam::1:root", "root"},
      {R"({"type":"IAMUser","arn":"arn:aws:iam::1:user/alice","userName":"alice"})", "arn:aws:iam::1:user/alice", "user alice"},
      {R"({"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/Deploy/ci-7","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::1:role/Deploy","userName":"Deploy"}}})",
       "arn:aws:iam::1:role/Deploy", "role Deploy (session ci-7)"},
      {R"({"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/Deploy/ci-8"})", "arn:aws:sts::1:assumed-role/Deploy", "role Deploy (session ci-8)"},
      {R"({"type":"AWSService","invokedBy":"ec2.amazonaws.com"})", "ec2.amazonaws.com", "ec2.amazonaws.com"},
      {R"({"type":"AWSAccount","principalId":"AIDA:x","accountId":"2"})", "AIDA", "account 2"},
      {R"({"accountId":"1","invokedBy":"AWS Internal"})", "AWS Internal", "AWS Internal"},
      {R"({})", "unknown", "unknown"},
  };
  for (const PrincipalCase& c : cases) {
    const std::string record = testing::padded(R"({"eventVersion":"1.08","eventTime":"2021-07-28T15:28:12Z","eventSource":"s","eventName":"n","eventID":"i","userIdentity":)" +
                                               std::string(c.identity) + "}");
    Arena arena;
    CloudTrailEvent event;
    ASSERT_EQ(Decoder().decode(std::string_view(record).substr(0, record.size() - kPadding), arena, event), Refusal::kNone) << c.identity;
    EXPECT_EQ(principal_of(event), c.principal);
    EXPECT_EQ(describe_principal(event), c.words);
  }
}

TEST(Finding, CarriesOnlyTheEndOfAnAccessKey) {
  CloudTrailEvent event;
  event.user_identity.access_key_id = "AKIAIOSFODNN7EXAMPLE";
  EXPECT_EQ(finding_about(event, "d", "w").principal.access_key_suffix, "MPLE");
}

TEST(Evidence, LeavesOutARecordOverTheSizeKept) {
  const std::string record(100, 'x');
  CloudTrailEvent event;
  event.raw = record;
  EXPECT_EQ(make_evidence(event, 100).record, record);
  EXPECT_EQ(make_evidence(event, 99).record, "");
  EXPECT_EQ(make_evidence(event, 99).record_bytes, 100U);
}

TEST(JsonScan, FindsMembersOfTheObjectItself) {
  constexpr std::string_view kObject = R"({"a" : {"bucketName":"inner"}, "x":[{"b":1},"]}"], "bucketName":"outer\u0021", "n": 12 , "bucketName2":null})";
  EXPECT_EQ(string_member(kObject, "bucketName"), "outer!");
  EXPECT_EQ(plain_member(kObject, "bucketName"), "outer\\u0021");
  EXPECT_EQ(raw_member(kObject, "n"), "12");
  EXPECT_EQ(raw_member(kObject, "x"), R"([{"b":1},"]}"])");
  EXPECT_EQ(raw_member(kObject, "b"), std::nullopt);
  EXPECT_EQ(string_member(kObject, "n"), std::nullopt);
  EXPECT_EQ(raw_member("[]", "a"), std::nullopt);
  EXPECT_EQ(raw_member("", "a"), std::nullopt);
}

TEST(JsonScan, SeesWhereStringsEnd) {
  for (const std::string text : {R"("")", R"("\\")", R"("\"")", R"("\\\"")", R"("\\\\")", R"("a\\\",]}")", R"("\u0022")"}) {
    EXPECT_EQ(raw_member(R"({"a":)" + text + R"(,"b":1})", "a"), text);
    EXPECT_EQ(raw_member(R"({)" + text + R"(:0,"b":1})", "b"), "1") << text;
  }
}

TEST(JsonScan, TakesElementsOffAnArray) {
  std::string_view rest = R"( [ {"a":[1,"]"]} ,"x\\" , [ ] ,null,12 ] )";
  for (const char* element : {R"({"a":[1,"]"]})", R"("x\\")", "[ ]", "null", "12"}) EXPECT_EQ(take_element(rest), element);
  EXPECT_EQ(take_element(rest), std::nullopt);
  for (const char* none : {"[]", " [ ] ", "{}", "\"a\"", "12", ""}) {
    rest = none;
    EXPECT_EQ(take_element(rest), std::nullopt) << none;
  }
}

}  // namespace
}  // namespace trailwarden::event
