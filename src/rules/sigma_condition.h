#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace trailwarden::rules {

/// A condition over names, spec/sigma.md section 6:
///
///     condition = or-expr ;  or-expr = and-expr { "or" and-expr } ;  and-expr = not-expr { "and" not-expr }
///     not-expr = "not" not-expr | primary ;  primary = "(" or-expr ")" | ( "1" | "any" | "all" ) "of" ( "them" | pattern ) | name
///
/// Keywords in any case. What the names are is not looked at here.
struct SigmaCondition {
  enum class Kind { kName, kAnyOf, kAllOf, kAnd, kOr, kNot } kind = Kind::kName;
  std::string name;                   // of kName; of kAnyOf and kAllOf the pattern, "*" for `them`
  std::vector<SigmaCondition> parts;  // of kAnd, kOr and kNot
  bool operator==(const SigmaCondition&) const = default;
};

inline constexpr std::size_t kMaxSigmaConditionDepth = 64;
inline constexpr std::size_t kMaxSigmaConditionWords = 10'000;

/// kMalformed with what is wrong and where in the text (`... at character 12`).
Result<SigmaCondition> parse_sigma_condition(std::string_view text);

/// The names that a pattern of `1 of` or `all of` covers, in their order. Names that begin with `_` are covered only by patterns that do.
std::vector<std::string_view> names_covered(std::string_view pattern, const std::vector<std::string_view>& names);

}  // namespace trailwarden::rules
