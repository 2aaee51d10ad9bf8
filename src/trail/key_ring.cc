#include "trail/key_ring.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <tuple>

#include "core/check.h"

namespace trailwarden::trail {
namespace fs = std::filesystem;
namespace {

bool before(const DigestKey& a, const DigestKey& b) {
  const PublicKey &left = a.public_key(), &right = b.public_key();
  return std::tie(left.valid_from, left.fingerprint) < std::tie(right.valid_from, right.fingerprint);
}

/// `digest-20260301T000000Z-8eba5db5.pem`
std::string file_name(const PublicKey& key) {
  std::string time = format_time(key.valid_from);
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  return "digest-" + time + "-" + key.fingerprint.substr(0, 8) + ".pem";
}

}  // namespace

Result<KeyRing> KeyRing::open(const std::string& folder, std::string passphrase, Options options) {
  TRAILWARDEN_CHECK(options.lifetime > options.overlap && options.overlap >= std::chrono::seconds{0}, "a key lives longer than it overlaps");
  std::error_code error;
  const bool made = fs::create_directories(folder, error);
  if (made) fs::permissions(folder, fs::perms::owner_all, error);
  if (error) return fail(io_error("create", folder, error.value()));
  KeyRing ring(folder, std::move(passphrase), options);
  for (fs::directory_iterator file(folder, error); !error && file != fs::directory_iterator(); file.increment(error)) {
    if (file->path().extension() != ".pem") continue;
    auto key = DigestKey::load(file->path().string(), ring.passphrase_);
    if (!key) return fail(std::move(key.error()).during("digest keys"));
    ring.insert(std::move(*key));
  }
  if (error) return fail(io_error("read", folder, error.value()));
  return ring;
}

Result<const DigestKey*> KeyRing::key_for(Timestamp end) {
  const DigestKey* const now = signing(end);
  const bool ends_soon = now != nullptr && end >= now->public_key().valid_until - options_.overlap && !has_successor(*now);
  if (now != nullptr && !ends_soon) return now;
  // From this very time, so that the choice for every earlier digest stays what it was.
  if (auto made = make(end); !made) return fail(std::move(made.error()).during("make a digest key"));
  return signing(end);
}

std::vector<PublicKey> KeyRing::public_keys() const {
  std::vector<PublicKey> keys;
  for (const DigestKey& key : keys_) keys.push_back(key.public_key());
  return keys;
}

/// The youngest key that is valid at `end`; nullptr if there is none.
const DigestKey* KeyRing::signing(Timestamp end) const {
  const auto valid = [end](const DigestKey& key) { return key.public_key().valid_from <= end && end < key.public_key().valid_until; };
  const auto found = std::find_if(keys_.rbegin(), keys_.rend(), valid);
  return found == keys_.rend() ? nullptr : &*found;
}

bool KeyRing::has_successor(const DigestKey& key) const {
  const auto follows = [&](const DigestKey& other) {
    return before(key, other) && other.public_key().valid_from <= key.public_key().valid_until && other.public_key().valid_until > key.public_key().valid_until;
  };
  return std::any_of(keys_.begin(), keys_.end(), follows);
}

Result<void> KeyRing::make(Timestamp from) {
  auto key = DigestKey::generate(from, from + options_.lifetime);
  if (!key) return fail(std::move(key.error()));
  if (auto saved = key->save((fs::path(folder_) / file_name(key->public_key())).string(), passphrase_); !saved) return saved;
  insert(std::move(*key));
  return {};
}

void KeyRing::insert(DigestKey key) { keys_.insert(std::upper_bound(keys_.begin(), keys_.end(), key, before), std::move(key)); }

}  // namespace trailwarden::trail
