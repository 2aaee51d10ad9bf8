#include "app/rule_commands.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/rule_preview.h"
#include "app/rule_tests.h"
#include "app/setup.h"
#include "core/read_file.h"
#include "core/text.h"
#include "event/decoder.h"
#include "rules/attack_techniques.h"
#include "rules/describe.h"
#include "rules/naive_evaluator.h"
#include "rules/rule_book.h"
#include "rules/rule_folder.h"

namespace trailwarden::app {
namespace {

using nlohmann::ordered_json;
using rules::Rule;

void print_lines(const std::vector<std::string>& lines, std::string_view before = {}) {
  for (const std::string& line : lines) fmt::print(stderr, "{}{}\n", before, line);
}

/// The rules of folders that are sound; what is wrong with the others is said, and counted. nullopt: something is, and `keep_going` was not asked for.
std::optional<rules::LoadedRules> load_and_say(const std::vector<std::string>& paths, bool keep_going, const rules::RuleReading& reading) {
  rules::LoadedRules loaded = rules::load_rules(paths, reading);
  const std::vector<std::string> errors = loaded.errors.lines();
  print_lines(errors);
  print_lines(loaded.warnings.lines(), "warning: ");
  if (errors.empty()) return loaded;
  fmt::print(stderr, "{} {}: {}\n", errors.size(), errors.size() == 1 ? "error" : "errors",
             keep_going ? "what they are in is left out" : "nothing is loaded; --keep-going leaves out what they are in");
  return keep_going ? std::optional(std::move(loaded)) : std::nullopt;
}

/// The rules of these folders; without any, those of the configuration.
Result<std::vector<Rule>> rules_of(const std::vector<std::string>& folders, const RuleArguments& arguments) {
  if (!folders.empty()) {
    const auto reading = load_rule_reading(arguments.config);
    if (!reading) return fail(reading.error());
    auto loaded = load_and_say(folders, arguments.keep_going, *reading);
    if (!loaded) return fail(ErrorCode::kInvalidArgument, "the rules have errors");
    return std::move(loaded->rules);
  }
  auto setup = load_setup(arguments.config);
  if (!setup) return fail(std::move(setup).error());
  return std::move(setup->rules.rules);
}

ordered_json rule_json(const Rule& rule) {
  return {{"id", rule.id}, {"title", rule.title}, {"severity", to_string(rule.severity)}, {"enabled", rule.is_enabled}, {"status", to_string(rule.status)}, {"behaviour", rule.behaviour},
          {"attack", rule.attack}, {"cis", rule.cis}, {"quietSeconds", rule.quiet_for.count()}, {"parameters", rule.parameters}, {"falsePositives", rule.false_positives},
          {"tests", rule.tests.size()}, {"file", rule.file}, {"line", rule.place.line}};
}

/// One layer for MITRE's ATT&CK Navigator: how many rules each technique has.
ordered_json navigator_layer(const std::map<std::string, std::vector<std::string>>& by_technique) {
  ordered_json techniques = ordered_json::array();
  for (const auto& [technique, ids] : by_technique) techniques.push_back({{"techniqueID", technique}, {"score", ids.size()}, {"comment", fmt::format("{}", fmt::join(ids, ", "))}});
  return {{"name", "trailwarden rules"}, {"versions", {{"layer", "4.5"}, {"attack", "18"}}}, {"domain", "enterprise-attack"},
          {"description", "Rules by technique"}, {"filters", {{"platforms", {"IaaS", "Identity Provider"}}}}, {"techniques", techniques}};
}

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return file ? Result<void>{} : fail(io_error("write", path, errno));
}

/// An expression as a tree, with what each part comes to and the values seen.
void print_expression(const rules::NaiveEvaluator& record, const rules::Expression& expression, const std::vector<std::string>& decode, int depth) {
  const std::string mark = record.holds(expression, decode) ? "yes" : "no ";
  const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
  using Kind = rules::Expression::Kind;
  switch (expression.kind) {
    case Kind::kField: {
      const auto values = record.values_at(expression.field.path, expression.field.reading, decode);
      fmt::print("{}  {}{} {}   seen: {}\n", mark, indent, expression.field.path.empty() ? "(anywhere)" : expression.field.path, describe(expression.field.test),
                 values.empty() ? "(absent)" : printable(fmt::format("{}", fmt::join(values, ", ")).substr(0, 120)));
      return;
    }
    case Kind::kComparison:
      fmt::print("{}  {}{} against {}\n", mark, indent, expression.comparison.path, expression.comparison.other);
      return;
    case Kind::kAll: fmt::print("{}  {}all of\n", mark, indent); break;
    case Kind::kAny: fmt::print("{}  {}any of\n", mark, indent); break;
    case Kind::kNot: fmt::print("{}  {}not\n", mark, indent); break;
  }
  for (const rules::Expression& part : expression.parts) print_expression(record, part, decode, depth + 1);
}

void print_predicate(const rules::NaiveEvaluator& record, const rules::Predicate& predicate, std::string_view name) {
  const bool matches = record.matches(predicate);
  fmt::print("{}: {}\n", name, matches ? "matches" : "does not match");
  print_expression(record, predicate.expression, predicate.decode, 0);
  if (!matches && record.holds(predicate.expression, predicate.decode)) fmt::print("  but not through elements of one array that belong together\n");
}

/// Records of a file: a record, an array, {"Records": [...]}, an EventBridge envelope, or JSON lines.
std::vector<std::string> records_in(const std::string& text) {
  std::vector<std::string> out;
  const auto add = [&](const ordered_json& json) { out.push_back(json.contains("detail") && json.contains("detail-type") ? json["detail"].dump() : json.dump()); };
  const ordered_json whole = ordered_json::parse(text, nullptr, false);
  if (whole.is_object() && whole.contains("Records"))
    for (const ordered_json& record : whole["Records"]) add(record);
  else if (whole.is_array())
    for (const ordered_json& record : whole) add(record);
  else if (whole.is_object()) add(whole);
  if (!whole.is_discarded()) return out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (const ordered_json line = ordered_json::parse(text.substr(begin, end - begin), nullptr, false); line.is_object()) add(line);
    begin = end + 1;
  }
  return out;
}

}  // namespace

