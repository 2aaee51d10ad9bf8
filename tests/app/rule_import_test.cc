// Sigma files as a person brings them: what `rules import` says of them, and that the configuration takes the same ones.

#include "app/rule_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/rule_preview.h"
#include "app/setup.h"
#include "rules/test_record.h"
#include "testing/command.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using nlohmann::json;

const std::string kSigma = std::string(TRAILWARDEN_SOURCE_DIR) + "/tests/data/sigma";

TEST(RuleImport, SaysWhatLoadsAndWhatDoesNotAndWhy) {
  const testing::Said said = testing::run(import_rules, RuleImportArguments{.folders = {kSigma}});
  EXPECT_EQ(said.code, kFine);
  EXPECT_THAT(said.out, HasSubstr("18 documents in 15 files: 10 load (rules 6, correlations 3, filters 1), 3 for other log sources, 5 with errors"));
  EXPECT_THAT(said.out, HasSubstr("on  high          5d3c1d0e-4d7f-4b3a-9a52-0c1f6f3e7a01     T1098.001  Access key for another user"));
  EXPECT_THAT(said.out, HasSubstr("off low           Bucket_without_versions"));
  EXPECT_THAT(said.out, HasSubstr("     2  unknown modifier \"...\", did you mean \"...\"?"));
  EXPECT_THAT(said.out, HasSubstr("unknown_modifier.yml:5:9: unknown modifier \"contians\", did you mean \"contains\"?"));
  EXPECT_THAT(said.out, HasSubstr("no_yaml.yml:"));
  EXPECT_THAT(said.out, HasSubstr("azure.yml:2:12"));
  EXPECT_THAT(said.out, HasSubstr("keep_going: true"));
}

TEST(RuleImport, SaysItInJsonToo) {
  const testing::Said said = testing::run(import_rules, RuleImportArguments{.folders = {kSigma}, .as_json = true});
  const json report = json::parse(said.out);
  EXPECT_EQ(report["files"], 15);
  EXPECT_EQ(report["loaded"], json::parse(R"({"rules":6,"correlations":3,"filters":1})"));
  EXPECT_EQ(report["leftOut"], 3);
  EXPECT_EQ(report["refused"], 5);
  EXPECT_EQ(report["errors"][0]["count"], 2);
  EXPECT_EQ(report["errors"][0]["places"][0]["line"], 5);
  EXPECT_EQ(report["findingsOf"].size(), 6U) << "what only correlations use reports nothing by itself";
}

TEST(RuleImport, NothingThatLoadsIsAFailure) {
  const testing::Said said = testing::run(import_rules, RuleImportArguments{.folders = {kSigma + "/broken", kSigma + "/other", kSigma + "/nowhere"}});
  EXPECT_EQ(said.code, kFailed);
  EXPECT_THAT(said.out, AllOf(HasSubstr("there is no such file or folder\n"), HasSubstr("nowhere:1:1\n")));
  EXPECT_THAT(said.out, Not(HasSubstr("To use them")));
}

TEST(RuleImport, FillsPlaceholdersFromAConfiguration) {
  const testing::TempDir folder;
  RuleImportArguments arguments{.folders = {kSigma + "/broken/placeholder.yml"}};
  const auto import_with = [&](const std::string& placeholders) {
    arguments.config = folder.write("c.yaml", "version: 1\nrules: {packs: [], placeholders: " + placeholders + "}\n");
    return testing::run(import_rules, arguments);
  };
  EXPECT_EQ(testing::run(import_rules, arguments).code, kFailed);
  EXPECT_EQ(import_with("{deploy_roles: [x]}").code, kFailed) << "of another one";
  const testing::Said said = import_with("{admins: [alice]}");
  EXPECT_EQ(said.code, kFine);
  EXPECT_THAT(said.out, HasSubstr("1 documents in 1 files: 1 load"));
  arguments.config = folder.write("c.yaml", "version: 1\nrules: {packs: [], folders: [" + kSigma + "/broken], placeholders: {admins: [alice]}}\n");
  EXPECT_EQ(testing::run(import_rules, arguments).code, kFine) << "whatever is wrong with the rules of the configuration";
  EXPECT_THAT(import_with("{admins: []}").err, HasSubstr("a list of the texts that may stand for %admins%"));
}

/// The findings of records under a configuration, as (rule, severity, entity).
std::vector<std::string> findings_under(const std::string& config, const std::vector<std::string>& records) {
  const testing::TempDir folder;
  std::string lines;
  for (std::size_t i = 0; i < records.size(); ++i) lines += rules::complete_record(records[i], i + 1, static_cast<std::int64_t>(i)).value() + "\n";
  const auto setup = load_setup(folder.write("c.yaml", "version: 1\ninsights: {enabled: false}\nsilence: {enabled: false}\n" + config));
  EXPECT_TRUE(setup) << setup.error().message;
  const auto preview = preview_of(*setup, {folder.write("records.jsonl", lines)});
  EXPECT_TRUE(preview) << preview.error().message;
  std::vector<std::string> out;
  for (const std::string& alert : preview->alerts) {
    const json detail = json::parse(alert)["detail"];
    out.push_back(detail["what"].get<std::string>() + " " + detail["severity"].get<std::string>() + " " + detail["entity"].get<std::string>());
  }
  return out;
}

