#include "rules/rule_words.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/record_paths.h"
#include "rules/rule_file.h"
#include "rules/sigma_pack.h"

namespace trailwarden::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const ApiNames& names() {
  static const ApiNames kNames = ApiNames::parse(
      "# a comment\n"
      "iam.amazonaws.com CreateUser DeleteUser CreateAccessKey\n"
      "lambda.amazonaws.com UpdateFunctionCode Invoke # behind it\n"
      "sso.amazonaws.com\n");
  return kNames;
}

/// What is warned of in a rule whose head is right. `body` begins in line 3.
std::vector<std::string> warnings_of(const std::string& body, const std::string& sentence = "S") {
  FileReport report{"f.yaml", {}, {}};
  read_rule_file("{id: a.b, title: T, severity: high,\nsentence: \"" + sentence + "\",\n" + body +
                     ",\ntests: [{name: yes, event: {eventName: X}, expect: match}, {name: no, event: {eventName: Y}, expect: nomatch}]}\n",
                 report, {.names = &names()});
  EXPECT_THAT(report.errors.lines(), IsEmpty()) << body;
  return report.warnings.lines();
}

TEST(RuleWords, FieldsThatNoRecordHasAreNamedAtTheirPlace) {
  EXPECT_THAT(warnings_of("pattern: {userIdentity: {type: [Root], sesionContext: {attributes: {mfaAuthenticated: [x]}}}}"),
              ElementsAre("f.yaml:3:40: no CloudTrail record has a field \"userIdentity.sesionContext\", did you mean \"userIdentity.sessionContext\"?"));
  EXPECT_THAT(warnings_of("pattern: {userAgnt: [x]}"), ElementsAre("f.yaml:3:11: no CloudTrail record has a field \"userAgnt\", did you mean \"userAgent\"?"));
  EXPECT_THAT(warnings_of("pattern: {userName: [x]}"), ElementsAre(HasSubstr("did you mean \"userIdentity.userName\"?")));
  EXPECT_THAT(warnings_of("pattern: {eventId: [x]}"), ElementsAre(HasSubstr("did you mean \"eventID\"?")));
  EXPECT_THAT(warnings_of("pattern: {detail: {eventName: [x]}}"), ElementsAre(HasSubstr("\"detail\"; rules are held against the record")));
  EXPECT_THAT(warnings_of("pattern: {eventName: [x]},\nunless: [{requestparameters: {a: [b]}}]"), ElementsAre(HasSubstr("f.yaml:4:11: no CloudTrail record has a field \"requestparameters\"")));
  EXPECT_THAT(warnings_of("pattern: '{\"$or\": [{\"userAgent\": [\"x\"]}, {\"agent\": [\"x\"]}]}'"), ElementsAre(HasSubstr("f.yaml:3:10: no CloudTrail record has a field \"agent\"")));
  EXPECT_THAT(warnings_of("sigma: {detection: {a: {eventNme|contains: x}, condition: a}}"), ElementsAre(HasSubstr("f.yaml:3:25: no CloudTrail record has a field \"eventNme\", did you mean \"eventName\"?")));
}

