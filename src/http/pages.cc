#include "http/pages.h"

#include <algorithm>
#include <exception>
#include <utility>

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

Pages::Pages(std::map<std::string, Handler> pages, std::string_view token, std::set<std::string> open)
    : pages_(std::move(pages)), token_hash_(token.empty() ? "" : sha256_hex(token)), open_(std::move(open)) {
  for (const auto& [path, page] : pages_) TRAILWARDEN_CHECK(path.starts_with('/') && path.find('?') == std::string::npos, "a page has a path");
  for (const std::string& path : open_) TRAILWARDEN_CHECK(pages_.contains(path), "an open page is a page");
}

Response Pages::answer(std::string_view target, std::string_view authorization) const {
  const std::string path(target.substr(0, target.find('?')));
  if (!may_read(path, authorization)) return {.status = 401, .body = "this page needs the service's token: Authorization: Bearer TOKEN\n"};
  const auto found = pages_.find(path);
  return found == pages_.end() ? no_such_page() : answer_of(path, found->second);
}

bool Pages::may_read(const std::string& path, std::string_view authorization) const {
  if (token_hash_.empty() || open_.contains(path)) return true;
  // Of equal length whatever was given, and compared in a time that does not tell where they differ.
  const std::string given = sha256_hex(bearer_token(authorization));
  return CRYPTO_memcmp(given.data(), token_hash_.data(), token_hash_.size()) == 0;
}

Response Pages::no_such_page() const {
  std::string text = "no such page; there are:\n";
  for (const auto& [path, page] : pages_) text.append(path).append("\n");
  return {.status = 404, .body = std::move(text)};
}

}  // namespace trailwarden::http
