#include "trail/s3_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <ostream>

#include "aws/percent.h"
#include "testing/fake_http_server.h"
#include "trail/s3_xml.h"

namespace trailwarden::trail {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::FakeAnswer;
using testing::FakeHttpServer;
using testing::FakeRequest;

const Timestamp kNow = *parse_event_time("2026-01-02T12:00:00Z");
constexpr std::string_view kKey = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/02/o b+j=e,c't$.json.gz";

std::string error_body(const std::string& code, const std::string& message = "", const std::string& more = "") {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code + "</Code><Message>" + message + "</Message>" + more + "</Error>";
}

std::string header_of(const FakeRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "(none)" : found->second;
}

/// A store whose server answers as `answer_` says, and whose credentials come from an environment of the test's own.
class S3StoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<S3Store> open(S3Settings settings = {}) {
    settings.bucket = "audit";
    settings.region = "eu-west-1";
    settings.endpoint = server_.url();
    settings.path_style = true;
    settings.timeout = milliseconds{500};
    auto store = S3Store::create(settings, http_, chain_, [] { return kNow; });
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return std::move(*store);
  }
  void answer(FakeAnswer always) {
    answer_ = [always](const FakeRequest&) { return always; };
  }
  StoreError put_error() {
    const auto put = open()->put({.key = kKey, .bytes = "x"});
    EXPECT_FALSE(put.has_value());
    return put ? StoreError{} : put.error();
  }

  std::map<std::string, std::string> environment_{{"AWS_ACCESS_KEY_ID", "AKIATEST"}, {"AWS_SECRET_ACCESS_KEY", "secret"}};
  std::function<FakeAnswer(const FakeRequest&)> answer_ = [](const FakeRequest&) { return FakeAnswer{}; };
  FakeHttpServer server_{[this](const FakeRequest& request) { return answer_(request); }};
  aws::HttpClient http_;
  aws::CredentialChain chain_{http_, {.environment = [this](const char* name) { return environment_[name]; }, .now = [] { return kNow; }}};
};

TEST_F(S3StoreTest, PutsUnderTheConditionThatThereIsNone) {
  const auto store = open();
  EXPECT_EQ(store->put({.key = kKey, .bytes = "Welcome", .metadata = {{"range", "0-5"}}}), true);
  ASSERT_EQ(server_.requests().size(), 1u);
  const FakeRequest put = server_.requests()[0];
  EXPECT_EQ(put.method, "PUT");
  EXPECT_EQ(put.target, "/audit/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/02/o%20b%2Bj%3De%2Cc%27t%24.json.gz");
  EXPECT_EQ(put.body, "Welcome");
  EXPECT_EQ(header_of(put, "if-none-match"), "*");
  EXPECT_EQ(header_of(put, "x-amz-meta-range"), "0-5");
  EXPECT_EQ(header_of(put, "x-amz-acl"), "bucket-owner-full-control");
  EXPECT_EQ(header_of(put, "content-type"), "application/json");
  EXPECT_EQ(header_of(put, "content-encoding"), "gzip");
  // `printf Welcome | openssl dgst -sha256`, in hexadecimal and in base64.
  EXPECT_EQ(header_of(put, "x-amz-content-sha256"), "0e2226b5235f0ff94a276eb4d07a3bfea74b7e3b8b85e9efca6c18430f041bf8");
  EXPECT_EQ(header_of(put, "x-amz-checksum-sha256"), "DiImtSNfD/lKJ2600Ho7/qdLfjuLhenvymwYQw8EG/g=");
  EXPECT_EQ(header_of(put, "x-amz-date"), "20260102T120000Z");
  for (const char* const none : {"x-amz-request-payer", "x-amz-server-side-encryption", "x-amz-object-lock-mode", "x-amz-storage-class", "x-amz-security-token"})
    EXPECT_EQ(header_of(put, none), "(none)") << none;
}

