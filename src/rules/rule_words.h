#pragma once

#include "rules/api_names.h"
#include "rules/file_report.h"
#include "rules/yaml_tree.h"

namespace trailwarden::rules {

/// Warns of what a document of a rule file, ours or Sigma's, says and CloudTrail does not: fields that no record has, sources that no service has, names that are no event of the source
/// beside them. Such a rule is sound and never matches. Each with its place, and what may have been meant.
///
/// A name is judged where the same pattern says of which sources, and the names of each of them are known; with `names` empty, only fields are.
void check_words(const YamlNode& document, const ApiNames& names, FileReport& report);

}  // namespace trailwarden::rules
