#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rules/leaf_test.h"

// The form that event patterns and Sigma selections are both brought to. What differs between the two languages is in `Reading`; everything behind it
// (the compiled matcher, the naive evaluator it is tested against, `rules explain`) knows one form only.
namespace trailwarden::rules {

/// How the values at a path become the texts and numbers that a leaf test sees.
enum class Reading : std::uint8_t {
  /// Event patterns: leaves only, with their JSON types; arrays are flattened; objects and empty arrays are absent; a name with dots is like nesting.
  /// spec/event-patterns.md section 2.
  kLeaves,
  /// Sigma: strings, numbers and booleans by their text, arrays by their elements' texts, objects by their compact JSON. For globs with a gap also non-empty arrays
  /// by their compact JSON; for these and for regexes objects also by every scalar below them. Number tests take strings that are JSON numbers too. A top-level member
  /// whose name is the whole path counts alone. spec/sigma.md section 3.
  kTexts,
};

/// One question to an event: does some value at the path pass?
struct FieldTest {
  std::string path;  // names joined by dots; "" is the whole event (Sigma's keywords)
  Reading reading = Reading::kLeaves;
  LeafTest test;
  bool operator==(const FieldTest&) const = default;
};

/// Sigma's fieldref: some text at one path equals (begins with, ends with, contains) some text at another. Absent on either side: false.
struct FieldComparison {
  enum class How : std::uint8_t { kEqual, kContains, kStartsWith, kEndsWith } how = How::kEqual;
  std::string path, other;
  bool ignore_case = true;
  bool differs = false;  // instead: both are there, and some text at `path` does so with none at `other` (`is_not` and `not_contains` of docs/rules.md)
  bool operator==(const FieldComparison&) const = default;
};

/// A boolean expression over tests. An empty kAll is true, an empty kAny false; kNot has one part.
struct Expression {
  enum class Kind : std::uint8_t { kField, kComparison, kAll, kAny, kNot } kind = Kind::kAll;
  std::vector<Expression> parts;
  FieldTest field;             // of kField
  FieldComparison comparison;  // of kComparison
  bool operator==(const Expression&) const = default;
};

/// Alternatives of an event pattern for one path.
struct PatternField {
  std::string path;
  std::vector<LeafTest> alternatives;  // any of them
  bool or_absent = false;              // {"exists": false} stands among them
  bool operator==(const PatternField&) const = default;
};

/// A plain AND, one of the combinations that `$or` multiplies to; fields ascending by path in UTF-16 code units, each path once.
using PatternCombination = std::vector<PatternField>;

/// What a rule asks of one record.
struct Predicate {
  /// Without regard to which elements of arrays the leaves came from. For an event pattern it decides where no leaf lies inside an array of objects; else the
  /// combinations do. (There it is necessary but for absences: a path may be absent from the element chosen and not from the record.)
  Expression expression;
  /// Of an event pattern: what array consistency (spec/event-patterns.md sections 7 and 8) is decided by. Empty for Sigma.
  std::vector<PatternCombination> combinations;
  /// Paths whose string values are JSON documents: a test of such a path, or of one below it, reads them as if their objects or arrays stood there (a rule's
  /// `decode`). A string that is no object or array stays a string.
  std::vector<std::string> decode;
  /// Exceptions: a record that one of these matches does not match. Asked only of records that match else.
  std::vector<Predicate> unless;
  bool operator==(const Predicate&) const = default;
};

}  // namespace trailwarden::rules
