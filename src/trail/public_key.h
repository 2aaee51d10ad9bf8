#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/time.h"

namespace trailwarden::trail {

/// The half of a digest key that is published: what `ListPublicKeys` gives.
struct PublicKey {
  std::string der;          // PKCS#1 `RSAPublicKey`: SEQUENCE{modulus, exponent}
  std::string fingerprint;  // by which digests name it: lower-case hexadecimal MD5 of `der`
  Timestamp valid_from{};
  Timestamp valid_until{};  // exclusive
  bool operator==(const PublicKey&) const = default;
};

/// Lower-case hexadecimal MD5. kUnsupported where OpenSSL has none (FIPS).
Result<std::string> fingerprint_of(std::string_view der);

/// Where a validator finds the public keys whose validity overlaps [from, until].
class PublicKeySource {
 public:
  virtual ~PublicKeySource() = default;
  virtual Result<std::vector<PublicKey>> keys(Timestamp from, Timestamp until) = 0;
};

/// Keys that are at hand.
class KnownKeys : public PublicKeySource {
 public:
  explicit KnownKeys(std::vector<PublicKey> all) : all_(std::move(all)) {}
  Result<std::vector<PublicKey>> keys(Timestamp from, Timestamp until) override;

 private:
  std::vector<PublicKey> all_;
};

enum class Signature : std::uint8_t { kRight, kWrong, kKeyUnusable };

/// Whether `hex` is the signature (RSASSA-PKCS1-v1_5 with SHA-256, RFC 8017) of `text` by `key`. About 30 us.
Signature verify(const PublicKey& key, std::string_view text, std::string_view hex);

/// The answer of `ListPublicKeys`: as it comes on the wire, as the AWS CLI prints it (times as numbers or ISO 8601), or as the documentation shows it.
/// Fingerprints and keys are taken as they are. kMalformed with what is wrong.
Result<std::vector<PublicKey>> parse_public_keys(std::string_view json);

/// The answer of `ListPublicKeys` on the wire.
std::string public_keys_json(std::span<const PublicKey> keys);

}  // namespace trailwarden::trail
