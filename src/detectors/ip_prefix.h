#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trailwarden::detectors {

/// An IPv4 or IPv6 address range in CIDR notation.
struct IpPrefix {
  bool v6 = false;
  int length = 0;                           // of the prefix, in bits
  std::array<unsigned char, 16> address{};  // IPv4 in the first four bytes; zero behind the prefix

  /// `203.0.113.0/24`, `::/0`, also with bits behind the prefix as EC2 takes it (`208.236.235.254/0`); an address without a
  /// length is a range of one. nullopt for anything else.
  static std::optional<IpPrefix> parse(std::string_view text);

  bool contains(const IpPrefix& other) const;

  /// Wholly inside the ranges that are not routed in public: RFC 1918, RFC 6598, loopback and link-local; ULA and link-local
  /// for IPv6.
  bool is_private() const;
};

/// As `IpPrefix::parse` reads it.
std::string to_string(const IpPrefix& prefix);

/// The part of the internet, from 0 to 1, that the ranges cover together: the larger one of IPv4's and IPv6's. Of IPv6 all
/// addresses count or, if that is more, those of 2000::/3, outside of which nothing is routed. O(n log n).
double share_of_internet(std::vector<IpPrefix> ranges);

}  // namespace trailwarden::detectors
