#include "testing/rule_cases.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "event/decoder.h"
#include "rules/address.h"
#include "rules/decimal.h"
#include "rules/glob.h"
#include "rules/json_value.h"
#include "rules/naive_evaluator.h"
#include "rules/pattern_combinations.h"

namespace trailwarden::testing {
namespace {

using namespace rules;
using std::string_literals::operator""s;

/// Choices made by bytes; when they run out, the first of everything.
class Choices {
 public:
  explicit Choices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool cloudtrail = false;  // records and paths of the kind that a decoded event has members for

  std::size_t below(std::size_t n) {
    if (bytes_.empty()) return 0;
    const std::size_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte % n;
  }
  /// One time in `n`; never once the bytes have run out.
  bool one_in(std::size_t n) { return below(n) == n - 1; }
  template <class T, std::size_t N>
  const T& of(const std::array<T, N>& list) {
    return list[below(N)];
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

const auto kNames = std::to_array<std::string>({"a", "b", "c", "a.b", "a-", "", "\xc3\xa9", "longername", "b.c", ".", "\xf0\x9f\x9a\x80", "\xef\xbc\xa1"});
const auto kPaths = std::to_array<std::string>({"a", "a.b", "b", "c", "a.c", "a.b.c", "b.c", "a-", "c.a.b", "", "a.", "\xc3\xa9", "a.longername", ".", "b.\xf0\x9f\x9a\x80", "b.\xef\xbc\xa1"});
const auto kEventPaths = std::to_array<std::string>(
    {"eventName", "eventSource", "userAgent", "errorCode", "errorMessage", "userIdentity.type", "userIdentity.arn", "userIdentity.accountId",
     "userIdentity.sessionContext.sessionIssuer.type", "userIdentity.sessionContext.attributes.mfaAuthenticated", "userIdentity.sessionContext", "userIdentity",
     "requestParameters.a", "requestParameters.a.b", "requestParameters.b", "requestParameters", "", "sourceIPAddress", "eventTime", "readOnly"});
const auto kPieces = std::to_array<std::string>({"x", "y", "a", "b", "ab", "X", "A", "\xc3\xa9", "\xc3\x89", "\xc3\x9f", "S", "s", "\xe2\x84\xaa", "k", "K", "\xf0\x9f\x9a\x80", "\"", "\\",
                                                 "\n", " ", "1", "*", "\xc4\xb0", "i", "\xcc\x87", "\xc7\x85", "\xc7\x86", "\0"s});
const auto kTexts = std::to_array<std::string>({"", "5", "5.0", "1e1", "true", "null", "1.2.3.4", "10.0.0.1", "::1", "0:0:0:0:0:0:0:1", "2026-01-02T03:04:05Z", "2024-12-30 03:59:00", "{}", "[]",
                                                "{\"b\":\"x\",\"c\":[1,\"a\"]}", "[{\"b\":1,\"c\":\"y\"},\"x\",[\"a\"]]", "[\"{\\\"b\\\":\\\"x\\\"}\"]", "{\"b\":1", "{\"b\":1e400}"});
const auto kNumbers = std::to_array<std::string>({"0", "1", "5", "-0", "5.0", "50e-1", "10", "1e1", "9007199254740993", "9007199254740992", "1e400", "1e-400", "0.1", "-3"});

const std::string& path(Choices& choose) { return choose.cloudtrail ? choose.of(kEventPaths) : choose.of(kPaths); }

std::string text(Choices& choose) {
  if (choose.one_in(4)) return choose.of(kTexts);
  std::string out;
  for (std::size_t pieces = choose.below(5); pieces > 0; --pieces) out += choose.of(kPieces);
  return out;
}

/// JSON as some serialisers write it: with more escapes than needed.
void append_string(Choices& choose, std::string_view text, std::string& out) {
  if (!choose.one_in(4)) return append_json_string(text, out);
  out += '"';
  for (const char c : text) {
    if (c == '/') out += "\\/";
    else if (static_cast<unsigned char>(c) >= 0x80) out += c;
    else if (choose.one_in(3) || c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) {
      static constexpr std::string_view kHex = "0123456789abcdef";
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_space(Choices& choose, std::string& out) {
  if (choose.one_in(8)) out += " \n";
}

void append_value(Choices& choose, int depth, std::string& out);

void append_object(Choices& choose, int depth, std::string& out) {
  out += '{';
  for (std::size_t members = choose.below(5), i = 0; i < members; ++i) {
    if (i > 0) out += ',';
    append_space(choose, out);
    append_string(choose, choose.of(kNames), out);
    out += ':';
    append_space(choose, out);
    append_value(choose, depth - 1, out);
    append_space(choose, out);
  }
  out += '}';
}

void append_value(Choices& choose, int depth, std::string& out) {
  const std::size_t what = choose.below(depth > 0 ? 8 : 4);
  switch (what) {
    case 0:
    case 1: return append_string(choose, text(choose), out);
    case 2: out += choose.of(kNumbers); return;
    case 3: out += choose.of(std::array{"null", "true", "false"}); return;
    case 4:
    case 5: return append_object(choose, depth, out);
    default: break;
  }
  out += '[';
  for (std::size_t elements = choose.below(4), i = 0; i < elements; ++i) {
    if (i > 0) out += ',';
    append_space(choose, out);
    append_value(choose, depth - 1, out);
  }
  out += ']';
}

Glob glob(Choices& choose) {
  Glob glob;
  glob.ignore_case = choose.one_in(2);
  glob.runs.push_back(text(choose));
  for (std::size_t gaps = choose.below(4); gaps > 0; --gaps) {
    glob.gaps.push_back({.at_least = static_cast<std::uint32_t>(choose.one_in(3) ? choose.below(3) : 0), .any_more = true});
    if (glob.gaps.back().at_least > 0) glob.gaps.back().any_more = choose.one_in(2);
    const bool may_be_empty = gaps == 1;
    std::string run = text(choose);
    glob.runs.push_back(run.empty() && !may_be_empty ? "x" : run);
    if (glob.gaps.size() == 1 && choose.one_in(2)) glob.runs.front().clear();
    if (may_be_empty && choose.one_in(2)) glob.runs.back().clear();
  }
  return glob;
}

NumberRange range(Choices& choose) {
  const auto bound = [&choose] { return comparable_number(choose.of(kNumbers)).value_or(5); };
  NumberRange range{bound(), bound(), choose.one_in(2), choose.one_in(2)};
  if (range.high < range.low) std::swap(range.low, range.high);
  if (choose.one_in(4)) range.low = -std::numeric_limits<double>::infinity();
  if (choose.one_in(4)) range.high = std::numeric_limits<double>::infinity();
  return range;
}

AddressBlock block(Choices& choose) {
  AddressBlock block = *parse_address(choose.of(std::array{"1.2.3.4", "10.0.0.1", "::1"}));
  if (choose.one_in(2)) block.bits = static_cast<std::uint8_t>(choose.below(block.bits + 1U));
  clear_host_bits(block);
  return block;
}

LeafTest leaf_test(Choices& choose, bool may_nest) {
  switch (choose.below(12)) {
    case 0: return {AnyValue{}};
    case 1: return {choose.of(std::array{Literal::kNull, Literal::kTrue, Literal::kFalse})};
    case 2: return {range(choose)};
    case 3: return {NumberSpelling{choose.of(kNumbers)}};
    case 4: return {block(choose)};
    case 5: return {Regex{choose.of(std::array{"a", "^x", "x$", "a.*b", "\"b\":", "^$", "\xc3\xa9", "S+"}), choose.one_in(2), choose.one_in(2), choose.one_in(2)}};
    case 6: {
      using Part = TimePart::Part;
      return {TimePart{choose.of(std::array{Part::kMinute, Part::kHour, Part::kDay, Part::kWeek, Part::kMonth, Part::kYear}),
                       choose.of(std::array{3, 4, 2, 1, 59, 2026, 12})}};
    }
    case 7:
      if (may_nest) {
        AnythingBut but;
        const bool globs_only = choose.one_in(2);
        for (std::size_t tests = choose.below(3); tests + 1 > 0; --tests) but.tests.push_back(globs_only ? LeafTest{glob(choose)} : leaf_test(choose, false));
        return {but};
      }
      [[fallthrough]];
    default: return {glob(choose)};
  }
}

Expression expression(Choices& choose, int depth) {
  const std::size_t what = choose.below(depth > 0 ? 8 : 4);
  if (what == 3) {
    using How = FieldComparison::How;
    return {.kind = Expression::Kind::kComparison,
            .comparison = {choose.of(std::array{How::kEqual, How::kContains, How::kStartsWith, How::kEndsWith}), path(choose), path(choose), choose.one_in(2), choose.one_in(2)}};
  }
  if (what < 3) {
    const Reading reading = choose.one_in(3) ? Reading::kLeaves : Reading::kTexts;
    return {.kind = Expression::Kind::kField, .field = {path(choose), reading, leaf_test(choose, true)}};
  }
  Expression all{.kind = what == 4 ? Expression::Kind::kNot : what == 5 ? Expression::Kind::kAll : Expression::Kind::kAny};
  for (std::size_t parts = what == 4 ? 1 : choose.below(4); parts > 0; --parts) all.parts.push_back(expression(choose, depth - 1));
  return all;
}

std::vector<PatternClause> clauses(Choices& choose, int depth) {
  std::vector<PatternClause> all;
  for (std::size_t count = 1 + choose.below(3); count > 0; --count) {
    PatternClause& clause = all.emplace_back();
    if (depth > 0 && choose.one_in(5)) {
      for (int branch = 0; branch < 2; ++branch) clause.branches.push_back(clauses(choose, depth - 1));
      continue;
    }
    clause.field.path = path(choose);
    clause.field.or_absent = choose.one_in(4);
    for (std::size_t tests = choose.below(3); tests > 0 || (clause.field.alternatives.empty() && !clause.field.or_absent);) {
      clause.field.alternatives.push_back(choose.one_in(3) ? LeafTest{AnyValue{}} : leaf_test(choose, true));
      if (tests > 0) --tests;
    }
  }
  return all;
}

Predicate predicate(Choices& choose) {
  Predicate made;
  if (choose.one_in(2)) {
    made.expression = expression(choose, 3);
  } else if (auto pattern = combine(clauses(choose, 2), "", {})) {
    made = std::move(*pattern);
  }  // else it has too many combinations: all events, then
  while (choose.one_in(4)) made.decode.push_back(path(choose));
  return made;
}

Predicate predicate_with_exceptions(Choices& choose) {
  Predicate made = predicate(choose);
  while (choose.one_in(4)) made.unless.push_back(predicate(choose));
  return made;
}

/// A scalar as services write them where a string belongs, sometimes.
void append_scalar(Choices& choose, bool only_text, std::string& out) {
  const std::size_t what = choose.below(12);
  if (what == 0) out += "null";
  else if (what == 1) out += "\"\"";
  else if (what == 2 && !only_text) out += choose.of(std::array{"5", "true", "false", "0.50"});
  else append_string(choose, text(choose), out);
}

void append_member(Choices& choose, std::string_view name, bool only_text, std::string& out) {
  if (choose.one_in(3)) return;
  for (std::size_t times = choose.one_in(10) ? 2 : 1; times > 0; --times) {
    out += ",\"" + std::string(name) + "\":";
    append_scalar(choose, only_text, out);
  }
}

/// A record that the decoder mostly accepts.
std::string cloudtrail_record(Choices& choose) {
  std::string out = R"({"eventVersion":"1.08","eventTime":"2026-01-02T03:04:05Z","eventID":"1")";
  for (const auto* name : {"eventSource", "eventName"}) {
    out += ",\"" + std::string(name) + "\":";
    append_string(choose, text(choose) + "x", out);
  }
  for (const auto* name : {"userAgent", "sourceIPAddress"}) append_member(choose, name, true, out);
  for (const auto* name : {"errorCode", "errorMessage"}) append_member(choose, name, false, out);
  if (choose.one_in(4)) append_member(choose, choose.of(std::array{"userIdentity.type", "requestParameters.a", "userIdentity.arn"}), false, out);
  std::string identity, issuer, attributes;
  for (const auto* name : {"type", "arn"}) append_member(choose, name, true, identity);
  append_member(choose, "accountId", false, identity);
  append_member(choose, "type", true, issuer);
  append_member(choose, "mfaAuthenticated", false, attributes);
  if (!identity.empty()) {
    out += ",\"userIdentity\":{" + identity.substr(1);
    if (!issuer.empty()) out += ",\"sessionContext\":{\"sessionIssuer\":{" + issuer.substr(1) + "},\"attributes\":{" + (attributes.empty() ? "" : attributes.substr(1)) + "}}";
    out += "}";
  }
  if (choose.one_in(2)) {
    out += ",\"requestParameters\":";
    append_value(choose, 4, out);
  }
  return out + "}";
}

std::string record(Choices& choose) {
  std::string out;
  if (choose.cloudtrail) out = cloudtrail_record(choose);
  else append_object(choose, 5, out);
  if (choose.one_in(8) && !out.empty()) {  // damaged
    const std::size_t at = choose.below(out.size());
    if (choose.one_in(2)) out.erase(at, 1 + choose.below(3));
    else out[at] = static_cast<char>(choose.below(256));
  }
  return out;
}

std::string shown(const LeafTest& test) {
  const auto in_quotes = [](std::string_view text) { return '"' + std::string(text) + '"'; };
  if (const auto* glob = std::get_if<Glob>(&test.what)) {
    std::string out = glob->ignore_case ? "~" : "";
    for (std::size_t i = 0; i < glob->runs.size(); ++i) {
      out += in_quotes(glob->runs[i]);
      if (i < glob->gaps.size()) out += std::string(glob->gaps[i].at_least, '?') + (glob->gaps[i].any_more ? "*" : "");
    }
    return out;
  }
  if (const auto* number = std::get_if<NumberRange>(&test.what))
    return (number->low_closed ? "[" : "(") + std::to_string(number->low) + " " + std::to_string(number->high) + (number->high_closed ? "]" : ")");
  if (const auto* spelling = std::get_if<NumberSpelling>(&test.what)) return "spelling " + spelling->text;
  if (const auto* regex = std::get_if<Regex>(&test.what)) return "/" + regex->pattern + "/" + (regex->ignore_case ? "i" : "") + (regex->multi_line ? "m" : "") + (regex->dot_all ? "s" : "");
  if (const auto* but = std::get_if<AnythingBut>(&test.what)) {
    std::string out = "but(";
    for (const LeafTest& inner : but->tests) out += shown(inner) + " ";
    return out + ")";
  }
  return "test of kind " + std::to_string(test.what.index());
}

std::string shown(const Expression& e) {
  using Kind = Expression::Kind;
  if (e.kind == Kind::kField) return (e.field.reading == Reading::kLeaves ? "leaf '" : "text '") + e.field.path + "' " + shown(e.field.test);
  if (e.kind == Kind::kComparison) return "compare '" + e.comparison.path + "' '" + e.comparison.other + "' " + std::to_string(static_cast<int>(e.comparison.how)) + (e.comparison.ignore_case ? "i" : "") + (e.comparison.differs ? " differs" : "");
  std::string out = e.kind == Kind::kAll ? "all(" : e.kind == Kind::kAny ? "any(" : "not(";
  for (const Expression& part : e.parts) out += shown(part) + ", ";
  return out + ")";
}

std::string shown(const Predicate& predicate) {
  std::string out = shown(predicate.expression);
  for (const PatternCombination& fields : predicate.combinations) {
    out += "\n   or";
    for (const PatternField& field : fields) {
      out += " and '" + field.path + "'" + (field.or_absent ? " absent" : "");
      for (const LeafTest& test : field.alternatives) out += " | " + shown(test);
    }
  }
  for (const std::string& path : predicate.decode) out += "\n   decode '" + path + "'";
  return out;
}

std::string shown(const std::vector<std::uint32_t>& numbers) {
  std::string out = "{";
  for (const std::uint32_t number : numbers) out += std::to_string(number) + " ";
  return out + "}";
}

}  // namespace

RuleCase rule_case(std::span<const std::uint8_t> bytes) {
  Choices choose(bytes);
  choose.cloudtrail = choose.one_in(3);
  RuleCase c;
  c.record = record(choose);
  for (std::size_t count = 1 + choose.below(6); count > 0; --count) c.predicates.push_back(predicate_with_exceptions(choose));
  // Small automata too, so that globs are spread over several and tried one by one.
  c.limits = {.max_states = choose.of(std::array<std::size_t, 4>{10'000, 30, 8, 2}), .max_automata_per_field = 1'000, .max_tried_per_field = 1'000};
  return c;
}

std::string describe(const RuleCase& c) {
  std::string out = c.record;
  for (const Predicate& predicate : c.predicates) out += "\n- " + shown(predicate);
  return out + "\nstates: " + std::to_string(c.limits.max_states);
}

std::optional<std::string> disagreement(const RuleCase& c) {
  auto compiled = RuleSet::compile(c.predicates, c.limits);
  if (!compiled) return "not compiled: " + compiled.error().message;
  Matcher matcher(std::move(*compiled));
  const auto naive = NaiveEvaluator::create(c.record);
  const std::string padded = c.record + std::string(event::kPadding, '\0');
  std::vector<std::uint32_t> got, expected;
  const event::Refusal refusal = matcher.match(std::string_view(padded).substr(0, c.record.size()), got);
  if (naive.has_value() != (refusal == event::Refusal::kNone))
    return "the record is " + (naive ? "valid" : naive.error().message) + " to the evaluator, to the matcher " + std::string(to_string(refusal)) + ": " + describe(c);
  if (!naive) return std::nullopt;
  for (std::uint32_t i = 0; i < c.predicates.size(); ++i)
    if (naive->matches(c.predicates[i])) expected.push_back(i);
  if (got != expected) return "matcher " + shown(got) + ", evaluator " + shown(expected) + ": " + describe(c);
  event::Arena arena;
  event::CloudTrailEvent event;
  if (event::Decoder().decode(std::string_view(padded).substr(0, c.record.size()), arena, event) == event::Refusal::kNone) {
    matcher.match(event, got);
    if (got != expected) return "matcher, of the decoded event, " + shown(got) + ", evaluator " + shown(expected) + ": " + describe(c);
    // By itself a predicate more often needs only what the event has.
    for (std::uint32_t i = 0; i < c.predicates.size(); ++i) {
      Matcher alone(*RuleSet::compile(std::span(c.predicates).subspan(i, 1), c.limits));
      alone.match(event, got);
      alone.match(event, got);  // as it is remembered
      if (got.size() != static_cast<std::size_t>(std::count(expected.begin(), expected.end(), i)))
        return "predicate " + std::to_string(i) + " alone, of the decoded event, is judged otherwise by the matcher: " + describe(c);
    }
  }
  matcher.match(std::string_view(padded).substr(0, c.record.size()), got);  // nothing of the last record is left
  return got == expected ? std::nullopt : std::optional("matcher, asked again, " + shown(got) + ", evaluator " + shown(expected) + ": " + describe(c));
}

}  // namespace trailwarden::testing
