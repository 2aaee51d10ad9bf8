#include "rules/sigma_item.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <variant>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "core/text.h"
#include "rules/address.h"
#include "rules/decimal.h"
#include "rules/expression.h"
#include "rules/regex_program.h"
#include "rules/rule_set.h"
#include "rules/sigma_text.h"
#include "rules/yaml_fields.h"

namespace trailwarden::rules {
namespace {

/// What is wrong with an item, on its way to the report.
struct Refused {
  YamlPlace place;
  std::string message;
};

struct Null {};
struct Number {
  double value;
  std::string text;  // as written
};
struct Written {  // a text that no modifier has touched: whether its wildcards and backslashes mean something is not known yet
  std::string text;
};
struct Exists {
  bool wanted;
};
struct FieldReference {
  std::string path;
  bool from_start = true, to_end = true;  // of this field, the other must be: the whole, or what it begins with, ends with, or contains
};

/// A value of an item on its way through the modifiers.
using Value = std::variant<Null, bool, Number, Written, Glob, LeafTest, Exists, FieldReference>;

/// One value of the rule, and what modifiers made of it: any of the variants will do.
struct Alternatives {
  YamlPlace place;
  std::vector<Value> variants;
};

/// One item while its modifiers are applied.
class Item {
 public:
  Item(std::string_view key, YamlPlace place, const RuleReading& settings, FileReport& report);

  void read(const YamlNode& value);
  void apply_modifiers();
  Expression build() const;

 private:
  struct Modifier {
    std::string_view name;
    void (Item::*apply)();
  };
  static std::span<const Modifier> modifiers();
  static void check_known(std::string_view name, YamlPlace place);

  // Modifiers, in the order of spec/sigma.md section 5.
  void contains() { open(true, true); }
  void starts_with() { open(false, true); }
  void ends_with() { open(true, false); }
  void all() { needs_all_ = true; }
  void cased();
  void neq() { is_negated_ = true; }
  void exists();
  void re();
  void ignore_case() { set_flag(&Regex::ignore_case); }
  void multi_line() { set_flag(&Regex::multi_line); }
  void dot_all() { set_flag(&Regex::dot_all); }
  void cidr();
  void lt() { compare({.high_closed = false}); }
  void lte() { compare({.high_closed = true}); }
  void gt() { compare({.low_closed = false}, true); }
  void gte() { compare({.low_closed = true}, true); }
  void field_ref();
  void expand();
  void to_base64();
  void to_base64_offsets();
  void utf16_little() { to_bytes(Utf16::kLittleEndian); }
  void utf16_big() { to_bytes(Utf16::kBigEndian); }
  void utf16_marked() { to_bytes(Utf16::kMarked); }
  void win_dash();
  void minute() { time_part(TimePart::Part::kMinute, 0, 59); }
  void hour() { time_part(TimePart::Part::kHour, 0, 23); }
  void day() { time_part(TimePart::Part::kDay, 1, 31); }
  void week() { time_part(TimePart::Part::kWeek, 1, 53); }
  void month() { time_part(TimePart::Part::kMonth, 1, 12); }
  void year() { time_part(TimePart::Part::kYear, 0, 9999); }

  /// Replaces each variant by what `change(value)` makes of it.
  template <class Change>
  void each(Change change);
  /// The same for texts: numbers and booleans by theirs; anything else is an error.
  template <class Change>
  void each_text(Change change);
  void must_be_first() const;
  void open(bool front, bool back);
  void set_flag(bool Regex::*flag);
  void compare(NumberRange range, bool is_low = false);
  void to_bytes(Utf16 form);
  void time_part(TimePart::Part part, int min, int max);
  Glob text_of(const Value& value) const;
  std::string bytes_of(const Glob& text) const;
  std::vector<Value> expanded(const Glob& text) const;
  std::vector<Value> expanded(const Regex& regex) const;
  const std::vector<std::string>& placeholder(std::string_view name) const;

  Expression expression_of(const Value& value) const;
  Expression expression_of(const Number& number) const;
  Expression test(LeafTest what) const { return field_is(path_, Reading::kTexts, std::move(what)); }
  Expression text_test(Glob glob) const;

