// What packs and detectors, together as the service runs them, say of events that other people labelled for rules of their own (../shared/data/labelled).
// tests/data/labelled-rules.tsv: what of ours each of their rules is about. tests/data/labelled-differences.tsv: every event on which we differ, and why.

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detectors/judging.h"
#include "detectors/labelled_events.h"
#include "detectors/rule_settings.h"

namespace trailwarden::detectors {
namespace {

using testing::LabelledEvent;

/// Two columns with a tab between them; `#` begins a comment.
std::map<std::string, std::string> read_table(const char* name) {
  std::map<std::string, std::string> out;
  std::ifstream in(std::string(TRAILWARDEN_SOURCE_DIR) + "/tests/data/" + name);
  EXPECT_TRUE(in) << name;
  for (std::string line; std::getline(in, line);) {
    const std::size_t tab = line.find('\t');
    if (line.empty() || line.front() == '#') continue;
    EXPECT_NE(tab, std::string::npos) << name << ": " << line;
    EXPECT_TRUE(out.emplace(line.substr(0, tab), line.substr(tab + 1)).second) << name << ": twice: " << line;
  }
  return out;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

/// What was said of an event, by names that the table may give it.
struct Said {
  std::vector<std::string> names;  // rule or detector.what, and behaviours
  event::Severity severity;
};

/// The detectors and rules of a configuration.
class Engine {
 public:
  explicit Engine(std::vector<std::string> packs) {
    const auto diagnostics = std::make_shared<config::Diagnostics>();
    // The panther cases are about a bucket that its owner has declared to hold a trail.
    detectors_ = configure(config::Section::parse("trail_tampering: {trail_buckets: [\"sample-cloudtrail-bucket-name\"]}", "test.yaml", diagnostics));
    RuleConfig config;
    config.packs = std::move(packs);
    PreparedRules prepared = prepare_rules(config, detectors_);
    EXPECT_TRUE(prepared.errors.empty());
    for (const rules::Rule& rule : prepared.rules) behaviours_[rule.id] = rule.behaviour;
    detectors_.push_back(Rules::configured(std::make_shared<RuleSettings>(RuleSettings{rules::RuleBook::compile(std::move(prepared.rules)).value(), {}})));
  }

  /// What the records of one case raise, in one cell that has seen nothing before.
  std::vector<Said> judge(const std::vector<std::string>& records) const {
    std::vector<std::unique_ptr<Detector>> detectors;
    for (const ConfiguredDetector& configured : detectors_) detectors.push_back(configured.make());
    std::vector<Said> out;
    for (const std::string& record : records) {
      const auto event = trailwarden::testing::decoded(record);
      for (std::size_t i = 0; i < detectors.size(); ++i)
        for (const event::Finding& finding : testing::judge(*detectors[i], event->event)) out.push_back({names_of(finding, *detectors_[i].info), finding.severity});
    }
    return out;
  }

 private:
  std::vector<std::string> names_of(const event::Finding& finding, const DetectorInfo& info) const {
    const auto rule = behaviours_.find(std::string(finding.what));
    if (rule != behaviours_.end()) return {rule->first, rule->second};
    std::vector<std::string> out{fmt::format("{}.{}", finding.detector, finding.what)};
    out.insert(out.end(), info.behaviours.begin(), info.behaviours.end());
    return out;
  }

  std::vector<ConfiguredDetector> detectors_;
  std::map<std::string, std::string> behaviours_;  // by rule
};

bool is_about(const Said& said, const std::vector<std::string>& ours) {
  return std::any_of(ours.begin(), ours.end(), [&](const std::string& name) { return std::find(said.names.begin(), said.names.end(), name) != said.names.end(); });
}

/// One case with its records, completed.
struct Case {
  const LabelledEvent* label;
  std::vector<std::string> records;
};

std::map<std::string, Case> cases_of(const testing::LabelledEvents& events) {
  std::map<std::string, Case> out;
  int number = 0;
  for (const LabelledEvent& event : events.list()) {
    Case& one = out.try_emplace(event.label_case, Case{&event, {}}).first->second;
    one.records.push_back(testing::completed(event.record, std::to_string(number++)));
  }
  return out;
}

/// What differs from the label: "" if nothing does. Silent is: nothing of medium or higher.
std::string difference(const Case& one, const std::vector<Said>& said, const std::map<std::string, std::vector<std::string>>& ours) {
  const auto is_told = [&](const std::string& rule, event::Severity least) {
    return std::any_of(said.begin(), said.end(), [&](const Said& finding) { return finding.severity >= least && is_about(finding, ours.at(rule)); });
  };
  std::string out;
  for (const std::string& rule : one.label->their_rules) {
    if (*one.label->must_fire && !is_told(rule, event::Severity::kInformational)) out += rule + " fires, nothing of ours ";
    if (!*one.label->must_fire && is_told(rule, event::Severity::kMedium)) out += rule + " is silent, ours is not ";
  }
  if (one.label->their_rules.empty() && std::any_of(said.begin(), said.end(), [](const Said& finding) { return finding.severity >= event::Severity::kMedium; })) out += "not silent";
  return out;
}

std::string text_of(const std::vector<Said>& said) {
  std::string out;
  for (const Said& finding : said) out += fmt::format(" {}({})", fmt::join(finding.names, "/"), to_string(finding.severity));
  return out.empty() ? " nothing" : out;
}

TEST(Agreement, WithRulesOfOthersOrSaysWhyNot) {
  if (!testing::has_labelled_events()) GTEST_SKIP() << testing::kLabelled << " is not here; the labelled data are kept outside the repository";
  const testing::LabelledEvents events;
  std::map<std::string, std::vector<std::string>> ours;
  std::set<std::string> out_of_scope;
  for (const auto& [theirs, names] : read_table("labelled-rules.tsv")) {
    if (names.starts_with("-")) out_of_scope.insert(theirs);
    else ours.emplace(theirs, words_of(names));
  }
  std::map<std::string, std::string> differences = read_table("labelled-differences.tsv");
  const Engine aws({"aws"}), aws_and_cis({"aws", "cis"});
  int agreements = 0;
  for (const auto& [name, one] : cases_of(events)) {
    if (!one.label->must_fire) continue;
    const std::vector<std::string>& rules = one.label->their_rules;
    for (const std::string& rule : rules) EXPECT_TRUE(ours.contains(rule) != out_of_scope.contains(rule)) << rule << " is not in labelled-rules.tsv, or twice";
    if (std::any_of(rules.begin(), rules.end(), [&](const std::string& rule) { return !ours.contains(rule); })) continue;
    const bool is_about_cis = std::any_of(rules.begin(), rules.end(), [&](const std::string& rule) { return ours.at(rule).front().starts_with("cis."); });
    const std::vector<Said> said = (is_about_cis ? aws_and_cis : aws).judge(one.records);
    const std::string differs = difference(one, said, ours);
    const bool is_known = differences.erase(name) > 0;
    EXPECT_EQ(is_known, !differs.empty()) << name << ": " << (differs.empty() ? "no difference" : differs) << "; we say" << text_of(said);
    agreements += differs.empty() ? 1 : 0;
  }
  for (const auto& [name, because] : differences) ADD_FAILURE() << name << " is no case, or not asked";
  RecordProperty("agreements", agreements);
}

}  // namespace
}  // namespace trailwarden::detectors
