#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "rules/predicate.h"

// Builders of expressions, and their size. A conjunction or disjunction of one part is that part.
namespace trailwarden::rules {

inline Expression combined(Expression::Kind kind, std::vector<Expression> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  return {.kind = kind, .parts = std::move(parts)};
}
inline Expression all_of(std::vector<Expression> parts) { return combined(Expression::Kind::kAll, std::move(parts)); }
inline Expression any_of(std::vector<Expression> parts) { return combined(Expression::Kind::kAny, std::move(parts)); }

inline Expression negated(Expression part) {
  Expression out{.kind = Expression::Kind::kNot};
  out.parts.push_back(std::move(part));
  return out;
}

inline Expression field_is(std::string path, Reading reading, LeafTest test) {
  return {.kind = Expression::Kind::kField, .field = {std::move(path), reading, std::move(test)}};
}

/// How many tests and comparisons it has.
inline std::size_t count_tests(const Expression& expression) {
  std::size_t count = expression.parts.empty() ? 1 : 0;
  for (const Expression& part : expression.parts) count += count_tests(part);
  return count;
}

}  // namespace trailwarden::rules
