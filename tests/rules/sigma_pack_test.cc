#include "rules/sigma_pack.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/naive_evaluator.h"

namespace trailwarden::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

SigmaPack load(std::initializer_list<std::pair<std::string_view, std::string_view>> files, RuleReading settings = {}) {
  SigmaLoader loader(std::move(settings));
  for (const auto& [file, text] : files) loader.add(text, file);
  return std::move(loader).finish();
}
SigmaPack load(std::string_view text) { return load({{"p.yml", text}}); }

std::vector<std::string> errors_of(std::string_view text) { return load(text).errors.lines(); }

bool matches(const SigmaRule& rule, std::string_view event) { return NaiveEvaluator::create(event)->matches(rule.predicate); }

constexpr std::string_view kTrail = R"(title: Trail stopped
id: 4f5a9b1e-0f3a-4c0e-9d60-111111111111
name: trail_stopped
status: test
description: Someone stopped a trail.
references: [https://example.com]
author: someone
date: 2024-01-31
tags: [attack.defense-evasion, attack.t1562.008, attack.T1685, attack.g0016, cve.2024-1]
logsource: {product: aws, service: cloudtrail}
detection:
  selection:
    eventSource: cloudtrail.amazonaws.com
    eventName: [StopLogging, DeleteTrail]
  filter_refused:
    errorCode: AccessDenied
  condition: selection and not 1 of filter_*
falsepositives: [Maintenance]
level: high
custom: {anything: 1}
)";

TEST(SigmaPack, ReadsARule) {
  const SigmaPack pack = load(kTrail);
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  EXPECT_THAT(pack.warnings.lines(), IsEmpty());
  ASSERT_THAT(pack.rules, SizeIs(1));
  const SigmaRule& rule = pack.rules[0];
  EXPECT_EQ(rule.head.title, "Trail stopped");
  EXPECT_EQ(rule.head.name, "trail_stopped");
  EXPECT_EQ(rule.head.level, event::Severity::kHigh);
  EXPECT_EQ(rule.head.status, SigmaStatus::kTest);
  EXPECT_THAT(rule.head.techniques, ElementsAre("T1562.008", "T1685"));
  EXPECT_THAT(rule.head.tactics, ElementsAre("defense-evasion"));
  EXPECT_THAT(rule.head.false_positives, ElementsAre("Maintenance"));
  EXPECT_THAT(rule.head.tags, SizeIs(5));
  ASSERT_THAT(rule.head.others, SizeIs(3));
  EXPECT_EQ(rule.head.others[2].key, "custom");
  EXPECT_TRUE(rule.reports);
  EXPECT_TRUE(matches(rule, R"({"eventSource":"cloudtrail.amazonaws.com","eventName":"stoplogging"})"));
  EXPECT_FALSE(matches(rule, R"({"eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","errorCode":"AccessDenied"})"));
}

// The shapes that public CloudTrail rules have (spec/sigma.md section 1), in words of our own.
TEST(SigmaPack, ReadsTheShapesOfPublicRules) {
  const SigmaPack pack = load(R"(title: Versioning of a bucket suspended
date: 2023/10/28
related: [{id: 5d2f, type: similar}]
detection:
  selection: {eventSource: s3.amazonaws.com, eventName: PutBucketVersioning, requestParameters|contains: Suspended}
  condition: selection
---
title: A layer added to a function
detection:
  selection:
    eventSource: lambda.amazonaws.com
    eventName|startswith: UpdateFunctionConfiguration
    requestParameters.layers|contains: '*'
  condition: selection
---
title: A role of an instance used elsewhere
detection:
  selection: {userIdentity.arn|re: '.+:assumed-role/aws:.+'}
  filter_main_generic:
    - eventSource: ssm.amazonaws.com
    - eventName: RegisterManagedInstance
    - sourceIPAddress: AWS Internal
  condition: selection and not 1 of filter_main_*
---
title: A login profile of another user
detection:
  selection: {eventSource: iam.amazonaws.com, eventName: UpdateLoginProfile}
  filter_main_self: {userIdentity.userName|fieldref: requestParameters.userName}
  condition: selection and not filter_main_self
---
title: A bucket deleted, and not refused
detection:
  selection: {eventName: [DeleteBucket, DeleteBucketPolicy], errorCode: null}
  selection_status_ok: {errorMessage: null}
  selection_status_odd: {errorMessage: [Success, '']}
  condition: selection and 1 of selection_status_*
---
title: A database made public
detection:
  selection: {eventName: ModifyDBInstance, responseElements.publiclyAccessible: 'true'}
  condition: selection
---
title: A login without a second factor
detection:
  selection: {additionalEventData.MFAUsed: 'NO', responseElements.ConsoleLogin: Success}
  condition: selection
)");
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  EXPECT_THAT(pack.warnings.lines(), IsEmpty());
  const std::array<std::pair<const char*, const char*>, 7> records{{
      {R"({"eventSource":"s3.amazonaws.com","eventName":"PutBucketVersioning","requestParameters":{"VersioningConfiguration":{"Status":"Suspended"}}})",
       R"({"eventSource":"s3.amazonaws.com","eventName":"PutBucketVersioning","requestParameters":{"VersioningConfiguration":{"Status":"Enabled"}}})"},
      {R"({"eventSource":"lambda.amazonaws.com","eventName":"UpdateFunctionConfiguration20150331v2","requestParameters":{"layers":["arn:aws:lambda:x"]}})",
       R"({"eventSource":"lambda.amazonaws.com","eventName":"UpdateFunctionConfiguration20150331v2","requestParameters":{"layers":[]}})"},
      {R"({"userIdentity":{"arn":"arn:aws:sts::1:assumed-role/aws:ec2-instance/i-1"},"eventSource":"ec2.amazonaws.com","eventName":"RunInstances","sourceIPAddress":"198.51.100.1"})",
       R"({"userIdentity":{"arn":"arn:aws:sts::1:assumed-role/aws:ec2-instance/i-1"},"eventSource":"ec2.amazonaws.com","eventName":"RunInstances","sourceIPAddress":"AWS Internal"})"},
      {R"({"eventSource":"iam.amazonaws.com","eventName":"UpdateLoginProfile","userIdentity":{"userName":"eve"},"requestParameters":{"userName":"bob"}})",
       R"({"eventSource":"iam.amazonaws.com","eventName":"UpdateLoginProfile","userIdentity":{"userName":"bob"},"requestParameters":{"userName":"Bob"}})"},
      {R"({"eventName":"DeleteBucket"})", R"({"eventName":"DeleteBucket","errorCode":"AccessDenied"})"},
      {R"({"eventName":"ModifyDBInstance","responseElements":{"publiclyAccessible":true}})",
       R"({"eventName":"ModifyDBInstance","responseElements":{"publiclyAccessible":false}})"},
      {R"({"additionalEventData":{"MFAUsed":"No"},"responseElements":{"ConsoleLogin":"Success"}})",
       R"({"additionalEventData":{"MFAUsed":"Yes"},"responseElements":{"ConsoleLogin":"Success"}})"},
  }};
  ASSERT_THAT(pack.rules, SizeIs(records.size()));
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_TRUE(matches(pack.rules[i], records[i].first)) << pack.rules[i].head.title;
    EXPECT_FALSE(matches(pack.rules[i], records[i].second)) << pack.rules[i].head.title;
  }
}

