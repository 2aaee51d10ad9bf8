#include "rules/sigma_pack.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/hash.h"
#include "core/text.h"
#include "rules/expression.h"

namespace trailwarden::rules {
namespace {

std::string place_of(const SigmaHead& head) { return fmt::format("{}:{}:{}", head.file, head.place.line, head.place.column); }

std::size_t count_tests(const SigmaDocument& document) {
  if (const auto* const rule = std::get_if<SigmaRule>(&document)) return count_tests(rule->predicate.expression);
  if (const auto* const filter = std::get_if<SigmaFilter>(&document)) return count_tests(filter->expression);
  std::size_t count = 0;
  if (const auto* const correlation = std::get_if<SigmaCorrelation>(&document))
    for (const SigmaRule& part : correlation->parts) count += count_tests(part.predicate.expression);
  return count;
}

/// The names in a condition, once each, in the order in which they appear.
std::vector<std::string> names_in(const SigmaCondition& condition) {
  std::vector<std::string> out;
  if (condition.kind == SigmaCondition::Kind::kName) out.push_back(condition.name);
  for (const SigmaCondition& part : condition.parts)
    for (std::string& name : names_in(part))
      if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(std::move(name));
  return out;
}

/// Whether a condition says something about a source.
bool asks_for(const SourceCondition& condition, std::size_t source) {
  if (condition.kind == SourceCondition::Kind::kSource) return condition.source == source;
  return std::any_of(condition.parts.begin(), condition.parts.end(), [source](const SourceCondition& part) { return asks_for(part, source); });
}

/// Finds documents by what others call them.
class Directory {
 public:
  explicit Directory(const std::vector<SigmaDocument>& documents) {
    for (std::size_t i = 0; i < documents.size(); ++i) {
      const SigmaHead& head = head_of(documents[i]);
      if (!head.id.empty()) by_id_.emplace(head.id, i);
      if (!head.name.empty()) by_name_.emplace(head.name, i);
      if (!head.title.empty()) by_title_.emplace(head.title, i);
    }
  }

  /// The documents that `reference` may mean; an id goes before a name, and a name before a title.
  std::vector<std::size_t> find(std::string_view reference) const {
    for (const Names* names : {&by_id_, &by_name_, &by_title_}) {
      std::vector<std::size_t> found;
      const auto [first, last] = names->equal_range(reference);
      for (auto at = first; at != last; ++at) found.push_back(at->second);
      if (!found.empty()) return found;
    }
    return {};
  }

  std::string suggestion(std::string_view reference) {
    if (suggestions_left_ == 0) return {};
    --suggestions_left_;
    std::vector<std::string_view> all;
    for (const Names* names : {&by_name_, &by_id_, &by_title_})
      for (const auto& [name, document] : *names) all.push_back(name);
    return did_you_mean(reference, all);
  }

 private:
  using Names = std::multimap<std::string, std::size_t, std::less<>>;
  Names by_id_, by_name_, by_title_;
  std::size_t suggestions_left_ = 20;  // each looks at all the names
};

/// Lets a rule match only what fulfils the filter's condition too.
void restrict(SigmaRule& rule, const SigmaFilter& filter) {
  rule.head.hash = splitmix64(rule.head.hash ^ filter.head.hash);
  std::vector<Expression> both;
  both.push_back(std::move(rule.predicate.expression));
  both.push_back(filter.expression);
  rule.predicate.expression = all_of(std::move(both));
}

/// Brings the documents of a pack together.
class Linker {
 public:
  Linker(std::vector<SigmaDocument> documents, std::size_t tests, SigmaPack& pack)
      : documents_(std::move(documents)), directory_(documents_), pack_(pack), tests_(tests), linked_(documents_.size()) {
    for (const SigmaDocument& document : documents_) labels_.push_back(printable(head_of(document).label()));
  }

  void link() {
    refuse_repeated_names();
    apply_filters();
    for (std::size_t i = 0; i < documents_.size(); ++i) {
      if (SigmaRule* const rule = as<SigmaRule>(i)) linked_[i] = Linked{.index = add_rule(std::move(*rule))};
      if (as<SigmaSkipped>(i) != nullptr) ++pack_.skipped;
    }
    link_correlations();
    for (std::size_t i = 0; i < documents_.size(); ++i)
      if (as<SigmaRefused>(i) != nullptr) ++pack_.refused;
  }

