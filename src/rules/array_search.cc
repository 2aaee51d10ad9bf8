#include "rules/array_search.h"

#include <algorithm>

namespace trailwarden::rules {
namespace {

constexpr std::size_t kStepsWithoutMemory = 24;

}  // namespace

bool ArraySearch::found(const RuleProgram& program, const RuleProgram::Rule& rule, const SlotValues& values, LeafProgram::Scratch& scratch) {
  program_ = &program;
  values_ = &values;
  scratch_ = &scratch;
  for (std::uint32_t i = rule.combinations_begin; i < rule.combinations_end; ++i) {
    const RuleProgram::Combination& combination = program.combinations[i];
    if (try_combination(std::span(program.fields).subspan(combination.begin, combination.end - combination.begin))) return true;
  }
  return false;
}

bool ArraySearch::accepts(const RuleProgram::Field& field, const SlotValue& value) {
  for (std::uint32_t i = field.tests_begin; i < field.tests_end; ++i) {
    const RuleProgram::Test& test = program_->tests[program_->field_tests[i]];
    if (!test.program || test.program->accepts(value, Reading::kLeaves, *scratch_)) return true;  // no program: any value will do
  }
  return false;
}

bool ArraySearch::try_combination(std::span<const RuleProgram::Field> fields) {
  fields_ = fields;
  accepted_.clear();
  accepted_begins_.assign(1, 0);
  for (const RuleProgram::Field& field : fields) {
    for (std::uint32_t v = values_->first(field.slot); v != SlotValues::kEnd; v = (*values_)[v].next)
      if (accepts(field, (*values_)[v])) accepted_.push_back(v);
    if (accepted_.size() == accepted_begins_.back() && !field.or_absent) return false;
    accepted_begins_.push_back(static_cast<std::uint32_t>(accepted_.size()));
  }
  note_last_uses();
  chosen_.clear();
  failed_.clear();
  steps_ = 0;
  return choose(0);
}

/// Which arrays still matter to the fields from some field on.
void ArraySearch::note_last_uses() {
  last_use_.clear();
  for (std::uint32_t f = 0; f < fields_.size(); ++f)
    for (std::uint32_t v = values_->first(fields_[f].slot); v != SlotValues::kEnd; v = (*values_)[v].next)
      for (std::uint32_t p = (*values_)[v].position; p != 0; p = values_->outer(p)) {
        const std::uint32_t array = values_->array(p);
        if (array >= last_use_.size()) last_use_.resize(array + 1);
        if (last_use_[array] == f + 1) break;  // and so are those around it
        last_use_[array] = f + 1;
      }
}

/// The elements chosen of arrays that the fields from `next` on have values in.
void ArraySearch::write_state(std::size_t next) {
  state_.assign(1, static_cast<std::uint32_t>(next));
  for (std::uint32_t p : chosen_) {
    while (p != 0 && last_use_[values_->array(p)] <= next) p = values_->outer(p);
    if (p != 0) state_.push_back(p);
  }
  std::sort(state_.begin() + 1, state_.end());
  state_.erase(std::unique(state_.begin() + 1, state_.end()), state_.end());
}

bool ArraySearch::choose(std::size_t next) {
  if (next == fields_.size()) return true;
  const bool remembers = ++steps_ > kStepsWithoutMemory;
  if (remembers) {
    write_state(next);
    if (failed_.contains(state_)) return false;
  }
  const RuleProgram::Field& field = fields_[next];
  const auto fits = [this](std::uint32_t v) {
    return std::all_of(chosen_.begin(), chosen_.end(), [&](std::uint32_t p) { return values_->consistent(p, (*values_)[v].position); });
  };
  for (std::uint32_t i = accepted_begins_[next]; i < accepted_begins_[next + 1]; ++i) {
    if (!fits(accepted_[i])) continue;
    const std::uint32_t position = (*values_)[accepted_[i]].position;
    if (position != 0) chosen_.push_back(position);
    const bool all = choose(next + 1);
    if (position != 0) chosen_.pop_back();
    if (all) return true;
  }
  if (field.or_absent) {
    bool is_absent = true;
    for (std::uint32_t v = values_->first(field.slot); v != SlotValues::kEnd && is_absent; v = (*values_)[v].next) is_absent = !fits(v);
    if (is_absent && choose(next + 1)) return true;
  }
  if (remembers) {
    write_state(next);
    failed_.insert(state_);
  }
  return false;
}

}  // namespace trailwarden::rules