TEST(SigmaPack, ReadsSeveralFilesWithSeveralDocuments) {
  const SigmaPack pack = load({{"a.yml", kTrail},
                               {"b.yml",
                                "---\ntitle: x\nlogsource: {product: aws}\ndetection: {s: {a: 1}, condition: s}\n---\n---\ntitle: y\nlogsource: {service: "
                                "cloudtrail}\ndetection: {s: {a: 2}, condition: s}\n"}});
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  ASSERT_THAT(pack.rules, SizeIs(3));
  EXPECT_EQ(pack.rules[2].head.file, "b.yml");
  EXPECT_EQ(pack.rules[2].head.place.line, 7);
}

TEST(SigmaPack, LeavesOtherLogSourcesOut) {
  const SigmaPack pack = load(
      "title: w\nlogsource: {product: windows, category: process_creation}\ndetection: {s: {Image|endswith: [1, {}]}}\n---\n"
      "title: g\nlogsource: {product: aws, service: guardduty}\ndetection: 5\n---\n"
      "title: a\nlogsource: {product: AWS, service: CloudTrail}\ndetection: {s: {a: 1}, condition: s}\n---\n"
      "title: c\ncorrelation: {type: event_count, rules: [a, w], timespan: 1m, condition: {gte: 2}}\n");
  EXPECT_THAT(pack.errors.lines(), IsEmpty()) << "what is not for us is not read";
  EXPECT_THAT(pack.left_out.lines(), ElementsAre("p.yml:2:12: left out: its log source is windows process_creation, not aws cloudtrail",
                                                 "p.yml:6:12: left out: its log source is aws guardduty, not aws cloudtrail",
                                                 "p.yml:13:1: left out: it refers to \"w\", which is for another log source"));
  EXPECT_THAT(pack.rules, SizeIs(1));
  EXPECT_TRUE(pack.rules[0].reports) << "the correlation that wanted it is not there";
  EXPECT_EQ(pack.skipped, 3U);
}

TEST(SigmaPack, OneErrorRefusesOneDocument) {
  const SigmaPack pack = load("title: a\ndetection: {s: {x|foo: 1}, condition: s}\n---\ntitle: b\ndetection: {s: {x: 1}, condition: s}\n");
  EXPECT_THAT(pack.errors.lines(), ElementsAre("p.yml:2:17: unknown modifier \"foo\""));
  ASSERT_THAT(pack.rules, SizeIs(1));
  EXPECT_EQ(pack.rules[0].head.title, "b");
  EXPECT_EQ(pack.refused, 1U);
}

TEST(SigmaPack, BrokenYamlRefusesItsFile) {
  const SigmaPack pack = load({{"a.yml", "title: [\n"}, {"b.yml", "title: b\ndetection: {s: {x: 1}, condition: s}\n"}});
  EXPECT_THAT(pack.errors.lines(), ElementsAre(HasSubstr("a.yml:2:1: not YAML: ")));
  EXPECT_THAT(pack.rules, SizeIs(1));
}

struct DocumentCase {
  const char* name;
  const char* text;
  const char* error;
};
void PrintTo(const DocumentCase& c, std::ostream* out) { *out << c.text; }

class SigmaDocumentError : public ::testing::TestWithParam<DocumentCase> {};

TEST_P(SigmaDocumentError, SaysWhereAndWhatToDo) { EXPECT_THAT(errors_of(GetParam().text), ElementsAre(GetParam().error)); }

