#include "rules/event_pattern.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "core/text.h"
#include "rules/address.h"
#include "rules/decimal.h"
#include "rules/glob.h"
#include "rules/json_value.h"
#include "rules/pattern_combinations.h"

namespace trailwarden::rules {
namespace {

using Kind = JsonValue::Kind;

constexpr std::string_view kOr = "$or";

constexpr auto kOperators = std::to_array<std::string_view>({"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr"});

/// No names of fields inside a branch of `$or`: operators that are, and operators that Event Ruler may have one day.
constexpr auto kReservedInBranches = std::to_array<std::string_view>(
    {"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr", "=", "<", "<=", ">", ">=", "regex", "not-wildcard",
     "not-equals-ignore-case", "date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range", "ip-address-in-range", "ip-address-not-in-range"});

bool is_one_of(std::string_view word, std::span<const std::string_view> words) { return std::find(words.begin(), words.end(), word) != words.end(); }

std::string quoted(std::string_view text) { return '"' + printable(text, 60) + '"'; }

/// How `$or` is read (section 10). The second reading is that of Event Ruler's older compiler, which knows less of `anything-but`.
enum class OrReading : std::uint8_t { kOperator, kFieldName };

/// Reads the members of a pattern into clauses. A step that fails returns false; `fault` then says where and why.
class PatternReader {
 public:
  explicit PatternReader(OrReading reading) : reading_(reading) {}

  bool object(const JsonValue& value, const std::string* path, bool in_branch, std::vector<PatternClause>& clauses);

  JsonFault fault;

 private:
  bool fail(std::size_t offset, std::string message) {
    fault = {offset, std::move(message)};
    return false;
  }
  bool fail(const JsonValue& at, std::string message) { return fail(at.offset, std::move(message)); }

  bool branches(const JsonValue& value, const std::string* path, PatternClause& clause);
  bool value_list(const JsonValue& value, PatternField& field);
  bool alternative(const JsonValue& value, PatternField& field);
  bool operation(const JsonMember& member, PatternField& field);

  bool text_of(const JsonMember& member, std::string& text);
  bool number_of(const JsonValue& value, std::string_view whose, double& number);
  bool only_member(const JsonValue& value, std::string_view of, const JsonMember*& member);
  bool wildcard(const JsonValue& at, std::string_view text, Glob& glob);
  bool affix(const JsonMember& member, Glob (*make)(std::string), Glob& glob);
  bool numeric(const JsonValue& value, NumberRange& range);
  bool bound(const JsonValue& value, std::size_t at, NumberRange& range);
  bool cidr(const JsonMember& member, AddressBlock& block);
  bool anything_but(const JsonValue& value, AnythingBut& but);
  bool anything_but_plain(const JsonValue& value, Kind kind, AnythingBut& but);
  bool anything_but_nested(const JsonMember& member, AnythingBut& but);
  bool nested_glob(const JsonMember& member, const JsonValue& value, Glob& glob);

