#include "notify/webhook.h"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "aws/base64.h"
#include "core/check.h"
#include "notify/bodies.h"
#include "notify/body_template.h"
#include "notify/ocsf.h"

namespace trailwarden::notify {
namespace {

constexpr std::string_view kBase64Secret = "whsec_";

Result<std::string> from_base64(std::string_view text) {
  std::string out(text.size() / 4 * 3, '\0');
  const int size = text.size() % 4 == 0 ? EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size())) : -1;
  if (size < 0 || text.empty()) return fail(ErrorCode::kMalformed, "signing_secret: what follows whsec_ is no base64");
  out.resize(static_cast<std::size_t>(size));
  while (text.ends_with('=') && !out.empty()) {
    text.remove_suffix(1);
    out.pop_back();
  }
  return out;
}

std::string hmac_sha256(const std::string& key, const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  TRAILWARDEN_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size) != nullptr, "OpenSSL has HMAC-SHA256");
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string body_of(const SinkConfig& config, const MessageView& view) {
  if (config.format == "template") return fill_template(config.body, view);
  return config.format == "ocsf" ? ocsf_body(view) : alert_body(view);
}

}  // namespace

Result<std::string> webhook_signature(std::string_view secret, std::string_view id, Timestamp time, std::string_view body) {
  auto key = secret.starts_with(kBase64Secret) ? from_base64(secret.substr(kBase64Secret.size())) : Result<std::string>(std::string(secret));
  if (!key) return key;
  return "v1," + aws::base64(hmac_sha256(*key, fmt::format("{}.{}.{}", id, time.time_since_epoch().count(), body)));
}

Result<HttpMessage> Webhook::make(const MessageView& view, Timestamp now) {
  HttpMessage out;
  auto where = url(out.secrets);
  if (!where) return fail(std::move(where).error());
  out.url = std::move(*where);
  out.body = body_of(config(), view);
  out.headers = {{"Content-Type", "application/json"}, {"User-Agent", "trailwarden"}, {"Idempotency-Key", view.message.id}};
  for (const auto& header : config().headers) out.headers.push_back(header);
  if (auto authorized = authorize(out); !authorized) return fail(std::move(authorized).error());
  if (config().signing_secret.empty()) return out;
  auto secret = secret_of(config(), config().signing_secret, "signing_secret");
  if (!secret) return fail(std::move(secret).error());
  auto signature = webhook_signature(*secret, view.message.id, now, out.body);
  if (!signature) return fail(std::move(signature).error().during("sink " + config().name));
  out.secrets.push_back(std::move(*secret));
  out.headers.insert(out.headers.end(), {{"webhook-id", view.message.id}, {"webhook-timestamp", std::to_string(now.time_since_epoch().count())}, {"webhook-signature", std::move(*signature)}});
  return out;
}

}  // namespace trailwarden::notify
