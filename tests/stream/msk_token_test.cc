#include "stream/msk_token.h"

#include <cstdint>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::stream {
namespace {

using ::testing::HasSubstr;

const aws::Credentials kExample{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};

std::string decoded(std::string text) {
  static const std::string kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    bits = bits << 6 | static_cast<std::uint32_t>(kDigits.find(c));
    if ((count += 6) < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count & 0xff));
  }
  return out;
}

TEST(MskToken, IsASignedUrl) {
  aws::Credentials temporary = kExample;
  temporary.session_token = "a+b/c=";
  const Timestamp now = *parse_event_time("2026-01-05T12:00:00Z");
  const MskToken token = msk_token("eu-west-1", temporary, now);
  EXPECT_EQ(token.expires, now + std::chrono::minutes{15});
  EXPECT_EQ(token.text.find_first_of("+/="), std::string::npos);
  const std::string url = decoded(token.text);
  EXPECT_THAT(url, ::testing::StartsWith("https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256&"));
  EXPECT_THAT(url, HasSubstr("X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260105%2Feu-west-1%2Fkafka-cluster%2Faws4_request"));
  EXPECT_THAT(url, HasSubstr("X-Amz-Expires=900"));
  EXPECT_THAT(url, HasSubstr("X-Amz-Security-Token=a%2Bb%2Fc%3D"));
  EXPECT_THAT(url, ::testing::EndsWith("&User-Agent=trailwarden"));
}

}  // namespace
}  // namespace trailwarden::stream
