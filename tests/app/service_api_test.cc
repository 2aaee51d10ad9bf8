#include "app/service_api.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "../api/signed.h"
#include "metrics/registry.h"
#include "testing/temp_dir.h"
#include "trail/public_key.h"

namespace trailwarden::app {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

trail::TrailConfig a_trail(const std::string& keys) {
  trail::TrailConfig trail;
  trail.name = "main", trail.home_region = "eu-west-1", trail.directory = "/var/trail", trail.digest.key_directory = keys;
  return trail;
}

TEST(PublishedKeys, AreThoseOfAllFoldersEachOnce) {
  const testing::TempDir folder;
  const std::string keys = folder.path("keys");
  const std::vector<trail::PublicKey> published{{"der", "f1", Timestamp{}, Timestamp{std::chrono::hours{1}}}};
  folder.write("keys/public-keys.json", trail::public_keys_json(published));
  EXPECT_EQ(published_keys({a_trail(keys), a_trail(keys), a_trail(folder.path("other"))}).value(), published);
  EXPECT_FALSE(std::filesystem::exists(folder.path("other"))) << "to look for keys makes none";

  folder.write("keys/public-keys.json", "{");
  EXPECT_THAT(published_keys({a_trail(keys)}).error().message, HasSubstr("public-keys.json"));
  trail::TrailConfig without = a_trail(keys);
  without.digest.enabled = false;
  EXPECT_THAT(published_keys({without}).value(), IsEmpty());
}

class ServiceApiTest : public ::testing::Test {
 protected:
  app::Setup setup_of(const std::string& secret) {
    folder_.write("config.yaml", "version: 1\napi: {keys: [{id: TRAILWARDENAUDITOR, account: \"111122223333\", secret_file: " + secret + "}]}\n"
                                 "trails: [{name: main, home_region: eu-west-1, directory: t, digest: {key_directory: " + folder_.path("keys") + "}}]\n");
    return load_setup(folder_.path("config.yaml")).value();
  }
  const testing::TempDir folder_;
  metrics::Registry metrics_;
};

TEST_F(ServiceApiTest, AnswersForTheTrailsOfTheConfigurationAsOfNow) {
  folder_.write("secret", "a secret of somebody\n");
  const app::Setup setup = setup_of(folder_.path("secret"));
  detectors::InsightsConfig insights = setup.insights;
  const auto api = ServiceApi::open(setup, {.status = [](const trail::TrailConfig& trail) { return api::TrailStatus{.is_logging = trail.name == "main"}; }, .insights = [&insights] { return insights; }}, metrics_);
  ASSERT_TRUE(api.has_value()) << api.error().message;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto answer = (*api)->answer(testing::signed_request("GetTrailStatus", R"({"Name":"main"})", now));
  EXPECT_EQ(answer.body, R"({"IsLogging":true})");
  const auto selectors = [&] { return nlohmann::json::parse((*api)->answer(testing::signed_request("GetInsightSelectors", R"({"TrailName":"main"})", now)).body)["InsightSelectors"]; };
  EXPECT_EQ(selectors().size(), 2U);
  insights.error_rate = false;  // taken by a reload
  EXPECT_EQ(selectors(), nlohmann::json::parse(R"([{"InsightType": "ApiCallRateInsight"}])"));
}

TEST_F(ServiceApiTest, TakesASecretThatIsReplacedAndKeepsTheLastOneWhereThereIsNone) {
  folder_.write("secret", "another secret\n");
  const app::Setup setup = setup_of(folder_.path("secret"));
  const auto api = ServiceApi::open(setup, {.status = [](const trail::TrailConfig&) { return api::TrailStatus{.is_logging = true}; }, .insights = {}}, metrics_, std::chrono::milliseconds{0}).value();
  const auto asked = [&] { return api->answer(testing::signed_request("GetTrailStatus", R"({"Name":"main"})", std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()))).status; };
  EXPECT_EQ(asked(), 400U);
  folder_.write("secret", "a secret of somebody\n");
  EXPECT_EQ(asked(), 200U);
  folder_.write("secret", "");
  EXPECT_EQ(asked(), 200U);
  folder_.write("secret", "a third one\n");
  EXPECT_EQ(asked(), 400U);
}

TEST_F(ServiceApiTest, DoesNotBeginWithoutItsSecrets) {
  const app::Setup setup = setup_of(folder_.path("absent"));
  const auto api = ServiceApi::open(setup, {}, metrics_);
  ASSERT_FALSE(api.has_value());
  EXPECT_THAT(api.error().message, ::testing::AllOf(HasSubstr("api key TRAILWARDENAUDITOR"), HasSubstr("absent")));
}

}  // namespace
}  // namespace trailwarden::app