  OrReading reading_;
};

/// `path`: of the object; null at the top, whose path is not that of a member called "".
bool PatternReader::object(const JsonValue& value, const std::string* path, bool in_branch, std::vector<PatternClause>& clauses) {
  if (value.members.empty()) return fail(value, "an empty object matches nothing; name at least one field in it");
  for (const JsonMember& member : value.members) {
    if (member.name == kOr && reading_ == OrReading::kOperator) {
      if (!branches(member.value, path, clauses.emplace_back())) return false;
      continue;
    }
    if (in_branch && is_one_of(member.name, kReservedInBranches))
      return fail(member.offset, quoted(member.name) + " cannot be the name of a field inside $or; an operator stands inside a list, as {\"field\": [{" + quoted(member.name) + ": ...}]}");
    const std::string below = path == nullptr ? member.name : *path + '.' + member.name;
    if (member.value.kind == Kind::kObject) {
      if (!object(member.value, &below, in_branch, clauses)) return false;
    } else if (member.value.kind == Kind::kArray) {
      PatternClause& clause = clauses.emplace_back();
      clause.offset = member.offset;
      clause.field.path = below;
      if (!value_list(member.value, clause.field)) return false;
    } else {
      return fail(member.value, "the value of " + quoted(member.name) + " has to be a list of alternatives, or an object; put it into brackets: [...]");
    }
  }
  return true;
}

bool PatternReader::branches(const JsonValue& value, const std::string* path, PatternClause& clause) {
  if (value.kind != Kind::kArray) return fail(value, "$or needs a list of objects: [{...}, {...}]");
  for (const JsonValue& element : value.elements) {
    if (element.kind != Kind::kObject) return fail(element, "$or takes objects only: [{...}, {...}]");
    if (!object(element, path, true, clause.branches.emplace_back())) return false;
  }
  if (value.elements.size() < 2) return fail(value, "$or needs at least two objects; with one, write its fields without $or");
  return true;
}

bool PatternReader::value_list(const JsonValue& value, PatternField& field) {
  if (value.elements.empty()) return fail(value, "an empty list accepts nothing; name an alternative, or [{\"exists\": false}] for absence");
  return std::all_of(value.elements.begin(), value.elements.end(), [&](const JsonValue& element) { return alternative(element, field); });
}

bool PatternReader::alternative(const JsonValue& value, PatternField& field) {
  const auto accept = [&field](auto test) {
    field.alternatives.push_back({std::move(test)});
    return true;
  };
  switch (value.kind) {
    case Kind::kNull: return accept(Literal::kNull);
    case Kind::kTrue: return accept(Literal::kTrue);
    case Kind::kFalse: return accept(Literal::kFalse);
    case Kind::kString: {
      const auto address = parse_address(value.text);
      return address ? accept(*address) : accept(exact_glob(value.text));
    }
    case Kind::kNumber: {
      const auto number = comparable_number(value.text);
      return number ? accept(NumberRange{*number, *number}) : accept(NumberSpelling{value.text});
    }
    case Kind::kArray: return fail(value, "a list inside a list of alternatives; the arrays of an event are searched by themselves, so write its elements directly");
    case Kind::kObject: break;
  }
  const JsonMember* member = nullptr;
  return only_member(value, "an alternative", member) && operation(*member, field);
}

bool PatternReader::operation(const JsonMember& member, PatternField& field) {
  const std::string& name = member.name;
  const auto with = [&field](auto test, bool well) {
    if (well) field.alternatives.push_back({std::move(test)});
    return well;
  };
  if (name == "exists") {
    if (member.value.kind != Kind::kTrue && member.value.kind != Kind::kFalse) return fail(member.value, "exists takes true or false");
    if (member.value.kind == Kind::kTrue) return with(AnyValue{}, true);
    field.or_absent = true;
    return true;
  }
  if (name == "numeric") {
    NumberRange range;
    const bool well = numeric(member.value, range);
    return with(range, well);
  }
  if (name == "cidr") {
    AddressBlock block;
    const bool well = cidr(member, block);
    return with(block, well);
  }
  if (name == "anything-but") {
    AnythingBut but;
    const bool well = anything_but(member.value, but);
    return with(std::move(but), well);
  }
  if (!is_one_of(name, kOperators)) {
    const std::string_view meant = closest(name, kOperators);
    return fail(member.offset, quoted(name) + " is no operator; " + (meant.empty() ? "there are exactly, prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, cidr, exists"
                                                                                  : "did you mean " + quoted(meant) + "?"));
  }
  Glob glob;
  std::string text;
  if (name == "prefix" || name == "suffix") {
    const bool well = affix(member, name == "prefix" ? prefix_glob : suffix_glob, glob);
    return with(std::move(glob), well);
  }
  if (!text_of(member, text)) return false;
  if (name == "wildcard" && !wildcard(member.value, text, glob)) return false;
  if (name != "wildcard") glob = exact_glob(std::move(text));
  glob.ignore_case = name == "equals-ignore-case";
  return with(std::move(glob), true);
}

bool PatternReader::text_of(const JsonMember& member, std::string& text) {
  if (member.value.kind != Kind::kString) return fail(member.value, member.name + " takes one string; several alternatives are several objects in the list around it");
  text = member.value.text;
  return true;
}

bool PatternReader::number_of(const JsonValue& value, std::string_view whose, double& number) {
  if (value.kind != Kind::kNumber) return fail(value, std::string(whose) + " needs a number here");
  const auto comparable = comparable_number(value.text);
  if (!comparable) return fail(value, "this number has more digits than a double keeps, so nothing can be compared with it; round it");
  number = *comparable;
  return true;
}

bool PatternReader::only_member(const JsonValue& value, std::string_view of, const JsonMember*& member) {
  if (value.kind != Kind::kObject || value.members.size() != 1)
    return fail(value.members.size() > 1 ? value.members[1].offset : value.offset,
                std::string(of) + " in braces has exactly one operator, as {\"prefix\": \"x\"}; alternatives are objects of their own in the list");
  member = &value.members.front();
  return true;
}

/// Section 5: `*` is a gap, `\*` and `\\` are literal.
bool PatternReader::wildcard(const JsonValue& at, std::string_view text, Glob& glob) {
  glob = exact_glob("");
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] == '*') {
      if (next == '*') return fail(at, "two stars in a row; one is enough, and a literal star is written \\\\*");
      glob.gaps.push_back({.any_more = true});
      glob.runs.emplace_back();
    } else if (text[i] == '\\') {
      if (next != '*' && next != '\\') return fail(at, "a backslash in a wildcard stands before a star or a backslash only; in JSON a literal backslash is written \\\\\\\\");
      glob.runs.back() += next;
      ++i;
    } else {
      glob.runs.back() += text[i];
    }
  }
  return true;
}

