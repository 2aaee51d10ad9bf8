#include "api/trail_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "aws/base64.h"

namespace trailwarden::api {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Timestamp kNow = parse_event_time("2026-03-01T12:00:00Z").value();
const Caller kCaller{"111122223333", "eu-west-1"};

trail::TrailConfig a_trail(std::string name, std::string home, std::string account = {}) {
  trail::TrailConfig trail;
  trail.name = std::move(name), trail.home_region = std::move(home), trail.account = std::move(account);
  trail.s3 = trail::S3Config{.bucket = "example-audit", .region = "eu-central-1"};
  return trail;
}

trail::PublicKey a_key(std::string der, Timestamp from, Timestamp until) { return {std::move(der), "f1", from, until}; }

TrailApi::Options options_with(std::vector<trail::TrailConfig> trails) {
  return {.trails = std::move(trails),
          .insight_types = [] { return std::vector<std::string>{"ApiCallRateInsight", "ApiErrorRateInsight"}; },
          .status = [](const trail::TrailConfig&) { return TrailStatus{}; },
          .public_keys = [] { return std::vector<trail::PublicKey>{}; },
          .now = [] { return kNow; }};
}

/// An account's trails at home and elsewhere, one of every account's, an organization's, and one of another account.
std::vector<trail::TrailConfig> many_trails() {
  std::vector<trail::TrailConfig> trails{a_trail("main", "eu-west-1", "111122223333"), a_trail("elsewhere", "us-east-1", "111122223333"), a_trail("single", "eu-central-1", "111122223333"),
                                         a_trail("everyone", "eu-west-1"), a_trail("org", "eu-west-1", "999988887777"), a_trail("foreign", "eu-west-1", "444455556666")};
  trails[2].is_multi_region = false;
  trails[4].organization = "o-a1b2c3d4e5";
  return trails;
}

/// The answer; a refusal is thrown as a text.
json ask(const TrailApi& api, std::string_view operation, const json& body, const Caller& caller = kCaller) {
  const auto answer = api.answer(caller, operation, body.dump());
  return answer ? json::parse(*answer) : json(std::to_string(answer.error().status) + " " + answer.error().type);
}

std::vector<std::string> names_of(const json& list) {
  std::vector<std::string> names;
  for (const json& one : list) names.push_back(one.at("Name"));
  return names;
}

TEST(TrailApi, DescribesATrailAsItIsConfigured) {
  trail::TrailConfig trail = a_trail("audit", "eu-west-1", "111122223333");
  trail.prefix = "team/security", trail.organization = "o-a1b2c3d4e5", trail.regions = {"eu-west-1", "eu-central-1"}, trail.insights = false;
  trail.s3->kms_key_id = "alias/trail";
  trail.selectors = std::vector<trail::EventSelector>{{.read_write_type = trail::ReadWriteType::kWriteOnly}};
  const TrailApi api(options_with({trail}));
  EXPECT_EQ(ask(api, "GetTrail", {{"Name", "audit"}})["Trail"],
            json::parse(R"({"Name":"audit","S3BucketName":"example-audit","S3KeyPrefix":"team/security","IncludeGlobalServiceEvents":false,"IsMultiRegionTrail":true,"HomeRegion":"eu-west-1",
                            "TrailARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit","LogFileValidationEnabled":true,"KmsKeyId":"alias/trail","HasCustomEventSelectors":true,
                            "HasInsightSelectors":false,"IsOrganizationTrail":true})"));
  const TrailApi plain(options_with({a_trail("main", "eu-west-1")}));
  EXPECT_EQ(ask(plain, "GetTrail", {{"Name", "main"}})["Trail"],
            json::parse(R"({"Name":"main","S3BucketName":"example-audit","IncludeGlobalServiceEvents":true,"IsMultiRegionTrail":true,"HomeRegion":"eu-west-1",
                            "TrailARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main","LogFileValidationEnabled":true,"HasCustomEventSelectors":false,"HasInsightSelectors":true,"IsOrganizationTrail":false})"));
}

TEST(TrailApi, CallsAFolderABucketOfItsName) {
  for (const std::string folder : {"/var/lib/trails", "/var/lib/trails/", "trails", "./trails"}) {
    trail::TrailConfig trail = a_trail("main", "cn-north-1");
    trail.s3.reset(), trail.directory = folder;
    const json described = ask(TrailApi(options_with({trail})), "GetTrail", {{"Name", "arn:aws-cn:cloudtrail:cn-north-1:111122223333:trail/main"}});
    EXPECT_EQ(described["Trail"]["S3BucketName"], "trails") << folder;
  }
}

TEST(TrailApi, ListsTheTrailsThatAnAccountMaySee) {
  const TrailApi api(options_with(many_trails()));
  EXPECT_THAT(names_of(ask(api, "DescribeTrails", json::object())["trailList"]), ElementsAre("main", "elsewhere", "everyone", "org"));
  EXPECT_THAT(names_of(ask(api, "DescribeTrails", {{"includeShadowTrails", false}})["trailList"]), ElementsAre("main", "everyone")) << "at home here";
  EXPECT_THAT(names_of(ask(api, "DescribeTrails", json::object(), {"111122223333", "eu-central-1"})["trailList"]), ElementsAre("main", "elsewhere", "single", "everyone", "org"));
  EXPECT_THAT(names_of(ask(api, "DescribeTrails", json::object(), {"444455556666", "eu-west-1"})["trailList"]), ElementsAre("everyone", "org", "foreign"));
  EXPECT_EQ(ask(api, "DescribeTrails", json::object(), {"444455556666", "eu-west-1"})["trailList"][0]["TrailARN"], "arn:aws:cloudtrail:eu-west-1:444455556666:trail/everyone") << "of whoever asks";
  EXPECT_EQ(ask(api, "DescribeTrails", json::object(), {"444455556666", "eu-west-1"})["trailList"][1]["TrailARN"], "arn:aws:cloudtrail:eu-west-1:999988887777:trail/org") << "of the management account";
}

TEST(TrailApi, KnowsATrailAbroadByItsArnOnly) {
  const TrailApi api(options_with(many_trails()));
  const auto described = [&](const json& names) { return names_of(ask(api, "DescribeTrails", {{"trailNameList", names}})["trailList"]); };
  EXPECT_THAT(described({"main", "elsewhere", "nobody"}), ElementsAre("main")) << "unknown names are left out";
  EXPECT_THAT(described({"arn:aws:cloudtrail:us-east-1:111122223333:trail/elsewhere"}), ElementsAre("elsewhere"));
  EXPECT_THAT(described({"arn:aws:cloudtrail:eu-west-1:444455556666:trail/foreign"}), IsEmpty());
  EXPECT_EQ(ask(api, "GetTrail", {{"Name", "elsewhere"}}), "404 TrailNotFoundException");
  EXPECT_EQ(ask(api, "GetTrail", {{"Name", "arn:aws:cloudtrail:eu-west-1:444455556666:trail/foreign"}}), "404 TrailNotFoundException");
  EXPECT_EQ(ask(api, "GetTrail", {{"Name", "arn:aws:cloudtrail:eu-central-1:111122223333:trail/single"}})["Trail"]["Name"], "single");
}

TEST(TrailApi, ListsTrailsByPages) {
  auto options = options_with(many_trails());
  options.page = 2;
  const TrailApi api(std::move(options));
  const json first = ask(api, "ListTrails", json::object());
  EXPECT_EQ(first["Trails"], json::parse(R"([{"TrailARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main","Name":"main","HomeRegion":"eu-west-1"},
                                             {"TrailARN":"arn:aws:cloudtrail:us-east-1:111122223333:trail/elsewhere","Name":"elsewhere","HomeRegion":"us-east-1"}])"));
  const json second = ask(api, "ListTrails", {{"NextToken", first["NextToken"]}});
  EXPECT_THAT(names_of(second["Trails"]), ElementsAre("single", "everyone"));
  const json third = ask(api, "ListTrails", {{"NextToken", second["NextToken"]}});
  EXPECT_THAT(names_of(third["Trails"]), ElementsAre("org"));
  EXPECT_FALSE(third.contains("NextToken"));
  EXPECT_EQ(ask(api, "ListTrails", {{"NextToken", "made up"}}), "400 InvalidNextTokenException");
}

TEST(TrailApi, TellsOfATrailsStateWhatIsKnown) {
  auto options = options_with({a_trail("main", "eu-west-1"), a_trail("new", "eu-west-1")});
  options.status = [](const trail::TrailConfig& trail) {
    if (trail.name == "new") return TrailStatus{};
    return TrailStatus{.is_logging = true, .latest_delivery = kNow, .latest_digest_delivery = kNow - 1h, .latest_delivery_error = "AccessDenied", .latest_digest_delivery_error = "SlowDown"};
  };
  const TrailApi api(std::move(options));
  EXPECT_EQ(ask(api, "GetTrailStatus", {{"Name", "main"}}),
            json::parse(R"({"IsLogging":true,"LatestDeliveryError":"AccessDenied","LatestDeliveryTime":1772366400.0,"LatestDigestDeliveryError":"SlowDown","LatestDigestDeliveryTime":1772362800.0})"));
  EXPECT_EQ(ask(api, "GetTrailStatus", {{"Name", "new"}}), json::object());
}

TEST(TrailApi, GivesSelectors) {
  trail::TrailConfig advanced = a_trail("data", "eu-west-1");
  advanced.selectors = std::vector<trail::AdvancedEventSelector>{{"puts", {{.field = "eventCategory", .equals = {"Data"}}, {.field = "resources.type", .equals = {"AWS::S3::Object"}}}}};
  advanced.insights = false;
  const TrailApi api(options_with({a_trail("main", "eu-west-1"), advanced}));
  EXPECT_EQ(ask(api, "GetEventSelectors", {{"TrailName", "main"}}),
            json::parse(R"({"TrailARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main",
                            "EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":true,"DataResources":[],"ExcludeManagementEventSources":[]}]})"));
  EXPECT_EQ(ask(api, "GetEventSelectors", {{"TrailName", "data"}})["AdvancedEventSelectors"][0]["Name"], "puts");
  EXPECT_EQ(ask(api, "GetInsightSelectors", {{"TrailName", "main"}}),
            json::parse(R"({"TrailARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main","InsightSelectors":[{"InsightType":"ApiCallRateInsight"},{"InsightType":"ApiErrorRateInsight"}]})"));
  EXPECT_EQ(ask(api, "GetInsightSelectors", {{"TrailName", "data"}}), "400 InsightNotEnabledException");
  EXPECT_EQ(ask(api, "GetInsightSelectors", {{"EventDataStore", "arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/x"}}), "400 UnsupportedOperationException");
}

