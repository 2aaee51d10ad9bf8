#include "rules/sigma_condition.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "core/text.h"

namespace trailwarden::rules {
namespace {

using Kind = SigmaCondition::Kind;

struct Word {
  std::string_view text;
  std::size_t at;  // character, from 1
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Parentheses, and what stands between them and spaces.
std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> out;
  for (std::size_t i = 0; i < text.size();) {
    if (is_space(text[i])) {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    const auto is_parenthesis = [](char c) { return c == '(' || c == ')'; };
    if (!is_parenthesis(text[i]))
      while (end < text.size() && !is_space(text[end]) && !is_parenthesis(text[end])) ++end;
    out.push_back({text.substr(i, end - i), i + 1});
    i = end;
  }
  return out;
}

bool is_keyword(std::string_view word, std::string_view keyword) {
  return std::equal(word.begin(), word.end(), keyword.begin(), keyword.end(), [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

struct Refused {
  std::string message;
};

class ConditionParser {
 public:
  explicit ConditionParser(std::string_view text) : words_(words_of(text)) {}

  SigmaCondition parse() {
    if (words_.empty()) throw Refused{"is empty: name a selection"};
    if (words_.size() > kMaxSigmaConditionWords) throw Refused{fmt::format("has more than {} words", with_commas(kMaxSigmaConditionWords))};
    SigmaCondition condition = disjunction(0);
    if (next_ < words_.size()) refuse(fmt::format("\"{}\" is left over: is an `and` or `or` missing before it?", printable(words_[next_].text, 40)));
    return condition;
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw Refused{next_ < words_.size() ? fmt::format("{} (at character {})", what, words_[next_].at) : fmt::format("{} (at the end)", what)};
  }

  bool take(std::string_view keyword) {
    if (next_ == words_.size() || !is_keyword(words_[next_].text, keyword)) return false;
    ++next_;
    return true;
  }

  SigmaCondition joined(Kind kind, std::string_view keyword, SigmaCondition (ConditionParser::*part)(std::size_t), std::size_t depth) {
    SigmaCondition first = (this->*part)(depth);
    if (next_ == words_.size() || !is_keyword(words_[next_].text, keyword)) return first;
    SigmaCondition out{.kind = kind};
    out.parts.push_back(std::move(first));
    while (take(keyword)) out.parts.push_back((this->*part)(depth));
    return out;
  }

  SigmaCondition disjunction(std::size_t depth) { return joined(Kind::kOr, "or", &ConditionParser::conjunction, depth); }
  SigmaCondition conjunction(std::size_t depth) { return joined(Kind::kAnd, "and", &ConditionParser::negation, depth); }

  SigmaCondition negation(std::size_t depth) {
    if (depth > kMaxSigmaConditionDepth) refuse(fmt::format("nests deeper than {} levels", kMaxSigmaConditionDepth));
    if (!take("not")) return primary(depth);
    SigmaCondition out{.kind = Kind::kNot};
    out.parts.push_back(negation(depth + 1));
    return out;
  }

  SigmaCondition primary(std::size_t depth) {
    if (next_ == words_.size()) refuse("something is missing");
    if (take("(")) {
      SigmaCondition inner = disjunction(depth + 1);
      if (!take(")")) refuse("a closing parenthesis is missing");
      return inner;
    }
    if (next_ + 1 < words_.size() && is_keyword(words_[next_ + 1].text, "of")) return quantified();
    const std::string_view word = words_[next_].text;
    for (const std::string_view keyword : {")", "and", "or", "of"})
      if (is_keyword(word, keyword)) refuse(fmt::format("a selection is missing before \"{}\"", word));
    if (word.find('*') != word.npos) refuse(fmt::format("\"{0}\" has a star: write `1 of {0}` or `all of {0}`", printable(word, 40)));
    ++next_;
    return {.kind = Kind::kName, .name = std::string(word)};
  }

  /// `1 of ...`: the word behind the next one is `of`.
  SigmaCondition quantified() {
    const std::string_view quantifier = words_[next_].text;
    SigmaCondition out;
    if (quantifier == "1" || is_keyword(quantifier, "any")) out.kind = Kind::kAnyOf;
    else if (is_keyword(quantifier, "all")) out.kind = Kind::kAllOf;
    else refuse(fmt::format("\"{} of\": only 1, any and all are known", printable(quantifier, 40)));
    next_ += 2;
    if (next_ == words_.size() || words_[next_].text == "(" || words_[next_].text == ")") refuse("behind `of` comes `them`, or a name with a star");
    out.name = is_keyword(words_[next_].text, "them") ? "*" : std::string(words_[next_].text);
    ++next_;
    return out;
  }

  std::vector<Word> words_;
  std::size_t next_ = 0;
};

}  // namespace

Result<SigmaCondition> parse_sigma_condition(std::string_view text) {
  try {
    return ConditionParser(text).parse();
  } catch (Refused& refused) {
    return fail(ErrorCode::kMalformed, std::move(refused.message));
  }
}

std::vector<std::string_view> names_covered(std::string_view pattern, const std::vector<std::string_view>& names) {
  std::vector<std::string_view> out;
  for (const std::string_view name : names)
    if (name.starts_with('_') == pattern.starts_with('_') && glob_match(pattern, name)) out.push_back(name);
  return out;
}

}  // namespace trailwarden::rules
