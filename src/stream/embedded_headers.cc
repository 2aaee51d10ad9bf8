#include "stream/embedded_headers.h"

#include <cstdint>
#include <optional>

#include "core/bytes.h"

namespace trailwarden::stream {
namespace {

/// Cuts a text with its size in front off `rest`.
std::optional<std::string_view> take_text(std::string_view& rest) {
  ByteReader reader(rest);
  const auto size = reader.number<std::uint32_t>();
  if (!reader.ok() || rest.size() - sizeof(size) < size) return std::nullopt;
  const std::string_view text = rest.substr(sizeof(size), size);
  rest.remove_prefix(sizeof(size) + size);
  return text;
}

}  // namespace

std::string encode_headers(const std::vector<std::pair<std::string, std::string>>& headers) {
  ByteWriter out;
  for (const auto& [name, value] : headers) {
    out.text(name);
    out.text(value);
  }
  return std::move(out).bytes();
}

std::vector<std::pair<std::string_view, std::string_view>> decode_headers(std::string_view bytes) {
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  while (true) {
    const auto name = take_text(bytes);
    const auto value = name ? take_text(bytes) : std::nullopt;
    if (!value) return headers;
    headers.emplace_back(*name, *value);
  }
}

}  // namespace trailwarden::stream
