#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace trailwarden::detectors {

/// An IPv4 or IPv6 address range in CIDR notation.
struct IpPrefix {
  bool v6 = false;
  int length = 0;                          // of the prefix, in bits
  std::array<unsigned char, 16> address{};  // IPv4 in the first four bytes

  /// `203.0.113.0/24`, `::/0`; an address without a length is a range of one. nullopt for anything else.
  static std::optional<IpPrefix> parse(std::string_view text);

  /// Half of all addresses or more: /0 and /1.
  bool is_world() const { return length <= 1; }

  /// Wholly inside the ranges that are not routed in public: RFC 1918, RFC 6598, loopback and link-local; ULA and link-local for IPv6.
  bool is_private() const;

  bool contains(const IpPrefix& other) const;
};

/// Whether the ranges of one family together cover at least half of all its addresses, as 0.0.0.0/1 with 128.0.0.0/1, or many
/// smaller ones, do.
bool cover_the_world(const std::vector<IpPrefix>& ranges);

}  // namespace trailwarden::detectors
