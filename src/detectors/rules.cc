#include "detectors/rules.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "core/interned.h"
#include "core/text.h"
#include "detectors/phrases.h"
#include "rules/record_fields.h"
#include "rules/rule_set.h"

namespace trailwarden::detectors {
namespace {

using rules::CorrelationGraph;
using rules::CorrelationResult;
using rules::RecordFields;
using rules::Rule;
using rules::RuleBook;
using rules::RuleCorrelation;

constexpr std::size_t kMostRoutines = 10'000;           // of declared automation, in one cell
constexpr std::chrono::hours kNotRoutineBefore{24};     // what was first done less than a day ago is no routine

/// The rule is silent until it has learned what is usual.
bool is_of_what_is_new(const Rule& rule) { return rule.correlation && rule.correlation->kind == RuleCorrelation::Kind::kFirstSeen; }

bool speaks_of_absence(std::span<const rules::Correlation> correlations) {
  return std::any_of(correlations.begin(), correlations.end(), [](const rules::Correlation& one) { return one.type == rules::CorrelationType::kAbsence; });
}

/// A thread's matcher for the book that it last worked with, and what it said of the record that it was last asked about.
class Matching {
 public:
  static Matching& of_this_thread() {
    thread_local Matching matching;
    return matching;
  }

  /// The predicates that a record matches; valid until the next call.
  const std::vector<std::uint32_t>& match(const std::shared_ptr<const RuleBook>& book, const event::CloudTrailEvent& event) {
    if (book_ != book) {
      matcher_.emplace(book->set());
      book_ = book;
    }
    matcher_->match(event, matches_);
    record_ = event.raw.data();
    return matches_;
  }
  /// The same for `observe`, which mostly follows `wants`; once.
  const std::vector<std::uint32_t>& take(const std::shared_ptr<const RuleBook>& book, const event::CloudTrailEvent& event) {
    if (record_ != event.raw.data() || book_ != book) match(book, event);
    record_ = nullptr;
    return matches_;
  }

