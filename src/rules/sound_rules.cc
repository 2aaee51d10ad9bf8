#include "rules/sound_rules.h"

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "rules/rule_book.h"

namespace trailwarden::rules {
namespace {

Result<void> compile(std::vector<Rule> rules) {
  for (Rule& rule : rules) rule.is_enabled = true;
  if (auto book = RuleBook::compile(std::move(rules)); !book) return fail(std::move(book).error());
  return {};
}

/// An error of one rule, without the place that stands before it anyway.
std::string without_place(std::string_view message, const Rule& rule) {
  const std::string place = fmt::format("{}:{}: ", rule.file, rule.place.line);
  if (message.starts_with(place)) message.remove_prefix(place.size());
  return std::string(message);
}

}  // namespace

void take_out_unsound(std::vector<Rule>& rules, Diagnostics& errors) {
  if (compile(rules)) return;
  std::erase_if(rules, [&](const Rule& rule) {
    const auto sound = compile({rule});
    if (!sound) errors.add(rule.file, rule.place.line, rule.place.column, without_place(sound.error().message, rule));
    return !sound;
  });
}

}  // namespace trailwarden::rules
