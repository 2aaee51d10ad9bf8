#include "aws/credential_chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>
#include <vector>

#include "testing/fake_http_server.h"
#include "testing/temp_dir.h"

namespace trailwarden::aws {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::FakeAnswer;
using testing::FakeHttpServer;
using testing::FakeRequest;

const Timestamp kNow = *parse_event_time("2026-01-02T12:00:00Z");

std::string json_credentials(const std::string& key, const std::string& expiration) {
  return R"({"Code":"Success","AccessKeyId":")" + key + R"(","SecretAccessKey":"secret","Token":"token","Expiration":")" + expiration + R"("})";
}

class CredentialChainTest : public ::testing::Test {
 protected:
  CredentialChainTest() {
    environment_["HOME"] = dir_.path();
    environment_["AWS_EC2_METADATA_DISABLED"] = "true";
  }

  CredentialChain::Options options() {
    return {.environment = [this](const char* name) { return environment_[name]; }, .now = [this] { return now_.load(); }};
  }
  Result<Credentials> found() { return CredentialChain(http_, options()).get(); }

  /// As Kubernetes sets up a service account with a role.
  void set_up_web_identity(const std::string& service) {
    environment_["AWS_WEB_IDENTITY_TOKEN_FILE"] = dir_.write("token", "a.b+c/d\n");
    environment_["AWS_ROLE_ARN"] = "arn:aws:iam::111122223333:role/archiver";
    environment_["AWS_ENDPOINT_URL_STS"] = service;
  }

  testing::TempDir dir_;
  std::map<std::string, std::string> environment_;
  std::atomic<Timestamp> now_{kNow};
  HttpClient http_;
};

TEST_F(CredentialChainTest, SaysWhereItLooked) {
  const auto none = found();
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr("AWS_WEB_IDENTITY_TOKEN_FILE"));
}

TEST_F(CredentialChainTest, TheEnvironmentGoesBeforeAProfile) {
  dir_.write(".aws/credentials", "[default]\naws_access_key_id = one\naws_secret_access_key = two\n[other]\naws_access_key_id=three\naws_secret_access_key=four\naws_session_token=five\n");
  EXPECT_EQ(found()->secret_access_key, "two");
  environment_["AWS_PROFILE"] = "other";
  EXPECT_EQ(found()->session_token, "five");
  environment_["AWS_ACCESS_KEY_ID"] = "six";
  EXPECT_EQ(found()->access_key_id, "three");  // without a secret it is none
  environment_["AWS_SECRET_ACCESS_KEY"] = "seven";
  EXPECT_EQ(found()->access_key_id, "six");
  EXPECT_EQ(found()->source, "the environment");
}

TEST_F(CredentialChainTest, TheEnvironmentMaySayWhenTheyExpire) {
  environment_["AWS_ACCESS_KEY_ID"] = "one";
  environment_["AWS_SECRET_ACCESS_KEY"] = "two";
  EXPECT_EQ(found()->expires, std::nullopt);
  for (const char* text : {"2026-01-02T12:30:00Z", "2026-01-02T12:30:00+00:00"}) {
    environment_["AWS_CREDENTIAL_EXPIRATION"] = text;
    EXPECT_EQ(found()->expires, kNow + minutes{30}) << text;
  }
  environment_["AWS_CREDENTIAL_EXPIRATION"] = "2026-01-02T11:30:00Z";
  EXPECT_THAT(found().error().message, HasSubstr("expired at 2026-01-02T11:30:00Z"));
}

TEST_F(CredentialChainTest, AllChainsSayWhenTheFirstOfThemExpires) {
  environment_["AWS_ACCESS_KEY_ID"] = "one";
  environment_["AWS_SECRET_ACCESS_KEY"] = "two";
  environment_["AWS_CREDENTIAL_EXPIRATION"] = "2026-01-02T12:30:00Z";
  EXPECT_TRUE(credential_expiries().empty());
  {
    CredentialChain one(http_, options()), other(http_, options()), unused(http_, options());
    ASSERT_TRUE(one.get().has_value());
    environment_["AWS_CREDENTIAL_EXPIRATION"] = "2026-01-02T12:20:00Z";
    ASSERT_TRUE(other.get().has_value());
    EXPECT_EQ(credential_expiries(), (std::map<std::string_view, Timestamp>{{"environment", kNow + minutes{20}}}));
  }
  EXPECT_TRUE(credential_expiries().empty()) << "of chains that are gone, nothing";
}

