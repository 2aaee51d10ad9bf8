#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "generate/principal.h"

namespace trailwarden::generate {

/// One account: where it works, when its people work, who calls in it.
struct Account {
  struct Region {
    std::string_view name;
    double share;  // of the account's calls to APIs that every Region has
  };

  std::string id;
  std::array<Region, 3> regions;  // a busy one, a middle one, a quiet one; us-east-1 among them
  std::chrono::hours utc_offset{};
  std::vector<Principal> principals;
  std::size_t root = 0;      // index into principals
  std::size_t deployer = 0;  // the deployment role's

  Timestamp local(Timestamp time) const { return time + utc_offset; }

  /// The index of the Region that records the calls of global services.
  std::size_t global_region() const;

  /// The principals of a kind; of services only the one of that name.
  std::vector<std::uint16_t> callers(const Api& api) const;
};

/// The account with this number, 0 <= number < 100.
Account make_account(std::uint64_t seed, std::size_t number);

}  // namespace trailwarden::generate
