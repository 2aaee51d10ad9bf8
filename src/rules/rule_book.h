#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "event/cloudtrail_event.h"
#include "rules/correlation.h"
#include "rules/record_fields.h"
#include "rules/rule.h"
#include "rules/rule_set.h"

namespace trailwarden::rules {

/// Rules of this project's language, compiled together: what a matched predicate means, and the correlations. Immutable; shared by all threads.
class RuleBook {
 public:
  /// What one predicate of the set is to its rule.
  struct Role {
    std::uint32_t rule = 0;
    std::uint32_t step = 0;  // of a sequence: which
  };

  /// Of the rules that are enabled. kInvalidArgument names the rule that does not compile, and why.
  static Result<std::shared_ptr<const RuleBook>> compile(std::vector<Rule> rules);

  std::span<const Rule> rules() const { return rules_; }
  const RuleSet& set() const { return *set_; }
  const Role& role(std::uint32_t predicate) const { return roles_[predicate]; }
  /// Of the rule; null if one record is enough.
  const Correlation* correlation(std::uint32_t rule) const { return correlations_[rule] ? &*correlations_[rule] : nullptr; }
  /// What a source of the rule's correlation takes from a record.
  struct Asked {
    std::vector<RecordField> group, values;
  };
  const Asked& asked(std::uint32_t rule, std::uint32_t source) const { return asked_[rule][source]; }
  /// The rule's id and technique, for findings: their texts live as long as the process.
  std::string_view id(std::uint32_t rule) const { return ids_[rule]; }
  const event::AttackTechnique& technique(std::uint32_t rule) const { return techniques_[rule]; }
  std::size_t memory_bytes() const;

 private:
  RuleBook() = default;

  std::vector<Rule> rules_;
  std::optional<RuleSet> set_;
  std::vector<Role> roles_;
  std::vector<std::optional<Correlation>> correlations_;
  std::vector<std::vector<Asked>> asked_;  // by rule and source
  std::vector<std::string_view> ids_;
  std::vector<event::AttackTechnique> techniques_;
};

/// What a rule's correlation asks of the state machine. kInvalidArgument where it cannot be asked.
Result<Correlation> correlation_of(const Rule& rule);

}  // namespace trailwarden::rules
