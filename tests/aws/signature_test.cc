#include "aws/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "aws/percent.h"
#include "core/hash.h"

namespace trailwarden::aws {
namespace {

using ::testing::EndsWith;

const Credentials kExample{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};

/// One of the cases that AWS's own signer is tested with.
struct Vector {
  std::string name;
  nlohmann::json row;
};
void PrintTo(const Vector& vector, std::ostream* out) { *out << vector.name; }

std::vector<Vector> vectors() {
  std::vector<Vector> all;
  std::ifstream file(TRAILWARDEN_SOURCE_DIR "/tests/data/aws-sigv4-cases.jsonl");
  for (std::string line; std::getline(file, line);) {
    auto row = nlohmann::json::parse(line);
    std::string name = row["name"];
    std::ranges::replace(name, '-', '_');
    all.push_back({name, std::move(row)});
  }
  return all;
}

/// A request as these cases write it: unencoded, header values may go on in an indented line.
SignableRequest parse_request(const std::string& text, bool normalize) {
  SignableRequest request;
  const std::size_t end = std::min(text.find("\n\n"), text.size()), first = text.find('\n');
  const std::string body = end + 2 <= text.size() ? text.substr(end + 2) : "";
  const std::string start = text.substr(0, first), target = start.substr(start.find(' ') + 1, start.rfind(' ') - start.find(' ') - 1);
  request.method = start.substr(0, start.find(' '));
  request.path = target.substr(0, target.find('?'));
  if (!normalize) request.path = percent_encoded_path(request.path);  // as S3's are: nothing is done to them any more
  if (const auto mark = target.find('?'); mark != std::string::npos) request.query = target.substr(mark + 1);
  request.payload_hash = sha256_hex(body);
  std::size_t at = first + 1;
  while (at < end) {
    const std::size_t stop = std::min(text.find('\n', at), end);
    const std::string line = text.substr(at, stop - at);
    at = stop + 1;
    if (line.starts_with(' ')) request.headers.back().second += "\n" + line;
    else request.headers.emplace_back(line.substr(0, line.find(':')), line.substr(line.find(':') + 1));
  }
  return request;
}

class AwsVector : public ::testing::TestWithParam<Vector> {
 protected:
  AwsVector() {
    const auto& context = row_["context"];
    request_ = parse_request(row_["request"], context["normalize"]);
    credentials_ = {context["credentials"]["access_key_id"], context["credentials"]["secret_access_key"]};
    // A token that is put in after signing has no part in it.
    if (!context.value("omit_session_token", false)) credentials_.session_token = context["credentials"].value("token", "");
    if (context["sign_body"].get<bool>()) request_.headers.emplace_back("x-amz-content-sha256", request_.payload_hash);
    now_ = *parse_event_time(context["timestamp"].get<std::string>());
    // The service of the vectors is none of AWS's; those whose path is left alone are signed as S3's are.
    as_sent_ = !context["normalize"].get<bool>();
  }

  /// Which headers the case signs: the last line but one of its canonical form.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    const std::string text = row_["canonical"];
    const std::size_t end = text.rfind('\n'), begin = text.rfind('\n', end - 1);
    std::istringstream list(text.substr(begin + 1, end - begin - 1));
    for (std::string name; std::getline(list, name, ';');) names.push_back(name);
    return names;
  }

