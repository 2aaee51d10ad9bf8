#include "detectors/root_use.h"

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
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

RootUse detector() { return RootUse(RootUse::Options{}); }

EventBuilder root_call(std::string_view service, std::string_view name) { return an_event().of(service).named(name).by_root(); }
EventBuilder root_sign_in() { return root_call("signin", "ConsoleLogin").set("eventType", "AwsConsoleSignIn").response(R"({"ConsoleLogin":"Success"})"); }

struct Case {
  const char* name;
  EventBuilder event;
  const char* says;  // what(severity); "" : nothing
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.event.json(); }

class RootDeed : public ::testing::TestWithParam<Case> {};

TEST_P(RootDeed, HasItsSeverity) {
  RootUse root = detector();
  const auto said = judge(root, GetParam().event);
  if (*GetParam().says == '\0') {
    EXPECT_THAT(whats(said), IsEmpty());
    return;
  }
  ASSERT_THAT(whats(said), ElementsAre(GetParam().says));
  EXPECT_THAT(flaws(said[0]), IsEmpty());
  EXPECT_EQ(said[0].entity, "arn:aws:iam::111111111111:root");
}

INSTANTIATE_TEST_SUITE_P(
    Table, RootDeed,
    ::testing::Values(
        Case{"SignInWithoutMfa", root_sign_in().without_mfa(), "sign_in_without_mfa(critical)"},
        Case{"SignInWithMfa", root_sign_in().with_mfa(), "sign_in(high)"},
        Case{"SignInWithMfaInCapitals", root_sign_in().set("additionalEventData", nlohmann::json{{"MFAUsed", "YES"}}), "sign_in(high)"},
        Case{"SignInThatSaysNothingOfMfa", root_sign_in(), "sign_in_without_mfa(critical)"},
        Case{"FailedSignIn", root_sign_in().without_mfa().failed_with("", "Failed authentication"), "failed_sign_in(medium)"},
        Case{"FailedSignInThatOnlyTheResponseTells", root_sign_in().response(R"({"ConsoleLogin":"Failure"})"), "failed_sign_in(medium)"},
        Case{"StepOfASignIn", root_call("signin", "CheckMfa").set("eventType", "AwsConsoleSignIn").response(R"({"CheckMfa":"Success"})"), "read_call(medium)"},
        Case{"FailedMfa", root_call("signin", "CheckMfa").set("eventType", "AwsConsoleSignIn").response(R"({"CheckMfa":"Failure"})"), "failed_sign_in(medium)"},
        Case{"ConsolePageThatCallsItselfASignIn", root_call("billingconsole", "SetContactAddress").set("eventType", "AwsConsoleSignIn"), "write_call(high)"},
        Case{"AccessKey", root_call("iam", "CreateAccessKey"), "access_key_created(critical)"},
        Case{"AccessKeyForAUser", root_call("iam", "CreateAccessKey").request(R"({"userName":"bob"})"), "write_call(high)"},
        Case{"RefusedAccessKey", root_call("iam", "CreateAccessKey").refused(), "refused_call(medium)"},
        Case{"Password", root_call("iam", "CreateLoginProfile"), "credential_change(critical)"},
        Case{"MfaDeviceOff", root_call("iam", "DeactivateMFADevice").request(R"({"serialNumber":"arn:aws:iam::1:mfa/root"})"), "credential_change(high)"},
        Case{"PasswordRecovery", root_call("signin", "PasswordRecoveryRequested").set("eventType", "AwsConsoleSignIn"), "password_recovery(high)"},
        Case{"PasswordUpdated", root_call("signin", "PasswordUpdated").set("eventType", "AwsConsoleSignIn"), "credential_change(high)"},
        Case{"Change", root_call("ec2", "RunInstances"), "write_call(high)"},
        Case{"Read", root_call("ec2", "DescribeInstances").read(), "read_call(medium)"},
        Case{"RefusedRead", root_call("ec2", "DescribeInstances").read().failed_with("Client.UnauthorizedOperation"), "refused_call(medium)"},
        Case{"ReadThatFailed", root_call("s3", "GetBucketPolicy").read().failed_with("NoSuchBucketPolicy"), "read_call(medium)"},
        Case{"ChangeThatFailed", root_call("ec2", "CreateFlowLogs").failed_with("Client.FlowLogAlreadyExists"), "failed_call(medium)"},
        Case{"ServiceForRoot", root_call("ec2", "CreateTags").invoked_by("autoscaling.amazonaws.com"), ""},
        Case{"ServiceEvent", root_call("kms", "RotateKey").set("eventType", "AwsServiceEvent"), ""},
        Case{"ConsoleReadOfOldRecords", root_call("ec2", "DescribeInstances").read().invoked_by("signin.amazonaws.com"), ""},
        Case{"ConsoleAccessKeyOfOldRecords", root_call("iam", "CreateAccessKey").invoked_by("signin.amazonaws.com"), "access_key_created(critical)"},
        Case{"CopyAtAVpcEndpoint", root_call("s3", "PutObject").set("eventCategory", "NetworkActivity"), ""},
        Case{"SomebodyElse", an_event().named("RunInstances").by_user("alice"), ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RootUse, SaysWhoDidWhatWhereAndFromWhere) {
  RootUse root = detector();
  EXPECT_EQ(judge(root, root_sign_in().without_mfa().from("198.51.100.4"))[0].sentence,
            "root signed in to the console without MFA in eu-west-1 of account 111111111111, from 198.51.100.4.");
  EXPECT_EQ(judge(root, root_call("ec2", "RunInstances").with_mfa())[0].sentence,
            "root called RunInstances of ec2.amazonaws.com in eu-west-1 of account 111111111111, from 203.0.113.7, with MFA.");
  EXPECT_THAT(judge(root, root_call("ec2", "RunInstances").with_key("AKIAIOSFODNN7EXAMPLE"))[0].sentence, HasSubstr("with a long-term access key (...MPLE)"));
  EXPECT_THAT(judge(root, root_call("ec2", "CreateFlowLogs").failed_with("Client.FlowLogAlreadyExists"))[0].sentence,
              StartsWith("root called CreateFlowLogs of ec2.amazonaws.com, which failed (Client.FlowLogAlreadyExists)"));
}

TEST(RootUse, NamesTheAccountWhereTheRecordHasNoArn) {
  RootUse root = detector();
  EXPECT_EQ(judge(root, an_event().identity({{"type", "Root"}, {"accountId", "111111111111"}}))[0].entity, "111111111111");
}

std::string normal_of(RootUse& root, std::string_view time, std::string_view name = "RunInstances") {
  return judge(root, root_call("ec2", name).at(time))[0].normal;
}

TEST(RootUse, SaysWhenRootWasLastSeen) {
  RootUse root = detector();
  EXPECT_EQ(normal_of(root, "2024-05-01T10:00:00Z", "StopInstances"), "Root had not been seen in this account and Region since the log began.");
  EXPECT_EQ(normal_of(root, "2024-05-04T10:00:00Z"),
            "Root was last seen in this account and Region 3 days before, at 2024-05-01T10:00:00Z: StopInstances of ec2.amazonaws.com.");
}

TEST(RootUse, TellsASpellOfActivityFromTheOneBefore) {
  RootUse root = detector();
  normal_of(root, "2024-05-01T10:00:00Z", "StopInstances");
  normal_of(root, "2024-05-04T10:00:00Z");
  normal_of(root, "2024-05-04T10:50:00Z");
  EXPECT_EQ(normal_of(root, "2024-05-04T11:40:00Z"),
            "Root has been active in this account and Region since 2024-05-04T10:00:00Z; before that it was last seen 3 days earlier, at "
            "2024-05-01T10:00:00Z: StopInstances of ec2.amazonaws.com.");
}

TEST(RootUse, LateRecordsDoNotMoveLastSeenBack) {
  RootUse root = detector();
  normal_of(root, "2024-05-04T10:00:00Z");
  EXPECT_THAT(normal_of(root, "2024-05-01T10:00:00Z", "StopInstances"), StartsWith("This record came late: root was seen in this account and Region again at 2024-05-04"));
  EXPECT_THAT(normal_of(root, "2024-05-08T10:00:00Z"), HasSubstr("4 days before, at 2024-05-04T10:00:00Z: RunInstances"));
}

TEST(RootUse, LateRecordsFillInWhatCameBeforeTheSpell) {
  RootUse root = detector();
  normal_of(root, "2024-05-04T10:00:00Z");
  normal_of(root, "2024-05-01T10:00:00Z", "StopInstances");
  EXPECT_THAT(normal_of(root, "2024-05-04T10:01:00Z"), HasSubstr("before that it was last seen 3 days earlier, at 2024-05-01T10:00:00Z: StopInstances"));
}

TEST(RootUse, KeepsReadsToItselfIfAskedTo) {
  const auto root = configured("root_use", "reads: false");
  EXPECT_THAT(judge(*root, root_call("ec2", "DescribeInstances").read()), IsEmpty());
  const auto said = judge(*root, root_call("ec2", "RunInstances").at("2024-05-01T15:00:00Z"));
  ASSERT_THAT(whats(said), ElementsAre("write_call(high)"));
  EXPECT_THAT(said[0].normal, HasSubstr("DescribeInstances")) << "a read that is not reported is a sighting all the same";
}

TEST(RootUse, GoesOnAfterAReloadAsIfNothingHadHappened) {
  std::vector<std::unique_ptr<testing::OwnedEvent>> events;
  for (const char* time : {"2024-05-01T10:00:00Z", "2024-05-01T10:10:00Z", "2024-05-03T10:00:00Z", "2024-05-02T10:00:00Z", "2024-05-03T10:30:00Z"})
    events.push_back(root_call("ec2", "RunInstances").at(time).decode());
  for (std::size_t split = 0; split <= events.size(); ++split) {
    RootUse root = detector(), fresh = detector();
    EXPECT_THAT(differences_after_reload(root, fresh, events, split), IsEmpty()) << split;
  }
}

}  // namespace
}  // namespace trailwarden::detectors
