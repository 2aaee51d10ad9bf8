#pragma once

#include <cstdint>
#include <cstdlib>

namespace trailwarden::testing {

/// The number in a variable of the environment, such as a seed to repeat.
inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace trailwarden::testing