  nlohmann::json row_ = GetParam().row;
  SignableRequest request_;
  Credentials credentials_;
  Timestamp now_{};
  bool as_sent_ = false;
};

TEST_P(AwsVector, EachStepIsAsPublished) {
  const Target target{"us-east-1", "service"};
  const std::string time = basic_time(now_);
  request_.headers.emplace_back("X-Amz-Date", time);
  if (!credentials_.session_token.empty()) request_.headers.emplace_back("X-Amz-Security-Token", credentials_.session_token);
  const std::string canonical = canonical_request(request_, names(), as_sent_ ? "s3" : "service");
  EXPECT_EQ(canonical, row_["canonical"].get<std::string>());
  const std::string to_sign = string_to_sign(time, target, canonical);
  EXPECT_EQ(to_sign, row_["to_sign"].get<std::string>());
  EXPECT_EQ(signature(credentials_.secret_access_key, time, target, to_sign), row_["signature"].get<std::string>());
}

/// Those that are no business of S3's alone.
class NormalizedVector : public AwsVector {};

TEST_P(NormalizedVector, IsSignedAndVerifiedAsAWhole) {
  sign(request_, {"us-east-1", "service"}, credentials_, now_);
  const auto authorization = parse_authorization(request_.headers.back().second);
  ASSERT_TRUE(authorization.has_value()) << authorization.error().message;
  EXPECT_EQ(authorization->signature, row_["signature"].get<std::string>());
  EXPECT_THAT(row_["signed_request"].get<std::string>(), ::testing::HasSubstr(request_.headers.back().second));
  EXPECT_EQ(verify(request_, *authorization, credentials_.secret_access_key, now_), Verdict::kValid);
}

std::vector<Vector> normalized_vectors() {
  std::vector<Vector> all = vectors();
  std::erase_if(all, [](const Vector& vector) { return !vector.row["context"]["normalize"].get<bool>(); });
  return all;
}

INSTANTIATE_TEST_SUITE_P(Published, AwsVector, ::testing::ValuesIn(vectors()), [](const auto& row) { return row.param.name; });
INSTANTIATE_TEST_SUITE_P(Published, NormalizedVector, ::testing::ValuesIn(normalized_vectors()), [](const auto& row) { return row.param.name; });

TEST(AwsSignature, SignsS3sOwnExamples) {
  // Amazon S3 API reference, "Signature calculations for the Authorization header", the examples GET object, PUT object and GET bucket (list objects).
  const Timestamp now = *parse_event_time("2013-05-24T00:00:00Z");
  const std::string empty = sha256_hex("");
  SignableRequest get{.path = "/test.txt", .headers = {{"Host", "examplebucket.s3.amazonaws.com"}, {"Range", "bytes=0-9"}, {"x-amz-content-sha256", empty}}, .payload_hash = empty};
  sign(get, {"us-east-1", "s3"}, kExample, now);
  EXPECT_THAT(get.headers.back().second, EndsWith("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));

  const std::string body = sha256_hex("Welcome to Amazon S3.");
  SignableRequest put{.method = "PUT",
                      .path = "/test%24file.text",
                      .headers = {{"Host", "examplebucket.s3.amazonaws.com"}, {"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}, {"x-amz-content-sha256", body}},
                      .payload_hash = body};
  sign(put, {"us-east-1", "s3"}, kExample, now);
  EXPECT_THAT(put.headers.back().second, EndsWith("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));

  SignableRequest list{.query = "prefix=J&max-keys=2", .headers = {{"Host", "examplebucket.s3.amazonaws.com"}, {"x-amz-content-sha256", empty}}, .payload_hash = empty};
  sign(list, {"us-east-1", "s3"}, kExample, now);
  EXPECT_THAT(list.headers.back().second, EndsWith("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(AwsSignature, PresignsTheExampleOfTheDocumentation) {
  // Amazon S3 API reference, "Authenticating requests: using query parameters (AWS Signature Version 4)".
  const PresignedRequest request{.host = "examplebucket.s3.amazonaws.com",
                                 .path = "/test.txt",
                                 .target = {"us-east-1", "s3"},
                                 .payload_hash = "UNSIGNED-PAYLOAD",
                                 .expires = std::chrono::seconds{86400}};
  EXPECT_THAT(presign(request, kExample, *parse_event_time("2013-05-24T00:00:00Z")),
              EndsWith("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"));
}

/// A request that somebody with the example's key signed, and what became of it on the way.
class Verified : public ::testing::Test {
 protected:
  Verified() { sign(request_, {"eu-west-1", "cloudtrail"}, kExample, kNow); }

  Verdict verdict(Timestamp now = kNow, std::string_view secret = kExample.secret_access_key) const {
    return verify(request_, parse_authorization(request_.headers.back().second).value(), secret, now);
  }

  static constexpr Timestamp kNow = Timestamp{std::chrono::seconds{1'767'225'600}};
  SignableRequest request_{.method = "POST",
                           .query = "a=1&b=2",
                           .headers = {{"Host", "127.0.0.1:9464"}, {"X-Amz-Target", "CloudTrail_20131101.DescribeTrails"}},
                           .payload_hash = sha256_hex("{}")};
};

TEST_F(Verified, TakesWhatWasSigned) {
  EXPECT_EQ(verdict(), Verdict::kValid);
  request_.query = "b=2&a=1";  // the same
  EXPECT_EQ(verdict(), Verdict::kValid);
  request_.headers.insert(request_.headers.begin(), {"User-Agent", "aws-cli"});  // says nothing
  EXPECT_EQ(verdict(), Verdict::kValid);
}

TEST_F(Verified, RefusesAnotherSecret) { EXPECT_EQ(verdict(kNow, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEz"), Verdict::kMismatch); }

TEST_F(Verified, RefusesWhatWasChanged) {
  const SignableRequest sound = request_;
  const auto changed = [&](auto change) {
    request_ = sound;
    change(request_);
    return verdict();
  };
  EXPECT_EQ(changed([](auto& request) { request.method = "GET"; }), Verdict::kMismatch);
  EXPECT_EQ(changed([](auto& request) { request.path = "/other"; }), Verdict::kMismatch);
  EXPECT_EQ(changed([](auto& request) { request.query = "a=1"; }), Verdict::kMismatch);
  EXPECT_EQ(changed([](auto& request) { request.payload_hash = sha256_hex("{ }"); }), Verdict::kMismatch);
  EXPECT_EQ(changed([](auto& request) { request.headers[1].second = "CloudTrail_20131101.DeleteTrail"; }), Verdict::kMismatch);
  EXPECT_EQ(changed([](auto& request) { request.headers.insert(request.headers.begin(), {"X-Amz-Target", "another"}); }), Verdict::kMismatch);
}

TEST_F(Verified, RefusesWhatNobodySigned) {
  request_.headers.insert(request_.headers.begin(), {"X-Amz-Security-Token", "added"});
  EXPECT_EQ(verdict(), Verdict::kIncomplete);
}

TEST_F(Verified, RefusesAnotherDayOrNone) {
  std::erase_if(request_.headers, [](const auto& header) { return header.first == "X-Amz-Date"; });
  EXPECT_EQ(verdict(), Verdict::kIncomplete);
  request_.headers.insert(request_.headers.begin(), {"X-Amz-Date", "20251231T235959Z"});
  EXPECT_EQ(verdict(), Verdict::kIncomplete);
}

TEST_F(Verified, RefusesAnHourAgoAndAnHourAhead) {
  using std::chrono::seconds;
  EXPECT_EQ(verdict(kNow + seconds{900}), Verdict::kValid);
  EXPECT_EQ(verdict(kNow + seconds{901}), Verdict::kSkewed);
  EXPECT_EQ(verdict(kNow - seconds{901}), Verdict::kSkewed);
}

TEST(AwsSignature, AnAuthorizationOfAnotherFormIsMalformed) {
  const std::string credential = "Credential=KEY/20260101/eu-west-1/s3/aws4_request", names = "SignedHeaders=host;x-amz-date", signed_by = "Signature=" + std::string(64, 'a');
  const auto parse = [](const std::string& parts) { return parse_authorization("AWS4-HMAC-SHA256 " + parts); };
  ASSERT_TRUE(parse(credential + ", " + names + ", " + signed_by).has_value());
  ASSERT_TRUE(parse(signed_by + "," + names + "," + credential).has_value());  // AWS takes them in any order
  for (const std::string& parts :
       {std::string(), credential, credential + ", " + names, credential + ", " + names + ", Signature=ab", credential + ", " + credential + ", " + names + ", " + signed_by,
        "Credential=KEY/20260101/eu-west-1/s3, " + names + ", " + signed_by, "Credential=KEY/2026/eu-west-1/s3/aws4_request, " + names + ", " + signed_by,
        credential + ", SignedHeaders=, " + signed_by, credential + ", SignedHeaders=x-amz-date;host, " + signed_by})
    EXPECT_FALSE(parse(parts).has_value()) << parts;
  EXPECT_FALSE(parse_authorization("Bearer token").has_value());
}

TEST(AwsSignature, ReadsItsOwnTimes) {
  const Timestamp time = *parse_event_time("2015-08-30T12:36:05Z");
  EXPECT_EQ(basic_time(time), "20150830T123605Z");
  EXPECT_EQ(parse_basic_time("20150830T123605Z"), time);
  for (const char* const text : {"", "20150830T123605", "2015-08-30T12:36", "20151330T123605Z", "20150830T1236050"}) EXPECT_EQ(parse_basic_time(text), std::nullopt) << text;
}

}  // namespace
}  // namespace trailwarden::aws
