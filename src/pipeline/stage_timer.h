#pragma once

#include <chrono>

#include "pipeline/worker.h"

namespace trailwarden::pipeline {

/// Tells an observer how long something took, once it is over. For metrics only: no judgement sees this clock.
class StageTimer {
 public:
  StageTimer(WorkerObserver& observer, Stage stage) : observer_(observer), stage_(stage) {}
  ~StageTimer() { observer_.staged(stage_, std::chrono::steady_clock::now() - start_); }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  WorkerObserver& observer_;
  const Stage stage_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace trailwarden::pipeline