 private:
  /// Where a document is in the pack.
  struct Linked {
    bool is_correlation = false;
    std::size_t index = 0;
    std::size_t depth = 0;  // of a correlation: 1 over rules, 2 over correlations over rules, ...
  };
  using References = std::vector<std::size_t>;  // documents, in the order of a correlation's rules

  template <class Kind>
  Kind* as(std::size_t document) {
    return std::get_if<Kind>(&documents_[document]);
  }
  void error(const SigmaHead& head, YamlPlace at, std::string message) { pack_.errors.add(head.file, at.line, at.column, std::move(message)); }
  void warn(const SigmaHead& head, YamlPlace at, std::string message) { pack_.warnings.add(head.file, at.line, at.column, std::move(message)); }
  void refuse(std::size_t document) {
    SigmaHead head = head_of(documents_[document]);
    documents_[document] = SigmaRefused{std::move(head)};
  }
  bool& reports_of(const Linked& linked) { return linked.is_correlation ? pack_.correlations[linked.index].reports : pack_.rules[linked.index].reports; }
  std::size_t add_rule(SigmaRule rule) {
    pack_.rules.push_back(std::move(rule));
    return pack_.rules.size() - 1;
  }

  void refuse_repeated_names();
  void apply_filters();
  void apply(const SigmaFilter& filter);

  void link_correlations();
  std::optional<References> references_of(const SigmaCorrelation& correlation);
  std::optional<std::size_t> resolve(const SigmaHead& head, const SigmaReference& reference);
  bool is_over_what_is_gone(std::size_t document, const References& references);
  void link(std::size_t document, const References& references);
  std::optional<Correlation> build(SigmaCorrelation& correlation, const References& references);
  bool add_source(const SigmaCorrelation& correlation, std::size_t document, Correlation& out);
  void add_parts(SigmaCorrelation& correlation, Correlation& out);
  std::optional<std::string> path_of(const SigmaCorrelation& correlation, const std::string& name, std::size_t document);
  bool aliases_are_sound(const SigmaCorrelation& correlation, const References& references);
  std::optional<SourceCondition> source_condition(const SigmaCorrelation& correlation, const SigmaCondition& condition, const References& sources);

