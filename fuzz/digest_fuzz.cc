// Digests over arbitrary bytes: what is taken means the same to a plain reading of the JSON, and comes back; keys and saved chains do no harm.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "trail/digest.h"
#include "trail/digest_chain.h"

namespace {

using namespace trailwarden;
using namespace trailwarden::trail;

void must(bool condition) {
  if (!condition) std::abort();
}

/// A member that is a text.
bool is(const nlohmann::json& object, const char* name, std::string_view text) { return object.at(name).get_ref<const std::string&>() == text; }

void must_agree(const Digest& digest, std::string_view text) {
  const auto plain = nlohmann::json::parse(text);
  must(is(plain, "awsAccountId", digest.account) && is(plain, "digestStartTime", format_time(digest.start)) && is(plain, "digestEndTime", format_time(digest.end)));
  must(is(plain, "digestS3Bucket", digest.bucket) && is(plain, "digestS3Object", digest.key) && is(plain, "digestPublicKeyFingerprint", digest.fingerprint));
  must(plain.at("previousDigestSignature").is_null() == !digest.previous);
  if (digest.previous) must(is(plain, "previousDigestSignature", digest.previous->signature) && is(plain, "previousDigestS3Object", digest.previous->key));
  const auto& logs = plain.at("logFiles");
  must(logs.size() == digest.logs.size());
  for (std::size_t i = 0; i < logs.size(); ++i) must(is(logs[i], "s3Object", digest.logs[i].key) && is(logs[i], "hashValue", digest.logs[i].sha256));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto digest = parse_digest(bytes)) {
    must_agree(*digest, bytes);
    must(parse_digest(to_json(*digest)).value() == *digest);
  }

  if (const auto name = parse_digest_key(bytes)) {
    const Place place{name->account, name->region};
    if (is_key_part(place.account) && is_key_part(place.region))
      must(parse_digest_key(digest_object_key({.trail = name->trail, .home_region = name->home_region}, place, name->end, name->backfill)) == name);
  }

  DigestChain chain({.trail = "t", .home_region = "eu-west-1"}, "b", {"1", "eu-west-1"});
  ByteReader in(bytes);
  if (chain.load(in)) {
    ByteWriter out;
    chain.save(out);
    DigestChain again({.trail = "t", .home_region = "eu-west-1"}, "b", {"1", "eu-west-1"});
    ByteReader back(out.bytes());
    must(again.load(back).has_value() && again == chain);
  }
  return 0;
}
