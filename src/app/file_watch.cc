#include "app/file_watch.h"

#include <utility>

namespace trailwarden::app {

namespace fs = std::filesystem;

FileWatch::Look FileWatch::look_at(const std::vector<std::string>& files) {
  Look out;
  for (const std::string& file : files) {
    std::error_code error;
    const auto time = fs::last_write_time(file, error);
    const std::uintmax_t size = error ? 0 : fs::file_size(file, error);
    if (!error) out.emplace(file, std::pair(time, size));
  }
  return out;
}

bool FileWatch::have_changed(const std::vector<std::string>& files) {
  Look now = look_at(files);
  const bool is_settled = now == last_, is_new = now != known_;
  last_ = std::move(now);
  if (is_settled && is_new) known_ = last_;
  return is_settled && is_new;
}

}  // namespace trailwarden::app
