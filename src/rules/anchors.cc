#include "rules/anchors.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

namespace trailwarden::rules {
namespace {

using Node = RuleProgram::Node;
using Test = RuleProgram::Test;

/// One of these holds whenever the node does.
struct Anchor {
  std::vector<TestId> tests;  // globs
  std::vector<SlotId> slots;  // that have a value
  double weight = 0;          // how often a record has one of them, as a guess

  void merge(Anchor other) {
    tests.insert(tests.end(), other.tests.begin(), other.tests.end());
    slots.insert(slots.end(), other.slots.begin(), other.slots.end());
    weight += other.weight;
  }
};

/// A field that many rules ask for many things has many values, so each is rare: that puts eventName before eventSource, and both before userIdentity.type,
/// without knowing any of them. Of a text with gaps every letter makes it rarer.
class AnchorChooser {
 public:
  explicit AnchorChooser(RuleProgram& program) : program_(program), globs_of_slot_(program.slots.size()) {
    for (const Test& test : program.tests)
      if (test.kind == Test::Kind::kGlob) ++globs_of_slot_[test.slot];
  }

  std::optional<Anchor> anchor(std::uint32_t id) const {
    const Node& node = program_.nodes[id];
    switch (node.kind) {
      case Node::Kind::kTest: return anchor_of(program_.tests[node.first], node.first);
      case Node::Kind::kNotTest:
      case Node::Kind::kAbsent: return std::nullopt;
      case Node::Kind::kAll: return rarest(node);
      case Node::Kind::kAny: return all_of(node);
    }
    return std::nullopt;
  }

 private:
  Anchor anchor_of(const Test& test, TestId id) const {
    // What a decoded event does not have would have to be read out of every record.
    const RuleProgram::Slot& slot = program_.slots[test.slot];
    const double reading = slot.member ? 0 : kReading;
    if (test.kind != Test::Kind::kGlob) return {.slots = {test.slot}, .weight = 1 + reading};
    const double exact = 1.0 / (1 + static_cast<double>(globs_of_slot_[test.slot]));
    const double by_letters = test.wild_letters > 0 ? std::max(exact, std::exp2(-0.5 * test.wild_letters)) : exact;
    // Of many texts that may stand anywhere in a field a value has few. How values begin says less: `Describe`, `arn:aws:iam::`.
    const double share = test.begins_with_gap ? std::min(by_letters, 2 * exact) : by_letters;
    return {.tests = {id}, .weight = share + reading};
  }

  std::optional<Anchor> rarest(const Node& all) const {
    std::optional<Anchor> best;
    for (std::uint32_t i = all.first; i < all.first + all.count; ++i) {
      auto found = anchor(program_.parts[i]);
      if (found && (!best || found->weight < best->weight)) best = std::move(found);
    }
    return best;
  }

  std::optional<Anchor> all_of(const Node& any) const {
    Anchor merged;
    for (std::uint32_t i = any.first; i < any.first + any.count; ++i) {
      auto found = anchor(program_.parts[i]);
      if (!found) return std::nullopt;
      merged.merge(std::move(*found));
    }
    return merged;
  }

  static constexpr double kReading = 1'000;

