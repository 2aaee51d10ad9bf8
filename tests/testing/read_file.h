#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace trailwarden::testing {

/// The bytes of a file; none if it is not there.
inline std::string read_file(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace trailwarden::testing