TEST(RuleWords, SigmasDocumentsAreReadToo) {
  const auto warnings = [](const std::string& text, const ApiNames* known) {
    SigmaLoader loader({.names = known});
    loader.add(text, "s.yml");
    const SigmaPack pack = std::move(loader).finish();
    EXPECT_THAT(pack.errors.lines(), IsEmpty()) << text;
    return pack.warnings.lines();
  };
  const std::string rule = "title: T\nname: t\nlogsource: {product: aws, service: cloudtrail}\nlevel: low\ndetection:\n";
  const std::string misspelt = rule + "  a:\n    eventSource: iam.amazonaws.com\n    eventName: CreateUsr\n    requestParameters.userName|contains: x\n    userIdentity.tipe: y\n  condition: a\n";
  EXPECT_THAT(warnings(misspelt, &names()),
              UnorderedElementsAre("s.yml:8:16: eventName \"CreateUsr\": iam.amazonaws.com has no such event, did you mean \"CreateUser\"?",
                                   "s.yml:10:5: no CloudTrail record has a field \"userIdentity.tipe\", did you mean \"userIdentity.type\"?"));
  EXPECT_THAT(warnings(misspelt, nullptr), IsEmpty()) << "only who checks rules is told";
  const std::string fine = rule + "  a: {eventName: CreateUser}\n  words: [one, two]\n  condition: a and words\n";
  EXPECT_THAT(warnings(fine, &names()), IsEmpty());
  const std::string correlation = "---\ntitle: C\ncorrelation:\n  type: event_count\n  rules: [t]\n  aliases: {who: {t: userIdentity.arm}}\n  group-by: [who, awsRegon]\n  timespan: 1h\n  condition: {gte: 3}\n";
  EXPECT_THAT(warnings(fine + correlation, &names()), UnorderedElementsAre(HasSubstr("s.yml:14:22: "), HasSubstr("s.yml:15:19: no CloudTrail record has a field \"awsRegon\", did you mean \"awsRegion\"?")));
  const std::string filter = "---\ntitle: F\nlogsource: {product: aws, service: cloudtrail}\nfilter:\n  rules: [t]\n  b: {userAgnt: x}\n  condition: not b\n";
  EXPECT_THAT(warnings(fine + filter, &names()), ElementsAre(HasSubstr("\"userAgnt\"")));
  const std::string other = "title: T\nlogsource: {product: azure}\ndetection:\n  a: {CommandLine: x}\n  condition: a\n";
  EXPECT_THAT(warnings(other, &names()), IsEmpty()) << "another log's fields are not ours to judge";
}

TEST(RuleWords, PathsOfEveryKeyAreRead) {
  const std::string pattern = "pattern: {eventName: [x]},\n";
  EXPECT_THAT(warnings_of(pattern + "entity: userIdentity.arm"), ElementsAre(HasSubstr("f.yaml:4:9:")));
  EXPECT_THAT(warnings_of(pattern + "enrich: [sourceIPAddress, nothing.here]"), ElementsAre(HasSubstr("f.yaml:4:27:")));
  EXPECT_THAT(warnings_of(pattern + "decode: [requestParameter.policy]"), ElementsAre(HasSubstr("f.yaml:4:10:")));
  EXPECT_THAT(warnings_of(pattern + "where: [{field: userIdentity.userNam, is_not: requestParameters.x}]"), ElementsAre(HasSubstr("f.yaml:4:17:")));
  EXPECT_THAT(warnings_of(pattern + "correlate: {count: {at_least: 2, within: 1h, by: [principal, tls]}}"), ElementsAre(HasSubstr("f.yaml:4:62:")));
  EXPECT_THAT(warnings_of("correlate: {sequence: {within: 1h, steps: [{name: a, pattern: {eventName: [x]}}, {name: b, pattern: {eventNme: [y]}, join: {requestParameters.a: a.eventTme}}]}}"),
              ElementsAre(HasSubstr("\"eventNme\""), HasSubstr("\"eventTme\"")));
  EXPECT_THAT(warnings_of("pattern: {eventName: [x]}", "{principal} {count} {userIdentity.tipe|x}"), ElementsAre(HasSubstr("f.yaml:2:11: no CloudTrail record has a field \"userIdentity.tipe\"")));
}

