#pragma once

#include <cstddef>

#include "stream/log.h"

namespace trailwarden::pipeline {

/// How many bytes of value still fit into a message of `max_message` bytes beside its key, its headers, those that its commit adds, and the framing.
std::size_t room_for_value(const stream::Outgoing& message, std::size_t max_message);

/// Leaves the first bytes of a value that does not fit, and says so in headers: `fullBytes`, and `fullHash`, XXH3-64 of the whole. For what is kept byte for byte; a
/// pure function of the message.
void cut_to_fit(stream::Outgoing& message, std::size_t max_message);

}  // namespace trailwarden::pipeline
