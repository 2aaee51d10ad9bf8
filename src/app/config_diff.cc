#include "app/config_diff.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "config/flat_yaml.h"
#include "core/text.h"
#include "rules/rule_text.h"

namespace trailwarden::app {
namespace {

using config::FlatValue;
using nlohmann::ordered_json;
using rules::Rule;

std::span<const Rule> rules_of(const Setup& setup) { return setup.rule_settings ? setup.rule_settings->book->rules() : std::span<const Rule>(); }

/// Whether they say the same of the same records: wherever they stand, and whatever their tests are.
bool are_alike(Rule a, const Rule& b) {
  a.file = b.file;
  a.place = b.place;
  a.tests = b.tests;
  return a == b;
}

/// "trails[main]" of "trails[main].epoch.length"; empty for what is in no list.
std::string entry_of(const std::string& key) {
  const std::size_t end = key.find("].");
  return end == std::string::npos ? std::string() : key.substr(0, end + 1);
}

/// Values by key, those of entries that only one of the documents has as one value of the entry.
std::map<std::string, std::string> by_key(const std::vector<FlatValue>& values, const std::set<std::string>& known_entries) {
  std::map<std::string, std::string> out;
  for (const FlatValue& value : values) {
    const std::string entry = entry_of(value.key);
    if (entry.empty() || known_entries.contains(entry)) {
      out.emplace(value.key, value.value);
      continue;
    }
    std::string& text = out[entry];
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", value.key.substr(entry.size() + 1), value.value);
  }
  return out;
}

std::set<std::string> entries_of(const std::vector<FlatValue>& values) {
  std::set<std::string> out;
  for (const FlatValue& value : values)
    if (std::string entry = entry_of(value.key); !entry.empty()) out.insert(std::move(entry));
  return out;
}

std::vector<std::string> keys_in_order(const std::vector<FlatValue>& before, const std::vector<FlatValue>& after, const std::map<std::string, std::string>& of_before,
                                       const std::map<std::string, std::string>& of_after) {
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (const auto* const values : {&after, &before}) {
    for (const FlatValue& value : *values) {
      const std::string entry = entry_of(value.key);
      const std::string key = of_before.contains(value.key) || of_after.contains(value.key) ? value.key : entry;
      if (seen.insert(key).second) out.push_back(key);
    }
  }
  return out;
}

/// The names in "[a, b]", in any order.
std::multiset<std::string> names_in(std::string_view list) {
  std::multiset<std::string> out;
  if (list.size() < 2) return out;
  list = list.substr(1, list.size() - 2);
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(", "), list.size());
    out.emplace(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 2, list.size()));
  }
  return out;
}

/// That entries came or went is said of the entries; of their list, only that they are in another order.
bool is_only_membership(const std::string& key, const std::string& before, const std::string& after, const std::set<std::string>& entries) {
  const bool has_entries = std::any_of(entries.begin(), entries.end(), [&key](const std::string& entry) { return entry.starts_with(key + "["); });
  return has_entries && names_in(before) != names_in(after);
}

std::string in_few(const std::vector<std::string>& ids) { return first_of(ids, 12); }

void print_changes(std::string_view title, const std::vector<ConfigChange>& changes, bool needs_restart) {
  if (std::none_of(changes.begin(), changes.end(), [=](const ConfigChange& change) { return change.needs_restart == needs_restart; })) return;
  fmt::print("{}\n", title);
  for (const ConfigChange& change : changes) {
    if (change.needs_restart != needs_restart) continue;
    if (change.before.empty()) fmt::print("  {}: new: {}\n", change.key, change.after);
    else if (change.after.empty()) fmt::print("  {}: gone; it was {}\n", change.key, change.before);
    else fmt::print("  {}: {} -> {}\n", change.key, change.before, change.after);
    fmt::print("      {}\n", change.meaning);
  }
}

void print_rules(const RuleChange& rules) {
  if (!rules.empty()) fmt::print("Rules, while it runs:\n");
  if (!rules.added.empty()) fmt::print("  {} rules more: {}\n      they learn first, as far as they need to know what is new\n", rules.added.size(), in_few(rules.added));
  if (!rules.removed.empty()) fmt::print("  {} rules less: {}\n      they say nothing any more, and what they know is forgotten\n", rules.removed.size(), in_few(rules.removed));
  if (!rules.changed.empty()) fmt::print("  {} rules ask for something else: {}\n      `trailwarden backtest` shows what that comes to\n", rules.changed.size(), in_few(rules.changed));
}

ordered_json to_json(const std::vector<ConfigChange>& changes, const RuleChange& rules) {
  ordered_json out{{"changes", ordered_json::array()}, {"rules", {{"added", rules.added}, {"removed", rules.removed}, {"changed", rules.changed}}}};
  for (const ConfigChange& change : changes) {
    ordered_json one{{"key", change.key}, {"meaning", change.meaning}, {"needsRestart", change.needs_restart}};
    if (!change.before.empty()) one["before"] = change.before;
    if (!change.after.empty()) one["after"] = change.after;
    out["changes"].push_back(std::move(one));
  }
  return out;
}

}  // namespace

RuleChange rule_change(const Setup& before, const Setup& after) {
  RuleChange out;
  std::map<std::string_view, const Rule*> gone;
  for (const Rule& rule : rules_of(before)) gone.emplace(rule.id, &rule);
  for (const Rule& rule : rules_of(after)) {
    const auto known = gone.find(rule.id);
    if (known == gone.end()) {
      out.added.push_back(rule.id);
      continue;
    }
    if (!are_alike(*known->second, rule)) out.changed.push_back(rule.id);
    gone.erase(known);
  }
  for (const auto& [id, rule] : gone) out.removed.emplace_back(id);
  return out;
}

std::vector<ConfigChange> changes_between(const Setup& before, const Setup& after) {
  const auto old_values = config::flat_yaml(to_yaml(before)), new_values = config::flat_yaml(to_yaml(after));
  const auto old_entries = entries_of(old_values), new_entries = entries_of(new_values);
  const auto was = by_key(old_values, new_entries), is = by_key(new_values, old_entries);
  std::set<std::string> entries = old_entries;
  entries.insert(new_entries.begin(), new_entries.end());
  std::vector<ConfigChange> out;
  for (const std::string& key : keys_in_order(old_values, new_values, was, is)) {
    const auto old_value = was.find(key), new_value = is.find(key);
    const std::string from = old_value == was.end() ? "" : old_value->second, to = new_value == is.end() ? "" : new_value->second;
    if (from == to || is_only_membership(key, from, to, entries)) continue;
    out.push_back({key, from, to, meaning_of(key, from, to), !is_live(key)});
  }
  return out;
}

int diff_configs(const ConfigDiffArguments& arguments) {
  const auto before = load_setup(arguments.before), after = load_setup(arguments.after);
  for (const auto* const setup : {&before, &after}) {
    if (*setup) continue;
    fmt::print(stderr, "{}\n", setup->error().message);
    return kWrongUsage;
  }
  const auto changes = changes_between(*before, *after);
  const RuleChange rules = rule_change(*before, *after);
  if (arguments.as_json) {
    fmt::print("{}\n", to_json(changes, rules).dump(2));
  } else if (changes.empty() && rules.empty()) {
    fmt::print("They say the same.\n");
  } else {
    print_changes("While it runs (SIGHUP, or within seconds by itself):", changes, false);
    print_rules(rules);
    print_changes("After a restart only:", changes, true);
  }
  return changes.empty() && rules.empty() ? kFine : kFailed;
}

}  // namespace trailwarden::app