  std::vector<SigmaDocument> documents_;
  Directory directory_;
  SigmaPack& pack_;
  std::size_t tests_;
  std::vector<std::optional<Linked>> linked_;
  std::set<std::string> ids_;        // of linked correlations
  std::vector<std::string> labels_;  // of all documents: what is linked has moved to the pack
};

/// Of two documents with one id or name the second is refused: whoever refers to it would not know which.
void Linker::refuse_repeated_names() {
  std::map<std::string, std::size_t> ids, names;
  for (std::size_t i = 0; i < documents_.size(); ++i) {
    const SigmaHead& head = head_of(documents_[i]);
    const auto is_taken = [&](std::map<std::string, std::size_t>& taken, std::string_view what, const std::string& value) {
      if (value.empty()) return false;
      const auto [first, is_new] = taken.emplace(value, i);
      if (!is_new)
        error(head, head.place,
              fmt::format("{} \"{}\" is that of {} too: every document needs its own", what, printable(value), place_of(head_of(documents_[first->second]))));
      return !is_new;
    };
    const bool has_id = is_taken(ids, "the id", head.id), has_name = is_taken(names, "the name", head.name);
    if (has_id || has_name) refuse(i);
  }
}

// Filters ----------------------------------------------------------------------------------------------------------------------------------------------------

void Linker::apply_filters() {
  for (std::size_t i = 0; i < documents_.size(); ++i)
    if (const SigmaFilter* const filter = as<SigmaFilter>(i)) {
      ++pack_.filters;
      apply(*filter);
    }
}

void Linker::apply(const SigmaFilter& filter) {
  std::set<std::size_t> chosen;
  for (const SigmaReference& reference : filter.rules) {
    if (filter.is_for_any) break;
    const auto found = directory_.find(reference.name);
    if (found.empty())
      warn(filter.head, reference.place, fmt::format("rules: no rule is called \"{}\"{}", printable(reference.name), directory_.suggestion(reference.name)));
    chosen.insert(found.begin(), found.end());
  }
  const std::size_t filter_tests = count_tests(filter.expression);
  for (std::size_t i = 0; i < documents_.size(); ++i) {
    if (!(filter.is_for_any || chosen.contains(i)) || !filter.head.log_source.is_compatible_with(head_of(documents_[i]).log_source)) continue;
    std::vector<SigmaRule*> rules;
    if (SigmaRule* const rule = as<SigmaRule>(i)) rules.push_back(rule);
    if (SigmaCorrelation* const correlation = as<SigmaCorrelation>(i))
      for (SigmaRule& part : correlation->parts) rules.push_back(&part);
    for (SigmaRule* const rule : rules) {
      tests_ += filter_tests;
      if (tests_ > kMaxSigmaPackTests)
        return error(filter.head, filter.head.place,
                     fmt::format("with this filter the rules come to more than {} tests: name fewer rules", with_commas(kMaxSigmaPackTests)));
      restrict(*rule, filter);
    }
  }
}

// Correlations -----------------------------------------------------------------------------------------------------------------------------------------------

/// Links each correlation once those that it refers to are linked, round by round: one that is not linked after as many rounds as correlations may be deep
/// never will be.
void Linker::link_correlations() {
  std::map<std::size_t, References> waiting;
  for (std::size_t i = 0; i < documents_.size(); ++i) {
    if (as<SigmaCorrelation>(i) == nullptr) continue;
    if (auto references = references_of(*as<SigmaCorrelation>(i))) waiting.emplace(i, std::move(*references));
    else refuse(i);
  }
  for (std::size_t round = 0; round <= kMaxCorrelationDepth; ++round) {
    for (auto at = waiting.begin(); at != waiting.end();) {
      const auto& [document, references] = *at;
      const bool is_ready = std::all_of(references.begin(), references.end(), [this](std::size_t other) { return linked_[other].has_value(); });
      const bool is_gone = !is_ready && is_over_what_is_gone(document, references);
      if (is_ready) link(document, references);
      at = is_ready || is_gone ? waiting.erase(at) : std::next(at);
    }
  }
  for (const auto& [document, references] : waiting) {
    const SigmaHead& head = head_of(documents_[document]);
    error(head, head.place, fmt::format("correlations refer to each other in a circle here, or more than {} deep", kMaxCorrelationDepth));
    refuse(document);
  }
}

/// The documents that a correlation refers to; nothing, and an error, if one of them is not to be found.
std::optional<Linker::References> Linker::references_of(const SigmaCorrelation& correlation) {
  References out;
  std::vector<SigmaReference> rules = correlation.rules;
  if (rules.empty() && correlation.condition && correlation.parts.empty())
    for (std::string& name : names_in(*correlation.condition)) rules.push_back({std::move(name), correlation.condition_place});
  if (rules.size() > kMaxCorrelationSources) {
    error(correlation.head, correlation.condition_place, fmt::format("condition: more than {} rules in one correlation", kMaxCorrelationSources));
    return std::nullopt;
  }
  for (const SigmaReference& reference : rules) {
    const auto document = resolve(correlation.head, reference);
    if (!document) return std::nullopt;
    const bool is_there = std::find(out.begin(), out.end(), *document) != out.end();
    if (!is_there || correlation.type == CorrelationType::kTemporalOrdered) out.push_back(*document);
  }
  return out;
}

std::optional<std::size_t> Linker::resolve(const SigmaHead& head, const SigmaReference& reference) {
  const auto found = directory_.find(reference.name);
  if (found.size() == 1 && as<SigmaFilter>(found.front()) == nullptr) return found.front();
  if (found.empty()) error(head, reference.place, fmt::format("no rule is called \"{}\"{}", printable(reference.name), directory_.suggestion(reference.name)));
  else if (found.size() > 1)
    error(head, reference.place, fmt::format("{} rules are called \"{}\": refer to the one that is meant by its id", found.size(), printable(reference.name)));
  else error(head, reference.place, fmt::format("\"{}\" is a filter, and filters match nothing", printable(reference.name)));
  return std::nullopt;
}

/// Leaves a correlation out that refers to a document that was skipped or refused.
bool Linker::is_over_what_is_gone(std::size_t document, const References& references) {
  for (const std::size_t other : references) {
    const SigmaHead head = head_of(documents_[document]);
    if (as<SigmaSkipped>(other) != nullptr) {
      pack_.left_out.add(head.file, head.place.line, head.place.column, fmt::format("left out: it refers to \"{}\", which is for another log source", labels_[other]));
      documents_[document] = SigmaSkipped{head};
      ++pack_.skipped;
      return true;
    }
    if (as<SigmaRefused>(other) != nullptr) {
      error(head, head.place, fmt::format("refers to \"{}\", which has errors", labels_[other]));
      refuse(document);
      return true;
    }
  }
  return false;
}

void Linker::link(std::size_t document, const References& references) {
  SigmaCorrelation& correlation = *as<SigmaCorrelation>(document);
  std::size_t depth = 1;
  for (const std::size_t other : references) depth = std::max(depth, linked_[other]->depth + 1);
  if (depth > kMaxCorrelationDepth) {
    error(correlation.head, correlation.head.place, fmt::format("correlations refer to each other more than {} deep here", kMaxCorrelationDepth));
    return refuse(document);
  }
  auto built = build(correlation, references);
  if (!built) return refuse(document);
  if (!ids_.insert(built->id).second) {
    error(correlation.head, correlation.head.place,
          fmt::format("another correlation is called \"{}\" too, by which its results are known: give it an `id` of its own", printable(built->id)));
    return refuse(document);
  }
  if (!correlation.generate)
    for (const std::size_t other : references) reports_of(*linked_[other]) = false;
  linked_[document] = Linked{true, pack_.correlations.size(), depth};
  pack_.correlations.push_back({.head = std::move(correlation.head), .correlation = std::move(*built), .warnings = std::move(correlation.warnings)});
}

std::optional<Correlation> Linker::build(SigmaCorrelation& correlation, const References& references) {
  Correlation out{.id = correlation.head.id.empty() ? correlation.head.label() : correlation.head.id,
                  .type = correlation.type,
                  .group_names = correlation.group_by,
                  .timespan = correlation.timespan,
                  .thresholds = correlation.thresholds,
                  .percentile = correlation.percentile};
  if (!aliases_are_sound(correlation, references)) return std::nullopt;
  for (const std::size_t other : references)
    if (!add_source(correlation, other, out)) return std::nullopt;
  if (correlation.condition && !(out.condition = source_condition(correlation, *correlation.condition, references))) return std::nullopt;
  for (std::size_t i = 0; out.condition && i < references.size(); ++i) {
    if (asks_for(*out.condition, i)) continue;
    error(correlation.head, correlation.condition_place, fmt::format("condition: does not name \"{}\", which stands among the rules", labels_[references[i]]));
    return std::nullopt;
  }
  add_parts(correlation, out);
  if (const auto checked = check(out); !checked) {
    error(correlation.head, correlation.head.place, checked.error().message);
    return std::nullopt;
  }
  return out;
}

/// Where the records of a document have what a correlation calls `name`.
std::optional<std::string> Linker::path_of(const SigmaCorrelation& correlation, const std::string& name, std::size_t document) {
  std::string path = name;
  for (const SigmaAlias& alias : correlation.aliases) {
    if (alias.name != name) continue;
    for (const auto& [rule, field] : alias.paths)
      if (directory_.find(rule.name) == References{document}) path = field;
  }
  if (!linked_[document]->is_correlation) return path;
  const std::vector<std::string>& groups = pack_.correlations[linked_[document]->index].correlation.group_names;
  if (std::find(groups.begin(), groups.end(), path) != groups.end()) return path;
  error(correlation.head, correlation.group_by_place,
        fmt::format("the results of \"{}\" have no \"{}\": it is grouped by {}", labels_[document], printable(path),
                    groups.empty() ? "nothing" : printable(fmt::format("{}", fmt::join(groups, ", ")))));
  return std::nullopt;
}

bool Linker::add_source(const SigmaCorrelation& correlation, std::size_t document, Correlation& out) {
  CorrelationSource source{.is_correlation = linked_[document]->is_correlation, .index = static_cast<std::uint32_t>(linked_[document]->index)};
  for (const auto& [names, paths] : {std::pair{&correlation.group_by, &source.group}, {&correlation.fields, &source.values}}) {
    for (const std::string& name : *names) {
      auto path = path_of(correlation, name, document);
      if (!path) return false;
      paths->push_back(std::move(*path));
    }
  }
  out.sources.push_back(std::move(source));
  return true;
}

/// The rules of an old correlation are its own, and so are their indices in its condition.
void Linker::add_parts(SigmaCorrelation& correlation, Correlation& out) {
  pack_.parts += correlation.parts.size();
  for (SigmaRule& part : correlation.parts)
    out.sources.push_back({.index = static_cast<std::uint32_t>(add_rule(std::move(part))), .group = correlation.group_by, .values = correlation.fields});
}

bool Linker::aliases_are_sound(const SigmaCorrelation& correlation, const References& references) {
  for (const SigmaAlias& alias : correlation.aliases) {
    const auto is_name = [&alias](const std::string& name) { return name == alias.name; };
    if (std::none_of(correlation.group_by.begin(), correlation.group_by.end(), is_name) &&
        std::none_of(correlation.fields.begin(), correlation.fields.end(), is_name))
      warn(correlation.head, alias.place, fmt::format("aliases: \"{}\" stands neither in `group-by` nor in `field`", printable(alias.name)));
    References covered;
    for (const auto& [rule, path] : alias.paths) {
      const auto document = resolve(correlation.head, rule);
      if (!document) return false;
      if (std::find(references.begin(), references.end(), *document) == references.end()) {
        error(correlation.head, rule.place, fmt::format("aliases: \"{}\" is none of the correlation's rules", printable(rule.name)));
        return false;
      }
      covered.push_back(*document);
    }
    for (const std::size_t other : references)
      if (std::find(covered.begin(), covered.end(), other) == covered.end())
        warn(correlation.head, alias.place,
             fmt::format("aliases: \"{}\" does not say where \"{}\" has it: a field of that very name is taken", printable(alias.name), labels_[other]));
  }
  return true;
}

std::optional<SourceCondition> Linker::source_condition(const SigmaCorrelation& correlation, const SigmaCondition& condition, const References& sources) {
  using Kind = SigmaCondition::Kind;
  const auto refuse_it = [&](std::string message) -> std::optional<SourceCondition> {
    error(correlation.head, correlation.condition_place, "condition: " + std::move(message));
    return std::nullopt;
  };
  if (condition.kind == Kind::kAnyOf || condition.kind == Kind::kAllOf) return refuse_it("names of rules only: `1 of` and `all of` belong to detections");
  SourceCondition out;
  if (condition.kind == Kind::kName) {
    if (!correlation.parts.empty()) return SourceCondition{.source = parse_decimal<std::uint32_t>(condition.name).value_or(0)};
    const auto document = resolve(correlation.head, {condition.name, correlation.condition_place});
    if (!document) return std::nullopt;
    const auto found = std::find(sources.begin(), sources.end(), *document);
    if (found == sources.end()) return refuse_it(fmt::format("\"{}\" is none of the correlation's rules", printable(condition.name)));
    out.source = static_cast<std::uint32_t>(found - sources.begin());
    return out;
  }
  out.kind = condition.kind == Kind::kAnd  ? SourceCondition::Kind::kAll
             : condition.kind == Kind::kOr ? SourceCondition::Kind::kAny
                                           : SourceCondition::Kind::kNot;
  for (const SigmaCondition& part : condition.parts) {
    auto inner = source_condition(correlation, part, sources);
    if (!inner) return std::nullopt;
    out.parts.push_back(std::move(*inner));
  }
  return out;
}

}  // namespace

void SigmaLoader::add(std::string_view yaml, std::string_view file) {
  if (is_full_) return;
  const auto documents = parse_yaml(yaml);
  if (!documents) return errors_.add(file, documents.error().place.line, documents.error().place.column, documents.error().message);
  for (const YamlNode& document : *documents) add(document, file);
}

void SigmaLoader::add(const YamlNode& node, std::string_view file) {
  if (is_full_) return;
  FileReport report{.file = std::string(file)};
  SigmaDocument document = parse_sigma_document(node, settings_, report);
  tests_ += count_tests(document);
  is_full_ = documents_.size() == kMaxSigmaDocuments || tests_ > kMaxSigmaPackTests;
  if (is_full_) {
    report.error(node.place, fmt::format("more than {} documents, or more than {} tests in all of them: load fewer", with_commas(kMaxSigmaDocuments),
                                         with_commas(kMaxSigmaPackTests)));
    document = SigmaRefused{head_of(document)};
  }
  errors_.add(report.errors);
  (std::holds_alternative<SigmaSkipped>(document) ? left_out_ : warnings_).add(report.warnings);
  documents_.push_back(std::move(document));
}

SigmaPack SigmaLoader::finish() && {
  SigmaPack pack{.errors = std::move(errors_), .warnings = std::move(warnings_), .left_out = std::move(left_out_)};
  Linker(std::move(documents_), tests_, pack).link();
  return pack;
}

}  // namespace trailwarden::rules
