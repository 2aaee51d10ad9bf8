#pragma once

#include <string>
#include <string_view>

namespace trailwarden::app {

/// The `history` of an Insight's alert (JSON) as a chart for a terminal, in ASCII: a bar a span of calls a minute, and a mark where its baseline lies.
/// Empty for anything else.
std::string rate_chart(std::string_view alert);

}  // namespace trailwarden::app