int check_rules(const RuleArguments& arguments) {
  const rules::ApiNames names = detectors::known_api_names();
  if (names.empty()) fmt::print(stderr, "warning: api_names/names.txt is not among what ships beside the program: names of events are not checked\n");
  auto reading = load_rule_reading(arguments.config);
  if (!reading) return complain(reading.error(), kFailed);
  reading->names = &names;
  const auto loaded = load_and_say(arguments.paths, arguments.keep_going, *reading);
  if (!loaded) return kFailed;
  const auto book = rules::RuleBook::compile(loaded->rules);
  if (!book) return complain(book.error(), kFailed);
  fmt::print("{} {} in {} {}, {} with several records; {} when compiled\n", loaded->rules.size(), loaded->rules.size() == 1 ? "rule" : "rules", loaded->files, loaded->files == 1 ? "file" : "files",
             std::count_if(loaded->rules.begin(), loaded->rules.end(), [](const Rule& rule) { return rule.correlation.has_value(); }), format_bytes(static_cast<double>((*book)->memory_bytes())));
  return loaded->errors.empty() ? kFine : kFailed;
}

int test_rules(const RuleArguments& arguments) {
  const auto reading = load_rule_reading(arguments.config);
  if (!reading) return complain(reading.error(), kFailed);
  const auto loaded = load_and_say(arguments.paths, arguments.keep_going, *reading);
  if (!loaded) return kFailed;
  const std::vector<RuleTestOutcome> outcomes = run_rule_tests(loaded->rules);
  std::size_t failed = 0;
  for (const RuleTestOutcome& outcome : outcomes) {
    if (outcome.failure.empty()) continue;
    ++failed;
    fmt::print("{}:{}: {}: {}: {}\n", outcome.file, outcome.place.line, outcome.rule, printable(outcome.test), outcome.failure);
  }
  for (const Rule& rule : loaded->rules)
    if (rule.tests.empty()) fmt::print(stderr, "warning: {}:{}: {} has no test\n", rule.file, rule.place.line, rule.id);
  if (!arguments.junit.empty())
    if (auto written = write_file(arguments.junit, junit_xml(outcomes)); !written) return complain(written.error(), kFailed);
  fmt::print("{} rules, {} tests passed, {} failed\n", loaded->rules.size(), outcomes.size() - failed, failed);
  return failed == 0 && loaded->errors.empty() ? kFine : kFailed;
}

int list_rules(const RuleArguments& arguments) {
  const auto rules = rules_of(arguments.paths, arguments);
  if (!rules) return complain(rules.error(), kWrongUsage);
  if (arguments.as_json) {
    ordered_json out = ordered_json::array();
    for (const Rule& rule : *rules) out.push_back(rule_json(rule));
    std::cout << out.dump(2) << '\n';
    return kFine;
  }
  for (const Rule& rule : *rules)
    fmt::print("{:<3} {:<13} {:<52} {:<10} {}\n", rule.is_enabled ? "on" : "off", to_string(rule.severity), rule.id, rule.attack.empty() ? "" : rule.attack.front(), rule.title);
  fmt::print("{} rules, {} on\n", rules->size(), std::count_if(rules->begin(), rules->end(), [](const Rule& rule) { return rule.is_enabled; }));
  return kFine;
}

