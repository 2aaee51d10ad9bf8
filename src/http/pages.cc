#include "http/pages.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include <arpa/inet.h>
#include <openssl/crypto.h>

#include "core/check.h"
#include "core/hash.h"
#include "core/log.h"

namespace trailwarden::http {
namespace {

/// The token of "Bearer TOKEN"; empty if it is something else. The scheme is written in any case (RFC 9110 section 11.1).
std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  const std::string_view scheme = authorization.substr(0, kScheme.size());
  if (!std::equal(scheme.begin(), scheme.end(), kScheme.begin(), kScheme.end(), [lower](char given, char known) { return lower(given) == known; })) return {};
  authorization.remove_prefix(kScheme.size());
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
  return authorization;
}

/// Whether the value of a header Host is an IP address or localhost, with a port or without. None at all (HTTP/1.0) is no browser's.
bool names_an_address(std::string_view host) {
  const bool bracketed = host.starts_with('[');
  if (bracketed && host.find(']') == std::string_view::npos) return false;
  const std::string name(bracketed ? host.substr(1, host.find(']') - 1) : host.substr(0, host.find(':')));
  std::array<unsigned char, 16> address;
  return host.empty() || name == "localhost" || ::inet_pton(bracketed ? AF_INET6 : AF_INET, name.c_str(), address.data()) == 1;
}

}  // namespace

Response answer_of(const std::string& path, const Handler& make) {
  std::string why = "unknown exception";
  try {
    return make();
  } catch (const std::exception& e) {
    why = e.what();
  } catch (...) {
  }
  log::error("http.page_failed", {{"path", path}, {"error", why}});
  return {.status = 500, .body = "this page failed; the log says why\n"};
}

Pages::Pages(std::map<std::string, Handler> pages, const Proof& proof, std::set<std::string> open)
    : pages_(std::move(pages)), certificate_(proof.certificate), without_(proof.without), open_(std::move(open)) {
  if (!proof.token.empty()) set_token(proof.token);
  for (const auto& [path, page] : pages_) TRAILWARDEN_CHECK(path.starts_with('/') && path.find('?') == std::string::npos, "a page has a path");
  for (const std::string& path : open_) TRAILWARDEN_CHECK(pages_.contains(path), "an open page is a page");
}

void Pages::set_token(std::string_view token) { token_hash_ = sha256_hex(token); }

Response Pages::answer(std::string_view target, const Reader& reader) const {
  const std::string path(target.substr(0, target.find('?')));
  if (!open_.contains(path))
    if (auto refused = refusal(reader)) return std::move(*refused);
  const auto found = pages_.find(path);
  return found == pages_.end() ? no_such_page() : answer_of(path, found->second);
}

/// Why he may not read what is not open; nothing if he may.
std::optional<Response> Pages::refusal(const Reader& reader) const {
  if (certificate_ && reader.has_certificate) return std::nullopt;
  if (!token_hash_.empty()) {
    // Of equal length whatever was given, and compared in a time that does not tell where they differ.
    const std::string given = sha256_hex(bearer_token(reader.authorization));
    if (CRYPTO_memcmp(given.data(), token_hash_.data(), token_hash_.size()) == 0) return std::nullopt;
    return Response{.status = 401, .body = std::string("this page needs the service's token: Authorization: Bearer TOKEN") + (certificate_ ? "; or a client certificate\n" : "\n")};
  }
  if (certificate_) return Response{.status = 403, .body = "this page needs a client certificate\n"};
  if (without_ == Proof::Without::kNobody) return Response{.status = 403, .body = "other machines reach this listener, and it asks nobody who he is: set http.token_file or http.tls.client_ca_file to read this page\n"};
  if (without_ == Proof::Without::kByAddress && !names_an_address(reader.host)) return Response{.status = 403, .body = "without a token this page is shown only by address: http://127.0.0.1:PORT or http://localhost:PORT\n"};
  return std::nullopt;
}

Response Pages::no_such_page() const {
  std::string text = "no such page; there are:\n";
  for (const auto& [path, page] : pages_) text.append(path).append("\n");
  return {.status = 404, .body = std::move(text)};
}

}  // namespace trailwarden::http
