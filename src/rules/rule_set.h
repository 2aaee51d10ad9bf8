#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "event/cloudtrail_event.h"
#include "event/decoder.h"
#include "rules/predicate.h"

namespace trailwarden::rules {

/// Bounds of a rule set: rules come from many hands, and must not make the engine slow or large.
struct Limits {
  std::size_t max_rules = 100'000;
  std::size_t max_glob_bytes = 8'192;       // of one with gaps; exact texts have no bound of their own
  std::size_t max_states = 10'000;          // of one automaton; more globs than fit become several automata
  std::size_t max_automata_per_field = 16;  // each reads the whole value once more
  std::size_t max_tried_per_field = 16;     // globs that fit no automaton: each is tried on every value
  std::size_t max_regexes = 1'000;
  std::size_t max_regex_bytes = std::size_t{1} << 20;  // of one, its automaton included
  std::size_t max_total_bytes = std::size_t{512} << 20;
};

struct RuleProgram;

/// Predicates compiled together, so that a record is judged by all of them in one pass.
///
/// What a record is asked of first are tests that some rule cannot hold without (of the values of `eventName`, mostly); only rules whose
/// test held are evaluated, and only the fields that they name are looked at. The rules' number hardly matters for that reason.
///
/// Immutable and thread-safe; a copy shares its program. Why not rule by rule, or by rule of event-ruler's shared automaton: `docs/rules.md`.
class RuleSet {
 public:
  /// `names`, if given, one a predicate, are what errors call the rules. kMalformed: a regular expression that RE2 refuses. kTooLarge: a limit.
  static Result<RuleSet> compile(std::span<const Predicate> predicates, Limits limits = {}, std::span<const std::string> names = {});

  std::size_t size() const;
  std::size_t memory_bytes() const;

 private:
  friend class Matcher;
  explicit RuleSet(std::shared_ptr<const RuleProgram> program) : program_(std::move(program)) {}

  std::shared_ptr<const RuleProgram> program_;
};

/// Asks a rule set of records: the scratch of one thread. Allocates nothing once it has seen the largest record (beside regular expressions, whose automata grow as
/// texts come, and rare searches of large arrays).
/// Not thread-safe.
class Matcher {
 public:
  explicit Matcher(RuleSet rules);
  ~Matcher();
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;

  /// Numbers of the rules that hold, ascending, into `matches`. The record is checked whole; not kNone: it is not exactly one JSON object (RFC 8259).
  /// event::kPadding readable bytes follow it.
  event::Refusal match(std::string_view record_json, std::vector<std::uint32_t>& matches);

  /// The same for a record that the decoder has accepted: what rules need first is taken from its members; its JSON members, or the record itself, are read only if a rule is left.
  void match(const event::CloudTrailEvent& event, std::vector<std::uint32_t>& matches);

  std::size_t memory_bytes() const;

 private:
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace trailwarden::rules
