#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace trailwarden::rules {

/// A sentence with fields in braces: "{principal} stopped trail {requestParameters.name|without a name}.". `{{` and `}}` are braces.
class Sentence {
 public:
  /// kMalformed: a brace that is not closed, or an empty field.
  static Result<Sentence> parse(std::string_view text);

  /// `value_of(field)`: its text, or nullopt; then the words behind `|` stand there, or "(no FIELD)". Values are cut to 200 bytes, at a character.
  std::string fill(const std::function<std::optional<std::string>(std::string_view field)>& value_of) const;

  /// Fields in the order of the sentence.
  std::vector<std::string_view> fields() const;

  bool operator==(const Sentence&) const = default;

 private:
  struct Piece {
    std::string text;  // literal, or the name of a field
    bool is_field = false;
    std::optional<std::string> otherwise;
    bool operator==(const Piece&) const = default;
  };
  std::vector<Piece> pieces_;
};

}  // namespace trailwarden::rules
