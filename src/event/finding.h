#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/time.h"
#include "event/cloudtrail_event.h"
#include "event/insight.h"

namespace trailwarden::event {

/// The one severity scale.
enum class Severity : std::uint8_t { kInformational, kLow, kMedium, kHigh, kCritical };
inline constexpr std::size_t kSeverities = 5;
std::string_view to_string(Severity severity);

/// MITRE ATT&CK, Enterprise matrix, Cloud platform.
struct AttackTechnique {
  std::string_view id;      // "T1562.008"
  std::string_view name;    // "Disable or Modify Cloud Logs"
  std::string_view tactic;  // "Defense Evasion"
  bool operator==(const AttackTechnique&) const = default;
};

/// Who did it, as far as the record says.
struct PrincipalSummary {
  std::string type, arn, account_id, user_name, session_name, access_key_suffix;  // a key's last four characters only
  std::string source_ip_address, user_agent;
  bool operator==(const PrincipalSummary&) const = default;
};
PrincipalSummary summarize_principal(const CloudTrailEvent& event);

/// A principal in words: "root", "user alice", "role Deploy (session ci-7)", "cloudtrail.amazonaws.com".
std::string describe_principal(const CloudTrailEvent& event);

/// One record that a finding rests on, owning its text.
struct Evidence {
  std::string event_id, event_source, event_name;
  Timestamp event_time{};
  std::string origin;  // the place, owned
  std::uint64_t record_number = 0, byte_offset = 0;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::string record;  // the record as received; empty when it is over the size kept
  std::size_t record_bytes = 0;
  bool operator==(const Evidence&) const = default;
};

/// Evidence of `event`; the record itself is kept up to `max_record_bytes`.
inline constexpr std::size_t kMaxEvidenceRecordBytes = 16 * 1024;
Evidence make_evidence(const CloudTrailEvent& event, std::size_t max_record_bytes = kMaxEvidenceRecordBytes);

void save(ByteWriter& out, const Evidence& evidence);
Evidence load_evidence(ByteReader& in);

/// Of a silence: what is missing, since when and why.
struct SilenceFacts {
  std::string id;                // shared by all that is said of one silence
  std::string_view cause;        // "trail_stopped", "delivery_lag"
  std::string_view scope;        // whom it concerns: "partition", "region", "account", "account_region"
  std::uint64_t account_regions = 1;  // that are silent, or were, for this reason
  Timestamp last_event{};        // eventTime of the newest record before it
  std::optional<Timestamp> next_event;  // of the first one after it
  std::chrono::seconds gap{};    // without records, so far or in all
  double expected_records = 0;   // in it, when it was told
  std::chrono::seconds longest_usual_gap{};
  std::chrono::seconds usual_delay{};  // after which its records should be here
  double false_alarms_per_week = 0, threshold = 0;
  std::string_view reclassified;  // what it turned out to be instead; empty if it did not
  bool operator==(const SilenceFacts&) const = default;
};

/// What a detector says. Repeats of (detector, entity, what) inside the detector's `quiet_for` are folded into the first by
/// `alerts::Quiet`; the id and the envelope are `alerts`' business.
struct Finding {
  std::string_view detector;  // `DetectorInfo::name`; a literal
  std::string_view what;      // which of the detector's claims: a fixed snake_case word
  std::string entity;         // who or what it is about: with `detector` and `what` the key of a repeat
  std::string title;          // a few words, the same for every finding of this `what`
  Severity severity = Severity::kLow;
  AttackTechnique attack;
  std::vector<std::string_view> cis_controls;  // CIS AWS Foundations v5.0 numbers, for example "4.3"

  PrincipalSummary principal;
  Timestamp decision_time{};      // event time of the deciding record, or of the minute whose closing decided
  std::string deciding_event_id;  // enters the id
  std::string sentence;           // plain English, for a person on call; whole, with a full stop
  std::string normal;             // what was normal here, in words
  std::vector<Evidence> evidence;  // at least one
  bool late = false;
  std::optional<SilenceFacts> silence;
  // Of rules.
  std::optional<std::chrono::seconds> quiet_for;             // in place of its detector's
  std::vector<std::pair<std::string, std::string>> fields;   // of the deciding record, that the rule wants shown: path, text
  std::vector<std::string> related_event_ids;                // of the records before the deciding one, oldest first
  bool operator==(const Finding&) const = default;
};

/// A finding about `event`, with principal, decision time, deciding id, evidence and lateness filled in.
Finding finding_about(const CloudTrailEvent& event, std::string_view detector, std::string_view what);

/// Where judgements go.
class Emit {
 public:
  virtual ~Emit() = default;
  virtual void operator()(Finding finding) = 0;
};

}  // namespace trailwarden::event
