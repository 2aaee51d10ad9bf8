#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "rules/json_value.h"
#include "rules/predicate.h"

namespace trailwarden::rules {

/// Asks predicates of one record in the plainest possible way: every path is looked up from the top, every test is tried on every value, every choice of array
/// elements is tried. The oracle for `RuleSet`, and what `rules explain` shows. Microseconds to milliseconds a predicate; a pattern over large sibling arrays may
/// take far longer.
/// Not thread-safe: documents inside strings are parsed when first asked for.
class NaiveEvaluator {
 public:
  /// kMalformed (`LINE:COLUMN: ...`) unless the text is one JSON object, strictly.
  static Result<NaiveEvaluator> create(std::string_view record_json);

  bool matches(const Predicate& predicate) const;

  /// One part of a predicate's expression, by itself; `decode` of the predicate. An invalid regular expression accepts nothing.
  bool holds(const Expression& expression, const std::vector<std::string>& decode) const;
  bool holds(const FieldTest& test, const std::vector<std::string>& decode) const;
  bool holds(const FieldComparison& comparison, const std::vector<std::string>& decode) const;

  /// The texts at a path that Sigma's equality is tried on: of scalars and objects, through arrays, in the order of the record.
  std::vector<std::string> texts_at(std::string_view path, const std::vector<std::string>& decode = {}) const;

  /// What stands at a path, as compact JSON, for a reader's eye.
  std::vector<std::string> values_at(std::string_view path, Reading reading, const std::vector<std::string>& decode) const;

 private:
  using Decode = std::vector<std::string>;
  /// (array, element) pairs that a leaf lies in, outermost first.
  using Positions = std::vector<std::pair<const JsonValue*, std::size_t>>;
  struct Leaf {
    const JsonValue* value;
    Positions positions;
  };
  /// A value at a path in Sigma's reading; `is_decoded`: strings in it that are JSON documents are read as those.
  struct Found {
    const JsonValue* value;
    bool is_decoded;
  };

  explicit NaiveEvaluator(JsonValue record) : record_(std::make_unique<JsonValue>(std::move(record))) {}

  const JsonValue& document_in(const JsonValue& value) const;
  std::vector<Leaf> leaves(std::string_view path, const Decode& decode) const;
  void collect_leaves(const JsonValue& value, const std::string* here, std::string_view path, const Decode& decode, Positions& positions, std::vector<Leaf>& out) const;
  std::vector<Found> found(std::string_view path, const Decode& decode) const;
  void follow(const JsonValue& value, std::size_t begin, std::string_view path, const Decode& decode, std::vector<Found>& out) const;
  bool accepts_text(const LeafTest& test, const Found& found) const;
  void append_texts(const Found& found, std::vector<std::string>& texts) const;
  bool choose(const PatternCombination& fields, std::size_t next, const Decode& decode, std::vector<const Positions*>& chosen) const;

  std::unique_ptr<JsonValue> record_;
  mutable std::map<const JsonValue*, std::unique_ptr<JsonValue>> documents_;  // by the string they stand in; null where it is none
};

/// Whether the glob accepts the whole text. O(steps x text).
bool accepts_plainly(const Glob& glob, std::string_view text);

}  // namespace trailwarden::rules
