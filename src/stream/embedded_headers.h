#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trailwarden::stream {

/// Headers of a message as a column keeps them.
std::string encode_headers(const std::vector<std::pair<std::string, std::string>>& headers);

/// Views into `bytes`. What was not written by `encode_headers` gives fewer of them.
std::vector<std::pair<std::string_view, std::string_view>> decode_headers(std::string_view bytes);

}  // namespace trailwarden::stream
