#include "trail/event_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "testing/event_builder.h"
#include "trail/selector_field.h"

namespace trailwarden::trail {
namespace {

using nlohmann::json;
using testing::an_event;
using testing::EventBuilder;

using Basic = std::vector<EventSelector>;
using Advanced = std::vector<AdvancedEventSelector>;

EventBuilder data_event(std::string_view type, std::string_view arn) {
  return an_event().of("s3").named("PutObject").set("eventCategory", "Data").set("managementEvent", false).set("resources", json::array({{{"type", type}, {"ARN", arn}}}));
}
EventBuilder object_event(std::string_view arn) { return data_event("AWS::S3::Object", arn); }
EventBuilder network_event() {
  return an_event().of("kms").named("Decrypt").set("eventCategory", "NetworkActivity").set("eventType", "AwsVpceEvent").set("vpcEndpointId", "vpce-1").failed_with("VpceAccessDenied");
}

bool keeps(const EventSelectors& selectors, const EventBuilder& event) {
  EXPECT_TRUE(problems_with(selectors).empty()) << problems_with(selectors).front().message;
  return EventSelection(selectors).keeps(event.decode()->event);
}

AdvancedFieldSelector equals(std::string field, std::vector<std::string> values) { return {.field = std::move(field), .equals = std::move(values)}; }
AdvancedEventSelector management(std::vector<AdvancedFieldSelector> more = {}) {
  more.insert(more.begin(), equals("eventCategory", {"Management"}));
  return {"", std::move(more)};
}
AdvancedEventSelector objects(std::vector<AdvancedFieldSelector> more = {}) {
  more.insert(more.begin(), {equals("eventCategory", {"Data"}), equals("resources.type", {"AWS::S3::Object"})});
  return {"", std::move(more)};
}
AdvancedEventSelector network(std::vector<AdvancedFieldSelector> more = {}) {
  more.insert(more.begin(), {equals("eventCategory", {"NetworkActivity"}), equals("eventSource", {"kms.amazonaws.com"})});
  return {"", std::move(more)};
}

TEST(EventSelection, KeepsManagementEventsOnlyByDefault) {
  const EventSelectors selectors = default_event_selectors();
  EXPECT_TRUE(keeps(selectors, an_event()));
  EXPECT_TRUE(keeps(selectors, an_event().read()));
  EXPECT_FALSE(keeps(selectors, object_event("arn:aws:s3:::b/o")));
  EXPECT_FALSE(keeps(selectors, network_event()));
  EXPECT_FALSE(keeps(selectors, an_event().set("eventCategory", "Insight").set("eventType", "AwsCloudTrailInsight")));
  EXPECT_FALSE(keeps(selectors, an_event().set("eventCategory", "Aggregated")));
  EXPECT_TRUE(keeps(Advanced{management()}, an_event())) << "the console's form of the same";
}

TEST(EventSelection, KnowsTheCategoryOfOlderRecords) {
  const auto without_category = [](EventBuilder event) { return event.set("eventCategory", json()); };
  const EventSelectors selectors = default_event_selectors();
  EXPECT_TRUE(keeps(selectors, without_category(an_event().set("eventVersion", "1.05")))) << "neither field";
  EXPECT_TRUE(keeps(selectors, without_category(an_event().set("managementEvent", true))));
  EXPECT_FALSE(keeps(selectors, without_category(object_event("arn:aws:s3:::b/o"))));
  EXPECT_TRUE(keeps(Advanced{objects()}, without_category(object_event("arn:aws:s3:::b/o"))));
  EXPECT_TRUE(keeps(Advanced{network()}, without_category(network_event())));
  EXPECT_FALSE(keeps(selectors, without_category(an_event().set("eventType", "AwsCloudTrailInsight"))));
}

TEST(EventSelection, KnowsWhetherOlderRecordsRead) {
  const EventSelectors reads = Basic{{.read_write_type = ReadWriteType::kReadOnly}}, writes = Basic{{.read_write_type = ReadWriteType::kWriteOnly}};
  for (const bool read : {true, false}) {
    const EventBuilder said = an_event().set("readOnly", read);
    const EventBuilder unsaid = an_event().named(read ? "DescribeInstances" : "RunInstances").set("readOnly", json());
    for (const EventBuilder& event : {said, unsaid}) {
      EXPECT_EQ(keeps(reads, event), read);
      EXPECT_EQ(keeps(writes, event), !read);
    }
  }
}

TEST(EventSelection, LeavesLoudSourcesOut) {
  const EventSelectors basic = Basic{{.exclude_management_event_sources = {"kms.amazonaws.com"}}};
  const EventSelectors advanced = Advanced{management({{.field = "eventSource", .not_equals = {"kms.amazonaws.com"}}})};
  for (const EventSelectors& selectors : {basic, advanced}) {
    EXPECT_FALSE(keeps(selectors, an_event().of("kms")));
    EXPECT_TRUE(keeps(selectors, an_event().of("rdsdata")));
  }
}

struct BasicValue {
  const char* type;
  const char* value;
  const char* arn;
  bool kept;
};
TEST(EventSelection, TakesArnsAndTheirBeginningsAsTheirTypeDoes) {
  const std::vector<BasicValue> cases{
      {"AWS::S3::Object", "arn:aws:s3", "arn:aws:s3:::any/object", true},
      {"AWS::S3::Object", "arn:aws:s3:::", "arn:aws:s3:::any/object", true},
      {"AWS::S3::Object", "arn:aws:s3:::b/", "arn:aws:s3:::b/object", true},
      {"AWS::S3::Object", "arn:aws:s3:::b/", "arn:aws:s3:::b2/object", false},
      {"AWS::S3::Object", "arn:aws:s3:::b/pre", "arn:aws:s3:::b/prefixed", true},
      {"AWS::S3::Object", "arn:aws:s3:::b/pre", "arn:aws:s3:::b/Prefixed", false},
      {"AWS::S3::Object", "arn:aws-cn:s3", "arn:aws:s3:::b/o", false},
      {"AWS::Lambda::Function", "arn:aws:lambda", "arn:aws:lambda:us-west-2:111111111111:function:hello", true},
      {"AWS::Lambda::Function", "arn:aws:lambda:us-west-2:111111111111:function:hello", "arn:aws:lambda:us-west-2:111111111111:function:hello", true},
      {"AWS::Lambda::Function", "arn:aws:lambda:us-west-2:111111111111:function:hello", "arn:aws:lambda:us-west-2:111111111111:function:hello2", false},
      {"AWS::DynamoDB::Table", "arn:aws:dynamodb", "arn:aws:dynamodb:us-west-2:111111111111:table/Orders", true},
      {"AWS::DynamoDB::Table", "arn:aws:dynamodb:us-west-2:111111111111:table/Orders", "arn:aws:dynamodb:us-west-2:111111111111:table/Orders", true},
      {"AWS::DynamoDB::Table", "arn:aws:dynamodb:us-west-2:111111111111:table/Orders", "arn:aws:dynamodb:us-west-2:111111111111:table/Orders2", false},
  };
  for (const BasicValue& c : cases) {
    const EventSelectors selectors = Basic{{.include_management_events = false, .data_resources = {{c.type, {c.value}}}}};
    EXPECT_EQ(keeps(selectors, data_event(c.type, c.arn)), c.kept) << c.value << " " << c.arn;
    EXPECT_FALSE(keeps(selectors, data_event("AWS::SNS::Topic", c.arn))) << "another type";
    EXPECT_FALSE(keeps(selectors, an_event())) << "a management event";
  }
}

TEST(EventSelection, KeepsNoDataEventsOfATypeWithoutValues) {
  EXPECT_FALSE(keeps(Basic{{.data_resources = {{"AWS::S3::Object", {}}}}}, object_event("arn:aws:s3:::b/o")));
}

TEST(EventSelection, ReadsOrWritesOfDataToo) {
  const EventSelectors selectors = Basic{{.read_write_type = ReadWriteType::kReadOnly, .data_resources = {{"AWS::S3::Object", {"arn:aws:s3"}}}}};
  EXPECT_TRUE(keeps(selectors, object_event("arn:aws:s3:::b/o").read()));
  EXPECT_FALSE(keeps(selectors, object_event("arn:aws:s3:::b/o")));
}

/// AWS's worked example of all operators on one field.
TEST(EventSelection, ExclusionWins) {
  const std::string b = "arn:aws:s3:::bucket/";
  const EventSelectors selectors = Advanced{objects({{.field = "resources.ARN",
                                                      .equals = {b + "object1"},
                                                      .not_equals = {b + "object6"},
                                                      .starts_with = {b},
                                                      .not_starts_with = {b + "deselect"},
                                                      .ends_with = {"object3"},
                                                      .not_ends_with = {"object5"}}})};
  EXPECT_TRUE(keeps(selectors, object_event(b + "object1")));
  EXPECT_TRUE(keeps(selectors, object_event(b + "object2")));
  EXPECT_TRUE(keeps(selectors, object_event("arn:aws:s3:::other-bucket/object3")));
  EXPECT_FALSE(keeps(selectors, object_event(b + "deselectObject4")));
  EXPECT_FALSE(keeps(selectors, object_event(b + "object5")));
  EXPECT_FALSE(keeps(selectors, object_event(b + "object6")));
  EXPECT_FALSE(keeps(selectors, object_event("arn:aws:s3:::other-bucket/object7"))) << "no wanted list has it";
}

TEST(EventSelection, OnlyExclusionsKeepTheRest) {
  const EventSelectors selectors = Advanced{objects({{.field = "eventName", .not_starts_with = {"Put"}}})};
  EXPECT_FALSE(keeps(selectors, object_event("arn:aws:s3:::b/o")));
  EXPECT_TRUE(keeps(selectors, object_event("arn:aws:s3:::b/o").named("GetObject")));
}

TEST(EventSelection, OneResourceMustSatisfyTypeAndArnTogether) {
  const EventSelectors selectors = Advanced{objects({{.field = "resources.ARN", .starts_with = {"arn:aws:s3:::mine/"}}})};
  const json mine = {{"type", "AWS::S3::Object"}, {"ARN", "arn:aws:s3:::mine/o"}}, other = {{"type", "AWS::S3::Object"}, {"ARN", "arn:aws:s3:::other/o"}};
  const json bucket = {{"type", "AWS::S3::Bucket"}, {"ARN", "arn:aws:s3:::mine/"}};
  const auto with = [](const json& resources) { return object_event("").set("resources", resources); };
  EXPECT_TRUE(keeps(selectors, with({bucket, other, mine})));
  EXPECT_FALSE(keeps(selectors, with({bucket, other})));
  EXPECT_FALSE(keeps(selectors, with(json::array())));
  EXPECT_FALSE(keeps(selectors, with(json())));
}

TEST(EventSelection, KnowsAListingByTheBeginningOfItsArns) {
  const json resources = {{{"type", "AWS::S3::Object"}, {"ARNPrefix", "arn:aws:s3:::mine/"}}, {{"type", "AWS::S3::Bucket"}, {"ARN", "arn:aws:s3:::mine"}}};
  const EventBuilder listing = object_event("").named("ListObjects").set("resources", resources);
  EXPECT_TRUE(keeps(Advanced{objects({{.field = "resources.ARN", .starts_with = {"arn:aws:s3:::mine/"}}})}, listing));
  EXPECT_FALSE(keeps(Advanced{objects({{.field = "resources.ARN", .not_starts_with = {"arn:aws:s3:::mine/"}}})}, listing));
}

TEST(EventSelection, ComparesTheTextOfAnArnAndNotItsEscapes) {
  const std::string arn = "arn:aws:s3:::b/\"quoted\" \xC3\xA9";
  EXPECT_TRUE(keeps(Advanced{objects({equals("resources.ARN", {arn})})}, object_event(arn)));
}

TEST(EventSelection, TestsEveryFieldOfDataEvents) {
  const EventBuilder event = object_event("arn:aws:s3:::b/o").set("sessionCredentialFromConsole", "true").by_user("bob");
  const auto test = [&](AdvancedFieldSelector field) { return keeps(Advanced{objects({std::move(field)})}, event); };
  EXPECT_TRUE(test(equals("eventSource", {"s3.amazonaws.com"})));
  EXPECT_FALSE(test({.field = "eventSource", .not_ends_with = {".com"}}));
  EXPECT_TRUE(test({.field = "eventName", .starts_with = {"Get", "Put"}}));
  EXPECT_FALSE(test({.field = "eventType", .not_equals = {"AwsApiCall"}}));
  EXPECT_TRUE(test(equals("sessionCredentialFromConsole", {"true"})));
  EXPECT_FALSE(test({.field = "sessionCredentialFromConsole", .not_equals = {"true"}}));
  EXPECT_TRUE(test({.field = "userIdentity.arn", .ends_with = {":user/bob"}}));
  EXPECT_FALSE(test(equals("readOnly", {"true"})));
  EXPECT_TRUE(keeps(Advanced{objects({{.field = "sessionCredentialFromConsole", .not_equals = {"true"}}})}, object_event("arn:aws:s3:::b/o"))) << "not there";
}

TEST(EventSelection, TestsEveryFieldOfNetworkActivity) {
  EXPECT_TRUE(keeps(Advanced{network()}, network_event()));
  EXPECT_FALSE(keeps(Advanced{network()}, network_event().of("s3")));
  EXPECT_TRUE(keeps(Advanced{network({equals("errorCode", {"VpceAccessDenied"})})}, network_event()));
  EXPECT_FALSE(keeps(Advanced{network({equals("errorCode", {"VpceAccessDenied"})})}, network_event().set("errorCode", json())));
  EXPECT_FALSE(keeps(Advanced{network({{.field = "vpcEndpointId", .not_equals = {"vpce-1"}}})}, network_event()));
  EXPECT_TRUE(keeps(Advanced{network({{.field = "eventName", .ends_with = {"crypt"}}})}, network_event()));
}

TEST(EventSelection, AnySelectorIsEnough) {
  const EventSelectors selectors = Advanced{network(), management()};
  EXPECT_TRUE(keeps(selectors, an_event()));
  EXPECT_TRUE(keeps(selectors, network_event()));
  EXPECT_FALSE(keeps(selectors, object_event("arn:aws:s3:::b/o")));
}

// A second evaluator, from the text of the specification alone: it reads the record with nlohmann/json and shares nothing with the first but the structs.

std::string text_at(const json& record, const std::string& path) {
  const json* at = &record;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    if (!at->is_object() || !at->contains(name)) return "";
    at = &(*at)[name];
    begin = end + 1;
  }
  return at->is_string() ? at->get<std::string>() : at->is_boolean() ? (at->get<bool>() ? "true" : "false") : "";
}

std::string slow_category(const json& record) {
  if (const std::string said = text_at(record, "eventCategory"); !said.empty()) return said;
  const std::string type = text_at(record, "eventType");
  if (type == "AwsCloudTrailInsight") return "Insight";
  if (type.substr(0, 7) == "AwsVpce") return "NetworkActivity";
  return text_at(record, "managementEvent") == "false" ? "Data" : "Management";
}

bool slow_test(const AdvancedFieldSelector& test, const std::string& text) {
  const auto begins = [&](const std::string& value) { return text.compare(0, value.size(), value) == 0; };
  const auto ends = [&](const std::string& value) { return text.size() >= value.size() && text.compare(text.size() - value.size(), value.size(), value) == 0; };
  bool wanted = test.equals.empty() && test.starts_with.empty() && test.ends_with.empty();
  for (const auto& value : test.equals) wanted |= text == value;
  for (const auto& value : test.starts_with) wanted |= begins(value);
  for (const auto& value : test.ends_with) wanted |= ends(value);
  for (const auto& value : test.not_equals) wanted &= text != value;
  for (const auto& value : test.not_starts_with) wanted &= !begins(value);
  for (const auto& value : test.not_ends_with) wanted &= !ends(value);
  return wanted;
}

bool slow_keeps(const AdvancedEventSelector& selector, const json& record) {
  bool has_resource_test = false;
  for (const auto& test : selector.field_selectors) {
    if (test.field.substr(0, 10) == "resources.") has_resource_test = true;
    else if (!slow_test(test, test.field == "eventCategory" ? slow_category(record) : text_at(record, test.field))) return false;
  }
  if (!has_resource_test) return true;
  for (const json& resource : record.value("resources", json::array())) {
    bool all = true;
    for (const auto& test : selector.field_selectors)
      if (test.field.substr(0, 10) == "resources.") all &= slow_test(test, text_at(resource, test.field.substr(10)));
    if (all) return true;
  }
  return false;
}

bool slow_keeps(const EventSelector& selector, const json& record) {
  const bool reads = text_at(record, "readOnly") == "true";
  if (selector.read_write_type == ReadWriteType::kReadOnly && !reads) return false;
  if (selector.read_write_type == ReadWriteType::kWriteOnly && reads) return false;
  if (slow_category(record) == "Management") {
    bool excluded = false;
    for (const auto& source : selector.exclude_management_event_sources) excluded |= source == text_at(record, "eventSource");
    return selector.include_management_events && !excluded;
  }
  if (slow_category(record) != "Data") return false;
  for (const DataResource& wanted : selector.data_resources)
    for (const json& resource : record.value("resources", json::array()))
      for (const std::string& value : wanted.values) {
        const std::string arn = text_at(resource, "ARN");
        const bool is_prefix = wanted.type == "AWS::S3::Object" || std::count(value.begin(), value.end(), ':') == 2;
        if (text_at(resource, "type") == wanted.type && (is_prefix ? arn.compare(0, value.size(), value) == 0 : arn == value)) return true;
      }
  return false;
}

// Few texts, so that tests hit often.
const std::vector<std::string> kArns{"arn:aws:s3:::a/x", "arn:aws:s3:::a/xy", "arn:aws:s3:::b/x", "arn:aws:lambda:r:1:function:f", "arn:aws:lambda:r:1:function:ff",
                                     "arn:aws:dynamodb:r:1:table/t"};
const std::vector<std::string> kTypes{"AWS::S3::Object", "AWS::Lambda::Function", "AWS::DynamoDB::Table"};
const std::vector<std::string> kTexts{"GetObject", "PutObject", "Get", "Object", "s3.amazonaws.com", "kms.amazonaws.com", "AwsApiCall", "vpce-1", "t"};

rc::Gen<std::vector<std::string>> some_of(const std::vector<std::string>& texts) {
  return rc::gen::resize(2, rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(texts)));
}

