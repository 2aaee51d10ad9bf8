#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace trailwarden::ingest {

/// What the kernel says of the folders that are watched.
struct FolderNotice {
  enum class Kind : std::uint8_t {
    kChanged,   // a file is there, or there is more in it
    kComplete,  // a file was closed after writing, or moved here
    kFolder,    // a folder was made or moved here: look at what is in it
    kLost,      // notices were lost: look at everything
  };
  Kind kind = Kind::kChanged;
  std::string path;
};

/// Watches folders (not what is below them) by inotify, and waits for what happens there or for `wake`. Where there is
/// no inotify, or no more of it (fs.inotify.max_user_watches), it only waits: `complete` says which.
///
/// Threads: one, except `wake`.
class FolderNotifier {
 public:
  FolderNotifier();
  ~FolderNotifier();
  FolderNotifier(const FolderNotifier&) = delete;
  FolderNotifier& operator=(const FolderNotifier&) = delete;

  /// Watches a folder from now on; `prefix` is its path with a slash. Once is enough; a folder that was renamed is told
  /// again.
  void watch(const std::string& prefix);
  /// Whether everything that was to be watched is.
  bool complete() const { return inotify_ >= 0 && !refused_; }

  /// Waits until something happened, `wake` was called, or `wait` is over. Gives whether `wake` was called.
  bool wait(std::chrono::milliseconds wait);
  /// Appends what happened since the last call.
  void take(std::vector<FolderNotice>& notices);

  /// Makes a waiting `wait` return, or else the next one. Any thread.
  void wake();

 private:
  void take_event(std::uint32_t mask, int watch, const char* name, std::vector<FolderNotice>& notices);

  int inotify_ = -1, event_ = -1;
  bool refused_ = false;
  std::unordered_map<int, std::string> prefixes_;  // by watch
};

}  // namespace trailwarden::ingest
