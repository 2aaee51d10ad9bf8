#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "ingest/folder_file.h"

namespace trailwarden::ingest {

/// The files of a watched folder that were read, wholly or in part. A file is known by its inode, and so when it is
/// renamed; and by its path, size and time, and so when the folder was copied to another disk. About 250 bytes a file.
class FolderTable {
 public:
  /// The file with that inode, or else the one that was last at that path and may have moved to another inode; null if
  /// there is neither. Valid until the next `put` or `erase`.
  FolderFile* find(const FileIdentity& identity, std::uint64_t path_hash);

  bool has_path(std::uint64_t path_hash) const { return by_path_.contains(path_hash); }

  /// Adds or replaces. An id of 0 is replaced by a new one.
  FolderFile& put(FolderFile file);
  void erase(std::int64_t id);

  /// Ids of files that were not seen by scan number `scan` or later, ascending.
  std::vector<std::int64_t> unseen_since(std::uint64_t scan) const;
  std::size_t size() const { return files_.size(); }

 private:
  static std::uint64_t key(const FileIdentity& identity);
  void unlink(const FolderFile& file);

  std::unordered_map<std::int64_t, FolderFile> files_;
  std::unordered_map<std::uint64_t, std::int64_t> by_inode_, by_path_;
  std::int64_t last_id_ = 0;
};

}  // namespace trailwarden::ingest