 private:
  std::shared_ptr<const RuleBook> book_;
  std::optional<rules::Matcher> matcher_;
  std::vector<std::uint32_t> matches_;
  const char* record_ = nullptr;
};

std::string normal_of(const Rule& rule) {
  if (!is_of_what_is_new(rule)) return fmt::format("Rule {} describes it; nothing was learned.", rule.id);
  return fmt::format("Rule {}: not seen here before, in at least {} days.", rule.id, rule.correlation->learn.value / 86'400);
}

/// Calls `then` with `match` for what a record has at the fields: of one field each of its values (a list names several at once), of several the first of each;
/// without values where one is missing.
template <class Then>
void each_of_values(const RecordFields& fields, const std::vector<rules::RecordField>& asked, rules::CorrelationMatch& match, Then then) {
  if (asked.size() == 1 && !asked.front().is_decoded()) {
    thread_local std::vector<std::string> texts;
    fields.texts(asked.front(), texts);
    for (const std::string& text : texts) {
      match.values.assign(1, text);
      then(match);
    }
    if (!texts.empty()) return;
  }
  match.values.resize(asked.size());
  for (std::size_t i = 0; i < match.values.size(); ++i)
    if (!fields.read(asked[i], match.values[i])) match.values.clear();
  then(match);
}

/// Puts the group that a record belongs to into `group`; false if the record lacks a part of it: then it is in none.
bool read_group(const RecordFields& fields, const std::vector<rules::RecordField>& asked, std::vector<std::string>& group) {
  group.resize(asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i)
    if (!fields.read(asked[i], group[i])) return false;
  return true;
}

CorrelationGraph empty_state(const RuleBook& book, std::uint32_t rule) {
  const auto correlations = book.correlations(rule);
  return CorrelationGraph::create({correlations.begin(), correlations.end()}).value();
}

/// What a finding is about: what the rule says, else the group of a Sigma correlation, else the principal.
std::string entity_of(const Rule& rule, const RecordFields& fields, const CorrelationResult* result, const event::CloudTrailEvent& event) {
  if (!rule.entity.empty())
    if (auto text = fields.text(rule.entity)) return *std::move(text);
  const bool is_sigma = result != nullptr && rule.correlation->kind == RuleCorrelation::Kind::kSigma;
  return is_sigma && !result->group.empty() ? fmt::format("{}", fmt::join(result->group, " ")) : std::string(event::principal_of(event));
}

/// Of what rules of one behaviour say of one record, the most severe is told; of equally severe ones the rule that comes first.
class OncePerBehaviour final : public event::Emit {
 public:
  void speaks(const Rule& rule) { behaviour_ = rule.behaviour; }
  void operator()(event::Finding finding) override {
    const auto same = std::find_if(said_.begin(), said_.end(), [this](const Said& other) { return !behaviour_.empty() && other.behaviour == behaviour_; });
    if (same == said_.end()) said_.push_back({behaviour_, std::move(finding)});
    else if (finding.severity > same->finding.severity) same->finding = std::move(finding);
  }
  void pass_on(event::Emit& emit) {
    for (Said& said : said_) emit(std::move(said.finding));
  }

 private:
  struct Said {
    std::string_view behaviour;
    event::Finding finding;
  };
  std::string_view behaviour_;
  std::vector<Said> said_;
};

}  // namespace

Rules::Rules(std::shared_ptr<const RuleSettings> settings) : settings_(std::move(settings)) {}

const DetectorInfo& Rules::info() {
  static constexpr std::string_view kBlindSpots[] = {
      "What no rule describes. `trailwarden rules list` shows what there is.",
      "Parameters that CloudTrail leaves out or hides: SendCommand's, and those of calls with very large ones.",
      "Correlations of one account over several Regions: state is kept by account and Region.",
  };
  static constexpr DetectorInfo kInfo{kName, "Records, or several together, that a rule describes", "management events; data events for rules on objects, secrets and functions", {}, kBlindSpots,
                                      "docs/rules.md"};
  return kInfo;
}

ConfiguredDetector Rules::configured(std::shared_ptr<const RuleSettings> settings) {
  ConfiguredDetector out;
  out.info = &info();
  out.quiet_for = std::chrono::hours{1};  // each rule has its own
  out.make = [settings = std::move(settings)] { return std::make_unique<Rules>(settings); };
  return out;
}

bool Rules::wants(const event::CloudTrailEvent& event) const { return !Matching::of_this_thread().match(settings_->book, event).empty(); }

/// How severe a match of this outcome is; nullopt: it is none.
std::optional<event::Severity> Rules::severity_of(const Rule& rule, const event::CloudTrailEvent& event) const {
  switch (rule.when) {
    case rules::When::kAny: return rule.severity;
    case rules::When::kFailed: return event.failed() ? std::optional(rule.severity) : std::nullopt;
    case rules::When::kSucceeded: break;
  }
  if (!event.failed()) return rule.severity;
  return event.refused() ? rule.refused : std::nullopt;
}

void Rules::observe(const event::CloudTrailEvent& event, event::Emit& emit) {
  since_ = std::min(since_, event.event_time);
  OncePerBehaviour once;
  for (const std::uint32_t predicate : Matching::of_this_thread().take(settings_->book, event)) {
    const RuleBook::Role& hit = book().role(predicate);
    const Rule& rule = book().rules()[hit.rule];
    const auto severity = severity_of(rule, event);
    if (!severity) continue;
    once.speaks(rule);
    if (book().correlations(hit.rule).empty()) tell(hit.rule, *severity, event, nullptr, once);
    else if (rule.when != rules::When::kSucceeded || !event.failed()) correlate(hit, event, once);
  }
  once.pass_on(emit);
}

Rules::States::iterator Rules::add_state(std::uint32_t rule, rules::CorrelationGraph state) {
  awaits_absence_ = awaits_absence_ || speaks_of_absence(book().correlations(rule));
  return states_.emplace(rule, std::move(state)).first;
}

rules::CorrelationGraph& Rules::state_of(std::uint32_t rule) {
  const auto known = states_.find(rule);
  return known != states_.end() ? known->second : add_state(rule, empty_state(book(), rule))->second;
}

void Rules::correlate(const RuleBook::Role& hit, const event::CloudTrailEvent& event, event::Emit& emit) {
  const Rule& rule = book().rules()[hit.rule];
  const rules::Correlation& correlation = book().correlations(hit.rule).back();
  rules::CorrelationGraph& state = state_of(hit.rule);
  const RecordFields fields(event, rule.pattern.decode);
  std::vector<CorrelationGraph::Result> results;
  if (watermark_ > kBeginningOfTime) state.advance(watermark_, results);
  thread_local rules::CorrelationMatch match;  // its texts keep their room from record to record
  match.time = event.event_time;
  match.event_id = event.event_id;
  const CorrelationGraph::Feed own{0, hit.step};
  const bool is_sigma = rule.correlation->kind == RuleCorrelation::Kind::kSigma;
  for (const CorrelationGraph::Feed feed : is_sigma ? state.feeds(hit.step) : std::span(&own, 1)) {
    const RuleBook::Asked& asked = book().asked(hit.rule, feed);
    match.source = feed.source;
    if (!read_group(fields, asked.group, match.group)) continue;
    each_of_values(fields, asked.values, match, [&](const rules::CorrelationMatch& one) { state.observe(feed, one, results); });
  }
  if (is_learning(hit.rule, event.event_time)) return;
  for (const auto& [number, result] : results) {
    if (number + 1 < state.size()) continue;  // of one that it is fed by
    if (correlation.type == rules::CorrelationType::kAbsence) tell_absent(hit.rule, result, emit);
    else tell(hit.rule, rule.severity, event, &result, emit);
  }
}

bool Rules::is_learning(std::uint32_t number, Timestamp at) const {
  const Rule& rule = book().rules()[number];
  if (!is_of_what_is_new(rule)) return false;
  const auto added = added_.find(number);
  return at < (added == added_.end() ? since_ : std::max(since_, added->second)) + std::chrono::seconds{rule.correlation->learn.value};
}

/// Routine work of declared automation is low. What it is first seen to do is not routine.
event::Severity Rules::for_automation(event::Severity severity, std::uint32_t rule, const event::CloudTrailEvent& event) {
  if (severity <= event::Severity::kLow) return severity;
  const std::string_view id = book().id(rule), principal = event::principal_of(event);
  const bool is_declared = std::any_of(settings_->automation.begin(), settings_->automation.end(), [&](const Automation& automation) {
    return glob_match(automation.principal, principal) &&
           (automation.rules.empty() || std::any_of(automation.rules.begin(), automation.rules.end(), [&](const std::string& glob) { return glob_match(glob, id); }));
  });
  if (!is_declared) return severity;
  Routine routine{std::string(id), std::string(principal)};
  const auto known = routines_.find(routine);
  if (known != routines_.end()) {
    known->second = std::min(known->second, event.event_time);
    return event.event_time - known->second >= kNotRoutineBefore ? event::Severity::kLow : severity;
  }
  if (routines_.size() < kMostRoutines) routines_.emplace(std::move(routine), event.event_time);
  return severity;
}

void Rules::tell(std::uint32_t number, event::Severity severity, const event::CloudTrailEvent& event, const CorrelationResult* result, event::Emit& emit) {
  const Rule& rule = book().rules()[number];
  const RecordFields fields(event, rule.pattern.decode);
  event::Finding finding = event::finding_about(event, kName, book().id(number));
  const bool is_refused = rule.when == rules::When::kSucceeded && event.failed();
  finding.title = is_refused ? rule.title + " (refused)" : rule.title;
  finding.severity = for_automation(severity, number, event);
  finding.attack = book().technique(number);
  for (const std::string& control : rule.cis) finding.cis_controls.push_back(interned(control));
  finding.entity = entity_of(rule, fields, result, event);
  finding.sentence = rule.sentence.fill([&](std::string_view field) -> std::optional<std::string> {
    if (result != nullptr && field == "count") return fmt::format("{:g}", result->value);
    if (result != nullptr && field == "value" && !is_of_what_is_new(rule)) return fmt::format("{:g}", result->value);
    if (result != nullptr && field == "value") return result->values.empty() ? std::nullopt : std::optional(printable(result->values.front()));
    if (result != nullptr && field == "minutes") return fmt::format("{}", rule.correlation->within.value / 60);
    const auto text = fields.text(field);
    return text ? std::optional(printable(*text)) : std::nullopt;
  });
  if (is_refused) finding.sentence += fmt::format(" It was refused ({}).", error_of(event));
  finding.normal = normal_of(rule);
  finding.quiet_for = rule.quiet_for;
  for (const std::string& path : rule.enrich)
    if (auto text = fields.text(path)) finding.fields.emplace_back(path, *std::move(text));
  if (result != nullptr) {
    finding.related_event_ids = result->event_ids;
    std::erase(finding.related_event_ids, finding.deciding_event_id);
  }
  emit(std::move(finding));
}

/// Nothing followed: there is no record to speak of but the one that began.
void Rules::tell_absent(std::uint32_t number, const CorrelationResult& result, event::Emit& emit) const {
  const Rule& rule = book().rules()[number];
  event::Finding finding;
  finding.detector = kName;
  finding.what = book().id(number);
  finding.title = rule.title;
  finding.severity = rule.severity;
  finding.attack = book().technique(number);
  for (const std::string& control : rule.cis) finding.cis_controls.push_back(interned(control));
  const auto& names = book().correlations(number).back().group_names;
  const auto part = [&](std::string_view field) -> std::optional<std::string> {
    const auto known = std::find(names.begin(), names.end(), field == "principal" ? "principal_id" : field);
    return known == names.end() ? std::nullopt : std::optional(printable(result.group[static_cast<std::size_t>(known - names.begin())]));
  };
  finding.entity = part(rule.entity).value_or(result.group.empty() ? "" : result.group.front());
  finding.sentence = rule.sentence.fill(part);
  finding.decision_time = result.time;
  finding.deciding_event_id = result.event_id;
  finding.evidence.push_back({.event_id = result.event_id, .event_source = {}, .event_name = {}, .event_time = result.time - std::chrono::seconds{rule.correlation->within.value}, .origin = {}, .record = {}});
  finding.normal = normal_of(rule);
  finding.quiet_for = rule.quiet_for;
  emit(std::move(finding));
}

/// What speaks when nothing comes is asked every minute. The others hear of the time with each match; here they forget, once a day, what is over.
void Rules::advance(Timestamp watermark, event::Emit& emit) {
  const bool is_new_day = std::chrono::floor<std::chrono::days>(watermark) > std::chrono::floor<std::chrono::days>(watermark_);
  watermark_ = std::max(watermark_, watermark);
  if (watermark_ < kEndOfTime) since_ = std::min(since_, watermark_);
  if (!is_new_day && !awaits_absence_) return;
  for (auto& [rule, state] : states_) {
    if (!is_new_day && !speaks_of_absence(book().correlations(rule))) continue;
    std::vector<CorrelationGraph::Result> results;
    state.advance(watermark_, results);
    for (const auto& [number, result] : results) tell_absent(rule, result, emit);
  }
}

void Rules::save(ByteWriter& out) const {
  out.time(watermark_);
  out.time(since_);
  std::vector<std::pair<std::string_view, std::uint32_t>> order;
  for (const auto& [rule, state] : states_) order.emplace_back(book().id(rule), rule);
  std::sort(order.begin(), order.end());
  out.number(static_cast<std::uint32_t>(order.size()));
  for (const auto& [id, rule] : order) {
    out.text(id);
    out.number(book().rules()[rule].hash);
    out.part([&, number = rule] { states_.at(number).save(out); });
  }
  out.number(static_cast<std::uint32_t>(routines_.size()));
  for (const auto& [routine, since] : routines_) {
    out.text(routine.first);
    out.text(routine.second);
    out.time(since);
  }
  save_learners(out);
}

/// Which rules of what is new there are, and those that came later.
void Rules::save_learners(ByteWriter& out) const {
  std::map<std::string_view, std::uint32_t> learners;
  for (std::uint32_t rule = 0; rule < book().rules().size(); ++rule)
    if (is_of_what_is_new(book().rules()[rule])) learners.emplace(book().id(rule), rule);
  out.number(static_cast<std::uint32_t>(learners.size()));
  for (const auto& [id, rule] : learners) {
    const auto added = added_.find(rule);
    out.text(id);
    out.number(book().rules()[rule].hash);
    out.time(added == added_.end() ? kBeginningOfTime : added->second);
  }
}

Result<void> Rules::load(ByteReader& in) {
  watermark_ = in.time();
  since_ = in.time();
  return load_states(in).and_then([&] { return load_routines(in); }).and_then([&] { return load_learners(in); });
}

Result<void> Rules::load_states(ByteReader& in) {
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const std::string id = in.text();
    const auto hash = in.number<std::uint64_t>();
    ByteReader part = in.part();
    // A rule that is gone, or asks for something else now, begins afresh.
    const auto rule = book().find(id);
    if (!rule || book().rules()[*rule].hash != hash || book().correlations(*rule).empty()) continue;
    CorrelationGraph state = empty_state(book(), *rule);
    if (auto loaded = state.load(part).and_then([&](std::size_t) { return part.finish(); }); !loaded) return fail(std::move(loaded).error().during("rule " + id));
    if (states_.contains(*rule)) return fail(ErrorCode::kMalformed, "the state of a rule twice: " + printable(id));
    add_state(*rule, std::move(state));
  }
  return {};
}

Result<void> Rules::load_routines(ByteReader& in) {
  const auto routines = in.number<std::uint32_t>();
  if (!in.ok() || routines > kMostRoutines) return fail(ErrorCode::kMalformed, "the state of rules ends too early, or knows too much routine");
  for (std::uint32_t i = 0; i < routines && in.ok(); ++i) {
    std::string id = in.text(), principal = in.text();
    const Timestamp since = in.time();
    routines_.emplace(Routine{std::move(id), std::move(principal)}, since);
  }
  return {};
}

Result<void> Rules::load_learners(ByteReader& in) {
  if (in.remaining() == 0) return {};  // saved before this was
  const auto count = in.number<std::uint32_t>();
  std::map<std::pair<std::string, std::uint64_t>, Timestamp> saved;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    std::string id = in.text();
    const auto hash = in.number<std::uint64_t>();
    saved[{std::move(id), hash}] = in.time();
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "the state of rules ends too early");
  for (std::uint32_t number = 0; number < book().rules().size(); ++number) {
    const Rule& rule = book().rules()[number];
    if (!is_of_what_is_new(rule)) continue;
    const auto known = saved.find({rule.id, rule.hash});
    const Timestamp since = known == saved.end() ? watermark_ : known->second;
    if (since > kBeginningOfTime) added_[number] = since;
  }
  return {};
}

