#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "trail/digest_key.h"

namespace trailwarden::trail {

/// The digest keys of a trail's home Region: those files of a folder that end in `.pem`.
///
/// Which key signs the digest that ends at T depends on T and the folder alone, and no key that is made later changes it for a digest that was signed: a
/// digest that is made again after a crash has the same bytes. A key follows the one before it an `overlap` before that ends; both are published then.
/// Not thread-safe; one process a folder.
class KeyRing {
 public:
  struct Options {
    std::chrono::seconds lifetime = std::chrono::days{30};  // AWS's, by the samples of its documentation
    std::chrono::seconds overlap = std::chrono::days{1};    // shorter than lifetime
  };

  /// Reads the keys of `folder`, which is made (mode 0700) if it is not there. The errors of `DigestKey::load`: one bad key file stops all, for a key that
  /// is left out would leave digests that nobody can verify.
  static Result<KeyRing> open(const std::string& folder, std::string passphrase, Options options);

  /// The key that signs the digest that ends at `end`, made and saved if there is none yet or the last one ends within the overlap. kIo. Valid until the
  /// next call.
  Result<const DigestKey*> key_for(Timestamp end);

  /// All public keys, by the time they begin.
  std::vector<PublicKey> public_keys() const;

 private:
  KeyRing(std::string folder, std::string passphrase, Options options) : folder_(std::move(folder)), passphrase_(std::move(passphrase)), options_(options) {}
  const DigestKey* signing(Timestamp end) const;
  bool has_successor(const DigestKey& key) const;
  Result<void> make(Timestamp from);
  void insert(DigestKey key);

  std::string folder_, passphrase_;
  Options options_;
  std::vector<DigestKey> keys_;  // by valid_from, then fingerprint
};

}  // namespace trailwarden::trail
