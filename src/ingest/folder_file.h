#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct stat;

namespace trailwarden::ingest {

/// What tells a file from others and from what it was before.
struct FileIdentity {
  std::uint64_t device = 0;  // 0: the watched folder's own, whose number may be another after a reboot
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;

  static FileIdentity of(const struct stat& status, std::uint64_t folder_device);
  /// Whether it has the same content, as far as that can be told from outside.
  bool same_content(const FileIdentity& other) const { return size == other.size && modified_ns == other.modified_ns; }
  bool operator==(const FileIdentity&) const = default;
};

/// A file of the watched folder, and how far it was read.
struct FolderFile {
  std::int64_t id = 0;
  FileIdentity identity;
  std::uint64_t path_hash = 0;     // XXH3-64 of its path below the folder
  bool grows = false;              // lines are added to it, and taken as they come
  bool done = false;               // read to its end, or given up; of one that does not grow
  std::int64_t refused_ns = 0;     // when it could not be read: its status change time then
  std::uint32_t member = 0;        // of an archive: this one is next, or was begun
  std::uint64_t position = 0;      // in that, inflated: everything before was given
  std::uint32_t before_bytes = 0;  // of one that grows: so many bytes before `position` ...
  std::uint64_t before_hash = 0;   // ... have this XXH3-64: what tells whether it is still the same file

  // Not kept: only this process's own looking.
  std::uint64_t looked = 0;   // its size when there was nothing more to take
  bool looked_quiet = false;  // and that was not for an unfinished line
  std::uint64_t seen = 0;     // number of the last scan that saw it

  bool operator==(const FolderFile&) const = default;
};

/// What is kept of it. The path is for people.
std::string encode(const FolderFile& file, std::string_view path);
/// nullopt if another version wrote it.
std::optional<FolderFile> decode_folder_file(std::int64_t id, std::string_view state);

}  // namespace trailwarden::ingest
