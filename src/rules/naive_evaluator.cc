#include "rules/naive_evaluator.h"

#include <algorithm>
#include <optional>

#include "rules/address.h"
#include "rules/decimal.h"
#include "rules/glob.h"
#include "rules/regex_program.h"
#include "rules/timestamp_part.h"
#include "rules/utf8.h"

namespace trailwarden::rules {
namespace {

using Kind = JsonValue::Kind;

bool in_range(const NumberRange& range, std::string_view json_number) {
  const auto number = comparable_number(json_number);
  if (!number) return false;
  return (range.low < *number || (range.low_closed && range.low == *number)) && (*number < range.high || (range.high_closed && *number == range.high));
}

bool is_in(const AddressBlock& block, std::string_view text) {
  const auto address = parse_address(text);
  return address && contains(block, *address);
}

bool is_found(const Regex& regex, std::string_view text) {
  const auto program = RegexProgram::compile(regex, std::size_t{64} << 20);
  return program && program->found_in(text);
}

bool is_literal(Literal literal, Kind kind) {
  return kind == (literal == Literal::kNull ? Kind::kNull : literal == Literal::kTrue ? Kind::kTrue : Kind::kFalse);
}

/// What only a text can pass: in event patterns a string, in Sigma's reading the text of anything.
std::optional<bool> accepts_text_itself(const LeafTest& test, std::string_view text) {
  if (const auto* glob = std::get_if<Glob>(&test.what)) return accepts_plainly(*glob, text);
  if (const auto* block = std::get_if<AddressBlock>(&test.what)) return is_in(*block, text);
  if (const auto* regex = std::get_if<Regex>(&test.what)) return is_found(*regex, text);
  if (const auto* part = std::get_if<TimePart>(&test.what)) return part_of_timestamp(text, part->part) == part->value;
  return std::nullopt;
}

bool accepts_leaf(const LeafTest& test, const JsonValue& leaf) {
  if (std::holds_alternative<AnyValue>(test.what)) return true;
  if (const auto* literal = std::get_if<Literal>(&test.what)) return is_literal(*literal, leaf.kind);
  if (const auto* range = std::get_if<NumberRange>(&test.what)) return leaf.kind == Kind::kNumber && in_range(*range, leaf.text);
  if (const auto* spelling = std::get_if<NumberSpelling>(&test.what)) return leaf.kind == Kind::kNumber && leaf.text == spelling->text;
  if (const auto* but = std::get_if<AnythingBut>(&test.what))
    return std::none_of(but->tests.begin(), but->tests.end(), [&leaf](const LeafTest& inner) { return accepts_leaf(inner, leaf); });
  return leaf.kind == Kind::kString && *accepts_text_itself(test, leaf.text);
}

/// The text of a scalar in Sigma's reading; null has none.
std::optional<std::string> text_of_scalar(const JsonValue& scalar) {
  switch (scalar.kind) {
    case Kind::kString:
    case Kind::kNumber: return scalar.text;
    case Kind::kTrue: return "true";
    case Kind::kFalse: return "false";
    default: return std::nullopt;
  }
}

bool accepts_scalar(const LeafTest& test, const JsonValue& scalar) {
  if (std::holds_alternative<AnyValue>(test.what)) return true;
  if (const auto* literal = std::get_if<Literal>(&test.what)) return is_literal(*literal, scalar.kind);
  if (const auto* but = std::get_if<AnythingBut>(&test.what))
    return std::none_of(but->tests.begin(), but->tests.end(), [&scalar](const LeafTest& inner) { return accepts_scalar(inner, scalar); });
  const bool is_numeric = scalar.kind == Kind::kNumber || (scalar.kind == Kind::kString && is_json_number(scalar.text));
  if (const auto* range = std::get_if<NumberRange>(&test.what)) return is_numeric && in_range(*range, scalar.text);
  if (const auto* spelling = std::get_if<NumberSpelling>(&test.what)) return is_numeric && scalar.text == spelling->text;
  const auto text = text_of_scalar(scalar);
  return text && *accepts_text_itself(test, *text);
}

bool accepts_any_scalar_below(const LeafTest& test, const JsonValue& value) {
  if (!value.is_container()) return accepts_scalar(test, value);
  return std::any_of(value.elements.begin(), value.elements.end(), [&test](const JsonValue& element) { return accepts_any_scalar_below(test, element); }) ||
         std::any_of(value.members.begin(), value.members.end(), [&test](const JsonMember& member) { return accepts_any_scalar_below(test, member.value); });
}

bool is_wild_glob(const LeafTest& test) {
  const auto* const glob = std::get_if<Glob>(&test.what);
  return glob != nullptr && is_wild(*glob);
}

template <class Positions>
bool consistent(const Positions& a, const Positions& b) {
  return std::none_of(a.begin(), a.end(), [&b](const auto& x) {
    return std::any_of(b.begin(), b.end(), [&x](const auto& y) { return x.first == y.first && x.second != y.second; });
  });
}

}  // namespace

bool accepts_plainly(const Glob& glob, std::string_view text) {
  // reached[i]: what was read of the glob can be the first i bytes.
  std::vector<bool> reached(text.size() + 1, false);
  reached[0] = true;
  for (const GlobStep& step : steps_of(glob)) {
    std::vector<bool> next(text.size() + 1, false);
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (!reached[i]) continue;
      switch (step.kind) {
        case GlobStep::Kind::kMany: std::fill(next.begin() + static_cast<std::ptrdiff_t>(i), next.end(), true); break;
        case GlobStep::Kind::kOne:
          if (const std::size_t length = utf8_length(text.substr(i)); length > 0) next[i + length] = true;
          break;
        case GlobStep::Kind::kText:
          for (const std::string& spelling : step.spellings)
            if (text.substr(i).starts_with(spelling)) next[i + spelling.size()] = true;
          break;
      }
    }
    reached = std::move(next);
  }
  return reached[text.size()];
}