INSTANTIATE_TEST_SUITE_P(
    Documents, SigmaDocumentError,
    ::testing::Values(
        DocumentCase{"List", "- a\n", "p.yml:1:1: a Sigma document has `key: value` lines at its top; this is a list"},
        DocumentCase{"NoBody", "title: a\n", "p.yml:1:1: no Sigma document: it has neither `detection` nor `correlation` nor `filter`"},
        DocumentCase{"Action", "action: global\ntitle: a\n",
                     "p.yml:1:9: `action` documents, which lend their parts to others, are not understood: write each rule out"},
        DocumentCase{"TwoBodies", "title: a\ndetection: {s: {a: 1}, condition: s}\nfilter: {rules: any, s: {a: 1}, condition: not s}\n",
                     "p.yml:3:9: the document has `detection` and `filter`: make it two"},
        DocumentCase{"NoTitle", "detection: {s: {a: 1}, condition: s}\n",
                     "p.yml:1:1: a `title` is missing, and there is neither `id` nor `name`: nobody could tell what has matched"},
        DocumentCase{"Level", "title: a\nlevel: hgih\ndetection: {s: {a: 1}, condition: s}\n",
                     "p.yml:2:8: level: expected one of informational, low, medium, high, critical, not \"hgih\", did you mean \"high\"?"},
        DocumentCase{"Status", "title: a\nstatus: unknown\ndetection: {s: {a: 1}, condition: s}\n",
                     "p.yml:2:9: status: expected one of stable, test, experimental, deprecated, unsupported, not \"unknown\""},
        DocumentCase{"Tags", "title: a\ntags: [{a: b}]\ndetection: {s: {a: 1}, condition: s}\n",
                     "p.yml:2:8: tags: expected a text, or a list of texts, not a map"},
        DocumentCase{"LogSource", "title: a\nlogsource: aws\ndetection: {s: {a: 1}, condition: s}\n",
                     "p.yml:2:12: logsource: expected `key: value` lines, not a text"},
        DocumentCase{"DetectionIsText", "title: a\ndetection: x\n", "p.yml:2:12: detection: expected `key: value` lines, not a text"},
        DocumentCase{"NoCondition", "title: a\ndetection: {s: {a: 1}}\n",
                     "p.yml:2:12: a `condition` is missing: say which selections must hold, as `condition: selection`"},
        DocumentCase{"ConditionIsMap", "title: a\ndetection: {s: {a: 1}, condition: {b: c}}\n", "p.yml:2:35: condition: expected a text, not a map"},
        DocumentCase{"NoSelection", "title: a\ndetection: {condition: s}\n",
                     "p.yml:2:12: there is no selection: name one, as `selection:` with fields below it"},
        DocumentCase{"EmptySelection", "title: a\ndetection: {s: {}, condition: s}\n", "p.yml:2:16: a selection without any field"},
        DocumentCase{"EmptyList", "title: a\ndetection: {s: [], condition: s}\n", "p.yml:2:16: a selection with nothing in its list"},
        DocumentCase{"NullSelection", "title: a\ndetection: {s: null, condition: s}\n", "p.yml:2:16: value: null is no keyword"},
        DocumentCase{"UnknownName", "title: a\ndetection: {selection: {a: 1}, condition: selecton}\n",
                     "p.yml:2:43: condition: there is no selection \"selecton\", did you mean \"selection\"?"},
        DocumentCase{"NothingCovered", "title: a\ndetection: {s: {a: 1}, condition: 1 of filter_*}\n",
                     "p.yml:2:35: condition: no selection has a name like \"filter_*\""},
        DocumentCase{"ConditionSyntax", "title: a\ndetection: {s: {a: 1}, condition: s and}\n", "p.yml:2:35: condition: something is missing (at the end)"},
        DocumentCase{"Timeframe", "title: a\ndetection: {s: {a: 1}, condition: s, timeframe: soon}\n",
                     "p.yml:2:49: timeframe: expected a time with its unit, as 90s, 15m, 2h, 7d or 4w, not \"soon\""}),
    [](const auto& row) { return std::string(row.param.name); });

constexpr std::string_view kTwoRules = R"(title: A
name: a
detection: {s: {e: a}, condition: s}
---
title: B
name: b
detection: {s: {e: b}, condition: s}
---
)";
#define TWO_RULES "title: A\nname: a\ndetection: {s: {e: a}, condition: s}\n---\ntitle: B\nname: b\ndetection: {s: {e: b}, condition: s}\n---\ntitle: c\n"

