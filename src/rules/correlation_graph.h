#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rules/correlation_state.h"

namespace trailwarden::rules {

/// All the correlations of a set of rules, fed by matches of rules and by each other.
///
/// A result counts as a match of the correlations that refer to it, at its own time and by its own group: spec/sigma.md section 7. Not thread-safe: a cell owns
/// its own.
class CorrelationGraph {
 public:
  /// One place where the matches of a rule go.
  struct Feed {
    std::uint32_t correlation = 0, source = 0;
    bool operator==(const Feed&) const = default;
  };
  struct Result {
    std::uint32_t correlation = 0;
    CorrelationResult result;
  };

  /// Each correlation stands behind those that it refers to, and has an id of its own. kInvalidArgument if not, or if one makes no sense (`check`).
  static trailwarden::Result<CorrelationGraph> create(std::vector<Correlation> correlations);

  std::size_t size() const { return nodes_.size(); }
  const CorrelationState& state(std::uint32_t correlation) const { return nodes_[correlation].state; }

  /// Where the matches of a rule go; nothing for most rules.
  std::span<const Feed> feeds(std::uint32_t rule) const;

  /// A match of a rule, with the number, the group and the values of the source that it is fed to. Results are appended, inner ones first.
  void observe(Feed feed, const CorrelationMatch& match, std::vector<Result>& out);
  /// Moves the watermark of all, never back.
  void advance(Timestamp watermark, std::vector<Result>& out);

  /// `CorrelationState::forget` of all.
  std::size_t forget(const NamesWho& names);

  void save(ByteWriter& out) const;
  /// Takes over the saved states of those correlations that are still the same, by id and `fingerprint`; the others begin anew. Gives how many began anew
  /// though something was saved under their id, or were saved and are gone.
  trailwarden::Result<std::size_t> load(ByteReader& in);
  std::size_t memory_bytes() const;
  bool operator==(const CorrelationGraph&) const = default;

 private:
  /// A correlation that is fed with results of this one: which parts of their group are its group, and its values.
  struct Outlet {
    Feed feed;
    std::vector<std::size_t> group, values;
    bool operator==(const Outlet&) const = default;
  };
  struct Node {
    CorrelationState state;
    std::vector<Outlet> outlets;
    bool operator==(const Node&) const = default;
  };

  void spread(std::uint32_t correlation, std::vector<CorrelationResult> results, std::vector<Result>& out);

  std::vector<Node> nodes_;
  std::vector<std::vector<Feed>> feeds_;  // by rule
};

}  // namespace trailwarden::rules
