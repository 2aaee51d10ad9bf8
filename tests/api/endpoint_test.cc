#include "api/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/signed.h"
#include "metrics/registry.h"

namespace trailwarden::api {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::signed_request;
using testing::Signing;
using ::testing::HasSubstr;
using ::testing::Not;

const Timestamp kNow = parse_event_time("2026-03-01T12:00:00Z").value();

class EndpointTest : public ::testing::Test {
 protected:
  Endpoint an_endpoint(std::vector<std::string> regions = {}) {
    Endpoint::Options options{.keys = {{"TRAILWARDENAUDITOR", "a secret of somebody", "111122223333"}, {"TRAILWARDENANOTHER", "another secret", "444455556666"}},
                              .regions = std::move(regions),
                              .now = [this] { return now_; },
                              .metrics = &metrics_};
    trail::TrailConfig trail;
    trail.name = "main", trail.home_region = "eu-west-1", trail.account = "111122223333", trail.directory = "/var/trail";
    return {std::move(options),
            TrailApi({.trails = {trail}, .insight_types = [] { return std::vector<std::string>{}; }, .status = [](const trail::TrailConfig&) { return TrailStatus{}; }, .public_keys = [] { return std::vector<trail::PublicKey>{}; }, .now = [this] { return now_; }})};
  }

  /// Status and type of the refusal; "200" for an answer.
  static std::string outcome(const http::Response& response) {
    return response.status == 200 ? "200" : std::to_string(response.status) + " " + json::parse(response.body).at("__type").get<std::string>();
  }

