#include "aws/signature.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "aws/percent.h"
#include "core/check.h"
#include "core/hash.h"

namespace trailwarden::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";
constexpr std::chrono::minutes kSkew{15};

std::string hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  const bool done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, text.size(), out.data(), &size) != nullptr;
  TRAILWARDEN_CHECK(done, "HMAC-SHA-256 is always available");
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// Without space at the ends, and one space for any run of it, line ends included.
std::string one_spaced(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool is_space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!is_space) out.push_back(c);
    else if (!out.empty() && out.back() != ' ') out.push_back(' ');
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

/// RFC 3986 section 5.2.4, and one slash for any number of them.
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const std::string_view part : split(path, '/')) {
    if (part == ".." && !kept.empty()) kept.pop_back();
    if (!part.empty() && part != "." && part != "..") kept.push_back(part);
  }
  std::string out;
  for (const std::string_view part : kept) out.append("/").append(part);
  const bool is_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  return out.empty() || is_folder ? out + "/" : out;
}

/// S3 signs a path as it is sent, since its keys may have any form; all others encode once more what is sent.
std::string canonical_path(std::string_view path, std::string_view service) {
  return service == "s3" ? std::string(path) : percent_encoded_path(without_dots(path));
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const std::string_view part : split(query, '&')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    parameters.emplace_back(percent_encoded(percent_decoded(part.substr(0, equals))), percent_encoded(percent_decoded(value)));
  }
  std::ranges::sort(parameters);
  std::string out;
  for (const auto& [name, value] : parameters) out.append(out.empty() ? "" : "&").append(name).append("=").append(value);
  return out;
}

/// All values of a header with commas between, in the order they came.
std::string header_value(const Headers& headers, std::string_view name) {
  std::string out;
  bool first = true;
  for (const auto& [other, value] : headers) {
    if (lower_case(other) != name) continue;
    out.append(first ? "" : ",").append(one_spaced(value));
    first = false;
  }
  return out;
}

std::vector<std::string> names_of(const Headers& headers) {
  std::vector<std::string> names;
  for (const auto& [name, value] : headers) names.push_back(lower_case(name));
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  return names;
}

std::string scope_of(std::string_view time, const Target& target) {
  return fmt::format("{}/{}/{}/{}", time.substr(0, 8), target.region, target.service, kTerminator);
}

/// Whether nobody between could have added or changed what has a meaning to us.
bool signs_enough(const SignableRequest& request, const std::vector<std::string>& signed_headers) {
  const auto is_signed = [&](const std::string& name) { return std::ranges::find(signed_headers, name) != signed_headers.end(); };
  return is_signed("host") && std::ranges::all_of(names_of(request.headers), [&](const std::string& name) { return !name.starts_with("x-amz-") || is_signed(name); });
}

}  // namespace

std::string canonical_request(const SignableRequest& request, const std::vector<std::string>& signed_headers, std::string_view service) {
  std::string headers;
  for (const std::string& name : signed_headers) headers.append(name).append(":").append(header_value(request.headers, name)).append("\n");
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, canonical_path(request.path, service), canonical_query(request.query), headers,
                     fmt::join(signed_headers, ";"), request.payload_hash);
}

std::string string_to_sign(std::string_view time, const Target& target, std::string_view canonical) {
  return fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope_of(time, target), sha256_hex(canonical));
}

std::string signature(std::string_view secret, std::string_view time, const Target& target, std::string_view to_sign) {
  std::string key = "AWS4" + std::string(secret);
  for (const std::string_view part : {time.substr(0, 8), std::string_view(target.region), std::string_view(target.service), kTerminator}) key = hmac(key, part);
  return to_hex(hmac(key, to_sign));
}

void sign(SignableRequest& request, const Target& target, const Credentials& credentials, Timestamp now) {
  const std::string time = basic_time(now);
  request.headers.emplace_back("X-Amz-Date", time);
  if (!credentials.session_token.empty()) request.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);
  const std::vector<std::string> names = names_of(request.headers);
  const std::string to_sign = string_to_sign(time, target, canonical_request(request, names, target.service));
  request.headers.emplace_back("Authorization", fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm, credentials.access_key_id, scope_of(time, target),
                                                            fmt::join(names, ";"), signature(credentials.secret_access_key, time, target, to_sign)));
}

