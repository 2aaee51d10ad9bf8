#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/diagnostics.h"
#include "rules/correlation.h"
#include "rules/sigma_document.h"

namespace trailwarden::rules {

/// A correlation that found what it refers to: its sources are indices into `SigmaPack`.
struct SigmaLinkedCorrelation {
  SigmaHead head;
  Correlation correlation;
  bool reports = true;  // whether a result is a finding: not where only others ask for it
  std::vector<std::string> warnings;  // FILE:LINE:COLUMN: ...
};

/// What a set of Sigma files comes to.
struct SigmaPack {
  std::vector<SigmaRule> rules;                      // in the order of the files, parts of old correlations behind all others
  std::vector<SigmaLinkedCorrelation> correlations;  // each behind those that it refers to
  std::size_t parts = 0;                             // of old correlations: so many at the end of `rules`
  std::size_t filters = 0;                           // which are in the rules now
  std::size_t skipped = 0;                           // documents for other log sources
  std::size_t refused = 0;                           // documents with errors, and correlations that refer to one
  Diagnostics errors, warnings;
  Diagnostics left_out;  // why documents were skipped
};

/// Beyond these a pack is refused from there on.
inline constexpr std::size_t kMaxSigmaDocuments = 20'000;
inline constexpr std::size_t kMaxSigmaPackTests = 1'000'000;
/// How deep correlations may refer to correlations.
inline constexpr std::size_t kMaxCorrelationDepth = 10;

/// Reads Sigma files one after the other, then links them: filters to their rules, correlations to what they count, by id, name or title, across files.
///
/// A document with an error is left out, and so is a correlation that refers to it; everything else is in the pack. Whether a pack with errors is used is the
/// caller's decision. Errors: ids and names that two documents have; references that nothing or several documents answer to; circles of correlations, and more
/// than kMaxCorrelationDepth of them on each other; grouping by what an inner correlation does not group by.
class SigmaLoader {
 public:
  explicit SigmaLoader(RuleReading settings) : settings_(std::move(settings)) {}

  /// `file` is for messages only.
  void add(std::string_view yaml, std::string_view file);
  void add(const YamlNode& document, std::string_view file);
  SigmaPack finish() &&;

 private:
  RuleReading settings_;
  std::vector<SigmaDocument> documents_;
  Diagnostics errors_, warnings_, left_out_;
  std::size_t tests_ = 0;
  bool is_full_ = false;
};

}  // namespace trailwarden::rules
