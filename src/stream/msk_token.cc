#include "stream/msk_token.h"

#include <fmt/format.h>

#include "aws/base64.h"
#include "aws/signature.h"
#include "core/hash.h"

namespace trailwarden::stream {
namespace {

constexpr std::string_view kUserAgent = "trailwarden";

std::string base64url(std::string_view bytes) {
  std::string out = aws::base64(bytes);
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
