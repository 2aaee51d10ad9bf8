#include "rules/rule_folder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>

#include "rules/rule_file.h"
#include "rules/yaml_tree.h"

namespace trailwarden::rules {
namespace {

namespace fs = std::filesystem;

bool is_rule_file(const fs::path& path) { return path.extension() == ".yaml" || path.extension() == ".yml"; }

/// The rule files at and below a path, by name.
std::vector<std::string> files_below(const std::string& root, Diagnostics& errors) {
  std::vector<std::string> out;
  std::error_code error;
  if (!fs::is_directory(root, error)) {
    if (fs::exists(root, error)) out.push_back(root);
    else errors.add(root, 1, 1, "there is no such file or folder");
    return out;
  }
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end; it.increment(error))
    if (is_rule_file(it->path()) && it->is_regular_file(error)) out.push_back(it->path().string());
  if (error) errors.add(root, 1, 1, "cannot be read: " + error.message());
  std::sort(out.begin(), out.end());
  return out;
}

void read_file(const std::string& path, const ApiNames* names, LoadedRules& out) {
  FileReport report{path, {}, {}};
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxYamlBytes + 1, '\0');
  file.read(text.data(), std::ssize(text));
  if (!file.eof() && !file) return out.errors.add(path, 1, 1, "cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  for (Rule& rule : read_rule_file(text, report, names)) out.rules.push_back(std::move(rule));
  out.errors.add(report.errors);
  out.warnings.add(report.warnings);
  ++out.files;
}

}  // namespace

LoadedRules load_rules(const std::vector<std::string>& folders, const ApiNames* names) {
  LoadedRules out;
  for (const std::string& folder : folders)
    for (const std::string& path : files_below(folder, out.errors)) read_file(path, names, out);
  std::map<std::string, const Rule*> by_id;
  for (const Rule& rule : out.rules) {
    const auto [known, is_new] = by_id.try_emplace(rule.id, &rule);
    if (!is_new)
      out.errors.add(rule.file, rule.place.line, rule.place.column, fmt::format("id {}: there is a rule of that name in {}:{} already", rule.id, known->second->file, known->second->place.line));
  }
  if (out.rules.size() > kMaxRules) out.errors.add(folders.front(), 1, 1, fmt::format("{} rules, and at most {} can be loaded", out.rules.size(), kMaxRules));
  return out;
}

}  // namespace trailwarden::rules
