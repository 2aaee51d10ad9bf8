#include "detectors/root_use.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/text.h"
#include "detectors/common_options.h"
#include "detectors/phrases.h"
#include "event/json_scan.h"

namespace trailwarden::detectors {
namespace {

using event::CloudTrailEvent;
using event::Severity;
using namespace std::chrono_literals;

constexpr std::chrono::seconds kSpellGap = 1h;

/// One thing that root may have done.
struct Deed {
  std::string_view what, title;
  Severity severity;
  event::AttackTechnique attack;
};

constexpr event::AttackTechnique kCloudAccounts{"T1078.004", "Cloud Accounts", "Initial Access"};
constexpr event::AttackTechnique kMoreCredentials{"T1098.001", "Additional Cloud Credentials", "Persistence"};
constexpr event::AttackTechnique kGuessing{"T1110.001", "Password Guessing", "Credential Access"};

constexpr Deed kAccessKey{"access_key_created", "Root access key created", Severity::kCritical, kMoreCredentials};
constexpr Deed kNewPassword{"credential_change", "Root password created", Severity::kCritical, kMoreCredentials};
constexpr Deed kCredentials{"credential_change", "Root credentials changed", Severity::kHigh, kMoreCredentials};
constexpr Deed kRecovery{"password_recovery", "Root password recovery", Severity::kHigh, kCloudAccounts};
constexpr Deed kSignInWithoutMfa{"sign_in_without_mfa", "Root sign-in without MFA", Severity::kCritical, kCloudAccounts};
constexpr Deed kSignIn{"sign_in", "Root sign-in", Severity::kHigh, kCloudAccounts};
constexpr Deed kFailedSignIn{"failed_sign_in", "Failed root sign-in", Severity::kMedium, kGuessing};
constexpr Deed kRefused{"refused_call", "Refused call by root", Severity::kMedium, kCloudAccounts};
constexpr Deed kFailed{"failed_call", "Failed change by root", Severity::kMedium, kCloudAccounts};
constexpr Deed kWrite{"write_call", "Change by root", Severity::kHigh, kCloudAccounts};
constexpr Deed kRead{"read_call", "Read by root", Severity::kMedium, kCloudAccounts};

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_yes(std::string_view text) {
  return text.size() == 3 && (text[0] | 0x20) == 'y' && (text[1] | 0x20) == 'e' && (text[2] | 0x20) == 's';
}

bool used_mfa(const CloudTrailEvent& event) {
  return is_yes(event::plain_member(event.additional_event_data, "MFAUsed").value_or("")) || event.user_identity.mfa_authenticated == "true";
}

/// Whether an IAM call is about root itself: it names no user.
bool is_about_itself(const CloudTrailEvent& event) { return !event::raw_member(event.request_parameters, "userName"); }

/// A call that changes how root gets in; null if it is none.
const Deed* credential_deed(const CloudTrailEvent& event) {
  static constexpr std::array<std::string_view, 2> kRecoveries{"PasswordRecoveryRequested", "PasswordRecoveryCompleted"};
  static constexpr std::array<std::string_view, 3> kUpdates{"PasswordUpdated", "EmailUpdated", "MFAUpdated"};
  static constexpr std::array<std::string_view, 10> kIamCalls{
      "UpdateAccessKey",    "DeleteAccessKey",    "UpdateLoginProfile",       "DeleteLoginProfile",             "EnableMFADevice",
      "DeactivateMFADevice", "ResyncMFADevice",   "UploadSigningCertificate", "UpdateSigningCertificate", "DeleteSigningCertificate"};
  const std::string_view name = event.event_name;
  if (is_one_of(name, kRecoveries)) return &kRecovery;
  if (is_one_of(name, kUpdates)) return &kCredentials;
  if (event.event_source != "iam.amazonaws.com") return nullptr;
  if (name == "CreateAccessKey") return is_about_itself(event) ? &kAccessKey : nullptr;
  if (name == "CreateLoginProfile") return is_about_itself(event) ? &kNewPassword : nullptr;
  return is_one_of(name, kIamCalls) && is_about_itself(event) ? &kCredentials : nullptr;
}

/// The sign-in itself, or a step of it such as CheckMfa. (Some console pages mark their own actions as sign-ins too.)
bool is_sign_in(const CloudTrailEvent& event) {
  return event.event_name == "ConsoleLogin" || (event.event_type == "AwsConsoleSignIn" && event.event_source == "signin.amazonaws.com");
}

const Deed& sign_in_deed(const CloudTrailEvent& event) {
  const bool failed = event.failed() || event::plain_member(event.response_elements, event.event_name) == "Failure";
  if (failed) return kFailedSignIn;
  if (event.event_name != "ConsoleLogin") return kRead;
  return used_mfa(event) ? kSignIn : kSignInWithoutMfa;
}

const Deed& deed_of(const CloudTrailEvent& event) {
  const Deed* const credential = credential_deed(event);
  if (credential == nullptr && is_sign_in(event)) return sign_in_deed(event);
  if (event.refused()) return kRefused;
  if (event.failed()) return event.is_read_only() ? kRead : kFailed;
  if (credential != nullptr) return *credential;
  return event.is_read_only() ? kRead : kWrite;
}

/// "signed in to the console without MFA", "called RunInstances of ec2.amazonaws.com".
std::string did(const Deed& deed, const CloudTrailEvent& event) {
  const std::string call = fmt::format("{} of {}", printable(event.event_name), printable(event.event_source));
  if (&deed == &kSignInWithoutMfa) return "signed in to the console without MFA";
  if (&deed == &kSignIn) return "signed in to the console with MFA";
  if (&deed == &kFailedSignIn && event.failed()) return fmt::format("failed to sign in to the console ({})", error_of(event));
  if (&deed == &kFailedSignIn) return "failed to sign in to the console";
  if (&deed == &kAccessKey) return "created an access key for itself";
  if (&deed == &kNewPassword) return "created a password for itself";
  if (&deed == &kCredentials) return fmt::format("changed its own credentials ({})", call);
  if (&deed == &kRecovery) return fmt::format("went through password recovery ({})", printable(event.event_name));
  if (&deed == &kRefused) return fmt::format("called {} and was refused ({})", call, error_of(event));
  if (event.failed()) return fmt::format("called {}, which failed ({})", call, error_of(event));
  return fmt::format("called {}", call);
}

/// How root was authenticated, where the record says so: ", without MFA", ", with a long-term access key (...MPLE)".
std::string by_what_means(const CloudTrailEvent& event) {
  if (is_sign_in(event)) return {};
  if (event.user_identity.assumed_root == "true") return ", in a session that the management account opened (AssumeRoot)";
  const std::string_view key = event.user_identity.access_key_id;
  if (key.starts_with("AKIA")) return fmt::format(", with a long-term access key (...{})", printable(key.substr(key.size() - 4)));
  const std::string_view mfa = event.user_identity.mfa_authenticated;
  return mfa == "true" ? ", with MFA" : mfa == "false" ? ", without MFA" : "";
}

}  // namespace

const DetectorInfo& RootUse::info() {
  static constexpr std::array kOptions{OptionInfo{"reads", "boolean", "", "true", "report calls that only read"}};
  static constexpr std::array<std::string_view, 4> kBlindSpots{
      "Calls that a service makes on root's behalf (invokedBy) are left out, as in CIS 4.3.",
      "\"Last seen\" is known for this account and Region and since the log began; console sign-ins are recorded in one Region only.",
      "Refused attempts to sign in as root with a wrong e-mail address never carry the account.",
      "Copies of calls that a VPC endpoint recorded (network activity events) are left out; the calls themselves are seen."};
  static constexpr std::string_view kBehaviours[] = {"B026", "B027", "B033", "B044"};
  static constexpr DetectorInfo kInfo{"root_use",
                                      "Any call by the root user; how grave depends on what was done.",
                                      "management events, sign-in events included",
                                      kOptions,
                                      kBlindSpots,
                                      "CIS AWS Foundations Benchmark v5.0, 4.3; Security Hub CloudWatch.1",
                                      kBehaviours};
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
  if (event.user_identity.type != event::IdentityType::kRoot || event.event_type == "AwsServiceEvent") return false;
  if (event.category == event::EventCategory::kNetworkActivity) return false;
  const std::string_view invoked_by = event.user_identity.invoked_by;
  return invoked_by.empty() || (invoked_by == "signin.amazonaws.com" && credential_deed(event) != nullptr);
}

std::string RootUse::normal(Timestamp time) const {
  constexpr std::string_view kHere = "in this account and Region";
  if (!last_) return fmt::format("Root had not been seen {} since the log began.", kHere);
  if (time > last_->time + kSpellGap)
    return fmt::format("Root was last seen {} {} before, at {}: {}.", kHere, describe(time - last_->time), format_time(last_->time), last_->action);
  std::string now = time < spell_began_ - kSpellGap
                        ? fmt::format("This record came late: root was seen {} again at {}", kHere, format_time(spell_began_))
                        : fmt::format("Root has been active {} since {}", kHere, format_time(std::min(spell_began_, time)));
  if (!before_ || before_->time >= time) return now + "; before that it had not been seen since the log began.";
  return fmt::format("{}; before that it was last seen {} earlier, at {}: {}.", now, describe(time - before_->time), format_time(before_->time),
                     before_->action);
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
    finding.sentence = fmt::format("root {} {}{}.", did(deed, event), where_and_whence(event), by_what_means(event));
    finding.normal = normal(event.event_time);
    emit(std::move(finding));
  }
  remember(event);
}

