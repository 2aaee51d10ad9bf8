#pragma once

#include <chrono>
#include <thread>

#include "trail/object_store.h"

namespace trailwarden::trail {

/// What `ask()` of a store gives; asked again up to five times while it says `kNotNow`, the waits between doubling from 0.1 s.
template <class Ask>
auto patiently(Ask ask) {
  constexpr int kTries = 5;
  std::chrono::milliseconds wait{100};
  for (int tries = 1;; ++tries, wait *= 2) {
    auto answer = ask();
    if (answer || answer.error().fault != StoreFault::kNotNow || tries == kTries) return answer;
    std::this_thread::sleep_for(wait);
  }
}

/// For those who give up: the same error, as a `Result` has it.
inline Error to_error(StoreError error) { return {error.fault == StoreFault::kNotFound ? ErrorCode::kNotFound : ErrorCode::kIo, std::move(error.message)}; }

}  // namespace trailwarden::trail
