#include "rules/sigma_aggregation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/text.h"

namespace trailwarden::rules {
namespace {

constexpr std::string_view kForm = "expected `count() by FIELD > NUMBER`, `count(FIELD) by FIELD > NUMBER` or `near SELECTION` behind the bar";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_operator(char c) { return c == '<' || c == '>' || c == '=' || c == '!'; }
bool is_mark(char c) { return c == '(' || c == ')' || c == ','; }

/// Words, operators, and single marks.
std::vector<std::string_view> tokens_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < text.size();) {
    if (is_space(text[i])) {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    const auto goes_on = [&](char c) { return is_operator(text[i]) ? is_operator(c) : !is_space(c) && !is_operator(c) && !is_mark(c); };
    if (!is_mark(text[i]))
      while (end < text.size() && goes_on(text[end])) ++end;
    out.push_back(text.substr(i, end - i));
    i = end;
  }
  return out;
}

std::optional<Threshold::Op> op_of(std::string_view text) {
  using Op = Threshold::Op;
  static constexpr std::array<std::pair<std::string_view, Op>, 7> kOps{
      {{">", Op::kMore}, {">=", Op::kAtLeast}, {"<", Op::kLess}, {"<=", Op::kAtMost}, {"=", Op::kEqual}, {"==", Op::kEqual}, {"!=", Op::kUnequal}}};
  const auto* const found = std::find_if(kOps.begin(), kOps.end(), [text](const auto& op) { return op.first == text; });
  return found == kOps.end() ? std::nullopt : std::optional(found->second);
}

std::optional<CorrelationType> type_of(std::string_view function, bool has_field) {
  if (function == "count") return has_field ? CorrelationType::kValueCount : CorrelationType::kEventCount;
  if (function == "sum" && has_field) return CorrelationType::kValueSum;
  if (function == "avg" && has_field) return CorrelationType::kValueAverage;
  return std::nullopt;
}

/// Takes tokens from the front.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : tokens_(tokens_of(text)) {}

  bool at_end() const { return next_ == tokens_.size(); }
  std::string_view take() { return at_end() ? std::string_view() : tokens_[next_++]; }
  bool take(std::string_view token) {
    if (at_end() || tokens_[next_] != token) return false;
    ++next_;
    return true;
  }
  /// A word that is no mark and no operator.
  bool take_word(std::string& word) {
    if (at_end() || is_mark(tokens_[next_][0]) || is_operator(tokens_[next_][0])) return false;
    word = take();
    return true;
  }

 private:
  std::vector<std::string_view> tokens_;
  std::size_t next_ = 0;
};

}  // namespace

Result<SigmaAggregation> parse_sigma_aggregation(std::string_view text) {
  const auto refuse = [] { return fail(ErrorCode::kMalformed, std::string(kForm)); };
  if (text.find('|') != text.npos) return fail(ErrorCode::kUnsupported, "more than one bar cannot be translated into a correlation");
  Tokens tokens(text);
  SigmaAggregation out;
  const std::string_view function = tokens.take();
  if (function == "near") {
    auto near = parse_sigma_condition(text.substr(static_cast<std::size_t>(function.data() + function.size() - text.data())));
    if (!near) return fail(ErrorCode::kMalformed, "behind `near` " + near.error().message);
    out.type = CorrelationType::kTemporal;
    out.near = std::move(*near);
    return out;
  }
  if (function == "min" || function == "max") return fail(ErrorCode::kUnsupported, fmt::format("`{}` has no correlation that it could become", function));
  if (!tokens.take("(")) return refuse();
  const bool has_field = tokens.take_word(out.field);
  const auto type = type_of(function, has_field);
  if (!type || !tokens.take(")")) return refuse();
  out.type = *type;
  if (tokens.take("by")) {
    do {
      if (std::string field; tokens.take_word(field)) out.group_by.push_back(std::move(field));
      else return refuse();
    } while (tokens.take(","));
  }
  const auto op = op_of(tokens.take());
  const std::string_view number = tokens.take();
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out.threshold.number);
  if (!op || number.empty() || error != std::errc{} || end != number.data() + number.size() || !std::isfinite(out.threshold.number) || !tokens.at_end())
    return refuse();
  out.threshold.op = *op;
  return out;
}

}  // namespace trailwarden::rules
