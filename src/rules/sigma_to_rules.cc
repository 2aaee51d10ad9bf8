#include "rules/sigma_to_rules.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/check.h"
#include "core/hash.h"
#include "core/time.h"

namespace trailwarden::rules {
namespace {

/// An id that can be typed: letters, digits, `.`, `-` and `_`, runs of anything else as one `_`.
std::string one_word(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    if (is_kept) out += c;
    else if (!out.empty() && out.back() != '_') out += '_';
  }
  while (out.ends_with('_')) out.pop_back();
  return out.substr(0, 128);
}

std::string id_of(const SigmaHead& head) {
  const std::string id = one_word(!head.id.empty() ? head.id : !head.name.empty() ? head.name : head.title);
  return !id.empty() ? id : fmt::format("sigma.{:016x}", xxh3_64(head.label()));  // of letters that no id has
}

RuleStatus status_of(const SigmaHead& head) {
  switch (head.status.value_or(SigmaStatus::kStable)) {
    case SigmaStatus::kTest: return RuleStatus::kTest;
    case SigmaStatus::kExperimental: return RuleStatus::kExperimental;
    case SigmaStatus::kDeprecated: return RuleStatus::kDeprecated;
    case SigmaStatus::kStable:
    case SigmaStatus::kUnsupported: break;  // by Sigma's own tools; what is loaded here is supported here
  }
  return RuleStatus::kStable;
}

/// The title as words of a sentence's template: braces are doubled, and a full stop is the sentence's.
std::string in_template(std::string_view title) {
  if (title.ends_with('.')) title.remove_suffix(1);
  std::string out;
  for (const char c : title) out.append(c == '{' || c == '}' ? 2 : 1, c);
  return out;
}

Sentence sentence_of(std::string_view text) {
  auto sentence = Sentence::parse(text);
  TRAILWARDEN_CHECK(sentence.has_value(), "a title's braces are doubled");
  return *std::move(sentence);
}

/// What both kinds have in common.
Rule with_head(const SigmaHead& head) {
  Rule rule;
  rule.id = id_of(head);
  rule.title = head.label();
  rule.severity = head.level.value_or(event::Severity::kMedium);
  rule.status = status_of(head);
  rule.is_enabled = rule.status != RuleStatus::kDeprecated;
  rule.attack = head.techniques;
  rule.false_positives = head.false_positives;
  rule.references = head.references;
  rule.when = When::kAny;
  rule.file = head.file;
  rule.place = head.place;
  rule.hash = head.hash;
  return rule;
}

Rule rule_of(const SigmaRule& sigma) {
  Rule rule = with_head(sigma.head);
  rule.sentence = sentence_of(fmt::format("{{principal}} called {{service}} {{eventName}} ({{errorCode|no error}}): {}.", in_template(rule.title)));
  rule.pattern = sigma.predicate;
  return rule;
}

/// What a correlation's `{count}` is a count of.
std::string what_is_counted(const Correlation& correlation) {
  const std::string fields = correlation.sources.empty() ? "" : fmt::format("{}", fmt::join(correlation.sources.back().values, ", "));
  switch (correlation.type) {
    case CorrelationType::kEventCount: return "{count} matches";
    case CorrelationType::kValueCount: return fmt::format("{{count}} different values of {}", in_template(fields));
    case CorrelationType::kTemporal: return "{count} different rules matched";
    case CorrelationType::kTemporalOrdered: return "{count} rules matched in order";
    default: return fmt::format("{} of {} is {{count}}", to_string(correlation.type), in_template(fields));
  }
}

/// A correlation and all that it rests on, numbered anew.
class Chain {
 public:
  explicit Chain(const SigmaPack& pack) : pack_(pack) {}

  std::uint32_t add_correlation(std::size_t number) {
    if (const auto known = correlations_.find(number); known != correlations_.end()) return known->second;
    Correlation copy = pack_.correlations[number].correlation;
    mix(pack_.correlations[number].head.hash);
    for (CorrelationSource& source : copy.sources) source.index = source.is_correlation ? add_correlation(source.index) : add_rule(source.index);
    out_.chain.push_back(std::move(copy));
    return correlations_[number] = static_cast<std::uint32_t>(out_.chain.size() - 1);
  }

  RuleCorrelation take() {
    out_.within.value = out_.chain.back().timespan.count();
    return std::move(out_);
  }
  std::uint64_t hash() const { return hash_; }

 private:
  std::uint32_t add_rule(std::size_t number) {
    const auto [known, is_new] = rules_.try_emplace(number, static_cast<std::uint32_t>(out_.steps.size()));
    if (!is_new) return known->second;
    const SigmaRule& rule = pack_.rules[number];
    mix(rule.head.hash);
    out_.steps.push_back({.name = rule.head.label(), .pattern = rule.predicate, .joins = {}});
    return known->second;
  }
  void mix(std::uint64_t hash) { hash_ = splitmix64(hash_ ^ hash); }

  const SigmaPack& pack_;
  RuleCorrelation out_{.kind = RuleCorrelation::Kind::kSigma, .by = {}, .of = {}, .at_least = {}, .within = {}, .learn = {}, .steps = {}, .chain = {}};
  std::map<std::size_t, std::uint32_t> rules_, correlations_;  // of the pack: where they are in `out_`
  std::uint64_t hash_ = 0;
};

Rule rule_of(const SigmaPack& pack, std::size_t number) {
  const SigmaLinkedCorrelation& sigma = pack.correlations[number];
  Rule rule = with_head(sigma.head);
  Chain chain(pack);
  chain.add_correlation(number);
  rule.hash = chain.hash();
  rule.correlation = chain.take();
  rule.sentence = sentence_of(fmt::format("{}: {} within {}, the last by {{principal}}.", in_template(rule.title), what_is_counted(sigma.correlation), trailwarden::describe(sigma.correlation.timespan)));
  return rule;
}

}  // namespace

std::vector<Rule> rules_of(const SigmaPack& pack) {
  std::vector<Rule> out;
  for (const SigmaRule& rule : pack.rules)
    if (rule.reports) out.push_back(rule_of(rule));
  for (std::size_t i = 0; i < pack.correlations.size(); ++i)
    if (pack.correlations[i].reports) out.push_back(rule_of(pack, i));
  return out;
}

}  // namespace trailwarden::rules
