#include "core/read_file.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

namespace trailwarden {

Result<std::string> read_file(const std::string& path, std::size_t most) {
  constexpr std::size_t kPiece = 64 << 10;
  if (std::error_code ignored; std::filesystem::is_directory(path, ignored)) return fail(io_error("read", path, EISDIR));
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(io_error("open", path, errno));
  std::string text;
  // Piece by piece: a pipe has no size.
  while (file && text.size() <= most) {
    const std::size_t before = text.size(), piece = std::min(std::max(before, kPiece), most + 1 - before);
    text.resize(before + piece);
    file.read(text.data() + before, static_cast<std::streamsize>(piece));
    text.resize(before + static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) return fail(io_error("read", path, errno));
  return text;
}

}  // namespace trailwarden