TEST(RuleWords, NamesAreHeldAgainstTheirSources) {
  EXPECT_THAT(warnings_of("pattern: {eventSource: [iam.amazonaws.com], eventName: [CreateUser, CreatUser]}"),
              ElementsAre("f.yaml:3:69: eventName \"CreatUser\": iam.amazonaws.com has no such event, did you mean \"CreateUser\"?"));
  EXPECT_THAT(warnings_of("pattern: {eventSource: [iam.amazonaws.com, lambda.amazonaws.com], eventName: [CreateUser, Invoke, createUser]}"),
              ElementsAre(HasSubstr("\"createUser\": iam.amazonaws.com, lambda.amazonaws.com has no such event")));
  EXPECT_THAT(warnings_of("pattern: {eventSource: [IAM.amazonaws.com], eventName: [Creat]}"),
              ElementsAre("f.yaml:3:25: eventSource \"IAM.amazonaws.com\": no service is known to write it into records, did you mean \"iam.amazonaws.com\"?"));
  EXPECT_THAT(warnings_of("pattern: {eventSource: [iam.amazonaws.com], eventName: [{prefix: Creatt}, {prefix: Create}, {wildcard: \"*User\"}, {anything-but: [DeletUser]}]}"),
              ElementsAre(HasSubstr("\"Creatt\""), HasSubstr("\"DeletUser\"")));
  EXPECT_THAT(warnings_of("sigma: {detection: {a: {eventSource: iam.amazonaws.com, eventName: [createuser, Delete*, Creatuser]}, condition: a}}"), ElementsAre(HasSubstr("\"Creatuser\"")));
}

TEST(RuleWords, WhatItDoesNotSayHoldsFromWhereItIsSaid) {
  EXPECT_THAT(warnings_of("pattern: {eventSource: [iam.amazonaws.com], $or: [{eventName: [Invoke]}, {errorCode: [x]}]}"), ElementsAre(HasSubstr("\"Invoke\"")));
  EXPECT_THAT(warnings_of("pattern: {eventName: [Invoke, CreateUser, Neither], $or: [{eventSource: [iam.amazonaws.com]}, {eventSource: [lambda.amazonaws.com]}]}"), ElementsAre(HasSubstr("\"Neither\"")));
  EXPECT_THAT(warnings_of("pattern: {eventSource: [iam.amazonaws.com]},\nunless: [{eventName: [Invoke]}]"), ElementsAre(HasSubstr("f.yaml:4:23: eventName \"Invoke\"")));
}

TEST(RuleWords, WhatMayBeIsLetPass) {
  for (const char* const body : {
           "pattern: {eventName: [Anything]}",                                                                        // of no source that is named
           "pattern: {eventSource: [sso.amazonaws.com], eventName: [Anything]}",                                      // whose names are not kept
           "pattern: {eventSource: [{prefix: iam}], eventName: [Anything]}",                                          // nor is this one source
           "pattern: {eventSource: [lambda.amazonaws.com], eventName: [UpdateFunctionCode20150331v2, Invoke2020_05_31, {prefix: UpdateFunctionCode2015}]}",
           "pattern: {requestParameters: {a: {b: [x]}}, responseElements.c: [x], additionalEventData: {d: [x]}, userIdentity: {sessionContext: {webIdFederationData: {attributes: {e: [x]}}}}}",
           "pattern: {eventName: [x]}, entity: service, enrich: [account, region, principal_id]",
       })
    EXPECT_THAT(warnings_of(body), IsEmpty()) << body;
}

TEST(RuleWords, WithoutNamesOnlyFieldsAreChecked) {
  FileReport report{"f.yaml", {}, {}};
  const auto document = parse_yaml("pattern: {eventSource: [x], eventName: [y], z: [1]}");
  check_words(document->front(), ApiNames{}, report);
  EXPECT_THAT(report.warnings.lines(), ElementsAre(HasSubstr("\"z\"")));
}

TEST(ApiNames, NamesLoseTheirVersions) {
  EXPECT_EQ(without_version("UpdateFunctionCode20150331v2"), "UpdateFunctionCode");
  EXPECT_EQ(without_version("CreateFunction20150331"), "CreateFunction");
  EXPECT_EQ(without_version("UpdateDistribution2020_05_31"), "UpdateDistribution");
  EXPECT_EQ(without_version("ListObjectsV2"), "ListObjectsV2");
  EXPECT_EQ(without_version("20150331"), "20150331") << "nothing would be left";
  EXPECT_EQ(without_version(""), "");
}

TEST(ApiNames, AFileThatIsNotThereIsAnError) {
  const auto names = ApiNames::load("/nowhere/names.txt");
  ASSERT_FALSE(names);
  EXPECT_THAT(names.error().message, HasSubstr("/nowhere/names.txt"));
}

}  // namespace
}  // namespace trailwarden::rules
