#pragma once

#include <cstddef>
#include <limits>
#include <string>

#include "core/result.h"

namespace trailwarden {

/// A whole file, or all that comes through a pipe; of one that is larger than `most` bytes one more than these, so that whoever reads it sees that it is too large. kIo or kNotFound.
Result<std::string> read_file(const std::string& path, std::size_t most = std::numeric_limits<std::size_t>::max() - 1);

}  // namespace trailwarden