  [[noreturn]] void refuse(std::string message) const { throw Refused{at_, fmt::format("{}: {}", applying_.empty() ? "value" : applying_, message)}; }

  std::string path_;
  std::vector<std::string> names_;  // of the modifiers
  const RuleReading& settings_;
  FileReport& report_;
  std::vector<Alternatives> values_;
  bool needs_all_ = false, is_negated_ = false, is_cased_ = false, is_anchored_ = false;
  // For messages: the modifier at work, and the value that it works on.
  std::string_view applying_;
  std::size_t applied_ = 0;
  mutable YamlPlace at_;
};

Item::Item(std::string_view key, YamlPlace place, const RuleReading& settings, FileReport& report) : settings_(settings), report_(report), at_(place) {
  std::size_t end = std::min(key.find('|'), key.size());
  path_ = key.substr(0, end);
  while (end < key.size()) {
    const std::size_t begin = end + 1;
    end = std::min(key.find('|', begin), key.size());
    check_known(key.substr(begin, end - begin), place);
    names_.emplace_back(key.substr(begin, end - begin));
  }
}

void Item::check_known(std::string_view name, YamlPlace place) {
  std::vector<std::string_view> known;
  for (const Modifier& modifier : modifiers()) known.push_back(modifier.name);
  if (std::find(known.begin(), known.end(), name) == known.end())
    throw Refused{place, fmt::format("unknown modifier \"{}\"{}", printable(name), did_you_mean(name, known))};
}

Value value_of(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull: return Null{};
    case YamlNode::Kind::kBoolean: return node.boolean;
    case YamlNode::Kind::kInteger:
    case YamlNode::Kind::kFloat: return Number{node.number, node.text};
    case YamlNode::Kind::kString: return Written{node.text};
    case YamlNode::Kind::kList: throw Refused{node.place, "a list inside a list of values: make it one list"};
    case YamlNode::Kind::kMap: throw Refused{node.place, "a map cannot be a value: name the field below with a dot, as `requestParameters.bucketName: ...`"};
  }
  return Null{};
}

void Item::read(const YamlNode& value) {
  if (value.kind != YamlNode::Kind::kList) values_.push_back({value.place, {value_of(value)}});
  for (const YamlNode& item : value.items) values_.push_back({item.place, {value_of(item)}});
  if (values_.empty()) values_.push_back({value.place, {Null{}}});  // an empty list is null
  if (values_.size() > kMaxSigmaTests) throw Refused{value.place, fmt::format("more than {} values: split the rule", with_commas(kMaxSigmaTests))};
}

void Item::apply_modifiers() {
  for (const std::string& name : names_) {
    const auto known = std::find_if(modifiers().begin(), modifiers().end(), [&name](const Modifier& modifier) { return modifier.name == name; });
    applying_ = known->name;
    (this->*known->apply)();
    ++applied_;
  }
  applying_ = {};
  if (needs_all_ && values_.size() == 1) report_.warn(values_.front().place, "all: there is only one value, so that it says nothing");
}

std::span<const Item::Modifier> Item::modifiers() {
  // clang-format off
  static constexpr auto kModifiers = std::to_array<Modifier>({
      {"contains", &Item::contains}, {"startswith", &Item::starts_with}, {"endswith", &Item::ends_with},
      {"all", &Item::all}, {"cased", &Item::cased}, {"neq", &Item::neq}, {"exists", &Item::exists},
      {"re", &Item::re}, {"i", &Item::ignore_case}, {"ignorecase", &Item::ignore_case}, {"m", &Item::multi_line},
      {"multiline", &Item::multi_line}, {"s", &Item::dot_all}, {"dotall", &Item::dot_all}, {"cidr", &Item::cidr},
      {"lt", &Item::lt}, {"lte", &Item::lte}, {"gt", &Item::gt}, {"gte", &Item::gte},
      {"fieldref", &Item::field_ref}, {"expand", &Item::expand},
      {"base64", &Item::to_base64}, {"base64offset", &Item::to_base64_offsets},
      {"wide", &Item::utf16_little}, {"utf16le", &Item::utf16_little}, {"utf16be", &Item::utf16_big},
      {"utf16", &Item::utf16_marked}, {"windash", &Item::win_dash},
      {"minute", &Item::minute}, {"hour", &Item::hour}, {"day", &Item::day}, {"week", &Item::week},
      {"month", &Item::month}, {"year", &Item::year},
  });
  // clang-format on
  return kModifiers;
}

template <class Change>
void Item::each(Change change) {
  for (Alternatives& value : values_) {
    at_ = value.place;
    std::vector<Value> changed;
    for (Value& variant : value.variants) {
      std::vector<Value> made = change(std::move(variant));
      std::move(made.begin(), made.end(), std::back_inserter(changed));
      if (changed.size() > kMaxSigmaVariants)
        refuse(fmt::format("makes more than {} variants of one value: write out those that are meant", with_commas(kMaxSigmaVariants)));
    }
    value.variants = std::move(changed);
  }
}

template <class Change>
void Item::each_text(Change change) {
  each([&](const Value& value) { return change(text_of(value)); });
}

/// The text that a modifier of texts works on.
Glob Item::text_of(const Value& value) const {
  if (const auto* glob = std::get_if<Glob>(&value)) return *glob;
  if (const auto* written = std::get_if<Written>(&value)) return parse_sigma_text(written->text);
  if (const auto* number = std::get_if<Number>(&value)) return Glob{.runs = {number->text}};
  if (const auto* boolean = std::get_if<bool>(&value)) return Glob{.runs = {*boolean ? "true" : "false"}};
  if (std::holds_alternative<Null>(value)) refuse("needs a text, not null; for absence write the field without this modifier");
  refuse("does not go with the modifier before it: it needs a text");
}

void Item::must_be_first() const {
  if (applied_ > 0)
    refuse(fmt::format("must be the first modifier, right behind the field: it reads the value as it is written, so `{}` cannot come before it",
                       names_[applied_ - 1]));
}

// Texts ------------------------------------------------------------------------------------------------------------------------------------------------------

/// Lets any text stand in front, or behind. A regular expression is found anywhere already, so that it is anchored where nothing may stand.
void Item::open(bool front, bool back) {
  is_anchored_ = true;
  each([this, front, back](Value value) -> std::vector<Value> {
    if (auto* const test = std::get_if<LeafTest>(&value); test != nullptr && std::holds_alternative<Regex>(test->what)) {
      std::string& pattern = std::get<Regex>(test->what).pattern;
      if (!front || !back) pattern = fmt::format("{}(?:{}){}", front ? "" : "\\A", pattern, back ? "" : "\\z");
      return {std::move(value)};
    }
    if (auto* const reference = std::get_if<FieldReference>(&value)) {
      if (front) reference->from_start = false;
      if (back) reference->to_end = false;
      return {std::move(value)};
    }
    Glob text = text_of(value);
    if (front) open_front(text);
    if (back) open_back(text);
    return {std::move(text)};
  });
}

void Item::cased() {
  is_cased_ = true;
  for (const Alternatives& value : values_) {
    at_ = value.place;
    for (const Value& variant : value.variants)
      if (std::holds_alternative<LeafTest>(variant)) refuse("has no meaning here: only texts have a case (a regular expression is case-sensitive already)");
  }
}

std::string Item::bytes_of(const Glob& text) const {
  if (has_wildcard(text)) refuse("a value with wildcards cannot be encoded: escape them (`\\*`), and write `contains` behind this modifier");
  return text.runs.front();
}

void Item::to_base64() {
  each_text([this](const Glob& text) -> std::vector<Value> { return {Glob{.runs = {base64(bytes_of(text))}}}; });
}

void Item::to_base64_offsets() {
  each_text([this](const Glob& text) {
    std::vector<Value> out;
    for (std::string& encoded : base64_offsets(bytes_of(text))) {
      if (encoded.empty()) refuse("the value is too short: nothing of it is certain in Base64; it needs two bytes");
      out.push_back(Glob{.runs = {std::move(encoded)}});
    }
    return out;
  });
}

void Item::to_bytes(Utf16 form) {
  each_text([this, form](const Glob& text) -> std::vector<Value> { return {Glob{.runs = {to_utf16(bytes_of(text), form)}}}; });
}

void Item::win_dash() {
  each_text([](const Glob& text) {
    std::vector<Glob> variants = dash_variants(text, kMaxSigmaVariants);
    return std::vector<Value>(std::make_move_iterator(variants.begin()), std::make_move_iterator(variants.end()));
  });
}

// Placeholders -----------------------------------------------------------------------------------------------------------------------------------------------

/// A piece of a text: plain, or the name of a placeholder.
struct Piece {
  std::string text;
  bool is_placeholder = false;
};

bool is_name_character(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// Splits a text at its `%name%`; `\%` is a plain percent sign.
std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> out{{}};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && text.substr(i + 1).starts_with('%')) {
      out.back().text += text[++i];
      continue;
    }
    std::size_t end = i + 1;
    while (text[i] == '%' && end < text.size() && is_name_character(text[end])) ++end;
    if (end > i + 1 && end < text.size() && text[end] == '%') {
      out.push_back({std::string(text.substr(i + 1, end - i - 1)), true});
      out.emplace_back();
      i = end;
    } else {
      out.back().text += text[i];
    }
  }
  return out;
}