std::string stop_by(std::string_view role) {
  return R"({"eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111111111111:assumed-role/)" + std::string(role) +
         R"(/x","accountId":"111111111111"}})";
}
std::string login(bool works) {
  return works ? R"({"eventName":"ConsoleLogin","sourceIPAddress":"198.51.100.7","responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"Yes"}})"
               : R"({"eventName":"ConsoleLogin","sourceIPAddress":"198.51.100.7","errorMessage":"Failed authentication","responseElements":{"ConsoleLogin":"Failure"}})";
}

TEST(SigmaInTheConfiguration, BecomesFindingsThatItsOverridesAndSuppressionsKnow) {
  const std::string config = "rules: {packs: [], folders: [" + kSigma + "/aws], overrides: [{rule: \"5d3c*\", severity: critical}]}\ndetectors: {trail_tampering: {enabled: false}}\n";
  const std::vector<std::string> records{
      stop_by("Admin"), stop_by("BreakGlass"),
      R"({"eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey","requestParameters":{"userName":"bob"},"userIdentity":{"userName":"alice"}})",
      R"({"eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey","requestParameters":{"userName":"alice"},"userIdentity":{"userName":"alice"}})"};
  EXPECT_THAT(findings_under(config, records), UnorderedElementsAre("trail_stopped high arn:aws:sts::111111111111:assumed-role/Admin",
                                                                    "5d3c1d0e-4d7f-4b3a-9a52-0c1f6f3e7a01 critical arn:aws:iam::111111111111:user/alice"));
  EXPECT_THAT(findings_under(config + "suppressions: [{name: n, rules: [trail_stopped], reason: r, owner: o, expires: 2099-01-01}]\n", records), ElementsAre(HasSubstr("5d3c1d0e")));
}

TEST(SigmaInTheConfiguration, PlaceholdersStandForItsValues) {
  const testing::TempDir folder;
  folder.write("rules/r.yml", "title: By an administrator\nname: by_admin\nlogsource: {product: aws, service: cloudtrail}\nlevel: high\ndetection:\n"
                              "  a: {eventName: CreateAccessKey, userIdentity.userName|expand: '%admins%'}\n  condition: a\n");
  const auto config = [&](const std::string& admins) { return "rules: {packs: [], folders: [" + folder.path("rules") + "], placeholders: {admins: [" + admins + "]}}\n"; };
  const auto made_by = [](const std::string& who) { return R"({"eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey","userIdentity":{"userName":")" + who + "\"}}"; };
  const std::vector<std::string> records{made_by("alice"), made_by("ops-7"), made_by("bob")};
  EXPECT_THAT(findings_under(config("alice, 'ops-*'"), records), UnorderedElementsAre(HasSubstr("user/alice"), HasSubstr("user/ops-7")));
  EXPECT_THAT(findings_under(config("bob"), records), ElementsAre(HasSubstr("user/bob")));
  const auto hash_under = [&](const std::string& admins) { return load_setup(folder.write("c.yaml", "version: 1\n" + config(admins)))->rules.rules.at(0).hash; };
  EXPECT_NE(hash_under("alice"), hash_under("bob")) << "other values ask for something else";
}

TEST(SigmaInTheConfiguration, CorrelatesOverCorrelations) {
  const std::string config = "rules: {packs: [], folders: [" + kSigma + "/aws]}\n";
  std::vector<std::string> records(5, login(false));
  EXPECT_THAT(findings_under(config, records), IsEmpty()) << "a correlation that another one uses reports to it alone";
  records.push_back(login(true));
  EXPECT_THAT(findings_under(config, records), ElementsAre("in_after_failures critical 198.51.100.7"));
}

TEST(SigmaInTheConfiguration, WithErrorsRefusesItUnlessItGoesOn) {
  const testing::TempDir folder;
  const auto with = [&](const std::string& rest) { return load_setup(folder.write("c.yaml", "version: 1\nrules: {packs: [], folders: [" + kSigma + "]" + rest + "}\n")); };
  const auto refused = with("");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("unknown_name.yml:5:16: condition: there is no selection \"filter\""));
  const auto taken = with(", keep_going: true");
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->rule_settings->book->rules().size(), 5U) << "and one is deprecated";
  EXPECT_THAT(config::join_lines(taken->rules.warnings), AllOf(HasSubstr("unknown_name.yml:5:16"), HasSubstr("azure.yml:2:12: left out")));
}

}  // namespace
}  // namespace trailwarden::app
