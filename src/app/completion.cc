#include "app/completion.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace trailwarden::app {
namespace {

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  return names;
}

const CLI::Option* find_option(const CLI::App& app, const std::string& name) {
  for (const CLI::Option* const option : app.get_options())
    for (const std::string& known : names_of(*option))
      if (known == name) return option;
  return nullptr;
}

/// The commands of a command; those without a group are hidden.
std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

/// Where a command line is in the tree of commands.
struct Position {
  const CLI::App* command;
  bool wants_value = false;  // of the option before it
};

Position walk(const CLI::App& app, const std::vector<std::string>& words) {
  Position at{&app};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (at.wants_value) {
      at.wants_value = false;
    } else if (word.starts_with('-')) {
      const CLI::Option* const option = find_option(*at.command, word);
      at.wants_value = option != nullptr && option->get_items_expected_max() > 0;
    } else {
      for (const CLI::App* const command : commands_of(*at.command))
        if (command->get_name() == word) at.command = command;
    }
  }
  return at;
}

}  // namespace

std::vector<Candidate> candidates(const CLI::App& app, const std::vector<std::string>& words) {
  std::vector<Candidate> out;
  const std::string last = words.empty() ? "" : words.back();
  const Position at = walk(app, words);
  if (at.wants_value) return out;
  const auto add = [&](const std::string& word, const std::string& claim) {
    if (word.starts_with(last)) out.push_back({word, claim});
  };
  if (last.starts_with('-')) {
    for (const CLI::Option* const option : at.command->get_options())
      for (const std::string& name : names_of(*option)) add(name, option->get_description());
  } else {
    for (const CLI::App* const command : commands_of(*at.command)) add(command->get_name(), command->get_description());
  }
  return out;
}

int complete(const CLI::App& app, std::vector<std::string> words) {
  if (!words.empty() && words.front() == "--") words.erase(words.begin());
  for (const Candidate& candidate : candidates(app, words)) fmt::print("{}\t{}\n", candidate.word, candidate.claim);
  return 0;
}

}  // namespace trailwarden::app
