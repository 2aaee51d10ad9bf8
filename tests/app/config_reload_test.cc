#include "app/config_reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string rule(std::string_view id, std::string_view rest = "pattern: {eventName: [X]}\n") {
  return "---\nid: " + std::string(id) + "\ntitle: T\nsentence: s.\nseverity: high\n" + std::string(rest);
}

/// A configuration with a folder of rules, in use.
class ConfigReloads : public ::testing::Test {
 protected:
  void SetUp() override {
    write_config("");
    folder_.write("rules/a.yaml", rule("t.one") + rule("t.two") + rule("t.three"));
    auto setup = load_setup(folder_.path("c.yaml"));
    ASSERT_TRUE(setup) << setup.error().message;
    reload_.emplace(std::move(*setup), 0ms);
  }
  void write_config(const std::string& rest) { folder_.write("c.yaml", "version: 1\nrules: {packs: [], folders: [rules]}\n" + rest); }

  testing::TempDir folder_;
  std::optional<ConfigReload> reload_;
};

TEST_F(ConfigReloads, SayWhatCameWentAndChanged) {
  folder_.write("rules/a.yaml", "# a line more\n" + rule("t.two") + rule("t.three", "pattern: {eventName: [Y]}\n") + rule("t.four"));
  const auto change = reload_->read();
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_THAT(change->rules.added, ElementsAre("t.four"));
  EXPECT_THAT(change->rules.removed, ElementsAre("t.one"));
  EXPECT_THAT(change->rules.changed, ElementsAre("t.three"));
  EXPECT_THAT(change->waiting, IsEmpty());
  EXPECT_EQ(reload_->live().rule_settings->book->rules().size(), 3U);
}

TEST_F(ConfigReloads, WhatIsToldIsAChangeAndWhereItStandsIsNone) {
  folder_.write("rules/b.yaml", rule("t.one") + rule("t.two", "pattern: {eventName: [X]}\nquiet_for: 2h\n") +
                                    rule("t.three", "pattern: {eventName: [X]}\ntests: [{name: n, event: {eventName: X}, expect: match}]\n"));
  std::filesystem::remove(folder_.path("rules/a.yaml"));
  EXPECT_THAT(reload_->read()->rules.changed, ElementsAre("t.two"));
}

TEST_F(ConfigReloads, WhatIsBrokenChangesNothing) {
  folder_.write("rules/a.yaml", rule("t.one") + rule("t.two", "patern: {}\n"));
  const auto refused = reload_->read();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("did you mean \"pattern\""));
  EXPECT_EQ(reload_->live().rule_settings->book->rules().size(), 3U);
  write_config("nonsense: 1\n");
  EXPECT_THAT(reload_->read().error().message, HasSubstr("nonsense"));
}

TEST_F(ConfigReloads, NoRuleLeftIsAChangeToo) {
  folder_.write("rules/a.yaml", "# none\n");
  EXPECT_THAT(reload_->read()->rules.removed, ElementsAre("t.one", "t.three", "t.two"));
  EXPECT_EQ(reload_->live().rule_settings, nullptr);
  folder_.write("rules/a.yaml", rule("t.one"));
  EXPECT_THAT(reload_->read()->rules.added, ElementsAre("t.one"));
}

TEST_F(ConfigReloads, AnEmptyFileIsOneThatIsBeingWritten) {
  folder_.write("rules/a.yaml", "");
  EXPECT_FALSE(reload_->read());
  EXPECT_EQ(reload_->live().rule_settings->book->rules().size(), 3U) << "what was in use stays in use";
}

std::vector<std::string> keys_of(const std::vector<ConfigChange>& changes) {
  std::vector<std::string> out;
  for (const ConfigChange& change : changes) out.push_back(change.key);
  return out;
}

TEST_F(ConfigReloads, TakeAllThatJudgesAndNothingElse) {
  const std::string before = fingerprint(reload_->live());
  write_config(
      "suppressions: [{name: quiet, rules: [t.one], reason: r, owner: o, expires: 2099-01-01}]\ninsights: {false_insights_per_week: 7}\nsilence: {warm_up: 14d}\n"
      "detectors: {root_use: {enabled: false}, iam_burst: {quiet_for: 5m}}\nlog: {level: warn}\n");
  const auto change = reload_->read();
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_THAT(change->waiting, IsEmpty());
  EXPECT_THAT(keys_of(change->taken),
              ElementsAre("log.level", "insights.false_insights_per_week", "silence.warm_up", "detectors.iam_burst.quiet_for", "detectors.root_use.enabled", "suppressions[quiet]",
                          "detectors.root_use.quiet_for", "detectors.root_use.reads"));
  const app::Setup& live = reload_->live();
  EXPECT_EQ(live.suppressions.list().size(), 1U);
  EXPECT_EQ(live.insights.false_insights_per_week, 7);
  EXPECT_EQ(live.silence.warm_up, 14 * 24h);
  EXPECT_EQ(live.config.log.level, "warn");
  EXPECT_NE(fingerprint(live), before);
}

TEST_F(ConfigReloads, WhatWantsARestartWaitsAndTheRestIsTaken) {
  write_config("time: {lateness: 30m}\nhttp: {listen: \"127.0.0.1:1\"}\ninsights: {false_insights_per_week: 7}\n");
  const auto change = reload_->read();
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_THAT(keys_of(change->waiting), ElementsAre("time.lateness", "http.listen"));
  EXPECT_THAT(keys_of(change->taken), ElementsAre("insights.false_insights_per_week"));
  EXPECT_EQ(reload_->live().config.time.lateness, 15min);
  EXPECT_EQ(reload_->live().insights.false_insights_per_week, 7);
  EXPECT_THAT(keys_of(reload_->read()->waiting), ElementsAre("time.lateness", "http.listen")) << "until it is started anew";
}

TEST_F(ConfigReloads, NoticeFilesThatChange) {
  EXPECT_FALSE(reload_->files_have_changed());
  folder_.write("rules/deeper/b.yml", rule("t.five"));
  reload_->files_have_changed();
  EXPECT_TRUE(reload_->files_have_changed());
  write_config("# a word\n");
  reload_->files_have_changed();
  EXPECT_TRUE(reload_->files_have_changed());
}

}  // namespace
}  // namespace trailwarden::app