INSTANTIATE_TEST_SUITE_P(
    Correlations, SigmaDocumentError,
    ::testing::Values(
        DocumentCase{"UnknownKey", TWO_RULES "correlation:\n  type: event_count\n  rules: a\n  groupby: x\n  timespan: 1m\n  condition: {gte: 2}\n",
                     "p.yml:13:3: unknown key \"groupby\", did you mean \"group-by\"?"},
        DocumentCase{
            "NoType", TWO_RULES "correlation: {rules: a, timespan: 1m, condition: {gte: 2}}\n",
            "p.yml:10:14: type: is missing: one of event_count, value_count, temporal, temporal_ordered, value_sum, value_avg, value_percentile, value_median"},
        DocumentCase{"UnknownType", TWO_RULES "correlation: {type: eventcount, rules: a, timespan: 1m, condition: {gte: 2}}\n",
                     "p.yml:10:21: type: expected one of event_count, value_count, temporal, temporal_ordered, value_sum, value_avg, value_percentile, "
                     "value_median, not \"eventcount\", did "
                     "you mean \"event_count\"?"},
        DocumentCase{"NoRules", TWO_RULES "correlation: {type: event_count, timespan: 1m, condition: {gte: 2}}\n",
                     "p.yml:10:14: rules: is missing: which rules is this about?"},
        DocumentCase{"NoTimespan", TWO_RULES "correlation: {type: event_count, rules: a, condition: {gte: 2}}\n",
                     "p.yml:10:14: timespan: is missing: how long a window is, as 15m"},
        DocumentCase{"BadTimespan", TWO_RULES "correlation: {type: event_count, rules: a, timespan: 15, condition: {gte: 2}}\n",
                     "p.yml:10:54: timespan: expected a time with its unit, as 90s, 15m, 2h, 7d or 4w, not \"15\""},
        DocumentCase{"NoCondition", TWO_RULES "correlation: {type: event_count, rules: a, timespan: 1m}\n",
                     "p.yml:10:14: condition: a number to compare with is missing, as `gte: 5`"},
        DocumentCase{"UnknownOperator", TWO_RULES "correlation: {type: event_count, rules: a, timespan: 1m, condition: {ge: 2}}\n",
                     "p.yml:10:70: unknown key \"ge\", did you mean \"gt\"?"},
        DocumentCase{"NoNumber", TWO_RULES "correlation: {type: event_count, rules: a, timespan: 1m, condition: {gte: many}}\n",
                     "p.yml:10:75: gte: expected a number from -1000000000000000 to 1000000000000000"},
        DocumentCase{"NoField", TWO_RULES "correlation: {type: value_count, rules: a, timespan: 1m, condition: {gte: 2}}\n",
                     "p.yml:10:69: condition: `field` is missing: whose values are meant?"},
        DocumentCase{"FieldOfACount", TWO_RULES "correlation: {type: event_count, rules: a, timespan: 1m, condition: {gte: 2, field: x}}\n",
                     "p.yml:10:85: field: means nothing in a correlation of type event_count"},
        DocumentCase{"Percentile", TWO_RULES "correlation: {type: value_sum, rules: a, timespan: 1m, condition: {gte: 2, field: x, percentile: 5}}\n",
                     "p.yml:10:98: percentile: means nothing in a correlation of type value_sum"},
        DocumentCase{"PercentileRange",
                     TWO_RULES "correlation: {type: value_percentile, rules: a, timespan: 1m, condition: {gte: 2, field: x, percentile: 101}}\n",
                     "p.yml:10:105: percentile: expected a number from 0 to 100"},
        DocumentCase{"SumOfTwoFields", TWO_RULES "correlation: {type: value_sum, rules: a, timespan: 1m, condition: {gte: 2, field: [x, y]}}\n",
                     "p.yml:10:67: condition: several fields can only be counted, in a value_count"},
        DocumentCase{"NamesInACount", TWO_RULES "correlation: {type: event_count, rules: a, timespan: 1m, condition: a and b}\n",
                     "p.yml:10:69: condition: rule names belong to the types temporal and temporal_ordered; others need a number, as `gte: 5`"},
        DocumentCase{"Generate", TWO_RULES "correlation: {type: event_count, rules: a, timespan: 1m, condition: {gte: 2}, generate: 'yes'}\n",
                     "p.yml:10:89: generate: expected true or false, not a text"},
        DocumentCase{"UnknownRule", TWO_RULES "correlation: {type: temporal, rules: [a, bb], timespan: 1m}\n",
                     "p.yml:10:42: no rule is called \"bb\", did you mean \"b\"?"},
        DocumentCase{"TooMany", TWO_RULES "correlation: {type: event_count, rules: a, timespan: 1m, condition: {gte: 100000}}\n",
                     "p.yml:9:1: a correlation of type event_count needs 100000 matches of one group, and at most 4096 are kept"},
        DocumentCase{"ConditionName", TWO_RULES "correlation: {type: temporal, rules: [a], timespan: 1m, condition: a and b}\n",
                     "p.yml:10:68: condition: \"b\" is none of the correlation's rules"},
        DocumentCase{"ConditionLeavesOut", TWO_RULES "correlation: {type: temporal, rules: [a, b], timespan: 1m, condition: a}\n",
                     "p.yml:10:71: condition: does not name \"B\", which stands among the rules"},
        DocumentCase{"ConditionPattern", TWO_RULES "correlation: {type: temporal, rules: [a, b], timespan: 1m, condition: 1 of them}\n",
                     "p.yml:10:71: condition: names of rules only: `1 of` and `all of` belong to detections"},
        DocumentCase{"ConditionSyntax", TWO_RULES "correlation: {type: temporal, timespan: 1m, condition: a and}\n",
                     "p.yml:10:56: condition: something is missing (at the end)"},
        DocumentCase{"OrderedOr", TWO_RULES "correlation: {type: temporal_ordered, timespan: 1m, condition: a or b}\n",
                     "p.yml:9:1: a correlation of type temporal_ordered has a condition that an order can be given to only if it is names, or `not` names, "
                     "joined by `and`"},
        DocumentCase{"AliasOfAnother", TWO_RULES "correlation: {type: temporal, rules: [a], timespan: 1m, group-by: [who], aliases: {who: {b: user}}}\n",
                     "p.yml:10:90: aliases: \"b\" is none of the correlation's rules"},
        DocumentCase{"AliasIsText", TWO_RULES "correlation: {type: temporal, rules: [a], timespan: 1m, group-by: [who], aliases: {who: user}}\n",
                     "p.yml:10:89: who: expected `key: value` lines, not a text"},
        DocumentCase{"AliasToAList", TWO_RULES "correlation: {type: temporal, rules: [a], timespan: 1m, group-by: [who], aliases: {who: {a: [x]}}}\n",
                     "p.yml:10:93: aliases: expected the name of a field, not a list"}),
    [](const auto& row) { return std::string(row.param.name); });

