#include "rules/rule_folder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>

#include "rules/rule_file.h"
#include "rules/sound_rules.h"
#include "rules/yaml_tree.h"

namespace trailwarden::rules {
namespace {

namespace fs = std::filesystem;

/// By its name; a link that leads nowhere is one too, and an error when it is read.
bool is_rule_file(const fs::directory_entry& entry) {
  std::error_code error;
  return (entry.path().extension() == ".yaml" || entry.path().extension() == ".yml") && !entry.is_directory(error);
}

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
    if (is_rule_file(*it)) out.push_back(it->path().string());
  if (error) errors.add(root, 1, 1, "cannot be read: " + error.message());
  std::sort(out.begin(), out.end());
  return out;
}

void read_file(const std::string& path, const ApiNames* names, LoadedRules& out) {
  FileReport report{path, {}, {}};
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxYamlBytes + 1, '\0');
  file.read(text.data(), std::ssize(text));
  const bool is_whole = file.is_open() && file.eof();
  const bool is_too_large = file.gcount() > std::ssize(text) - 1;  // which the parser says
  if (!is_whole && !is_too_large) return out.errors.add(path, 1, 1, "cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  for (Rule& rule : read_rule_file(text, report, names)) out.rules.push_back(std::move(rule));
  out.errors.add(report.errors);
  out.warnings.add(report.warnings);
  ++out.files;
}

void leave_out_repeated(std::vector<Rule>& rules, Diagnostics& errors) {
  std::map<std::string, std::string> places;  // by id
  std::erase_if(rules, [&](const Rule& rule) {
    const auto [known, is_new] = places.try_emplace(rule.id, fmt::format("{}:{}", rule.file, rule.place.line));
    if (!is_new) errors.add(rule.file, rule.place.line, rule.place.column, fmt::format("id {}: there is a rule of that name in {} already", rule.id, known->second));
    return !is_new;
  });
}

}  // namespace

LoadedRules load_rules(const std::vector<std::string>& folders, const ApiNames* names) {
  LoadedRules out;
  for (const std::string& folder : folders)
    for (const std::string& path : files_below(folder, out.errors)) read_file(path, names, out);
  leave_out_repeated(out.rules, out.errors);
  if (out.rules.size() > kMaxRules) out.errors.add(folders.front(), 1, 1, fmt::format("{} rules, and at most {} can be loaded", out.rules.size(), kMaxRules));
  else take_out_unsound(out.rules, out.errors);
  return out;
}

}  // namespace trailwarden::rules
