#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "trail/public_key.h"

struct evp_pkey_st;

namespace trailwarden::trail {

/// The pair of RSA keys (2048 bits) that signs digests, and the time it does so.
///
/// As a file: lines that say its validity, then PKCS#8 in PEM (RFC 7468), which OpenSSL's tools read as it is:
///   valid-from: 2026-03-01T00:00:00Z
///   valid-until: 2026-03-31T00:00:00Z
///   -----BEGIN PRIVATE KEY-----
/// Encrypted by AES-256 under a key from the passphrase if there is one. `sign` and `public_key` may be called by several threads.
class DigestKey {
 public:
  /// A new pair. About 0.1 s.
  static Result<DigestKey> generate(Timestamp valid_from, Timestamp valid_until);

  /// Reads a file. kInvalidArgument if anyone but its owner may read it, or the passphrase is missing or wrong; kMalformed if it is no such file.
  static Result<DigestKey> load(const std::string& path, std::string_view passphrase);

  /// Writes a file that only its owner may read (mode 0600), whole or not at all. kIo, also if there is one.
  Result<void> save(const std::string& path, std::string_view passphrase) const;

  /// RSASSA-PKCS1-v1_5 with SHA-256, in lower-case hexadecimal: 512 characters. The same text gives the same signature. About 1 ms.
  std::string sign(std::string_view text) const;

  const PublicKey& public_key() const { return public_; }

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  using Pair = std::unique_ptr<evp_pkey_st, Free>;
  static Result<DigestKey> of(Pair pair, Timestamp valid_from, Timestamp valid_until);
  static Result<DigestKey> parse(std::string_view file, std::string_view passphrase);
  DigestKey(Pair pair, PublicKey published) : pair_(std::move(pair)), public_(std::move(published)) {}

  Pair pair_;
  PublicKey public_;
};

}  // namespace trailwarden::trail
