#include "alerts/quiet.h"

#include <algorithm>
#include <mutex>

namespace trailwarden::alerts {
namespace {

// Findings hold views of literals (detector, what, ATT&CK); a restored one needs them to live as long as the process.
std::string_view interned(const std::string& text) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>> texts;
  const std::scoped_lock lock(mutex);
  return *texts.insert(text).first;
}

using PrincipalText = std::string event::PrincipalSummary::*;
constexpr PrincipalText kPrincipalTexts[] = {
    &event::PrincipalSummary::type,      &event::PrincipalSummary::arn,          &event::PrincipalSummary::account_id,
    &event::PrincipalSummary::user_name, &event::PrincipalSummary::session_name, &event::PrincipalSummary::access_key_suffix,
    &event::PrincipalSummary::source_ip_address, &event::PrincipalSummary::user_agent};

void save_finding(ByteWriter& out, const event::Finding& finding) {
  for (const std::string_view text : {finding.detector, finding.what, std::string_view(finding.entity), std::string_view(finding.title), finding.attack.id,
                                      finding.attack.name, finding.attack.tactic, std::string_view(finding.deciding_event_id),
                                      std::string_view(finding.sentence), std::string_view(finding.normal)})
    out.text(text);
  out.number(static_cast<std::uint8_t>(finding.severity));
  out.number(static_cast<std::uint32_t>(finding.cis_controls.size()));
  for (const std::string_view control : finding.cis_controls) out.text(control);
  for (const PrincipalText text : kPrincipalTexts) out.text(finding.principal.*text);
  out.time(finding.decision_time);
  out.flag(finding.late);
  out.number(static_cast<std::uint32_t>(finding.evidence.size()));
  for (const event::Evidence& evidence : finding.evidence) event::save(out, evidence);
}

event::Finding load_finding(ByteReader& in) {
  event::Finding finding;
  finding.detector = interned(in.text());
  finding.what = interned(in.text());
  finding.entity = in.text();
  finding.title = in.text();
  finding.attack.id = interned(in.text());
  finding.attack.name = interned(in.text());
  finding.attack.tactic = interned(in.text());
  finding.deciding_event_id = in.text();
  finding.sentence = in.text();
  finding.normal = in.text();
  finding.severity = static_cast<event::Severity>(std::min<std::uint8_t>(in.number<std::uint8_t>(), event::kSeverities - 1));
  const auto controls = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < controls && in.ok(); ++i) finding.cis_controls.push_back(interned(in.text()));
  for (const PrincipalText text : kPrincipalTexts) finding.principal.*text = in.text();
  finding.decision_time = in.time();
  finding.late = in.flag();
  const auto evidence = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < evidence && in.ok(); ++i) finding.evidence.push_back(event::load_evidence(in));
  return finding;
}

}  // namespace

void Quiet::observe(event::Finding finding, std::chrono::seconds quiet_for, const Output& output) {
  if (quiet_for <= std::chrono::seconds{0}) return output.finding(finding);
  Key key(finding.detector, finding.entity, finding.what);
  const auto found = windows_.find(key);
  if (found == windows_.end()) return open(std::move(key), std::move(finding), quiet_for, output);
  Window& window = found->second;
  Summary& summary = window.summary;
  const Timestamp opened = summary.finding.decision_time;
  if (finding.decision_time >= window.end) {
    // Everything that ends by now says so first, in order.
    advance(finding.decision_time, output);
    return open(std::move(key), std::move(finding), quiet_for, output);
  }
  if (finding.decision_time <= opened - quiet_for) return output.finding(finding);  // long before: no repeat, and no window to open
  summary.first = std::min(summary.first, finding.decision_time);
  summary.last = std::max(summary.last, finding.decision_time);
  summary.late = summary.late || finding.late;
  if (finding.severity > window.highest) {
    window.highest = finding.severity;
    return output.finding(finding);
  }
  ++summary.repeats;
  if (summary.event_ids.size() < kMaxEventIds) summary.event_ids.push_back(finding.deciding_event_id);
  output.folded(finding);
}

void Quiet::open(Key key, event::Finding finding, std::chrono::seconds quiet_for, const Output& output) {
  while (windows_.size() >= kMaxWindows) close_first(output);
  output.finding(finding);
  Window window;
  window.end = finding.decision_time + quiet_for;
  window.highest = finding.severity;
  window.summary.decision_time = window.end;
  window.summary.first = window.summary.last = finding.decision_time;
  window.summary.finding = std::move(finding);
  for (event::Evidence& evidence : window.summary.finding.evidence) evidence.record.clear();  // the summary points at the finding, which carries it
  by_end_.emplace(window.end, key);
  windows_.emplace(std::move(key), std::move(window));
}

void Quiet::close_first(const Output& output) {
  const auto first = by_end_.begin();
  const auto window = windows_.find(first->second);
  if (window->second.summary.repeats > 0) output.summary(window->second.summary);
  windows_.erase(window);
  by_end_.erase(first);
}

void Quiet::advance(Timestamp watermark, const Output& output) {
  while (!by_end_.empty() && by_end_.begin()->first <= watermark) close_first(output);
}

void Quiet::save(ByteWriter& out) const {
  out.number(static_cast<std::uint32_t>(windows_.size()));
  for (const auto& [key, window] : windows_) {
    const Summary& summary = window.summary;
    save_finding(out, summary.finding);
    out.time(window.end);
    out.number(static_cast<std::uint8_t>(window.highest));
    out.time(summary.first);
    out.time(summary.last);
    out.number(summary.repeats);
    out.flag(summary.late);
    out.number(static_cast<std::uint32_t>(summary.event_ids.size()));
    for (const std::string& id : summary.event_ids) out.text(id);
  }
}

Result<void> Quiet::load(ByteReader& in) {
  windows_.clear();
  by_end_.clear();
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    Window window;
    Summary& summary = window.summary;
    summary.finding = load_finding(in);
    window.end = summary.decision_time = in.time();
    window.highest = static_cast<event::Severity>(in.number<std::uint8_t>());
    summary.first = in.time();
    summary.last = in.time();
    summary.repeats = in.number<std::uint64_t>();
    summary.late = in.flag();
    const auto ids = in.number<std::uint32_t>();
    for (std::uint32_t n = 0; n < ids && in.ok(); ++n) summary.event_ids.push_back(in.text());
    Key key(summary.finding.detector, summary.finding.entity, summary.finding.what);
    by_end_.emplace(window.end, key);
    windows_.emplace(std::move(key), std::move(window));
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "quiet windows end too early");
  return {};
}

std::size_t Quiet::memory_bytes() const {
  std::size_t total = sizeof *this;
  for (const auto& [key, window] : windows_) {
    const Summary& summary = window.summary;
    total += 2 * (sizeof(Windows::value_type) + 64) + summary.finding.sentence.capacity() + summary.finding.normal.capacity();
    for (const event::Evidence& evidence : summary.finding.evidence) total += sizeof evidence + evidence.origin.capacity() + evidence.event_id.capacity();
    for (const std::string& id : summary.event_ids) total += sizeof id + id.capacity();
  }
  return total;
}

}  // namespace trailwarden::alerts
