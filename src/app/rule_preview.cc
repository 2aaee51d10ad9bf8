#include "app/rule_preview.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/preview_log.h"
#include "app/recorded_input.h"
#include "core/text.h"
#include "pipeline/engine.h"

namespace trailwarden::app {
namespace {

using nlohmann::json;

constexpr std::size_t kShownPrincipals = 5, kShownAlerts = 3;

struct RuleCount {
  std::array<std::size_t, event::kSeverities> by_severity{};
  std::map<std::string, std::size_t> by_day, by_principal;
  std::vector<std::string> samples;

  std::size_t total() const {
    std::size_t sum = 0;
    for (const std::size_t count : by_severity) sum += count;
    return sum;
  }
};

std::map<std::string, RuleCount> by_rule(const std::vector<std::string>& alerts) {
  std::map<std::string, RuleCount> out;
  for (const std::string& text : alerts) {
    const json detail = json::parse(text).at("detail");
    if (detail.value("kind", "") != "finding") continue;
    RuleCount& count = out[detail.value("what", "")];
    for (std::size_t i = 0; i < event::kSeverities; ++i)
      if (detail.value("severity", "") == to_string(static_cast<event::Severity>(i))) ++count.by_severity[i];
    ++count.by_day[detail.value("lastEventTime", "").substr(0, 10)];
    ++count.by_principal[detail.at("principal").value("arn", "(no ARN)")];
    if (count.samples.size() < kShownAlerts) count.samples.push_back(fmt::format("[{}] {} {}", detail.value("severity", ""), detail.value("lastEventTime", ""), detail.value("sentence", "")));
  }
  return out;
}

std::vector<std::pair<std::string, std::size_t>> most_of(const std::map<std::string, std::size_t>& counts) {
  std::vector<std::pair<std::string, std::size_t>> out(counts.begin(), counts.end());
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  out.resize(std::min(out.size(), kShownPrincipals));
  return out;
}

}  // namespace

Result<Preview> preview_of(const Setup& setup, const std::vector<std::string>& paths) {
  auto source = open_recorded(paths, setup);
  if (!source) return fail(std::move(source).error());
  std::vector<std::string> alerts;
  PreviewLog log(std::move(*source), [&alerts](std::string alert) { alerts.push_back(std::move(alert)); });
  pipeline::EngineObserver nobody;
  pipeline::Engine engine(log, engine_options(setup), setup.detectors, nobody);
  const std::atomic<bool> stop{false};
  const auto start = std::chrono::steady_clock::now();
  auto totals = engine.run(stop);
  if (!totals) return fail(std::move(totals).error());
  return Preview{*std::move(totals), std::move(alerts), std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

std::string preview_table(const Preview& preview) {
  const auto rules = by_rule(preview.alerts);
  std::string out;
  for (const auto& [rule, count] : rules) {
    out += fmt::format("{}: {} findings on {} days:", rule, count.total(), count.by_day.size());
    for (std::size_t i = event::kSeverities; i-- > 0;)
      if (count.by_severity[i] > 0) out += fmt::format(" {} {}", count.by_severity[i], to_string(static_cast<event::Severity>(i)));
    out += "\n  days:";
    for (const auto& [day, findings] : count.by_day) out += fmt::format(" {} ({})", day, findings);
    out += "\n  principals:\n";
    for (const auto& [principal, findings] : most_of(count.by_principal)) out += fmt::format("    {:>6}  {}\n", findings, principal);
    out += "  for example:\n";
    for (const std::string& sample : count.samples) out += fmt::format("    {}\n", sample);
  }
  const double records = static_cast<double>(std::max<std::uint64_t>(preview.totals.judged, 1));
  return out + fmt::format("{} rules with findings; {} records judged in {:.1f} s, {:.0f} ns a record with reading\n", rules.size(), with_commas(preview.totals.judged), preview.seconds,
                           preview.seconds * 1e9 / records);
}

std::string hidden_table(const detectors::Suppressions& suppressions, const pipeline::Totals& totals) {
  std::string out = fmt::format("{:<32}{:>10}{:>9}{:>9}{:>9}{:>9}  {:<20} {}\n", "Suppression", "critical", "high", "medium", "low", "info", "owner, until", "reason");
  for (const detectors::Suppression& one : suppressions.list()) {
    const auto known = totals.hidden.find(one.name);
    out += fmt::format("{:<32}", one.name);
    for (std::size_t severity = event::kSeverities; severity-- > 0;)
      out += fmt::format("{:>{}}", known == totals.hidden.end() ? 0 : known->second[severity], severity + 1 == event::kSeverities ? 10 : 9);
    out += fmt::format("  {:<20} {}\n", fmt::format("{}, {}", one.owner, format_time(one.expires).substr(0, 10)), one.reason);
  }
  return out;
}

}  // namespace trailwarden::app
