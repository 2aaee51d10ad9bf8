#include "core/read_file.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace trailwarden {
namespace {

constexpr std::size_t kPiece = 64 << 10;  // of what has no size, as a pipe

Result<std::string> read_opened(int file, const std::string& path, std::size_t most) {
  struct stat about {};
  if (::fstat(file, &about) != 0) return fail(io_error("read", path, errno));
  if (S_ISDIR(about.st_mode)) return fail(io_error("read", path, EISDIR));
  const std::size_t expected = S_ISREG(about.st_mode) ? static_cast<std::size_t>(about.st_size) : 0;
  std::string text;
  while (text.size() <= most) {
    // One byte more than it should have: whether it has grown meanwhile, or has ended, is known by the same call.
    const std::size_t before = text.size(), piece = before < expected ? expected - before + 1 : std::max(before, expected == 0 ? kPiece : 1);
    text.resize(before + std::min(piece, most + 1 - before));
    const ssize_t got = ::read(file, text.data() + before, text.size() - before);
    const int error = errno;
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && error != EINTR) return fail(io_error("read", path, error));
    if (got == 0) return text;
  }
  return text;
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t most) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (file < 0) return fail(io_error("open", path, errno));
  auto text = read_opened(file, path, most);
  ::close(file);
  return text;
}

}  // namespace trailwarden