TEST(TrailApi, GivesThePublicKeysOfARange) {
  auto options = options_with({a_trail("main", "eu-west-1")});
  options.public_keys = [] { return std::vector{a_key("old", kNow - 60 * 24h, kNow - 30 * 24h), a_key("now", kNow - 30 * 24h, kNow + 1h), a_key("next", kNow, kNow + 30 * 24h)}; };
  const TrailApi api(std::move(options));
  const auto keys = [&](const json& body) {
    std::vector<std::string> values;
    const json answer = ask(api, "ListPublicKeys", body);
    if (answer.is_string()) return std::vector<std::string>{answer};
    for (const json& key : answer.at("PublicKeyList")) values.push_back(key.at("Value"));
    return values;
  };
  const auto seconds = [](Timestamp time) { return time.time_since_epoch().count(); };
  const std::string old = aws::base64("old"), now = aws::base64("now"), next = aws::base64("next");
  EXPECT_THAT(keys(json::object()), ElementsAre(now, next)) << "of now";
  EXPECT_THAT(keys({{"StartTime", seconds(kNow - 31 * 24h)}}), ElementsAre(old, now, next)) << "until now";
  EXPECT_THAT(keys({{"StartTime", static_cast<double>(seconds(kNow - 50 * 24h)) + 0.5}, {"EndTime", seconds(kNow - 40 * 24h)}}), ElementsAre(old));
  EXPECT_THAT(keys({{"StartTime", seconds(kNow + 2h)}, {"EndTime", seconds(kNow + 3h)}}), ElementsAre(next));
  EXPECT_THAT(keys({{"StartTime", seconds(kNow)}, {"EndTime", seconds(kNow) - 1}}), ElementsAre("400 InvalidTimeRangeException"));
  EXPECT_THAT(keys({{"NextToken", "abcd"}}), ElementsAre("400 InvalidTokenException"));
}

