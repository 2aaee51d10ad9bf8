#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/result.h"
#include "ingest/byte_source.h"

namespace trailwarden::ingest {

/// A file without a name in $TMPDIR (else /tmp), gone when it is closed or the process ends. Appended to, and read at
/// any place.
class TemporaryFile {
 public:
  /// kIo with the folder.
  static Result<TemporaryFile> create();

  /// kIo, for example when the disk is full.
  Result<void> append(std::string_view bytes);
  std::uint64_t size() const { return size_; }

  /// For reading; stays open as long as it is held.
  const std::shared_ptr<InputFile>& file() const { return file_; }

 private:
  TemporaryFile(int descriptor, std::shared_ptr<InputFile> file) : descriptor_(descriptor), file_(std::move(file)) {}

  int descriptor_;  // owned by the file
  std::shared_ptr<InputFile> file_;
  std::uint64_t size_ = 0;
};

}  // namespace trailwarden::ingest
