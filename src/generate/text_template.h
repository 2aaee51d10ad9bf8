#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trailwarden::generate {

/// Text with holes: `$` and a letter. `{"bucketName":"$b"}` has the hole `b`. Cut up once, filled millions of times.
class Template {
 public:
  explicit Template(std::string_view text);

  /// Appends the text to `out`, with `fill(letter, out)` in the place of each hole.
  template <class Fill>
  void append(const Fill& fill, std::string& out) const {
    const char* from = literals_.data();
    for (const Piece& piece : pieces_) {
      out.append(from, piece.literal);
      from += piece.literal;
      if (piece.hole != '\0') fill(piece.hole, out);
    }
  }

 private:
  struct Piece {
    std::uint32_t literal;  // bytes of literals_
    char hole;              // behind them; '\0' at the end
  };
  std::string literals_;  // all of them, one behind the other
  std::vector<Piece> pieces_;
};

}  // namespace trailwarden::generate