std::string with_rules(std::string_view text) { return std::string(kTwoRules) + std::string(text); }

TEST(SigmaCorrelations, AreLinkedAndSilenceTheirRules) {
  const SigmaPack pack =
      load(with_rules("title: c\nid: c-1\nlevel: medium\ncorrelation:\n  type: value_count\n  rules: [a, b, A]\n  group-by: [who, ip]\n  timespan: 2h\n  "
                      "aliases: {who: {a: user, b: principal}}\n"
                      "  condition: {gt: 3, lte: 10, field: [name, who]}\n"));
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  ASSERT_THAT(pack.correlations, SizeIs(1));
  const auto& [head, correlation, reports, warnings] = pack.correlations[0];
  EXPECT_EQ(head.level, event::Severity::kMedium);
  EXPECT_EQ(correlation.id, "c-1");
  EXPECT_EQ(correlation.type, CorrelationType::kValueCount);
  EXPECT_EQ(correlation.timespan, 2h);
  EXPECT_EQ(correlation.thresholds, (std::vector<Threshold>{{Threshold::Op::kAtMost, 10}, {Threshold::Op::kMore, 3}}));
  ASSERT_THAT(correlation.sources, SizeIs(2)) << "a rule that is named twice counts once";
  EXPECT_THAT(correlation.sources[0].group, ElementsAre("user", "ip"));
  EXPECT_THAT(correlation.sources[1].group, ElementsAre("principal", "ip"));
  EXPECT_THAT(correlation.sources[1].values, ElementsAre("name", "principal"));
  EXPECT_FALSE(pack.rules[0].reports);
  EXPECT_FALSE(pack.rules[1].reports);
}

TEST(SigmaCorrelations, MayLetTheirRulesReport) {
  const SigmaPack pack = load(with_rules("title: c\ncorrelation: {type: event_count, rules: a, timespan: 1m, condition: {gte: 2}, generate: true}\n"));
  EXPECT_TRUE(pack.rules[0].reports);
  EXPECT_TRUE(pack.rules[1].reports);
}

TEST(SigmaCorrelations, TakeTheirRulesFromTheCondition) {
  const SigmaPack pack = load(with_rules("title: c\ncorrelation: {type: temporal, timespan: 1m, condition: b and not a}\n"));
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  ASSERT_THAT(pack.correlations, SizeIs(1));
  const Correlation& correlation = pack.correlations[0].correlation;
  ASSERT_THAT(correlation.sources, SizeIs(2));
  EXPECT_EQ(correlation.sources[0].index, 1U) << "b, as it is named first";
  ASSERT_TRUE(correlation.condition);
  EXPECT_TRUE(correlation.condition->holds(0b01));
  EXPECT_FALSE(correlation.condition->holds(0b11));
}

TEST(SigmaCorrelations, MayCountCorrelations) {
  const SigmaPack pack = load(with_rules(
      "title: outer\ncorrelation: {type: temporal_ordered, rules: [inner, b], group-by: [who], timespan: 1h, aliases: {who: {inner: ip, b: address}}}\n---\n"
      "title: Inner\nname: inner\ncorrelation: {type: event_count, rules: [a], group-by: [ip, user], timespan: 5m, condition: {gte: 3}}\n"));
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  ASSERT_THAT(pack.correlations, SizeIs(2));
  EXPECT_EQ(pack.correlations[0].head.name, "inner") << "what is referred to stands first";
  const CorrelationSource& source = pack.correlations[1].correlation.sources[0];
  EXPECT_TRUE(source.is_correlation);
  EXPECT_EQ(source.index, 0U);
  EXPECT_THAT(source.group, ElementsAre("ip"));
}

TEST(SigmaCorrelations, CannotGroupByWhatAnInnerOneDoesNot) {
  EXPECT_THAT(errors_of(with_rules("title: outer\ncorrelation: {type: temporal, rules: [inner, b], group-by: [user], timespan: 1h}\n---\n"
                                   "title: inner\ncorrelation: {type: event_count, rules: [a], group-by: [ip], timespan: 5m, condition: {gte: 3}}\n")),
              ElementsAre("p.yml:10:60: the results of \"inner\" have no \"user\": it is grouped by ip"));
}

TEST(SigmaCorrelations, GoInNoCircles) {
  const auto errors =
      errors_of(with_rules("title: x\ncorrelation: {type: temporal, rules: [y, a], timespan: 1h}\n---\n"
                           "title: y\ncorrelation: {type: temporal, rules: [x, b], timespan: 1h}\n---\n"
                           "title: z\ncorrelation: {type: temporal, rules: [z], timespan: 1h}\n---\n"
                           "title: w\ncorrelation: {type: temporal, rules: [a, b], timespan: 1h}\n"));
  EXPECT_THAT(errors, ElementsAre("p.yml:9:1: correlations refer to each other in a circle here, or more than 10 deep",
                                  "p.yml:12:1: correlations refer to each other in a circle here, or more than 10 deep",
                                  "p.yml:15:1: correlations refer to each other in a circle here, or more than 10 deep"));
}

std::string chain(int length, bool backwards) {
  std::vector<std::string> documents;
  for (int i = 1; i <= length; ++i)
    documents.push_back("title: k" + std::to_string(i) + "\ncorrelation: {type: temporal, rules: [" + (i == 1 ? "a" : "k" + std::to_string(i - 1)) +
                        "], timespan: 1h}\n---\n");
  if (backwards) std::reverse(documents.begin(), documents.end());
  std::string out;
  for (const std::string& document : documents) out += document;
  return out;
}

