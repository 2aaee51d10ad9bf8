#include "app/rule_tests.h"

#include <chrono>

#include <fmt/format.h>

#include "core/text.h"
#include "detectors/rules.h"
#include "event/decoder.h"

namespace trailwarden::app {
namespace {

class Collect final : public event::Emit {
 public:
  void operator()(event::Finding finding) override { findings.push_back(std::move(finding)); }
  std::vector<event::Finding> findings;
};

/// What is wrong with what came out; empty if nothing is.
std::string complaint(const rules::RuleTest& test, const std::vector<event::Finding>& findings) {
  if (findings.size() != test.findings)
    return fmt::format("expected {} {}, got {}", test.findings, test.findings == 1 ? "finding" : "findings", findings.size());
  for (const event::Finding& finding : findings)
    if (test.severity && finding.severity != *test.severity) return fmt::format("expected severity {}, got {}", to_string(*test.severity), to_string(finding.severity));
  return {};
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace

Result<std::vector<event::Finding>> findings_of(const rules::Rule& rule, const std::vector<std::string>& records) {
  rules::Rule alone = rule;
  alone.is_enabled = true;
  auto book = rules::RuleBook::compile({alone});
  if (!book) return fail(std::move(book).error());
  detectors::Rules detector(std::make_shared<detectors::RuleSettings>(detectors::RuleSettings{*std::move(book), {}}));
  Collect collect;
  event::Decoder decoder;
  event::Arena arena;
  for (std::size_t i = 0; i < records.size(); ++i) {
    std::string padded = records[i];
    padded.append(event::kPadding, ' ');
    event::CloudTrailEvent event;
    if (const event::Refusal refusal = decoder.decode(std::string_view(padded).substr(0, records[i].size()), arena, event); refusal != event::Refusal::kNone)
      return fail(ErrorCode::kMalformed, fmt::format("record {}: {}: {}", i + 1, to_string(refusal), event::advice(refusal)));
    if (detector.wants(event)) detector.observe(event, collect);
  }
  detector.advance(kEndOfTime, collect);
  return std::move(collect.findings);
}

std::vector<RuleTestOutcome> run_rule_tests(const std::vector<rules::Rule>& rules) {
  std::vector<RuleTestOutcome> out;
  for (const rules::Rule& rule : rules) {
    for (const rules::RuleTest& test : rule.tests) {
      const auto start = std::chrono::steady_clock::now();
      std::vector<std::string> records;
      for (const rules::RuleTest::Record& record : test.records) records.push_back(record.json);
      const auto findings = findings_of(rule, records);
      out.push_back({rule.id, test.name, rule.file, test.place, findings ? complaint(test, *findings) : findings.error().message,
                     std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()});
    }
  }
  return out;
}

std::string junit_xml(const std::vector<RuleTestOutcome>& outcomes) {
  std::size_t failed = 0;
  std::string cases;
  for (const RuleTestOutcome& outcome : outcomes) {
    cases += fmt::format("  <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.6f}\"", escaped(outcome.rule), escaped(outcome.test), escaped(outcome.file), outcome.place.line,
                         outcome.seconds);
    if (outcome.failure.empty()) cases += "/>\n";
    else cases += fmt::format("><failure message=\"{}\"/></testcase>\n", escaped(outcome.failure));
    failed += outcome.failure.empty() ? 0 : 1;
  }
  return fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"trailwarden rules\" tests=\"{}\" failures=\"{}\">\n{}</testsuite>\n", outcomes.size(), failed, cases);
}

}  // namespace trailwarden::app
