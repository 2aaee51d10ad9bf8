#include "app/rule_import.h"

#include <algorithm>
#include <cctype>
#include <iostream>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/setup.h"
#include "core/read_file.h"
#include "core/text.h"
#include "detectors/rule_settings.h"
#include "rules/rule_book.h"
#include "rules/rule_folder.h"
#include "rules/rule_text.h"
#include "rules/sigma_to_rules.h"
#include "rules/yaml_tree.h"

namespace trailwarden::app {
namespace {

using nlohmann::ordered_json;
using rules::Rule;

constexpr std::size_t kPlacesShown = 10;  // of one reason

/// What became of the files.
struct Import {
  std::size_t files = 0;
  rules::SigmaPack pack;
  std::vector<Rule> rules;  // that load
  Diagnostics errors;
};

/// A message without what differs from file to file: what stands in quotes, and numbers.
std::string reason_of(std::string_view message) {
  std::string out;
  for (std::size_t i = 0; i < message.size();) {
    const std::size_t quote = message[i] == '"' ? message.find('"', i + 1) : std::string_view::npos;
    if (quote != std::string_view::npos) {
      out += "\"...\"";
      i = quote + 1;
    } else if (std::isdigit(static_cast<unsigned char>(message[i])) != 0) {
      if (!out.ends_with('N')) out += 'N';
      ++i;
    } else {
      out += message[i++];
    }
  }
  return out;
}

using ByReason = std::vector<std::pair<std::string, std::vector<Diagnostics::Entry>>>;

/// The reasons with the most entries first; of equally many in the order of their words.
ByReason by_reason(const Diagnostics& said) {
  std::map<std::string, std::vector<Diagnostics::Entry>> reasons;
  for (const Diagnostics::Entry& entry : said.entries()) reasons[reason_of(entry.message)].push_back(entry);
  ByReason out(reasons.begin(), reasons.end());
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  return out;
}

/// Whether all of them compile together. If not, those that do not compile by themselves are taken out, with an error.
void keep_what_compiles(Import& import) {
  if (rules::RuleBook::compile(import.rules)) return;
  std::erase_if(import.rules, [&](const Rule& rule) {
    const auto alone = rules::RuleBook::compile({rule});
    if (!alone) import.errors.add(rule.file, rule.place.line, rule.place.column, alone.error().message);
    return !alone;
  });
}

Import import_from(const std::vector<std::string>& folders, const rules::RuleReading& reading) {
  Import out;
  rules::SigmaLoader loader(reading);
  for (const std::string& folder : folders) {
    for (const std::string& path : rules::rule_files_below(folder, out.errors)) {
      ++out.files;
      if (const auto text = read_file(path, rules::kMaxYamlBytes)) loader.add(*text, path);
      else out.errors.add(path, 1, 1, text.error().message);
    }
  }
  out.pack = std::move(loader).finish();
  out.errors.add(out.pack.errors);
  out.rules = rules::rules_of(out.pack);
  rules::leave_out_repeated(out.rules, out.errors);
  keep_what_compiles(out);
  return out;
}

void print(std::string_view title, const ByReason& reasons) {
  if (reasons.empty()) return;
  fmt::print("\n{}\n", title);
  for (const auto& [reason, entries] : reasons) {
    fmt::print("{:>6}  {}\n", entries.size(), reason);
    for (std::size_t i = 0; i < std::min(entries.size(), kPlacesShown); ++i)
      fmt::print("          {}:{}:{}{}\n", entries[i].file, entries[i].line, entries[i].column, entries[i].message == reason ? "" : ": " + entries[i].message);
    if (entries.size() > kPlacesShown) fmt::print("          and {} more; --json has all\n", entries.size() - kPlacesShown);
  }
}

void print(const Import& import, const std::vector<std::string>& folders) {
  const rules::SigmaPack& pack = import.pack;
  const std::size_t loaded = pack.rules.size() - pack.parts + pack.correlations.size() + pack.filters;
  fmt::print("{} documents in {} files: {} load (rules {}, correlations {}, filters {}), {} for other log sources, {} with errors\n", loaded + pack.skipped + pack.refused, import.files, loaded,
             pack.rules.size() - pack.parts, pack.correlations.size(), pack.filters, pack.skipped, pack.refused);
  if (!import.rules.empty()) fmt::print("\nFindings come of these\n");
  for (const Rule& rule : import.rules)
    fmt::print("{:<3} {:<13} {:<40} {:<10} {}\n", rule.is_enabled ? "on" : "off", to_string(rule.severity), rule.id, rule.attack.empty() ? "" : rule.attack.front(), printable(rule.title));
  print("Do not load: errors, by reason", by_reason(import.errors));
  print("Left out: not about CloudTrail", by_reason(pack.left_out));
  print("Load, and are doubtful", by_reason(pack.warnings));
  if (import.rules.empty()) return;
  fmt::print("\nTo use them: `rules: {{folders: [{}]{}}}` in the configuration. To see first what they would have said: `trailwarden rules try '*' RECORDS -c CONFIG`.\n", fmt::join(folders, ", "),
             import.errors.empty() ? "" : ", keep_going: true");
}

ordered_json to_json(const Diagnostics& said) {
  ordered_json out = ordered_json::array();
  for (const auto& [reason, entries] : by_reason(said)) {
    ordered_json places = ordered_json::array();
    for (const Diagnostics::Entry& entry : entries) places.push_back({{"file", entry.file}, {"line", entry.line}, {"column", entry.column}, {"message", entry.message}});
    out.push_back({{"reason", reason}, {"count", entries.size()}, {"places", std::move(places)}});
  }
  return out;
}

ordered_json to_json(const Import& import) {
  const rules::SigmaPack& pack = import.pack;
  ordered_json rules = ordered_json::array();
  for (const Rule& rule : import.rules)
    rules.push_back({{"id", rule.id}, {"title", rule.title}, {"severity", to_string(rule.severity)}, {"enabled", rule.is_enabled}, {"attack", rule.attack},
                     {"correlation", rule.correlation.has_value()}, {"file", rule.file}, {"line", rule.place.line}});
  return {{"files", import.files}, {"loaded", {{"rules", pack.rules.size() - pack.parts}, {"correlations", pack.correlations.size()}, {"filters", pack.filters}}},
          {"leftOut", pack.skipped}, {"refused", pack.refused}, {"findingsOf", std::move(rules)}, {"errors", to_json(import.errors)}, {"leftOutBecause", to_json(pack.left_out)},
          {"doubtful", to_json(pack.warnings)}};
}

}  // namespace

int import_rules(const RuleImportArguments& arguments) {
  const rules::ApiNames names = detectors::known_api_names();
  auto reading = load_rule_reading(arguments.config);
  if (!reading) return complain(reading.error(), kFailed);
  reading->names = &names;
  const Import import = import_from(arguments.folders, *reading);
  if (arguments.as_json) std::cout << to_json(import).dump(2, ' ', false, ordered_json::error_handler_t::replace) << '\n';
  else print(import, arguments.folders);
  return import.rules.empty() ? kFailed : kFine;
}

}  // namespace trailwarden::app
