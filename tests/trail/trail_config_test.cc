#include "trail/trail_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trail/aws_names.h"

namespace trailwarden::trail {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

struct Read {
  explicit Read(const std::string& text) : diagnostics(std::make_shared<Diagnostics>()), config(read_trails(config::Section::parse(text, "f.yaml", diagnostics))) {}
  std::shared_ptr<Diagnostics> diagnostics;
  TrailsConfig config;
  std::vector<std::string> lines() const { return diagnostics->lines(); }
};

TEST(Trails, AreNoneByDefault) {
  EXPECT_THAT(Read("version: 1\n").config.trails, IsEmpty());
  EXPECT_EQ(to_yaml(std::vector<TrailConfig>{}), "trails: []\n");
}

TEST(Trails, NeedAFewLines) {
  const Read read("trails:\n- {name: main, home_region: eu-west-1, directory: trail}\n");
  EXPECT_THAT(read.lines(), IsEmpty());
  ASSERT_EQ(read.config.trails.size(), 1U);
  const TrailConfig& trail = read.config.trails[0];
  EXPECT_TRUE(trail.is_multi_region);
  EXPECT_TRUE(trail.insights);
  EXPECT_TRUE(trail.digest.enabled);
  EXPECT_EQ(trail.epoch.length, 5min);
  EXPECT_EQ(trail.epoch.max_bytes, LogBody::kMostBytes);
  EXPECT_EQ(trail.selectors, default_event_selectors());
  EXPECT_EQ(trail.names(), (TrailNames{"", "", "main", "eu-west-1"}));
}

constexpr const char* kEverything = R"(
trails:
- name: audit
  home_region: eu-west-1
  account: "111122223333"
  organization: o-a1b2c3d4e5
  prefix: team/a
  regions: [eu-west-1, us-east-1]
  s3:
    bucket: audit-bucket
    region: eu-central-1
    endpoint: "https://s3.example.com:9000"
    path_style: false
    kms_key_id: alias/trail
    object_lock: {mode: compliance, days: 365}
    storage_class: STANDARD_IA
    acl: none
  advanced_event_selectors:
  - name: "all \"puts\""
    field_selectors:
    - {field: eventCategory, equals: [Data]}
    - {field: resources.type, equals: ["AWS::S3::Object"]}
    - {field: eventName, starts_with: [Put], not_equals: [PutObjectTagging]}
  insights: false
  digest: {enabled: false, key_directory: /var/lib/trailwarden/keys, rotate_every: 90d, passphrase_file: /etc/trailwarden/digest-passphrase, verify: {enabled: false, every: 15m, back: 90d, requests_per_second: 5}}
  epoch: {length: 15m, max_bytes: 16MiB}
  compression_level: 9
  fallback: nobody
- name: local
  home_region: us-east-1
  is_multi_region: false
  directory: /var/trail
  event_selectors:
  - read_write_type: WriteOnly
    include_management_events: false
    data_resources: [{type: "AWS::Lambda::Function", values: ["arn:aws:lambda"]}]
    exclude_management_event_sources: [kms.amazonaws.com]
)";

TEST(Trails, SayWhatAFileSays) {
  const Read read(kEverything);
  ASSERT_THAT(read.lines(), IsEmpty());
  ASSERT_EQ(read.config.trails.size(), 2U);
  const TrailConfig& trail = read.config.trails[0];
  EXPECT_EQ(trail.s3, (S3Config{.bucket = "audit-bucket", .region = "eu-central-1", .endpoint = "https://s3.example.com:9000", .server_side_encryption = "aws:kms", .kms_key_id = "alias/trail",
                                .object_lock = ObjectLockConfig{"compliance", 365}, .storage_class = "STANDARD_IA", .acl = "none"}));
  EXPECT_EQ(trail.digest, (DigestConfig{false, "/var/lib/trailwarden/keys", 90 * 24h, {.file = "/etc/trailwarden/digest-passphrase", .environment = {}}, {false, 15min, 90 * 24h, 5}}));
  EXPECT_EQ(trail.epoch, (EpochConfig{15min, 16 << 20}));
  const auto& advanced = std::get<std::vector<AdvancedEventSelector>>(trail.selectors);
  ASSERT_EQ(advanced.size(), 1U);
  EXPECT_EQ(advanced[0].name, "all \"puts\"");
  EXPECT_EQ(advanced[0].field_selectors[2], (AdvancedFieldSelector{.field = "eventName", .not_equals = {"PutObjectTagging"}, .starts_with = {"Put"}}));
  const auto& basic = std::get<std::vector<EventSelector>>(read.config.trails[1].selectors);
  EXPECT_THAT(basic, ElementsAre(EventSelector{ReadWriteType::kWriteOnly, false, {{"AWS::Lambda::Function", {"arn:aws:lambda"}}}, {"kms.amazonaws.com"}}));
}

