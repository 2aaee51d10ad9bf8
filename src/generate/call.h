#pragma once

#include <cstdint>

#include "core/time.h"

namespace trailwarden::generate {

/// One call of an API, before it is a record: who, what, where, when. All the rest of the record follows from `seed`, so a call
/// that is delivered twice gives the same bytes twice.
///
/// Size: 32 bytes, so that hours of traffic fit memory easily.
struct Call {
  Timestamp time{};
  std::uint64_t seed = 0;
  std::uint16_t account = 0;    // index into the accounts
  std::uint16_t region = 0;     // index into the account's Regions
  std::uint16_t api = 0;        // index into the catalogue
  std::uint16_t principal = 0;  // index into the account's principals
  bool failed = false;

  bool operator==(const Call&) const = default;
};

}  // namespace trailwarden::generate
