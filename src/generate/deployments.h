#pragma once

#include <cstdint>
#include <vector>

#include "core/time.h"
#include "generate/account.h"
#include "generate/call.h"
#include "generate/random.h"

namespace trailwarden::generate {

/// The deployments of one account: a few a week, in office hours, each touching many APIs that write for some minutes, all by the
/// deployment role. They mean no harm, and nobody announces them.
class Deployments {
 public:
  Deployments(std::uint64_t seed, const Account& account, std::uint16_t number);

  /// Appends the calls of those that begin within [hour, hour + 1 h). Call it hour after hour.
  void append_hour(Timestamp hour, std::vector<Call>& out);

 private:
  void deploy(Timestamp start, std::vector<Call>& out);

  const Account* account_;
  std::uint16_t number_;
  std::vector<std::uint16_t> apis_;  // those that deployments touch
  Random random_;
};

}  // namespace trailwarden::generate
