#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/result.h"
#include "ingest/byte_source.h"
#include "ingest/document_stream.h"
#include "ingest/feed.h"
#include "ingest/folder_file.h"

namespace trailwarden::ingest {

/// One file of a watched folder that is being read, from where its `FolderFile` stands.
class FolderReading {
 public:
  virtual ~FolderReading() = default;

  /// The next slice; `sender` and `file` then say whose it is and where the file stands behind it. False at the end.
  virtual bool next(Slice& slice) = 0;

  Sender& sender() { return *sender_; }
  FolderFile& file() { return file_; }
  /// Bytes taken so far from where the file is stored.
  virtual std::uint64_t taken() const = 0;
  /// Whether there is more behind what is given, which is not ready.
  virtual bool leaves_something() const { return false; }

 protected:
  explicit FolderReading(FolderFile file) : file_(file) {}

  FolderFile file_;
  std::unique_ptr<Sender> sender_;
};

struct FolderReadingOptions {
  std::string name;  // the path to open, and what messages call the file
  std::size_t max_document_bytes = std::size_t{256} << 20;
  std::uint64_t folder_device = 0;
};

/// A file that is read once, as `FileSource` reads it: a document, an archive, packed or not. kNotFound or kIo if it
/// cannot be opened; kNotFound also if it was replaced meanwhile. `tools` outlives it.
Result<std::unique_ptr<FolderReading>> read_whole(FolderFile file, FolderReadingOptions options, ReadTools& tools);

/// A file of lines that grows: its whole lines from where it stands to its present end. `quiet`: nothing is being
/// written to it at present, so a last line without a newline is taken too, if it is a whole JSON value. If it is not
/// what it was, by size or by the bytes before the position, it is read from its beginning.
Result<std::unique_ptr<FolderReading>> read_growing(FolderFile file, FolderReadingOptions options, bool quiet,
                                                    ReadTools& tools);

}  // namespace trailwarden::ingest