/// `prefix` and `suffix`, whose argument may be {"equals-ignore-case": string}.
bool PatternReader::affix(const JsonMember& member, Glob (*make)(std::string), Glob& glob) {
  const JsonMember* argument = &member;
  if (member.value.kind == Kind::kObject) {
    if (!only_member(member.value, member.name, argument)) return false;
    if (argument->name != "equals-ignore-case") return fail(argument->offset, member.name + " knows only equals-ignore-case inside it");
  }
  std::string text;
  if (!text_of(*argument, text)) return false;
  glob = make(std::move(text));
  glob.ignore_case = argument != &member;
  return true;
}

/// Section 4: one bound, or a lower one and then an upper one above it.
bool PatternReader::numeric(const JsonValue& value, NumberRange& range) {
  if (value.kind != Kind::kArray) return fail(value, "numeric takes a list: [\">\", 0, \"<=\", 5]");
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  range = {-kInfinity, kInfinity};
  const auto& parts = value.elements;
  if (parts.size() != 2 && parts.size() != 4) return fail(value, "numeric takes an operator and a number, or a lower and then an upper bound: [\">\", 0, \"<=\", 5]");
  if (!bound(value, 0, range)) return false;
  if (parts.size() == 2) return true;
  if (range.low == -kInfinity || range.high != kInfinity) return fail(parts[2], "of two bounds the lower one comes first, with > or >=: [\">\", 0, \"<=\", 5]");
  if (!bound(value, 2, range)) return false;
  if (parts[2].text != "<" && parts[2].text != "<=") return fail(parts[2], "the second bound is the upper one: < or <=");
  if (!(range.low < range.high)) return fail(parts[3], "the upper bound has to be above the lower one; for one number use \"=\"");
  return true;
}

bool PatternReader::bound(const JsonValue& value, std::size_t at, NumberRange& range) {
  const JsonValue& how = value.elements[at];
  static constexpr auto kHow = std::to_array<std::string_view>({"=", "<", "<=", ">", ">="});
  if (how.kind != Kind::kString || !is_one_of(how.text, kHow)) return fail(how, "numeric knows =, <, <=, > and >=, in quotes");
  double number = 0;
  if (!number_of(value.elements[at + 1], "numeric", number)) return false;
  const bool closed = how.text.ends_with('=');
  if (how.text[0] != '<') {
    range.low = number;
    range.low_closed = closed;
  }
  if (how.text[0] != '>') {
    range.high = number;
    range.high_closed = closed;
  }
  return true;
}

bool PatternReader::cidr(const JsonMember& member, AddressBlock& block) {
  std::string text;
  if (!text_of(member, text)) return false;
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos || text.find('/', slash + 1) != std::string::npos)
    return fail(member.value, "a block is written ADDRESS/BITS; for one address use the plain string");
  const auto address = parse_address(std::string_view(text).substr(0, slash));
  if (!address) return fail(member.value, quoted(text.substr(0, slash)) + " is no literal IPv4 or IPv6 address");
  const auto bits = parse_decimal<int>(std::string_view(text).substr(slash + 1));
  if (!bits || *bits < 0 || *bits >= address->bits)
    return fail(member.value, std::string("the bits of an ") + (address->v6 ? "IPv6 block are 0 to 127" : "IPv4 block are 0 to 31") + "; for one address use the plain string");
  block = *address;
  block.bits = static_cast<std::uint8_t>(*bits);
  clear_host_bits(block);
  return true;
}

