#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/check.h"
#include "core/text.h"
#include "rules/anchors.h"
#include "rules/glob.h"
#include "rules/rule_program.h"
#include "rules/rule_set.h"

namespace trailwarden::rules {
namespace {

using Node = RuleProgram::Node;
using Test = RuleProgram::Test;

constexpr std::size_t kRememberFromRules = 100;  // fewer are judged faster than a verdict on a like record is found

/// The same bytes for equal tests, so that rules share them.
void write_key(const LeafTest& test, ByteWriter& key) {
  key.number(static_cast<std::uint8_t>(test.what.index()));
  if (const auto* glob = std::get_if<Glob>(&test.what)) {
    key.flag(glob->ignore_case);
    for (const std::string& run : glob->runs) key.text(run);
    for (const Glob::Gap& gap : glob->gaps) {
      key.number(gap.at_least);
      key.flag(gap.any_more);
    }
  } else if (const auto* range = std::get_if<NumberRange>(&test.what)) {
    key.real(range->low);
    key.real(range->high);
    key.flag(range->low_closed);
    key.flag(range->high_closed);
  } else if (const auto* spelling = std::get_if<NumberSpelling>(&test.what)) {
    key.text(spelling->text);
  } else if (const auto* block = std::get_if<AddressBlock>(&test.what)) {
    key.array(block->address);
    key.number(block->bits);
    key.flag(block->v6);
  } else if (const auto* regex = std::get_if<Regex>(&test.what)) {
    key.text(regex->pattern);
    key.flag(regex->ignore_case);
    key.flag(regex->multi_line);
    key.flag(regex->dot_all);
  } else if (const auto* literal = std::get_if<Literal>(&test.what)) {
    key.number(static_cast<std::uint8_t>(*literal));
  } else if (const auto* part = std::get_if<TimePart>(&test.what)) {
    key.number(static_cast<std::uint8_t>(part->part));
    key.signed_number(part->value);
  } else if (const auto* but = std::get_if<AnythingBut>(&test.what)) {
    key.number(static_cast<std::uint32_t>(but->tests.size()));
    for (const LeafTest& inner : but->tests) write_key(inner, key);
  }
}

Test::Kind kind_of(const LeafTest& test, Reading reading) {
  if (std::holds_alternative<AnyValue>(test.what)) return Test::Kind::kPresent;
  if (std::holds_alternative<Glob>(test.what)) return Test::Kind::kGlob;
  const auto* const but = std::get_if<AnythingBut>(&test.what);
  const bool globs_only = but != nullptr && std::all_of(but->tests.begin(), but->tests.end(), [](const LeafTest& t) { return std::holds_alternative<Glob>(t.what); });
  return globs_only && reading == Reading::kLeaves ? Test::Kind::kAllButGlobs : Test::Kind::kEach;
}

bool is_at_or_below(std::string_view path, std::string_view above) {
  return path.starts_with(above) && (path.size() == above.size() || path[above.size()] == '.');
}

class RuleCompiler {
 public:
  explicit RuleCompiler(const Limits& limits) : limits_(limits) {}

  Result<void> add(const Predicate& predicate);
  Result<RuleProgram> finish();

 private:
  using Decode = std::vector<std::string>;

  Result<std::uint32_t> node_of(const Expression& expression, bool negated, const Predicate& predicate);
  Result<void> check_globs(const FieldTest& field) const;
  Result<TestId> test_of(const FieldTest& field, const Decode& decode);
  TestId comparison_of(const FieldComparison& comparison, const Decode& decode);
  SlotId slot_of(const std::string& path, Reading reading, const Decode& decode);
  std::uint32_t add_node(Node node);
  Result<RuleProgram::Rule> rule_of(const Predicate& predicate);
  Result<void> add_combinations(const Predicate& predicate, RuleProgram::Rule& rule);
  Result<void> build_globs();
  void note_documents();
  void order_parts();
  double cost_of(std::uint32_t node) const;

