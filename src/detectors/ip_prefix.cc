#include "detectors/ip_prefix.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "core/text.h"

namespace trailwarden::detectors {
namespace {

void clear_behind(std::array<unsigned char, 16>& address, int bits) {
  for (int byte = 0; byte < 16; ++byte) {
    const int kept = std::clamp(bits - 8 * byte, 0, 8);
    address[static_cast<std::size_t>(byte)] &= static_cast<unsigned char>(0xFF00 >> kept);
  }
}

bool starts_alike(const unsigned char* a, const unsigned char* b, int bits) {
  const int bytes = bits / 8, rest = bits % 8;
  if (!std::equal(a, a + bytes, b)) return false;
  return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

/// The part of `whole` that the ranges, sorted, cover together.
double share_of(const IpPrefix& whole, const std::vector<IpPrefix>& ranges) {
  double covered = 0;
  const IpPrefix* last = nullptr;  // the last one counted: ranges are nested or apart, so whatever overlaps it lies inside
  for (const IpPrefix& range : ranges) {
    if (range.contains(whole)) return 1;
    if (!whole.contains(range) || (last != nullptr && last->contains(range))) continue;
    covered += std::ldexp(1.0, whole.length - range.length);
    last = &range;
  }
  return covered;
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
  const auto length = parse_decimal<int>(text.substr(slash + 1));
  if (!length || *length < 0 || *length > bits) return std::nullopt;
  prefix.length = *length;
  clear_behind(prefix.address, prefix.length);
  return prefix;
}

bool IpPrefix::contains(const IpPrefix& other) const {
  return v6 == other.v6 && length <= other.length && starts_alike(address.data(), other.address.data(), length);
}

bool IpPrefix::is_private() const {
  static const std::array kPrivate{*parse("10.0.0.0/8"),     *parse("172.16.0.0/12"), *parse("192.168.0.0/16"),
                                   *parse("100.64.0.0/10"),  *parse("169.254.0.0/16"), *parse("127.0.0.0/8"),
                                   *parse("fc00::/7"),       *parse("fe80::/10"),      *parse("::1/128")};
  return std::any_of(kPrivate.begin(), kPrivate.end(), [this](const IpPrefix& range) { return range.contains(*this); });
}

std::string to_string(const IpPrefix& prefix) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(prefix.v6 ? AF_INET6 : AF_INET, prefix.address.data(), text.data(), text.size());
  return std::string(text.data()) + "/" + std::to_string(prefix.length);
}

double share_of_internet(std::vector<IpPrefix> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const IpPrefix& a, const IpPrefix& b) { return std::tie(a.v6, a.address, a.length) < std::tie(b.v6, b.address, b.length); });
  static const std::array kWholes{*IpPrefix::parse("0.0.0.0/0"), *IpPrefix::parse("::/0"), *IpPrefix::parse("2000::/3")};
  double share = 0;
  for (const IpPrefix& whole : kWholes) share = std::max(share, share_of(whole, ranges));
  return share;
}

}  // namespace trailwarden::detectors
