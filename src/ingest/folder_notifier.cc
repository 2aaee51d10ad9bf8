#include "ingest/folder_notifier.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/check.h"
#include "core/log.h"

namespace trailwarden::ingest {
namespace {

constexpr std::uint32_t kWanted =
    IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;

}  // namespace

FolderNotifier::FolderNotifier()
    : inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)), event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  TRAILWARDEN_CHECK(event_ >= 0, "a descriptor is left for an eventfd");
  if (inotify_ < 0) log::warn("ingest.no_inotify", {{"error", std::strerror(errno)}});
}

FolderNotifier::~FolderNotifier() {
  if (inotify_ >= 0) ::close(inotify_);
  ::close(event_);
}

void FolderNotifier::watch(const std::string& prefix) {
  if (inotify_ < 0) return;
  const int watch = ::inotify_add_watch(inotify_, prefix.c_str(), kWanted);
  if (watch >= 0) {
    prefixes_[watch] = prefix;
    return;
  }
  if (errno == ENOENT || errno == ENOTDIR || refused_) return;
  refused_ = true;
  log::warn("ingest.folder_not_watched", {{"folder", prefix}, {"error", std::strerror(errno)}});
}

bool FolderNotifier::wait(std::chrono::milliseconds wait) {
  std::array<pollfd, 2> descriptors{{{event_, POLLIN, 0}, {inotify_, POLLIN, 0}}};
  ::poll(descriptors.data(), inotify_ >= 0 ? 2 : 1,
         static_cast<int>(std::clamp<std::int64_t>(wait.count(), 0, 60'000)));
  std::uint64_t count = 0;
  return ::read(event_, &count, sizeof count) == sizeof count;
}

void FolderNotifier::take(std::vector<FolderNotice>& notices) {
  if (inotify_ < 0) return;
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;
  while (true) {
    const ssize_t size = ::read(inotify_, buffer.data(), buffer.size());
    if (size <= 0) return;
    for (const char* at = buffer.data(); at < buffer.data() + size;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      take_event(event.mask, event.wd, at + sizeof event, notices);
      at += sizeof event + event.len;
    }
  }
}

void FolderNotifier::take_event(std::uint32_t mask, int watch, const char* name, std::vector<FolderNotice>& notices) {
  using Kind = FolderNotice::Kind;
  if ((mask & IN_Q_OVERFLOW) != 0) return notices.push_back({Kind::kLost, {}});
  if ((mask & IN_IGNORED) != 0) {
    prefixes_.erase(watch);
    return;
  }
  const auto prefix = prefixes_.find(watch);
  if (prefix == prefixes_.end()) return;
  if ((mask & IN_ISDIR) != 0) {
    if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0) notices.push_back({Kind::kFolder, prefix->second + name});
    return;
  }
  if ((mask & (IN_DELETE | IN_MOVED_FROM)) != 0) return;
  const bool complete = (mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0;
  notices.push_back({complete ? Kind::kComplete : Kind::kChanged, prefix->second + name});
}

void FolderNotifier::wake() {
  const std::uint64_t one = 1;
  static_cast<void>(::write(event_, &one, sizeof one) < 0);
}

}  // namespace trailwarden::ingest