const std::vector<std::string>& Item::placeholder(std::string_view name) const {
  const auto found = settings_.placeholders.find(name);
  if (found != settings_.placeholders.end() && !found->second.empty()) return found->second;
  std::vector<std::string_view> known;
  for (const auto& [other, values] : settings_.placeholders) known.push_back(other);
  refuse(fmt::format("there are no values for the placeholder %{}%{}: give some, or leave the rule out", name, did_you_mean(name, known)));
}

/// Every way to put values in the place of placeholders: `begin` is continued by `put(text, value)`.
template <class Text, class Put>
std::vector<Text> filled_in(std::vector<Text> texts, const std::vector<std::string>& values, Put put) {
  std::vector<Text> out;
  for (const Text& text : texts)
    for (const std::string& value : values) {
      if (out.size() > kMaxSigmaVariants) return out;
      out.push_back(put(text, value));
    }
  return out;
}

std::vector<Value> Item::expanded(const Glob& text) const {
  std::vector<Glob> out{Glob{.runs = {""}}};
  for (std::size_t r = 0; r < text.runs.size(); ++r) {
    for (const Piece& piece : pieces_of(text.runs[r])) {
      const std::vector<std::string> itself{piece.text};
      out = filled_in(std::move(out), piece.is_placeholder ? placeholder(piece.text) : itself, [&piece](const Glob& before, const std::string& value) {
        return concatenate(before, piece.is_placeholder ? parse_sigma_text(value) : Glob{.runs = {value}});
      });
    }
    if (r == text.gaps.size()) continue;
    for (Glob& before : out) before = concatenate(std::move(before), Glob{.runs = {"", ""}, .gaps = {text.gaps[r]}});
  }
  return {std::make_move_iterator(out.begin()), std::make_move_iterator(out.end())};
}

