#pragma once

#include <string_view>

namespace trailwarden {

/// Writes all of it to a file descriptor, over signals. False: errno says why not; some of it may be written.
bool write_all(int descriptor, std::string_view bytes);

}  // namespace trailwarden
