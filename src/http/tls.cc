#include "http/tls.h"

#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/read_file.h"
#include "http/certificate.h"

namespace trailwarden::http {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

constexpr std::size_t kLongestFile = 1 << 20;
/// Of TLS 1.2; those of 1.3 are all good.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK";

Result<void> read_into(std::string& out, const std::string& path) {
  if (path.empty()) return {};
  auto bytes = read_file(path, kLongestFile);
  if (!bytes) return fail(std::move(bytes).error());
  if (bytes->size() > kLongestFile) return fail(ErrorCode::kTooLarge, path + ": over 1 MiB, so no certificate or key");
  out = std::move(*bytes);
  return {};
}

/// Nobody is asked for a passphrase.
std::string no_passphrase(std::size_t, ssl::context::password_purpose) { return {}; }

void set_rules(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, kCiphers);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
}

Result<void> take_key(ssl::context& context, const TlsBytes& bytes, const TlsFiles& files) {
  error_code error;
  context.use_certificate_chain(boost::asio::buffer(bytes.certificate), error);
  if (error) return fail(ErrorCode::kMalformed, files.certificate + ": OpenSSL does not take this certificate: " + error.message());
  context.use_private_key(boost::asio::buffer(bytes.key), ssl::context::pem, error);
  const bool is_pair = !error && SSL_CTX_check_private_key(context.native_handle()) == 1;
  ERR_clear_error();
  if (error && error.message().find("mismatch") == std::string::npos)
    return fail(ErrorCode::kMalformed, files.key + ": no private key (PEM) without a passphrase stands in it");
  if (!is_pair) return fail(ErrorCode::kInvalidArgument, files.key + ": is not the key of " + files.certificate);
  return {};
}

/// Whoever shows a certificate must show a good one; whoever shows none may still read what is open.
Result<void> know_clients(ssl::context& context, const TlsBytes& bytes, const TlsFiles& files) {
  error_code error;
  context.add_certificate_authority(boost::asio::buffer(bytes.client_ca), error);
  if (!error) context.set_verify_mode(ssl::verify_peer, error);
  if (error) return fail(ErrorCode::kMalformed, files.client_ca + ": OpenSSL does not take these certificates: " + error.message());
  return {};
}

}  // namespace

Result<TlsBytes> read(const TlsFiles& files) {
  TlsBytes bytes;
  for (const auto& [path, out] : {std::pair(&files.certificate, &bytes.certificate), {&files.key, &bytes.key}, {&files.client_ca, &bytes.client_ca}})
    if (auto done = read_into(*out, *path); !done) return fail(std::move(done).error());
  return bytes;
}

Result<Tls> make_tls(const TlsBytes& bytes, const TlsFiles& files) {
  Tls tls{.context = std::make_shared<ssl::context>(ssl::context::tls_server)};
  set_rules(tls.context->native_handle());
  tls.context->set_password_callback(no_passphrase);
  const auto expires = first_to_expire(bytes.certificate);
  if (!expires) return fail(Error(expires.error()).during(files.certificate));
  tls.expires = *expires;
  if (auto done = take_key(*tls.context, bytes, files); !done) return fail(std::move(done).error());
  if (files.client_ca.empty()) return tls;
  const auto client_expires = first_to_expire(bytes.client_ca);
  if (!client_expires) return fail(Error(client_expires.error()).during(files.client_ca));
  tls.client_expires = *client_expires;
  if (auto done = know_clients(*tls.context, bytes, files); !done) return fail(std::move(done).error());
  return tls;
}

}  // namespace trailwarden::http
