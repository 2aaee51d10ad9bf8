#include "detectors/iam_burst.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.h"
#include "detectors/common_options.h"
#include "detectors/phrases.h"
#include "event/json_scan.h"

namespace trailwarden::detectors {
namespace {

using event::CloudTrailEvent;
using event::Severity;

struct MeasureInfo {
  std::string_view name, title;
  std::string_view did;   // "made {} IAM changes"
  std::string_view unit;  // "IAM change", of the total; an s makes it more than one
  IamBurst::Limits limits;
  std::string_view limits_text;  // the same as YAML
  Severity severity;
  event::AttackTechnique attack;
};

constexpr event::AttackTechnique kManipulation{"T1098", "Account Manipulation", "Persistence"};
constexpr event::AttackTechnique kCredentials{"T1098.001", "Additional Cloud Credentials", "Persistence"};
constexpr event::AttackTechnique kRoles{"T1098.003", "Additional Cloud Roles", "Persistence"};
constexpr event::AttackTechnique kNewAccount{"T1136.003", "Cloud Account", "Persistence"};
constexpr event::AttackTechnique kDiscovery{"T1087.004", "Cloud Account", "Discovery"};

// By IamMeasure. A person's day stays below these, and so does one ordinary run of a deployment tool; bulk persistence does not.
// Policies are medium: unlike keys and users they are what deployment tools make most of.
constexpr std::array<MeasureInfo, kIamMeasures> kMeasures{{
    {"write_calls", "Burst of IAM changes", "made {} IAM changes", "IAM change", {20, 40, 100}, "[20, 40, 100]", Severity::kMedium, kManipulation},
    {"distinct_targets", "IAM changes to many objects", "changed {} different IAM objects", "IAM change", {10, 15, 30}, "[10, 15, 30]", Severity::kMedium, kManipulation},
    {"refused_calls", "Burst of refused IAM calls", "was refused {} IAM calls", "refused IAM call", {8, 15, 30}, "[8, 15, 30]", Severity::kMedium, kDiscovery},
    {"access_keys_created", "Several access keys created", "created {} access keys", "new access key", {3, 4, 5}, "[3, 4, 5]", Severity::kHigh, kCredentials},
    {"users_created", "Several users created", "created {} users", "new user", {3, 5, 8}, "[3, 5, 8]", Severity::kHigh, kNewAccount},
    {"policies_created", "Several policies created", "wrote {} policies", "new policy", {6, 10, 20}, "[6, 10, 20]", Severity::kMedium, kRoles},
}};

constexpr std::size_t kMaxEvidence = 10;
constexpr std::int64_t kMaxLimit = 1'000;

std::size_t index_of(IamMeasure measure) { return static_cast<std::size_t>(measure); }

std::string total_in_words(std::uint64_t total, std::string_view unit) {
  if (unit == "new policy" && total != 1) return with_commas(total) + " new policies";
  return counted(total, unit);
}

/// Which of the creations a call is, if it succeeded.
std::optional<IamMeasure> creation_of(const CloudTrailEvent& event) {
  static constexpr std::array<std::pair<std::string_view, IamMeasure>, 8> kCreations{{
      {"CreateAccessKey", IamMeasure::kAccessKeysCreated},
      {"CreateServiceSpecificCredential", IamMeasure::kAccessKeysCreated},
      {"CreateUser", IamMeasure::kUsersCreated},
      {"CreatePolicy", IamMeasure::kPoliciesCreated},
      {"CreatePolicyVersion", IamMeasure::kPoliciesCreated},
      {"PutUserPolicy", IamMeasure::kPoliciesCreated},
      {"PutRolePolicy", IamMeasure::kPoliciesCreated},
      {"PutGroupPolicy", IamMeasure::kPoliciesCreated},
  }};
  if (event.failed()) return std::nullopt;
  const auto* const found = std::find_if(kCreations.begin(), kCreations.end(), [&event](const auto& row) { return row.first == event.event_name; });
  return found == kCreations.end() ? std::nullopt : std::optional(found->second);
}

/// Old records do not say `readOnly`, and by their names these seem to write.
bool is_write(const CloudTrailEvent& event) {
  return !event.is_read_only() && !event.event_name.starts_with("Generate") && !event.event_name.starts_with("Simulate");
}

/// The object that an IAM call acts on, with its kind: "user alice". Without parameters (a key for oneself) the caller.
std::string target_of(const CloudTrailEvent& event) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kNames{{
      {"userName", "user"},
      {"roleName", "role"},
      {"groupName", "group"},
      {"policyArn", "policy"},
      {"policyName", "policy"},
      {"instanceProfileName", "instance profile"},
      {"serverCertificateName", "certificate"},
      {"sAMLProviderArn", "provider"},
      {"openIDConnectProviderArn", "provider"},
      {"name", "provider"},
  }};
  for (const auto& [name, kind] : kNames) {
    const auto value = event::string_member(event.request_parameters, name);
    if (!value) continue;
    const std::string_view short_name = value->starts_with("arn:") ? std::string_view(*value).substr(value->rfind('/') + 1) : std::string_view(*value);
    return fmt::format("{} {}", kind, printable(short_name, 80));
  }
  return event.user_identity.user_name.empty() ? "the account" : fmt::format("user {}", printable(event.user_identity.user_name, 80));
}

/// Limits as a section gives them, those that it leaves out from `fallback`.
IamBurst::AllLimits read_limits(const config::Section& section, const IamBurst::AllLimits& fallback) {
  IamBurst::AllLimits limits = fallback;
  for (std::size_t i = 0; i < kIamMeasures; ++i) {
    const std::vector<std::int64_t> given = section.integers(kMeasures[i].name, {fallback[i].begin(), fallback[i].end()}, 0, kMaxLimit);
    if (given.size() == limits[i].size()) std::copy(given.begin(), given.end(), limits[i].begin());
    else section.report(kMeasures[i].name, fmt::format("{}: expected three limits, for 5, 15 and 60 minutes (0: none)", kMeasures[i].name));
  }
  return limits;
}

std::string in_brackets(const IamBurst::Limits& limits) { return fmt::format("[{}]", fmt::join(limits, ", ")); }

std::string automation_yaml(const std::vector<IamBurst::Automation>& automation) {
  std::vector<std::string> entries;
  for (const IamBurst::Automation& entry : automation) {
    std::string text = "{principal: " + config::yaml_text(entry.principal);
    for (std::size_t i = 0; i < kIamMeasures; ++i) text += fmt::format(", {}: {}", kMeasures[i].name, in_brackets(entry.limits[i]));
    entries.push_back(text + "}");
  }
  return fmt::format("[{}]", fmt::join(entries, ", "));
}

/// What the burst acted on: "user a, user b and 3 more".
std::string targets_of(const SlidingWindow::Crossing& crossing) {
  std::set<std::string> targets;
  for (const SlidingWindow::Call& call : crossing.calls) targets.insert(call.target);
  return enumerate({targets.begin(), targets.end()});
}

}  // namespace

