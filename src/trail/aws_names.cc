#include "trail/aws_names.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/text.h"

namespace trailwarden::trail {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alphanumeric(char c) { return is_digit(c) || is_lower(c) || is_upper(c); }

/// Calls `part` with each of the parts of `text` between `mark`s; false as soon as that is.
template <class Part>
bool all_parts(std::string_view text, char mark, Part part) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(mark, begin), text.size());
    if (!part(text.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return true;
}

bool is_ipv4(std::string_view text) {
  return std::count(text.begin(), text.end(), '.') == 3 &&
         all_parts(text, '.', [](std::string_view part) { return !part.empty() && part.size() <= 3 && std::all_of(part.begin(), part.end(), is_digit); });
}

/// What of `allowed` is wrong with the letters of `text`.
template <class Allowed>
std::string problem_with_letters(std::string_view text, Allowed allowed, std::string_view in_words) {
  const auto wrong = std::find_if_not(text.begin(), text.end(), allowed);
  return wrong == text.end() ? std::string() : fmt::format("has \"{}\" in it; there are only {}", printable(std::string_view(&*wrong, 1)), in_words);
}

}  // namespace

bool is_account_id(std::string_view text) { return text.size() == 12 && std::all_of(text.begin(), text.end(), is_digit); }

bool is_region(std::string_view text) {
  const std::size_t last = text.rfind('-');
  if (last == std::string_view::npos || text.find('-') == last) return false;
  const std::string_view number = text.substr(last + 1);
  return !number.empty() && number.size() <= 2 && std::all_of(number.begin(), number.end(), is_digit) &&
         all_parts(text.substr(0, last), '-', [](std::string_view word) { return !word.empty() && std::all_of(word.begin(), word.end(), is_lower); });
}

bool is_organization_id(std::string_view text) {
  if (!text.starts_with("o-")) return false;
  const std::string_view id = text.substr(2);
  return id.size() >= 10 && id.size() <= 32 && std::all_of(id.begin(), id.end(), [](char c) { return is_lower(c) || is_digit(c); });
}

std::string problem_with_trail_name(std::string_view name) {
  const auto is_mark = [](char c) { return c == '.' || c == '_' || c == '-'; };
  if (name.size() < 3 || name.size() > 128) return fmt::format("has {} characters; a trail's name has 3 to 128", name.size());
  if (auto problem = problem_with_letters(name, [is_mark](char c) { return is_alphanumeric(c) || is_mark(c); }, "letters, digits, '.', '_' and '-' in a trail's name"); !problem.empty())
    return problem;
  if (!is_alphanumeric(name.front()) || !is_alphanumeric(name.back())) return "does not begin and end with a letter or digit";
  if (std::adjacent_find(name.begin(), name.end(), [is_mark](char a, char b) { return is_mark(a) && is_mark(b); }) != name.end()) return "has two of '.', '_' and '-' side by side";
  return is_ipv4(name) ? "looks like an address" : "";
}

std::string problem_with_bucket_name(std::string_view name) {
  static constexpr std::array<std::string_view, 3> kBeginnings{"xn--", "sthree-", "amzn-s3-demo-"};
  static constexpr std::array<std::string_view, 5> kEnds{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"};
  if (name.size() < 3 || name.size() > 63) return fmt::format("has {} characters; a bucket's name has 3 to 63", name.size());
  if (auto problem = problem_with_letters(name, [](char c) { return is_lower(c) || is_digit(c) || c == '.' || c == '-'; }, "lower-case letters, digits, '.' and '-' in a bucket's name"); !problem.empty())
    return problem;
  const auto is_end = [](char c) { return is_lower(c) || is_digit(c); };
  if (!is_end(name.front()) || !is_end(name.back())) return "does not begin and end with a letter or digit";
  if (name.find("..") != std::string_view::npos) return "has two dots side by side";
  if (is_ipv4(name)) return "looks like an address";
  for (const std::string_view beginning : kBeginnings)
    if (name.starts_with(beginning)) return fmt::format("begins with \"{}\", which S3 keeps to itself", beginning);
  for (const std::string_view end : kEnds)
    if (name.ends_with(end)) return fmt::format("ends with \"{}\": that is not the name of a general purpose bucket", end);
  return {};
}

std::string problem_with_prefix(std::string_view prefix) {
  if (prefix.empty()) return {};
  if (prefix.size() > 200) return fmt::format("has {} characters; a prefix has at most 200", prefix.size());
  const auto is_safe = [](char c) { return is_alphanumeric(c) || std::string_view("!-_.*'()/=").find(c) != std::string_view::npos; };
  if (auto problem = problem_with_letters(prefix, is_safe, "letters, digits and !-_.*'()=/ in a prefix"); !problem.empty()) return problem;
  if (prefix.front() == '/' || prefix.back() == '/') return "begins or ends with '/', which is put behind it anyway: leave it out";
  if (!all_parts(prefix, '/', [](std::string_view part) { return !part.empty() && part != "." && part != ".."; })) return "has an empty part, \".\" or \"..\" between slashes";
  return {};
}

}  // namespace trailwarden::trail
