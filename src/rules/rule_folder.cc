#include "rules/rule_folder.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "core/read_file.h"
#include "rules/rule_file.h"
#include "rules/rule_text.h"
#include "rules/sigma_to_rules.h"
#include "rules/sound_rules.h"
#include "rules/yaml_tree.h"

namespace trailwarden::rules {
namespace {

void read_rule_file(const std::string& path, const RuleReading& reading, SigmaLoader& sigma, LoadedRules& out) {
  const auto text = read_file(path, kMaxYamlBytes);
  if (!text) return out.errors.add(path, 1, 1, "cannot be read");
  ++out.files;
  // An editor empties a file before it writes: rules that a reload finds gone would be forgotten with all that they had counted.
  if (text->find_first_not_of(" \t\r\n") == std::string::npos) return out.errors.add(path, 1, 1, "empty, as while it is being written; remove it, or let a comment say that it has no rules");
  const auto documents = parse_yaml(*text);
  if (!documents) return out.errors.add(path, documents.error().place.line, documents.error().place.column, documents.error().message);
  FileReport report{path, {}, {}};
  for (const YamlNode& document : *documents) {
    if (is_sigma_document(document)) sigma.add(document, path);
    else if (auto rule = read_rule(document, report, reading)) out.rules.push_back(*std::move(rule));
  }
  out.errors.add(report.errors);
  out.warnings.add(report.warnings);
}

void add_sigma(const SigmaPack& pack, LoadedRules& out) {
  std::vector<Rule> rules = rules_of(pack);
  std::move(rules.begin(), rules.end(), std::back_inserter(out.rules));
  out.errors.add(pack.errors);
  out.warnings.add(pack.warnings);
  out.warnings.add(pack.left_out);
  out.sigma = {pack.rules.size() - pack.parts, pack.correlations.size(), pack.filters, pack.skipped, pack.refused};
}

}  // namespace

void leave_out_repeated(std::vector<Rule>& rules, Diagnostics& errors) {
  std::map<std::string, std::string> places;  // by id
  std::erase_if(rules, [&](const Rule& rule) {
    const auto [known, is_new] = places.try_emplace(rule.id, fmt::format("{}:{}", rule.file, rule.place.line));
    if (!is_new) errors.add(rule.file, rule.place.line, rule.place.column, fmt::format("id {}: there is a rule of that name in {} already", rule.id, known->second));
    return !is_new;
  });
}

LoadedRules load_rules(const std::vector<std::string>& folders, const RuleReading& reading) {
  LoadedRules out;
  SigmaLoader sigma(reading);
  for (const std::string& folder : folders)
    for (const std::string& path : rule_files_below(folder, out.errors)) read_rule_file(path, reading, sigma, out);
  add_sigma(std::move(sigma).finish(), out);
  leave_out_repeated(out.rules, out.errors);
  if (out.rules.size() > kMaxRules) out.errors.add(folders.front(), 1, 1, fmt::format("{} rules, and at most {} can be loaded", out.rules.size(), kMaxRules));
  else take_out_unsound(out.rules, out.errors);
  return out;
}

}  // namespace trailwarden::rules
