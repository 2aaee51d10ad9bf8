#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "trail/object_store.h"

namespace trailwarden::trail {

/// A trail's objects as files below a folder: the object of key `AWSLogs/...` is the file of that path, and nothing but its bytes. What is beside the
/// objects lies in `.trailwarden`, which is no part of any key: `metadata/KEY` (a JSON object) for each object, `new/` for what is being written,
/// `lock`. A file that somebody else put there is an object without metadata.
///
/// An object is written and synced under another name and then linked to its own, which never replaces anything, after its metadata and before the
/// folders above it are synced: true from `put` means that it survives a power cut. Several processes may write to one folder. What a crash leaves in
/// `new/` is seen by nobody and removed by the first `open` an hour later.
///
/// Faults: a disk that is full, read-only, not ours or broken is kRefused, by the name of its errno; want of descriptors or memory kNotNow.
/// Cost: two files are written and synced for an object, one at a time across all writers linked; 4 to 8 ms on a shared SSD. Thread-safe.
/// Time: the wall clock, only for what is left over.
/// Why metadata are files: docs/decisions/0018-stores.md.
class FolderStore final : public ObjectStore {
 public:
  /// Makes the folder and those above it if they are not there. kIo if it cannot be written.
  static Result<std::unique_ptr<FolderStore>> open(const std::string& path);

  /// One that is there, to be read: nothing is made or tried out, so that evidence may lie on a file system that cannot be written. kNotFound.
  static Result<std::unique_ptr<FolderStore>> open_to_read(const std::string& path);

  StoreResult<bool> put(const NewObject& object) override;
  StoreResult<StoredObject> get(std::string_view key) override;
  StoreResult<ObjectMetadata> head(std::string_view key) override;

  /// Reads the folders that may have such keys, each whole. Symbolic links are passed over.
  StoreResult<std::vector<ListedObject>> list(std::string_view prefix, std::string_view after) override;
  /// Reads that folder, and of each below it as much as says that there is an object.
  StoreResult<ListedFolder> list_folder(std::string_view prefix) override;

  std::string name() const override { return root_; }
  std::string bucket() const override;

 private:
  explicit FolderStore(std::string root) : root_(std::move(root)) {}

  StoreResult<void> make_folders_of(const std::string& file);
  StoreResult<void> make_folder(const std::string& folder);
  void forget_folders();
  StoreResult<bool> link_unless_there(std::string_view key, const std::string& bytes_at, const std::string& metadata_at);
  std::string path_of(std::string_view key) const { return root_ + "/" + std::string(key); }
  std::string metadata_path_of(std::string_view key) const;
  StoreResult<ObjectMetadata> metadata_of(std::string_view key) const;

  std::string root_;  // absolute
  std::mutex mutex_;
  std::set<std::string> synced_;  // folders that are there for good; under mutex_
};

}  // namespace trailwarden::trail