/// A regular expression that accepts `text` only.
std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!is_name_character(c) && static_cast<unsigned char>(c) < 0x80) out += '\\';
    out += c;
  }
  return out;
}

std::vector<Value> Item::expanded(const Regex& regex) const {
  std::vector<std::string> patterns{""};
  for (const Piece& piece : pieces_of(regex.pattern)) {
    const std::vector<std::string> itself{piece.text};
    patterns = filled_in(std::move(patterns), piece.is_placeholder ? placeholder(piece.text) : itself,
                         [&piece](const std::string& before, const std::string& value) { return before + (piece.is_placeholder ? quoted(value) : value); });
  }
  std::vector<Value> out;
  for (std::string& pattern : patterns) {
    Regex made = regex;
    made.pattern = std::move(pattern);
    out.push_back(LeafTest{std::move(made)});
  }
  return out;
}

void Item::expand() {
  each([this](const Value& value) {
    const auto* const test = std::get_if<LeafTest>(&value);
    if (test != nullptr && std::holds_alternative<Regex>(test->what)) return expanded(std::get<Regex>(test->what));
    return expanded(text_of(value));
  });
}

// Values that are no texts -----------------------------------------------------------------------------------------------------------------------------------

void Item::exists() {
  if (names_.size() > 1) refuse("goes with no other modifier");
  if (path_.empty()) refuse("needs a field");
  if (values_.size() > 1) refuse("takes one value, true or false");
  each([this](const Value& value) -> std::vector<Value> {
    if (!std::holds_alternative<bool>(value)) refuse("expected true or false, without quotes");
    return {Exists{std::get<bool>(value)}};
  });
}

