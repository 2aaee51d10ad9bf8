#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rules/predicate.h"
#include "rules/rule_set.h"

namespace trailwarden::testing {

/// Predicates of both languages and a record to ask them of, small enough that they often meet.
struct RuleCase {
  std::vector<rules::Predicate> predicates;
  rules::Limits limits;
  std::string record;  // mostly valid JSON
};

/// The case that `bytes` choose; any bytes do.
RuleCase rule_case(std::span<const std::uint8_t> bytes);

/// For messages.
std::string describe(const RuleCase& c);

/// How the compiled matcher and the naive evaluator differ on the case; nullopt if they agree.
std::optional<std::string> disagreement(const RuleCase& c);

}  // namespace trailwarden::testing
