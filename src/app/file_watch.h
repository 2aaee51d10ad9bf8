#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace trailwarden::app {

/// Notices that files were changed, added or removed, by their names, sizes and modification times. Cost of a look: a system call for each file. Not thread-safe.
///
/// Why not inotify: a mounted ConfigMap changes by a link far above the file, and network file systems say nothing.
class FileWatch {
 public:
  /// What is there now is known.
  explicit FileWatch(const std::vector<std::string>& files) : known_(look_at(files)), last_(known_) {}

  /// Whether they are others than those that are known, and the same as at the look before: somebody who is still writing is not interrupted. Then they are known.
  bool have_changed(const std::vector<std::string>& files);

 private:
  using Look = std::map<std::string, std::pair<std::filesystem::file_time_type, std::uintmax_t>>;  // time and size; of what is gone, nothing
  static Look look_at(const std::vector<std::string>& files);

  Look known_, last_;
};

}  // namespace trailwarden::app
