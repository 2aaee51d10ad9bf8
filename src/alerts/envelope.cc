#include "alerts/envelope.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "core/hash.h"
#include "core/text.h"

namespace trailwarden::alerts {
namespace {

using nlohmann::ordered_json;

std::string id_of(const event::Finding& finding, const AlertScope& scope, std::string_view kind = {}) {
  // Records of eventVersion 1.0 have no id.
  const std::string decided_by = finding.deciding_event_id.empty() ? format_time(finding.decision_time) : finding.deciding_event_id;
  return uuid_of_parts({scope.account, scope.region, finding.detector, finding.entity, finding.what, decided_by, kind});
}

std::string to_text(const ordered_json& json) {
  // Records are valid UTF-8 by the time they get here; a file name need not be.
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string without_whitespace(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  bool in_string = false, escaped = false;
  for (const char c : json) {
    if (!in_string && (c == ' ' || c == '\n' || c == '\r' || c == '\t')) continue;
    if (c == '"' && !escaped) in_string = !in_string;
    escaped = c == '\\' && !escaped;
    out.push_back(c);
  }
  return out;
}

/// Adds a member unless it is empty: what a record does not say, the alert leaves out.
void put(ordered_json& object, const char* name, std::string_view value) {
  if (!value.empty()) object[name] = value;
}

ordered_json principal_json(const event::PrincipalSummary& principal) {
  ordered_json out = ordered_json::object();
  put(out, "type", principal.type);
  put(out, "arn", principal.arn);
  put(out, "accountId", principal.account_id);
  put(out, "userName", principal.user_name);
  put(out, "sessionName", principal.session_name);
  put(out, "accessKeySuffix", principal.access_key_suffix);
  put(out, "sourceIPAddress", principal.source_ip_address);
  put(out, "userAgent", principal.user_agent);
  return out;
}

std::string evidence_text(const event::Evidence& evidence) {
  ordered_json out;
  put(out, "eventID", evidence.event_id);
  out["eventTime"] = format_time(evidence.event_time);
  out["eventSource"] = evidence.event_source;
  out["eventName"] = evidence.event_name;
  out["file"] = evidence.origin;
  out["recordNumber"] = evidence.record_number;
  out["byteOffset"] = evidence.byte_offset;
  out["partition"] = evidence.partition;
  out["offset"] = evidence.offset;
  out["recordBytes"] = evidence.record_bytes;
  // `ordered_json` would write a record's numbers and escapes anew, and drop members that it has twice; evidence stays as it was received.
  ObjectText text(to_text(out));
  const std::string record = without_whitespace(evidence.record);
  if (record.starts_with('{') && ordered_json::accept(record)) text.raw("record", record);
  else text.flag("recordOmitted", true);
  return text.done();
}

std::string records_text(const std::vector<event::Evidence>& records) {
  ArrayText text;
  for (const event::Evidence& evidence : records) text.add(evidence_text(evidence));
  return text.done();
}

/// What findings and summaries have in common.
ordered_json detail_json(const event::Finding& finding, const AlertScope& scope, std::string_view kind) {
  ordered_json detail;
  detail["schemaVersion"] = "1.0";
  detail["kind"] = kind;
  detail["detector"] = finding.detector;
  detail["what"] = finding.what;
  detail["title"] = finding.title;
  detail["severity"] = to_string(finding.severity);
  detail["sentence"] = finding.sentence;
  detail["normal"] = finding.normal;
  detail["late"] = finding.late;
  detail["entity"] = finding.entity;
  detail["account"] = scope.account;
  detail["region"] = scope.region;
  detail["principal"] = principal_json(finding.principal);
  detail["attack"] = ordered_json::array();
  if (!finding.attack.id.empty())
    detail["attack"].push_back({{"technique", finding.attack.id}, {"name", finding.attack.name}, {"tactic", finding.attack.tactic}});
  detail["cis"] = finding.cis_controls;
  return detail;
}

ordered_json silence_json(const event::SilenceFacts& facts) {
  ordered_json out{{"id", facts.id}, {"cause", facts.cause}, {"scope", facts.scope}, {"accountRegions", facts.account_regions}, {"lastEventTime", format_time(facts.last_event)}};
  if (facts.next_event) out["nextEventTime"] = format_time(*facts.next_event);
  out["gapSeconds"] = facts.gap.count();
  out["expectedRecords"] = std::round(facts.expected_records * 10) / 10;
  out["longestUsualGapSeconds"] = facts.longest_usual_gap.count();
  out["usualDelaySeconds"] = facts.usual_delay.count();
  out["falseAlarmsPerWeek"] = facts.false_alarms_per_week;
  out["threshold"] = facts.threshold;
  put(out, "reclassified", facts.reclassified);
  return out;
}

RenderedAlert finding_envelope(std::string id, Timestamp time, const AlertScope& scope, std::string_view detail) {
  std::string text = envelope({id, "Trailwarden Finding", "trailwarden", time}, scope, detail).done();
  return {std::move(id), std::move(text)};
}

/// Cuts every text and list in it to `longest` bytes or items.
void shorten(ordered_json& value, std::size_t longest) {
  if (value.is_array() && value.size() > longest) value.erase(value.begin() + static_cast<std::ptrdiff_t>(longest), value.end());
  if (value.is_structured()) {
    for (ordered_json& part : value) shorten(part, longest);
  } else if (value.is_string() && value.get_ref<const std::string&>().size() > longest) {
    std::string& text = value.get_ref<std::string&>();
    std::size_t end = longest - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;  // not inside a character
    text.replace(end, std::string::npos, "...");
  }
}

std::string text_member(const ordered_json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "?";
}

}  // namespace

ObjectText envelope(const EnvelopeHead& head, const AlertScope& scope, std::string_view detail) {
  ObjectText out;
  out.text("version", "0").text("id", head.id).text("detail-type", head.detail_type).text("source", head.source).text("account", scope.account);
  out.text("time", format_time(head.time)).text("region", scope.region).raw("resources", "[]").raw("detail", detail);
  return out;
}

RenderedAlert render(const event::Finding& finding, const AlertScope& scope) {
  ordered_json detail = detail_json(finding, scope, "finding");
  Timestamp first = finding.decision_time, last = finding.decision_time;
  for (const event::Evidence& evidence : finding.evidence) {
    first = std::min(first, evidence.event_time);
    last = std::max(last, evidence.event_time);
  }
  detail["firstEventTime"] = format_time(first);
  detail["lastEventTime"] = format_time(last);
  detail["count"] = 1;
  if (finding.silence) detail["silence"] = silence_json(*finding.silence);
  for (const auto& [path, text] : finding.fields) detail["fields"][path] = text;
  if (!finding.related_event_ids.empty()) detail["relatedEventIDs"] = finding.related_event_ids;
  const std::string text = ObjectText(to_text(detail)).raw("records", records_text(finding.evidence)).done();
  return finding_envelope(id_of(finding, scope), finding.decision_time, scope, text);
}

RenderedAlert render(const Summary& summary, const AlertScope& scope) {
  const event::Finding& finding = summary.finding;
  ordered_json detail = detail_json(finding, scope, "summary");
  detail["sentence"] = fmt::format("{} more like it between {} and {}, after: {}", with_commas(summary.repeats), format_time(summary.first),
                                   format_time(summary.last), finding.sentence);
  detail["late"] = summary.late;
  detail["firstEventTime"] = format_time(summary.first);
  detail["lastEventTime"] = format_time(summary.last);
  detail["count"] = summary.repeats;
  detail["summarises"] = id_of(finding, scope);
  detail["eventIDs"] = summary.event_ids;
  return finding_envelope(id_of(finding, scope, "summary"), summary.decision_time, scope, to_text(detail));
}

std::string cut_alert(std::string json, std::size_t max_bytes) {
  constexpr std::size_t kLongestAtFirst = 4'096, kLongestAtLast = 64;
  if (json.size() <= max_bytes) return json;
  ordered_json alert = ordered_json::parse(json, nullptr, false);
  TRAILWARDEN_CHECK(alert.is_object() && alert.contains("detail"), "what we rendered is an alert");
  ordered_json& about = alert.contains("trailwarden") ? alert["trailwarden"] : alert["detail"];
  about["cut"] = true;
  if (about.contains("records"))
    for (ordered_json& evidence : about["records"])
      if (evidence.erase("record") > 0) evidence["recordOmitted"] = true;
  std::string text = to_text(alert);
  for (std::size_t longest = kLongestAtFirst; text.size() > max_bytes && longest >= kLongestAtLast; longest /= 2) {
    shorten(alert, longest);
    text = to_text(alert);
  }
  return text;
}

std::string pretty_alert(std::string_view json) {
  const auto alert = ordered_json::parse(json, nullptr, false);
  if (!alert.is_object() || !alert.contains("detail") || !alert["detail"].is_object()) return std::string(json);
  // An Insight's detail is CloudTrail's record; what we say of it stands beside it.
  const auto& about = alert.contains("trailwarden") && alert["trailwarden"].is_object() ? alert["trailwarden"] : alert["detail"];
  // Other people's text goes to a terminal: beyond ASCII there are characters that command it or turn text around.
  return fmt::format("[{}] {} {}: {}\n{}\n", printable(text_member(about, "severity")), printable(text_member(alert, "time")),
                     printable(text_member(about, "detector")), printable(text_member(about, "sentence"), 2000), alert.dump(2, ' ', true));
}

}  // namespace trailwarden::alerts
