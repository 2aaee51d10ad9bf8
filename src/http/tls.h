#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/result.h"
#include "core/time.h"

namespace boost::asio::ssl {
class context;
}

namespace trailwarden::http {

/// Files in PEM. They are read anew while a server runs.
struct TlsFiles {
  std::string certificate;  // the server's, and behind it those between it and the one that clients trust
  std::string key;          // its private key, without a passphrase
  std::string client_ca;    // by which certificates of clients are known; empty: they are not asked for one
};

/// What stands in `TlsFiles`.
struct TlsBytes {
  std::string certificate, key, client_ca;
  bool operator==(const TlsBytes&) const = default;
};

/// kIo or kNotFound with the file's name.
Result<TlsBytes> read(const TlsFiles& files);

/// What connections are encrypted with: TLS 1.2 with forward secrecy and authenticated encryption, or 1.3; no renegotiation, no compression, no resumption, so that a certificate that
/// is not trusted any more opens nothing. Immutable.
struct Tls {
  std::shared_ptr<boost::asio::ssl::context> context;
  Timestamp expires{};                      // the server's certificate, or one of those behind it
  std::optional<Timestamp> client_expires;  // the first of those by which clients are known
};

/// kMalformed or kInvalidArgument with the name of the file that is wrong: it is not PEM, encrypted, or key and certificate are no pair. `files` for their names.
Result<Tls> make_tls(const TlsBytes& bytes, const TlsFiles& files);

}  // namespace trailwarden::http