IamBurst::AllLimits IamBurst::default_limits() {
  AllLimits limits{};
  for (std::size_t i = 0; i < kIamMeasures; ++i) limits[i] = kMeasures[i].limits;
  return limits;
}

const DetectorInfo& IamBurst::info() {
  static constexpr std::string_view kType = "list of three integers";
  static constexpr auto option = [](IamMeasure measure, std::string_view unit, std::string_view claim) {
    const MeasureInfo& about = kMeasures[static_cast<std::size_t>(measure)];
    return OptionInfo{about.name, kType, unit, about.limits_text, claim};
  };
  static constexpr std::array kOptions{
      option(IamMeasure::kWriteCalls, "calls in 5, 15 and 60 minutes", "IAM writes by one principal that alarm; 0: never"),
      option(IamMeasure::kDistinctTargets, "objects in 5, 15 and 60 minutes", "different users, roles, groups and policies written to"),
      option(IamMeasure::kRefusedCalls, "calls in 5, 15 and 60 minutes", "IAM calls refused for want of permission, reads too"),
      option(IamMeasure::kAccessKeysCreated, "keys in 5, 15 and 60 minutes", "access keys and service credentials created"),
      option(IamMeasure::kUsersCreated, "users in 5, 15 and 60 minutes", "users created"),
      option(IamMeasure::kPoliciesCreated, "policies in 5, 15 and 60 minutes", "policies, policy versions and inline policies written"),
      OptionInfo{"automation", "list of limits", "", "[]", "known automation: `principal` (a glob over the ARN) with limits of its own under the names above"},
      OptionInfo{"max_principals", "integer", "principals an account and Region", "1000", "how many are followed at once; beyond it the one idle longest is forgotten"}};
  static constexpr std::array<std::string_view, 5> kBlindSpots{
      "An attacker who stays below the limits, or spreads the calls over principals.",
      "Changes that reach IAM through other services (Organizations, IAM Identity Center, CloudFormation's own role) count for that service's principal.",
      "All sessions of a role are one principal, so a busy shared role needs limits of its own.",
      "IAM is recorded in one Region; copies of a trail that are delivered elsewhere are other cells.",
      "A record more than an hour behind its principal's newest is judged by what is still remembered."};
  static constexpr DetectorInfo kInfo{"iam_burst",
                                      "Many IAM changes, refused IAM calls, or several keys, users or policies created by one principal.",
                                      "management events of iam.amazonaws.com, reads included for refused calls",
                                      kOptions,
                                      kBlindSpots,
                                      "CIS AWS Foundations Benchmark v5.0, 4.4; MITRE ATT&CK T1098, T1136.003, T1087.004"};
  return kInfo;
}