json draw_record() {
  json record = json::parse(an_event().json());
  const std::string category = *rc::gen::element<std::string>("Management", "Data", "Data", "NetworkActivity", "Insight", "");
  if (category.empty()) record.erase("eventCategory");
  else record["eventCategory"] = category;
  record["eventType"] = *rc::gen::element<std::string>("AwsApiCall", "AwsServiceEvent", "AwsVpceEvent", "AwsCloudTrailInsight");
  if (*rc::gen::arbitrary<bool>()) record["managementEvent"] = *rc::gen::arbitrary<bool>();
  record["readOnly"] = *rc::gen::arbitrary<bool>();
  record["eventName"] = *rc::gen::elementOf(kTexts);
  record["eventSource"] = *rc::gen::element<std::string>("s3.amazonaws.com", "kms.amazonaws.com");
  record["userIdentity"]["arn"] = *rc::gen::elementOf(kTexts);
  if (*rc::gen::arbitrary<bool>()) record["sessionCredentialFromConsole"] = "true";
  if (*rc::gen::arbitrary<bool>()) record["errorCode"] = "VpceAccessDenied";
  if (*rc::gen::arbitrary<bool>()) record["vpcEndpointId"] = "vpce-1";
  const int resources = *rc::gen::inRange(0, 4);
  for (int i = 0; i < resources; ++i) {
    json resource = {{"accountId", "1"}, {"type", *rc::gen::elementOf(kTypes)}};
    if (*rc::gen::inRange(0, 5) > 0) resource["ARN"] = *rc::gen::elementOf(kArns);
    record["resources"].push_back(resource);
  }
  return record;
}

