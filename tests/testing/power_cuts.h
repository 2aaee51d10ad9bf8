#pragma once

#include <cstdint>
#include <string_view>

#include "core/failpoint.h"

namespace trailwarden::testing {

/// Thrown where the power goes out.
struct PowerCut {};

/// Power that goes out at failpoints of this thread (`core/failpoint.h`). One at a time.
class PowerCuts {
 public:
  PowerCuts() {
    failpoint::set_hook([this](std::string_view) {
      if (left_ > 0 && --left_ == 0) throw PowerCut{};
    });
  }
  ~PowerCuts() { failpoint::set_hook({}); }
  PowerCuts(const PowerCuts&) = delete;
  PowerCuts& operator=(const PowerCuts&) = delete;

  /// At the n-th failpoint from now on; 0: not any more.
  void after(std::uint64_t failpoints) { left_ = failpoints; }

 private:
  std::uint64_t left_ = 0;
};

}  // namespace trailwarden::testing
