#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/event_member.h"
#include "rules/field_trie.h"
#include "rules/glob_set.h"
#include "rules/leaf_program.h"
#include "rules/predicate.h"

namespace trailwarden::rules {

using TestId = std::uint32_t;
using RuleId = std::uint32_t;

/// A list of lists in two arrays.
struct Lists {
  std::vector<std::uint32_t> begins{0}, items;

  void add(std::span<const std::uint32_t> list) {
    items.insert(items.end(), list.begin(), list.end());
    begins.push_back(static_cast<std::uint32_t>(items.size()));
  }
  std::span<const std::uint32_t> operator[](std::size_t i) const { return std::span(items).subspan(begins[i], begins[i + 1] - begins[i]); }
  std::size_t memory_bytes() const { return 4 * (begins.capacity() + items.capacity()); }
};

/// A rule set as the matcher runs it. Written once by the compiler.
struct RuleProgram {
  /// The values at one path in one reading, and all globs asked of them. Their ids are tests.
  struct Slot {
    std::string path;
    Reading reading = Reading::kLeaves;
    std::uint32_t memo = 0;     // which one, where it remembers
    GlobSet whole, wild;        // without and with gaps: Sigma asks these of different texts
    bool is_first = false;        // some rule waits for it
    bool is_asked_first = false;  // some rule waits for a glob of it
    bool remembers = false;       // finding out what `wild` says takes longer than a look into a memo
    std::optional<event::DecodedMember> member;  // where a decoded event has the same value, if it has
    std::uint32_t document = kNoDocument;        // else the one it lies in, in `documents`
  };
  static constexpr std::uint32_t kNoDocument = static_cast<std::uint32_t>(-1);

  /// A member of the record that a decoded event has as JSON text, and below which rules ask for something.
  struct Document {
    event::DecodedMember member;
    FieldTrie::NodeId node = FieldTrie::kNone;
  };

  /// One question to the values of a slot. Equal questions of several rules are one test.
  struct Test {
    enum class Kind : std::uint8_t {
      kPresent,     // is there a value?
      kGlob,        // does the slot's set report it?
      kAllButGlobs, // is there a value for which the set does not?
      kEach,        // does `program` accept a value?
      kCompared,    // do texts of two slots compare?
    } kind = Kind::kPresent;
    SlotId slot = 0;
    SlotId other = 0;                           // of kCompared
    std::uint32_t comparison = 0;               // of kCompared, in `comparisons`
    std::uint32_t wild_letters = 0;             // of kGlob with a gap: its longest run, but at least one
    bool begins_with_gap = false;               // of kGlob
    std::optional<LeafProgram> program;         // of all but kPresent and kCompared: for single values
  };

  /// An expression's node; a test may be negated, nothing else is.
  struct Node {
    enum class Kind : std::uint8_t { kTest, kNotTest, kAbsent, kAll, kAny } kind = Kind::kAll;
    std::uint32_t first = 0, count = 0;  // of kAll and kAny: nodes, in `parts`; else the test; of kAbsent the slot
  };

  /// A field of a pattern's combination, for the search in arrays.
  struct Field {
    SlotId slot = 0;
    bool or_absent = false;
    std::uint32_t tests_begin = 0, tests_end = 0;  // in `field_tests`
  };
  struct Combination {
    std::uint32_t begin = 0, end = 0;  // in `fields`
  };
  struct Rule {
    std::uint32_t node = 0;
    std::uint32_t combinations_begin = 0, combinations_end = 0;  // none: the expression decides alone
    std::uint32_t slots_begin = 0, slots_end = 0;                // of its combinations, in `rule_slots`
    std::uint32_t exceptions_begin = 0, exceptions_end = 0;      // in `exceptions`
  };

  FieldTrie trie;
  std::vector<Slot> slots;
  std::vector<Document> documents;
  std::vector<Test> tests;
  std::vector<FieldComparison> comparisons;
  std::vector<Node> nodes;
  std::vector<std::uint32_t> parts;
  std::vector<Rule> rules, exceptions;
  std::vector<Combination> combinations;
  std::vector<Field> fields;
  std::vector<TestId> field_tests;
  std::vector<SlotId> rule_slots;

  // When a rule is evaluated: when one of its first tests holds, when one of its slots has a value, or always.
  Lists rules_of_test, rules_of_slot;
  Lists first_tests;  // of slots that are asked first: globs of which a rule needs one
  Lists rule_needs;   // each rule's, in `first_tests`
  Lists further_slots;  // each rule's: what it asks for beside the slots that are first and documents
  std::span<const Rule> exceptions_of(const Rule& rule) const { return std::span(exceptions).subspan(rule.exceptions_begin, rule.exceptions_end - rule.exceptions_begin); }
  std::span<const SlotId> slots_of(const Rule& rule) const { return std::span(rule_slots).subspan(rule.slots_begin, rule.slots_end - rule.slots_begin); }
  std::vector<RuleId> always;
  std::vector<SlotId> first_slots;  // that rules wait for
  bool needs_record = false;        // some rule waits for what a decoded event does not have
  bool remembers_records = false;   // judging a record takes longer than a look into a memo
  std::uint32_t memos = 0;

  std::size_t memory_bytes() const;
};

}  // namespace trailwarden::rules