bool PatternReader::anything_but(const JsonValue& value, AnythingBut& but) {
  if (value.kind == Kind::kObject) {
    const JsonMember* member = nullptr;
    return only_member(value, "anything-but", member) && anything_but_nested(*member, but);
  }
  if (value.kind != Kind::kArray) return anything_but_plain(value, value.kind, but);
  if (value.elements.empty()) return fail(value, "anything-but needs at least one value");
  const Kind kind = value.elements.front().kind;
  return std::all_of(value.elements.begin(), value.elements.end(), [&](const JsonValue& element) { return anything_but_plain(element, kind, but); });
}

bool PatternReader::anything_but_plain(const JsonValue& value, Kind kind, AnythingBut& but) {
  if (value.kind != Kind::kString && value.kind != Kind::kNumber) return fail(value, "anything-but takes strings or numbers; for presence use {\"exists\": true}");
  if (value.kind != kind) return fail(value, "anything-but takes strings or numbers, not both in one list");
  if (kind == Kind::kString) {
    but.tests.push_back({exact_glob(value.text)});
    return true;
  }
  double number = 0;
  if (!number_of(value, "anything-but", number)) return false;
  but.tests.push_back({NumberRange{number, number}});
  return true;
}

bool PatternReader::anything_but_nested(const JsonMember& member, AnythingBut& but) {
  static constexpr auto kNested = std::to_array<std::string_view>({"prefix", "suffix", "equals-ignore-case", "wildcard"});
  if (!is_one_of(member.name, kNested)) return fail(member.offset, "anything-but knows prefix, suffix, equals-ignore-case and wildcard inside it, not " + quoted(member.name));
  const bool is_older = reading_ == OrReading::kFieldName;
  if (is_older && member.name == "wildcard") return fail(member.offset, "anything-but knows no wildcard where $or is the name of a field");
  if (member.value.kind != Kind::kArray) {
    Glob glob;
    if (!nested_glob(member, member.value, glob)) return false;
    but.tests.push_back({std::move(glob)});
    return true;
  }
  if (is_older && member.name != "equals-ignore-case") return fail(member.value, "anything-but takes one " + member.name + " where $or is the name of a field");
  if (member.value.elements.empty()) return fail(member.value, "anything-but " + member.name + " needs at least one string");
  for (const JsonValue& element : member.value.elements) {
    Glob glob;
    if (!nested_glob(member, element, glob)) return false;
    but.tests.push_back({std::move(glob)});
  }
  return true;
}

bool PatternReader::nested_glob(const JsonMember& member, const JsonValue& value, Glob& glob) {
  if (value.kind != Kind::kString) return fail(value, "anything-but " + member.name + " takes strings only");
  const bool is_affix = member.name == "prefix" || member.name == "suffix";
  if (is_affix && value.text.empty()) return fail(value, "an empty " + member.name + " accepts every string, so nothing would be left; remove it");
  if (member.name == "wildcard") return wildcard(value, value.text, glob);
  glob = member.name == "prefix" ? prefix_glob(value.text) : member.name == "suffix" ? suffix_glob(value.text) : exact_glob(value.text);
  glob.ignore_case = member.name == "equals-ignore-case";
  return true;
}

bool names_or(const JsonValue& value) {
  return std::any_of(value.members.begin(), value.members.end(), [](const JsonMember& m) { return m.name == kOr || names_or(m.value); });
}

}  // namespace

Result<Predicate> parse_event_pattern(std::string_view json_text, PatternOptions options) {
  const auto malformed = [json_text](const JsonFault& fault) { return malformed_at(json_text, fault); };
  if (json_text.size() > options.max_bytes) return fail(ErrorCode::kTooLarge, "1:1: the pattern has more than " + with_commas(options.max_bytes) + " bytes; split it");
  const auto pattern = parse_json(json_text);
  if (!pattern) return malformed(pattern.error());
  if (pattern->kind != Kind::kObject) return malformed({pattern->offset, "a pattern is a JSON object: {\"field\": [\"value\"]}"});
  std::vector<PatternClause> clauses;
  PatternReader reader(OrReading::kOperator);
  if (!reader.object(*pattern, nullptr, false, clauses)) {
    clauses.clear();
    if (!names_or(*pattern) || !PatternReader(OrReading::kFieldName).object(*pattern, nullptr, false, clauses)) return malformed(reader.fault);
  }
  return combine(clauses, json_text, options);
}

}  // namespace trailwarden::rules