TEST(TrailApi, SaysThatKeysCannotBeRead) {
  auto options = options_with({});
  options.public_keys = [] { return fail(ErrorCode::kIo, "keys: permission denied"); };
  EXPECT_EQ(ask(TrailApi(std::move(options)), "ListPublicKeys", json::object()), "500 InternalFailure");
}

struct BadCase {
  const char *name, *operation, *body, *refusal;
};
void PrintTo(const BadCase& c, std::ostream* out) { *out << c.body; }

class BadRequest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadRequest, IsRefusedAsAwsDoes) {
  const BadCase& c = GetParam();
  const auto answer = TrailApi(options_with(many_trails())).answer(kCaller, c.operation, c.body);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(std::to_string(answer.error().status) + " " + answer.error().type, c.refusal);
  EXPECT_NE(answer.error().message, "");
}

INSTANTIATE_TEST_SUITE_P(
    Api, BadRequest,
    ::testing::Values(BadCase{"NoJson", "DescribeTrails", "{", "400 SerializationException"}, BadCase{"NoObject", "DescribeTrails", "[]", "400 SerializationException"},
                      BadCase{"NoUtf8", "GetTrail", "{\"Name\":\"\xff\"}", "400 SerializationException"}, BadCase{"NoName", "GetTrail", "", "400 InvalidTrailNameException"},
                      BadCase{"ShortName", "GetTrail", R"({"Name":"ab"})", "400 InvalidTrailNameException"}, BadCase{"OddName", "GetTrailStatus", R"({"Name":"a b c"})", "400 InvalidTrailNameException"},
                      BadCase{"BadArn", "GetEventSelectors", R"({"TrailName":"arn:aws:s3:::bucket"})", "400 CloudTrailARNInvalidException"},
                      BadCase{"ArnOfNothing", "GetTrail", R"({"Name":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/"})", "400 CloudTrailARNInvalidException"},
                      BadCase{"ArnWithOddAccount", "GetTrail", R"({"Name":"arn:aws:cloudtrail:eu-west-1:1111:trail/main"})", "400 CloudTrailARNInvalidException"},
                      BadCase{"BadNameInAList", "DescribeTrails", R"({"trailNameList":["main","x"]})", "400 InvalidTrailNameException"},
                      BadCase{"Unknown", "GetInsightSelectors", R"({"TrailName":"absent"})", "404 TrailNotFoundException"}, BadCase{"NumberAsName", "GetTrail", R"({"Name":5})", "400 SerializationException"},
                      BadCase{"TextAsList", "DescribeTrails", R"({"trailNameList":"main"})", "400 SerializationException"},
                      BadCase{"TextAsBoolean", "DescribeTrails", R"({"includeShadowTrails":"no"})", "400 SerializationException"},
                      BadCase{"TextAsTime", "ListPublicKeys", R"({"StartTime":"2026-03-01"})", "400 SerializationException"},
                      BadCase{"HugeTime", "ListPublicKeys", R"({"StartTime":1e300})", "400 SerializationException"}, BadCase{"NegativeTime", "ListPublicKeys", R"({"EndTime":-1})", "400 SerializationException"},
                      BadCase{"Writes", "DeleteTrail", R"({"Name":"main"})", "400 UnsupportedOperationException"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TrailApi, TakesAMemberThatIsNullAsAbsent) {
  EXPECT_THAT(names_of(ask(TrailApi(options_with(many_trails())), "DescribeTrails", {{"trailNameList", nullptr}, {"includeShadowTrails", nullptr}})["trailList"]), ElementsAre("main", "elsewhere", "everyone", "org"));
}

}  // namespace
}  // namespace trailwarden::api
