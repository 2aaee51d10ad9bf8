#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/correlation.h"

namespace trailwarden::rules {

/// The id of a result: a UUID of the correlation, the group, and what tells results of one group apart.
std::string result_id(const Correlation& correlation, const std::vector<std::string>& group, std::string_view what);

/// A text as it is kept: one longer than kMaxKeptText as its beginning and a hash.
std::string kept_text(std::string text);

}  // namespace trailwarden::rules