TEST_F(CredentialChainTest, AProfileThatIsNamedMustBeThere) {
  environment_["AWS_PROFILE"] = "nobody";
  EXPECT_THAT(found().error().message, HasSubstr("no profile nobody"));
}

TEST_F(CredentialChainTest, AProfileMayBeInTheOtherFile) {
  environment_["AWS_CONFIG_FILE"] = dir_.write("config", "[profile audit]\naws_access_key_id = one\naws_secret_access_key = two\nregion = eu-west-1\n");
  environment_["AWS_PROFILE"] = "audit";
  EXPECT_EQ(found()->access_key_id, "one");
}

TEST_F(CredentialChainTest, AProfileThatWantsMoreIsNotPassedOver) {
  dir_.write(".aws/config", "[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n");
  const auto refused = found();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("source_profile"));
}

TEST_F(CredentialChainTest, AWebIdentityIsATokenForARole) {
  FakeHttpServer service([](const FakeRequest&) {
    return FakeAnswer{.body = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult><Credentials>"
                              "<SessionToken>tok&amp;en</SessionToken><SecretAccessKey>secret</SecretAccessKey><Expiration>2026-01-02T13:00:00Z</Expiration>"
                              "<AccessKeyId>ASIA1</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"};
  });
  set_up_web_identity(service.url());
  // It goes before a profile, as in AWS's SDKs.
  dir_.write(".aws/credentials", "[default]\naws_access_key_id = one\naws_secret_access_key = two\n");
  const auto got = found();
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->access_key_id, "ASIA1");
  EXPECT_EQ(got->session_token, "tok&en");
  EXPECT_EQ(got->expires, kNow + minutes{60});
  ASSERT_EQ(service.requests().size(), 1u);
  EXPECT_EQ(service.requests()[0].method, "POST");
  EXPECT_EQ(service.requests()[0].body,
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Farchiver&RoleSessionName=trailwarden&WebIdentityToken=a.b%2Bc%2Fd");
}

