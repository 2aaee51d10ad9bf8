#pragma once

#include <chrono>
#include <cstdint>
#include <thread>

namespace trailwarden::app {

/// Keeps to so many a second, in the mean; 0: to none.
class Pace {
 public:
  explicit Pace(double per_second) : per_second_(per_second) {}

  void take() {
    if (per_second_ <= 0) return;
    const auto due = begin_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(static_cast<double>(taken_++) / per_second_));
    if (due > Clock::now() + kSlack) std::this_thread::sleep_until(due);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kSlack{2};
  const double per_second_;
  const Clock::time_point begin_ = Clock::now();
  std::uint64_t taken_ = 0;
};

}  // namespace trailwarden::app
