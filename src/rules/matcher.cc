#include <algorithm>
#include <string>
#include <utility>

#include "rules/array_search.h"
#include "rules/glob.h"
#include "rules/json_texts.h"
#include "rules/rule_program.h"
#include "rules/rule_set.h"
#include "rules/slot_reader.h"
#include "rules/text_memo.h"
#include "rules/verdict_memo.h"

namespace trailwarden::rules {
namespace {

using Kind = JsonValue::Kind;
using Node = RuleProgram::Node;
using Test = RuleProgram::Test;

/// Whether `text` equals, contains, begins or ends with `other`. `other` is read as a glob is, so its letters beyond ASCII decide what other case they accept.
bool compares(const FieldComparison& comparison, std::string_view text, std::string_view other) {
  using How = FieldComparison::How;
  if (comparison.ignore_case && !is_ascii(other)) {
    std::string copy(other);
    Glob glob = comparison.how == How::kEqual        ? exact_glob(std::move(copy))
                : comparison.how == How::kContains   ? contains_glob(std::move(copy))
                : comparison.how == How::kStartsWith ? prefix_glob(std::move(copy))
                                                     : suffix_glob(std::move(copy));
    glob.ignore_case = true;
    return GlobMatcher(glob).accepts(text);
  }
  if (text.size() < other.size()) return false;
  const auto equal = [&](std::string_view part) { return comparison.ignore_case ? equal_letters(part, other) : part == other; };
  switch (comparison.how) {
    case How::kEqual: return equal(text);
    case How::kStartsWith: return equal(text.substr(0, other.size()));
    case How::kEndsWith: return equal(text.substr(text.size() - other.size()));
    case How::kContains: break;
  }
  for (std::size_t at = 0; at + other.size() <= text.size(); ++at)
    if (equal(text.substr(at, other.size()))) return true;
  return false;
}

}  // namespace

struct Matcher::Scratch {
  explicit Scratch(std::shared_ptr<const RuleProgram> rules)
      : program(std::move(rules)), reader(program->trie), values(program->slots.size()), tests(program->tests.size()), slots_asked(program->slots.size()),
        slots_known(program->slots.size()), documents_known(program->documents.size()), rules_seen(program->rules.size()), memos(program->memos) {}

  /// What is known of a test. Stamps grow with every record and every text; one from before the record's first is of an earlier record.
  struct TestState {
    std::uint64_t stamp = 0;  // of the last text that it was reported for
    std::uint32_t hits = 0;   // texts that it was reported for; of a test decided at once: whether it holds
  };

  std::shared_ptr<const RuleProgram> program;
  SlotReader reader;
  SlotValues values;
  std::vector<TestState> tests;
  std::vector<std::uint64_t> slots_asked;  // the record for which the slot's globs were asked
  std::vector<std::uint64_t> slots_known;      // the record for which the slot's value was taken from a decoded event
  std::vector<std::uint64_t> documents_known;  // the record for which the document was read
  std::vector<std::uint64_t> rules_seen;   // the record for which the rule was made a candidate
  std::vector<RuleId> candidates;
  std::vector<TextMemo> memos;
  std::vector<RuleId> open;                // candidates that what was asked so far does not decide
  std::vector<RuleId> also;                // match when more is asked
  VerdictMemo verdicts;                    // on the texts of the slots that are asked first
  VerdictMemo of_records;                  // on the values that slots which are asked first have in a record
  VerdictMemo further;                     // of the rules that those leave open, on the texts of the other slots that they ask for
  enum class Asks : std::uint8_t { kFirst, kMembers, kDocuments } asks = Asks::kDocuments;  // the slots that are asked first; all that are members; what lies in documents too
  bool is_read = false;                    // all slots have their values
  std::uint64_t stamp = 0, record_stamp = 0;
  LeafProgram::Scratch texts;
  std::string compact;
  ArraySearch search;

  void begin_record() {
    record_stamp = ++stamp;
    candidates.clear();
  }
  bool is_fresh(std::uint64_t at) const { return at >= record_stamp; }

  void add_candidates(std::span<const std::uint32_t> rules) {
    for (const RuleId rule : rules) {
      if (is_fresh(rules_seen[rule])) continue;
      rules_seen[rule] = stamp;
      candidates.push_back(rule);
    }
  }

