#include "rules/sentence.h"

#include <utility>

namespace trailwarden::rules {
namespace {

constexpr std::size_t kLongestValue = 200;  // bytes

/// At most so many bytes, not within a character.
std::string cut(std::string text) {
  if (text.size() <= kLongestValue) return text;
  std::size_t end = kLongestValue;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

}  // namespace

Result<Sentence> Sentence::parse(std::string_view text) {
  Sentence out;
  std::string literal;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool doubled = i + 1 < text.size() && text[i + 1] == c;
    if ((c == '{' || c == '}') && doubled) {
      literal += c;
      ++i;
    } else if (c == '}') {
      return fail(ErrorCode::kMalformed, "a `}` that closes nothing; write `}}` for the character");
    } else if (c != '{') {
      literal += c;
    } else {
      const std::size_t close = text.find('}', i);
      if (close == std::string_view::npos) return fail(ErrorCode::kMalformed, "a `{` that is not closed; write `{{` for the character");
      const std::string_view inside = text.substr(i + 1, close - i - 1);
      const std::size_t bar = inside.find('|');
      Piece field{std::string(inside.substr(0, bar)), true, std::nullopt};
      if (field.text.empty()) return fail(ErrorCode::kMalformed, "a field without a name: `{}`");
      if (bar != std::string_view::npos) field.otherwise = std::string(inside.substr(bar + 1));
      if (!literal.empty()) out.pieces_.push_back({std::exchange(literal, {}), false, std::nullopt});
      out.pieces_.push_back(std::move(field));
      i = close;
    }
  }
  if (!literal.empty()) out.pieces_.push_back({std::move(literal), false, std::nullopt});
  return out;
}

std::string Sentence::fill(const std::function<std::optional<std::string>(std::string_view field)>& value_of) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    if (!piece.is_field) {
      out += piece.text;
      continue;
    }
    std::optional<std::string> value = value_of(piece.text);
    out += value ? cut(*std::move(value)) : piece.otherwise.value_or("(no " + piece.text + ")");
  }
  return out;
}

std::vector<std::string_view> Sentence::fields() const {
  std::vector<std::string_view> out;
  for (const Piece& piece : pieces_)
    if (piece.is_field) out.push_back(piece.text);
  return out;
}

}  // namespace trailwarden::rules
