#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detectors/detector.h"
#include "rules/correlation_graph.h"
#include "rules/rule_book.h"

namespace trailwarden::detectors {

/// A principal that does routine work: what it does again is told of at `low`, what it never did before as ever.
struct Automation {
  std::string principal;             // glob, of the ARN without its session
  std::vector<std::string> rules;    // globs of ids; none: all
  bool operator==(const Automation&) const = default;
};

/// What the rules of all cells share.
struct RuleSettings {
  std::shared_ptr<const rules::RuleBook> book;
  std::vector<Automation> automation;
};

/// The rules of a rule book, for one account and Region. `what` of a finding is the rule's id.
///
/// Which rules a record matches is for `RuleSet` to say, in tens of nanoseconds for most. Correlations keep their state here. It is saved by rule, and taken by a rule that
/// asks for the same; another version of a rule begins afresh. A rule of what is new that comes later learns first, as it would in a cell that is new.
class Rules final : public Detector {
 public:
  static constexpr std::string_view kName = "rules";
  static const DetectorInfo& info();
  static ConfiguredDetector configured(std::shared_ptr<const RuleSettings> settings);

  explicit Rules(std::shared_ptr<const RuleSettings> settings);

  bool wants(const event::CloudTrailEvent& event) const override;
  void observe(const event::CloudTrailEvent& event, event::Emit& emit) override;
  void advance(Timestamp watermark, event::Emit& emit) override;
  void save(ByteWriter& out) const override;
  Result<void> load(ByteReader& in) override;
  std::size_t forget(const event::ForgottenPrincipal& principal, std::string_view account) override;
  std::vector<std::pair<std::string_view, CorrelationUse>> correlations() const override;
  std::size_t memory_bytes() const override;

 private:
  using Routine = std::pair<std::string, std::string>;  // rule, principal
  using States = std::map<std::uint32_t, rules::CorrelationGraph>;

  const rules::RuleBook& book() const { return *settings_->book; }
  std::optional<event::Severity> severity_of(const rules::Rule& rule, const event::CloudTrailEvent& event) const;
  void tell(std::uint32_t rule, event::Severity severity, const event::CloudTrailEvent& event, const rules::CorrelationResult* result, event::Emit& emit);
  void tell_absent(std::uint32_t rule, const rules::CorrelationResult& result, event::Emit& emit) const;
  event::Severity for_automation(event::Severity severity, std::uint32_t rule, const event::CloudTrailEvent& event);
  rules::CorrelationGraph& state_of(std::uint32_t rule);
  States::iterator add_state(std::uint32_t rule, rules::CorrelationGraph state);
  void correlate(const rules::RuleBook::Role& hit, const event::CloudTrailEvent& event, event::Emit& emit);
  bool is_learning(std::uint32_t rule, Timestamp at) const;
  void save_learners(ByteWriter& out) const;
  Result<void> load_states(ByteReader& in);
  Result<void> load_routines(ByteReader& in);
  Result<void> load_learners(ByteReader& in);

  std::shared_ptr<const RuleSettings> settings_;
  States states_;                                            // by rule, of those that have been matched
  bool awaits_absence_ = false;                              // one of them speaks when nothing comes
  std::map<Routine, Timestamp> routines_;                    // when declared automation first did it
  Timestamp watermark_ = kBeginningOfTime;
  Timestamp since_ = kEndOfTime;  // the cell is known: rules of what is new are silent for some days
  std::map<std::uint32_t, Timestamp> added_;  // rules of what is new that came when the cell was known: they learn from then on
};

}  // namespace trailwarden::detectors