void Item::re() {
  must_be_first();
  each([this](const Value& value) -> std::vector<Value> {
    if (const auto* written = std::get_if<Written>(&value)) return {LeafTest{Regex{.pattern = written->text}}};
    return {LeafTest{Regex{.pattern = text_of(value).runs.front()}}};
  });
}

void Item::set_flag(bool Regex::*flag) {
  each([this, flag](Value value) -> std::vector<Value> {
    auto* const test = std::get_if<LeafTest>(&value);
    if (test == nullptr || !std::holds_alternative<Regex>(test->what)) refuse("is a flag of regular expressions and has to stand behind `re`");
    std::get<Regex>(test->what).*flag = true;
    return {std::move(value)};
  });
}

/// The network that holds the address.
std::string format_block(AddressBlock block) {
  clear_host_bits(block);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(block.v6 ? AF_INET6 : AF_INET, block.address.data(), text.data(), text.size());
  return fmt::format("{}/{}", text.data(), block.bits);
}

void Item::cidr() {
  must_be_first();
  each([this](const Value& value) -> std::vector<Value> {
    const auto* const written = std::get_if<Written>(&value);
    if (written == nullptr) refuse("expected an address block, as 10.0.0.0/8");
    const std::string_view text = written->text;
    const std::size_t slash = text.find('/');
    auto block = parse_address(text.substr(0, slash));
    if (!block) refuse(fmt::format("\"{}\" is no address block, as 10.0.0.0/8 or 2001:db8::/32", printable(text)));
    if (slash != text.npos) {
      const auto bits = parse_decimal<unsigned>(text.substr(slash + 1));
      const unsigned all = block->v6 ? 128 : 32;
      if (!bits || *bits > all) refuse(fmt::format("\"{}\": the number behind the slash must be from 0 to {}", printable(text), all));
      AddressBlock network = *block;
      network.bits = static_cast<std::uint8_t>(*bits);
      clear_host_bits(network);
      if (network.address != block->address) refuse(fmt::format("\"{}\" has bits set behind the network: write {}", printable(text), format_block(network)));
      block = network;
    }
    return {LeafTest{*block}};
  });
}

/// `range` says whether the bound itself is in; the other side is open.
void Item::compare(NumberRange range, bool is_low) {
  if (path_.empty()) refuse("needs a field");
  each([this, range, is_low](const Value& value) -> std::vector<Value> {
    const auto* const number = std::get_if<Number>(&value);
    if (number == nullptr) refuse("expected a number, without quotes and before any other modifier");
    if (!std::isfinite(number->value) || (is_json_number(number->text) && !comparable_number(number->text)))
      refuse("this number has more digits than can be compared");
    NumberRange out = range;
    out.low = is_low ? number->value : -std::numeric_limits<double>::infinity();
    out.high = is_low ? std::numeric_limits<double>::infinity() : number->value;
    return {LeafTest{out}};
  });
}

void Item::time_part(TimePart::Part part, int min, int max) {
  if (path_.empty()) refuse("needs a field");
  each([this, part, min, max](const Value& value) -> std::vector<Value> {
    const auto* const number = std::get_if<Number>(&value);
    if (number == nullptr || std::floor(number->value) != number->value || number->value < min || number->value > max)
      refuse(fmt::format("expected a whole number from {} to {}, without quotes", min, max));
    return {LeafTest{TimePart{part, static_cast<std::int32_t>(number->value)}}};
  });
}

