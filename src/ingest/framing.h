#pragma once

#include <string_view>

namespace trailwarden::ingest {

/// Whether `text` is lines with a value each (JSON lines), so that damage in one ends with it: of its first 16 lines, more than one
/// and at least half of them are one complete object or array.
bool is_line_framed(std::string_view text);

}  // namespace trailwarden::ingest
