#include "trail/trail_keys.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

#include "core/read_file.h"

namespace trailwarden::trail {
namespace {

Result<void> write_and_sync(const std::string& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return fail(io_error("create", path, errno));
  int refused = 0;
  while (!text.empty() && refused == 0) {
    const ssize_t wrote = ::write(file, text.data(), text.size());
    if (wrote >= 0) text.remove_prefix(static_cast<std::size_t>(wrote));
    else if (errno != EINTR) refused = errno;
  }
  if (refused == 0 && ::fsync(file) != 0) refused = errno;
  ::close(file);
  return refused == 0 ? Result<void>{} : fail(io_error("write", path, refused));
}

}  // namespace

Result<KeyRing> open_keys(const DigestConfig& digest) {
  std::string passphrase;
  if (!digest.passphrase.empty()) {
    auto read = config::read_secret(digest.passphrase);
    if (!read) return fail(std::move(read).error().during("digest: passphrase"));
    passphrase = std::move(*read);
  }
  KeyRing::Options options{.lifetime = digest.rotate_every};
  options.overlap = std::min(options.overlap, options.lifetime / 2);
  return KeyRing::open(digest.key_directory, std::move(passphrase), options);
}

std::string published_keys_file(const std::string& key_directory) { return (std::filesystem::path(key_directory) / "public-keys.json").string(); }

Result<void> publish_keys(const std::string& key_directory, std::span<const PublicKey> keys) {
  const std::string path = published_keys_file(key_directory), part = path + ".part";
  if (auto written = write_and_sync(part, public_keys_json(keys) + "\n"); !written) return written;
  if (std::rename(part.c_str(), path.c_str()) != 0) return fail(io_error("replace", path, errno));
  return {};
}

Result<std::vector<PublicKey>> published_keys(const std::string& key_directory) {
  const auto text = read_file(published_keys_file(key_directory));
  if (!text && text.error().code == ErrorCode::kNotFound) return std::vector<PublicKey>{};
  if (!text) return fail(text.error());
  auto keys = parse_public_keys(*text);
  if (!keys) return fail(std::move(keys).error().during(published_keys_file(key_directory)));
  return keys;
}

}  // namespace trailwarden::trail