TEST_F(S3StoreTest, SignsAllThatItSends) {
  environment_["AWS_SESSION_TOKEN"] = "token";
  open()->put({.key = kKey, .bytes = "Welcome", .metadata = {{"range", "0-5"}}});
  const FakeRequest put = server_.requests().at(0);
  aws::SignableRequest signed_request{.method = put.method, .path = put.target, .payload_hash = header_of(put, "x-amz-content-sha256")};
  for (const auto& [name, value] : put.headers)
    if (name != "authorization") signed_request.headers.emplace_back(name, value);
  const auto authorization = aws::parse_authorization(header_of(put, "authorization"));
  ASSERT_TRUE(authorization.has_value());
  EXPECT_EQ(authorization->target.service, "s3");
  EXPECT_EQ(authorization->target.region, "eu-west-1");
  EXPECT_THAT(authorization->signed_headers, ::testing::IsSupersetOf({"if-none-match", "x-amz-acl", "x-amz-checksum-sha256", "x-amz-meta-range", "x-amz-security-token"}));
  EXPECT_EQ(aws::verify(signed_request, *authorization, "secret", kNow), aws::Verdict::kValid);
}

TEST_F(S3StoreTest, AsksForWhatTheSettingsSay) {
  S3Settings settings{.encryption = S3Settings::Encryption::kKms,
                      .kms_key_id = "alias/trail",
                      .lock = S3Settings::Lock::kCompliance,
                      .lock_for = std::chrono::days{365},
                      .bucket_owner_full_control = false,
                      .storage_class = "STANDARD_IA"};
  open(settings)->put({.key = "a", .bytes = "x"});
  settings.encryption = S3Settings::Encryption::kS3;
  settings.kms_key_id = "";
  settings.lock = S3Settings::Lock::kGovernance;
  open(settings)->put({.key = "a", .bytes = "x"});
  const auto puts = server_.requests();
  EXPECT_EQ(header_of(puts.at(0), "x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(header_of(puts[0], "x-amz-server-side-encryption-aws-kms-key-id"), "alias/trail");
  EXPECT_EQ(header_of(puts[0], "x-amz-object-lock-mode"), "COMPLIANCE");
  EXPECT_EQ(header_of(puts[0], "x-amz-object-lock-retain-until-date"), "2027-01-02T12:00:00Z");
  EXPECT_EQ(header_of(puts[0], "x-amz-acl"), "(none)");
  EXPECT_EQ(header_of(puts[0], "x-amz-storage-class"), "STANDARD_IA");
  EXPECT_EQ(header_of(puts[0], "content-type"), "(none)");
  EXPECT_EQ(header_of(puts.at(1), "x-amz-server-side-encryption"), "AES256");
  EXPECT_EQ(header_of(puts[1], "x-amz-server-side-encryption-aws-kms-key-id"), "(none)");
  EXPECT_EQ(header_of(puts[1], "x-amz-object-lock-mode"), "GOVERNANCE");
}

TEST_F(S3StoreTest, FalseWhereThereIsOne) {
  answer({.status = 412, .body = error_body("PreconditionFailed")});
  EXPECT_EQ(open()->put({.key = kKey, .bytes = "x"}), false);
}

TEST_F(S3StoreTest, LooksFirstForWhatMayExist) {
  // A server that passes over the condition: its 200 must not be asked for.
  answer_ = [](const FakeRequest& request) { return FakeAnswer{.status = request.method == "HEAD" && request.target == "/audit/there" ? 200 : request.method == "HEAD" ? 404 : 200}; };
  EXPECT_EQ(open()->put({.key = "there", .bytes = "x", .may_exist = true}), false);
  ASSERT_EQ(server_.requests().size(), 1u);
  EXPECT_EQ(open()->put({.key = "not-there", .bytes = "x", .may_exist = true}), true);
  EXPECT_EQ(server_.requests().size(), 3u);
}

TEST_F(S3StoreTest, WritesNothingWhileItCannotLook) {
  answer_ = [](const FakeRequest& request) { return FakeAnswer{.status = request.method == "PUT" ? 200 : 403, .body = request.method == "GET" ? error_body("AccessDenied") : ""}; };
  const auto put = open()->put({.key = kKey, .bytes = "x", .may_exist = true});
  ASSERT_FALSE(put.has_value());
  EXPECT_EQ(put.error().fault, StoreFault::kRefused);
  for (const FakeRequest& request : server_.requests()) EXPECT_NE(request.method, "PUT");
}

TEST_F(S3StoreTest, ReadsBytesMetadataAndParts) {
  answer_ = [](const FakeRequest& request) -> FakeAnswer {
    const std::map<std::string, std::string> headers{{"X-Amz-Meta-Range", "0-5"}, {"x-amz-meta-sha256", "ab"}, {"Content-Encoding", "gzip"}, {"ETag", "x"}};
    if (request.headers.contains("range")) return {.status = 206, .body = "ytes", .headers = headers};
    return {.body = "\x1f\x8b bytes", .headers = headers};
  };
  const auto store = open();
  const auto got = store->get(kKey);
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->bytes, "\x1f\x8b bytes");
  EXPECT_THAT(got->metadata, ElementsAre(Pair("range", "0-5"), Pair("sha256", "ab")));
  EXPECT_EQ(store->head(kKey).value(), got->metadata);
  EXPECT_EQ(store->get_range(kKey, 4, 4), "ytes");
  EXPECT_EQ(header_of(server_.requests().back(), "range"), "bytes=4-7");
}

/// Answers lists over these keys, `page` at a time.
FakeAnswer list_of(const std::vector<std::string>& keys, const FakeRequest& request, std::size_t page) {
  std::map<std::string, std::string> query;
  for (std::size_t at = request.target.find('?') + 1; at < request.target.size();) {
    const std::size_t end = std::min(request.target.find('&', at), request.target.size());
    const std::string part = request.target.substr(at, end - at);
    query[part.substr(0, part.find('='))] = aws::percent_decoded(part.substr(part.find('=') + 1));
    at = end + 1;
  }
  const std::string after = query.contains("continuation-token") ? query["continuation-token"] : query["start-after"];
  std::string contents, last;
  std::size_t count = 0;
  for (const std::string& key : keys) {
    if (key <= after || !key.starts_with(query["prefix"])) continue;
    if (count++ == page) break;
    contents += "<Contents><Key>" + key + "</Key><Size>7</Size></Contents>";
    last = key;
  }
  const std::string more = count > page ? "<IsTruncated>true</IsTruncated><NextContinuationToken>" + last + "</NextContinuationToken>" : "<IsTruncated>false</IsTruncated>";
  return {.body = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" + more + contents + "</ListBucketResult>"};
}

TEST_F(S3StoreTest, ListsAThousandHoweverSmallThePagesAre) {
  std::vector<std::string> keys;
  for (int i = 10'000; i < 12'500; ++i) keys.push_back("AWSLogs/" + std::to_string(i));
  for (const std::size_t page : {1000u, 300u}) {
    answer_ = [&, page](const FakeRequest& request) { return list_of(keys, request, page); };
    const auto store = open();
    std::vector<std::string> all;
    for (std::size_t expected : {1000u, 1000u, 500u}) {
      const auto listed = store->list("AWSLogs/1", all.empty() ? "" : all.back());
      ASSERT_TRUE(listed.has_value()) << listed.error().message;
      ASSERT_EQ(listed->size(), expected);
      for (const ListedObject& object : *listed) all.push_back(object.key);
    }
    EXPECT_EQ(all, keys);
  }
  EXPECT_THAT(server_.requests()[0].target, HasSubstr("?list-type=2&max-keys=1000&prefix=AWSLogs%2F1"));
}

TEST_F(S3StoreTest, ListsAFolderByDelimiterToItsEnd) {
  answer_ = [&](const FakeRequest& request) {
    const bool first = request.target.find("continuation-token") == std::string::npos;
    const auto list = [](std::string_view inside) { return FakeAnswer{.body = "<ListBucketResult>" + std::string(inside) + "</ListBucketResult>"}; };
    if (first)
      return list("<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken><Contents><Key>a/x</Key><Size>3</Size></Contents>"
                  "<CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes>");
    return list("<CommonPrefixes><Prefix>a/c/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>a/d/</Prefix></CommonPrefixes>");
  };
  const auto listed = open()->list_folder("a/");
  ASSERT_TRUE(listed.has_value()) << listed.error().message;
  EXPECT_THAT(listed->folders, ::testing::ElementsAre("a/b/", "a/c/", "a/d/"));
  ASSERT_EQ(listed->objects.size(), 1U);
  EXPECT_EQ(listed->objects[0].key, "a/x");
  EXPECT_EQ(server_.requests().size(), 2U);
  EXPECT_THAT(server_.requests()[0].target, HasSubstr("list-type=2&max-keys=1000&prefix=a%2F&delimiter=%2F"));
}

TEST_F(S3StoreTest, AFolderThatComesAgainIsRefused) {
  answer({.body = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken><CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes></ListBucketResult>"});
  EXPECT_EQ(open()->list_folder("").error().code, "BadList");
}

TEST_F(S3StoreTest, AListOutOfOrderIsRefused) {
  answer({.body = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken><Contents><Key>b</Key><Size>1</Size></Contents></ListBucketResult>"});
  EXPECT_EQ(open()->list("", "").error().code, "BadList");  // the second page is the first again
  answer({.body = "<html>welcome</html>"});
  EXPECT_EQ(open()->list("", "").error().code, "BadList");
}

struct FaultCase {
  const char* name;
  int status;
  std::string body;
  StoreFault fault;
  const char* code;
  const char* says;
  std::map<std::string, std::string> headers{};
};
void PrintTo(const FaultCase& c, std::ostream* out) { *out << c.name; }

class S3Fault : public S3StoreTest, public ::testing::WithParamInterface<FaultCase> {};

TEST_P(S3Fault, IsToldApart) {
  const FaultCase& c = GetParam();
  answer({.status = c.status, .body = c.body, .headers = c.headers});
  const StoreError error = put_error();
  EXPECT_EQ(error.fault, c.fault);
  EXPECT_EQ(error.code, c.code);
  EXPECT_THAT(error.message, AllOf(HasSubstr(c.says), HasSubstr("s3://audit/AWSLogs"), HasSubstr(server_.url())));
}

INSTANTIATE_TEST_SUITE_P(
    Answers, S3Fault,
    ::testing::Values(
        FaultCase{"Busy", 503, error_body("SlowDown", "Please reduce your request rate."), StoreFault::kNotNow, "SlowDown", "reduce your request rate"},
        FaultCase{"Internal", 500, error_body("InternalError"), StoreFault::kNotNow, "InternalError", "500"},
        FaultCase{"Conflict", 409, error_body("ConditionalRequestConflict"), StoreFault::kNotNow, "ConditionalRequestConflict", "another writes"},
        FaultCase{"Gateway", 502, "<html>Bad Gateway</html>", StoreFault::kNotNow, "Http502", "502"},
        FaultCase{"Empty503", 503, "", StoreFault::kNotNow, "ServiceUnavailable", "503"},
        FaultCase{"Denied", 403, error_body("AccessDenied"), StoreFault::kRefused, "AccessDenied", "allow s3:PutObject"},
        FaultCase{"DeniedWithoutWords", 403, "", StoreFault::kRefused, "AccessDenied", "allow s3:PutObject"},
        FaultCase{"Unauthorized", 401, "", StoreFault::kRefused, "AccessDenied", "[credentials: the environment]"},
        FaultCase{"DeniedWithACodeOfAbsence", 403, error_body("NoSuchKey"), StoreFault::kRefused, "NoSuchKey", "403"},
        FaultCase{"DeniedUnknown", 403, error_body("SomethingNew", "words"), StoreFault::kRefused, "SomethingNew", "words"},
        FaultCase{"WrongSecret", 403, error_body("SignatureDoesNotMatch"), StoreFault::kRefused, "SignatureDoesNotMatch", "the secret does not belong"},
        FaultCase{"UnknownKey", 403, error_body("InvalidAccessKeyId"), StoreFault::kRefused, "InvalidAccessKeyId", "not known"},
        FaultCase{"Expired", 400, error_body("ExpiredToken"), StoreFault::kNotNow, "ExpiredToken", "looked for anew"},
        FaultCase{"Skewed", 403, error_body("RequestTimeTooSkewed"), StoreFault::kRefused, "RequestTimeTooSkewed", "it says 2026-01-02T12:00:00Z, the server Fri, 02 Jan 2026 12:20:00 GMT",
                  {{"Date", "Fri, 02 Jan 2026 12:20:00 GMT"}}},
        FaultCase{"NoBucket", 404, error_body("NoSuchBucket"), StoreFault::kRefused, "NoSuchBucket", "make this bucket"},
        FaultCase{"NothingThere", 404, "", StoreFault::kRefused, "NotFound", "404"},
        FaultCase{"OtherRegion", 301, error_body("PermanentRedirect", "use the other endpoint"), StoreFault::kRefused, "PermanentRedirect", "set `region: us-west-2`",
                  {{"x-amz-bucket-region", "us-west-2"}}},
        FaultCase{"OtherRegionInBody", 400, error_body("AuthorizationHeaderMalformed", "", "<Region>us-west-2</Region>"), StoreFault::kRefused, "AuthorizationHeaderMalformed",
                  "the bucket is in us-west-2, not in eu-west-1"},
        FaultCase{"OtherRegionUnnamed", 301, "", StoreFault::kRefused, "PermanentRedirect", "audit is not in eu-west-1"},
        FaultCase{"ChangedOnTheWay", 400, error_body("XAmzContentSHA256Mismatch"), StoreFault::kNotNow, "XAmzContentSHA256Mismatch", "changed on the way"},
        FaultCase{"KmsDisabled", 400, error_body("KMS.DisabledException"), StoreFault::kRefused, "KMS.DisabledException", "KMS key"},
        FaultCase{"KmsBusy", 400, error_body("KMS.ThrottlingException"), StoreFault::kNotNow, "KMS.ThrottlingException", "400"},
        FaultCase{"NoLockThere", 400, error_body("InvalidRequest", "Bucket is missing Object Lock Configuration"), StoreFault::kRefused, "InvalidRequest", "missing Object Lock"},
        FaultCase{"TooLarge", 400, error_body("EntityTooLarge"), StoreFault::kImpossible, "EntityTooLarge", "400"},
        FaultCase{"NoAcls", 400, error_body("AccessControlListNotSupported"), StoreFault::kRefused, "AccessControlListNotSupported", "bucket_owner_full_control"},
        FaultCase{"Odd", 204, "", StoreFault::kRefused, "Http204", "204"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(S3StoreTest, WhatDoesNotComeIsTriedAgainBySomebodyElse) {
  answer({.delay = milliseconds{1500}});
  EXPECT_EQ(put_error().code, "Timeout");
  EXPECT_EQ(put_error().fault, StoreFault::kNotNow);
  answer({.cut = true});
  EXPECT_EQ(put_error().code, "NoAnswer");
  const std::size_t before = server_.requests().size();
  put_error();
  // Once more than asked at the most, where the connection may have been closed idle; this one was not used before.
  EXPECT_LE(server_.requests().size(), before + 1);
}

TEST_F(S3StoreTest, AnAnswerThatEndsEarlyIsNone) {
  answer({.body = std::string(1000, 'x'), .cut_after = 10});
  const auto got = open()->get(kKey);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().fault, StoreFault::kNotNow);
}

TEST_F(S3StoreTest, SaysWhyALookWasRefused) {
  // The answer to a HEAD has no body.
  answer_ = [](const FakeRequest& request) { return FakeAnswer{.status = 403, .body = request.method == "HEAD" ? "" : error_body("RequestTimeTooSkewed")}; };
  EXPECT_EQ(open()->head(kKey).error().code, "RequestTimeTooSkewed");
}

TEST_F(S3StoreTest, CredentialsThatExpiredAreLookedForAnew) {
  answer_ = [](const FakeRequest& request) {
    const bool old = request.headers.at("authorization").find("Credential=OLD/") != std::string::npos;
    return old ? FakeAnswer{.status = 400, .body = error_body("ExpiredToken")} : FakeAnswer{};
  };
  environment_["AWS_ACCESS_KEY_ID"] = "OLD";
  const auto store = open();
  EXPECT_EQ(store->put({.key = "a", .bytes = "x"}).error().fault, StoreFault::kNotNow);
  environment_["AWS_ACCESS_KEY_ID"] = "NEW";
  EXPECT_EQ(store->put({.key = "a", .bytes = "x"}), true);
}

TEST_F(S3StoreTest, WithoutCredentialsNothingIsSent) {
  environment_ = {{"AWS_EC2_METADATA_DISABLED", "true"}};
  EXPECT_EQ(put_error().code, "NoCredentials");
  EXPECT_EQ(put_error().fault, StoreFault::kRefused);
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(S3StoreTest, RefusesSettingsThatCannotWork) {
  const auto problem = [&](S3Settings settings) {
    const auto store = S3Store::create(std::move(settings), http_, chain_);
    return store ? std::string("none") : store.error().message;
  };
  EXPECT_EQ(problem({.bucket = "audit"}), "none");
  EXPECT_THAT(problem({.bucket = ""}), HasSubstr("name of a bucket"));
  EXPECT_THAT(problem({.bucket = "a/b"}), HasSubstr("name of a bucket"));
  EXPECT_THAT(problem({.bucket = "audit", .region = ""}), HasSubstr("region"));
  EXPECT_THAT(problem({.bucket = "audit", .region = "eu west"}), HasSubstr("region"));
  for (const char* const endpoint : {"127.0.0.1:9000", "ftp://host", "http://", "http://host/path", "http://a@b", "http://ho st"})
    EXPECT_THAT(problem({.bucket = "audit", .endpoint = endpoint}), HasSubstr("no endpoint")) << endpoint;
  EXPECT_THAT(problem({.bucket = "audit", .kms_key_id = "k"}), HasSubstr("KMS"));
  EXPECT_THAT(problem({.bucket = "audit", .lock = S3Settings::Lock::kGovernance}), HasSubstr("lock"));
  EXPECT_THAT(problem({.bucket = "audit", .lock_for = std::chrono::days{1}}), HasSubstr("lock"));
  EXPECT_THAT(problem({.bucket = "audit", .storage_class = "A\r\nx-evil: 1"}), HasSubstr("storage_class"));
}

TEST(S3Xml, ReadsWhatServersWrite) {
  const auto error = parse_s3_error("\xef\xbb\xbf<?xml version='1.0'?><Error><Code>A&amp;B</Code><Message><![CDATA[<x>]]></Message></Error>");
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, "A&B");
  EXPECT_EQ(error->message, "<x>");
  for (const char* const none : {"", "x", "<html/>", "<Error></Error>", "<Error><Code>", "<Error><Code/></Error>"}) EXPECT_FALSE(parse_s3_error(none).has_value()) << none;
}

TEST(S3Xml, FollowsNoEntity) {
  const auto error = parse_s3_error("<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Error><Code>&e;</Code></Error>");
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, "&e;");
}

TEST(S3Xml, SurvivesDepth) {
  std::string deep = "<ListBucketResult>";
  for (int i = 0; i < 1'000'000; ++i) deep += "<a>";
  EXPECT_FALSE(parse_list_page(deep).has_value());
}

TEST(S3Xml, AListIsWholeOrNone) {
  const auto list = [](const std::string& inside) { return parse_list_page("<ListBucketResult>" + inside + "</ListBucketResult>"); };
  EXPECT_TRUE(list("")->objects.empty());
  EXPECT_EQ(list("<Contents><Key>a&#x9;&lt;</Key><Size>18446744073709551615</Size></Contents>")->objects.at(0).key, "a\t<");
  EXPECT_EQ(list("<Contents><Key> </Key><Size>0</Size></Contents>")->objects.at(0).key, " ");
  EXPECT_EQ(list("<Contents><Key> </Key><Size>0</Size></Contents>")->objects.at(0).version, "");
  EXPECT_NE(list("<Contents><Key>a</Key><ETag>&quot;9a0364b9e99bb480dd25e1f0284c8555&quot;</ETag><Size>0</Size></Contents>")->objects.at(0).version, "");
  for (const char* const bad : {"<Contents><Size>1</Size></Contents>", "<Contents><Key>a</Key></Contents>", "<Contents><Key>a</Key><Size>-1</Size></Contents>",
                                "<Contents><Key>a</Key><Size>1x</Size></Contents>", "<IsTruncated>true</IsTruncated>", "<CommonPrefixes></CommonPrefixes>"})
    EXPECT_FALSE(list(bad).has_value()) << bad;
}

}  // namespace
}  // namespace trailwarden::trail