TEST(Trails, AreWrittenAsTheyAreRead) {
  const Read read(kEverything), again(to_yaml(read.config.trails));
  EXPECT_THAT(again.lines(), IsEmpty());
  EXPECT_EQ(again.config.trails, read.config.trails);
}

TEST(Trails, OfOtherServersThanAwsUsePathsAndAnyRegion) {
  const Read read("trails: [{name: main, home_region: eu-west-1, s3: {bucket: b.with.dots, region: default, endpoint: \"http://localhost:8000\"}}]");
  EXPECT_THAT(read.lines(), IsEmpty());
  EXPECT_TRUE(read.config.trails.at(0).s3.value().path_style);
}

struct Wrong {
  const char* name;
  const char* text;  // of one trail; `+` at its beginning: beside name, home_region and directory
  const char* complaint;
};
void PrintTo(const Wrong& c, std::ostream* out) { *out << c.name; }
class WrongTrails : public ::testing::TestWithParam<Wrong> {};
TEST_P(WrongTrails, AreRefusedAtTheirPlaceWithWhatToDo) {
  std::string text = GetParam().text;
  if (text.starts_with('+')) text = "name: main\n  home_region: eu-west-1\n  directory: d\n  " + text.substr(1);
  EXPECT_THAT(Read("trails:\n- " + text + "\n").lines(), ElementsAre(HasSubstr(GetParam().complaint)));
}
INSTANTIATE_TEST_SUITE_P(Trails, WrongTrails, ::testing::Values(
    Wrong{"NoName", "{home_region: eu-west-1, directory: d}", "f.yaml:2:3: each trail has a `name`"},
    Wrong{"ShortName", "{name: ab, home_region: eu-west-1, directory: d}", "f.yaml:2:10: name: \"ab\" has 2 characters; a trail's name has 3 to 128"},
    Wrong{"NoHomeRegion", "{name: main, directory: d}", "each trail has a `home_region`, as eu-west-1"},
    Wrong{"NoRegion", "{name: main, home_region: Ireland, directory: d}", "\"Ireland\" is not the name of a Region"},
    Wrong{"NoStore", "{name: main, home_region: eu-west-1}", "each trail says where it is kept: `directory: FOLDER`"},
    Wrong{"TwoStores", "+s3: {bucket: bbb}", "f.yaml:4:3: directory: and s3: exclude each other"},
    Wrong{"Misspelt", "+prefx: a", "f.yaml:5:3: unknown key \"prefx\", did you mean \"prefix\"?"},
    Wrong{"Account", "+account: \"1234\"", "f.yaml:5:12: account: expected 12 digits, not \"1234\""},
    Wrong{"Organization", "+account: \"111122223333\"\n  organization: ou-1", "organization: expected its id, as o-a1b2c3d4e5, not \"ou-1\""},
    Wrong{"OrganizationOfNobody", "+organization: o-a1b2c3d4e5", "name that with `account`"},
    Wrong{"PrefixWithSlash", "+prefix: a/", "prefix: \"a/\" begins or ends with '/'"},
    Wrong{"PrefixUpwards", "+prefix: a/../b", "between slashes"},
    Wrong{"PrefixOfOtherLetters", "+prefix: \"a b\"", "has \" \" in it"},
    Wrong{"RegionsOfOne", "+is_multi_region: false\n  regions: [eu-west-1]", "take `regions` out"},
    Wrong{"RegionsMisspelt", "+regions: [eu-west]", "\"eu-west\" is not the name of a Region"},
    Wrong{"Level", "+compression_level: 13", "a whole number from 1 to 12"},
    Wrong{"Fallback", "+fallback: a/b", "fallback: expected 1 to 64 letters"},
    Wrong{"EpochThatDividesNoHour", "+epoch: {length: 7m}", "f.yaml:5:19: length: whole minutes that divide an hour"},
    Wrong{"EpochOfSeconds", "+epoch: {length: 90s}", "whole minutes"},
    Wrong{"LargeObjects", "+epoch: {max_bytes: 64MiB}", "from 1MiB to 50000000B"},
    Wrong{"DigestEveryHour", "+digest: {rotate_every: 1h}", "from 1d to"},
    Wrong{"PassphraseInTheFile", "+digest: {passphrase: secret}", "a secret does not belong into this file"},
    Wrong{"TwoPassphrases", "+digest: {passphrase_file: a, passphrase_env: B}", "give one of them"},
    Wrong{"VerifiedAllTheTime", "+digest: {verify: {every: 1s}}", "from 1m to"},
    Wrong{"VerifiedNeverBack", "+digest: {verify: {back: 10m}}", "from 1h to"},
    Wrong{"VerifiedWithoutRequests", "+digest: {verify: {requests_per_second: 0}}", "requests_per_second"},
    Wrong{"VerifiedOtherwise", "+digest: {verify: {hash: md5}}", "hash"},
    Wrong{"KeysNowhere", "+digest: {key_directory: \"\"}", "the folder of the keys"},
    Wrong{"BothSelectors", "+event_selectors: [{}]\n  advanced_event_selectors: []", "f.yaml:6:3: a trail has event_selectors or advanced_event_selectors, not both"},
    Wrong{"NoSelector", "+event_selectors: []", "give one or more, or leave the key out"},
    Wrong{"ReadWriteType", "+event_selectors: [{read_write_type: Reads}]", "expected one of All, ReadOnly, WriteOnly"},
    Wrong{"SelectorKey", "+event_selectors: [{data_resource: []}]", "did you mean \"data_resources\"?"},
    Wrong{"DataType", "+event_selectors:\n  - data_resources:\n    - {type: \"AWS::S3::Objects\", values: []}", "f.yaml:7:14: basic selectors know three types"},
    Wrong{"DataWithoutValues", "+event_selectors: [{data_resources: [{type: \"AWS::S3::Object\"}]}]", "names its `values`"},
    Wrong{"FieldMisspelt", "+advanced_event_selectors:\n  - field_selectors:\n    - {field: eventCategory, equals: [Management]}\n    - {field: readonly, equals: [true]}",
          "f.yaml:8:15: unknown field \"readonly\", did you mean \"readOnly\"?"},
    Wrong{"OperatorMisspelt", "+advanced_event_selectors: [{field_selectors: [{field: eventCategory, equals: [Management], startswith: [a]}]}]", "did you mean \"starts_with\"?"},
    Wrong{"OperatorOfNothing", "+advanced_event_selectors: [{field_selectors: [{field: eventCategory, equals: [Management], not_equals: []}]}]", "not_equals: expected a list of one or more texts"},
    Wrong{"NoBucket", "{name: main, home_region: eu-west-1, s3: {}}", "s3 needs its `bucket`"},
    Wrong{"BucketOfCapitals", "{name: main, home_region: eu-west-1, s3: {bucket: Audit}}", "bucket: \"Audit\" has \"A\" in it; there are only lower-case letters"},
    Wrong{"BucketWithDot", "{name: main, home_region: eu-west-1, s3: {bucket: my.audit}}", "set path_style: true"},
    Wrong{"Payer", "{name: main, home_region: eu-west-1, s3: {bucket: bbb, request_payer: requester}}", "Requester Pays bucket"},
    Wrong{"Secret", "{name: main, home_region: eu-west-1, s3: {bucket: bbb, secret_access_key: abc}}", "a secret does not belong into this file"},
    Wrong{"Endpoint", "{name: main, home_region: eu-west-1, s3: {bucket: bbb, endpoint: s3.example.com}}", "expected https://HOST"},
    Wrong{"EndpointWithPath", "{name: main, home_region: eu-west-1, s3: {bucket: bbb, endpoint: \"https://s3.example.com/b\"}}", "expected https://HOST"},
    Wrong{"PlainFarAway", "{name: main, home_region: eu-west-1, s3: {bucket: bbb, endpoint: \"http://s3.example.com\"}}", "allow_plaintext: true"},
    Wrong{"KmsWithoutKey", "{name: main, home_region: eu-west-1, s3: {bucket: bbb, server_side_encryption: \"aws:kms\"}}", "aws:kms needs `kms_key_id`"},
    Wrong{"KeyWithoutKms", "{name: main, home_region: eu-west-1, s3: {bucket: bbb, server_side_encryption: AES256, kms_key_id: k}}", "takes no kms_key_id"},
    Wrong{"LockWithoutDays", "{name: main, home_region: eu-west-1, s3: {bucket: bbb, object_lock: {mode: governance}}}", "object_lock needs its `days`"},
    Wrong{"LockMode", "{name: main, home_region: eu-west-1, s3: {bucket: bbb, object_lock: {mode: soft, days: 1}}}", "expected one of governance, compliance"},
    Wrong{"ColdClass", "{name: main, home_region: eu-west-1, s3: {bucket: bbb, storage_class: DEEP_ARCHIVE}}", "expected one of STANDARD, STANDARD_IA"},
    Wrong{"PublicAcl", "{name: main, home_region: eu-west-1, s3: {bucket: bbb, acl: public-read}}", "expected one of bucket-owner-full-control, none"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Trails, HaveNamesOfTheirOwn) {
  const Read read("trails:\n- {name: main, home_region: eu-west-1, directory: a}\n- {name: main, home_region: eu-west-1, directory: b}\n");
  EXPECT_THAT(read.lines(), ElementsAre("f.yaml:3:10: two trails are called \"main\""));
}

TEST(Trails, ThatShareAPlaceAreWarnedOf) {
  const auto of = [](const std::string& a, const std::string& b) {
    const Read read("trails:\n- {name: one, home_region: eu-west-1, " + a + "}\n- {name: two, home_region: eu-west-1, " + b + "}\n");
    EXPECT_THAT(read.lines(), IsEmpty());
    return read.config.warnings;
  };
  EXPECT_THAT(of("s3: {bucket: bbb}", "s3: {bucket: bbb}"), ElementsAre(HasSubstr("f.yaml:3:3: trails one and two share s3://bbb/AWSLogs/")));
  EXPECT_THAT(of("directory: d, prefix: p", "directory: d, prefix: p"), ElementsAre(HasSubstr("share d/p/AWSLogs/")));
  EXPECT_THAT(of("s3: {bucket: bbb}", "s3: {bucket: bbb}, prefix: p"), IsEmpty());
  EXPECT_THAT(of("s3: {bucket: bbb}", "s3: {bucket: bbb, endpoint: \"https://other\"}"), IsEmpty());
  EXPECT_THAT(of("directory: d, account: \"111111111111\"", "directory: d, account: \"222222222222\""), IsEmpty()) << "as trails of many accounts do";
  EXPECT_THAT(of("directory: d, account: \"111111111111\"", "directory: d"), ElementsAre(HasSubstr("share d/AWSLogs/")));
}

struct Name {
  const char* text;
  bool is_one;
};

TEST(AwsNames, OfTrails) {
  const std::string longest(128, 'a'), longer(129, 'a');
  for (const Name& name : {Name{"abc", true}, {"My-trail_1.x", true}, {"ab", false}, {"-abc", false}, {"abc.", false}, {"a--b", false}, {"a._b", false}, {"a b c", false}, {"192.168.5.4", false},
                           {"192.168.5.4x", true}, {longest.c_str(), true}, {longer.c_str(), false}})
    EXPECT_EQ(problem_with_trail_name(name.text).empty(), name.is_one) << name.text << problem_with_trail_name(name.text);
}

TEST(AwsNames, OfBuckets) {
  for (const Name& name : {Name{"abc", true}, {"a.b-c.1", true}, {"ab", false}, {"-ab", false}, {"ab-", false}, {"a..b", false}, {"a_b", false}, {"Abc", false}, {"10.0.0.1", false}, {"xn--abc", false},
                           {"abc-s3alias", false}, {"abc--x-s3", false}})
    EXPECT_EQ(problem_with_bucket_name(name.text).empty(), name.is_one) << name.text;
  EXPECT_TRUE(problem_with_bucket_name(std::string(63, 'a')).empty());
  EXPECT_FALSE(problem_with_bucket_name(std::string(64, 'a')).empty());
}

TEST(AwsNames, OfPrefixes) {
  EXPECT_TRUE(problem_with_prefix(std::string(200, 'a')).empty());
  EXPECT_FALSE(problem_with_prefix(std::string(201, 'a')).empty());
  for (const Name& name : {Name{"", true}, {"a/b=c", true}, {"/a", false}, {"a//b", false}, {"..", false}, {"a/./b", false}, {"a\\b", false}})
    EXPECT_EQ(problem_with_prefix(name.text).empty(), name.is_one) << name.text;
}

TEST(AwsNames, OfRegionsAndAccounts) {
  for (const Name& name : {Name{"eu-west-1", true}, {"us-gov-east-1", true}, {"us-iso-west-1", true}, {"ap-southeast-12", true}, {"eu-west", false}, {"west-1", false}, {"EU-west-1", false}, {"eu--1", false},
                           {"eu-west-1a", false}, {"", false}, {"eu-west-", false}})
    EXPECT_EQ(is_region(name.text), name.is_one) << name.text;
  for (const Name& name : {Name{"012345678901", true}, {"12345678901", false}, {"1234567890123", false}, {"01234567890a", false}}) EXPECT_EQ(is_account_id(name.text), name.is_one) << name.text;
  for (const Name& name : {Name{"o-a1b2c3d4e5", true}, {"o-a1b2c3d4e", false}, {"a1b2c3d4e5", false}, {"o-A1b2c3d4e5", false}}) EXPECT_EQ(is_organization_id(name.text), name.is_one) << name.text;
}

}  // namespace
}  // namespace trailwarden::trail