TEST(SigmaCorrelations, AreTenDeepAtMost) {
  for (const bool backwards : {false, true}) {
    EXPECT_THAT(errors_of(with_rules(chain(10, backwards))), IsEmpty());
    EXPECT_THAT(load(with_rules(chain(10, backwards))).correlations, SizeIs(10));
    EXPECT_THAT(errors_of(with_rules(chain(11, backwards))), SizeIs(1));
    EXPECT_THAT(load(with_rules(chain(30, backwards))).correlations, SizeIs(10));
  }
}

TEST(SigmaCorrelations, FailWithWhatTheyReferTo) {
  EXPECT_THAT(
      errors_of("title: a\ndetection: {s: {x|foo: 1}, condition: s}\n---\ntitle: c\ncorrelation: {type: event_count, rules: a, timespan: 1m, condition: {gte: "
                "2}}\n---\n"
                "title: d\ncorrelation: {type: temporal, rules: c, timespan: 1m}\n"),
      ElementsAre("p.yml:2:17: unknown modifier \"foo\"", "p.yml:4:1: refers to \"a\", which has errors", "p.yml:7:1: refers to \"c\", which has errors"));
}

TEST(SigmaCorrelations, WarnOfAliasesThatSayLittle) {
  const SigmaPack pack = load(
      with_rules("title: c\ncorrelation: {type: temporal, rules: [a, b], timespan: 1m, group-by: [who], aliases: {who: {a: user}, other: {a: x, b: y}}}\n"));
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  EXPECT_THAT(pack.warnings.lines(), ElementsAre("p.yml:10:87: aliases: \"who\" does not say where \"B\" has it: a field of that very name is taken",
                                                 "p.yml:10:103: aliases: \"other\" stands neither in `group-by` nor in `field`"));
  EXPECT_THAT(pack.correlations[0].correlation.sources[1].group, ElementsAre("who"));
}

TEST(SigmaReferences, GoByIdThenNameThenTitle) {
  const SigmaPack pack = load(
      "title: x\nid: i1\ndetection: {s: {e: 1}, condition: s}\n---\ntitle: i1\nname: x\ndetection: {s: {e: 2}, condition: s}\n---\n"
      "title: c\ncorrelation: {type: temporal_ordered, rules: [i1, x], timespan: 1m}\n");
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  ASSERT_THAT(pack.correlations, SizeIs(1));
  EXPECT_EQ(pack.correlations[0].correlation.sources[0].index, 0U);
  EXPECT_EQ(pack.correlations[0].correlation.sources[1].index, 1U);
}

TEST(SigmaReferences, AreUnique) {
  EXPECT_THAT(errors_of("title: x\nid: i\ndetection: {s: {e: 1}, condition: s}\n---\ntitle: y\nid: i\ndetection: {s: {e: 2}, condition: s}\n"),
              ElementsAre("p.yml:5:1: the id \"i\" is that of p.yml:1:1 too: every document needs its own"));
  EXPECT_THAT(errors_of("title: x\nname: n\ndetection: {s: {e: 1}, condition: s}\n---\ntitle: y\nname: n\ndetection: {s: {e: 2}, condition: s}\n"),
              ElementsAre("p.yml:5:1: the name \"n\" is that of p.yml:1:1 too: every document needs its own"));
  EXPECT_THAT(errors_of("title: x\ndetection: {s: {e: 1}, condition: s}\n---\ntitle: x\ndetection: {s: {e: 2}, condition: s}\n---\n"
                        "title: c\ncorrelation: {type: event_count, rules: x, timespan: 1m, condition: {gte: 2}}\n"),
              ElementsAre("p.yml:8:41: 2 rules are called \"x\": refer to the one that is meant by its id"));
  EXPECT_THAT(errors_of("title: f\nfilter: {rules: any, s: {e: 1}, condition: not s}\n---\ntitle: c\ncorrelation: {type: event_count, rules: f, timespan: 1m, "
                        "condition: {gte: 2}}\n"),
              ElementsAre("p.yml:5:41: \"f\" is a filter, and filters match nothing"));
}

TEST(SigmaReferences, TellResultsApart) {
  EXPECT_THAT(errors_of(with_rules(
                  "title: c\ncorrelation: {type: temporal, rules: a, timespan: 1m}\n---\ntitle: c\ncorrelation: {type: temporal, rules: b, timespan: 1m}\n")),
              ElementsAre("p.yml:12:1: another correlation is called \"c\" too, by which its results are known: give it an `id` of its own"));
}

// Filters ----------------------------------------------------------------------------------------------------------------------------------------------------

TEST(SigmaFilters, RestrictTheRulesTheyName) {
  const SigmaPack pack = load(with_rules("title: f\nlogsource: {product: aws}\nfilter:\n  rules: [a]\n  s: {user: robot}\n  condition: not s\n"));
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  EXPECT_THAT(pack.warnings.lines(), IsEmpty());
  EXPECT_TRUE(matches(pack.rules[0], R"({"e":"a","user":"eve"})"));
  EXPECT_FALSE(matches(pack.rules[0], R"({"e":"a","user":"robot"})"));
  EXPECT_TRUE(matches(pack.rules[1], R"({"e":"b","user":"robot"})"));
}

TEST(SigmaFilters, ForAnyRule) {
  for (const char* rules : {"any", "all", "[]"}) {
    const SigmaPack pack = load(with_rules(std::string("title: f\nfilter: {rules: ") + rules + ", s: {user: robot}, condition: not s}\n"));
    EXPECT_THAT(pack.errors.lines(), IsEmpty());
    for (const SigmaRule& rule : pack.rules) EXPECT_FALSE(matches(rule, R"({"e":["a","b"],"user":"robot"})"));
  }
}

