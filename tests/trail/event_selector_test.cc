// What is refused of event selectors, and why.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trail/event_selection.h"

namespace trailwarden::trail {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Basic = std::vector<EventSelector>;
using Advanced = std::vector<AdvancedEventSelector>;

/// Problems as `SELECTOR[.PART] KEY: MESSAGE`.
std::vector<std::string> told(const EventSelectors& selectors) {
  std::vector<std::string> out;
  for (const SelectorProblem& problem : problems_with(selectors))
    out.push_back(std::to_string(problem.selector) + (problem.part ? "." + std::to_string(*problem.part) : "") + " " + std::string(problem.key) + ": " + problem.message);
  return out;
}

TEST(EventSelectors, OfADefaultTrailAreFine) { EXPECT_THAT(told(default_event_selectors()), IsEmpty()); }

TEST(EventSelectors, AreFiveAtMost) {
  EXPECT_THAT(told(Basic(5)), IsEmpty());
  EXPECT_THAT(told(Basic(6)), ElementsAre(HasSubstr("5 : a trail has at most 5 event selectors; 6 are given")));
}

TEST(EventSelectors, ExcludeTheTwoSourcesThatCanBeExcluded) {
  EXPECT_THAT(told(Basic{{.exclude_management_event_sources = {"kms.amazonaws.com", "rdsdata.amazonaws.com"}}}), IsEmpty());
  EXPECT_THAT(told(Basic{{.exclude_management_event_sources = {"kms.amazonaws.org"}}}), ElementsAre(HasSubstr("0 exclude_management_event_sources: ")));
  EXPECT_THAT(told(Basic{{.exclude_management_event_sources = {"kms.amazonaws.org"}}}), ElementsAre(HasSubstr("did you mean \"kms.amazonaws.com\"?")));
}

TEST(EventSelectors, KnowThreeTypesOfDataResources) {
  EXPECT_THAT(told(Basic{{}, {.data_resources = {{"AWS::S3::Object", {}}, {"AWS::SNS::Topic", {"arn:aws:sns"}}}}}), ElementsAre(HasSubstr("1.1 type: ")));
}

TEST(EventSelectors, TakeArnsOfTheirType) {
  const auto of = [](std::string type, std::string value) { return told(Basic{{.data_resources = {{std::move(type), {std::move(value)}}}}}); };
  EXPECT_THAT(of("AWS::S3::Object", "arn:aws-us-gov:s3:::b/"), IsEmpty());
  EXPECT_THAT(of("AWS::S3::Object", "b/prefix"), ElementsAre(HasSubstr("0.0 values: \"b/prefix\" is no ARN of AWS::S3::Object")));
  EXPECT_THAT(of("AWS::S3::Object", "arn:aws:lambda"), ElementsAre(HasSubstr("arn:aws:s3")));
  EXPECT_THAT(of("AWS::S3::Object", "arn:aws:s3:us-east-1:1:b"), ElementsAre(HasSubstr("arn:aws:s3:::BUCKET/PREFIX")));
  EXPECT_THAT(of("AWS::Lambda::Function", "arn:aws:lambda:us-east-1"), ElementsAre(HasSubstr("is no whole ARN")));
}

TEST(EventSelectors, HaveAtMost250Values) {
  const auto of = [](std::size_t values) {
    const std::vector<std::string> half(values, "arn:aws:s3:::b/");
    return told(Basic{{.data_resources = {{"AWS::S3::Object", half}}}, {.data_resources = {{"AWS::Lambda::Function", {"arn:aws:lambda"}}, {"AWS::S3::Object", half}}}});
  };
  EXPECT_THAT(of(125), IsEmpty()) << "a whole service does not count";
  EXPECT_THAT(of(126), ElementsAre(HasSubstr("1.1 values: a trail's event selectors have at most 250")));
}

struct Refused {
  const char* name;
  AdvancedEventSelector selector;
  const char* complaint;  // nullptr: none
};
void PrintTo(const Refused& c, std::ostream* out) { *out << c.name; }

AdvancedFieldSelector equals(std::string field, std::vector<std::string> values) { return {.field = std::move(field), .equals = std::move(values)}; }
const AdvancedFieldSelector kManagement = equals("eventCategory", {"Management"}), kData = equals("eventCategory", {"Data"}), kNetwork = equals("eventCategory", {"NetworkActivity"});
const AdvancedFieldSelector kObjects = equals("resources.type", {"AWS::S3::Object"}), kOfKms = equals("eventSource", {"kms.amazonaws.com"});

class AdvancedSelectors : public ::testing::TestWithParam<Refused> {};
TEST_P(AdvancedSelectors, AreTakenOrRefused) {
  const auto problems = told(Advanced{GetParam().selector});
  if (GetParam().complaint == nullptr) EXPECT_THAT(problems, IsEmpty());
  else EXPECT_THAT(problems, ElementsAre(HasSubstr(GetParam().complaint)));
}
INSTANTIATE_TEST_SUITE_P(Selectors, AdvancedSelectors, ::testing::Values(
    Refused{"Management", {"", {kManagement}}, nullptr},
    Refused{"ManagementReads", {"", {kManagement, equals("readOnly", {"true"})}}, nullptr},
    Refused{"ManagementWithoutKms", {"", {kManagement, {.field = "eventSource", .not_equals = {"kms.amazonaws.com"}}}}, nullptr},
    Refused{"ManagementOfAnySource", {"", {kManagement, equals("eventSource", {"iam.amazonaws.com"})}}, "0.1 equals: eventSource takes only not_equals"},
    Refused{"ManagementWithoutIam", {"", {kManagement, {.field = "eventSource", .not_equals = {"iam.amazonaws.com"}}}}, "0.1 not_equals: eventSource: expected kms.amazonaws.com or rdsdata"},
    Refused{"ManagementByName", {"", {kManagement, equals("eventName", {"a"})}}, "0.1 field: selectors of this eventCategory do not test eventName, but eventCategory, readOnly, eventSource"},
    Refused{"NoCategory", {"", {kObjects}}, "0 field_selectors: an advanced selector says which events"},
    Refused{"NoFieldSelectors", {"", {}}, "0 field_selectors: an advanced selector says which events"},
    Refused{"CategoryByPrefix", {"", {{.field = "eventCategory", .starts_with = {"Data"}}}}, "which events it is about"},
    Refused{"TwoCategories", {"", {equals("eventCategory", {"Management", "Management"})}}, "0.0 equals: eventCategory takes one value"},
    Refused{"CategoryTwice", {"", {kManagement, kManagement}}, "0 field_selectors: eventCategory is tested twice"},
    Refused{"UnknownCategory", {"", {equals("eventCategory", {"management"})}}, "0.0 equals: eventCategory: expected Management, Data or NetworkActivity, not \"management\""},
    Refused{"InsightOfAStore", {"", {equals("eventCategory", {"Insight"})}}, "is for event data stores"},
    Refused{"Data", {"", {kData, kObjects}}, nullptr},
    Refused{"DataWithoutType", {"", {kData}}, "0 field_selectors: selectors of this eventCategory name one resources.type"},
    Refused{"DataOfTwoTypes", {"", {kData, equals("resources.type", {"AWS::S3::Object", "AWS::SNS::Topic"})}}, "0.1 equals: resources.type takes one value"},
    Refused{"DataTypeTwice", {"", {kData, kObjects, kObjects}}, "resources.type is tested twice"},
    Refused{"DataTypeByPrefix", {"", {kData, {.field = "resources.type", .starts_with = {"AWS::S3"}}}}, "0.1 starts_with: resources.type takes only equals"},
    Refused{"DataByEndpoint", {"", {kData, kObjects, equals("vpcEndpointId", {"vpce-1"})}}, "0.2 field: selectors of this eventCategory do not test vpcEndpointId"},
    Refused{"PartOfAnArn", {"", {kData, kObjects, equals("resources.ARN", {"arn:aws:s3"})}}, "0.2 equals: \"arn:aws:s3\" is no whole ARN; for the beginning of one take starts_with"},
    Refused{"PartOfAnArnExcluded", {"", {kData, kObjects, {.field = "resources.ARN", .not_equals = {"b/o"}}}}, "take not_starts_with"},
    Refused{"BeginningOfAnArn", {"", {kData, kObjects, {.field = "resources.ARN", .starts_with = {"arn:aws:s3:::b/"}, .not_ends_with = {".tmp"}}}}, nullptr},
    Refused{"ReadOnlyMaybe", {"", {kData, kObjects, equals("readOnly", {"maybe"})}}, "0.2 equals: readOnly: expected true or false, not \"maybe\""},
    Refused{"NotFromTheConsole", {"", {kData, kObjects, {.field = "sessionCredentialFromConsole", .not_equals = {"true"}}}}, nullptr},
    Refused{"FromNoConsole", {"", {kData, kObjects, equals("sessionCredentialFromConsole", {"false"})}}, "sessionCredentialFromConsole: expected true, not \"false\""},
    Refused{"Misspelt", {"", {kData, kObjects, equals("resources.arn", {"a"})}}, "0.2 field: unknown field \"resources.arn\", did you mean \"resources.ARN\"?"},
    Refused{"Invented", {"", {kData, kObjects, equals("sourceIPAddress", {"a"})}}, "0.2 field: unknown field \"sourceIPAddress\"; there are eventCategory"},
    Refused{"NoOperator", {"", {kData, kObjects, equals("eventName", {})}}, "0.2 field: eventName is tested for nothing"},
    Refused{"EmptyValue", {"", {kData, kObjects, equals("eventName", {""})}}, "0.2 equals: a value has 1 to 2048 characters"},
    Refused{"LongestValue", {"", {kData, kObjects, equals("eventName", {std::string(2048, 'a')})}}, nullptr},
    Refused{"LongValue", {"", {kData, kObjects, equals("eventName", {std::string(2049, 'a')})}}, "a value has 1 to 2048 characters"},
    Refused{"LongestName", {std::string(999, 'a') + "\xC3\xA9", {kManagement}}, nullptr},
    Refused{"LongName", {std::string(1001, 'a'), {kManagement}}, "0 name: longer than 1000 characters"},
    Refused{"Network", {"", {kNetwork, kOfKms, equals("errorCode", {"VpceAccessDenied"}), {.field = "vpcEndpointId", .not_starts_with = {"vpce-0"}}}}, nullptr},
    Refused{"NetworkWithoutSource", {"", {kNetwork}}, "selectors of this eventCategory name one eventSource"},
    Refused{"NetworkReads", {"", {kNetwork, kOfKms, equals("readOnly", {"true"})}}, "do not test readOnly"},
    Refused{"NetworkErrors", {"", {kNetwork, kOfKms, equals("errorCode", {"AccessDenied"})}}, "errorCode: expected VpceAccessDenied"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(AdvancedSelectors, HaveAtMost500Values) {
  const auto of = [](std::size_t values) {
    return told(Advanced{{"", {kManagement}}, {"", {kData, kObjects, equals("eventName", std::vector<std::string>(values, "a"))}}});
  };
  EXPECT_THAT(of(497), IsEmpty());
  EXPECT_THAT(of(498), ElementsAre(HasSubstr("1.2 : a trail's advanced selectors have at most 500 values")));
}

}  // namespace
}  // namespace trailwarden::trail