Result<NaiveEvaluator> NaiveEvaluator::create(std::string_view record_json) {
  auto record = parse_json(record_json);
  if (!record) return fail(ErrorCode::kMalformed, line_and_column(record_json, record.error().offset) + ": " + record.error().message);
  if (record->kind != Kind::kObject) return fail(ErrorCode::kMalformed, "1:1: an event is a JSON object");
  return NaiveEvaluator(std::move(*record));
}

bool NaiveEvaluator::matches(const Predicate& predicate) const {
  if (std::any_of(predicate.unless.begin(), predicate.unless.end(), [this](const Predicate& unless) { return matches(unless); })) return false;
  if (predicate.combinations.empty()) return holds(predicate.expression, predicate.decode);
  return std::any_of(predicate.combinations.begin(), predicate.combinations.end(), [&](const PatternCombination& fields) {
    std::vector<const Positions*> chosen;
    return choose(fields, 0, predicate.decode, chosen);
  });
}

bool NaiveEvaluator::holds(const Expression& expression, const Decode& decode) const {
  const auto part_holds = [&](const Expression& part) { return holds(part, decode); };
  switch (expression.kind) {
    case Expression::Kind::kField: return holds(expression.field, decode);
    case Expression::Kind::kComparison: return holds(expression.comparison, decode);
    case Expression::Kind::kAll: return std::all_of(expression.parts.begin(), expression.parts.end(), part_holds);
    case Expression::Kind::kAny: return std::any_of(expression.parts.begin(), expression.parts.end(), part_holds);
    case Expression::Kind::kNot: return !part_holds(expression.parts.front());
  }
  return false;
}

bool NaiveEvaluator::holds(const FieldTest& test, const Decode& decode) const {
  if (test.reading == Reading::kLeaves) {
    const auto all = leaves(test.path, decode);
    return std::any_of(all.begin(), all.end(), [&test](const Leaf& leaf) { return accepts_leaf(test.test, *leaf.value); });
  }
  const auto all = found(test.path, decode);
  if (std::holds_alternative<AnyValue>(test.test.what)) return !all.empty();
  return std::any_of(all.begin(), all.end(), [&](const Found& value) { return accepts_text(test.test, value); });
}

