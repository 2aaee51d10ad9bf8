// What the detectors say of events whose outcome somebody else has written down (../shared/data/labelled), as a table: every case on
// which a detector speaks, and every case on which its author's label expects one of them to. All other cases must be silent.

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detectors/judging.h"
#include "detectors/labelled_events.h"

namespace trailwarden::detectors {
namespace {

/// What a case's label asks of these four detectors.
enum class Label {
  kAlert,   // a rule about the same thing must fire
  kSilent,  // it must not
  kOther,   // the label is about something else, or only says that this is an attack
};

struct Row {
  const char* label_case;
  Label label;
  const char* says;       // "detector.what(severity)", joined by ", "
  const char* because = "";  // where the two differ: why ours is right
};

constexpr const char* kRootIsAlwaysTold = "the rightful owner's use of root is told too: CIS 4.3 knows no good one";
constexpr const char* kAttemptsAreTold = "an attempt on a trail is told even if it failed, as a low finding";

// Labels of kOther need no reason: nothing is expected either way.
const std::vector<Row> kTable{
    // Root use.
    {"streamalert/cloudtrail_root_account_usage#0", Label::kAlert, "root_use.sign_in(high)"},
    {"streamalert/cloudtrail_root_account_usage#1", Label::kSilent, ""},
    {"sentry/events/root_account_used", Label::kAlert, "root_use.sign_in_without_mfa(critical)"},
    {"panther/AWS.CloudTrail.RootAccessKeyCreated#Root Access Key Created", Label::kAlert, "root_use.access_key_created(critical)"},
    {"panther/AWS.CloudTrail.RootAccessKeyCreated#Root Created Access Key For User", Label::kSilent, ""},
    {"panther-scenario/attacker#0", Label::kAlert, "root_use.failed_sign_in(medium)"},
    {"panther-scenario/attacker#1", Label::kAlert, "root_use.failed_sign_in(medium)"},
    {"panther-scenario/attacker#2", Label::kAlert, "root_use.failed_sign_in(medium)"},
    {"panther-scenario/attacker#3", Label::kAlert, "root_use.sign_in_without_mfa(critical)"},
    {"panther-scenario/attacker#4", Label::kAlert, "root_use.access_key_created(critical)"},
    {"panther-scenario/attacker#5", Label::kAlert, "root_use.write_call(high)"},
    {"panther-scenario/attacker#6", Label::kAlert, "root_use.write_call(high)"},
    {"panther-scenario/victim#7", Label::kSilent, "root_use.sign_in_without_mfa(critical)", kRootIsAlwaysTold},
    {"panther-scenario/victim#8", Label::kSilent, "root_use.write_call(high)", kRootIsAlwaysTold},
    {"panther-scenario/victim#9", Label::kSilent, "root_use.sign_in_without_mfa(critical)", kRootIsAlwaysTold},
    {"panther-scenario/victim#10", Label::kSilent, "root_use.sign_in_without_mfa(critical)", kRootIsAlwaysTold},

    // Trails and their buckets.
    {"stratus/aws.defense-evasion.cloudtrail-stop", Label::kAlert, "trail_tampering.logging_stopped(high)"},
    {"stratus/aws.defense-evasion.cloudtrail-event-selectors", Label::kAlert, "trail_tampering.selectors_narrowed(high)"},
    {"sentry/events/cloudtrail_logging_disabled", Label::kAlert, "trail_tampering.logging_stopped(high)"},
    {"traildiscover/CloudTrail/StopLogging", Label::kAlert, "trail_tampering.logging_stopped_refused(medium)"},
    {"traildiscover/CloudTrail/UpdateTrail", Label::kAlert, "trail_tampering.trail_redirected_refused(low)"},
    {"panther/AWS.CloudTrail.Stopped#CloudTrail Was Stopped", Label::kAlert, "trail_tampering.logging_stopped(high)"},
    {"panther/AWS.CloudTrail.Stopped#CloudTrail Was Started", Label::kSilent, ""},
    {"panther/AWS.CloudTrail.Stopped#Error Stopping CloudTrail", Label::kSilent, "trail_tampering.attempt_failed(low)", kAttemptsAreTold},
    {"panther/AWS.CloudTrail.SecurityConfigurationChange#Security Configuration Changed", Label::kAlert, "trail_tampering.trail_deleted(high)"},
    {"panther/AWS.CloudTrail.SecurityConfigurationChange#Security Configuration Not Changed", Label::kSilent, ""},
    {"panther/AWS.CloudTrail.SecurityConfigurationChange#Security Configuration Not Changed - Error", Label::kSilent, "trail_tampering.attempt_failed(low)", kAttemptsAreTold},
    {"panther/AWS.CloudTrail.SecurityConfigurationChange#Security Configuration Changed - Allowlisted User", Label::kSilent, ""},
    {"panther/AWS.CloudTrail.Created#CloudTrail Was Created", Label::kAlert, "", "a new trail takes nothing away; who wants to know of it writes a rule"},
    {"panther/AWS.CloudTrail.Created#Error Creating CloudTrail", Label::kSilent, ""},
    {"panther/AWS.CloudTrail.VPCE.SensitiveAPICalls#CloudTrail API Call Via VPC Endpoint", Label::kAlert, "", "a copy that the VPC endpoint recorded: the call itself has a management event, which is judged"},
    {"panther/AWS.CloudTrail.ShortLifecycle#1-Day Lifecycle Rule on Known CT Bucket", Label::kAlert, "trail_tampering.bucket_expiry_shortened(medium)"},
    {"panther/AWS.CloudTrail.ShortLifecycle#1-Day Lifecycle Rule on Assumed CT Bucket", Label::kAlert, "trail_tampering.bucket_expiry_shortened(medium)"},
    {"panther/AWS.CloudTrail.ShortLifecycle#Disabled 1-Day Lifecycle Rule on Known CT Bucket", Label::kSilent, ""},
    {"panther/AWS.CloudTrail.ShortLifecycle#730-Day Lifecycle Rule on Known CT Bucket", Label::kSilent, ""},
    {"panther/AWS.CloudTrail.ShortLifecycle#Completely Unrelated Event", Label::kSilent, ""},

    // Security groups. A refused call changed nothing.
    {"stratus/aws.exfiltration.ec2-security-group-open-port-22-ingress", Label::kAlert, "security_group_change.world_open(high)"},
    {"sentry/events/security_group_open_to_internet", Label::kAlert, "security_group_change.world_open(high)"},
    {"sentry/negatives/sg_open_but_failed", Label::kSilent, ""},
    {"sentry/negatives/readonly_describe", Label::kSilent, ""},
    {"streamalert/cloudtrail_security_group_ingress_anywhere#0", Label::kAlert, "security_group_change.world_open(high)"},
    {"streamalert/cloudtrail_security_group_ingress_anywhere#1", Label::kSilent, "security_group_change.all_traffic_open(high)", "its author asks about the internet only; all traffic from 10.0.0.0/8 opens every port to whatever is in there"},
    {"traildiscover/EC2/AuthorizeSecurityGroupIngress", Label::kOther, ""},
    {"traildiscover/EC2/CreateSecurityGroup", Label::kOther, ""},

    // Single IAM calls, which other rules are about: one call is no burst.
    {"stratus/aws.persistence.iam-backdoor-user", Label::kOther, ""},
    {"stratus/aws.persistence.iam-create-backdoor-role", Label::kOther, ""},
    {"stratus/aws.persistence.iam-create-user-login-profile", Label::kOther, ""},
    {"stratus/aws.privilege-escalation.iam-update-user-login-profile", Label::kOther, ""},
    {"sentry/events/iam_access_key_created", Label::kOther, ""},
    {"sentry/events/iam_user_created", Label::kOther, ""},
    {"sentry/events/iam_admin_policy_attached", Label::kOther, ""},
    {"panther/AWS.IAM.CreateUser#IAM User Created", Label::kOther, ""},
};

/// The panther cases are about a bucket that its owner has declared to hold a trail.
std::vector<std::unique_ptr<Detector>> fresh_detectors() {
  std::vector<std::unique_ptr<Detector>> out;
  for (const DetectorKind& kind : registry())
    out.push_back(testing::configured(kind.info().name, kind.info().name == "trail_tampering" ? "trail_buckets: [\"sample-cloudtrail-bucket-name\"]" : ""));
  return out;
}

/// What is said of each case, by its name; a case's events go through one set of detectors.
std::map<std::string, std::string> judged() {
  std::map<std::string, std::string> out;
  std::map<std::string, std::vector<std::unique_ptr<Detector>>> detectors;
  int number = 0;
  const testing::LabelledEvents events;
  for (const auto& [name, record, must_fire, rules] : events.list()) {
    auto& said = out[name];
    if (detectors[name].empty()) detectors[name] = fresh_detectors();
    const auto event = trailwarden::testing::decoded(testing::completed(record, std::to_string(number++)));
    for (const auto& detector : detectors[name])
      for (const event::Finding& finding : testing::judge(*detector, event->event)) {
        EXPECT_THAT(testing::flaws(finding), ::testing::IsEmpty()) << name;
        said += fmt::format("{}{}.{}({})", said.empty() ? "" : ", ", finding.detector, finding.what, to_string(finding.severity));
      }
  }
  return out;
}

TEST(Labelled, AgreesOrSaysWhyNot) {
  if (!testing::has_labelled_events()) GTEST_SKIP() << testing::kLabelled << " is not here; the labelled data are kept outside the repository";
  std::map<std::string, std::string> said = judged();
  std::map<std::string, int> counts;
  for (const Row& row : kTable) {
    const auto found = said.find(row.label_case);
    ASSERT_NE(found, said.end()) << row.label_case << " is no case";
    EXPECT_EQ(found->second, row.says) << row.label_case;
    const bool speaks = !found->second.empty();
    const bool agrees = row.label == Label::kOther || speaks == (row.label == Label::kAlert);
    EXPECT_EQ(std::string_view(row.because).empty(), agrees) << row.label_case << ": a difference needs its reason, an agreement none";
    ++counts[row.label == Label::kOther ? "not asked" : agrees ? "agree" : "differ"];
    said.erase(found);
  }
  for (const auto& [name, words] : said) EXPECT_EQ(words, "") << name << " is not in the table";
  for (const auto& [what, count] : counts) RecordProperty(what, count);
  RecordProperty("silent", static_cast<int>(said.size()));
}

}  // namespace
}  // namespace trailwarden::detectors