TEST(SigmaFilters, KeepTheirNamesApart) {
  const SigmaPack pack =
      load("title: a\ndetection: {sel_1: {e: a}, condition: 1 of sel_*}\n---\ntitle: f\nfilter: {rules: any, sel_2: {user: robot}, condition: not sel_2}\n");
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  EXPECT_FALSE(matches(pack.rules[0], R"({"e":"b","user":"eve"})"));
  EXPECT_TRUE(matches(pack.rules[0], R"({"e":"a","user":"eve"})"));
}

TEST(SigmaFilters, GoByLogSource) {
  const SigmaPack pack = load(
      "title: a\nlogsource: {product: aws, service: cloudtrail}\ndetection: {s: {e: a}, condition: s}\n---\n"
      "title: f\nlogsource: {product: windows}\nfilter: {rules: any, s: {e: a}, condition: not s}\n");
  EXPECT_TRUE(matches(pack.rules[0], R"({"e":"a"})"));
  EXPECT_EQ(pack.skipped, 1U);
}

TEST(SigmaFilters, WarnOfTheSignAndOfUnknownRules) {
  const SigmaPack pack = load(with_rules("title: f\nfilter: {rules: [zz], s: {user: robot}, condition: s}\n"));
  EXPECT_THAT(pack.warnings.lines(),
              ElementsAre("p.yml:10:18: rules: no rule is called \"zz\"",
                          "p.yml:10:52: only records that fulfil a filter's condition still match its rules; to leave records out, write `not selection`"));
}

TEST(SigmaFilters, NeedRules) {
  EXPECT_THAT(errors_of("title: f\nfilter: {s: {user: robot}, condition: not s}\n"),
              ElementsAre("p.yml:2:9: rules: is missing: ids or names of rules, or `any`"));
  EXPECT_THAT(errors_of("title: f\nfilter: {rules: [{}], s: {user: robot}, condition: not s}\n"),
              ElementsAre("p.yml:2:18: rules: expected the id or name of a rule, not a map"));
}

// Old forms --------------------------------------------------------------------------------------------------------------------------------------------------

std::string old_rule(std::string_view condition, std::string_view timeframe = "10m") {
  return "title: old\nid: o\ndetection:\n  s1: {eventName: A}\n  s2: {eventName: [B, C]}\n  s3: {user: x}\n  condition: " + std::string(condition) +
         (timeframe.empty() ? "\n" : "\n  timeframe: " + std::string(timeframe) + "\n");
}

TEST(SigmaOldForms, CountsBecomeCorrelations) {
  const SigmaPack pack = load(old_rule("s1 or s3 | count() > 5"));
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  EXPECT_THAT(pack.warnings.lines(), ElementsAre("p.yml:7:14: condition: of an old form, read as a correlation of type event_count over the timeframe"));
  ASSERT_THAT(pack.correlations, SizeIs(1));
  const auto& [head, correlation, reports, warnings] = pack.correlations[0];
  EXPECT_EQ(head.id, "o");
  EXPECT_THAT(warnings, SizeIs(1));
  EXPECT_EQ(correlation.timespan, 10min);
  EXPECT_EQ(correlation.thresholds, (std::vector<Threshold>{{Threshold::Op::kMore, 5}}));
  EXPECT_THAT(correlation.group_names, IsEmpty());
  ASSERT_THAT(pack.rules, SizeIs(1));
  EXPECT_FALSE(pack.rules[0].reports);
  EXPECT_TRUE(matches(pack.rules[0], R"({"eventName":"A"})"));
}

TEST(SigmaOldForms, GroupsValuesAndSums) {
  const SigmaPack grouped = load(old_rule("s1 | count() by sourceIPAddress, userIdentity.arn >= 5"));
  ASSERT_THAT(grouped.correlations, SizeIs(1));
  EXPECT_THAT(grouped.correlations[0].correlation.sources[0].group, ElementsAre("sourceIPAddress", "userIdentity.arn"));
  const SigmaPack values = load(old_rule("s1 | count(eventName) by user>5"));
  ASSERT_THAT(values.correlations, SizeIs(1));
  EXPECT_EQ(values.correlations[0].correlation.type, CorrelationType::kValueCount);
  EXPECT_THAT(values.correlations[0].correlation.sources[0].values, ElementsAre("eventName"));
  const SigmaPack sums = load(old_rule("s1 | sum(bytes) by user != 1e6"));
  ASSERT_THAT(sums.correlations, SizeIs(1));
  EXPECT_EQ(sums.correlations[0].correlation.thresholds, (std::vector<Threshold>{{Threshold::Op::kUnequal, 1e6}}));
}

TEST(SigmaOldForms, NearBecomesTemporal) {
  const SigmaPack pack = load(old_rule("s1 | near s2 and not s3", ""));
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  EXPECT_THAT(pack.warnings.lines(),
              ElementsAre("p.yml:7:14: condition: of an old form, read as a correlation of type temporal over one hour, as there is no `timeframe`"));
  ASSERT_THAT(pack.correlations, SizeIs(1));
  const Correlation& correlation = pack.correlations[0].correlation;
  EXPECT_EQ(correlation.timespan, 1h);
  ASSERT_THAT(correlation.sources, SizeIs(3));
  EXPECT_TRUE(correlation.condition->holds(0b011));
  EXPECT_FALSE(correlation.condition->holds(0b111));
  EXPECT_FALSE(correlation.condition->holds(0b001));
  EXPECT_TRUE(matches(pack.rules[1], R"({"eventName":"C"})"));
}

