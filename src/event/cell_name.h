#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/hash.h"

namespace trailwarden::event {

/// ACCOUNT/REGION: what names a cell wherever it goes, and the key of its Kafka records.
inline std::string cell_name(std::string_view account, std::string_view region) {
  std::string name;
  name.reserve(account.size() + 1 + region.size());
  return name.append(account).append("/").append(region);
}

/// XXH3-64 of that: which of a replay's shards a cell belongs to, and what it is looked up by. Cells whose hashes are equal are told apart by their names.
inline std::uint64_t cell_hash(std::string_view name) { return xxh3_64(name); }
inline std::uint64_t cell_hash(std::string_view account, std::string_view region) { return cell_hash(cell_name(account, region)); }

}  // namespace trailwarden::event