ConfiguredDetector IamBurst::configure(const config::Section& section) {
  ConfiguredDetector configured = common(section, info());
  Options options;
  options.limits = read_limits(section, default_limits());
  std::vector<std::string_view> known{"principal"};
  for (const MeasureInfo& measure : kMeasures) known.push_back(measure.name);
  for (const config::Section& entry : section.sections("automation")) {
    entry.only(known);
    if (!entry.has("principal")) entry.report("principal", "automation: every entry needs a `principal`, a glob over the ARN");
    options.automation.push_back({entry.text("principal", ""), read_limits(entry, options.limits)});
  }
  options.max_principals = static_cast<std::size_t>(section.integer("max_principals", 1'000, 1, 100'000));
  for (std::size_t i = 0; i < kIamMeasures; ++i) configured.effective.emplace_back(kMeasures[i].name, in_brackets(options.limits[i]));
  configured.effective.emplace_back("automation", automation_yaml(options.automation));
  configured.effective.emplace_back("max_principals", std::to_string(options.max_principals));
  configured.make = [options] { return std::make_unique<IamBurst>(options); };
  return configured;
}

IamBurst::Principal::Principal()
    : windows{{SlidingWindow(SlidingWindow::Counting::kCalls), SlidingWindow(SlidingWindow::Counting::kTargets), SlidingWindow(SlidingWindow::Counting::kCalls),
               SlidingWindow(SlidingWindow::Counting::kCalls), SlidingWindow(SlidingWindow::Counting::kCalls), SlidingWindow(SlidingWindow::Counting::kCalls)}} {}

const IamBurst::AllLimits& IamBurst::limits_of(std::string_view principal) const {
  for (const Automation& automation : options_.automation)
    if (glob_match(automation.principal, principal)) return automation.limits;
  return options_.limits;
}

bool IamBurst::wants(const CloudTrailEvent& event) const {
  return event.event_source == "iam.amazonaws.com" && (is_write(event) || event.refused()) && event.category != event::EventCategory::kNetworkActivity;
}

void IamBurst::observe(const CloudTrailEvent& event, event::Emit& emit) {
  auto& principal = *touch(event::principal_of(event), event.event_time);
  if (event.refused()) return count(IamMeasure::kRefusedCalls, principal, event, emit);
  count(IamMeasure::kWriteCalls, principal, event, emit);
  count(IamMeasure::kDistinctTargets, principal, event, emit);
  if (const auto creation = creation_of(event)) count(*creation, principal, event, emit);
}

/// The principal, with `time` taken note of; makes room for a new one.
IamBurst::Principals::iterator IamBurst::touch(std::string_view name, Timestamp time) {
  auto found = principals_.find(name);
  if (found == principals_.end()) {
    while (principals_.size() >= options_.max_principals) {
      ByAge& older = awake_.empty() || (!asleep_.empty() && *asleep_.begin() < *awake_.begin()) ? asleep_ : awake_;
      const std::string oldest(older.begin()->second);
      older.erase(older.begin());
      principals_.erase(oldest);
    }
    found = principals_.try_emplace(std::string(name)).first;
    found->second.newest = found->second.first = time;
  }
  Principal& principal = found->second;
  const std::string_view key = found->first;
  awake_.erase({principal.newest, key});
  asleep_.erase({principal.newest, key});
  principal.newest = std::max(principal.newest, time);
  principal.first = std::min(principal.first, time);
  awake_.emplace(principal.newest, key);
  return found;
}