/// A field selector of those that `use` allows.
AdvancedFieldSelector draw_test(const SelectorField& field, const FieldUse& use) {
  AdvancedFieldSelector test{.field = std::string(field.name)};
  std::vector<std::string> values(use.values.begin(), use.values.end());
  if (values.empty()) values = field.name == "resources.ARN" ? kArns : field.name == "resources.type" ? kTypes : kTexts;
  if (field.name == "eventSource") values = {"s3.amazonaws.com", "kms.amazonaws.com"};
  if (use.required) {
    test.equals = {*rc::gen::elementOf(values)};
    return test;
  }
  for (std::size_t i = 0; i < kSelectorOperators.size(); ++i)
    if ((use.operators >> i & 1) != 0) test.*kSelectorOperators[i].values = *some_of(values);
  if (use.values.empty() && (use.operators & 4) != 0 && *rc::gen::arbitrary<bool>()) test.starts_with.push_back(values.front().substr(0, 12));
  return test;
}

bool is_empty(const AdvancedFieldSelector& test) {
  return std::all_of(kSelectorOperators.begin(), kSelectorOperators.end(), [&test](const SelectorOperator& op) { return (test.*op.values).empty(); });
}

AdvancedEventSelector draw_advanced() {
  AdvancedEventSelector selector;
  const auto category = *rc::gen::inRange<std::size_t>(0, kSelectedCategories);
  for (const SelectorField& field : selector_fields()) {
    FieldUse use = field.uses[category];
    if (field.name == "eventCategory") {
      selector.field_selectors.push_back({.field = "eventCategory", .equals = {std::string(use.values[category])}});
      continue;
    }
    if (field.name == "eventSource" && category == 0) use.values = use.values.first(1);
    if (use.operators == 0 || (!use.required && *rc::gen::inRange(0, 3) > 0)) continue;
    if (AdvancedFieldSelector test = draw_test(field, use); field.name != "eventSource" || category != 0) {
      if (!is_empty(test)) selector.field_selectors.push_back(std::move(test));
    } else {
      selector.field_selectors.push_back({.field = "eventSource", .not_equals = {"kms.amazonaws.com"}});
    }
  }
  return selector;
}

