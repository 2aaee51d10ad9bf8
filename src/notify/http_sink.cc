#include "notify/http_sink.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "core/text.h"
#include "notify/retry_after.h"

namespace trailwarden::notify {
namespace {

constexpr std::size_t kAnswerBytes = std::size_t{1} << 16;  // the status decides
constexpr std::size_t kShown = 300;  // of an answer's body
constexpr std::array kMendable{401, 402, 403, 404, 405, 407, 408, 410, 421, 423, 425, 429};

/// From the first slash behind the host on.
std::string_view path_of(std::string_view url) {
  const std::size_t host = url.find("://");
  const std::size_t path = host == std::string_view::npos ? host : url.find('/', host + 3);
  return path == std::string_view::npos ? std::string_view() : url.substr(path);
}

void replace_all(std::string& text, std::string_view what) {
  constexpr std::size_t kShortest = 4;  // what is shorter would be found everywhere
  if (what.size() < kShortest) return;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 3)) text.replace(at, what.size(), "***");
}

/// One line, for an Authorization or a URL: libcurl would take the rest for further headers.
bool is_one_line(std::string_view text) { return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }); }

}  // namespace

std::string redacted(std::string text, const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets) {
    replace_all(text, secret);
    if (const std::string_view path = path_of(secret); path.size() > 1) replace_all(text, path);
  }
  return text;
}

Result<std::string> secret_of(const SinkConfig& config, const config::SecretSource& source, std::string_view key) {
  auto secret = config::read_secret(source);
  if (!secret) return fail(std::move(secret).error().during(fmt::format("sink {}: {}", config.name, key)));
  if (!is_one_line(*secret)) return fail(ErrorCode::kMalformed, fmt::format("sink {}: {}: the secret is more than one line of text", config.name, key));
  return secret;
}

Result<std::string> HttpSink::url(std::vector<std::string>& secrets) const {
  if (config_.url_source.empty()) return config_.url;
  auto url = secret_of(config_, config_.url_source, "url");
  if (!url) return url;
  secrets.push_back(*url);
  if (url->starts_with("https://")) return url;
  const std::size_t scheme = std::string_view("http://").size();
  const bool is_near = url->starts_with("http://") && (config_.allow_plaintext || config::is_loopback(url->substr(scheme, url->find_first_of("/?", scheme) - scheme)));
  if (is_near) return url;
  return fail(ErrorCode::kInvalidArgument, fmt::format("sink {}: url: expected https://...; http:// only to this machine, unless allow_plaintext: true", config_.name));
}

Result<void> HttpSink::authorize(HttpMessage& message) const {
  if (config_.authorization.empty()) return {};
  auto value = secret_of(config_, config_.authorization, "authorization");
  if (!value) return fail(std::move(value).error());
  message.secrets.push_back(*value);
  message.headers.emplace_back("Authorization", std::move(*value));
  return {};
}

Sent HttpSink::judge_status(const aws::HttpResponse& response, Timestamp now) {
  if (response.status >= 200 && response.status < 300) return {};
  const bool is_mendable = response.status < 400 || response.status >= 500 || std::ranges::find(kMendable, response.status) != kMendable.end();
  Sent sent{.outcome = is_mendable ? Sent::Outcome::kLater : Sent::Outcome::kRefused, .why = fmt::format("status {}", response.status)};
  if (!response.body.empty()) sent.why += ": " + printable(response.body, kShown);
  if (const auto header = response.headers.find("retry-after"); header != response.headers.end()) sent.not_before = parse_retry_after(header->second, now);
  return sent;
}

Sent HttpSink::send(const Message& message, Timestamp now, const std::atomic<bool>& cancelled) {
  const auto later = [](std::string why) { return Sent{.outcome = Sent::Outcome::kLater, .why = std::move(why)}; };
  auto made = make(MessageView(message), now);
  if (!made) return later(made.error().message);
  auto response = http_.send({.method = "POST", .url = made->url, .headers = std::move(made->headers), .body = made->body, .connect_timeout = config_.timeout, .timeout = config_.timeout,
                                    .most_bytes = kAnswerBytes, .keep_first = true, .ca_file = config_.ca_file, .certificate_file = config_.certificate_file, .key_file = config_.key_file, .cancelled = &cancelled});
  if (!response) return later(redacted(response.error().message, made->secrets));
  response->body = redacted(std::move(response->body), made->secrets);  // before it is cut: what is left of a secret is one, too
  return judge(*response, now);
}

std::string HttpSink::preview(const Message& message, Timestamp now) {
  const auto made = make(MessageView(message), now);
  if (!made) return "cannot be made: " + made.error().message;
  std::string out = fmt::format("POST {}\n", made->url);
  for (const auto& [name, value] : made->headers) out += fmt::format("{}: {}\n", name, value);
  return redacted(out + "\n" + made->body, made->secrets);
}

}  // namespace trailwarden::notify
