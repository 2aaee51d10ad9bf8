#pragma once

#include <cstdint>
#include <vector>

#include "rules/correlation.h"
#include "rules/match_window.h"

namespace trailwarden::rules {

/// The most entries that a search for a sequence looks at.
inline constexpr std::uint32_t kMaxSequenceSteps = 100'000;

/// Looks in a window for a sequence: an entry for each source that a kTemporalOrdered correlation asks for, at times that do not decrease in the order of the sources
/// (entries of one second are in order either way), with joins that hold, different events for sources of the same rule.
///
/// Without joins the earliest entry that fits is right for each step: O(entries). With joins the sequence has to end with the window, and to hold the entry that has
/// just arrived, so that a result comes with the match that completes it. That is a search: what is joined to something chosen is looked for before what is not. It
/// gives up behind kMaxSequenceSteps.
class SequenceSearch {
 public:
  /// All three outlive the search.
  SequenceSearch(const Correlation& correlation, MatchWindow::Entries entries, const WindowEntry& arrived);

  bool found();
  bool gave_up() const { return looked_at_ > kMaxSequenceSteps; }

 private:
  const WindowEntry* arrived_in_window() const;
  void put_in_order(std::uint32_t first);
  bool search(std::size_t step);
  bool fits(const WindowEntry& entry) const;
  bool join_holds(const Join& join, const WindowEntry& entry) const;
  const WindowEntry* chosen_of(std::uint32_t source) const;

  const Correlation& correlation_;
  MatchWindow::Entries entries_;
  const WindowEntry& arrived_;
  std::vector<std::uint32_t> steps_;  // sources, in the order in which entries are chosen
  std::uint32_t last_source_ = 0;     // whose entry ends the sequence
  std::vector<const WindowEntry*> chosen_;
  std::uint32_t looked_at_ = 0;
};

}  // namespace trailwarden::rules