TEST(SigmaOldForms, TwoEventsThatNoRecordCanBeBecomeTemporal) {
  const SigmaPack pack = load(old_rule("s1 and s2"));
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  ASSERT_THAT(pack.correlations, SizeIs(1));
  EXPECT_EQ(pack.correlations[0].correlation.type, CorrelationType::kTemporal);
  EXPECT_THAT(pack.rules, SizeIs(2));
}

TEST(SigmaOldForms, OneRecordThatCanBeBothIsARule) {
  const SigmaPack pack = load(old_rule("s1 and s3"));
  EXPECT_THAT(pack.correlations, IsEmpty());
  ASSERT_THAT(pack.rules, SizeIs(1));
  EXPECT_THAT(pack.warnings.lines(), ElementsAre("p.yml:5:3: no condition names the selection \"s2\"",
                                                 "p.yml:8:14: timeframe: means nothing without an aggregation in the condition"));
  EXPECT_THAT(load(old_rule("s1 and s2", "")).correlations, IsEmpty()) << "without a timeframe it is what it says";
}

TEST(SigmaOldForms, FiltersReachTheirParts) {
  const SigmaPack pack = load(old_rule("s1 | count() > 5") + "---\ntitle: f\nfilter: {rules: [o], s: {user: robot}, condition: not s}\n");
  EXPECT_THAT(pack.errors.lines(), IsEmpty());
  EXPECT_FALSE(matches(pack.rules[0], R"({"eventName":"A","user":"robot"})"));
}

TEST(SigmaOldForms, ThatCannotBeTranslatedAreRefused) {
  const std::string form = "p.yml:7:14: condition: expected `count() by FIELD > NUMBER`, `count(FIELD) by FIELD > NUMBER` or `near SELECTION` behind the bar";
  for (const char* condition : {"s1 |", "s1 | count", "s1 | count(", "s1 | count() >", "s1 | count() > many", "s1 | count() 5", "s1 | count() by > 5",
                                "s1 | count() > 5 6", "s1 | avg() > 5", "s1 | median(x) > 5", "s1 | count() by a, > 5", "s1 | count() => 5"})
    EXPECT_THAT(errors_of(old_rule(condition)), ElementsAre(form)) << condition;
  EXPECT_THAT(errors_of(old_rule("s1 | min(x) > 5")), ElementsAre("p.yml:7:14: condition: `min` has no correlation that it could become"));
  EXPECT_THAT(errors_of(old_rule("s1 | count() > 5 | near s2")),
              ElementsAre("p.yml:7:14: condition: more than one bar cannot be translated into a correlation"));
  EXPECT_THAT(errors_of(old_rule("s1 | near s2 or s3")),
              ElementsAre("p.yml:7:14: condition: behind `near` only names, or `not` names, joined by `and` can be translated into a correlation"));
  EXPECT_THAT(errors_of(old_rule("s1 | near")), ElementsAre("p.yml:7:14: condition: behind `near` is empty: name a selection"));
  EXPECT_THAT(errors_of(old_rule("s1 | near s9")), ElementsAre("p.yml:7:14: condition: there is no selection \"s9\", did you mean \"s1\"?"));
  EXPECT_THAT(errors_of(old_rule("[s1 | count() > 5, s2]")),
              ElementsAre("p.yml:7:15: condition: of an old form, of which only a single one can be translated into a correlation: make it several rules"));
}

// Bounds -----------------------------------------------------------------------------------------------------------------------------------------------------

TEST(SigmaPack, IsBounded) {
  std::string many;
  for (int i = 0; i < 20'001; ++i) many += "title: t" + std::to_string(i) + "\ndetection: {s: {a: 1}, condition: s}\n---\n";
  const SigmaPack pack = load(many);
  EXPECT_THAT(pack.errors.lines(), ElementsAre("p.yml:60001:1: more than 20,000 documents, or more than 1,000,000 tests in all of them: load fewer"));
  EXPECT_THAT(pack.rules, SizeIs(20'000));

  std::string values = "title: t\ndetection:\n  s:\n    a|contains:\n";
  for (int i = 0; i < 1'000; ++i) values += "      - v" + std::to_string(i) + "\n";
  std::string again = values + "  condition: s";
  for (int i = 0; i < 100; ++i) again += " or s";
  EXPECT_THAT(errors_of(again), ElementsAre("p.yml:1005:14: condition: comes to more than 100,000 tests: split the rule"));

  std::string selections = "title: t\ndetection:\n  condition: s0\n";
  for (int i = 0; i < 1'001; ++i) selections += "  s" + std::to_string(i) + ": {a: 1}\n";
  EXPECT_THAT(errors_of(selections), ElementsAre("p.yml:1004:3: more than 1,000 selections"));

  std::string conditions = "title: t\ndetection:\n  s: {a: 1}\n  condition:\n";
  for (int i = 0; i < 101; ++i) conditions += "    - s\n";
  EXPECT_THAT(errors_of(conditions), ElementsAre("p.yml:5:5: condition: more than 100 of them"));

  std::string wrong = "title: t\ndetection:\n  s:\n";
  for (int i = 0; i < 5'000; ++i) wrong += "    f" + std::to_string(i) + "|contians: x\n";
  EXPECT_THAT(errors_of(wrong + "  condition: s\n"), SizeIs(100)) << "nobody reads more";
}

}  // namespace
}  // namespace trailwarden::rules