std::size_t Rules::forget(const event::ForgottenPrincipal& principal, std::string_view) {
  std::size_t places = 0;
  const auto names = [&](std::string_view text) { return principal.is_named_by(text); };
  for (auto& [rule, state] : states_) places += state.forget(names);
  places += std::erase_if(routines_, [&](const auto& routine) { return principal.is_named_by(routine.first.second); });
  return places;
}

std::vector<std::pair<std::string_view, CorrelationUse>> Rules::correlations() const {
  std::vector<std::pair<std::string_view, CorrelationUse>> out;
  for (const auto& [rule, state] : states_) {
    CorrelationUse use;
    for (std::uint32_t i = 0; i < state.size(); ++i) {
      const rules::CorrelationCounters counters = state.state(i).counters();
      use.add({state.state(i).groups(), counters.late, counters.evicted_groups, counters.dropped_entries, counters.cut_searches});
    }
    out.emplace_back(book().id(rule), use);
  }
  return out;
}

std::size_t Rules::memory_bytes() const {
  std::size_t total = sizeof *this;
  for (const auto& [rule, state] : states_) total += 48 + state.memory_bytes();
  for (const auto& [routine, since] : routines_) total += 96 + routine.first.capacity() + routine.second.capacity();
  return total;
}

}  // namespace trailwarden::detectors
