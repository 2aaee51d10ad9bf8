#include "event/json_scan.h"

#include "event/json_walk.h"

namespace trailwarden::event {
namespace {

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r')) ++at;
  return at;
}

/// One past the closing quote of the string that opens at `at`.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (std::size_t quote = text.find('"', at + 1); quote != std::string_view::npos; quote = text.find('"', quote + 1)) {
    std::size_t backslashes = 0;
    while (text[quote - 1 - backslashes] == '\\') ++backslashes;  // the opening quote ends them
    if (backslashes % 2 == 0) return quote + 1;
  }
  return text.size() + 1;
}

/// One past the value that begins at `at`.
std::size_t value_end(std::string_view text, std::size_t at) {
  if (text[at] == '"') return string_end(text, at);
  if (text[at] != '{' && text[at] != '[') return std::min(text.find_first_of(",}] \n\t\r", at), text.size());
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = string_end(text, at);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  return at;
}

bool key_is(std::string_view inside, std::string_view name) {
  if (inside.find('\\') == std::string_view::npos) return inside == name;
  std::string plain(inside.size(), '\0');
  plain.resize(unescape(inside, plain.data()));
  return plain == name;
}

}  // namespace

namespace {

/// The value of a member called `name`: the first one, or the last.
std::optional<std::string_view> find_member(std::string_view object, std::string_view name, bool first) {
  std::size_t at = skip_space(object, 0);
  if (at >= object.size() || object[at] != '{') return std::nullopt;
  std::optional<std::string_view> found;
  at = skip_space(object, at + 1);
  while (at < object.size() && object[at] == '"') {
    const std::size_t key_end = string_end(object, at);
    const std::string_view key = object.substr(at + 1, key_end - at - 2);
    const std::size_t value = skip_space(object, skip_space(object, key_end) + 1);  // behind the colon
    if (value >= object.size()) return std::nullopt;
    const std::size_t end = value_end(object, value);
    if (key_is(key, name)) found = object.substr(value, end - value);
    if (found && first) return found;
    at = skip_space(object, skip_space(object, end) + 1);  // behind the comma or brace
  }
  return found;
}

}  // namespace

std::optional<std::string_view> raw_member(std::string_view object, std::string_view name) { return find_member(object, name, false); }

std::optional<std::string_view> plain_member(std::string_view object, std::string_view name) {
  const auto raw = find_member(object, name, true);
  if (!raw || raw->size() < 2 || raw->front() != '"') return std::nullopt;
  return raw->substr(1, raw->size() - 2);
}

std::optional<std::string> string_member(std::string_view object, std::string_view name) {
  const auto raw = raw_member(object, name);
  if (!raw || raw->size() < 2 || raw->front() != '"') return std::nullopt;
  std::string text;
  unescape_to(*raw, text);
  return text;
}

std::optional<std::string_view> take_element(std::string_view& rest) {
  std::size_t at = skip_space(rest, 0);
  if (at >= rest.size() || (rest[at] != '[' && rest[at] != ',')) return std::nullopt;
  at = skip_space(rest, at + 1);
  if (at >= rest.size() || rest[at] == ']') return std::nullopt;
  const std::size_t end = value_end(rest, at);
  const std::string_view element = rest.substr(at, end - at);
  rest.remove_prefix(end);
  return element;
}

std::optional<RawMember> take_member(std::string_view& rest) {
  std::size_t at = skip_space(rest, 0);
  if (at >= rest.size() || (rest[at] != '{' && rest[at] != ',')) return std::nullopt;
  at = skip_space(rest, at + 1);
  if (at >= rest.size() || rest[at] != '"') return std::nullopt;
  const std::size_t name_end = string_end(rest, at), value = skip_space(rest, skip_space(rest, name_end) + 1);  // behind the colon
  if (value >= rest.size()) return std::nullopt;
  const std::size_t end = std::min(value_end(rest, value), rest.size());
  const RawMember member{rest.substr(at + 1, name_end - at - 2), rest.substr(value, end - value)};
  rest.remove_prefix(end);
  return member;
}

void unescape_to(std::string_view quoted, std::string& out) {
  const std::string_view inside = quoted.substr(1, quoted.size() - 2);
  const std::size_t before = out.size();
  out.resize(before + inside.size());
  out.resize(before + unescape(inside, out.data() + before));
}

}  // namespace trailwarden::event
