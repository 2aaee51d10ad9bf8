#include "detectors/iam_burst.h"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "core/text.h"
#include "detectors/common_options.h"
#include "event/json_scan.h"

namespace trailwarden::detectors {
namespace {

using event::CloudTrailEvent;
using event::Severity;

struct MeasureInfo {
  std::string_view name, title, unit;
  IamBurst::Limits limits;
  Severity severity;
  event::AttackTechnique attack;
};

constexpr event::AttackTechnique kManipulation{"T1098", "Account Manipulation", "Persistence"};
constexpr event::AttackTechnique kCredentials{"T1098.001", "Account Manipulation: Additional Cloud Credentials", "Persistence"};
constexpr event::AttackTechnique kRoles{"T1098.003", "Account Manipulation: Additional Cloud Roles", "Persistence"};
constexpr event::AttackTechnique kNewAccount{"T1136.003", "Create Account: Cloud Account", "Persistence"};
constexpr event::AttackTechnique kDiscovery{"T1087.004", "Account Discovery: Cloud Account", "Discovery"};

// By IamMeasure. A person's day stays below these, and so does one ordinary run of a deployment tool; bulk persistence does not.
constexpr std::array<MeasureInfo, kIamMeasures> kMeasures{{
    {"write_calls", "Burst of IAM changes", "IAM changes", {20, 40, 100}, Severity::kMedium, kManipulation},
    {"distinct_targets", "IAM changes to many objects", "different IAM objects changed", {10, 15, 30}, Severity::kMedium, kManipulation},
    {"refused_calls", "Burst of refused IAM calls", "refused IAM calls", {8, 15, 30}, Severity::kMedium, kDiscovery},
    {"access_keys_created", "Several access keys created", "access keys created", {3, 4, 5}, Severity::kHigh, kCredentials},
    {"users_created", "Several users created", "users created", {3, 5, 8}, Severity::kHigh, kNewAccount},
    {"policies_created", "Several policies created", "policies created", {4, 6, 10}, Severity::kHigh, kRoles},
}};

constexpr std::size_t kMaxEvidence = 10;

const MeasureInfo& info_of(IamMeasure measure) { return kMeasures[static_cast<std::size_t>(measure)]; }

/// Which of the creations a successful call is.
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

/// The object that an IAM call acts on.
std::string target_of(const CloudTrailEvent& event) {
  for (const char* name : {"userName", "roleName", "groupName", "policyArn", "policyName", "instanceProfileName", "serverCertificateName", "sAMLProviderArn",
                           "openIDConnectProviderArn", "name"})
    if (auto target = event::string_member(event.request_parameters, name)) return std::move(*target);
  return {};
}

IamBurst::AllLimits default_limits() {
  IamBurst::AllLimits limits{};
  for (std::size_t i = 0; i < kIamMeasures; ++i) limits[i] = kMeasures[i].limits;
  return limits;
}

/// Limits as a section gives them, those that it leaves out from `fallback`.
IamBurst::AllLimits read_limits(const config::Section& section, const IamBurst::AllLimits& fallback) {
  IamBurst::AllLimits limits = fallback;
  for (std::size_t i = 0; i < kIamMeasures; ++i) {
    const std::vector<std::int64_t> given = section.integers(kMeasures[i].name, {fallback[i].begin(), fallback[i].end()}, 0, 1'000);
    if (given.size() == limits[i].size()) std::copy(given.begin(), given.end(), limits[i].begin());
    else section.report(kMeasures[i].name, fmt::format("{}: expected three limits, for 5, 15 and 60 minutes (0: none)", kMeasures[i].name));
  }
  return limits;
}

std::string yaml_list(const IamBurst::Limits& limits) { return fmt::format("[{}]", fmt::join(limits, ", ")); }

}  // namespace

const DetectorInfo& IamBurst::info() {
  static constexpr std::string_view kType = "list of three integers";
  static constexpr std::array kOptions{
      OptionInfo{"write_calls", kType, "calls in 5, 15 and 60 minutes", "[20, 40, 100]", "IAM writes by one principal that alarm; 0: never"},
      OptionInfo{"distinct_targets", kType, "objects in 5, 15 and 60 minutes", "[10, 15, 30]", "different users, roles, groups and policies written to"},
      OptionInfo{"refused_calls", kType, "calls in 5, 15 and 60 minutes", "[8, 15, 30]", "IAM calls refused for want of permission, reads too"},
      OptionInfo{"access_keys_created", kType, "keys in 5, 15 and 60 minutes", "[3, 4, 5]", "access keys and service credentials created"},
      OptionInfo{"users_created", kType, "users in 5, 15 and 60 minutes", "[3, 5, 8]", "users created"},
      OptionInfo{"policies_created", kType, "policies in 5, 15 and 60 minutes", "[4, 6, 10]", "policies, policy versions and inline policies written"},
      OptionInfo{"automation", "list of limits", "", "[]", "known automation: `principal` (a glob over the ARN) with limits of its own under the names above"},
      OptionInfo{"max_principals", "integer", "principals an account and Region", "1000", "how many are followed at once; beyond it the one idle longest is forgotten"}};
  static constexpr std::array<std::string_view, 4> kBlindSpots{
      "An attacker who stays below the limits, or spreads the calls over principals.",
      "Changes that reach IAM through other services (Organizations, IAM Identity Center, CloudFormation's own role) count for that service's principal.",
      "All sessions of a role are one principal, so a busy shared role needs limits of its own.",
      "IAM is recorded in one Region; copies of a trail that are delivered elsewhere are other cells."};
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
  std::string automation;
  for (const config::Section& entry : section.sections("automation")) {
    entry.only(known);
    if (!entry.has("principal")) entry.report("principal", "automation: every entry needs a `principal`, a glob over the ARN");
    options.automation.push_back({entry.text("principal", ""), read_limits(entry, options.limits)});
    automation += fmt::format("\n      - principal: \"{}\"", options.automation.back().principal);
    for (std::size_t i = 0; i < kIamMeasures; ++i) automation += fmt::format("\n        {}: {}", kMeasures[i].name, yaml_list(options.automation.back().limits[i]));
  }
  options.max_principals = static_cast<std::size_t>(section.integer("max_principals", 1'000, 1, 100'000));
  for (std::size_t i = 0; i < kIamMeasures; ++i) configured.effective.emplace_back(kMeasures[i].name, yaml_list(options.limits[i]));
  configured.effective.emplace_back("automation", automation.empty() ? "[]" : automation);
  configured.effective.emplace_back("max_principals", std::to_string(options.max_principals));
  configured.make = [options] { return std::make_unique<IamBurst>(options); };
  return configured;
}

const IamBurst::AllLimits& IamBurst::limits_of(std::string_view principal) const {
  for (const Automation& automation : options_.automation)
    if (glob_match(automation.principal, principal)) return automation.limits;
  return options_.limits;
}

void IamBurst::remember(History& history, const CloudTrailEvent& event, std::string target, const AllLimits& limits) const {
  Seen seen{event.event_time, std::move(target), event::make_evidence(event, 0)};
  const auto place = std::upper_bound(history.begin(), history.end(), seen.time, [](Timestamp time, const Seen& other) { return time < other.time; });
  history.insert(place, std::move(seen));
  std::int64_t most = 1;
  for (const Limits& by_window : limits) most = std::max(most, *std::max_element(by_window.begin(), by_window.end()));
  if (history.size() > static_cast<std::size_t>(most)) history.erase(history.begin());
}

void IamBurst::observe(const CloudTrailEvent& event, event::Emit& emit) {
  const bool is_write = !event.is_read_only(), is_refused = event.refused();
  if (!is_write && !is_refused) return;
  const std::string name(event::principal_of(event));
  if (principals_.find(name) == principals_.end()) make_room();
  Principal& principal = principals_.try_emplace(name, Principal{{}, event.event_time, event.event_time, 0}).first->second;
  principal.newest = std::max(principal.newest, event.event_time);
  principal.first = std::min(principal.first, event.event_time);
  ++principal.calls;

  const AllLimits& limits = limits_of(name);
  const auto count = [&](IamMeasure measure) { remember(principal.seen[static_cast<std::size_t>(measure)], event, target_of(event), limits); };
  if (is_write) {
    count(IamMeasure::kWriteCalls);
    judge(IamMeasure::kWriteCalls, principal, name, limits, event, emit);
    judge(IamMeasure::kDistinctTargets, principal, name, limits, event, emit);
  }
  if (is_refused) {
    count(IamMeasure::kRefusedCalls);
    judge(IamMeasure::kRefusedCalls, principal, name, limits, event, emit);
  }
  if (const auto creation = creation_of(event)) {
    count(*creation);
    judge(*creation, principal, name, limits, event, emit);
  }
}

void IamBurst::judge(IamMeasure measure, const Principal& principal, std::string_view name, const AllLimits& limits, const CloudTrailEvent& event,
                     event::Emit& emit) const {
  const MeasureInfo& about = info_of(measure);
  const bool distinct = measure == IamMeasure::kDistinctTargets;
  const History& history = principal.seen[static_cast<std::size_t>(distinct ? IamMeasure::kWriteCalls : measure)];
  const Limits& by_window = limits[static_cast<std::size_t>(measure)];
  for (std::size_t w = 0; w < kWindows.size(); ++w) {
    if (by_window[w] == 0) continue;
    // Windows that hold this event end at it or, when it came out of order, at a later one.
    for (const Seen& last : history) {
      if (last.time < event.event_time || last.time - event.event_time >= kWindows[w]) continue;
      std::vector<const Seen*> inside;
      for (const Seen& seen : history)
        if (seen.time > last.time - kWindows[w] && seen.time <= last.time) inside.push_back(&seen);
      std::set<std::string_view> targets;
      for (const Seen* seen : inside)
        if (!seen->target.empty()) targets.insert(seen->target);
      const std::size_t count = distinct ? targets.size() : inside.size();
      if (count < static_cast<std::size_t>(by_window[w])) continue;

      event::Finding finding = event::finding_about(event, info().name, about.name);
      finding.entity = name;
      finding.title = about.title;
      finding.severity = event.user_identity.type == event::IdentityType::kRoot ? Severity::kHigh : about.severity;
      finding.attack = about.attack;
      finding.cis_controls = {"4.4"};
      std::vector<std::string> names;
      for (const std::string_view target : targets) names.push_back(printable(target, 80));
      if (names.size() > 5) names.resize(5);
      finding.sentence = fmt::format("{} reached {} {} in {} minutes in account {}{}, the last one {} from {}.", event::describe_principal(event), count, about.unit,
                                     kWindows[w].count(), event.account(),
                                     names.empty() ? "" : fmt::format(" ({}{})", fmt::join(names, ", "), targets.size() > 5 ? ", ..." : ""), event.event_name,
                                     printable(event.source_ip_address));
      finding.normal = fmt::format("Fewer than {} {} in {} minutes are expected of one principal; this one made {} such calls since {}.", by_window[w], about.unit,
                                   kWindows[w].count(), principal.calls, format_time(principal.first));
      for (auto seen = inside.rbegin(); seen != inside.rend() && finding.evidence.size() < kMaxEvidence; ++seen)
        if ((*seen)->evidence.event_id != event.event_id) finding.evidence.push_back((*seen)->evidence);
      return emit(std::move(finding));
    }
  }
}

void IamBurst::make_room() {
  while (principals_.size() >= options_.max_principals)
    principals_.erase(std::min_element(principals_.begin(), principals_.end(), [](const auto& a, const auto& b) { return a.second.newest < b.second.newest; }));
}

void IamBurst::advance(Timestamp watermark, event::Emit&) {
  std::erase_if(principals_, [watermark](const auto& entry) { return entry.second.newest + kWindows.back() < watermark; });
}

void IamBurst::save(ByteWriter& out) const {
  out.number(static_cast<std::uint32_t>(principals_.size()));
  for (const auto& [name, principal] : principals_) {
    out.text(name);
    out.time(principal.newest);
    out.time(principal.first);
    out.number(principal.calls);
    for (const History& history : principal.seen) {
      out.number(static_cast<std::uint32_t>(history.size()));
      for (const Seen& seen : history) {
        out.time(seen.time);
        out.text(seen.target);
        event::save(out, seen.evidence);
      }
    }
  }
}

Result<void> IamBurst::load(ByteReader& in) {
  principals_.clear();
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    Principal& principal = principals_[in.text()];
    principal.newest = in.time();
    principal.first = in.time();
    principal.calls = in.number<std::uint64_t>();
    for (History& history : principal.seen) {
      const auto size = in.number<std::uint32_t>();
      for (std::uint32_t n = 0; n < size && in.ok(); ++n) {
        Seen seen;
        seen.time = in.time();
        seen.target = in.text();
        seen.evidence = event::load_evidence(in);
        history.push_back(std::move(seen));
      }
    }
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "iam_burst: state ends too early");
  return {};
}

std::size_t IamBurst::memory_bytes() const {
  std::size_t total = sizeof *this;
  for (const auto& [name, principal] : principals_) {
    total += 64 + name.capacity() + sizeof principal;
    for (const History& history : principal.seen) {
      total += history.capacity() * sizeof(Seen);
      for (const Seen& seen : history) total += seen.target.capacity() + seen.evidence.origin.capacity() + seen.evidence.event_id.capacity();
    }
  }
  return total;
}

}  // namespace trailwarden::detectors
