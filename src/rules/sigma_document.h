#pragma once

#include <variant>

#include "rules/sigma_correlation.h"
#include "rules/sigma_filter.h"
#include "rules/sigma_rule.h"

namespace trailwarden::rules {

/// A document for another log source: not read further, but its names are known.
struct SigmaSkipped {
  SigmaHead head;
};

/// A document with errors; they are in the report.
struct SigmaRefused {
  SigmaHead head;
};

using SigmaDocument = std::variant<SigmaRule, SigmaCorrelation, SigmaFilter, SigmaSkipped, SigmaRefused>;

/// Whether a document of a rule file is Sigma's, sound or not: it has a member at its top that a rule of our own never has.
bool is_sigma_document(const YamlNode& document);

/// Reads one document of a Sigma file as far as it can be read by itself: spec/sigma.md sections 2, 7, 8 and 10. `report` has nothing before.
SigmaDocument parse_sigma_document(const YamlNode& document, const RuleReading& settings, FileReport& report);

inline const SigmaHead& head_of(const SigmaDocument& document) {
  return std::visit([](const auto& kind) -> const SigmaHead& { return kind.head; }, document);
}

}  // namespace trailwarden::rules
