#include "app/rule_reload.h"

#include <map>
#include <span>

#include "rules/rule_text.h"

namespace trailwarden::app {
namespace {

using rules::Rule;

std::span<const Rule> rules_of(const Setup& setup) { return setup.rule_settings ? setup.rule_settings->book->rules() : std::span<const Rule>(); }

/// Whether they say the same of the same records: wherever they stand, and whatever their tests are.
bool are_alike(Rule a, const Rule& b) {
  a.file = b.file;
  a.place = b.place;
  a.tests = b.tests;
  return a == b;
}

RuleReload::Change change_between(const Setup& before, const Setup& after) {
  RuleReload::Change out;
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

}  // namespace

std::vector<std::string> RuleReload::files() const {
  std::vector<std::string> out;
  if (!live_.file.empty()) out.push_back(live_.file);
  Diagnostics errors;  // what is not there now may come
  for (const std::string& folder : detectors::rule_folders(live_.rule_config, errors))
    for (std::string& file : rules::rule_files_below(folder, errors)) out.push_back(std::move(file));
  return out;
}

bool RuleReload::files_have_changed() {
  if (Clock::now() < next_look_) return false;
  next_look_ = Clock::now() + look_every_;
  return watch_.have_changed(files());
}

Result<RuleReload::Change> RuleReload::read() {
  auto reread = reread_rules(live_);
  if (!reread) return fail(std::move(reread).error());
  Change change = change_between(live_, reread->setup);
  change.needs_restart = reread->others_changed;
  live_ = std::move(reread->setup);
  return change;
}

}  // namespace trailwarden::app
