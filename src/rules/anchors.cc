#include "rules/anchors.h"

#include <algorithm>
#include <optional>
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
/// without knowing any of them.
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
    const double reading = slot.member == nullptr && slot.identity_member == nullptr ? kReading : 0;
    if (test.kind != Test::Kind::kGlob) return {.slots = {test.slot}, .weight = 1 + reading};
    const double texts = test.is_wild ? kWild : 1;  // that it accepts
    return {.tests = {id}, .weight = texts / (texts + static_cast<double>(globs_of_slot_[test.slot])) + reading};
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

  static constexpr double kReading = 1'000, kWild = 8;

  RuleProgram& program_;
  std::vector<std::uint32_t> globs_of_slot_;
};

void sort_unique(std::vector<std::uint32_t>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
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
}

}  // namespace trailwarden::rules
