#include "rules/pattern_combinations.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/text.h"
#include "rules/utf8.h"

namespace trailwarden::rules {
namespace {

struct PathOrder {
  bool operator()(std::string_view a, std::string_view b) const { return less_in_utf16(a, b); }
};
/// The clauses of one combination, by path: ascending, each path once.
using Combination = std::map<std::string_view, const PatternClause*, PathOrder>;

class Product {
 public:
  explicit Product(const PatternOptions& options) : options_(options) {}

  /// ANDs `clauses` to every combination.
  bool multiply(const std::vector<PatternClause>& clauses, std::vector<Combination>& combinations) {
    return std::all_of(clauses.begin(), clauses.end(),
                       [&](const PatternClause& clause) { return clause.branches.empty() ? add(clause, combinations) : branch(clause, combinations); });
  }

  std::optional<Error> error;
  std::optional<JsonFault> fault;  // or this, with a place
  bool replaced = false;           // a path was named twice in one combination

 private:
  bool add(const PatternClause& clause, std::vector<Combination>& combinations) {
    for (Combination& combination : combinations) {
      const auto [at, is_new] = combination.insert_or_assign(clause.field.path, &clause);
      replaced = replaced || !is_new;
      if (!is_new && options_.strict) {
        fault = {clause.offset, "the field \"" + printable(clause.field.path, 60) + "\" is named twice; put all alternatives into one list"};
        return false;
      }
      if (combination.size() > options_.max_paths) {
        fault = {clause.offset, "more than " + with_commas(options_.max_paths) + " fields; split the pattern"};
        return false;
      }
    }
    return true;
  }

  bool branch(const PatternClause& clause, std::vector<Combination>& combinations) {
    std::vector<Combination> product;
    for (const std::vector<PatternClause>& branch : clause.branches) {
      std::vector<Combination> with_branch = combinations;
      if (!multiply(branch, with_branch)) return false;
      std::move(with_branch.begin(), with_branch.end(), std::back_inserter(product));
      if (product.size() > options_.max_combinations) {
        error = {ErrorCode::kTooLarge, "1:1: the $or of this pattern multiply to more than " + with_commas(options_.max_combinations) + " combinations; split it, or list values in one field"};
        return false;
      }
    }
    combinations = std::move(product);
    return true;
  }

  const PatternOptions& options_;
};

Expression any_of(std::vector<Expression> parts) {
  return parts.size() == 1 ? std::move(parts.front()) : Expression{.kind = Expression::Kind::kAny, .parts = std::move(parts)};
}
Expression all_of(std::vector<Expression> parts) {
  return parts.size() == 1 ? std::move(parts.front()) : Expression{.kind = Expression::Kind::kAll, .parts = std::move(parts)};
}

Expression expression_of(const PatternField& field) {
  const auto leaf = [&field](LeafTest test) { return Expression{.kind = Expression::Kind::kField, .field = {field.path, Reading::kLeaves, std::move(test)}}; };
  std::vector<Expression> parts;
  for (const LeafTest& test : field.alternatives) parts.push_back(leaf(test));
  if (field.or_absent) parts.push_back({.kind = Expression::Kind::kNot, .parts = {leaf({AnyValue{}})}});
  return any_of(std::move(parts));
}

Expression expression_of(const std::vector<PatternClause>& clauses) {
  std::vector<Expression> all;
  for (const PatternClause& clause : clauses) {
    if (clause.branches.empty()) {
      all.push_back(expression_of(clause.field));
      continue;
    }
    std::vector<Expression> any;
    for (const auto& branch : clause.branches) any.push_back(expression_of(branch));
    all.push_back(any_of(std::move(any)));
  }
  return all_of(std::move(all));
}

Expression expression_of(const std::vector<PatternCombination>& combinations) {
  std::vector<Expression> any;
  for (const PatternCombination& combination : combinations) {
    std::vector<Expression> all;
    for (const PatternField& field : combination) all.push_back(expression_of(field));
    any.push_back(all_of(std::move(all)));
  }
  return any_of(std::move(any));
}

std::size_t count_tests(const std::vector<Combination>& combinations) {
  std::size_t tests = 0;
  for (const Combination& combination : combinations)
    for (const auto& [path, clause] : combination) tests += clause->field.alternatives.size() + 1;
  return tests;
}

}  // namespace

Result<Predicate> combine(const std::vector<PatternClause>& clauses, std::string_view pattern_text, const PatternOptions& options) {
  std::vector<Combination> combinations(1);
  Product product(options);
  if (!product.multiply(clauses, combinations)) return product.fault ? malformed_at(pattern_text, *product.fault) : fail(std::move(*product.error));
  if (count_tests(combinations) > options.max_tests)
    return fail(ErrorCode::kTooLarge, "1:1: the $or of this pattern multiply its lists to more than " + with_commas(options.max_tests) + " alternatives; split it");
  Predicate predicate;
  for (const Combination& combination : combinations) {
    PatternCombination& fields = predicate.combinations.emplace_back();
    for (const auto& [path, clause] : combination) fields.push_back(clause->field);
  }
  predicate.expression = product.replaced ? expression_of(predicate.combinations) : expression_of(clauses);
  return predicate;
}

tl::unexpected<Error> malformed_at(std::string_view pattern_text, const JsonFault& fault) {
  return fail(ErrorCode::kMalformed, line_and_column(pattern_text, fault.offset) + ": " + fault.message);
}

}  // namespace trailwarden::rules
