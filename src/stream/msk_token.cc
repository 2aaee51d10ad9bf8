#include "stream/msk_token.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "aws/signature.h"
#include "core/hash.h"

namespace trailwarden::stream {
namespace {

constexpr std::string_view kUserAgent = "trailwarden";

std::string base64url(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

}  // namespace

MskToken msk_token(std::string_view region, const aws::Credentials& credentials, Timestamp now) {
  const aws::PresignedRequest request{.host = fmt::format("kafka.{}.amazonaws.com", region),
                                      .query = {{"Action", "kafka-cluster:Connect"}},
                                      .target = {std::string(region), "kafka-cluster"},
                                      .payload_hash = sha256_hex("")};
  const std::string url = aws::presign(request, credentials, now) + "&User-Agent=" + std::string(kUserAgent);
  return {base64url(url), now + request.expires};
}

}  // namespace trailwarden::stream
