#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "core/time.h"
#include "ingest/buffer_pool.h"
#include "ingest/byte_source.h"
#include "ingest/feed.h"
#include "ingest/folder_file.h"
#include "ingest/folder_notifier.h"
#include "ingest/folder_reading.h"
#include "ingest/folder_table.h"
#include "stream/embedded_input.h"

namespace trailwarden::ingest {

struct FolderWatcherOptions {
  std::string folder;
  std::size_t max_document_bytes = std::size_t{256} << 20;  // of one document or line, inflated
  std::chrono::milliseconds settle{2000};                   // without change, then a file that nobody closed is whole
  std::chrono::milliseconds rescan{60'000};                 // to see what no notice told, and which files are gone
  std::chrono::milliseconds rescan_unwatched{1000};         // the same where there are no notices
};

/// The files of a folder and the folders below it, those that are there and those that come, each once.
///
/// - A file whose name ends in `.jsonl` or `.ndjson` grows: its whole lines are taken as they come, also after it was
///   renamed. A last line without newline waits, or is taken when nothing was written for `settle` and it is a whole
///   JSON value. Cut or replaced, it is read from its beginning.
/// - Any other (JSON documents, gzip, tar; what `FileSource` reads) is taken when it was renamed to its place, closed
///   after writing, or not changed for `settle`; and again, from its beginning, if it changes later.
/// - Hidden files and folders, names that end in `.tmp`, `.part`, `.partial` or `~`, and symbolic links are left alone:
///   what a link leads to is read where it is, or is not ours to read.
/// - What cannot be read is a message with a fault, once until it changes.
///
/// Order: of what is found at one time, by CloudTrail's stamp in the name and then by path; without a stamp first.
/// Messages of a stamped file carry the stamp as append time, others none. A file is known again after a restart by its
/// inode, size and time, or path, size and time. When it is gone from the folder, it is forgotten.
///
/// Memory: 250 bytes for each file in the folder, 200 for each that waits; one file is open at a time. Clock: the
/// system's decides when a file is taken, never what is made of it. Threads: as `stream::InputSource` says.
class FolderWatcher final : public stream::InputSource {
 public:
  /// kNotFound or kIo if the folder cannot be looked into.
  static Result<std::unique_ptr<FolderWatcher>> open(FolderWatcherOptions options);

  void restore(std::int64_t source, std::string_view state) override;
  Result<void> poll(std::chrono::milliseconds wait, stream::InputBatch& input) override;
  std::string trouble() const override;
  void wake() override { notifier_.wake(); }

 private:
  using Clock = std::chrono::steady_clock;

  /// Where a file stands among those that wait.
  struct Place {
    Timestamp stamp;
    std::string path;  // below the folder
    auto operator<=>(const Place&) const = default;
  };
  /// A file that somebody may still be writing.
  struct Unsettled {
    FileIdentity identity;
    Clock::time_point due;
  };
  enum class Sign : std::uint8_t { kSeen, kComplete, kQuiet };  // what is known of who writes it

  FolderWatcher(FolderWatcherOptions options, std::uint64_t device) : options_(std::move(options)), device_(device) {}

  // Looking.
  void look();
  void take_notices();
  void scan_all();
  bool scan(const std::string& below);
  bool list(const std::string& prefix, std::vector<std::string>& folders);
  void forget_gone();
  void look_at_unsettled();
  void examine(const std::string& path, Sign sign);
  void examine_growing(const std::string& path, const FileIdentity& identity, FolderFile* known, Sign sign);
  void examine_whole(const std::string& path, const FileIdentity& identity, FolderFile* known, Sign sign,
                     std::int64_t status_ns);
  void wait_to_settle(const std::string& path, const FileIdentity& identity);
  bool is_old(const FileIdentity& identity) const;
  void enqueue(const std::string& path, bool quiet);

  // Reading.
  void read(stream::InputBatch& input);
  bool open_next(stream::InputBatch& input);
  void open_file(const std::string& path, bool quiet, stream::InputBatch& input);
  bool stand_where_known(FolderFile& file);
  void refuse(const std::string& path, FolderFile file, std::int64_t status_ns, const Error& error,
              stream::InputBatch& input);
  void give(const Slice& slice, stream::InputBatch& input);
  void finish(stream::InputBatch& input);
  void keep(const FolderFile& file, stream::InputBatch& input);

  Clock::time_point next_look() const;
  std::string full(std::string_view path) const { return options_.folder + std::string(path); }
  void set_trouble(std::string what);

  const FolderWatcherOptions options_;  // the folder ends with a slash
  const std::uint64_t device_;
  FolderNotifier notifier_;
  FolderTable table_;
  std::vector<FolderNotice> notices_;
  std::uint64_t scan_ = 0;
  struct Look {
    Clock::time_point steady;
    std::chrono::system_clock::time_point wall;
  } looked_;  // when the last one began
  std::optional<Clock::time_point> next_scan_;
  std::unordered_map<std::string, Unsettled> unsettled_;
  std::map<Place, bool> now_, later_;  // the round that is read, and the next one; whether quiet
  std::vector<std::int64_t> forgotten_;

  ReadTools tools_;
  BatchBuilder builder_;
  std::string path_;  // of what is open
  std::unique_ptr<FolderReading> reading_;
  std::uint64_t counted_ = 0;  // of its bytes, in batches
  bool told_drained_ = false;

  mutable std::mutex mutex_;  // of what follows
  std::string trouble_;
};

}  // namespace trailwarden::ingest
