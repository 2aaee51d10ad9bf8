#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/leaf_test.h"

namespace trailwarden::rules {

Glob exact_glob(std::string text);
Glob prefix_glob(std::string text);
Glob suffix_glob(std::string text);
Glob contains_glob(std::string text);

/// Whether it has a gap; without one it is an exact text.
inline bool is_wild(const Glob& glob) { return !glob.gaps.empty(); }

/// One step of a glob.
struct GlobStep {
  enum class Kind : std::uint8_t { kText, kOne, kMany } kind = Kind::kText;
  /// Of kText: what may stand here, in UTF-8: one code point, or its forms in other case. Either one text or two that differ.
  std::vector<std::string> spellings;
  bool operator==(const GlobStep&) const = default;
};

/// The glob as code points (kText), gaps of exactly one (kOne) and open gaps (kMany).
std::vector<GlobStep> steps_of(const Glob& glob);

}  // namespace trailwarden::rules