  static bool needs_search(const Predicate& predicate) {
    return std::any_of(predicate.combinations.begin(), predicate.combinations.end(), [](const PatternCombination& fields) { return fields.size() > 1; });
  }

  const Limits& limits_;
  RuleProgram program_;
  std::map<std::string, SlotId> slots_;
  std::map<std::string, TestId> tests_;
  struct SlotGlob {
    Glob glob;
    TestId test;
  };
  std::vector<std::vector<SlotGlob>> globs_;  // by slot
  std::size_t regexes_ = 0;
};

SlotId RuleCompiler::slot_of(const std::string& path, Reading reading, const Decode& decode) {
  const bool is_record = reading == Reading::kTexts && path.empty();  // else an empty path is the member that is called so
  Decode above;
  for (const std::string& decoded : decode)
    if (!is_record && is_at_or_below(path, decoded)) above.push_back(decoded);
  std::sort(above.begin(), above.end());
  above.erase(std::unique(above.begin(), above.end()), above.end());
  ByteWriter key;
  key.text(path);
  key.flag(reading == Reading::kTexts);
  for (const std::string& decoded : above) key.text(decoded);
  const auto [at, is_new] = slots_.try_emplace(key.bytes(), static_cast<SlotId>(program_.slots.size()));
  if (is_new) {
    RuleProgram::Slot& slot = program_.slots.emplace_back();
    slot.path = path;
    slot.reading = reading;
    if (above.empty()) slot.member = scalar_member(path);
    globs_.emplace_back();
    program_.trie.add(path, reading, above, at->second);
  }
  return at->second;
}

Result<void> RuleCompiler::check_globs(const FieldTest& field) const {
  const auto check = [&](const LeafTest& test) -> Result<void> {
    const auto* const glob = std::get_if<Glob>(&test.what);
    if (glob == nullptr || !is_wild(*glob)) return {};
    std::size_t bytes = glob->gaps.size();
    for (const std::string& run : glob->runs) bytes += run.size();
    for (const Glob::Gap& gap : glob->gaps) bytes += gap.at_least;
    if (bytes <= limits_.max_glob_bytes) return {};
    return fail(ErrorCode::kTooLarge, "field \"" + printable(field.path, 80) + "\": a wildcard of " + with_commas(bytes) + " characters; at most " +
                                          with_commas(limits_.max_glob_bytes) + " are taken: shorten it");
  };
  const auto* const but = std::get_if<AnythingBut>(&field.test.what);
  if (but == nullptr) return check(field.test);
  for (const LeafTest& inner : but->tests)
    if (auto small = check(inner); !small) return small;
  return {};
}

Result<TestId> RuleCompiler::test_of(const FieldTest& field, const Decode& decode) {
  const SlotId slot = slot_of(field.path, field.reading, decode);
  ByteWriter key;
  key.number(slot);
  write_key(field.test, key);
  const auto [at, is_new] = tests_.try_emplace(key.bytes(), static_cast<TestId>(program_.tests.size()));
  if (!is_new) return at->second;
  Test& test = program_.tests.emplace_back();
  test.kind = kind_of(field.test, field.reading);
  test.slot = slot;
  if (test.kind == Test::Kind::kPresent) return at->second;
  if (std::holds_alternative<Regex>(field.test.what) && ++regexes_ > limits_.max_regexes)
    return fail(ErrorCode::kTooLarge, "more than " + with_commas(limits_.max_regexes) + " regular expressions; write what can be written with wildcards with these");
  if (auto small = check_globs(field); !small) return fail(std::move(small.error()));
  auto program = LeafProgram::compile(field.test, limits_.max_regex_bytes);
  if (!program) return fail(std::move(program.error()));
  test.program = std::move(*program);
  if (const auto* glob = std::get_if<Glob>(&field.test.what)) {
    test.begins_with_gap = is_wild(*glob) && glob->runs.front().empty();
    if (is_wild(*glob))
      for (const std::string& run : glob->runs) test.wild_letters = std::max({test.wild_letters, 1U, static_cast<std::uint32_t>(run.size())});
    globs_[slot].push_back({*glob, at->second});
  }
  if (test.kind == Test::Kind::kAllButGlobs)
    for (const LeafTest& inner : std::get<AnythingBut>(field.test.what).tests) globs_[slot].push_back({std::get<Glob>(inner.what), at->second});
  return at->second;
}

TestId RuleCompiler::comparison_of(const FieldComparison& comparison, const Decode& decode) {
  Test test;
  test.kind = Test::Kind::kCompared;
  test.slot = slot_of(comparison.path, Reading::kTexts, decode);
  test.other = slot_of(comparison.other, Reading::kTexts, decode);
  test.comparison = static_cast<std::uint32_t>(program_.comparisons.size());
  program_.comparisons.push_back(comparison);
  program_.tests.push_back(std::move(test));
  return static_cast<TestId>(program_.tests.size() - 1);
}

std::uint32_t RuleCompiler::add_node(Node node) {
  program_.nodes.push_back(node);
  return static_cast<std::uint32_t>(program_.nodes.size() - 1);
}

/// The node of an expression or of its negation, which is moved down to the tests.
Result<std::uint32_t> RuleCompiler::node_of(const Expression& expression, bool negated, const Predicate& predicate) {
  using Kind = Expression::Kind;
  const auto leaf_kind = negated ? Node::Kind::kNotTest : Node::Kind::kTest;
  switch (expression.kind) {
    case Kind::kField: {
      const auto test = test_of(expression.field, predicate.decode);
      if (!test) return fail(test.error());
      const bool is_absence = negated && expression.field.reading == Reading::kLeaves && std::holds_alternative<AnyValue>(expression.field.test.what);
      if (is_absence && needs_search(predicate)) return add_node({Node::Kind::kAbsent, program_.tests[*test].slot});
      return add_node({leaf_kind, *test});
    }
    case Kind::kComparison: return add_node({leaf_kind, comparison_of(expression.comparison, predicate.decode)});
    case Kind::kNot: return node_of(expression.parts.front(), !negated, predicate);
    case Kind::kAll:
    case Kind::kAny: break;
  }
  std::vector<std::uint32_t> parts;
  for (const Expression& part : expression.parts) {
    const auto node = node_of(part, negated, predicate);
    if (!node) return node;
    parts.push_back(*node);
  }
  const bool is_all = (expression.kind == Kind::kAll) != negated;
  const auto first = static_cast<std::uint32_t>(program_.parts.size());
  program_.parts.insert(program_.parts.end(), parts.begin(), parts.end());
  return add_node({is_all ? Node::Kind::kAll : Node::Kind::kAny, first, static_cast<std::uint32_t>(parts.size())});
}

Result<void> RuleCompiler::add_combinations(const Predicate& predicate, RuleProgram::Rule& rule) {
  std::vector<SlotId> slots;
  rule.combinations_begin = static_cast<std::uint32_t>(program_.combinations.size());
  for (const PatternCombination& fields : predicate.combinations) {
    const auto begin = static_cast<std::uint32_t>(program_.fields.size());
    for (const PatternField& field : fields) {
      RuleProgram::Field& made = program_.fields.emplace_back();
      made.slot = slot_of(field.path, Reading::kLeaves, predicate.decode);
      made.or_absent = field.or_absent;
      made.tests_begin = static_cast<std::uint32_t>(program_.field_tests.size());
      for (const LeafTest& alternative : field.alternatives) {
        const auto test = test_of({field.path, Reading::kLeaves, alternative}, predicate.decode);
        if (!test) return fail(test.error());
        program_.field_tests.push_back(*test);
      }
      made.tests_end = static_cast<std::uint32_t>(program_.field_tests.size());
      slots.push_back(made.slot);
    }
    program_.combinations.push_back({begin, static_cast<std::uint32_t>(program_.fields.size())});
  }
  rule.combinations_end = static_cast<std::uint32_t>(program_.combinations.size());
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  rule.slots_begin = static_cast<std::uint32_t>(program_.rule_slots.size());
  program_.rule_slots.insert(program_.rule_slots.end(), slots.begin(), slots.end());
  rule.slots_end = static_cast<std::uint32_t>(program_.rule_slots.size());
  return {};
}

/// All of a predicate but its exceptions.
Result<RuleProgram::Rule> RuleCompiler::rule_of(const Predicate& predicate) {
  RuleProgram::Rule rule;
  const auto node = node_of(predicate.expression, false, predicate);
  if (!node) return fail(node.error());
  rule.node = *node;
  if (needs_search(predicate))
    if (auto added = add_combinations(predicate, rule); !added) return fail(std::move(added.error()));
  return rule;
}

Result<void> RuleCompiler::add(const Predicate& predicate) {
  auto rule = rule_of(predicate);
  if (!rule) return fail(std::move(rule.error()));
  rule->exceptions_begin = static_cast<std::uint32_t>(program_.exceptions.size());
  for (const Predicate& unless : predicate.unless) {
    TRAILWARDEN_CHECK(unless.unless.empty(), "an exception has no exceptions");
    auto exception = rule_of(unless);
    if (!exception) return fail(std::move(exception.error()));
    program_.exceptions.push_back(*exception);
  }
  rule->exceptions_end = static_cast<std::uint32_t>(program_.exceptions.size());
  program_.rules.push_back(*rule);
  return {};
}

Result<void> RuleCompiler::build_globs() {
  std::size_t bytes = 0;
  for (SlotId id = 0; id < program_.slots.size(); ++id) {
    RuleProgram::Slot& slot = program_.slots[id];
    std::vector<GlobSet::Entry> whole, wild;
    for (const SlotGlob& entry : globs_[id]) (is_wild(entry.glob) ? wild : whole).push_back({&entry.glob, entry.test});
    slot.whole = GlobSet(whole, limits_.max_states);
    slot.wild = GlobSet(wild, limits_.max_states);
    const std::size_t automata = slot.whole.automata() + slot.wild.automata(), tried = slot.whole.always_tried() + slot.wild.always_tried();
    if (automata > limits_.max_automata_per_field || tried > limits_.max_tried_per_field)
      return fail(ErrorCode::kTooLarge, "field \"" + printable(slot.path, 80) + "\": its " + with_commas(wild.size()) +
                                            " wildcards would slow every record down; shorten them, or use exact texts, prefixes or suffixes");
    bytes += slot.whole.memory_bytes() + slot.wild.memory_bytes();
    if (bytes > limits_.max_total_bytes) return fail(ErrorCode::kTooLarge, "the rules need more than " + format_bytes(static_cast<double>(limits_.max_total_bytes)) + " of memory");
  }
  return {};
}

/// Finds the slots whose values a decoded event has in a member that it keeps as JSON.
void RuleCompiler::note_documents() {
  std::map<std::string, std::uint32_t> known;
  for (RuleProgram::Slot& slot : program_.slots) {
    const std::string name = slot.path.substr(0, slot.path.find('.'));
    const auto member = event::decoded_member(name);
    if (slot.member || !member || !member->is_raw) continue;
    const auto [at, is_new] = known.try_emplace(name, static_cast<std::uint32_t>(program_.documents.size()));
    const std::string padded = name + std::string(8, '\0');
    if (is_new) program_.documents.push_back({*member, program_.trie.child(FieldTrie::kRoot, std::string_view(padded).substr(0, name.size()))});
    slot.document = at->second;
  }
}

/// What asking a node costs, roughly, in table look-ups.
double RuleCompiler::cost_of(std::uint32_t id) const {
  const Node& node = program_.nodes[id];
  if (node.kind == Node::Kind::kAbsent) return 1;
  if (node.kind == Node::Kind::kAll || node.kind == Node::Kind::kAny) {
    double cost = 0;
    for (std::uint32_t i = node.first; i < node.first + node.count; ++i) cost += cost_of(program_.parts[i]);
    return cost;
  }
  const Test& test = program_.tests[node.first];
  const double reading = program_.slots[test.slot].member ? 0 : 100;  // what a decoded event does not have
  switch (test.kind) {
    case Test::Kind::kPresent: return reading + 1;
    case Test::Kind::kGlob:
    case Test::Kind::kAllButGlobs: return reading + (program_.slots[test.slot].is_asked_first ? 1 : 20);
    case Test::Kind::kEach: return reading + 100;
    case Test::Kind::kCompared: return reading + 200;
  }
  return 0;
}

/// Puts the cheap parts of every AND and OR first.
void RuleCompiler::order_parts() {
  std::vector<double> costs(program_.nodes.size());
  for (std::uint32_t id = 0; id < costs.size(); ++id) costs[id] = cost_of(id);
  for (const Node& node : program_.nodes) {
    if (node.kind != Node::Kind::kAll && node.kind != Node::Kind::kAny) continue;
    const auto begin = program_.parts.begin() + node.first;
    std::stable_sort(begin, begin + node.count, [&costs](std::uint32_t a, std::uint32_t b) { return costs[a] < costs[b]; });
  }
}

Result<RuleProgram> RuleCompiler::finish() {
  if (auto built = build_globs(); !built) return fail(std::move(built.error()));
  program_.trie.freeze();
  note_documents();
  choose_anchors(program_);
  program_.remembers_records = program_.rules.size() >= kRememberFromRules;
  order_parts();
  if (const std::size_t bytes = program_.memory_bytes(); bytes > limits_.max_total_bytes)
    return fail(ErrorCode::kTooLarge, "the rules need " + format_bytes(static_cast<double>(bytes)) + " of memory, more than " +
                                          format_bytes(static_cast<double>(limits_.max_total_bytes)));
  return std::move(program_);
}

}  // namespace

Result<RuleSet> RuleSet::compile(std::span<const Predicate> predicates, Limits limits, std::span<const std::string> names) {
  if (predicates.size() > limits.max_rules)
    return fail(ErrorCode::kTooLarge, with_commas(predicates.size()) + " rules; at most " + with_commas(limits.max_rules) + " are taken");
  RuleCompiler compiler(limits);
  for (std::size_t i = 0; i < predicates.size(); ++i)
    if (auto added = compiler.add(predicates[i]); !added)
      return fail(std::move(added.error()).during(i < names.size() ? "rule " + names[i] : "rule number " + std::to_string(i + 1)));
  auto program = compiler.finish();
  if (!program) return fail(std::move(program.error()));
  return RuleSet(std::make_shared<const RuleProgram>(std::move(*program)));
}

std::size_t RuleSet::size() const { return program_->rules.size(); }
std::size_t RuleSet::memory_bytes() const { return program_->memory_bytes(); }

std::size_t RuleProgram::memory_bytes() const {
  std::size_t bytes = sizeof *this + trie.memory_bytes() + rules_of_test.memory_bytes() + rules_of_slot.memory_bytes() + first_tests.memory_bytes() + rule_needs.memory_bytes() + further_slots.memory_bytes() + 4 * (always.capacity() + first_slots.capacity()) + documents.capacity() * sizeof(Document);
  for (const Slot& slot : slots) bytes += sizeof slot + slot.path.capacity() + slot.whole.memory_bytes() + slot.wild.memory_bytes();
  for (const Test& test : tests) bytes += sizeof test + (test.program ? test.program->memory_bytes() : 0);
  for (const FieldComparison& comparison : comparisons) bytes += sizeof comparison + comparison.path.capacity() + comparison.other.capacity();
  return bytes + nodes.capacity() * sizeof(Node) + 4 * (parts.capacity() + field_tests.capacity() + rule_slots.capacity()) + (rules.capacity() + exceptions.capacity()) * sizeof(Rule) +
         combinations.capacity() * sizeof(Combination) + fields.capacity() * sizeof(Field);
}

}  // namespace trailwarden::rules