bool NaiveEvaluator::holds(const FieldComparison& comparison, const Decode& decode) const {
  const std::vector<std::string> texts = texts_at(comparison.path, decode), others = texts_at(comparison.other, decode);
  using How = FieldComparison::How;
  const auto does_so = [&](const std::string& text, const std::string& other) {
    Glob glob = comparison.how == How::kEqual        ? exact_glob(other)
                : comparison.how == How::kContains   ? contains_glob(other)
                : comparison.how == How::kStartsWith ? prefix_glob(other)
                                                     : suffix_glob(other);
    glob.ignore_case = comparison.ignore_case;
    return accepts_plainly(glob, text);
  };
  if (others.empty()) return false;
  return std::any_of(texts.begin(), texts.end(), [&](const std::string& text) {
    return comparison.differs != std::any_of(others.begin(), others.end(), [&](const std::string& other) { return does_so(text, other); });
  });
}

std::vector<std::string> NaiveEvaluator::texts_at(std::string_view path, const Decode& decode) const {
  std::vector<std::string> texts;
  for (const Found& value : found(path, decode)) append_texts(value, texts);
  return texts;
}

std::vector<std::string> NaiveEvaluator::values_at(std::string_view path, Reading reading, const Decode& decode) const {
  std::vector<std::string> values;
  if (reading == Reading::kLeaves) {
    for (const Leaf& leaf : leaves(path, decode)) values.push_back(compact_json(*leaf.value));
  } else {
    for (const Found& value : found(path, decode)) values.push_back(compact_json(value.is_decoded ? document_in(*value.value) : *value.value));
  }
  return values;
}

/// The object or array that a string holds as JSON; the value itself if it holds none.
const JsonValue& NaiveEvaluator::document_in(const JsonValue& value) const {
  if (value.kind != Kind::kString) return value;
  auto [at, is_new] = documents_.try_emplace(&value);
  if (is_new) {
    auto document = parse_json(value.text);
    if (document && document->is_container()) at->second = std::make_unique<JsonValue>(std::move(*document));
  }
  return at->second == nullptr ? value : *at->second;
}

std::vector<NaiveEvaluator::Leaf> NaiveEvaluator::leaves(std::string_view path, const Decode& decode) const {
  std::vector<Leaf> out;
  Positions positions;
  collect_leaves(*record_, nullptr, path, decode, positions, out);
  return out;
}

/// `here`: the path of `value`; null for the record itself.
void NaiveEvaluator::collect_leaves(const JsonValue& written, const std::string* here, std::string_view path, const Decode& decode, Positions& positions,
                                    std::vector<Leaf>& out) const {
  const bool is_decoded = here != nullptr && std::find(decode.begin(), decode.end(), *here) != decode.end();
  const JsonValue& value = is_decoded ? document_in(written) : written;
  if (value.kind == Kind::kObject) {
    for (const JsonMember& member : value.members) {
      const std::string below = here == nullptr ? member.name : *here + '.' + member.name;
      if (path == below || path.starts_with(below + '.')) collect_leaves(member.value, &below, path, decode, positions, out);
    }
  } else if (value.kind == Kind::kArray) {
    for (std::size_t i = 0; i < value.elements.size(); ++i) {
      const JsonValue& element = value.elements[i];
      // A scalar has no position in the array it stands in directly.
      const bool counts = (is_decoded ? document_in(element) : element).is_container();
      if (counts) positions.emplace_back(&value, i);
      collect_leaves(element, here, path, decode, positions, out);
      if (counts) positions.pop_back();
    }
  } else if (here != nullptr && *here == path) {
    out.push_back({&value, positions});
  }
}

