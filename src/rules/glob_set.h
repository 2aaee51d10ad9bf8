#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "rules/glob_matcher.h"
#include "rules/string_automaton.h"
#include "rules/text_table.h"

namespace trailwarden::rules {

/// Many globs asked together of one text.
///
/// Exact texts go into hash tables, the rest into automata. Where those would have too many states, globs with a gap in the middle leave the
/// automaton: it then finds their longest run of text, and only where that is found the glob itself is tried. What still does not fit is spread over
/// several automata; a single glob too large for one is tried on every text.
class GlobSet {
 public:
  using Entry = StringAutomaton::Entry;

  GlobSet() : GlobSet({}, 0) {}
  GlobSet(std::span<const Entry> entries, std::size_t max_states);

  /// Calls `hit(id)` for each glob that accepts `text`, once or more often.
  template <class Hit>
  void scan(std::string_view text, Hit&& hit) const {
    if (!exact_.empty()) exact_.scan(text, hit);
    if (!letters_.empty()) letters_.scan(text, hit);
    for (const StringAutomaton& automaton : automata_)
      automaton.scan(text, [&](std::uint32_t id) {
        if ((id & kTried) == 0) hit(id);
        else if (const Tried& tried = tried_[id & ~kTried]; tried.glob.accepts(text)) hit(tried.id);
      });
    for (const Tried& tried : always_tried_)
      if (tried.glob.accepts(text)) hit(tried.id);
  }

  bool empty() const { return exact_.empty() && letters_.empty() && automata_.empty() && always_tried_.empty(); }
  std::size_t automata() const { return automata_.size(); }
  std::size_t always_tried() const { return always_tried_.size(); }
  std::size_t memory_bytes() const;

 private:
  static constexpr std::uint32_t kTried = std::uint32_t{1} << 31;  // the id is one of tried_

  struct Tried {
    GlobMatcher glob;
    std::uint32_t id;
  };

  void add_automata(std::vector<Entry> entries, std::size_t max_states);
  void spread(std::span<const Entry> entries, std::size_t max_states);

  TextTable exact_, letters_;
  std::vector<StringAutomaton> automata_;
  std::vector<Tried> tried_, always_tried_;
};

}  // namespace trailwarden::rules
