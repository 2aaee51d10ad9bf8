#pragma once

#include <string>

namespace trailwarden::rules {

/// What a code point of a pattern accepts when case is ignored: its lower and its upper case, by Unicode's full mappings without any language's own rules
/// (spec/event-patterns.md section 5). Each may be several code points (upper of U+00DF is "SS"); both are the code point itself where it has no case.
struct CaseForms {
  std::string lower, upper;  // UTF-8
};

/// Beyond the Basic Multilingual Plane both forms are the code point itself: event patterns go by UTF-16 units, and half a surrogate pair has no case.
CaseForms case_forms(char32_t code);

}  // namespace trailwarden::rules