  void hit(TestId id) {
    TestState& state = tests[id];
    if (state.stamp == stamp) return;
    if (!is_fresh(state.stamp)) {
      state.hits = 0;
      add_candidates(program->rules_of_test[id]);
    }
    state.stamp = stamp;
    ++state.hits;
  }
  std::uint32_t hits(TestId id) const { return is_fresh(tests[id].stamp) ? tests[id].hits : 0; }

  /// Calls `hit(test)` for each glob of the slot that accepts the text of a scalar.
  template <class Hit>
  void scan(const RuleProgram::Slot& slot, std::string_view text, Hit hit) {
    slot.whole.scan(text, hit);
    if (slot.remembers) memos[slot.memo].scan(text, [&slot](std::string_view again, auto&& then) { slot.wild.scan(again, then); }, hit);
    else slot.wild.scan(text, hit);
  }
  void ask(const GlobSet& globs, std::string_view text) {
    globs.scan(text, [this](std::uint32_t test) { hit(test); });
  }
  void ask_globs(SlotId id);
  void ask_value(const RuleProgram::Slot& slot, const SlotValue& value);
  void ask_container(const RuleProgram::Slot& slot, const SlotValue& value);

  bool holds(const Test& test, TestId id);
  bool decide(const Test& test);
  bool any_compares(const Test& test);
  bool holds_node(std::uint32_t id);
  bool holds_rule(const RuleProgram::Rule& rule);
  bool holds_in_arrays(const RuleProgram::Rule& rule);
  bool is_excepted(const RuleProgram::Rule& rule);

  void judge(std::vector<std::uint32_t>& matches);
  void ask_first();
  bool can_be_remembered();
  void judge_remembered(std::vector<std::uint32_t>& matches);

  /// Whether what was asked first leaves the rule possible.
  bool has_needs(RuleId rule) const {
    const auto is_met = [this](std::uint32_t need) {
      const auto any = program->first_tests[need];
      return std::any_of(any.begin(), any.end(), [this](TestId test) { return hits(test) > 0; });
    };
    const auto needs = program->rule_needs[rule];
    return std::all_of(needs.begin(), needs.end(), is_met);
  }

