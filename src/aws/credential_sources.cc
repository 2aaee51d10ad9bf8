#include "aws/credential_sources.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "aws/percent.h"
#include "aws/profile_file.h"
#include "core/read_file.h"
#include "core/text.h"

namespace trailwarden::aws {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kFileBytes = 1 << 20;
constexpr std::size_t kAnswerBytes = 1 << 20;
constexpr milliseconds kLocalTimeout{1'000};
constexpr milliseconds kServiceTimeout{10'000};
constexpr std::string_view kInstanceRole = "/latest/meta-data/iam/security-credentials/";

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string_view::npos ? std::string() : std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

std::string first_of(const Surroundings& around, std::initializer_list<const char*> names) {
  for (const char* const name : names)
    if (std::string value = around.environment(name); !value.empty()) return value;
  return {};
}

Result<std::string> token_of(const std::string& path) {
  auto token = read_file(path, kFileBytes);
  if (!token) return fail(std::move(token).error().during("token for a role"));
  std::string text = trimmed(*token);
  if (text.empty() || text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) return fail(ErrorCode::kMalformed, path + ": not a token");
  return text;
}

/// The body of an answer with status 200.
Result<std::string> ask(const Surroundings& around, HttpRequest request) {
  request.most_bytes = kAnswerBytes;
  auto answer = around.http->send(request);
  if (!answer) return fail(ErrorCode::kIo, std::move(answer).error().message);
  if (answer->status != 200) return fail(ErrorCode::kIo, fmt::format("status {}: {}", answer->status, printable(answer->body)));
  return std::move(answer->body);
}

/// A time as AWS writes it in answers: seconds may have a fraction.
std::optional<Timestamp> parse_expiry(std::string_view text) {
  const std::size_t point = text.find('.');
  return point == std::string_view::npos ? parse_event_time(text) : parse_event_time(std::string(text.substr(0, point)) + "Z");
}

Result<Credentials> complete(Credentials found, std::string_view expiry) {
  found.expires = parse_expiry(expiry);
  if (found.access_key_id.empty() || found.secret_access_key.empty()) return fail(ErrorCode::kMalformed, "the answer has no key");
  if (!expiry.empty() && !found.expires) return fail(ErrorCode::kMalformed, fmt::format("\"{}\" is no time to expire at", printable(expiry)));
  return found;
}

/// The form of containers and instances: `{"AccessKeyId": ..., "SecretAccessKey": ..., "Token": ..., "Expiration": ...}`.
Result<Credentials> parse_json(std::string_view text, std::string source) {
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_object()) return fail(ErrorCode::kMalformed, "the answer is not a JSON object");
  const auto member = [&](const char* name) {
    const auto found = parsed.find(name);
    return found != parsed.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  return complete({member("AccessKeyId"), member("SecretAccessKey"), member("Token"), std::nullopt, std::move(source)}, member("Expiration"));
}

/// The form of the token service.
Result<Credentials> parse_xml(std::string_view text, std::string source) {
  pugi::xml_document document;
  document.load_buffer(text.data(), text.size());
  const pugi::xml_node found = document.child("AssumeRoleWithWebIdentityResponse").child("AssumeRoleWithWebIdentityResult").child("Credentials");
  return complete({found.child_value("AccessKeyId"), found.child_value("SecretAccessKey"), found.child_value("SessionToken"), std::nullopt, std::move(source)},
                  found.child_value("Expiration"));
}

std::string token_service(const Surroundings& around) {
  std::string endpoint = first_of(around, {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"});
  const std::string region = around.region.empty() ? first_of(around, {"AWS_REGION", "AWS_DEFAULT_REGION"}) : around.region;
  if (endpoint.empty()) endpoint = region.empty() ? "https://sts.amazonaws.com" : fmt::format("https://sts.{}.{}", region, domain_of(region));
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint;
}

/// An URL as an error may say it: who calls, if it says so, has a password there.
std::string without_user(const std::string& url) {
  const std::size_t host = url.find("://"), at = url.rfind('@');
  return host == std::string::npos || at == std::string::npos ? url : url.substr(0, host + 3) + "..." + url.substr(at);
}

FoundCredentials assume_role(const Surroundings& around, const std::string& role, const std::string& token_file, std::string session) {
  const auto token = token_of(token_file);
  if (!token) return fail(token.error());
  if (session.empty()) session = "trailwarden";
  const std::string form = fmt::format("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}&WebIdentityToken={}", percent_encoded(role),
                                       percent_encoded(session), percent_encoded(*token));
  const std::string endpoint = token_service(around);
  auto answer = ask(around, {.method = "POST",
                             .url = endpoint + "/",
                             .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                             .body = form,
                             .timeout = kServiceTimeout});
  const std::string doing = fmt::format("role {} by web identity, at {}", role, without_user(endpoint));
  if (!answer) return fail(std::move(answer).error().during(doing));
  auto found = parse_xml(*answer, doing);
  if (!found) return fail(std::move(found).error().during(doing));
  return std::move(*found);
}

Result<Profiles> read_profiles(const std::string& path) {
  const auto text = read_file(path, kFileBytes);
  if (!text && text.error().code == ErrorCode::kNotFound) return Profiles{};
  if (!text) return fail(text.error());
  return parse_profiles(*text);
}

std::string setting(const Profile& profile, std::string_view name) {
  const auto found = profile.find(name);
  return found == profile.end() ? std::string() : found->second;
}

/// A file of AWS's settings: where a variable says, or `name` in ~/.aws.
std::string settings_file(const Surroundings& around, const char* variable, const char* name) {
  std::string path = around.environment(variable);
  return path.empty() ? around.environment("HOME") + "/.aws/" + name : path;
}

/// Whether a plain http URL leads to this machine, or to an address that only the machine's own service has.
bool is_local(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return false;
  std::string_view host = url.substr(kScheme.size());
  host = host.substr(0, host.find_first_of("/?#"));
  if (host.find('@') != std::string_view::npos) return false;
  host = host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
  for (const std::string_view known : {"localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"})
    if (host == known) return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

Result<Headers> container_headers(const Surroundings& around) {
  const std::string file = around.environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  std::string token = around.environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (!file.empty()) {
    auto read = token_of(file);
    if (!read) return fail(std::move(read).error());
    token = std::move(*read);
  }
  if (token.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) return fail(ErrorCode::kMalformed, "AWS_CONTAINER_AUTHORIZATION_TOKEN is not one line");
  if (token.empty()) return Headers{};
  return Headers{{"Authorization", token}};
}

HttpRequest local_request(std::string method, std::string url, Headers headers) {
  return {.method = std::move(method), .url = std::move(url), .headers = std::move(headers), .connect_timeout = kLocalTimeout, .timeout = 2 * kLocalTimeout, .direct = true};
}

}  // namespace

std::string_view domain_of(std::string_view region) { return region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com"; }

FoundCredentials from_environment(const Surroundings& around) {
  Credentials found{around.environment("AWS_ACCESS_KEY_ID"), around.environment("AWS_SECRET_ACCESS_KEY"), around.environment("AWS_SESSION_TOKEN"), std::nullopt,
                    "the environment"};
  if (found.access_key_id.empty() || found.secret_access_key.empty()) return std::nullopt;
  // As `aws configure export-credentials --format env` writes it: with Z, or +00:00.
  std::string expiration = around.environment("AWS_CREDENTIAL_EXPIRATION");
  if (expiration.ends_with("+00:00")) expiration.replace(expiration.size() - 6, 6, "Z");
  found.expires = parse_event_time(expiration);
  return found;
}

FoundCredentials from_web_identity(const Surroundings& around) {
  const std::string token_file = around.environment("AWS_WEB_IDENTITY_TOKEN_FILE"), role = around.environment("AWS_ROLE_ARN");
  if (token_file.empty() || role.empty()) return std::nullopt;
  return assume_role(around, role, token_file, around.environment("AWS_ROLE_SESSION_NAME"));
}

FoundCredentials from_profile(const Surroundings& around) {
  const std::string named = around.profile.empty() ? around.environment("AWS_PROFILE") : around.profile, name = named.empty() ? "default" : named;
  Profile profile;
  std::string files;
  for (const auto& [variable, file] : {std::pair("AWS_SHARED_CREDENTIALS_FILE", "credentials"), std::pair("AWS_CONFIG_FILE", "config")}) {
    const std::string path = settings_file(around, variable, file);
    const auto profiles = read_profiles(path);
    if (!profiles) return fail(profiles.error());
    files += (files.empty() ? "" : ", ") + path;
    // The first file wins.
    if (const auto found = profiles->find(name); found != profiles->end()) profile.insert(found->second.begin(), found->second.end());
  }
  if (profile.empty() && !named.empty()) return fail(ErrorCode::kNotFound, fmt::format("there is no profile {} in {}", name, files));

  Credentials found{setting(profile, "aws_access_key_id"), setting(profile, "aws_secret_access_key"), setting(profile, "aws_session_token"), std::nullopt,
                    fmt::format("profile {} of {}", name, files)};
  if (!found.access_key_id.empty() && !found.secret_access_key.empty()) return found;
  const std::string role = setting(profile, "role_arn"), token_file = setting(profile, "web_identity_token_file");
  if (!role.empty() && !token_file.empty()) return assume_role(around, role, token_file, setting(profile, "role_session_name"));
  for (const char* const unknown : {"source_profile", "credential_source", "credential_process", "sso_session", "sso_start_url"})
    if (profile.contains(unknown)) return fail(ErrorCode::kUnsupported, fmt::format("profile {} of {} has {}, which is not followed here: give it keys, or a role_arn with a web_identity_token_file", name, files, unknown));
  return std::nullopt;
}

FoundCredentials from_container(const Surroundings& around) {
  const std::string relative = around.environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), full = around.environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.empty() && full.empty()) return std::nullopt;
  const std::string url = relative.empty() ? full : "http://169.254.170.2" + relative;
  if (!url.starts_with("https://") && !is_local(url)) return fail(ErrorCode::kInvalidArgument, "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of this machine");
  const std::string doing = "the container's credentials";
  auto headers = container_headers(around);
  if (!headers) return fail(std::move(headers).error().during(doing));
  auto answer = ask(around, local_request("GET", url, std::move(*headers)));
  if (!answer) return fail(std::move(answer).error().during(doing));
  auto found = parse_json(*answer, doing);
  if (!found) return fail(std::move(found).error().during(doing));
  return std::move(*found);
}

FoundCredentials from_instance(const Surroundings& around) {
  if (around.environment("AWS_EC2_METADATA_DISABLED") == "true") return std::nullopt;
  std::string endpoint = around.environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (endpoint.empty()) endpoint = "http://169.254.169.254";
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const auto token = ask(around, local_request("PUT", endpoint + "/latest/api/token", {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}}));
  if (!token || token->find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) return std::nullopt;  // no EC2, and nobody said it was

  const Headers headers{{"X-aws-ec2-metadata-token", *token}};
  const std::string doing = "the instance's role", roles = endpoint + std::string(kInstanceRole);
  const auto role = ask(around, local_request("GET", roles, headers));
  if (!role) return std::nullopt;  // an instance without a role
  auto answer = ask(around, local_request("GET", roles + percent_encoded_path(trimmed(*role)), headers));
  if (!answer) return fail(std::move(answer).error().during(doing));
  auto found = parse_json(*answer, fmt::format("{} {}", doing, printable(trimmed(*role))));
  if (!found) return fail(std::move(found).error().during(doing));
  return std::move(*found);
}

}  // namespace trailwarden::aws
