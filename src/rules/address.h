#pragma once

#include <optional>
#include <string_view>

#include "rules/leaf_test.h"

namespace trailwarden::rules {

/// A literal address, as a block of one: four decimal parts, or IPv6 in hexadecimal groups. An IPv6 spelling of an IPv4 address (`::ffff:a00:1`) is that IPv4
/// address; the dotted form of it is no address here (spec/event-patterns.md section 6).
std::optional<AddressBlock> parse_address(std::string_view text);

/// Clears the bits of the address behind the block's own.
void clear_host_bits(AddressBlock& block);

/// Whether `address` (a block of one) lies in the block. Families are never mixed.
bool contains(const AddressBlock& block, const AddressBlock& address);

}  // namespace trailwarden::rules
