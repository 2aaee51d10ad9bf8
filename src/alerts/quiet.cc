#include "alerts/quiet.h"

#include <algorithm>

#include "core/interned.h"

namespace trailwarden::alerts {
namespace {

using PrincipalText = std::string event::PrincipalSummary::*;
constexpr PrincipalText kPrincipalTexts[] = {
    &event::PrincipalSummary::type,      &event::PrincipalSummary::arn,          &event::PrincipalSummary::account_id,
    &event::PrincipalSummary::user_name, &event::PrincipalSummary::session_name, &event::PrincipalSummary::access_key_suffix,
    &event::PrincipalSummary::source_ip_address, &event::PrincipalSummary::user_agent};

/// A finding without its evidence.
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
}

/// Findings hold views of what lives as long as the process (detector, what, ATT&CK).
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
  return finding;
}

std::size_t text_bytes(const Summary& summary) {
  const event::Finding& finding = summary.finding;
  std::size_t total = 0;
  for (const std::string* text : {&finding.entity, &finding.title, &finding.deciding_event_id, &finding.sentence, &finding.normal}) total += text->capacity();
  for (const PrincipalText text : kPrincipalTexts) total += (finding.principal.*text).capacity();
  for (const std::string& id : summary.event_ids) total += sizeof id + id.capacity();
  return total;
}

}  // namespace

void Quiet::observe(event::Finding finding, std::chrono::seconds quiet_for, const Output& output) {
  if (quiet_for <= std::chrono::seconds{0}) return output.finding(finding);
  Key key(finding.detector, finding.entity, finding.what);
  auto found = windows_.find(key);
  if (found != windows_.end() && finding.decision_time >= found->second.decision_time) {
    close(found, output);
    found = windows_.end();
  }
  if (found == windows_.end()) return open(std::move(key), std::move(finding), quiet_for, output);
  Summary& window = found->second;
  if (finding.decision_time <= window.finding.decision_time - quiet_for) return output.finding(finding);
  window.first = std::min(window.first, finding.decision_time);
  window.last = std::max(window.last, finding.decision_time);
  if (finding.severity > window.finding.severity) {
    window.finding.severity = finding.severity;
    return output.finding(finding);
  }
  ++window.repeats;
  window.late = window.late || finding.late;
  if (!finding.deciding_event_id.empty() && window.event_ids.size() < kMaxEventIds) window.event_ids.push_back(finding.deciding_event_id);
  output.folded(finding);
}

void Quiet::open(Key key, event::Finding finding, std::chrono::seconds quiet_for, const Output& output) {
  if (windows_.size() >= kMaxWindows) {
    ++closed_early_;
    close(windows_.find(by_end_.begin()->second), output);
  }
  output.finding(finding);
  Summary window;
  window.decision_time = finding.decision_time + quiet_for;
  window.first = window.last = finding.decision_time;
  window.finding = std::move(finding);
  window.finding.evidence.clear();  // a summary points at the finding, which carries it
  by_end_.emplace(window.decision_time, key);
  windows_.emplace(std::move(key), std::move(window));
}

void Quiet::close(Windows::iterator window, const Output& output) {
  if (window->second.repeats > 0) output.summary(window->second);
  by_end_.erase({window->second.decision_time, window->first});
  windows_.erase(window);
}

void Quiet::advance(Timestamp watermark, const Output& output) {
  while (!by_end_.empty() && by_end_.begin()->first <= watermark) close(windows_.find(by_end_.begin()->second), output);
}

std::size_t Quiet::forget(const event::ForgottenPrincipal& principal) {
  const std::size_t before = windows_.size();
  std::erase_if(by_end_, [&](const auto& entry) {
    const auto window = windows_.find(entry.second);
    const event::Finding& finding = window->second.finding;
    const auto named = [&](const std::string& text) { return principal.is_named_by(text); };
    if (!named(finding.entity) && !named(finding.principal.arn) && !named(finding.sentence) && !named(finding.normal) && !named(finding.title)) return false;
    windows_.erase(window);
    return true;
  });
  return before - windows_.size();
}

void Quiet::save(ByteWriter& out) const {
  out.number(closed_early_);
  out.number(static_cast<std::uint32_t>(windows_.size()));
  for (const auto& [key, window] : windows_) {
    save_finding(out, window.finding);
    out.time(window.decision_time);
    out.time(window.first);
    out.time(window.last);
    out.number(window.repeats);
    out.flag(window.late);
    out.number(static_cast<std::uint32_t>(window.event_ids.size()));
    for (const std::string& id : window.event_ids) out.text(id);
  }
}

Result<void> Quiet::load(ByteReader& in) {
  closed_early_ = in.number<std::uint64_t>();
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    Summary window;
    window.finding = load_finding(in);
    window.decision_time = in.time();
    window.first = in.time();
    window.last = in.time();
    window.repeats = in.number<std::uint64_t>();
    window.late = in.flag();
    const auto ids = in.number<std::uint32_t>();
    for (std::uint32_t n = 0; n < ids && in.ok(); ++n) window.event_ids.push_back(in.text());
    Key key(window.finding.detector, window.finding.entity, window.finding.what);
    by_end_.emplace(window.decision_time, key);
    windows_.emplace(std::move(key), std::move(window));
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "quiet windows end too early");
  if (windows_.size() != count || by_end_.size() != count) return fail(ErrorCode::kMalformed, "two quiet windows of one key");
  return {};
}

std::size_t Quiet::memory_bytes() const {
  constexpr std::size_t kTreeNode = 4 * sizeof(void*);
  std::size_t total = sizeof *this;
  for (const auto& [key, window] : windows_) {
    const std::size_t key_text = std::get<0>(key).capacity() + std::get<1>(key).capacity() + std::get<2>(key).capacity();
    total += sizeof(Windows::value_type) + sizeof(decltype(by_end_)::value_type) + 2 * (kTreeNode + key_text) + text_bytes(window);
  }
  return total;
}

}  // namespace trailwarden::alerts
