#include "stream/aws_signature.h"

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace trailwarden::stream {
namespace {

using ::testing::HasSubstr;

const AwsCredentials kExample{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};

TEST(AwsSignature, SignsTheExampleOfTheDocumentationAsItDoes) {
  // Amazon S3 API reference, "Authenticating requests: using query parameters (AWS Signature Version 4)".
  const PresignedRequest request{.host = "examplebucket.s3.amazonaws.com",
                                 .path = "/test.txt",
                                 .region = "us-east-1",
                                 .service = "s3",
                                 .payload_hash = "UNSIGNED-PAYLOAD",
                                 .expires = std::chrono::seconds{86400}};
  EXPECT_THAT(presign(request, kExample, *parse_event_time("2013-05-24T00:00:00Z")),
              ::testing::EndsWith("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"));
}

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

TEST(AwsSignature, MakesATokenForMsk) {
  AwsCredentials temporary = kExample;
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

TEST(AwsSignature, FindsCredentialsInTheEnvironmentOrInAProfile) {
  const testing::TempDir folder;
  const std::string path = folder.path() + "/credentials";
  std::ofstream(path) << "[default]\naws_access_key_id = one\naws_secret_access_key = two\n[other]\naws_access_key_id=three\naws_secret_access_key=four\naws_session_token=five\n";
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"}) ::unsetenv(name);
  ::setenv("AWS_SHARED_CREDENTIALS_FILE", path.c_str(), 1);
  EXPECT_EQ(find_aws_credentials()->secret_access_key, "two");
  ::setenv("AWS_PROFILE", "other", 1);
  EXPECT_EQ(find_aws_credentials()->session_token, "five");
  ::setenv("AWS_PROFILE", "nobody", 1);
  EXPECT_THAT(find_aws_credentials().error().message, HasSubstr("profile nobody"));
  ::setenv("AWS_ACCESS_KEY_ID", "six", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "seven", 1);
  EXPECT_EQ(find_aws_credentials()->access_key_id, "six");
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"}) ::unsetenv(name);
}

}  // namespace
}  // namespace trailwarden::stream
