#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "event/cloudtrail_event.h"
#include "rules/correlation.h"
#include "rules/correlation_graph.h"
#include "rules/record_fields.h"
#include "rules/rule.h"
#include "rules/rule_set.h"

namespace trailwarden::rules {

/// Rules compiled together: what a matched predicate means, and the correlations. Immutable; shared by all threads.
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
  /// Of the rule; empty if one record is enough. The last one is the rule's own, the others are what it is fed by. Of Sigma's the
  /// sources that are rules are numbered by step; of our own the one correlation's sources are the steps, and as one rule they take no record twice.
  std::span<const Correlation> correlations(std::uint32_t rule) const { return correlations_[rule]; }
  /// What a source of a correlation of the rule takes from a record.
  struct Asked {
    std::vector<RecordField> group, values;
  };
  const Asked& asked(std::uint32_t rule, CorrelationGraph::Feed feed) const { return asked_[rule][feed.correlation][feed.source]; }
  /// The rule's id and technique, for findings: their texts live as long as the process.
  std::string_view id(std::uint32_t rule) const { return ids_[rule]; }
  std::optional<std::uint32_t> find(std::string_view id) const;
  const event::AttackTechnique& technique(std::uint32_t rule) const { return techniques_[rule]; }
  std::size_t memory_bytes() const;

 private:
  RuleBook() = default;

  std::vector<Rule> rules_;
  std::optional<RuleSet> set_;
  std::vector<Role> roles_;
  std::vector<std::vector<Correlation>> correlations_;  // by rule
  std::vector<std::vector<std::vector<Asked>>> asked_;  // by rule, correlation and source
  std::vector<std::string_view> ids_;
  std::map<std::string_view, std::uint32_t> by_id_;
  std::vector<event::AttackTechnique> techniques_;
};

/// What a rule's correlation asks of a `CorrelationGraph`. kInvalidArgument where it cannot be asked.
Result<std::vector<Correlation>> correlations_of(const Rule& rule);

}  // namespace trailwarden::rules
