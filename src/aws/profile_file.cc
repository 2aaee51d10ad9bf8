#include "aws/profile_file.h"

#include <algorithm>

namespace trailwarden::aws {
namespace {

constexpr std::string_view kSpace = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string_view without_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool begins = line[i] == '#' || line[i] == ';';
    if (begins && (i == 0 || kSpace.find(line[i - 1]) != std::string_view::npos)) return line.substr(0, i);
  }
  return line;
}

/// "[profile x]" and "[x]" are x; empty if it is a section of another kind.
std::string_view profile_of(std::string_view section) {
  const std::size_t end = section.find(']');
  if (end == std::string_view::npos) return {};
  const std::string_view name = trimmed(section.substr(1, end - 1));
  const std::size_t space = name.find_first_of(kSpace);
  if (space == std::string_view::npos) return name;
  return name.substr(0, space) == "profile" ? trimmed(name.substr(space)) : std::string_view();
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

}  // namespace

Profiles parse_profiles(std::string_view text) {
  Profiles profiles;
  Profile* profile = nullptr;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = without_comment(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with('[')) {
      const std::string_view name = profile_of(line);
      profile = name.empty() ? nullptr : &profiles[std::string(name)];
      continue;
    }
    const std::size_t equals = line.find('=');
    const bool is_indented = !line.empty() && kSpace.find(line.front()) != std::string_view::npos;
    if (profile == nullptr || is_indented || equals == std::string_view::npos) continue;
    (*profile)[lower_case(trimmed(line.substr(0, equals)))] = trimmed(line.substr(equals + 1));
  }
  return profiles;
}

}  // namespace trailwarden::aws
