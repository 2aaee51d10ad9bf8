#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "trail/key_ring.h"
#include "trail/public_key.h"
#include "trail/trail_config.h"

namespace trailwarden::trail {

/// The keys that sign a trail's digests, as its `digest:` says. The errors of `KeyRing::open`, and of a passphrase that cannot be read.
Result<KeyRing> open_keys(const DigestConfig& digest);

/// Where a key folder has its public half: `public-keys.json`, the answer of `ListPublicKeys` for all time, which `trailwarden validate --keys` reads.
std::string published_keys_file(const std::string& key_directory);

/// Replaces it, whole or not at all. kIo, kNotFound.
Result<void> publish_keys(const std::string& key_directory, std::span<const PublicKey> keys);

/// What was published: no private key is touched, nor passphrase asked for. Empty if nothing was signed yet. For whoever answers `ListPublicKeys`.
Result<std::vector<PublicKey>> published_keys(const std::string& key_directory);

}  // namespace trailwarden::trail