/// The values at a path in Sigma's reading. A top-level member called like the whole path counts alone.
std::vector<NaiveEvaluator::Found> NaiveEvaluator::found(std::string_view path, const Decode& decode) const {
  std::vector<Found> out;
  if (path.empty()) return {{record_.get(), false}};
  const bool is_decoded = std::find(decode.begin(), decode.end(), path) != decode.end();
  for (const JsonMember& member : record_->members)
    if (member.name == path) out.push_back({&member.value, is_decoded});
  if (out.empty()) follow(*record_, 0, path, decode, out);
  return out;
}

/// `begin`: where in `path` the names not yet followed begin; past its end behind the last one.
void NaiveEvaluator::follow(const JsonValue& written, std::size_t begin, std::string_view path, const Decode& decode, std::vector<Found>& out) const {
  const bool is_decoded = begin > 0 && std::find(decode.begin(), decode.end(), path.substr(0, begin - 1)) != decode.end();
  if (begin > path.size()) {
    out.push_back({&written, is_decoded});
    return;
  }
  const JsonValue& value = is_decoded ? document_in(written) : written;
  const std::size_t end = std::min(path.find('.', begin), path.size());
  for (const JsonValue& element : value.elements) follow(element, begin, path, decode, out);
  for (const JsonMember& member : value.members)
    if (member.name == path.substr(begin, end - begin)) follow(member.value, end + 1, path, decode, out);
}

bool NaiveEvaluator::accepts_text(const LeafTest& test, const Found& found) const {
  const JsonValue& value = found.is_decoded ? document_in(*found.value) : *found.value;
  const bool is_glob = std::holds_alternative<Glob>(test.what), is_regex = std::holds_alternative<Regex>(test.what);
  if (value.kind == Kind::kArray) {
    if (is_wild_glob(test) && !value.elements.empty() && *accepts_text_itself(test, compact_json(value))) return true;
    return std::any_of(value.elements.begin(), value.elements.end(), [&](const JsonValue& element) { return accepts_text(test, {&element, found.is_decoded}); });
  }
  if (value.kind == Kind::kObject) {
    if ((is_glob || is_regex) && *accepts_text_itself(test, compact_json(value))) return true;
    return (is_wild_glob(test) || is_regex) && accepts_any_scalar_below(test, value);
  }
  return accepts_scalar(test, value);
}

/// The texts that equality is tried on: of scalars and objects, through arrays.
void NaiveEvaluator::append_texts(const Found& found, std::vector<std::string>& texts) const {
  const JsonValue& value = found.is_decoded ? document_in(*found.value) : *found.value;
  if (value.kind == Kind::kArray) {
    for (const JsonValue& element : value.elements) append_texts({&element, found.is_decoded}, texts);
  } else if (value.kind == Kind::kObject) {
    texts.push_back(compact_json(value));
  } else if (auto text = text_of_scalar(value)) {
    texts.push_back(std::move(*text));
  }
}

/// Tries every leaf for the fields from `next` on, in the order of their paths; absence is judged beside what was chosen before it.
bool NaiveEvaluator::choose(const PatternCombination& fields, std::size_t next, const Decode& decode, std::vector<const Positions*>& chosen) const {
  if (next == fields.size()) return true;
  const PatternField& field = fields[next];
  bool is_absent = true;
  for (const Leaf& leaf : leaves(field.path, decode)) {
    if (!std::all_of(chosen.begin(), chosen.end(), [&leaf](const Positions* other) { return consistent(*other, leaf.positions); })) continue;
    is_absent = false;
    if (std::none_of(field.alternatives.begin(), field.alternatives.end(), [&leaf](const LeafTest& test) { return accepts_leaf(test, *leaf.value); })) continue;
    chosen.push_back(&leaf.positions);
    const bool fits = choose(fields, next + 1, decode, chosen);
    chosen.pop_back();
    if (fits) return true;
  }
  return is_absent && field.or_absent && choose(fields, next + 1, decode, chosen);
}

}  // namespace trailwarden::rules
