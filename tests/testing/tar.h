#pragma once

#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace trailwarden::testing {

/// A ustar header for a member of `size` bytes.
inline std::string tar_header(std::string_view name, std::size_t size, char type = '0') {
  std::string header(512, '\0');
  header.replace(0, name.size(), name);
  std::array<char, 16> octal{};
  std::snprintf(octal.data(), octal.size(), "%011zo", size);
  header.replace(124, 11, octal.data());
  header[156] = type;
  header.replace(257, 5, "ustar");
  header.replace(263, 2, "00");
  header.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(octal.data(), octal.size(), "%06o", sum);
  header.replace(148, 7, octal.data(), 7);
  return header;
}

/// A member with its content, filled up to whole blocks.
inline std::string tar_member(std::string_view name, std::string_view content, char type = '0') {
  return tar_header(name, content.size(), type).append(content).append((512 - content.size() % 512) % 512, '\0');
}

/// The blocks that close an archive.
inline std::string tar_end() { return std::string(1024, '\0'); }

}  // namespace trailwarden::testing
