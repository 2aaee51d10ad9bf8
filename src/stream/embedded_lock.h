#pragma once

#include <string>
#include <utility>

#include "core/result.h"

namespace trailwarden::stream {

/// Holds `PATH.lock` as long as it lives, so that one process only works on PATH. The kernel lets go of it when the
/// process ends, however it ends; the file itself stays, and names the last holder.
class ProcessLock {
 public:
  /// kIo, with the number of the process that holds it.
  static Result<ProcessLock> take(const std::string& path);
  ~ProcessLock();
  ProcessLock(ProcessLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  ProcessLock& operator=(ProcessLock&&) = delete;

 private:
  explicit ProcessLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace trailwarden::stream
