#include "app/rule_reload.h"

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
class RuleReloads : public ::testing::Test {
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
  std::optional<RuleReload> reload_;
};

TEST_F(RuleReloads, SayWhatCameWentAndChanged) {
  folder_.write("rules/a.yaml", "# a line more\n" + rule("t.two") + rule("t.three", "pattern: {eventName: [Y]}\n") + rule("t.four"));
  const auto change = reload_->read();
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_THAT(change->added, ElementsAre("t.four"));
  EXPECT_THAT(change->removed, ElementsAre("t.one"));
  EXPECT_THAT(change->changed, ElementsAre("t.three"));
  EXPECT_FALSE(change->needs_restart);
  EXPECT_EQ(reload_->live().rule_settings->book->rules().size(), 3U);
}

TEST_F(RuleReloads, WhatIsToldIsAChangeAndWhereItStandsIsNone) {
  folder_.write("rules/b.yaml", rule("t.one") + rule("t.two", "pattern: {eventName: [X]}\nquiet_for: 2h\n") +
                                    rule("t.three", "pattern: {eventName: [X]}\ntests: [{name: n, event: {eventName: X}, expect: match}]\n"));
  std::filesystem::remove(folder_.path("rules/a.yaml"));
  EXPECT_THAT(reload_->read()->changed, ElementsAre("t.two"));
}

TEST_F(RuleReloads, WhatIsBrokenChangesNothing) {
  folder_.write("rules/a.yaml", rule("t.one") + rule("t.two", "patern: {}\n"));
  const auto refused = reload_->read();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("did you mean \"pattern\""));
  EXPECT_EQ(reload_->live().rule_settings->book->rules().size(), 3U);
  write_config("nonsense: 1\n");
  EXPECT_THAT(reload_->read().error().message, HasSubstr("nonsense"));
}

TEST_F(RuleReloads, NoRuleLeftIsAChangeToo) {
  folder_.write("rules/a.yaml", "");
  EXPECT_THAT(reload_->read()->removed, ElementsAre("t.one", "t.three", "t.two"));
  EXPECT_EQ(reload_->live().rule_settings, nullptr);
  folder_.write("rules/a.yaml", rule("t.one"));
  EXPECT_THAT(reload_->read()->added, ElementsAre("t.one"));
}

TEST_F(RuleReloads, TakeSuppressionsAndNothingElseOfTheConfiguration) {
  write_config("suppressions: [{name: quiet, rules: [t.one], reason: r, owner: o, expires: 2099-01-01}]\n");
  EXPECT_FALSE(reload_->read()->needs_restart);
  EXPECT_EQ(reload_->live().suppressions.list().size(), 1U);
  write_config("detectors: {root_use: {enabled: false}}\n");
  const std::size_t detectors = reload_->live().detectors.size();
  EXPECT_TRUE(reload_->read()->needs_restart);
  EXPECT_EQ(reload_->live().detectors.size(), detectors);
  EXPECT_TRUE(reload_->live().suppressions.empty());
}

TEST_F(RuleReloads, NoticeFilesThatChange) {
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
