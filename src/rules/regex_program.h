#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "core/result.h"
#include "rules/leaf_test.h"

namespace re2 {
class RE2;
}

namespace trailwarden::rules {

/// A `Regex`, compiled. RE2: time linear in the text, memory bounded, no back references and no look-around.
/// Thread-safe. https://github.com/google/re2/wiki/Syntax
class RegexProgram {
 public:
  /// kMalformed if RE2 does not know the syntax, kTooLarge if the program or its automaton could need more than `max_memory_bytes`.
  static Result<RegexProgram> compile(const Regex& regex, std::size_t max_memory_bytes);

  ~RegexProgram();
  RegexProgram(RegexProgram&&) noexcept;
  RegexProgram& operator=(RegexProgram&&) noexcept;

  bool found_in(std::string_view text) const;
  /// At most: the automaton is built as texts come.
  std::size_t memory_bytes() const;

 private:
  explicit RegexProgram(std::unique_ptr<re2::RE2> program);

  std::unique_ptr<re2::RE2> program_;
};

}  // namespace trailwarden::rules
