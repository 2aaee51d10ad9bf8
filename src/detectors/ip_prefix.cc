#include "detectors/ip_prefix.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace trailwarden::detectors {
namespace {

bool starts_alike(const unsigned char* a, const unsigned char* b, int bits) {
  for (int bit = 0; bit < bits; ++bit)
    if (((a[bit / 8] ^ b[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
  return true;
}

}  // namespace

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  IpPrefix prefix;
  prefix.v6 = address.find(':') != std::string::npos;
  if (inet_pton(prefix.v6 ? AF_INET6 : AF_INET, address.c_str(), prefix.address.data()) != 1) return std::nullopt;
  const int bits = prefix.v6 ? 128 : 32;
  prefix.length = bits;
  if (slash == std::string_view::npos) return prefix;
  const std::string_view length = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), prefix.length);
  if (error != std::errc{} || end != length.data() + length.size() || prefix.length < 0 || prefix.length > bits) return std::nullopt;
  return prefix;
}

bool IpPrefix::contains(const IpPrefix& other) const {
  return v6 == other.v6 && length <= other.length && starts_alike(address.data(), other.address.data(), length);
}

bool IpPrefix::is_private() const {
  static const std::array kPrivate{*parse("10.0.0.0/8"),     *parse("172.16.0.0/12"), *parse("192.168.0.0/16"), *parse("100.64.0.0/10"),
                                   *parse("169.254.0.0/16"), *parse("127.0.0.0/8"),   *parse("fc00::/7"),       *parse("fe80::/10"),
                                   *parse("::1/128")};
  return std::any_of(kPrivate.begin(), kPrivate.end(), [this](const IpPrefix& range) { return range.contains(*this); });
}

bool cover_the_world(const std::vector<IpPrefix>& ranges) {
  for (const bool v6 : {false, true}) {
    double covered = 0;  // sums of powers of two are exact
    for (const IpPrefix& range : ranges) {
      if (range.v6 != v6) continue;
      const bool inside_another = std::any_of(ranges.begin(), ranges.end(), [&range](const IpPrefix& other) {
        return &other != &range && other.contains(range) && (other.length < range.length || &other < &range);
      });
      if (!inside_another) covered += std::ldexp(1.0, -range.length);
    }
    if (covered >= 0.5) return true;
  }
  return false;
}

}  // namespace trailwarden::detectors
