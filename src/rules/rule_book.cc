#include "rules/rule_book.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/interned.h"
#include "rules/attack_techniques.h"

namespace trailwarden::rules {
namespace {

/// How long a value that was seen is remembered; then it is new again.
constexpr std::chrono::days kForgottenAfter{90};

/// The number of `path` among a source's values, which it joins if it is new.
std::uint32_t value_of(CorrelationSource& source, const std::string& path) {
  const auto known = std::find(source.values.begin(), source.values.end(), path);
  if (known != source.values.end()) return static_cast<std::uint32_t>(known - source.values.begin());
  source.values.push_back(path);
  return static_cast<std::uint32_t>(source.values.size() - 1);
}

Result<void> add_steps(const RuleCorrelation& asked, Correlation& out) {
  const bool has_absent = asked.steps.back().is_absent;
  if (has_absent && asked.steps.size() != 2) return fail(ErrorCode::kInvalidArgument, "a sequence whose last step is absent has two steps");
  out.type = has_absent ? CorrelationType::kAbsence : CorrelationType::kTemporalOrdered;
  out.sources.clear();
  for (std::uint32_t i = 0; i < asked.steps.size(); ++i) out.sources.push_back({.is_correlation = false, .index = 0, .group = asked.by, .values = {}});
  for (std::uint32_t i = 0; i < asked.steps.size(); ++i) {
    for (const SequenceStep::Join& join : asked.steps[i].joins) {
      const auto other = std::find_if(asked.steps.begin(), asked.steps.end(), [&](const SequenceStep& step) { return step.name == join.step; });
      const auto other_source = static_cast<std::uint32_t>(other - asked.steps.begin());
      out.joins.push_back({i, value_of(out.sources[i], join.path), other_source, value_of(out.sources[other_source], join.other_path)});
    }
  }
  return {};
}

event::AttackTechnique technique_of(const Rule& rule) {
  if (rule.attack.empty()) return {};
  event::AttackTechnique out = attack_technique(rule.attack.front()).value_or(event::AttackTechnique{});
  out.id = interned(rule.attack.front());
  return out;
}

}  // namespace

Result<Correlation> correlation_of(const Rule& rule) {
  const RuleCorrelation& asked = *rule.correlation;
  Correlation out;
  out.id = rule.id;
  out.group_names = asked.by;
  out.timespan = std::chrono::seconds{asked.within.value};
  out.sources.push_back({.is_correlation = false, .index = 0, .group = asked.by, .values = asked.of});
  const Threshold enough{Threshold::Op::kAtLeast, static_cast<double>(asked.at_least.value)};
  switch (asked.kind) {
    case RuleCorrelation::Kind::kCount:
      out.type = CorrelationType::kEventCount;
      out.thresholds = {enough};
      break;
    case RuleCorrelation::Kind::kDistinct:
      out.type = CorrelationType::kValueCount;
      out.thresholds = {enough};
      break;
    case RuleCorrelation::Kind::kFirstSeen:
      out.type = CorrelationType::kFirstSeen;
      out.timespan = kForgottenAfter;
      break;
    case RuleCorrelation::Kind::kSequence:
      if (auto added = add_steps(asked, out); !added) return fail(std::move(added).error());
      break;
  }
  if (auto sound = check(out); !sound) return fail(std::move(sound).error());
  return out;
}

Result<std::shared_ptr<const RuleBook>> RuleBook::compile(std::vector<Rule> rules) {
  std::erase_if(rules, [](const Rule& rule) { return !rule.is_enabled; });
  std::shared_ptr<RuleBook> book(new RuleBook);
  std::vector<Predicate> predicates;
  std::vector<std::string> names;  // for errors
  const auto add = [&](const Predicate& predicate, Role role) {
    predicates.push_back(predicate);
    names.push_back(rules[role.rule].id);
    book->roles_.push_back(role);
  };
  for (std::uint32_t r = 0; r < rules.size(); ++r) {
    const Rule& rule = rules[r];
    const bool is_sequence = rule.correlation && rule.correlation->kind == RuleCorrelation::Kind::kSequence;
    if (!is_sequence || !rule.correlation->steps.front().pattern) add(rule.pattern, {Role::Kind::kPattern, r, 0});
    if (is_sequence)
      for (std::uint32_t i = 0; i < rule.correlation->steps.size(); ++i)
        if (rule.correlation->steps[i].pattern) add(*rule.correlation->steps[i].pattern, {Role::Kind::kStep, r, i});
    for (const Predicate& unless : rule.unless) add(unless, {Role::Kind::kUnless, r, 0});
    book->correlations_.emplace_back();
    if (rule.correlation) {
      auto correlation = correlation_of(rule);
      if (!correlation) return fail(std::move(correlation).error().during(fmt::format("{}:{}: rule {}", rule.file, rule.place.line, rule.id)));
      book->correlations_.back() = *std::move(correlation);
    }
    book->ids_.push_back(interned(rule.id));
    book->techniques_.push_back(technique_of(rule));
  }
  auto set = RuleSet::compile(predicates, {}, names);
  if (!set) return fail(std::move(set).error());
  book->set_ = *std::move(set);
  book->rules_ = std::move(rules);
  return std::shared_ptr<const RuleBook>(std::move(book));
}

std::size_t RuleBook::memory_bytes() const { return sizeof *this + set_->memory_bytes() + roles_.capacity() * sizeof(Role) + rules_.capacity() * sizeof(Rule); }

}  // namespace trailwarden::rules
