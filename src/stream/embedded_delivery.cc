#include "stream/embedded_delivery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "core/failpoint.h"
#include "core/log.h"

namespace trailwarden::stream {
namespace {

constexpr std::size_t kPageBytes = std::size_t{1} << 20;

Result<void> write_at(int descriptor, std::string_view bytes, std::uint64_t position, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(position));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(io_error("write", path, errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
    position += static_cast<std::uint64_t>(written);
  }
  return {};
}

/// Makes a file's name last, not only its bytes.
Result<void> sync_folder_of(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return fail(io_error("open", folder, errno));
  const int synced = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  // Some file systems cannot sync a folder, and do not need it.
  if (synced != 0 && error != EINVAL) return fail(io_error("sync", folder, error));
  return {};
}

}  // namespace

LineDelivery::~LineDelivery() { close(); }

void LineDelivery::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

Result<void> LineDelivery::open() {
  auto record = store_->delivered(topic_);
  if (!record) return fail(std::move(record).error());
  if (*record) done_ = **record;
  if (auto placed = place(); !placed) return placed;
  if (auto written = catch_up(); !written) return written;
  return cut_behind();
}

Result<void> LineDelivery::catch_up() {
  std::string lines;
  while (behind()) {
    if (auto placed = place(); !placed) return placed;
    lines.clear();
    auto next = store_->each_value(topic_, done_.next_offset, [&lines](std::string_view value) {
      lines.append(value).push_back('\n');
      return lines.size() < kPageBytes;
    });
    if (!next) return fail(std::move(next).error());
    if (auto written = write(lines); !written) return written;
    failpoint::hit("embedded_before_delivered");
    auto done = done_;
    done.next_offset = *next;
    done.position += lines.size();
    if (auto kept = store_->put_delivered(topic_, done); !kept) return kept;
    done_ = done;
  }
  return {};
}

/// Sees to it that `descriptor_` is the file that has the name, and `done_` says where to go on in it.
Result<void> LineDelivery::place() {
  struct stat named {
  }, ours{};
  const bool exists = ::stat(path_.c_str(), &named) == 0;
  if (exists && descriptor_ >= 0 && ::fstat(descriptor_, &ours) == 0 && ours.st_ino == named.st_ino &&
      ours.st_dev == named.st_dev && static_cast<std::uint64_t>(ours.st_size) >= done_.position)
    return {};
  close();
  const int descriptor = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return fail(io_error("open", path_, errno));
  auto adopted = adopt(descriptor);
  if (adopted)
    descriptor_ = descriptor;
  else
    ::close(descriptor);
  return adopted;
}

/// Goes on where the record says, if this is the file that it speaks of; else behind what there is.
Result<void> LineDelivery::adopt(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return fail(io_error("look at", path_, errno));
  auto size = static_cast<std::uint64_t>(status.st_size);
  if (done_.inode == status.st_ino && size >= done_.position) return {};
  if (size > 0) {
    char last = '\0';
    if (::pread(descriptor, &last, 1, static_cast<off_t>(size - 1)) != 1) return fail(io_error("read", path_, errno));
    if (last != '\n') {
      if (auto ended = write_at(descriptor, "\n", size++, path_); !ended) return ended;
    }
  }
  if (::fsync(descriptor) != 0) return fail(io_error("sync", path_, errno));
  if (auto synced = sync_folder_of(path_); !synced) return synced;
  auto done = done_;
  done.position = size;
  done.inode = status.st_ino;
  if (auto kept = store_->put_delivered(topic_, done); !kept) return kept;
  done_ = done;
  return {};
}

Result<void> LineDelivery::write(std::string_view lines) {
  const std::string_view half = lines.substr(0, lines.size() / 2);
  if (auto written = write_at(descriptor_, half, done_.position, path_); !written) return written;
  failpoint::hit("embedded_mid_alert_append");
  if (auto written = write_at(descriptor_, lines.substr(half.size()), done_.position + half.size(), path_); !written)
    return written;
  if (::fdatasync(descriptor_) != 0) return fail(io_error("sync", path_, errno));
  return {};
}

/// Takes off what a power cut may have left behind the last line.
Result<void> LineDelivery::cut_behind() {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) return fail(io_error("look at", path_, errno));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size <= done_.position) return {};
  log::warn("stream.alerts_file_cut", {{"path", path_}, {"bytes", size - done_.position}});
  if (::ftruncate(descriptor_, static_cast<off_t>(done_.position)) != 0) return fail(io_error("cut", path_, errno));
  return {};
}

}  // namespace trailwarden::stream