TEST_F(CredentialChainTest, ARefusedWebIdentityIsNotReplacedByAnother) {
  FakeHttpServer service([](const FakeRequest&) { return FakeAnswer{.status = 403, .body = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"}; });
  set_up_web_identity(service.url());
  dir_.write(".aws/credentials", "[default]\naws_access_key_id = one\naws_secret_access_key = two\n");
  const auto refused = found();
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("AccessDenied"));
  EXPECT_THAT(refused.error().message, HasSubstr("role/archiver"));
}

TEST_F(CredentialChainTest, AContainerIsAskedWithItsToken) {
  FakeHttpServer service([](const FakeRequest&) { return FakeAnswer{.body = json_credentials("ASIA2", "2026-01-02T18:00:00Z")}; });
  environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = service.url() + "/v1/credentials";
  environment_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "not this";
  environment_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = dir_.write("token", "Basic abc\n");
  EXPECT_EQ(found()->access_key_id, "ASIA2");
  EXPECT_EQ(service.requests()[0].target, "/v1/credentials");
  EXPECT_EQ(service.requests()[0].headers.at("authorization"), "Basic abc");
}

TEST_F(CredentialChainTest, TheTokenOfAContainerGoesToNoStranger) {
  environment_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "secret";
  for (const char* const url : {"http://example.com/", "http://127.0.0.1.example.com/", "http://localhost@example.com/", "http://169.254.170.20/", "ftp://localhost/", "file:///etc/passwd"}) {
    environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    EXPECT_EQ(found().error().code, ErrorCode::kInvalidArgument) << url;
  }
}

TEST_F(CredentialChainTest, AnInstanceIsAskedByASessionToken) {
  FakeHttpServer service([](const FakeRequest& request) -> FakeAnswer {
    if (request.method == "PUT") return {.body = "session"};
    if (request.target == "/latest/meta-data/iam/security-credentials/") return {.body = "a-role"};
    return {.body = json_credentials("ASIA3", "2026-01-02T18:00:00Z")};
  });
  environment_["AWS_EC2_METADATA_DISABLED"] = "";
  environment_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = service.url() + "/";
  const auto got = found();
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->access_key_id, "ASIA3");
  EXPECT_EQ(got->source, "the instance's role a-role");
  const auto requests = service.requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].headers.at("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
  EXPECT_EQ(requests[1].headers.at("x-aws-ec2-metadata-token"), "session");
  EXPECT_EQ(requests[2].target, "/latest/meta-data/iam/security-credentials/a-role");
  EXPECT_EQ(requests[2].headers.at("x-aws-ec2-metadata-token"), "session");
}

TEST_F(CredentialChainTest, WhereNoInstanceAnswersThereIsNone) {
  FakeHttpServer service([](const FakeRequest&) { return FakeAnswer{.cut = true}; });
  environment_["AWS_EC2_METADATA_DISABLED"] = "";
  environment_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = service.url();
  EXPECT_EQ(found().error().code, ErrorCode::kNotFound);
}

/// A container whose credentials last an hour each, numbered.
class Renewal : public CredentialChainTest {
 protected:
  Renewal() { environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = service_.url(); }

  std::atomic<int> asked_ = 0;
  std::atomic<bool> down_ = false;
  FakeHttpServer service_{[this](const FakeRequest&) -> FakeAnswer {
    if (down_) return {.status = 500, .body = "not now"};
    return {.body = json_credentials("KEY" + std::to_string(++asked_), format_time(now_.load() + minutes{60}))};
  }};
};

TEST_F(Renewal, ComesBeforeTheyExpire) {
  CredentialChain chain(http_, options());
  EXPECT_EQ(chain.get()->access_key_id, "KEY1");
  now_ = kNow + minutes{54};
  EXPECT_EQ(chain.get()->access_key_id, "KEY1");
  now_ = kNow + minutes{55};
  EXPECT_EQ(chain.get()->access_key_id, "KEY2");
}

TEST_F(Renewal, ThatFailsLeavesTheOldOnesWhileTheyHold) {
  CredentialChain chain(http_, options());
  chain.get();
  down_ = true;
  now_ = kNow + minutes{56};
  EXPECT_EQ(chain.get()->access_key_id, "KEY1");
  now_ = kNow + minutes{60};
  const auto refused = chain.get();
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("status 500: not now"));
  down_ = false;
  EXPECT_FALSE(chain.get().has_value());  // a failure is kept for a second
  now_ = kNow + minutes{60} + seconds{1};
  EXPECT_EQ(chain.get()->access_key_id, "KEY2");
}

TEST_F(Renewal, FollowsWhenAwsDoesNotKnowThem) {
  CredentialChain chain(http_, options());
  chain.get();
  chain.forget("somebody else's");
  EXPECT_EQ(chain.get()->access_key_id, "KEY1");
  chain.forget("KEY1");
  EXPECT_EQ(chain.get()->access_key_id, "KEY2");
}

TEST_F(Renewal, IsDoneOnceForAllThreads) {
  CredentialChain chain(http_, options());
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { EXPECT_EQ(chain.get()->access_key_id, "KEY1"); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(asked_, 1);
}

TEST_F(CredentialChainTest, CredentialsThatHaveExpiredAreNone) {
  FakeHttpServer service([](const FakeRequest&) { return FakeAnswer{.body = json_credentials("OLD", "2026-01-02T12:00:00Z")}; });
  environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = service.url();
  EXPECT_THAT(found().error().message, HasSubstr("expired at 2026-01-02T12:00:00Z"));
}

TEST_F(CredentialChainTest, AFileThatIsReplacedIsNoticedWithinAMinute) {
  dir_.write(".aws/credentials", "[default]\naws_access_key_id = old\naws_secret_access_key = x\n");
  CredentialChain chain(http_, options());
  EXPECT_EQ(chain.get()->access_key_id, "old");
  dir_.write(".aws/credentials", "[default]\naws_access_key_id = new\naws_secret_access_key = x\n");
  now_ = kNow + minutes{1};
  EXPECT_EQ(chain.get()->access_key_id, "new");
}

}  // namespace
}  // namespace trailwarden::aws
