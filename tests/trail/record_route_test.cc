#include "trail/record_route.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/event_builder.h"

namespace trailwarden::trail {
namespace {

using nlohmann::json;
using testing::an_event;
using testing::EventBuilder;

TrailConfig a_trail() {
  TrailConfig trail;
  trail.name = "main";
  trail.home_region = "eu-west-1";
  trail.directory = "trail";
  return trail;
}

/// `KIND ACCOUNT REGION`, with `fallback` behind it; "none".
std::string routed(const TrailConfig& trail, const EventBuilder& event) {
  const auto record = event.decode();
  const RecordRouter router(trail);
  const auto route = router.route(record->event);
  if (!route) return "none";
  return std::string(to_string(route->kind)) + " " + std::string(route->account) + " " + std::string(route->region) + (route->is_fallback ? " fallback" : "");
}

EventBuilder of_category(const char* category) { return an_event().set("eventCategory", category); }

TEST(RecordRouter, KeepsManagementEventsOfEveryAccountAndRegionByDefault) {
  EXPECT_EQ(routed(a_trail(), an_event()), "CloudTrail 111111111111 eu-west-1");
  EXPECT_EQ(routed(a_trail(), an_event().in("ap-south-1").set("recipientAccountId", "222222222222")), "CloudTrail 222222222222 ap-south-1");
  EXPECT_EQ(routed(a_trail(), of_category("Data")), "none");
}

TEST(RecordRouter, PutsEachKindIntoObjectsOfItsOwn) {
  TrailConfig trail = a_trail();
  trail.selectors = std::vector<AdvancedEventSelector>{
      {"", {{.field = "eventCategory", .equals = {"Data"}}, {.field = "resources.type", .equals = {"AWS::S3::Object"}}}},
      {"", {{.field = "eventCategory", .equals = {"NetworkActivity"}}, {.field = "eventSource", .equals = {"ec2.amazonaws.com"}}}}};
  EXPECT_EQ(routed(trail, of_category("Data").set("resources", json::array({{{"type", "AWS::S3::Object"}}}))), "CloudTrail 111111111111 eu-west-1");
  EXPECT_EQ(routed(trail, of_category("NetworkActivity")), "CloudTrail-NetworkActivity 111111111111 eu-west-1");
  EXPECT_EQ(routed(trail, of_category("Insight")), "CloudTrail-Insight 111111111111 eu-west-1") << "whatever the selectors say";
  EXPECT_EQ(routed(trail, an_event()), "none");
  for (const char* category : {"Aggregated", "ActivityAuditLog", "ConfigurationItem", "Evidence"}) EXPECT_EQ(routed(trail, of_category(category)), "none") << category;
}

TEST(RecordRouter, LeavesInsightsOutWhereTheyAreOff) {
  TrailConfig trail = a_trail();
  trail.insights = false;
  EXPECT_EQ(routed(trail, of_category("Insight")), "none");
}

TEST(RecordRouter, KeepsTheRecordsOfItsAccountOnly) {
  TrailConfig trail = a_trail();
  trail.account = "111111111111";
  EXPECT_EQ(routed(trail, an_event()), "CloudTrail 111111111111 eu-west-1");
  EXPECT_EQ(routed(trail, an_event().set("recipientAccountId", "222222222222")), "none");
  EXPECT_EQ(routed(trail, an_event().set("recipientAccountId", json())), "CloudTrail 111111111111 eu-west-1") << "of userIdentity";
}

TEST(RecordRouter, KeepsThoseOfAnOrganizationsMembersUnderTheirAccounts) {
  TrailConfig trail = a_trail();
  trail.account = "111111111111";
  trail.organization = "o-a1b2c3d4e5";
  EXPECT_EQ(routed(trail, an_event().set("recipientAccountId", "222222222222")), "CloudTrail 222222222222 eu-west-1");
  EXPECT_EQ(objects_folder(trail.names(), ObjectKind::kLog, {"222222222222", "eu-west-1"}), "AWSLogs/o-a1b2c3d4e5/222222222222/CloudTrail/eu-west-1/");
}

TEST(RecordRouter, HasGlobalServicesWhereTheyAreRecorded) {
  const EventBuilder iam = an_event().of("iam").named("CreateUser").in("us-east-1");
  TrailConfig trail = a_trail();
  EXPECT_EQ(routed(trail, iam), "CloudTrail 111111111111 us-east-1");
  trail.is_multi_region = false;
  EXPECT_EQ(routed(trail, iam), "none") << "a trail of eu-west-1 alone";
  EXPECT_EQ(routed(trail, an_event()), "CloudTrail 111111111111 eu-west-1");
  trail.home_region = "us-east-1";
  EXPECT_EQ(routed(trail, iam), "CloudTrail 111111111111 us-east-1");
}

TEST(RecordRouter, KeepsTheRegionsItIsFor) {
  TrailConfig trail = a_trail();
  trail.regions = {"eu-west-1", "us-east-1"};
  EXPECT_NE(routed(trail, an_event()), "none");
  EXPECT_EQ(routed(trail, an_event().in("ap-south-1")), "none");
}

TEST(RecordRouter, LosesNoRecordThatDoesNotSayWhoseItIs) {
  TrailConfig trail = a_trail();
  trail.account = "111111111111";
  trail.is_multi_region = false;
  trail.fallback = "nobody";
  const EventBuilder without_account = an_event().set("recipientAccountId", json()).identity({{"type", "AWSService"}});
  EXPECT_EQ(routed(trail, without_account), "CloudTrail nobody eu-west-1 fallback");
  EXPECT_EQ(routed(trail, an_event().set("awsRegion", json())), "CloudTrail 111111111111 nobody fallback");
  EXPECT_EQ(routed(trail, an_event().in("../../etc")), "CloudTrail 111111111111 nobody fallback");
  EXPECT_EQ(routed(trail, an_event().set("recipientAccountId", "a/b")), "CloudTrail nobody eu-west-1 fallback");
  EXPECT_EQ(RecordRouter(trail).route_of_undecodable(), (RecordRoute{ObjectKind::kLog, "nobody", "nobody", true}));
}

}  // namespace
}  // namespace trailwarden::trail