int cover_rules(const RuleArguments& arguments) {
  const auto rules = rules_of(arguments.paths, arguments);
  if (!rules) return complain(rules.error(), kWrongUsage);
  std::map<std::string, std::vector<std::string>> by_technique;
  for (const Rule& rule : *rules)
    for (const std::string& technique : rule.attack) by_technique[technique].push_back(rule.id);
  if (!arguments.navigator.empty())
    if (auto written = write_file(arguments.navigator, navigator_layer(by_technique).dump(2) + "\n"); !written) return complain(written.error(), kFailed);
  std::map<std::string_view, std::vector<std::string>> by_tactic;
  for (const auto& [technique, ids] : by_technique) {
    const auto known = rules::attack_technique(technique);
    by_tactic[known ? known->tactic : "(unknown)"].push_back(fmt::format("  {:<10} {:<50} {:>3}  {}\n", technique, known ? known->name : "", ids.size(), fmt::join(ids, " ")));
  }
  for (const auto& [tactic, lines] : by_tactic) {
    fmt::print("{}\n", tactic);
    for (const std::string& line : lines) fmt::print("{}", line);
  }
  fmt::print("{} techniques by {} rules\n", by_technique.size(), rules->size());
  return kFine;
}

int explain_rule(const RuleArguments& arguments) {
  const auto rules = rules_of(arguments.paths, arguments);
  if (!rules) return complain(rules.error(), kWrongUsage);
  const auto rule = std::find_if(rules->begin(), rules->end(), [&](const Rule& known) { return known.id == arguments.rule; });
  if (rule == rules->end()) return complain({ErrorCode::kInvalidArgument, fmt::format("there is no rule \"{}\"; `trailwarden rules list` shows them", printable(arguments.rule))}, kWrongUsage);
  const auto text = read_file(arguments.event);
  if (!text) return complain(text.error(), kWrongUsage);
  const std::vector<std::string> records = records_in(*text);
  if (records.empty()) return complain({ErrorCode::kMalformed, arguments.event + ": no record: a JSON object, an array, {\"Records\": [...]}, or a record a line"}, kFailed);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto record = rules::NaiveEvaluator::create(records[i]);
    if (!record) return complain(record.error(), kFailed);
    if (records.size() > 1) fmt::print("== record {}\n", i + 1);
    if (rule->pattern != rules::Predicate{}) print_predicate(*record, rule->pattern, "pattern");
    for (const rules::Predicate& unless : rule->unless) print_predicate(*record, unless, "unless");
    if (!rule->correlation) continue;
    for (const rules::SequenceStep& step : rule->correlation->steps)
      if (step.pattern) print_predicate(*record, *step.pattern, "step " + step.name);
  }
  const auto findings = findings_of(*rule, records);
  if (!findings) return complain(findings.error(), kFailed);
  fmt::print("=> {} {}\n", findings->size(), findings->size() == 1 ? "finding" : "findings");
  for (const event::Finding& finding : *findings) fmt::print("   [{}] {}: {}\n", to_string(finding.severity), finding.title, finding.sentence);
  return kFine;
}

int try_rule(const RuleArguments& arguments) {
  auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  Result<std::vector<Rule>> rules = std::move(setup->rules.rules);
  if (!arguments.rule_folders.empty()) rules = rules_of(arguments.rule_folders, arguments);
  if (!rules) return complain(rules.error(), kWrongUsage);
  std::vector<Rule> chosen;
  for (Rule& rule : *rules) {
    if (!glob_match(arguments.rule, rule.id)) continue;
    rule.is_enabled = true;
    chosen.push_back(std::move(rule));
  }
  if (chosen.empty()) return complain({ErrorCode::kInvalidArgument, fmt::format("no rule matches \"{}\"; `trailwarden rules list` shows them", printable(arguments.rule))}, kWrongUsage);
  auto book = rules::RuleBook::compile(std::move(chosen));
  if (!book) return complain(book.error(), kFailed);
  setup->detectors = {detectors::Rules::configured(std::make_shared<detectors::RuleSettings>(detectors::RuleSettings{*book, setup->rule_config.automation}))};
  setup->insights.enabled = false;
  setup->silence.enabled = false;
  const auto preview = preview_of(*setup, arguments.paths);
  if (!preview) return complain(preview.error(), kFailed);
  std::cout << preview_table(*preview);
  return kFine;
}

int hidden_findings(const RuleArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  if (setup->suppressions.empty()) {
    fmt::print("This configuration has no suppressions.\n");
    return kFine;
  }
  const auto preview = preview_of(*setup, arguments.paths);
  if (!preview) return complain(preview.error(), kFailed);
  std::cout << hidden_table(setup->suppressions, preview->totals);
  return kFine;
}

}  // namespace trailwarden::app
