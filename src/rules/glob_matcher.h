#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/leaf_test.h"

namespace trailwarden::rules {

/// One glob, tried on a text from the left: each part between two open gaps is found as early as it can end, which never has to be taken back.
/// Cost: text times the longest part at worst, a scan of the text where parts are rare. 20 bytes a step and the text of the glob.
class GlobMatcher {
 public:
  explicit GlobMatcher(const Glob& glob);

  bool accepts(std::string_view text) const;
  std::size_t memory_bytes() const;

 private:
  /// One step inside a part.
  struct Step {
    enum class Kind : std::uint8_t {
      kBytes,   // exactly these
      kLetters, // these, whatever the case of ASCII letters; kept in lower case
      kForms,   // one of two texts
      kOne,     // any code point
    } kind;
    std::uint32_t begin, size;  // in bytes_
    std::uint32_t other_size;   // of kForms: the second text, behind the first
  };
  struct Part {
    std::uint32_t first, last;  // steps
  };
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

  void add_text(std::string_view run, bool ignore_case);
  std::string_view bytes(std::uint32_t begin, std::uint32_t size) const { return {bytes_.data() + begin, size}; }
  std::size_t earliest_end(const Part& part, std::string_view text, std::size_t from) const;
  bool ends_with(const Part& part, std::string_view text, std::size_t from) const;
  template <class Ends>
  void ends_of(std::uint32_t step, std::uint32_t last, std::string_view text, std::size_t at, Ends ends) const;

  std::string bytes_;
  std::vector<Step> steps_;
  std::vector<Part> parts_;  // between the open gaps: one more than these
};

/// The byte with an ASCII capital made small.
inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
/// Equality but for the case of ASCII letters.
inline bool equal_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}
bool is_ascii(std::string_view text);

}  // namespace trailwarden::rules