void RootUse::remember(const CloudTrailEvent& event) {
  const Timestamp time = event.event_time;
  const auto sighting = [&event, time] { return Sighting{time, fmt::format("{} of {}", printable(event.event_name), printable(event.event_source))}; };
  if (!last_ || time > last_->time + kSpellGap) {
    before_ = std::move(last_);
    last_ = sighting();
    spell_began_ = time;
  } else if (time >= spell_began_ - kSpellGap) {
    spell_began_ = std::min(spell_began_, time);
    if (time >= last_->time) last_ = sighting();
  } else if (!before_ || time >= before_->time) {
    before_ = sighting();
  }
}

void RootUse::save(ByteWriter& out) const {
  for (const auto* seen : {&last_, &before_}) {
    out.flag(seen->has_value());
    if (!*seen) continue;
    out.time((*seen)->time);
    out.text((*seen)->action);
  }
  out.time(spell_began_);
}

Result<void> RootUse::load(ByteReader& in) {
  for (auto* seen : {&last_, &before_}) {
    seen->reset();
    if (!in.flag()) continue;
    const Timestamp time = in.time();
    *seen = Sighting{time, in.text()};
  }
  spell_began_ = in.time();
  if (!in.ok()) return fail(ErrorCode::kMalformed, "root_use: state ends too early");
  return {};
}

std::size_t RootUse::forget(const event::ForgottenPrincipal& principal, std::string_view account) {
  if (!principal.is_root_of(account)) return 0;
  std::size_t places = 0;
  for (auto* seen : {&last_, &before_}) {
    places += seen->has_value() ? 1 : 0;
    seen->reset();
  }
  spell_began_ = {};
  return places;
}

std::size_t RootUse::memory_bytes() const {
  std::size_t total = sizeof *this;
  for (const auto* seen : {&last_, &before_})
    if (*seen) total += (*seen)->action.capacity();
  return total;
}

}  // namespace trailwarden::detectors
