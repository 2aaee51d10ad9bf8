#include "trail/public_key.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "core/text.h"
#include "trail/hex.h"

namespace trailwarden::trail {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

/// nullptr unless `der` is a PKCS#1 RSA public key and nothing more.
std::unique_ptr<EVP_PKEY, FreeKey> load(std::string_view der) {
  const unsigned char* at = bytes_of(der);
  std::unique_ptr<EVP_PKEY, FreeKey> key(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, static_cast<long>(der.size())));
  if (at != bytes_of(der) + der.size()) key.reset();
  return key;
}

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::size_t kLongest = 1 << 16;
  if (text.empty() || text.size() % 4 != 0 || text.size() > kLongest) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text), static_cast<int>(text.size())) < 0) return std::nullopt;
  const std::size_t padding = text.size() - std::min(text.size(), text.find_last_not_of('=') + 1);
  if (padding > 2) return std::nullopt;
  out.resize(out.size() - padding);
  return out;
}

/// `2016-01-18T00:25:02.123+01:00`; fraction and offset may be missing, `Z` is the offset 0.
std::optional<Timestamp> iso_time(std::string_view text) {
  constexpr std::size_t kSeconds = 19;  // of `YYYY-MM-DDTHH:MM:SS`
  const auto time = parse_event_time(std::string(text.substr(0, kSeconds)) + "Z");
  if (!time || text.size() < kSeconds) return std::nullopt;
  std::string_view rest = text.substr(kSeconds);
  if (rest.starts_with('.')) rest.remove_prefix(std::min(rest.find_first_not_of("0123456789", 1), rest.size()));
  if (rest.empty() || rest == "Z") return time;
  if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':') return std::nullopt;
  const auto hours = parse_decimal<unsigned>(rest.substr(1, 2)), minutes = parse_decimal<unsigned>(rest.substr(4, 2));
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::chrono::seconds offset = std::chrono::hours{*hours} + std::chrono::minutes{*minutes};
  return rest[0] == '+' ? *time - offset : *time + offset;
}

Timestamp time_of(const json& value) {
  // A number in a text, as the documentation has it, is a number.
  const json number = value.is_string() ? json::parse(value.get_ref<const std::string&>(), nullptr, false) : value;
  constexpr double kYear9999 = 253'402'300'799.0;
  if (number.is_number()) {
    const double seconds = std::floor(number.get<double>());
    if (seconds >= 0 && seconds <= kYear9999) return Timestamp{std::chrono::seconds{static_cast<std::int64_t>(seconds)}};
  } else if (value.is_string()) {
    // As numbers have it: from 1970 to 9999, which an offset must not lead out of.
    const auto time = iso_time(value.get_ref<const std::string&>());
    if (time && *time >= Timestamp{} && time->time_since_epoch().count() <= static_cast<std::int64_t>(kYear9999)) return *time;
  }
  throw std::invalid_argument("no time: " + printable(value.dump(-1, ' ', false, json::error_handler_t::replace), 60));
}

PublicKey read_key(const json& in) {
  const auto der = from_base64(in.at("Value").get_ref<const std::string&>());
  if (!der) throw std::invalid_argument("Value is not base64");
  return {*der, in.at("Fingerprint").get<std::string>(), time_of(in.at("ValidityStartTime")), time_of(in.at("ValidityEndTime"))};
}

}  // namespace

Result<std::string> fingerprint_of(std::string_view der) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  std::size_t size = 0;
  if (EVP_Q_digest(nullptr, "MD5", nullptr, der.data(), der.size(), digest.data(), &size) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::kUnsupported, "OpenSSL gives no MD5, by which CloudTrail names its keys (is it in FIPS mode?)");
  }
  return to_hex({reinterpret_cast<const char*>(digest.data()), size});
}

Result<std::vector<PublicKey>> KnownKeys::keys(Timestamp from, Timestamp until) {
  std::vector<PublicKey> found;
  std::copy_if(all_.begin(), all_.end(), std::back_inserter(found),
               [&](const PublicKey& key) { return key.valid_from <= until && key.valid_until > from; });
  return found;
}

Signature verify(const PublicKey& key, std::string_view text, std::string_view hex) {
  const auto loaded = load(key.der);
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  const auto signature = from_hex(hex);
  // PKCS#1 v1.5 is the padding of an RSA key unless another is asked for.
  const bool ready = loaded && context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, loaded.get()) == 1;
  const bool right = ready && signature && EVP_DigestVerify(context.get(), bytes_of(*signature), signature->size(), bytes_of(text), text.size()) == 1;
  ERR_clear_error();
  return right ? Signature::kRight : ready ? Signature::kWrong : Signature::kKeyUnusable;
}

Result<std::vector<PublicKey>> parse_public_keys(std::string_view text) {
  std::size_t number = 0;
  try {
    const json document = json::parse(text);
    const auto named_as_documented = document.find("publicKeyList");
    std::vector<PublicKey> keys;
    for (const json& key : named_as_documented != document.end() ? *named_as_documented : document.at("PublicKeyList")) {
      ++number;
      keys.push_back(read_key(key));
    }
    return keys;
  } catch (const std::exception& e) {  // nlohmann's, and ours
    return fail(ErrorCode::kMalformed, "public keys: " + (number == 0 ? std::string() : "key " + std::to_string(number) + ": ") + printable(e.what()));
  }
}

std::string public_keys_json(std::span<const PublicKey> keys) {
  ordered_json list = ordered_json::array();
  for (const PublicKey& key : keys)
    list.push_back({{"Value", base64(key.der)},
                    {"ValidityStartTime", static_cast<double>(key.valid_from.time_since_epoch().count())},
                    {"ValidityEndTime", static_cast<double>(key.valid_until.time_since_epoch().count())},
                    {"Fingerprint", key.fingerprint}});
  return ordered_json{{"PublicKeyList", std::move(list)}}.dump();
}

}  // namespace trailwarden::trail
