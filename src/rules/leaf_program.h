#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/result.h"
#include "rules/glob_matcher.h"
#include "rules/leaf_test.h"
#include "rules/predicate.h"
#include "rules/regex_program.h"
#include "rules/slot_values.h"

namespace trailwarden::rules {

/// One leaf test, ready to be asked of single values. What is asked of every record, globs, goes through a `GlobSet` instead.
/// Immutable, thread-safe.
class LeafProgram {
 public:
  /// kMalformed or kTooLarge: a regular expression that RE2 refuses.
  static Result<LeafProgram> compile(const LeafTest& test, std::size_t max_regex_bytes);

  /// `scratch`: two strings that keep their memory.
  struct Scratch {
    std::string compact, unescaped;
  };
  bool accepts(const SlotValue& value, Reading reading, Scratch& scratch) const;

  std::size_t memory_bytes() const;

 private:
  struct But {
    std::vector<LeafProgram> tests;
  };
  using What = std::variant<AnyValue, Literal, GlobMatcher, NumberRange, NumberSpelling, AddressBlock, RegexProgram, TimePart, But>;

  explicit LeafProgram(What what) : what_(std::move(what)) {}

  bool accepts_leaf(const SlotValue& leaf) const;
  bool accepts_scalar(const SlotValue& scalar) const;
  bool accepts_text(std::string_view text) const;

  What what_;
};

}  // namespace trailwarden::rules