  RuleProgram& program_;
  std::vector<std::uint32_t> globs_of_slot_;
};

void sort_unique(std::vector<std::uint32_t>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

/// What judging a decoded event begins with.
void note_first_slots(RuleProgram& program) {
  program.needs_record = !program.always.empty();
  for (SlotId id = 0; id < program.slots.size(); ++id) {
    RuleProgram::Slot& slot = program.slots[id];
    slot.remembers = slot.member && !slot.wild.empty();
    if (slot.remembers) slot.memo = program.memos++;
    if (!slot.is_asked_first && program.rules_of_slot[id].empty()) continue;
    slot.is_first = true;
    program.first_slots.push_back(id);
    program.needs_record = program.needs_record || !slot.member;
  }
}

/// Whether a node cannot hold without one of some globs that are asked first, which then go to `tests`.
bool is_first_choice(const RuleProgram& program, std::uint32_t id, std::vector<TestId>& tests) {
  const Node& node = program.nodes[id];
  if (node.kind == Node::Kind::kAll) {
    for (std::uint32_t i = node.first; i < node.first + node.count; ++i) {
      std::vector<TestId> of_part;
      if (!is_first_choice(program, program.parts[i], of_part)) continue;
      tests.insert(tests.end(), of_part.begin(), of_part.end());
      return true;
    }
    return false;
  }
  if (node.kind == Node::Kind::kTest) {
    const Test& test = program.tests[node.first];
    tests.push_back(node.first);
    return test.kind == Test::Kind::kGlob && program.slots[test.slot].is_asked_first;
  }
  if (node.kind != Node::Kind::kAny || node.count == 0) return false;
  const auto parts = std::span(program.parts).subspan(node.first, node.count);
  return std::all_of(parts.begin(), parts.end(), [&](std::uint32_t part) { return is_first_choice(program, part, tests); });
}

/// Notes what of a rule's AND can be seen from the slots that are asked first.
void note_needs(RuleProgram& program, std::uint32_t id, std::vector<std::uint32_t>& needs) {
  const Node& node = program.nodes[id];
  if (node.kind == Node::Kind::kAll) {
    for (std::uint32_t i = node.first; i < node.first + node.count; ++i) note_needs(program, program.parts[i], needs);
  } else if (std::vector<TestId> tests; is_first_choice(program, id, tests)) {
    needs.push_back(static_cast<std::uint32_t>(program.first_tests.begins.size() - 1));
    program.first_tests.add(tests);
  }
}

void collect_slots(const RuleProgram& program, std::uint32_t id, std::vector<SlotId>& slots) {
  const Node& node = program.nodes[id];
  if (node.kind == Node::Kind::kAll || node.kind == Node::Kind::kAny) {
    for (std::uint32_t i = node.first; i < node.first + node.count; ++i) collect_slots(program, program.parts[i], slots);
  } else if (node.kind == Node::Kind::kAbsent) {
    slots.push_back(node.first);
  } else {
    const Test& test = program.tests[node.first];
    slots.push_back(test.slot);
    if (test.kind == Test::Kind::kCompared) slots.push_back(test.other);
  }
}

/// Notes what a rule asks for that a decoded event has and that is not asked first.
void note_further_slots(const RuleProgram& program, const RuleProgram::Rule& rule, std::vector<SlotId>& slots) {
  const auto of_combinations = program.slots_of(rule);
  slots.insert(slots.end(), of_combinations.begin(), of_combinations.end());
  collect_slots(program, rule.node, slots);
  std::erase_if(slots, [&program](SlotId slot) { return !program.slots[slot].member || program.slots[slot].is_first; });
}

/// Of a rule and its exceptions, each slot once.
void note_further_slots(RuleProgram& program) {
  for (const RuleProgram::Rule& rule : program.rules) {
    std::vector<SlotId> slots;
    note_further_slots(program, rule, slots);
    for (const RuleProgram::Rule& exception : program.exceptions_of(rule)) note_further_slots(program, exception, slots);
    sort_unique(slots);
    program.further_slots.add(slots);
  }
}

}  // namespace

void choose_anchors(RuleProgram& program) {
  const AnchorChooser chooser(program);
  std::vector<std::vector<RuleId>> of_test(program.tests.size()), of_slot(program.slots.size());
  for (RuleId rule = 0; rule < program.rules.size(); ++rule) {
    auto anchor = chooser.anchor(program.rules[rule].node);
    if (!anchor) {
      program.always.push_back(rule);
      continue;
    }
    sort_unique(anchor->tests);
    sort_unique(anchor->slots);
    for (const TestId test : anchor->tests) {
      of_test[test].push_back(rule);
      program.slots[program.tests[test].slot].is_asked_first = true;
    }
    for (const SlotId slot : anchor->slots) of_slot[slot].push_back(rule);
  }
  for (const auto& rules : of_test) program.rules_of_test.add(rules);
  for (const auto& rules : of_slot) program.rules_of_slot.add(rules);
  for (const RuleProgram::Rule& rule : program.rules) {
    std::vector<std::uint32_t> needs;
    note_needs(program, rule.node, needs);
    program.rule_needs.add(needs);
  }
  note_first_slots(program);
  note_further_slots(program);
}

}  // namespace trailwarden::rules
