#include "ingest/folder_table.h"

#include <algorithm>

#include "core/hash.h"

namespace trailwarden::ingest {

std::uint64_t FolderTable::key(const FileIdentity& identity) {
  return splitmix64(splitmix64(identity.device) + identity.inode);
}

FolderFile* FolderTable::find(const FileIdentity& identity, std::uint64_t path_hash) {
  if (const auto same = by_inode_.find(key(identity)); same != by_inode_.end()) return &files_.at(same->second);
  const auto there = by_path_.find(path_hash);
  if (there == by_path_.end()) return nullptr;
  FolderFile& file = files_.at(there->second);
  // A file that grows shows by its content whether it is the same; any other one by size and time.
  return file.grows || file.identity.same_content(identity) ? &file : nullptr;
}

FolderFile& FolderTable::put(FolderFile file) {
  if (file.id == 0) file.id = last_id_ + 1;
  last_id_ = std::max(last_id_, file.id);
  if (const auto before = files_.find(file.id); before != files_.end()) unlink(before->second);
  by_inode_[key(file.identity)] = file.id;
  by_path_[file.path_hash] = file.id;
  return files_[file.id] = file;
}

void FolderTable::erase(std::int64_t id) {
  const auto found = files_.find(id);
  if (found == files_.end()) return;
  unlink(found->second);
  files_.erase(found);
}

void FolderTable::unlink(const FolderFile& file) {
  const auto drop = [&file](auto& index, std::uint64_t at) {
    const auto found = index.find(at);
    if (found != index.end() && found->second == file.id) index.erase(found);
  };
  drop(by_inode_, key(file.identity));
  drop(by_path_, file.path_hash);
}

std::vector<std::int64_t> FolderTable::unseen_since(std::uint64_t scan) const {
  std::vector<std::int64_t> ids;
  for (const auto& [id, file] : files_)
    if (file.seen < scan) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace trailwarden::ingest
