#include "stream/embedded_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace trailwarden::stream {
namespace {

std::string holder(int descriptor) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  std::string pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  pid.resize(std::min(pid.find('\n'), pid.size()));
  return pid.empty() ? "another process" : "process " + pid;
}

}  // namespace

Result<ProcessLock> ProcessLock::take(const std::string& path) {
  const std::string file = path + ".lock";
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return fail(io_error("open", file, errno));
  ProcessLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(io_error("lock", file, errno));
    return fail(ErrorCode::kIo, path + " is in use by " + holder(descriptor) +
                                    "; stop that one first, or give this one a file of its own");
  }
  // Nobody needs the number to work, so a full disk does not matter here.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(descriptor, 0) == 0) static_cast<void>(::pwrite(descriptor, pid.data(), pid.size(), 0) < 0);
  return lock;
}

ProcessLock::~ProcessLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace trailwarden::stream