  Timestamp now_ = kNow;
  metrics::Registry metrics_;
};

TEST_F(EndpointTest, AnswersWhoeverSignsWithAKeyForThatKeysAccount) {
  auto endpoint = an_endpoint();
  const auto own = endpoint.answer(signed_request("DescribeTrails", "{}", kNow));
  EXPECT_EQ(own.status, 200U);
  EXPECT_EQ(own.content_type, "application/x-amz-json-1.1");
  EXPECT_EQ(json::parse(own.body)["trailList"][0]["TrailARN"], "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main");
  const auto other = endpoint.answer(signed_request("DescribeTrails", "{}", kNow, {.key = "TRAILWARDENANOTHER", .secret = "another secret"}));
  EXPECT_EQ(json::parse(other.body)["trailList"], json::array()) << "the trail of another account";
}

TEST_F(EndpointTest, GivesEachAnswerAnIdOfItsOwn) {
  auto endpoint = an_endpoint();
  const auto request = signed_request("DescribeTrails", "{}", kNow);
  const auto first = endpoint.answer(request), second = endpoint.answer(request);
  ASSERT_EQ(first.headers.size(), 1U);
  EXPECT_EQ(first.headers[0].first, "x-amzn-RequestId");
  EXPECT_EQ(first.headers[0].second.size(), 36U);
  EXPECT_NE(first.headers, second.headers);
}

TEST_F(EndpointTest, KnowsBothPrefixesOfOperationsAndNoOthers) {
  auto endpoint = an_endpoint();
  const auto with_target = [&](const std::string& target) {
    aws::SignableRequest request{.method = "POST", .path = "/", .query = "", .headers = {{"Host", "h"}, {"x-amz-target", target}}, .payload_hash = sha256_hex("")};
    aws::sign(request, {"eu-west-1", "cloudtrail"}, {.access_key_id = "TRAILWARDENAUDITOR", .secret_access_key = "a secret of somebody", .session_token = "", .expires = {}, .source = ""}, kNow);
    return outcome(endpoint.answer({"/", request.headers, ""}));
  };
  EXPECT_EQ(with_target("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.ListTrails"), "200");
  EXPECT_EQ(with_target("CloudTrail_20131101.ListTrails"), "200");
  for (const std::string target : {"CloudTrail_20131101.DropTrails", "CloudTrail_20131101.", "ListTrails", "DynamoDB_20120810.ListTrails", "XCloudTrail_20131101.ListTrails", "CloudTrail_20131101.ListTrails.", ""})
    EXPECT_EQ(with_target(target), "400 UnknownOperationException") << target;
  EXPECT_EQ(with_target("CloudTrail_20131101.DeleteTrail"), "400 UnsupportedOperationException");
}

TEST_F(EndpointTest, RefusesWhatIsNotSignedAsItMust) {
  auto endpoint = an_endpoint({"eu-west-1", "us-east-1"});
  const auto outcome_of = [&](const Signing& signing, std::chrono::seconds ahead = 0s) { return outcome(endpoint.answer(signed_request("ListTrails", "{}", kNow + ahead, signing))); };
  EXPECT_EQ(outcome_of({}), "200");
  EXPECT_EQ(outcome_of({.region = "us-east-1"}), "200");
  EXPECT_EQ(outcome_of({.secret = "a secret of somebodY"}), "400 InvalidSignatureException");
  EXPECT_EQ(outcome_of({.secret = ""}), "400 InvalidSignatureException");
  EXPECT_EQ(outcome_of({.secret = "another secret"}), "400 InvalidSignatureException") << "of another key";
  EXPECT_EQ(outcome_of({.key = "TRAILWARDENUNKNOWN"}), "400 UnrecognizedClientException");
  EXPECT_EQ(outcome_of({.token = "temporary"}), "400 UnrecognizedClientException");
  EXPECT_EQ(outcome_of({.service = "s3"}), "400 InvalidSignatureException");
  EXPECT_EQ(outcome_of({.region = "eu-west-2"}), "400 InvalidSignatureException");
  EXPECT_EQ(outcome_of({}, 15min), "200");
  EXPECT_EQ(outcome_of({}, -15min), "200");
  EXPECT_EQ(outcome_of({}, 15min + 1s), "400 InvalidSignatureException");
  EXPECT_EQ(outcome_of({}, -(15min + 1s)), "400 InvalidSignatureException");
}

TEST_F(EndpointTest, TakesAnyRegionWhereNoneIsNamed) {
  auto endpoint = an_endpoint();
  EXPECT_EQ(outcome(endpoint.answer(signed_request("ListTrails", "{}", kNow, {.region = "ap-southeast-2"}))), "200");
  EXPECT_EQ(outcome(endpoint.answer(signed_request("ListTrails", "{}", kNow, {.region = "etc"}))), "400 InvalidSignatureException");
}

TEST_F(EndpointTest, SaysMoreThanTheTypeOnlyToWhoeverHasTheSecret) {
  auto endpoint = an_endpoint();
  const auto skewed = endpoint.answer(signed_request("ListTrails", "{}", kNow + 1h));
  EXPECT_THAT(skewed.body, HasSubstr("2026-03-01T12:00:00Z"));
  const auto guessed = endpoint.answer(signed_request("ListTrails", "{}", kNow + 1h, {.secret = "guessed"}));
  EXPECT_THAT(guessed.body, Not(HasSubstr("2026-03-01")));
}

TEST_F(EndpointTest, NoticesEveryChangeOnTheWay) {
  auto endpoint = an_endpoint();
  const auto changed = [&](auto change) {
    http::PostedRequest request = signed_request("ListTrails", R"({"NextToken":null})", kNow);
    change(request);
    return outcome(endpoint.answer(request));
  };
  const auto header = [](http::PostedRequest& request, std::string_view name) -> std::string& {
    for (auto& [other, value] : request.headers)
      if (other == name) return value;
    throw std::out_of_range(std::string(name));
  };
  EXPECT_EQ(changed([](auto&) {}), "200");
  EXPECT_EQ(changed([](auto& r) { r.body = "{}"; }), "400 InvalidSignatureException");
  EXPECT_EQ(changed([](auto& r) { r.target = "/?a=b"; }), "400 InvalidSignatureException");
  EXPECT_EQ(changed([&](auto& r) { header(r, "X-Amz-Target") = "CloudTrail_20131101.DescribeTrails"; }), "400 InvalidSignatureException");
  EXPECT_EQ(changed([&](auto& r) { header(r, "Host") = "elsewhere"; }), "400 InvalidSignatureException");
  EXPECT_EQ(changed([&](auto& r) { header(r, "X-Amz-Date") = "20260301T120001Z"; }), "400 InvalidSignatureException");
  EXPECT_EQ(changed([&](auto& r) { header(r, "X-Amz-Date") = "20260302T120000Z"; }), "400 IncompleteSignatureException");
  EXPECT_EQ(changed([](auto& r) { r.headers.emplace_back("X-Amz-Extra", "not signed"); }), "400 IncompleteSignatureException");
  EXPECT_EQ(changed([&](auto& r) { header(r, "Authorization") = "Bearer x"; }), "400 IncompleteSignatureException");
  EXPECT_EQ(changed([](auto& r) { r.headers.push_back(r.headers.back()); }), "400 IncompleteSignatureException");
  EXPECT_EQ(changed([](auto& r) { r.headers.pop_back(); }), "400 MissingAuthenticationTokenException");
}

TEST_F(EndpointTest, CountsRequestsByOperationAndError) {
  auto endpoint = an_endpoint();
  endpoint.answer(signed_request("ListTrails", "{}", kNow));
  endpoint.answer(signed_request("GetTrail", R"({"Name":"absent"})", kNow));
  endpoint.answer(signed_request("GetTrail", "{}", kNow, {.secret = "guessed"}));
  const std::string text = metrics_.text();
  EXPECT_THAT(text, HasSubstr(R"(trailwarden_api_requests_total{error="",operation="ListTrails"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(trailwarden_api_requests_total{error="TrailNotFoundException",operation="GetTrail"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(trailwarden_api_requests_total{error="InvalidSignatureException",operation=""} 1)"));
}

}  // namespace
}  // namespace trailwarden::api
