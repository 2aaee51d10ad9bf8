#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "core/time.h"

namespace trailwarden::testing {

/// Virtual time. It moves only in `advance`, which does on the way what is due, in order of time and then of scheduling.
class SimClock {
 public:
  static constexpr AppendTime kStart{std::chrono::milliseconds{1'767'225'600'000}};  // 2026-01-01T00:00:00Z

  AppendTime now() const { return now_; }
  std::chrono::milliseconds since_start() const { return now_ - kStart; }

  void at(AppendTime when, std::function<void()> what) { due_.emplace(std::pair(when, ++scheduled_), std::move(what)); }

  /// May be called from what is due: then the outer call goes on from wherever time got to.
  void advance(std::chrono::milliseconds duration) {
    const AppendTime end = now_ + duration;
    while (!due_.empty() && due_.begin()->first.first <= end) {
      auto event = due_.extract(due_.begin());
      now_ = std::max(now_, event.key().first);
      event.mapped()();
    }
    now_ = std::max(now_, end);
  }

 private:
  AppendTime now_ = kStart;
  std::uint64_t scheduled_ = 0;
  std::map<std::pair<AppendTime, std::uint64_t>, std::function<void()>> due_;
};

}  // namespace trailwarden::testing
