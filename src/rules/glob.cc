#include "rules/glob.h"

#include <utility>

#include "rules/letter_case.h"
#include "rules/utf8.h"

namespace trailwarden::rules {
namespace {

constexpr Glob::Gap kOpen{.any_more = true};

GlobStep text_step(std::string_view character, bool ignore_case) {
  GlobStep step;
  if (ignore_case) {
    CaseForms forms = case_forms(utf8_decode(character));
    step.spellings.push_back(std::move(forms.lower));
    if (forms.upper != step.spellings.front()) step.spellings.push_back(std::move(forms.upper));
  } else {
    step.spellings.emplace_back(character);
  }
  return step;
}

void append_steps(std::string_view run, bool ignore_case, std::vector<GlobStep>& steps) {
  while (!run.empty()) {
    const std::size_t length = utf8_length(run);
    // A byte that is no UTF-8 stands for itself; no text of an event has it.
    steps.push_back(text_step(run.substr(0, length == 0 ? 1 : length), ignore_case && length != 0));
    run.remove_prefix(length == 0 ? 1 : length);
  }
}

}  // namespace

Glob exact_glob(std::string text) { return {.runs = {std::move(text)}, .gaps = {}}; }
Glob prefix_glob(std::string text) { return {.runs = {std::move(text), ""}, .gaps = {kOpen}}; }
Glob suffix_glob(std::string text) { return {.runs = {"", std::move(text)}, .gaps = {kOpen}}; }
Glob contains_glob(std::string text) { return {.runs = {"", std::move(text), ""}, .gaps = {kOpen, kOpen}}; }

std::vector<GlobStep> steps_of(const Glob& glob) {
  std::vector<GlobStep> steps;
  for (std::size_t run = 0; run < glob.runs.size(); ++run) {
    append_steps(glob.runs[run], glob.ignore_case, steps);
    if (run == glob.gaps.size()) break;
    steps.insert(steps.end(), glob.gaps[run].at_least, GlobStep{.kind = GlobStep::Kind::kOne, .spellings = {}});
    if (glob.gaps[run].any_more) steps.push_back({.kind = GlobStep::Kind::kMany, .spellings = {}});
  }
  return steps;
}

}  // namespace trailwarden::rules
