#include "trail/selectors_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::trail {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string round_trip(std::string_view request) {
  const auto selectors = parse_event_selectors(request);
  return selectors ? to_json(*selectors) : selectors.error().message;
}

/// As the AWS CLI's example of get-event-selectors prints it.
TEST(SelectorsJson, OfADefaultTrail) {
  EXPECT_EQ(to_json(default_event_selectors()), R"({"EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":true,"DataResources":[],"ExcludeManagementEventSources":[]}]})");
}

TEST(SelectorsJson, WritesWhatItReads) {
  const std::string basic = R"({"EventSelectors":[{"ReadWriteType":"WriteOnly","IncludeManagementEvents":false,"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3:::b/","arn:aws:s3"]}],)"
                            R"("ExcludeManagementEventSources":["kms.amazonaws.com"]}]})";
  EXPECT_EQ(round_trip(basic), basic);
  const std::string advanced = R"({"AdvancedEventSelectors":[{"Name":"Management events selector","FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]}]},)"
                               R"({"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::S3::Object"]},)"
                               R"({"Field":"resources.ARN","Equals":["arn:aws:s3:::b/o"],"NotEquals":["arn:aws:s3:::b/p"],"StartsWith":["arn:aws:s3:::c/"],"NotStartsWith":["arn:aws:s3:::c/d"],"EndsWith":["a"],)"
                               R"("NotEndsWith":["b"]}]}]})";
  EXPECT_EQ(round_trip(advanced), advanced);
}

TEST(SelectorsJson, FillsInWhatARequestLeavesOut) {
  EXPECT_EQ(round_trip(R"({"TrailName":"t","EventSelectors":[{}],"AdvancedEventSelectors":null})"), to_json(default_event_selectors()));
}

struct BadRequest {
  const char* text;
  const char* type;
  const char* message;
};
TEST(SelectorsJson, RefusesWithTheErrorsOfTheApi) {
  const std::vector<BadRequest> requests{
      {"{", "SerializationException", "not JSON"},
      {"[]", "SerializationException", "the request is no object"},
      {R"({"EventSelectors":{}})", "SerializationException", "EventSelectors is no list"},
      {R"({"EventSelectors":[1]})", "SerializationException", "EventSelectors[0] is no object"},
      {R"({"EventSelectors":[{"IncludeManagementEvents":"true"}]})", "SerializationException", "EventSelectors[0].IncludeManagementEvents is no boolean"},
      {R"({"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"a","Equals":[1]}]}]})", "SerializationException", "AdvancedEventSelectors[0].FieldSelectors[0].Equals is no list of strings"},
      {"{}", "InvalidParameterCombinationException", "only one of them"},
      {R"({"EventSelectors":[{}],"AdvancedEventSelectors":[]})", "InvalidParameterCombinationException", "only one of them"},
      {R"({"EventSelectors":[]})", "InvalidEventSelectorsException", "1 to 5"},
      {R"({"AdvancedEventSelectors":[]})", "InvalidEventSelectorsException", "one or more"},
      {R"({"EventSelectors":[{"ReadWriteType":"Some"}]})", "InvalidEventSelectorsException", "EventSelectors[0].ReadWriteType: expected All"},
      {R"({"EventSelectors":[{"DataResources":[{"Type":"AWS::S3::Object","Values":["b"]}]}]})", "InvalidEventSelectorsException", "EventSelectors[0].DataResources[0].Values: \"b\" is no ARN"},
      {R"({"EventSelectors":[{"ExcludeManagementEventSources":["a"]}]})", "InvalidEventSelectorsException", "EventSelectors[0].ExcludeManagementEventSources: "},
      {R"({"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"],"NotEquals":[]}]}]})", "InvalidEventSelectorsException",
       "AdvancedEventSelectors[0].FieldSelectors[0].NotEquals: a list of one or more values"},
      {R"({"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]}]}]})", "InvalidEventSelectorsException", "AdvancedEventSelectors[0].FieldSelectors: "},
  };
  for (const BadRequest& request : requests) {
    const auto selectors = parse_event_selectors(request.text);
    ASSERT_FALSE(selectors.has_value()) << request.text;
    EXPECT_EQ(selectors.error().type, request.type) << request.text;
    EXPECT_THAT(selectors.error().message, HasSubstr(request.message)) << request.text;
  }
}

TEST(SelectorsJson, NamesEveryProblemAtOnce) {
  const auto selectors = parse_event_selectors(R"({"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"eventname","Equals":["a"]}]}]})");
  ASSERT_FALSE(selectors.has_value());
  EXPECT_THAT(selectors.error().message, AllOf(HasSubstr("FieldSelectors[1].Field: unknown field \"eventname\", did you mean \"eventName\"?"), HasSubstr("name one resources.type")));
}

}  // namespace
}  // namespace trailwarden::trail
