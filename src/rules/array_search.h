#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "rules/rule_program.h"
#include "rules/slot_values.h"

namespace trailwarden::rules {

/// Decides an event pattern whose fields lie inside arrays of objects: whether values can be chosen, one a field, of which no two lie in different elements of one
/// array (spec/event-patterns.md sections 7 and 8). Fields are tried in the order of their paths; absence is judged beside what was chosen before it.
///
/// A choice that failed is remembered by what of it matters to the fields behind, so the search does not try the same twice: about the number of values squared at
/// worst. Allocates only in searches of more than a few dozen choices. Not thread-safe.
class ArraySearch {
 public:
  bool found(const RuleProgram& program, const RuleProgram::Rule& rule, const SlotValues& values, LeafProgram::Scratch& scratch);

 private:
  bool try_combination(std::span<const RuleProgram::Field> fields);
  bool choose(std::size_t next);
  bool accepts(const RuleProgram::Field& field, const SlotValue& value);
  void note_last_uses();
  void write_state(std::size_t next);

  const RuleProgram* program_ = nullptr;
  const SlotValues* values_ = nullptr;
  LeafProgram::Scratch* scratch_ = nullptr;
  std::span<const RuleProgram::Field> fields_;

  std::vector<std::uint32_t> accepted_;         // values that a field accepts, field after field
  std::vector<std::uint32_t> accepted_begins_;  // one more than fields
  std::vector<std::uint32_t> chosen_;           // positions, those in no array left out
  std::vector<std::uint32_t> last_use_;         // by array: one past the last field with a value in it
  std::size_t steps_ = 0;
  std::vector<std::uint32_t> state_;            // scratch: a choice as far as it matters
  std::set<std::vector<std::uint32_t>> failed_;
};

}  // namespace trailwarden::rules
