#include "app/scope_use.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/commands.h"
#include "app/replay.h"
#include "testing/command.h"
#include "testing/temp_dir.h"
#include "testing/traffic.h"

namespace trailwarden::app {
namespace {

using detectors::InsightScope;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<KnownSeries> kSeries{{"111122223333", "eu-west-1", "s3.amazonaws.com", "PutObject"}, {"111122223333", "eu-west-1", "s3.amazonaws.com", "DeleteObject"},
                                       {"111122223333", "us-east-1", "ec2.amazonaws.com", "RunInstances"}, {"444455556666", "us-east-1", "ec2.amazonaws.com", "RunInstances"}};

InsightScope scope(std::string account, std::string region, std::string source, std::string name) { return {.account = std::move(account), .region = std::move(region), .event_source = std::move(source), .event_name = std::move(name), .settings = {}, .place = "c.yaml:3:5"}; }

ScopeUse use(const InsightScope& one) { return use_of_scopes({&one, 1}, kSeries).front(); }

TEST(ScopeUse, TheFirstScopeThatMatchesTakesASeries) {
  const std::vector<InsightScope> scopes{scope("1111*", "", "", ""), scope("", "", "ec2.amazonaws.com", ""), scope("", "us-east-1", "", "Run*")};
  const auto uses = use_of_scopes(scopes, kSeries);
  EXPECT_EQ(uses[0].taken, 3U);
  EXPECT_EQ(uses[1].named, 2U);
  EXPECT_EQ(uses[1].taken, 1U);
  EXPECT_EQ(uses[1].problem, "");
  EXPECT_EQ(uses[2].taken, 0U);
  EXPECT_THAT(uses[2].problem, AllOf(HasSubstr("does nothing"), HasSubstr("its 2 series are all taken by c.yaml:3:5")));
}

TEST(ScopeUse, SaysWhichMemberMatchesNothingAndWhatIsNear) {
  EXPECT_EQ(use(scope("", "", "", "PutObjekt")).problem, "matches nothing: no event_name is like PutObjekt; nearest: PutObject");
  EXPECT_EQ(use(scope("", "", "s3.amazonaws.co", "")).problem, "matches nothing: no event_source is like s3.amazonaws.co; nearest: s3.amazonaws.com, ec2.amazonaws.com");
  EXPECT_EQ(use(scope("111122223334", "", "", "PutObject")).problem, "matches nothing: no account is like 111122223334; nearest: 111122223333");
  EXPECT_EQ(use(scope("", "", "", "Qqqqqqqqq*")).problem, "matches nothing: no event_name is like Qqqqqqqqq*");
}

TEST(ScopeUse, SaysWhereElseItIs) {
  EXPECT_EQ(use(scope("", "", "s3.amazonaws.com", "Run*")).problem,
            "matches nothing: no event_name is like Run* in s3.amazonaws.com; there is RunInstances of ec2.amazonaws.com in 111122223333/us-east-1");
  EXPECT_EQ(use(scope("444455556666", "eu-west-1", "", "")).problem, "matches nothing: no region is like eu-west-1 in 444455556666; there is one in 111122223333/eu-west-1");
}

TEST(ScopeUse, WithoutSeriesNothingMatches) {
  const InsightScope one = scope("*", "", "", "");
  EXPECT_THAT(use_of_scopes({&one, 1}, {}).front().problem, HasSubstr("matches nothing"));
}

testing::Said check(const std::string& config, const std::string& against) { return testing::run(check_config, config, against); }

TEST(ConfigCheckAgainst, CountsSeriesOfScopesAndFailsOnOneThatHasNone) {
  const testing::TempDir dir;
  std::string lines;
  for (const testing::Call& call : testing::traffic(300, 2)) lines += testing::to_json(call) + "\n";
  const std::string records = dir.write("records.jsonl", lines), state = dir.path("w.state");
  ASSERT_EQ(testing::run(warm, WarmArguments{.paths = {records}, .out = state, .progress = false}).code, 0);
  const std::string good = dir.write("good.yaml", "version: 1\ninsights:\n  scopes:\n    - {event_source: ec2.amazonaws.com, budget: 2}\n");
  const testing::Said fine = check(good, state);
  EXPECT_EQ(fine.code, 0);
  EXPECT_EQ(fine.err, "");
  EXPECT_THAT(fine.out, AllOf(HasSubstr("w.state: 8 cells, "), HasSubstr(" 7 series  " + good + ":4:7  event_source ec2.amazonaws.com"), HasSubstr("in none of them")));
  const std::string bad = dir.write("bad.yaml", "version: 1\ninsights:\n  scopes:\n    - {event_name: StopLoging, budget: 2}\n");
  const testing::Said said = check(bad, state);
  EXPECT_EQ(said.code, 1);
  EXPECT_EQ(said.err, bad + ":4:7: insights.scopes[0] matches nothing: no event_name is like StopLoging; nearest: StopLogging\n");
  EXPECT_EQ(check(bad, "").code, 0) << "without a state there is nothing to hold it against";
  EXPECT_EQ(check(good, records).code, 1);
}

}  // namespace
}  // namespace trailwarden::app
