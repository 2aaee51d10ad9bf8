#include "stream/aws_signature.h"

#include <array>
#include <cstdlib>
#include <fstream>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/check.h"
#include "core/hash.h"

namespace trailwarden::stream {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kUserAgent = "trailwarden";

std::string hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  const bool done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, text.size(), out.data(), &size) != nullptr;
  TRAILWARDEN_CHECK(done, "HMAC-SHA-256 is always available");
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(c));
  return out;
}

/// RFC 3986: everything but unreserved characters.
std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
    if (unreserved) out.push_back(c);
    else fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string base64url(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

/// `20130524T000000Z`
std::string basic_time(Timestamp time) {
  std::string text = format_time(time);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r"), end = text.find_last_not_of(" \t\r");
  return begin == std::string_view::npos ? std::string() : std::string(text.substr(begin, end - begin + 1));
}

AwsCredentials read_profile(std::istream& file, const std::string& profile) {
  AwsCredentials found;
  bool ours = false;
  for (std::string line; std::getline(file, line);) {
    const std::string text = trimmed(line);
    if (text.starts_with('[')) ours = text == "[" + profile + "]";
    const std::size_t equals = text.find('=');
    if (!ours || equals == std::string::npos) continue;
    const std::string name = trimmed(std::string_view(text).substr(0, equals)), value = trimmed(std::string_view(text).substr(equals + 1));
    if (name == "aws_access_key_id") found.access_key_id = value;
    if (name == "aws_secret_access_key") found.secret_access_key = value;
    if (name == "aws_session_token") found.session_token = value;
  }
  return found;
}

}  // namespace

Result<AwsCredentials> find_aws_credentials() {
  AwsCredentials found{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"), environment("AWS_SESSION_TOKEN")};
  if (!found.access_key_id.empty() && !found.secret_access_key.empty()) return found;
  std::string path = environment("AWS_SHARED_CREDENTIALS_FILE"), profile = environment("AWS_PROFILE");
  if (path.empty()) path = environment("HOME") + "/.aws/credentials";
  if (profile.empty()) profile = "default";
  std::ifstream file(path);
  found = read_profile(file, profile);
  if (!found.access_key_id.empty() && !found.secret_access_key.empty()) return found;
  return fail(ErrorCode::kNotFound, fmt::format("no AWS credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor profile {} in {}", profile, path));
}

std::string presign(const PresignedRequest& request, const AwsCredentials& credentials, Timestamp now) {
  const std::string time = basic_time(now), day = time.substr(0, 8);
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", day, request.region, request.service);
  std::map<std::string, std::string> query = request.query;
  query["X-Amz-Algorithm"] = kAlgorithm;
  query["X-Amz-Credential"] = credentials.access_key_id + "/" + scope;
  query["X-Amz-Date"] = time;
  query["X-Amz-Expires"] = std::to_string(request.expires.count());
  query["X-Amz-SignedHeaders"] = "host";
  if (!credentials.session_token.empty()) query["X-Amz-Security-Token"] = credentials.session_token;
  std::string canonical_query;
  for (const auto& [name, value] : query) {
    if (!canonical_query.empty()) canonical_query.push_back('&');
    canonical_query += percent_encoded(name) + "=" + percent_encoded(value);
  }
  const std::string canonical = fmt::format("GET\n{}\n{}\nhost:{}\n\nhost\n{}", request.path, canonical_query, request.host, request.payload_hash);
  const std::string to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope, sha256_hex(canonical));
  std::string key = "AWS4" + credentials.secret_access_key;
  for (const std::string_view part : {std::string_view(day), std::string_view(request.region), std::string_view(request.service), std::string_view("aws4_request")})
    key = hmac(key, part);
  return fmt::format("https://{}{}?{}&X-Amz-Signature={}", request.host, request.path, canonical_query, hex(hmac(key, to_sign)));
}

MskToken msk_token(std::string_view region, const AwsCredentials& credentials, Timestamp now) {
  PresignedRequest request{.host = fmt::format("kafka.{}.amazonaws.com", region),
                           .query = {{"Action", "kafka-cluster:Connect"}},
                           .region = std::string(region),
                           .service = "kafka-cluster",
                           .payload_hash = sha256_hex("")};
  const std::string url = presign(request, credentials, now) + "&User-Agent=" + std::string(kUserAgent);
  return {base64url(url), now + request.expires};
}

}  // namespace trailwarden::stream
