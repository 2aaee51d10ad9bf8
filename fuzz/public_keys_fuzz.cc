// Lists of public keys over arbitrary bytes: what is taken comes back, and any key verifies or is refused.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "trail/public_key.h"

using namespace trailwarden::trail;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto keys = parse_public_keys(bytes)) {
    if (parse_public_keys(public_keys_json(*keys)).value() != *keys) std::abort();
    for (const PublicKey& key : *keys)
      if (verify(key, "text", bytes.substr(0, 512)) == Signature::kRight) std::abort();
  }
  PublicKey raw;
  raw.der = bytes;
  if (verify(raw, "text", "00") == Signature::kRight) std::abort();
  return 0;
}
