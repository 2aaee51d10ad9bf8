#include "rules/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace trailwarden::rules {
namespace {

/// Four decimal parts. Zeros in front are read as decimal, as Java does; inet_pton refuses them.
std::optional<AddressBlock> parse_v4(std::string_view text) {
  AddressBlock block{.bits = 32};
  for (std::size_t part = 0; part < 4; ++part) {
    std::size_t digits = 0;
    unsigned value = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9' && value <= 255) value = value * 10 + static_cast<unsigned>(text[digits++] - '0');
    const bool ends_well = part == 3 ? digits == text.size() : digits < text.size() && text[digits] == '.';
    if (digits == 0 || value > 255 || !ends_well) return std::nullopt;
    block.address[part] = static_cast<std::uint8_t>(value);
    text.remove_prefix(std::min(digits + 1, text.size()));
  }
  return block;
}

std::optional<AddressBlock> parse_v6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.size() >= copy.size() || text.find_first_not_of("0123456789abcdefABCDEF:") != std::string_view::npos) return std::nullopt;
  std::memcpy(copy.data(), text.data(), text.size());
  AddressBlock block{.bits = 128, .v6 = true};
  if (inet_pton(AF_INET6, copy.data(), block.address.data()) != 1) return std::nullopt;
  static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!std::equal(kMapped.begin(), kMapped.end(), block.address.begin())) return block;
  AddressBlock v4{.bits = 32};
  std::copy(block.address.begin() + 12, block.address.end(), v4.address.begin());
  return v4;
}

}  // namespace

std::optional<AddressBlock> parse_address(std::string_view text) {
  return text.find(':') == std::string_view::npos ? parse_v4(text) : parse_v6(text);
}

void clear_host_bits(AddressBlock& block) {
  for (int byte = 0; byte < 16; ++byte) {
    const int kept = std::clamp(block.bits - 8 * byte, 0, 8);
    block.address[static_cast<std::size_t>(byte)] &= static_cast<std::uint8_t>(0xff00 >> kept);
  }
}

bool contains(const AddressBlock& block, const AddressBlock& address) {
  if (block.v6 != address.v6) return false;
  AddressBlock cut = address;
  cut.bits = block.bits;
  clear_host_bits(cut);
  return cut.address == block.address;
}

}  // namespace trailwarden::rules