  enum class Truth : std::uint8_t { kFalse, kTrue, kUnknown };
  bool knows(SlotId id, const event::CloudTrailEvent& event);
  bool knows_document(std::uint32_t number, const event::CloudTrailEvent& event);
  Truth truth(std::uint32_t node, const event::CloudTrailEvent& event);
  Truth truth_of(const RuleProgram::Rule& rule, const event::CloudTrailEvent& event);
  Truth truth_with_exceptions(const RuleProgram::Rule& rule, const event::CloudTrailEvent& event);
  bool judge_members(const event::CloudTrailEvent& event, std::vector<std::uint32_t>& matches);
  void add_to_key(VerdictMemo& memo, SlotId id, const event::CloudTrailEvent& event) const;
  const VerdictMemo::Verdict* known_verdict(const event::CloudTrailEvent& event);
  bool judge_further(const VerdictMemo::Verdict& verdict, const event::CloudTrailEvent& event, std::vector<std::uint32_t>& matches);
  void begin_event();
  bool judge_first(const event::CloudTrailEvent& event, std::vector<std::uint32_t>& matches);
  void judge(std::span<const RuleId> rules, const event::CloudTrailEvent& event, std::vector<RuleId>& matching, std::vector<RuleId>& undecided);
  bool judge_open(std::span<const RuleId> rules, const event::CloudTrailEvent& event, std::vector<std::uint32_t>& matches);
};

/// Asks all globs of a slot of all its values, once a record.
void Matcher::Scratch::ask_globs(SlotId id) {
  if (is_fresh(slots_asked[id])) return;
  slots_asked[id] = stamp;
  const RuleProgram::Slot& slot = program->slots[id];
  for (std::uint32_t v = values.first(id); v != SlotValues::kEnd; v = values[v].next) {
    ++stamp;
    ask_value(slot, values[v]);
  }
}

void Matcher::Scratch::ask_value(const RuleProgram::Slot& slot, const SlotValue& value) {
  const bool has_text = slot.reading == Reading::kLeaves ? value.kind == Kind::kString : value.kind != Kind::kNull && value.kind < Kind::kArray;
  if (has_text) {
    scan(slot, value.text, [this](std::uint32_t test) { hit(test); });
  } else if (value.kind >= Kind::kArray) {
    ask_container(slot, value);
  }
}

/// Sigma's texts of an object or array (`Reading::kTexts`).
void Matcher::Scratch::ask_container(const RuleProgram::Slot& slot, const SlotValue& value) {
  const bool is_object = value.kind == Kind::kObject;
  if (slot.wild.empty() && (!is_object || slot.whole.empty())) return;
  if (!is_object && value.text == "[]") return;
  compact.clear();
  append_compact(value.text, texts.unescaped, compact);
  if (is_object) ask(slot.whole, compact);
  if (slot.wild.empty()) return;
  ask(slot.wild, compact);
  if (is_object) for_each_scalar_text(value.text, texts.unescaped, [&](std::string_view text) { ask(slot.wild, text); });
}

bool Matcher::Scratch::holds(const Test& test, TestId id) {
  switch (test.kind) {
    case Test::Kind::kPresent: return values.has(test.slot);
    case Test::Kind::kGlob: ask_globs(test.slot); return hits(id) > 0;
    case Test::Kind::kAllButGlobs: ask_globs(test.slot); return hits(id) < values.count(test.slot);
    case Test::Kind::kEach:
    case Test::Kind::kCompared: break;
  }
  TestState& state = tests[id];
  if (!is_fresh(state.stamp)) {
    state.hits = decide(test) ? 1 : 0;
    state.stamp = stamp;
  }
  return state.hits > 0;
}

bool Matcher::Scratch::decide(const Test& test) {
  if (test.kind == Test::Kind::kCompared) return any_compares(test);
  const Reading reading = program->slots[test.slot].reading;
  for (std::uint32_t v = values.first(test.slot); v != SlotValues::kEnd; v = values[v].next)
    if (test.program->accepts(values[v], reading, texts)) return true;
  return false;
}

bool Matcher::Scratch::any_compares(const Test& test) {
  // Calls `then` with the text of each value; an object's stands in `into`.
  const auto for_each_text = [this](SlotId slot, std::string& into, auto then) {
    for (std::uint32_t v = values.first(slot); v != SlotValues::kEnd; v = values[v].next) {
      const SlotValue& value = values[v];
      if (value.kind == Kind::kNull || value.kind == Kind::kArray) continue;
      if (value.kind == Kind::kObject) {
        into.clear();
        append_compact(value.text, texts.unescaped, into);
      }
      then(value.kind == Kind::kObject ? std::string_view(into) : value.text);
    }
  };
  const FieldComparison& comparison = program->comparisons[test.comparison];
  bool found = false;
  for_each_text(test.slot, compact, [&](std::string_view text) {
    bool any = false, does_so = false;
    for_each_text(test.other, texts.compact, [&](std::string_view other) {
      any = true;
      does_so = does_so || compares(comparison, text, other);
    });
    found = found || (any && does_so != comparison.differs);
  });
  return found;
}

bool Matcher::Scratch::holds_node(std::uint32_t id) {
  const Node& node = program->nodes[id];
  switch (node.kind) {
    case Node::Kind::kTest: return holds(program->tests[node.first], node.first);
    case Node::Kind::kNotTest: return !holds(program->tests[node.first], node.first);
    // What lies inside arrays may be absent from the elements that are chosen.
    case Node::Kind::kAbsent: return values.count(node.first) == values.in_arrays(node.first);
    case Node::Kind::kAll:
      for (std::uint32_t i = node.first; i < node.first + node.count; ++i)
        if (!holds_node(program->parts[i])) return false;
      return true;
    case Node::Kind::kAny:
      for (std::uint32_t i = node.first; i < node.first + node.count; ++i)
        if (holds_node(program->parts[i])) return true;
      return false;
  }
  return false;
}

bool Matcher::Scratch::holds_rule(const RuleProgram::Rule& rule) {
  return holds_node(rule.node) && holds_in_arrays(rule);
}

/// Whether what makes the rule's expression hold can be chosen together.
bool Matcher::Scratch::holds_in_arrays(const RuleProgram::Rule& rule) {
  const auto slots = program->slots_of(rule);
  const bool any = std::any_of(slots.begin(), slots.end(), [this](SlotId slot) { return values.in_arrays(slot) > 0; });
  return !any || search.found(*program, rule, values, texts);
}

bool Matcher::Scratch::is_excepted(const RuleProgram::Rule& rule) {
  const auto exceptions = program->exceptions_of(rule);
  return std::any_of(exceptions.begin(), exceptions.end(), [this](const RuleProgram::Rule& exception) { return holds_rule(exception); });
}

/// From the values that were read to the rules that hold.
void Matcher::Scratch::judge(std::vector<std::uint32_t>& matches) {
  begin_record();
  if (program->remembers_records && can_be_remembered()) return judge_remembered(matches);
  ask_first();
  for (std::size_t i = 0; i < candidates.size(); ++i)  // asking more globs may add candidates, which then wait for nothing else
    if (const RuleProgram::Rule& rule = program->rules[candidates[i]]; holds_rule(rule) && !is_excepted(rule)) matches.push_back(candidates[i]);
  std::sort(matches.begin(), matches.end());
}

void Matcher::Scratch::ask_first() {
  add_candidates(program->always);
  for (const SlotId slot : values.slots_with_values()) {
    add_candidates(program->rules_of_slot[slot]);
    if (program->slots[slot].is_asked_first) ask_globs(slot);
  }
}

/// Makes the key of a record's verdict. False: a slot that is asked first has several values, or one in an array.
bool Matcher::Scratch::can_be_remembered() {
  of_records.begin(program->first_slots.size());
  for (const SlotId slot : program->first_slots) {
    if (!values.has(slot)) {
      of_records.add({}, 0);
      continue;
    }
    const SlotValue& value = values[values.first(slot)];
    if (values.count(slot) > 1 || value.position != 0) return false;
    of_records.add(value.text, static_cast<std::uint8_t>(value.kind) + 1);
  }
  return true;
}

void Matcher::Scratch::judge_remembered(std::vector<std::uint32_t>& matches) {
  std::span<const RuleId> undecided = open;
  if (const VerdictMemo::Verdict* const known = of_records.find()) {
    matches.assign(known->matching().begin(), known->matching().end());
    undecided = known->left_open();
  } else {
    static const event::CloudTrailEvent kNoEvent;  // `is_read`: it is asked for nothing
    ask_first();
    std::erase_if(candidates, [this](RuleId rule) { return !has_needs(rule); });
    is_read = true;
    asks = Asks::kFirst;
    judge(candidates, kNoEvent, matches, open);
    asks = Asks::kDocuments;
    is_read = false;
    of_records.keep(false, matches, open);
    undecided = open;
  }
  for (const RuleId id : undecided)
    if (const RuleProgram::Rule& rule = program->rules[id]; holds_rule(rule) && !is_excepted(rule)) matches.push_back(id);
  std::sort(matches.begin(), matches.end());
}

/// Puts a slot's value where the event's members tell it. False: only the record does.
bool Matcher::Scratch::knows(SlotId id, const event::CloudTrailEvent& event) {
  if (is_fresh(slots_known[id])) return true;
  const RuleProgram::Slot& slot = program->slots[id];
  if (asks == Asks::kFirst && !slot.is_first) return false;
  if (is_read) return true;
  if (slot.document != RuleProgram::kNoDocument) return asks == Asks::kDocuments && knows_document(slot.document, event);
  if (!slot.member) return false;
  const std::string_view text = slot.member->text(event);
  if (text.data() != nullptr) {
    const auto value = member_value(text, event);
    if (!value) return false;
    values.add(id, *value);
  }
  slots_known[id] = stamp;
  return true;
}

/// Reads all that rules ask for in one of the event's documents.
bool Matcher::Scratch::knows_document(std::uint32_t number, const event::CloudTrailEvent& event) {
  if (is_fresh(documents_known[number])) return true;
  const RuleProgram::Document& document = program->documents[number];
  std::string_view json = document.member.text(event);
  if (json.data() != nullptr && json.empty()) json = {json.data(), std::string_view("null").size()};  // as the decoder leaves it
  if (json.data() != nullptr && !reader.read_member(document.node, json, values)) return false;
  documents_known[number] = stamp;
  return true;
}

/// `holds_node` as far as the event's members tell.
Matcher::Scratch::Truth Matcher::Scratch::truth(std::uint32_t id, const event::CloudTrailEvent& event) {
  const Node& node = program->nodes[id];
  if (node.kind == Node::Kind::kAll || node.kind == Node::Kind::kAny) {
    const Truth decisive = node.kind == Node::Kind::kAll ? Truth::kFalse : Truth::kTrue;
    bool all_known = true;
    for (std::uint32_t i = node.first; i < node.first + node.count; ++i) {
      const Truth part = truth(program->parts[i], event);
      if (part == decisive) return decisive;
      all_known = all_known && part != Truth::kUnknown;
    }
    return !all_known ? Truth::kUnknown : decisive == Truth::kFalse ? Truth::kTrue : Truth::kFalse;
  }
  const bool is_test = node.kind != Node::Kind::kAbsent;
  if (!knows(is_test ? program->tests[node.first].slot : node.first, event)) return Truth::kUnknown;
  if (is_test && program->tests[node.first].kind == Test::Kind::kCompared && !knows(program->tests[node.first].other, event)) return Truth::kUnknown;
  return holds_node(id) ? Truth::kTrue : Truth::kFalse;
}

/// `holds_rule`, as far.
Matcher::Scratch::Truth Matcher::Scratch::truth_of(const RuleProgram::Rule& rule, const event::CloudTrailEvent& event) {
  const Truth held = truth(rule.node, event);
  if (held != Truth::kTrue) return held;
  const auto slots = program->slots_of(rule);
  if (!std::all_of(slots.begin(), slots.end(), [&](SlotId slot) { return knows(slot, event); })) return Truth::kUnknown;
  return holds_in_arrays(rule) ? Truth::kTrue : Truth::kFalse;
}

Matcher::Scratch::Truth Matcher::Scratch::truth_with_exceptions(const RuleProgram::Rule& rule, const event::CloudTrailEvent& event) {
  Truth held = truth_of(rule, event);
  if (held == Truth::kFalse) return held;
  for (const RuleProgram::Rule& exception : program->exceptions_of(rule)) {
    const Truth excepted = truth_of(exception, event);
    if (excepted == Truth::kTrue) return Truth::kFalse;
    if (excepted == Truth::kUnknown) held = Truth::kUnknown;
  }
  return held;
}

/// Judges what the event tells. False: it leaves a rule open.
bool Matcher::Scratch::judge_members(const event::CloudTrailEvent& event, std::vector<std::uint32_t>& matches) {
  // A name written twice or with dots: the record has more than the members say.
  if (program->needs_record || event.duplicate_keys > 0 || event.dotted_keys > 0) return false;
  const VerdictMemo::Verdict* known = known_verdict(event);
  if (known != nullptr) {
    matches.assign(known->matching().begin(), known->matching().end());
  } else {
    const bool is_decidable = judge_first(event, matches);
    known = verdicts.keep(!is_decidable, matches, open);
    if (known == nullptr) return is_decidable && judge_open(open, event, matches);
  }
  return !known->needs_record && (known->open == 0 || judge_further(*known, event, matches));
}

void Matcher::Scratch::add_to_key(VerdictMemo& memo, SlotId id, const event::CloudTrailEvent& event) const {
  const std::string_view text = program->slots[id].member->text(event);
  const auto value = text.data() != nullptr ? member_value(text, event) : std::nullopt;
  memo.add(text, value ? static_cast<std::uint8_t>(value->kind) : 0);
}

const VerdictMemo::Verdict* Matcher::Scratch::known_verdict(const event::CloudTrailEvent& event) {
  verdicts.begin(program->first_slots.size());
  for (const SlotId id : program->first_slots) add_to_key(verdicts, id, event);
  return verdicts.find();
}

/// Judges the rules that a verdict leaves open. False: one of them stays so.
bool Matcher::Scratch::judge_further(const VerdictMemo::Verdict& verdict, const event::CloudTrailEvent& event, std::vector<std::uint32_t>& matches) {
  std::size_t texts_asked = 1;
  for (const RuleId rule : verdict.left_open()) texts_asked += program->further_slots[rule].size();
  further.begin(texts_asked);
  further.add({reinterpret_cast<const char*>(&verdict.number), sizeof verdict.number}, 0);
  for (const RuleId rule : verdict.left_open())
    for (const SlotId slot : program->further_slots[rule]) add_to_key(further, slot, event);
  const VerdictMemo::Verdict* known = further.find();
  if (known == nullptr) {
    begin_event();
    asks = Asks::kMembers;
    judge(verdict.left_open(), event, also, open);
    asks = Asks::kDocuments;
    known = further.keep(false, also, open);
    matches.insert(matches.end(), also.begin(), also.end());
    if (known == nullptr) return judge_open(open, event, matches);
  } else {
    matches.insert(matches.end(), known->matching().begin(), known->matching().end());
    if (known->open > 0) begin_event();
  }
  return judge_open(known->left_open(), event, matches);
}

void Matcher::Scratch::begin_event() {
  reader.begin(values);
  begin_record();
}

/// Judges what the slots that are asked first tell; the other candidates become `open`. False: the record has to be read.
bool Matcher::Scratch::judge_first(const event::CloudTrailEvent& event, std::vector<std::uint32_t>& matches) {
  begin_event();
  open.clear();
  for (const SlotId id : program->first_slots) {
    const RuleProgram::Slot& slot = program->slots[id];
    const std::string_view text = slot.member->text(event);
    if (text.data() == nullptr) continue;
    add_candidates(program->rules_of_slot[id]);
    if (!slot.is_asked_first) continue;
    if (!knows(id, event)) return false;
    ask_globs(id);
  }
  std::erase_if(candidates, [this](RuleId rule) { return !has_needs(rule); });
  asks = Asks::kFirst;
  judge(candidates, event, matches, open);
  asks = Asks::kDocuments;
  return true;
}

/// Judges rules by the slots that are asked now.
void Matcher::Scratch::judge(std::span<const RuleId> rules, const event::CloudTrailEvent& event, std::vector<RuleId>& matching, std::vector<RuleId>& undecided) {
  matching.clear();
  undecided.clear();
  for (const RuleId rule : rules) {
    const Truth held = truth_with_exceptions(program->rules[rule], event);
    if (held != Truth::kFalse) (held == Truth::kTrue ? matching : undecided).push_back(rule);
  }
  std::sort(matching.begin(), matching.end());
}

/// Judges rules by all that the event has. False: it leaves one of them open.
bool Matcher::Scratch::judge_open(std::span<const RuleId> rules, const event::CloudTrailEvent& event, std::vector<std::uint32_t>& matches) {
  for (const RuleId rule : rules) {
    const Truth held = truth_with_exceptions(program->rules[rule], event);
    if (held == Truth::kUnknown) return false;
    if (held == Truth::kTrue) matches.push_back(rule);
  }
  std::sort(matches.begin(), matches.end());
  return true;
}

Matcher::Matcher(RuleSet rules) : scratch_(std::make_unique<Scratch>(std::move(rules.program_))) {}
Matcher::~Matcher() = default;
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;

event::Refusal Matcher::match(std::string_view record_json, std::vector<std::uint32_t>& matches) {
  matches.clear();
  const event::Refusal refusal = scratch_->reader.read(record_json, scratch_->values);
  if (refusal == event::Refusal::kNone) scratch_->judge(matches);
  return refusal;
}

void Matcher::match(const event::CloudTrailEvent& event, std::vector<std::uint32_t>& matches) {
  matches.clear();
  if (!scratch_->judge_members(event, matches)) match(event.raw, matches);
}

std::size_t Matcher::memory_bytes() const {
  const Scratch& s = *scratch_;
  return sizeof s + s.verdicts.memory_bytes() + s.of_records.memory_bytes() + s.further.memory_bytes() + s.reader.memory_bytes() + s.values.memory_bytes() + s.tests.capacity() * sizeof(Scratch::TestState) +
         8 * (s.slots_asked.capacity() + s.slots_known.capacity() + s.documents_known.capacity() + s.rules_seen.capacity()) + 4 * (s.candidates.capacity() + s.open.capacity() + s.also.capacity()) + s.compact.capacity() + (s.memos.empty() ? 0 : s.memos.size() * s.memos.front().memory_bytes());
}

}  // namespace trailwarden::rules
