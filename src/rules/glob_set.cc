#include "rules/glob_set.h"

#include <algorithm>
#include <deque>
#include <string>
#include <tuple>
#include <utility>

#include "rules/glob.h"

namespace trailwarden::rules {
namespace {

using Texts = std::vector<std::pair<std::string, std::uint32_t>>;

bool ignores_letters(const Glob& glob) { return glob.ignore_case && is_ascii(glob.runs.front()); }

Texts exact_texts(std::span<const GlobSet::Entry> entries, bool ignore_case) {
  Texts texts;
  for (const auto& [glob, id] : entries)
    if (!is_wild(*glob) && glob->ignore_case == ignore_case && (!ignore_case || ignores_letters(*glob))) texts.emplace_back(glob->runs.front(), id);
  return texts;
}

/// Whether an automaton has to remember more of a text than where it is in it: an open gap was passed and more follows.
bool multiplies_states(const Glob& glob) {
  for (std::size_t gap = 0; gap < glob.gaps.size(); ++gap) {
    const bool is_first = gap == 0 && glob.runs[0].empty(), is_last = gap + 1 == glob.gaps.size() && glob.runs.back().empty();
    if (glob.gaps[gap].any_more && !is_last && (!is_first || glob.gaps[gap].at_least > 0)) return true;
    if (glob.gaps[gap].at_least > 0 && !is_last) return true;
  }
  return false;
}

const std::string& longest_run(const Glob& glob) {
  return *std::max_element(glob.runs.begin(), glob.runs.end(), [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
}

}  // namespace

GlobSet::GlobSet(std::span<const Entry> entries, std::size_t max_states)
    : exact_(TextTable::Letters::kExact, exact_texts(entries, false)), letters_(TextTable::Letters::kIgnoreCase, exact_texts(entries, true)) {
  std::vector<Entry> rest;
  for (const Entry& entry : entries)
    if (is_wild(*entry.glob) || (entry.glob->ignore_case && !ignores_letters(*entry.glob))) rest.push_back(entry);
  if (!rest.empty()) add_automata(std::move(rest), max_states);
}

void GlobSet::add_automata(std::vector<Entry> entries, std::size_t max_states) {
  if (auto automaton = StringAutomaton::build(entries, max_states)) {
    automata_.push_back(std::move(*automaton));
    return;
  }
  std::deque<Glob> runs;  // an entry points to its glob
  for (Entry& entry : entries) {
    const Glob& glob = *entry.glob;
    if (!multiplies_states(glob) || longest_run(glob).empty()) continue;
    Glob& run = runs.emplace_back(contains_glob(longest_run(glob)));
    run.ignore_case = glob.ignore_case;
    tried_.push_back({GlobMatcher(glob), entry.id});
    entry = {&run, kTried | static_cast<std::uint32_t>(tried_.size() - 1)};
  }
  // Those that begin alike share states.
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return std::tie(a.glob->runs, a.id) < std::tie(b.glob->runs, b.id); });
  spread(entries, max_states);
}

/// Over as few automata as halving finds.
void GlobSet::spread(std::span<const Entry> entries, std::size_t max_states) {
  if (auto automaton = StringAutomaton::build(entries, max_states)) {
    automata_.push_back(std::move(*automaton));
  } else if (entries.size() > 1) {
    const std::size_t half = entries.size() / 2;
    spread(entries.first(half), max_states);
    spread(entries.subspan(half), max_states);
  } else if (const Entry& entry = entries.front(); (entry.id & kTried) != 0) {
    always_tried_.push_back(tried_[entry.id & ~kTried]);
  } else {
    always_tried_.push_back({GlobMatcher(*entry.glob), entry.id});
  }
}

std::size_t GlobSet::memory_bytes() const {
  std::size_t bytes = exact_.memory_bytes() + letters_.memory_bytes();
  for (const StringAutomaton& automaton : automata_) bytes += automaton.memory_bytes();
  for (const auto* list : {&tried_, &always_tried_})
    for (const Tried& tried : *list) bytes += sizeof tried + tried.glob.memory_bytes();
  return bytes;
}

}  // namespace trailwarden::rules
