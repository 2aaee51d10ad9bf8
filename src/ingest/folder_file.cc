#include "ingest/folder_file.h"

#include <sys/stat.h>

#include <utility>

#include "core/bytes.h"

namespace trailwarden::ingest {
namespace {

constexpr std::uint8_t kFormat = 1;

}  // namespace

FileIdentity FileIdentity::of(const struct stat& status, std::uint64_t folder_device) {
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  return {.device = status.st_dev == folder_device ? 0 : status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified_ns = status.st_mtim.tv_sec * kNanoseconds + status.st_mtim.tv_nsec};
}

std::string encode(const FolderFile& file, std::string_view path) {
  ByteWriter out;
  out.number(kFormat);
  out.text(path);
  out.number(file.identity.device);
  out.number(file.identity.inode);
  out.number(file.identity.size);
  out.signed_number(file.identity.modified_ns);
  out.number(file.path_hash);
  out.flag(file.grows);
  out.flag(file.done);
  out.signed_number(file.refused_ns);
  out.number(file.member);
  out.number(file.position);
  out.number(file.before_bytes);
  out.number(file.before_hash);
  return std::move(out).bytes();
}

std::optional<FolderFile> decode_folder_file(std::int64_t id, std::string_view state) {
  ByteReader in(state);
  if (in.number<std::uint8_t>() != kFormat) return std::nullopt;
  in.text();
  FolderFile file;
  file.id = id;
  file.identity.device = in.number<std::uint64_t>();
  file.identity.inode = in.number<std::uint64_t>();
  file.identity.size = in.number<std::uint64_t>();
  file.identity.modified_ns = in.signed_number();
  file.path_hash = in.number<std::uint64_t>();
  file.grows = in.flag();
  file.done = in.flag();
  file.refused_ns = in.signed_number();
  file.member = in.number<std::uint32_t>();
  file.position = in.number<std::uint64_t>();
  file.before_bytes = in.number<std::uint32_t>();
  file.before_hash = in.number<std::uint64_t>();
  if (!in.finish()) return std::nullopt;
  return file;
}

}  // namespace trailwarden::ingest
