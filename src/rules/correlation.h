#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

// What a correlation asks of the matches of rules: spec/sigma.md section 7, and what this project's own rules add. `CorrelationState` keeps what it needs to
// answer; `CorrelationGraph` feeds correlations from rules and from each other.
namespace trailwarden::rules {

enum class CorrelationType : std::uint8_t {
  kEventCount,       // matches in the window
  kValueCount,       // different values in it
  kTemporal,         // different sources with a match in it
  kTemporalOrdered,  // the same, in the order of the sources
  kValueSum,         // of a number, over the window
  kValueAverage,
  kValuePercentile,
  kValueMedian,
  kFirstSeen,  // a value that its group has not had for a timespan, after a time of learning
  kAbsence,    // a match of the first source, and within a timespan none of the second
};
std::string_view to_string(CorrelationType type);

/// A comparison with a number: `gte: 5`.
struct Threshold {
  enum class Op : std::uint8_t { kLess, kAtMost, kMore, kAtLeast, kEqual, kUnequal } op = Op::kAtLeast;
  double number = 0;

  bool holds(double value) const;
  bool operator==(const Threshold&) const = default;
};

/// Which sources have to have a match in the window: `a and b and not c`.
struct SourceCondition {
  enum class Kind : std::uint8_t { kSource, kAll, kAny, kNot } kind = Kind::kSource;
  std::uint32_t source = 0;            // of kSource
  std::vector<SourceCondition> parts;  // of the others
  bool operator==(const SourceCondition&) const = default;

  /// `present`: a bit for each source.
  bool holds(std::uint64_t present) const;
};

/// What a correlation is fed with: the matches of a rule, or the results of another correlation.
struct CorrelationSource {
  bool is_correlation = false;
  std::uint32_t index = 0;  // of the rule, or of the correlation
  /// Where a record has each part of the group, and each value: paths, in Sigma's reading. For a correlation, names of parts of its own group.
  std::vector<std::string> group, values;
  bool operator==(const CorrelationSource&) const = default;
};

/// A value of one step of a sequence has to equal a value of another: step 2's path is step 1's path.
struct Join {
  std::uint32_t source = 0, value = 0;
  std::uint32_t other_source = 0, other_value = 0;
  bool operator==(const Join&) const = default;
};

/// How much one correlation may keep. Beyond it the group that was idle longest goes (of equally idle ones the first by its texts), or the group's oldest
/// match.
struct CorrelationLimits {
  std::uint32_t groups = 10'000;
  std::uint32_t entries_per_group = 4'096;
  std::uint32_t entries = 100'000;  // in all groups together
  bool operator==(const CorrelationLimits&) const = default;
};

struct Correlation {
  std::string id;  // unique, and stable across versions of a rule: part of the ids of its results
  CorrelationType type = CorrelationType::kEventCount;
  std::vector<CorrelationSource> sources;  // in the order of a sequence
  std::vector<std::string> group_names;    // one for each part of the group; none: all matches are one group
  std::chrono::seconds timespan{};
  /// All of them have to hold. Empty: for kTemporal and kTemporalOrdered all the sources, unless there is a `condition`.
  std::vector<Threshold> thresholds;
  std::optional<SourceCondition> condition;  // of kTemporal and kTemporalOrdered
  double percentile = 50;                    // of kValuePercentile: the rank, by linear interpolation
  std::vector<Join> joins;                   // of kTemporalOrdered, which then holds where a sequence ends; of kAbsence
  std::chrono::seconds learning{};           // of kFirstSeen: how long a group stays silent after its first match
  CorrelationLimits limits;
  bool operator==(const Correlation&) const = default;
};

inline constexpr std::size_t kMaxCorrelationSources = 64;
inline constexpr std::size_t kMaxGroupParts = 16;

/// kInvalidArgument with what to do, unless the correlation makes sense: a timespan, sources with as many group paths as there are group names, thresholds
/// where the type needs them and that the limits let it reach, joins between values that are there.
Result<void> check(const Correlation& correlation);

/// A hash of all that its state depends on: not of where its sources stand among the rules, nor of its limits. Stable across versions and machines.
std::uint64_t fingerprint(const Correlation& correlation);

/// Whether more matches can only make it hold, never stop it: then what is said of late matches in `CorrelationState` is exact.
bool is_monotone(const Correlation& correlation);

}  // namespace trailwarden::rules