Result<Authorization> parse_authorization(std::string_view header) {
  const auto malformed = [](std::string_view what) { return fail(ErrorCode::kMalformed, fmt::format("the Authorization header {}", what)); };
  if (!header.starts_with(kAlgorithm) || header.substr(kAlgorithm.size(), 1) != " ") return malformed("does not begin with AWS4-HMAC-SHA256");
  std::map<std::string, std::string, std::less<>> parts;
  for (const std::string_view part : split(header.substr(kAlgorithm.size()), ',')) {
    const std::string text = one_spaced(part);
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || !parts.emplace(text.substr(0, equals), text.substr(equals + 1)).second)
      return malformed("is not Credential=..., SignedHeaders=..., Signature=...");
  }
  if (parts.size() != 3 || !parts.contains("Credential") || !parts.contains("SignedHeaders") || !parts.contains("Signature"))
    return malformed("needs Credential, SignedHeaders and Signature, and nothing else");
  const auto scope = split(parts["Credential"], '/');
  if (scope.size() != 5 || scope[0].empty() || scope[1].size() != 8 || scope[4] != kTerminator) return malformed("has a Credential that is not KEY/DAY/REGION/SERVICE/aws4_request");
  Authorization out{std::string(scope[0]), std::string(scope[1]), {std::string(scope[2]), std::string(scope[3])}, {}, parts["Signature"]};
  for (const std::string_view name : split(parts["SignedHeaders"], ';')) out.signed_headers.emplace_back(name);
  if (!std::ranges::is_sorted(out.signed_headers) || out.signed_headers.front().empty()) return malformed("has SignedHeaders that are not in order");
  if (out.signature.size() != 64) return malformed("has a Signature that is not 64 hexadecimal digits");
  return out;
}

Verdict verify(const SignableRequest& request, const Authorization& authorization, std::string_view secret, Timestamp now) {
  const std::string time = header_value(request.headers, "x-amz-date");
  const auto signed_at = parse_basic_time(time);
  if (!signed_at || !time.starts_with(authorization.day) || !signs_enough(request, authorization.signed_headers)) return Verdict::kIncomplete;
  const std::string canonical = canonical_request(request, authorization.signed_headers, authorization.target.service);
  const std::string expected = signature(secret, time, authorization.target, string_to_sign(time, authorization.target, canonical));
  const bool same = expected.size() == authorization.signature.size() && CRYPTO_memcmp(expected.data(), authorization.signature.data(), expected.size()) == 0;
  // Only who has the secret learns what time it is here.
  if (!same) return Verdict::kMismatch;
  return std::chrono::abs(now - *signed_at) > kSkew ? Verdict::kSkewed : Verdict::kValid;
}

std::string presign(const PresignedRequest& request, const Credentials& credentials, Timestamp now) {
  const std::string time = basic_time(now);
  std::map<std::string, std::string> query = request.query;
  query["X-Amz-Algorithm"] = kAlgorithm;
  query["X-Amz-Credential"] = credentials.access_key_id + "/" + scope_of(time, request.target);
  query["X-Amz-Date"] = time;
  query["X-Amz-Expires"] = std::to_string(request.expires.count());
  query["X-Amz-SignedHeaders"] = "host";
  if (!credentials.session_token.empty()) query["X-Amz-Security-Token"] = credentials.session_token;
  std::string encoded;
  for (const auto& [name, value] : query) encoded.append(encoded.empty() ? "" : "&").append(percent_encoded(name)).append("=").append(percent_encoded(value));
  const SignableRequest signable{.path = request.path, .query = encoded, .headers = {{"Host", request.host}}, .payload_hash = request.payload_hash};
  const std::string to_sign = string_to_sign(time, request.target, canonical_request(signable, {"host"}, request.target.service));
  return fmt::format("https://{}{}?{}&X-Amz-Signature={}", request.host, request.path, encoded,
                     signature(credentials.secret_access_key, time, request.target, to_sign));
}

std::string basic_time(Timestamp time) {
  std::string text = format_time(time);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

std::optional<Timestamp> parse_basic_time(std::string_view text) {
  if (text.size() != 16) return std::nullopt;
  std::string spread(text);
  for (const std::size_t at : {4, 7}) spread.insert(at, "-");
  for (const std::size_t at : {13, 16}) spread.insert(at, ":");
  return parse_event_time(spread);
}

}  // namespace trailwarden::aws