void Item::field_ref() {
  if (path_.empty()) refuse("needs a field");
  each([this](const Value& value) -> std::vector<Value> {
    const auto* const written = std::get_if<Written>(&value);
    if (written == nullptr) refuse("expected the name of a field, before any other modifier");
    Glob text = parse_sigma_text(written->text);
    if (has_wildcard(text) || text.runs.front().empty()) refuse("expected the name of one field, without wildcards");
    return {FieldReference{std::move(text.runs.front())}};
  });
}

// What comes out ---------------------------------------------------------------------------------------------------------------------------------------------

Expression Item::text_test(Glob glob) const {
  for (const std::string& run : glob.runs)
    if (!is_utf8(run)) refuse("UTF-16 that is no text by itself: put `base64` or `base64offset` behind it");
  if (path_.empty() && !is_anchored_) {  // keywords are found anywhere
    open_front(glob);
    open_back(glob);
  }
  glob.ignore_case = !is_cased_;
  return test({std::move(glob)});
}

/// A number accepts what is equal to it, and, where it is not written as JSON writes numbers (an account id without quotes: 012345678901), its spelling.
Expression Item::expression_of(const Number& number) const {
  std::vector<Expression> any;
  if (is_json_number(number.text) && !comparable_number(number.text)) any.push_back(test({NumberSpelling{number.text}}));
  else if (std::isfinite(number.value)) any.push_back(test({NumberRange{number.value, number.value}}));
  if (!is_json_number(number.text)) any.push_back(text_test(Glob{.runs = {number.text}}));
  return any_of(std::move(any));
}

Expression Item::expression_of(const Value& value) const {
  if (std::holds_alternative<Null>(value)) {
    if (path_.empty()) refuse("null is no keyword");
    return any_of({negated(test({AnyValue{}})), test({Literal::kNull})});
  }
  if (const auto* number = std::get_if<Number>(&value); number != nullptr && !path_.empty()) return expression_of(*number);
  if (const auto* exists = std::get_if<Exists>(&value)) return exists->wanted ? test({AnyValue{}}) : negated(test({AnyValue{}}));
  if (const auto* reference = std::get_if<FieldReference>(&value)) {
    using How = FieldComparison::How;
    const How how = reference->from_start ? (reference->to_end ? How::kEqual : How::kStartsWith) : (reference->to_end ? How::kEndsWith : How::kContains);
    return {.kind = Expression::Kind::kComparison, .comparison = {how, path_, reference->path, !is_cased_}};
  }
  const auto* const leaf_test = std::get_if<LeafTest>(&value);
  if (leaf_test == nullptr) return text_test(text_of(value));
  const auto* const regex = std::get_if<Regex>(&leaf_test->what);
  if (path_.empty() && regex == nullptr) refuse("a keyword list has texts and regular expressions only: name a field");
  if (regex == nullptr) return test(*leaf_test);
  if (const auto program = RegexProgram::compile(*regex, Limits{}.max_regex_bytes); !program) refuse(program.error().message);
  return test(*leaf_test);
}

Expression Item::build() const {
  std::vector<Expression> values;
  for (const Alternatives& value : values_) {
    at_ = value.place;
    std::vector<Expression> variants;
    for (const Value& variant : value.variants) variants.push_back(expression_of(variant));
    values.push_back(any_of(std::move(variants)));
  }
  Expression all = needs_all_ ? all_of(std::move(values)) : any_of(std::move(values));
  return is_negated_ ? negated(std::move(all)) : all;
}

}  // namespace

std::optional<Expression> parse_sigma_item(std::string_view key, YamlPlace place, const YamlNode& value, const RuleReading& settings, FileReport& report) {
  try {
    Item item(key, place, settings, report);
    item.read(value);
    item.apply_modifiers();
    return item.build();
  } catch (Refused& refused) {
    report.error(refused.place, std::move(refused.message));
    return std::nullopt;
  }
}

}  // namespace trailwarden::rules