/// Counts a call and says so if a window that holds it has reached its limit.
void IamBurst::count(IamMeasure measure, Principals::reference principal, const CloudTrailEvent& event, event::Emit& emit) {
  auto& [name, state] = principal;
  const MeasureInfo& about = kMeasures[index_of(measure)];
  const Limits& limits = limits_of(name)[index_of(measure)];
  ++state.totals[index_of(measure)];
  const std::int64_t enough = *std::max_element(limits.begin(), limits.end());
  if (enough == 0) return;
  SlidingWindow& calls = state.windows[index_of(measure)];
  calls.add({event.event_time, target_of(event), event::make_evidence(event, 0)}, static_cast<std::size_t>(enough));

  for (std::size_t i = 0; i < kWindows.size(); ++i) {
    if (limits[i] == 0) continue;
    const auto crossing = calls.crossing(event.event_time, kWindows[i], static_cast<std::size_t>(limits[i]));
    if (!crossing) continue;
    event::Finding finding = event::finding_about(event, info().name, about.name);
    finding.entity = name;
    finding.title = about.title;
    finding.severity = event.user_identity.type == event::IdentityType::kRoot ? std::max(Severity::kHigh, about.severity) : about.severity;
    finding.attack = about.attack;
    finding.cis_controls = {"4.4"};
    const std::string number = fmt::format("{}{}", crossing->is_least ? "at least " : "", crossing->count);
    finding.sentence = fmt::format("{} {} within {} minutes {}, the last one {}; they concern {}.", who(event), fmt::format(fmt::runtime(about.did), number),
                                   kWindows[i].count(), where_and_whence(event), printable(event.event_name), targets_of(*crossing));
    const std::uint64_t total = state.totals[index_of(measure)];
    const std::uint64_t before = total - std::min<std::uint64_t>(total, crossing->calls.size());
    finding.normal = fmt::format("The limit is {} in {} minutes; before these this principal had {}.", limits[i], kWindows[i].count(),
                                 before == 0 ? "none since the log began" : fmt::format("{} since {}", total_in_words(before, about.unit), format_time(state.first)));
    for (auto call = crossing->calls.rbegin(); call != crossing->calls.rend() && finding.evidence.size() < kMaxEvidence; ++call)
      if (call->evidence.event_id != event.event_id) finding.evidence.push_back(call->evidence);
    return emit(std::move(finding));
  }
}

void IamBurst::advance(Timestamp watermark, event::Emit&) {
  while (!awake_.empty() && awake_.begin()->first + SlidingWindow::kLongest <= watermark) {
    const auto oldest = awake_.extract(awake_.begin());
    for (SlidingWindow& window : principals_.find(oldest.value().second)->second.windows) window.clear();
    asleep_.insert(oldest.value());
  }
}

void IamBurst::save(ByteWriter& out) const {
  out.number(static_cast<std::uint32_t>(principals_.size()));
  for (const auto& [name, principal] : principals_) {
    out.text(name);
    out.time(principal.newest);
    out.time(principal.first);
    out.flag(awake_.contains({principal.newest, name}));
    for (const std::uint64_t total : principal.totals) out.number(total);
    for (const SlidingWindow& window : principal.windows) window.save(out);
  }
}

Result<void> IamBurst::load(ByteReader& in) {
  principals_.clear();
  awake_.clear();
  asleep_.clear();
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const auto [place, is_new] = principals_.try_emplace(in.text());
    if (!is_new) return fail(ErrorCode::kMalformed, "iam_burst: state names a principal twice");
    auto& [name, principal] = *place;
    principal.newest = in.time();
    principal.first = in.time();
    (in.flag() ? awake_ : asleep_).emplace(principal.newest, name);
    for (std::uint64_t& total : principal.totals) total = in.number<std::uint64_t>();
    for (SlidingWindow& window : principal.windows) window.load(in);
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "iam_burst: state ends too early");
  return {};
}

std::size_t IamBurst::forget(const event::ForgottenPrincipal& principal, std::string_view) {
  std::size_t places = 0;
  for (auto it = principals_.begin(); it != principals_.end();) {
    if (!principal.is_named_by(it->first)) {
      ++it;
      continue;
    }
    awake_.erase({it->second.newest, it->first});
    asleep_.erase({it->second.newest, it->first});
    it = principals_.erase(it);
    ++places;
  }
  return places;
}

std::size_t IamBurst::memory_bytes() const {
  constexpr std::size_t kTreeNode = 4 * sizeof(void*);
  std::size_t total = sizeof *this;
  for (const auto& [name, principal] : principals_) {
    total += 2 * kTreeNode + sizeof name + name.capacity() + sizeof principal + sizeof(ByAge::value_type);
    for (const SlidingWindow& window : principal.windows) total += window.memory_bytes();
  }
  return total;
}

}  // namespace trailwarden::detectors