EventSelector draw_basic() {
  EventSelector selector;
  selector.read_write_type = *rc::gen::element(ReadWriteType::kAll, ReadWriteType::kReadOnly, ReadWriteType::kWriteOnly);
  selector.include_management_events = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) selector.exclude_management_event_sources = {"kms.amazonaws.com"};
  const std::vector<DataResource> resources{{"AWS::S3::Object", {"arn:aws:s3:::a/", "arn:aws:s3:::b/x"}}, {"AWS::S3::Object", {"arn:aws:s3"}}, {"AWS::S3::Object", {"arn:aws:s3:::a/xy"}},
                                            {"AWS::Lambda::Function", {kArns[3]}}, {"AWS::Lambda::Function", {"arn:aws:lambda"}}, {"AWS::DynamoDB::Table", {}},
                                            {"AWS::DynamoDB::Table", {kArns[5]}}};
  const int count = *rc::gen::inRange(0, 3);
  for (int i = 0; i < count; ++i) selector.data_resources.push_back(*rc::gen::elementOf(resources));
  return selector;
}

/// Twenty records.
template <class Selector>
void agree(const std::vector<Selector>& selectors) {
  RC_ASSERT(problems_with(selectors).empty());
  const EventSelection selection(selectors);
  int kept = 0;
  for (int i = 0; i < 20; ++i) {
    const json record = draw_record();
    bool expected = false;
    for (const Selector& selector : selectors) expected |= slow_keeps(selector, record);
    kept += expected ? 1 : 0;
    RC_ASSERT(selection.keeps(testing::decoded(record.dump())->event) == expected);
  }
  RC_CLASSIFY(kept > 0 && kept < 20, "some kept");
}

RC_GTEST_PROP(EventSelection, AdvancedSelectorsAgreeWithTheSlowReading, ()) {
  Advanced selectors;
  const int count = *rc::gen::inRange(1, 4);
  for (int i = 0; i < count; ++i) selectors.push_back(draw_advanced());
  agree(selectors);
}

RC_GTEST_PROP(EventSelection, BasicSelectorsAgreeWithTheSlowReading, ()) {
  Basic selectors;
  const int count = *rc::gen::inRange(1, 4);
  for (int i = 0; i < count; ++i) selectors.push_back(draw_basic());
  agree(selectors);
}

}  // namespace
}  // namespace trailwarden::trail
