#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event/finding.h"
#include "rules/correlation.h"
#include "rules/predicate.h"
#include "rules/sentence.h"
#include "rules/yaml_tree.h"

// A rule: of this project's own language, as docs/rules.md describes it, or of Sigma's.
namespace trailwarden::rules {

enum class RuleStatus : std::uint8_t { kStable, kTest, kExperimental, kDeprecated };
std::string_view to_string(RuleStatus status);

/// Which outcomes of a call a rule is about.
enum class When : std::uint8_t {
  kSucceeded,  // neither errorCode nor errorMessage; refused ones are told of at `Rule::refused`
  kFailed,
  kAny,
};

/// A number or a duration (in seconds); one with a name may be changed by the configuration.
struct Quantity {
  std::int64_t value = 0;
  std::string parameter;
  bool operator==(const Quantity&) const = default;
};

/// One record of a sequence; of a Sigma correlation, a rule that it is over.
struct SequenceStep {
  std::string name;
  std::optional<Predicate> pattern;  // the first step's is the rule's own if it has none
  struct Join {
    std::string path;               // in this record
    std::string step, other_path;   // in that of an earlier step: equal texts
    bool operator==(const Join&) const = default;
  };
  std::vector<Join> joins;
  bool is_absent = false;  // it is the finding that this does not follow
  bool operator==(const SequenceStep&) const = default;
};

/// Several records: count, distinct, first_seen or sequence, or a Sigma correlation.
struct RuleCorrelation {
  enum class Kind : std::uint8_t { kCount, kDistinct, kFirstSeen, kSequence, kSigma } kind = Kind::kCount;
  std::vector<std::string> by, of;  // paths, or derived fields
  Quantity at_least, within, learn;
  std::vector<SequenceStep> steps;
  /// Of kSigma: those that it refers to, inner ones first, and at the end itself. A source that is a rule is one of the steps.
  std::vector<Correlation> chain;
  bool operator==(const RuleCorrelation&) const = default;
};

/// A test that stands in the rule's file.
struct RuleTest {
  struct Record {
    std::chrono::seconds at{};  // since the first
    std::string json;           // completed with what every record has
    bool operator==(const Record&) const = default;
  };
  std::string name;
  std::vector<Record> records;
  std::size_t findings = 1;                // that have to come
  std::optional<event::Severity> severity;  // of each
  YamlPlace place;
  bool operator==(const RuleTest&) const = default;
};

struct Rule {
  std::string id, title, behaviour;
  Sentence sentence;
  event::Severity severity = event::Severity::kLow;
  std::optional<event::Severity> refused;  // of a call that was refused; nullopt: not told
  RuleStatus status = RuleStatus::kStable;
  std::vector<std::string> attack, cis, false_positives, references;

  When when = When::kSucceeded;
  Predicate pattern;               // with `where`
  std::vector<Predicate> unless;   // a record that one of them matches does not match the rule
  std::string entity;              // path or derived field; empty: the principal
  std::chrono::seconds quiet_for = std::chrono::hours{1};
  std::vector<std::string> enrich;
  std::optional<RuleCorrelation> correlation;
  std::vector<std::string> parameters;  // names of the quantities that may be changed, ascending
  bool is_enabled = true;

  std::vector<RuleTest> tests;
  std::string file;
  YamlPlace place;  // of the document
  /// Of what it asks for, tests and words left out: state that was learned by another is not this rule's.
  std::uint64_t hash = 0;

  bool operator==(const Rule&) const = default;
};

/// What a rule may say of a record besides its paths.
inline constexpr std::string_view kDerivedFields[] = {"principal", "principal_id", "account", "region", "service"};
inline constexpr std::string_view kCorrelationFields[] = {"count", "value", "minutes"};

}  // namespace trailwarden::rules
