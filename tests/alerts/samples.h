#pragma once

#include "alerts/envelope.h"

namespace trailwarden::alerts {

inline constexpr Timestamp kTime{std::chrono::seconds{1'627'486'092}};  // 2021-07-28T15:28:12Z
inline constexpr AlertScope kScope{"111122223333", "eu-west-1"};

inline event::Finding a_finding() {
  event::Finding finding;
  finding.detector = "root_use";
  finding.what = "sign_in";
  finding.entity = "arn:aws:iam::111122223333:root";
  finding.title = "Root sign-in";
  finding.severity = event::Severity::kHigh;
  finding.attack = {"T1078.004", "Valid Accounts: Cloud Accounts", "Initial Access"};
  finding.cis_controls = {"4.3"};
  finding.principal = {.type = "Root", .arn = "arn:aws:iam::111122223333:root", .account_id = "111122223333", .source_ip_address = "203.0.113.7"};
  finding.decision_time = kTime;
  finding.deciding_event_id = "11111111-2222-3333-4444-555555555555";
  finding.sentence = "The root user of account 111122223333 signed in.";
  finding.normal = "Root had not been seen before.";
  event::Evidence evidence;
  evidence.event_id = finding.deciding_event_id;
  evidence.event_source = "signin.amazonaws.com";
  evidence.event_name = "ConsoleLogin";
  evidence.event_time = kTime;
  evidence.origin = "AWSLogs/a.json.gz";
  evidence.record_number = 3;
  evidence.byte_offset = 4096;
  evidence.record = R"({"eventName":"ConsoleLogin"})";
  evidence.record_bytes = evidence.record.size();
  finding.evidence = {evidence};
  return finding;
}

inline Summary a_summary() {
  Summary summary;
  summary.finding = a_finding();
  summary.finding.evidence.clear();
  summary.decision_time = kTime + std::chrono::hours{1};
  summary.first = kTime;
  summary.last = kTime + std::chrono::minutes{59};
  summary.repeats = 1'234;
  summary.event_ids = {"a", "b"};
  return summary;
}

}  // namespace trailwarden::alerts
