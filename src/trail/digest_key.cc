#include "trail/digest_key.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "core/check.h"
#include "trail/hex.h"

namespace trailwarden::trail {
namespace {

constexpr unsigned kBits = 2048;
constexpr std::size_t kLongestFile = 1 << 16;
constexpr std::string_view kFrom = "valid-from: ", kUntil = "valid-until: ";

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

/// Text with a private key, wiped when it is done with.
struct Secret {
  std::string text;
  Secret() = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { OPENSSL_cleanse(text.data(), text.size()); }
};

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool ok() const { return descriptor_ >= 0; }
  operator int() const { return descriptor_; }

 private:
  int descriptor_;
};

/// What OpenSSL last complained of.
std::string openssl_error() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

/// Gives OpenSSL the passphrase; without one it fails instead of asking at the terminal.
int give_passphrase(char* buffer, int size, int /*writing*/, void* passphrase) {
  const auto& text = *static_cast<const std::string_view*>(passphrase);
  if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
  text.copy(buffer, text.size());
  return static_cast<int>(text.size());
}

/// The time behind `name` at the start of a line of `file`.
std::optional<Timestamp> time_in(std::string_view file, std::string_view name) {
  const std::string_view head = file.substr(0, file.find("-----BEGIN"));
  const std::size_t at = head.find(name);
  if (at == std::string_view::npos || (at > 0 && head[at - 1] != '\n')) return std::nullopt;
  return parse_event_time(head.substr(at + name.size(), 20));
}

std::string public_der(EVP_PKEY* pair) {
  unsigned char* bytes = nullptr;
  const int size = i2d_PublicKey(pair, &bytes);
  TRAILWARDEN_CHECK(size > 0, "an RSA key has a public half");
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

Result<void> read_secret(const std::string& path, Secret& out) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return fail(io_error("open", path, errno));
  struct stat status {};
  if (::fstat(file, &status) != 0) return fail(io_error("look at", path, errno));
  if ((status.st_mode & 077U) != 0)
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: others than its owner may use this key (mode {:04o}); chmod 600 it, and if it has lain open, make a new one",
                                                         path, status.st_mode & 07777U));
  out.text.resize(kLongestFile);
  std::size_t size = 0;
  while (size < kLongestFile) {
    const ssize_t got = ::read(file, out.text.data() + size, kLongestFile - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(io_error("read", path, errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  out.text.resize(size);
  return {};
}

Result<void> write_whole(const std::string& path, std::string_view text) {
  const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.ok()) return fail(io_error("create", path, errno));
  while (!text.empty()) {
    const ssize_t wrote = ::write(file, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail(io_error("write", path, errno));
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  if (::fsync(file) != 0) return fail(io_error("sync", path, errno));
  return {};
}

Result<void> sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::absolute(path).parent_path().string();
  const File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.ok() || ::fsync(file) != 0) return fail(io_error("sync", folder, errno));
  return {};
}

}  // namespace

void DigestKey::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

Result<DigestKey> DigestKey::of(Pair pair, Timestamp valid_from, Timestamp valid_until) {
  std::string der = public_der(pair.get());
  auto fingerprint = fingerprint_of(der);
  if (!fingerprint) return fail(std::move(fingerprint.error()));
  return DigestKey(std::move(pair), {std::move(der), std::move(*fingerprint), valid_from, valid_until});
}

Result<DigestKey> DigestKey::generate(Timestamp valid_from, Timestamp valid_until) {
  Pair pair(EVP_RSA_gen(kBits));
  if (!pair) return fail(ErrorCode::kIo, "make an RSA key: " + openssl_error());
  return of(std::move(pair), valid_from, valid_until);
}

Result<DigestKey> DigestKey::parse(std::string_view file, std::string_view passphrase) {
  const auto from = time_in(file, kFrom), until = time_in(file, kUntil);
  if (!from || !until || *from >= *until)
    return fail(ErrorCode::kMalformed, "not a digest key: its first lines are `valid-from: YYYY-MM-DDTHH:MM:SSZ` and `valid-until: ...`, then a key in PEM");
  const Bio bio(BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
  TRAILWARDEN_CHECK(bio != nullptr, "memory for a buffer");
  Pair pair(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_passphrase, &passphrase));
  if (!pair && file.find("-----BEGIN ENCRYPTED PRIVATE KEY") != std::string_view::npos) {
    ERR_clear_error();
    return fail(ErrorCode::kInvalidArgument, passphrase.empty() ? "is encrypted, and no passphrase was given" : "this passphrase does not open it, or the file is damaged");
  }
  if (!pair) return fail(ErrorCode::kMalformed, "no private key can be read: " + openssl_error());
  if (EVP_PKEY_get_base_id(pair.get()) != EVP_PKEY_RSA || EVP_PKEY_get_bits(pair.get()) < static_cast<int>(kBits))
    return fail(ErrorCode::kInvalidArgument, fmt::format("digests are signed by RSA keys of {} bits or more", kBits));
  return of(std::move(pair), *from, *until);
}

Result<DigestKey> DigestKey::load(const std::string& path, std::string_view passphrase) {
  Secret file;
  if (auto read = read_secret(path, file); !read) return fail(std::move(read.error()));
  auto key = parse(file.text, passphrase);
  if (!key) return fail(std::move(key.error()).during(path));
  return key;
}

Result<void> DigestKey::save(const std::string& path, std::string_view passphrase) const {
  const Bio bio(BIO_new(BIO_s_secmem()));
  TRAILWARDEN_CHECK(bio != nullptr, "memory for a buffer");
  const std::string head = fmt::format("{}{}\n{}{}\n", kFrom, format_time(public_.valid_from), kUntil, format_time(public_.valid_until));
  const EVP_CIPHER* const cipher = passphrase.empty() ? nullptr : EVP_aes_256_cbc();
  const bool written = BIO_write(bio.get(), head.data(), static_cast<int>(head.size())) > 0 &&
                       PEM_write_bio_PKCS8PrivateKey(bio.get(), pair_.get(), cipher, nullptr, 0, give_passphrase, &passphrase) == 1;
  if (!written) return fail(ErrorCode::kIo, path + ": encode the key: " + openssl_error());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);

  // First under another name, so that there is never half a key; linked, not renamed, so that none is overwritten.
  const std::string part = path + ".part";
  ::unlink(part.c_str());
  if (auto wrote = write_whole(part, {bytes, static_cast<std::size_t>(size)}); !wrote) return wrote;
  const int refused = ::link(part.c_str(), path.c_str()) == 0 ? 0 : errno;
  ::unlink(part.c_str());
  if (refused != 0) return fail(io_error("create", path, refused));
  return sync_folder_of(path);
}

std::string DigestKey::sign(std::string_view text) const {
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(pair_.get())), '\0');
  std::size_t size = signature.size();
  const bool done = context && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, pair_.get()) == 1 &&
                    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                                   reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
  TRAILWARDEN_CHECK(done && size == signature.size(), "an RSA key signs any text");
  return to_hex(signature);
}

}  // namespace trailwarden::trail
