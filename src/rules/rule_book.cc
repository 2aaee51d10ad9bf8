#include "rules/rule_book.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/interned.h"
#include "rules/attack_techniques.h"
#include "rules/correlation_graph.h"

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

std::vector<std::vector<RuleBook::Asked>> asked_of(std::span<const Correlation> correlations) {
  std::vector<std::vector<RuleBook::Asked>> out;
  for (const Correlation& correlation : correlations) {
    out.emplace_back();
    for (const CorrelationSource& source : correlation.sources)
      out.back().push_back({{source.group.begin(), source.group.end()}, {source.values.begin(), source.values.end()}});
  }
  return out;
}

event::AttackTechnique technique_of(const Rule& rule) {
  if (rule.attack.empty()) return {};
  event::AttackTechnique out = attack_technique(rule.attack.front()).value_or(event::AttackTechnique{});
  out.id = interned(rule.attack.front());
  return out;
}

/// That of a rule of our own.
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
    case RuleCorrelation::Kind::kSigma: break;  // says itself what it asks
  }
  return out;
}

}  // namespace

Result<std::vector<Correlation>> correlations_of(const Rule& rule) {
  std::vector<Correlation> out = rule.correlation->chain;
  if (rule.correlation->kind != RuleCorrelation::Kind::kSigma) {
    auto own = correlation_of(rule);
    if (!own) return fail(std::move(own).error());
    out.push_back(*std::move(own));
  }
  if (auto graph = CorrelationGraph::create(out); !graph) return fail(std::move(graph).error());
  return out;
}

Result<std::shared_ptr<const RuleBook>> RuleBook::compile(std::vector<Rule> rules) {
  std::erase_if(rules, [](const Rule& rule) { return !rule.is_enabled; });
  std::shared_ptr<RuleBook> book(new RuleBook);
  std::vector<Predicate> predicates;
  std::vector<std::string> names;  // for errors
  const auto add = [&](const Predicate& predicate, std::uint32_t rule, std::uint32_t step) {
    predicates.push_back(predicate);
    predicates.back().unless = rules[rule].unless;
    names.push_back(rules[rule].id);
    book->roles_.push_back({rule, step});
  };
  for (std::uint32_t r = 0; r < rules.size(); ++r) {
    const Rule& rule = rules[r];
    const bool has_steps = rule.correlation && !rule.correlation->steps.empty();
    if (!has_steps || !rule.correlation->steps.front().pattern) add(rule.pattern, r, 0);
    if (has_steps)
      for (std::uint32_t i = 0; i < rule.correlation->steps.size(); ++i)
        if (rule.correlation->steps[i].pattern) add(*rule.correlation->steps[i].pattern, r, i);
    book->correlations_.emplace_back();
    if (rule.correlation) {
      auto correlations = correlations_of(rule);
      if (!correlations) return fail(std::move(correlations).error().during(fmt::format("{}:{}: rule {}", rule.file, rule.place.line, rule.id)));
      book->correlations_.back() = *std::move(correlations);
    }
    book->asked_.push_back(asked_of(book->correlations_.back()));
    book->ids_.push_back(interned(rule.id));
    book->by_id_.emplace(book->ids_.back(), r);
    book->techniques_.push_back(technique_of(rule));
  }
  auto set = RuleSet::compile(predicates, {}, names);
  if (!set) return fail(std::move(set).error());
  book->set_ = *std::move(set);
  book->rules_ = std::move(rules);
  return std::shared_ptr<const RuleBook>(std::move(book));
}

std::optional<std::uint32_t> RuleBook::find(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? std::nullopt : std::optional(found->second);
}

std::size_t RuleBook::memory_bytes() const { return sizeof *this + set_->memory_bytes() + roles_.capacity() * sizeof(Role) + rules_.capacity() * sizeof(Rule); }

}  // namespace trailwarden::rules
