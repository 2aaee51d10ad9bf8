#include "detectors/root_use.h"

#include <array>

#include <fmt/format.h>

#include "core/text.h"
#include "detectors/common_options.h"
#include "event/json_scan.h"

namespace trailwarden::detectors {
namespace {

using event::CloudTrailEvent;
using event::Severity;

/// One thing that root may have done, as the finding tells it.
struct Deed {
  std::string_view what, title;
  Severity severity;
  event::AttackTechnique attack;
  std::string_view verb;  // "root <verb> ..."
};

constexpr event::AttackTechnique kCloudAccounts{"T1078.004", "Valid Accounts: Cloud Accounts", "Initial Access"};
constexpr event::AttackTechnique kMoreCredentials{"T1098.001", "Account Manipulation: Additional Cloud Credentials", "Persistence"};
constexpr event::AttackTechnique kGuessing{"T1110.001", "Brute Force: Password Guessing", "Credential Access"};

constexpr Deed kAccessKey{"access_key_created", "Root access key created", Severity::kCritical, kMoreCredentials, "created an access key"};
constexpr Deed kSignInWithoutMfa{"sign_in_without_mfa", "Root sign-in without MFA", Severity::kCritical, kCloudAccounts, "signed in to the console without MFA"};
constexpr Deed kSignIn{"sign_in", "Root sign-in", Severity::kHigh, kCloudAccounts, "signed in to the console with MFA"};
constexpr Deed kFailedSignIn{"failed_sign_in", "Failed root sign-in", Severity::kMedium, kGuessing, "failed to sign in to the console"};
constexpr Deed kCredentials{"credential_change", "Root credentials changed", Severity::kHigh, kMoreCredentials, "changed its credentials"};
constexpr Deed kRefused{"refused_call", "Refused call by root", Severity::kMedium, kCloudAccounts, "was refused"};
constexpr Deed kWrite{"write_call", "Change by root", Severity::kHigh, kCloudAccounts, "called"};
constexpr Deed kRead{"read_call", "Read by root", Severity::kMedium, kCloudAccounts, "called"};

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

bool used_mfa(const CloudTrailEvent& event) {
  return equal_ignoring_case(event::plain_member(event.additional_event_data, "MFAUsed").value_or(""), "yes") ||
         event.user_identity.mfa_authenticated == "true";
}

/// Calls that change how root gets in. (CreateAccessKey is told apart before.)
bool changes_credentials(const CloudTrailEvent& event) {
  static constexpr std::array<std::string_view, 9> kActions{"PasswordRecoveryRequested", "PasswordRecoveryCompleted", "PasswordUpdated",
                                                            "EmailUpdated",              "MFAUpdated",                "DeactivateMFADevice",
                                                            "EnableMFADevice",           "UpdateAccessKey",           "DeleteAccessKey"};
  return std::find(kActions.begin(), kActions.end(), event.event_name) != kActions.end();
}

const Deed& deed_of(const CloudTrailEvent& event) {
  if (event.event_name == "ConsoleLogin") {
    if (event.failed() || event::plain_member(event.response_elements, "ConsoleLogin") == "Failure") return kFailedSignIn;
    return used_mfa(event) ? kSignIn : kSignInWithoutMfa;
  }
  if (event.failed()) return kRefused;
  if (event.event_source == "iam.amazonaws.com" && event.event_name == "CreateAccessKey") return kAccessKey;
  if (changes_credentials(event)) return kCredentials;
  return event.is_read_only() ? kRead : kWrite;
}

std::string sentence_of(const Deed& deed, const CloudTrailEvent& event) {
  const std::string call = fmt::format("{} of {}", event.event_name, event.event_source);
  std::string did(deed.verb);
  if (&deed == &kWrite || &deed == &kRead) did = fmt::format("called {}", call);
  if (&deed == &kRefused) did = fmt::format("called {} and was refused ({})", call, event.error_code.empty() ? event.error_message : event.error_code);
  if (&deed == &kCredentials) did = fmt::format("changed its credentials ({})", call);
  const std::string_view mfa = event.user_identity.mfa_authenticated;
  const bool is_sign_in = event.event_name == "ConsoleLogin";
  return fmt::format("The root user of account {} {} in {} from {}{}.", event.account(), did, event.region(),
                     event.source_ip_address.empty() ? "an unknown address" : printable(event.source_ip_address),
                     is_sign_in || mfa.empty() ? "" : mfa == "true" ? ", with MFA" : ", without MFA");
}

}  // namespace

const DetectorInfo& RootUse::info() {
  static constexpr std::array kOptions{OptionInfo{"reads", "boolean", "", "true", "report calls that only read"}};
  static constexpr std::array<std::string_view, 3> kBlindSpots{
      "Calls that a service makes on root's behalf (invokedBy) are left out, as in CIS 4.3.",
      "\"Last seen\" is known for this account and Region and since the log began; console sign-ins are recorded in one Region only.",
      "Refused attempts to sign in as root with a wrong e-mail address never carry the account."};
  static constexpr DetectorInfo kInfo{"root_use",
                                      "Any call by the root user; how grave depends on what was done.",
                                      "management events, sign-in events included",
                                      kOptions,
                                      kBlindSpots,
                                      "CIS AWS Foundations Benchmark v5.0, 4.3; Security Hub CloudWatch.1"};
  return kInfo;
}

ConfiguredDetector RootUse::configure(const config::Section& section) {
  ConfiguredDetector configured = common(section, info());
  const Options options{.reads = section.boolean("reads", true)};
  configured.effective.emplace_back("reads", options.reads ? "true" : "false");
  configured.make = [options] { return std::make_unique<RootUse>(options); };
  return configured;
}

bool RootUse::wants(const CloudTrailEvent& event) const {
  return event.user_identity.type == event::IdentityType::kRoot && event.user_identity.invoked_by.empty() && event.event_type != "AwsServiceEvent";
}

std::string RootUse::normal(const CloudTrailEvent& event) const {
  if (!last_seen_) return "Root had not been seen in this account and Region since the log began.";
  if (*last_seen_ >= event.event_time) return fmt::format("Root was also seen at {}: {}.", format_time(*last_seen_), last_action_);
  return fmt::format("Root was last seen here {} before, at {}: {}.", describe(event.event_time - *last_seen_), format_time(*last_seen_), last_action_);
}

void RootUse::observe(const CloudTrailEvent& event, event::Emit& emit) {
  const Deed& deed = deed_of(event);
  if (options_.reads || &deed != &kRead) {
    event::Finding finding = event::finding_about(event, info().name, deed.what);
    finding.entity = event.user_identity.arn.empty() ? event.account() : event.user_identity.arn;
    finding.title = deed.title;
    finding.severity = deed.severity;
    finding.attack = deed.attack;
    finding.cis_controls = {"4.3"};
    finding.sentence = sentence_of(deed, event);
    finding.normal = normal(event);
    emit(std::move(finding));
  }
  if (!last_seen_ || event.event_time >= *last_seen_) {
    last_seen_ = event.event_time;
    last_action_ = fmt::format("{} of {}", event.event_name, event.event_source);
  }
}

void RootUse::save(ByteWriter& out) const {
  out.flag(last_seen_.has_value());
  out.time(last_seen_.value_or(Timestamp{}));
  out.text(last_action_);
}

Result<void> RootUse::load(ByteReader& in) {
  const bool seen = in.flag();
  const Timestamp time = in.time();
  last_seen_ = seen ? std::optional(time) : std::nullopt;
  last_action_ = in.text();
  if (!in.ok()) return fail(ErrorCode::kMalformed, "root_use: state ends too early");
  return {};
}

}  // namespace trailwarden::detectors
