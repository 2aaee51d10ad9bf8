#include "rules/leaf_program.h"

#include <algorithm>
#include <utility>

#include "rules/address.h"
#include "rules/decimal.h"
#include "rules/json_texts.h"
#include "rules/timestamp_part.h"

namespace trailwarden::rules {
namespace {

using Kind = JsonValue::Kind;

bool in_range(const NumberRange& range, std::string_view json_number) {
  const auto number = comparable_number(json_number);
  return number && (range.low_closed ? range.low <= *number : range.low < *number) && (range.high_closed ? *number <= range.high : *number < range.high);
}

bool is_literal(Literal literal, Kind kind) {
  return kind == (literal == Literal::kNull ? Kind::kNull : literal == Literal::kTrue ? Kind::kTrue : Kind::kFalse);
}

}  // namespace

Result<LeafProgram> LeafProgram::compile(const LeafTest& test, std::size_t max_regex_bytes) {
  if (const auto* glob = std::get_if<Glob>(&test.what)) return LeafProgram(GlobMatcher(*glob));
  if (const auto* regex = std::get_if<Regex>(&test.what)) {
    auto program = RegexProgram::compile(*regex, max_regex_bytes);
    if (!program) return fail(std::move(program.error()));
    return LeafProgram(std::move(*program));
  }
  if (const auto* but = std::get_if<AnythingBut>(&test.what)) {
    But programs;
    for (const LeafTest& inner : but->tests) {
      auto program = compile(inner, max_regex_bytes);
      if (!program) return program;
      programs.tests.push_back(std::move(*program));
    }
    return LeafProgram(std::move(programs));
  }
  if (const auto* literal = std::get_if<Literal>(&test.what)) return LeafProgram(*literal);
  if (const auto* range = std::get_if<NumberRange>(&test.what)) return LeafProgram(*range);
  if (const auto* spelling = std::get_if<NumberSpelling>(&test.what)) return LeafProgram(*spelling);
  if (const auto* block = std::get_if<AddressBlock>(&test.what)) return LeafProgram(*block);
  if (const auto* part = std::get_if<TimePart>(&test.what)) return LeafProgram(*part);
  return LeafProgram(AnyValue{});
}

bool LeafProgram::accepts(const SlotValue& value, Reading reading, Scratch& scratch) const {
  if (reading == Reading::kLeaves) return accepts_leaf(value);
  if (std::holds_alternative<AnyValue>(what_)) return true;
  if (value.kind == Kind::kArray) return false;  // its elements are values of their own
  if (value.kind != Kind::kObject) return accepts_scalar(value);
  const auto* const regex = std::get_if<RegexProgram>(&what_);
  if (regex == nullptr) return false;
  scratch.compact.clear();
  append_compact(value.text, scratch.unescaped, scratch.compact);
  bool found = regex->found_in(scratch.compact);
  for_each_scalar_text(value.text, scratch.unescaped, [&](std::string_view text) { found = found || regex->found_in(text); });
  return found;
}

/// In event patterns a leaf has a type.
bool LeafProgram::accepts_leaf(const SlotValue& leaf) const {
  if (std::holds_alternative<AnyValue>(what_)) return true;
  if (const auto* literal = std::get_if<Literal>(&what_)) return is_literal(*literal, leaf.kind);
  if (const auto* range = std::get_if<NumberRange>(&what_)) return leaf.kind == Kind::kNumber && in_range(*range, leaf.text);
  if (const auto* spelling = std::get_if<NumberSpelling>(&what_)) return leaf.kind == Kind::kNumber && leaf.text == spelling->text;
  if (const auto* but = std::get_if<But>(&what_))
    return std::none_of(but->tests.begin(), but->tests.end(), [&leaf](const LeafProgram& test) { return test.accepts_leaf(leaf); });
  return leaf.kind == Kind::kString && accepts_text(leaf.text);
}

/// In Sigma's reading it has a text; a string may be a number.
bool LeafProgram::accepts_scalar(const SlotValue& scalar) const {
  if (const auto* literal = std::get_if<Literal>(&what_)) return is_literal(*literal, scalar.kind);
  if (const auto* but = std::get_if<But>(&what_))
    return std::none_of(but->tests.begin(), but->tests.end(), [&scalar](const LeafProgram& test) { return test.accepts_scalar(scalar); });
  if (std::holds_alternative<AnyValue>(what_)) return true;
  const bool is_numeric = scalar.kind == Kind::kNumber || (scalar.kind == Kind::kString && is_json_number(scalar.text));
  if (const auto* range = std::get_if<NumberRange>(&what_)) return is_numeric && in_range(*range, scalar.text);
  if (const auto* spelling = std::get_if<NumberSpelling>(&what_)) return is_numeric && scalar.text == spelling->text;
  return scalar.kind != Kind::kNull && accepts_text(scalar.text);
}

bool LeafProgram::accepts_text(std::string_view text) const {
  if (const auto* glob = std::get_if<GlobMatcher>(&what_)) return glob->accepts(text);
  if (const auto* regex = std::get_if<RegexProgram>(&what_)) return regex->found_in(text);
  if (const auto* part = std::get_if<TimePart>(&what_)) return part_of_timestamp(text, part->part) == part->value;
  const auto* const block = std::get_if<AddressBlock>(&what_);
  if (block == nullptr) return false;
  const auto address = parse_address(text);
  return address && contains(*block, *address);
}

std::size_t LeafProgram::memory_bytes() const {
  std::size_t bytes = sizeof *this;
  if (const auto* glob = std::get_if<GlobMatcher>(&what_)) bytes += glob->memory_bytes();
  if (const auto* regex = std::get_if<RegexProgram>(&what_)) bytes += regex->memory_bytes();
  if (const auto* but = std::get_if<But>(&what_))
    for (const LeafProgram& test : but->tests) bytes += test.memory_bytes();
  return bytes;
}

}  // namespace trailwarden::rules
