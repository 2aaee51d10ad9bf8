#include "trail/folder_store.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/failpoint.h"
#include "core/read_file.h"

namespace trailwarden::trail {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBeside = ".trailwarden";
constexpr std::size_t kListed = 1000;
constexpr std::size_t kRemembered = 10'000;  // folders, about 1 MB
constexpr std::chrono::hours kLeftOver{1};   // no put takes as long

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

StoreFault fault_of(int error_number) {
  switch (error_number) {
    case ENOENT: return StoreFault::kNotFound;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
    case EINTR:
    case ETIMEDOUT:
    case ESTALE: return StoreFault::kNotNow;
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case EILSEQ:
    case EFBIG: return StoreFault::kImpossible;
    default: return StoreFault::kRefused;
  }
}

std::string_view advice_on(int error_number) {
  switch (error_number) {
    case ENOSPC: return "; make room on this disk";
    case EDQUOT: return "; raise the quota of this user, or make room";
    case EACCES:
    case EPERM: return "; give the user of this process the right to write there";
    case EROFS: return "; mount it so that it can be written";
    case EXDEV: return "; a trail's folder must be one file system, without others mounted below it";
    case EIO: return "; look at the kernel's log, the disk may be failing";
    case ENAMETOOLONG: return "; a file system has 255 bytes for each part of a name";
    case ENOTDIR:
    case EISDIR: return "; the same name cannot be both an object and a folder of others";
    default: return "";
  }
}

tl::unexpected<StoreError> refused(std::string_view what, std::string_view path, int error_number) {
  const char* const code = ::strerrorname_np(error_number);
  return tl::unexpected(StoreError{fault_of(error_number), code == nullptr ? std::to_string(error_number) : code,
                                   io_error(what, path, error_number).message.append(advice_on(error_number))});
}

/// The same where what is not there is a folder, not an object.
tl::unexpected<StoreError> refused_here(std::string_view what, std::string_view path, int error_number) {
  auto error = refused(what, path, error_number);
  if (error.value().fault == StoreFault::kNotFound) error.value().fault = StoreFault::kRefused;
  return error;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

StoreResult<void> sync_folder(const std::string& path) {
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return refused_here("open", path, errno);
  if (::fsync(folder.number()) != 0) return refused_here("sync", path, errno);
  return {};
}

/// A synced file under a name that nobody knows, removed in the end; what was linked to another name stays.
class NewFile {
 public:
  static StoreResult<NewFile> write(const std::string& folder, std::string_view bytes) {
    std::string path = folder + "/XXXXXX";
    const Descriptor file(::mkostemp(path.data(), O_CLOEXEC));
    if (!file.is_open()) return refused_here("make a file in", folder, errno);
    NewFile made(path);
    while (!bytes.empty()) {
      const ssize_t written = ::write(file.number(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return refused_here("write", path, errno);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    // Not for everybody: a trail says who did what.
    if (::fchmod(file.number(), 0640) != 0 || ::fsync(file.number()) != 0) return refused_here("write", path, errno);
    return made;
  }

  NewFile(NewFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  explicit NewFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

void remove_left_over(const std::string& folder) {
  const auto oldest = fs::file_time_type::clock::now() - kLeftOver;
  std::error_code error;
  for (fs::directory_iterator file(folder, error), end; !error && file != end; file.increment(error)) {
    std::error_code gone;
    if (const auto written = file->last_write_time(gone); !gone && written < oldest) fs::remove(file->path(), gone);
  }
}

StoreResult<ObjectMetadata> parse_metadata(const std::string& path, std::string_view text) {
  ObjectMetadata metadata;
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  bool fits = parsed.is_object();
  for (auto member = parsed.begin(); fits && member != parsed.end(); ++member) {
    fits = member.value().is_string();
    if (fits) metadata.emplace(member.key(), member.value().get<std::string>());
  }
  if (fits) return metadata;
  return tl::unexpected(StoreError{StoreFault::kRefused, "InvalidMetadata", path + ": not the metadata of an object; it was changed or damaged"});
}

/// As a list has it, unless it is gone since.
void add_listed(const std::string& root, const std::string& key, std::vector<ListedObject>& found) {
  struct stat there {};
  if (::stat((root + "/" + key).c_str(), &there) != 0) return;
  found.push_back({key, static_cast<std::uint64_t>(there.st_size), fmt::format("{}.{:09} {}", there.st_ctim.tv_sec, there.st_ctim.tv_nsec, there.st_ino)});
}

/// Finds the files below a folder whose keys have a prefix and come after another, in byte order.
class Listing {
 public:
  Listing(const std::string& root, std::string_view prefix, std::string_view after) : root_(root), prefix_(prefix), after_(after) {}

  StoreResult<std::vector<ListedObject>> run() {
    if (auto walked = walk(""); !walked) return tl::unexpected(std::move(walked).error());
    return std::move(found_);
  }

 private:
  struct Entry {
    std::string key;  // of a folder with a slash at its end, by which it stands where the keys below it stand
    bool is_folder = false;
  };

  /// Whether there may be keys to be listed that begin with `key`, which is that of a folder.
  bool may_have(std::string_view key) const {
    const bool fits = key.starts_with(prefix_) || prefix_.starts_with(key);
    return fits && key >= after_.substr(0, key.size());
  }

  StoreResult<std::vector<Entry>> entries_of(const std::string& folder) const {
    std::vector<Entry> entries;
    std::error_code error;
    const std::string path = root_ + "/" + folder;
    fs::directory_iterator file(path, error);
    for (; !error && file != fs::directory_iterator(); file.increment(error)) {
      std::error_code gone;
      if (file->is_symlink(gone)) continue;  // the folder itself says what each is: nothing is asked for once more
      const std::string key = folder + file->path().filename().string();
      if (file->is_directory(gone) && key != kBeside && may_have(key + "/")) entries.push_back({key + "/", true});
      if (file->is_regular_file(gone) && key.starts_with(prefix_) && key > after_) entries.push_back({key, false});
    }
    const bool was_removed = error == std::errc::no_such_file_or_directory && !folder.empty();
    if (error && !was_removed) return refused_here("read", path, error.value());
    std::ranges::sort(entries, {}, &Entry::key);
    return entries;
  }

  StoreResult<void> walk(const std::string& folder) {
    const auto entries = entries_of(folder);
    if (!entries) return tl::unexpected(entries.error());
    for (const Entry& entry : *entries) {
      if (found_.size() == kListed) return {};
      if (!entry.is_folder) {
        add_listed(root_, entry.key, found_);
      } else if (auto walked = walk(entry.key); !walked) {
        return walked;
      }
    }
    return {};
  }

  const std::string& root_;
  const std::string_view prefix_, after_;
  std::vector<ListedObject> found_;
};

/// Whether a file lies in it, however deep. What cannot be read counts: who lists it is told why.
bool has_object(const fs::path& folder) {
  std::error_code error, gone;
  std::vector<fs::path> below;
  fs::directory_iterator file(folder, error);
  for (; !error && file != fs::directory_iterator(); file.increment(error)) {
    if (file->is_symlink(gone)) continue;
    if (file->is_regular_file(gone)) return true;
    if (file->is_directory(gone)) below.push_back(file->path());
  }
  return error ? error != std::errc::no_such_file_or_directory : std::ranges::any_of(below, has_object);
}

StoreError as_store_error(const Error& error) {
  return {error.code == ErrorCode::kNotFound ? StoreFault::kNotFound : StoreFault::kRefused, std::string(to_string(error.code)), error.message};
}

std::optional<StoreError> problem_with_path(std::string_view key) {
  if (auto problem = problem_with_key(key)) return problem;
  if (key == kBeside || key.starts_with(std::string(kBeside) + "/"))
    return StoreError{StoreFault::kImpossible, "InvalidKey", fmt::format("{}: a folder keeps what is beside its objects under this name", key)};
  return std::nullopt;
}

/// Without a `/` at its end.
Result<std::string> absolute_root(const std::string& path) {
  std::error_code error;
  std::string root = fs::absolute(path, error).lexically_normal().string();
  if (path.empty() || error) return fail(ErrorCode::kInvalidArgument, "a trail's folder has no name");
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  return root;
}

}  // namespace

Result<std::unique_ptr<FolderStore>> FolderStore::open(const std::string& path) {
  const auto root = absolute_root(path);
  if (!root) return fail(root.error());
  std::error_code error;
  fs::create_directories(*root, error);
  if (error) return fail(io_error("make the trail's folder", *root, error.value()));
  std::unique_ptr<FolderStore> store(new FolderStore(*root));
  const std::string beside = *root + "/" + std::string(kBeside);
  for (const char* const folder : {"/new/", "/metadata/"})
    if (auto made = store->make_folders_of(beside + folder); !made) return fail(ErrorCode::kIo, "open the trail's folder: " + made.error().message);
  // Found out now, not when the first object is due.
  if (auto tried = NewFile::write(beside + "/new", ""); !tried) return fail(ErrorCode::kIo, "open the trail's folder: " + tried.error().message);
  remove_left_over(beside + "/new");
  return store;
}

Result<std::unique_ptr<FolderStore>> FolderStore::open_to_read(const std::string& path) {
  const auto root = absolute_root(path);
  if (!root) return fail(root.error());
  std::error_code error;
  const fs::file_status status = fs::status(*root, error);
  if (status.type() == fs::file_type::not_found) return fail(ErrorCode::kNotFound, fmt::format("there is no folder {}", *root));
  if (error) return fail(io_error("open the trail's folder", *root, error.value()));
  if (!fs::is_directory(status)) return fail(ErrorCode::kInvalidArgument, fmt::format("{} is no folder", *root));
  return std::unique_ptr<FolderStore>(new FolderStore(*root));
}

std::string FolderStore::bucket() const { return fs::path(root_).filename().string(); }

std::string FolderStore::metadata_path_of(std::string_view key) const { return fmt::format("{}/{}/metadata/{}", root_, kBeside, key); }

StoreResult<bool> FolderStore::put(const NewObject& object) {
  if (auto problem = problem_with(object)) return tl::unexpected(std::move(*problem));
  if (auto problem = problem_with_path(object.key)) return tl::unexpected(std::move(*problem));
  const std::string at = path_of(object.key);
  for (const std::string& path : {metadata_path_of(object.key), at})
    if (auto made = make_folders_of(path); !made) return tl::unexpected(std::move(made).error());
  const std::string fresh = fmt::format("{}/{}/new", root_, kBeside);
  const auto bytes = NewFile::write(fresh, object.bytes);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto metadata = NewFile::write(fresh, nlohmann::json(object.metadata).dump());
  if (!metadata) return tl::unexpected(metadata.error());

  failpoint::hit("folder_store.before_link");
  const auto linked = link_unless_there(object.key, bytes->path(), metadata->path());
  failpoint::hit("folder_store.after_link");
  if (!linked) {
    forget_folders();
    return linked;
  }
  // Also if it was there: whoever wrote it may not have come so far yet.
  if (auto synced = sync_folder(folder_of(at)); !synced) return tl::unexpected(std::move(synced).error());
  return linked;
}

/// Gives an object its metadata and then its name: one at a time over all processes, or the metadata of one could come to the bytes of another. Those of an
/// object that is not there are what a crash left, and are replaced.
StoreResult<bool> FolderStore::link_unless_there(std::string_view key, const std::string& bytes_at, const std::string& metadata_at) {
  const std::string to = path_of(key), metadata_to = metadata_path_of(key), lock_at = fmt::format("{}/{}/lock", root_, kBeside);
  // The lock belongs to the opened file, so it holds off other threads of this process as well. It ends with the descriptor.
  const Descriptor lock(::open(lock_at.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!lock.is_open()) return refused_here("open", lock_at, errno);
  while (::flock(lock.number(), LOCK_EX) != 0)
    if (errno != EINTR) return refused_here("lock", lock_at, errno);

  struct stat there {};
  if (::lstat(to.c_str(), &there) == 0) {
    if (S_ISDIR(there.st_mode)) return refused_here("make", to, EISDIR);
    return false;
  }
  if (std::rename(metadata_at.c_str(), metadata_to.c_str()) != 0) return refused_here("make", metadata_to, errno);
  failpoint::hit("folder_store.between");
  if (auto synced = sync_folder(folder_of(metadata_to)); !synced) return tl::unexpected(std::move(synced).error());
  if (::link(bytes_at.c_str(), to.c_str()) == 0) return true;
  if (errno == EEXIST) return false;  // by somebody who does not know the lock
  return refused_here("make", to, errno);
}

/// Makes the folders of a file below the root, so that they stay.
StoreResult<void> FolderStore::make_folders_of(const std::string& file) {
  for (std::size_t slash = file.find('/', root_.size() + 1); slash != std::string::npos; slash = file.find('/', slash + 1))
    if (auto made = make_folder(file.substr(0, slash)); !made) return made;
  return {};
}

StoreResult<void> FolderStore::make_folder(const std::string& folder) {
  {
    const std::lock_guard lock(mutex_);
    if (synced_.contains(folder)) return {};
  }
  if (::mkdir(folder.c_str(), 0750) != 0 && errno != EEXIST) return refused_here("make the folder", folder, errno);
  // One that was there may have been made by another a moment ago.
  if (auto synced = sync_folder(folder_of(folder)); !synced) return synced;
  const std::lock_guard lock(mutex_);
  if (synced_.size() >= kRemembered) synced_.clear();
  synced_.insert(folder);
  return {};
}

/// After somebody may have removed one.
void FolderStore::forget_folders() {
  const std::lock_guard lock(mutex_);
  synced_.clear();
}

StoreResult<StoredObject> FolderStore::get(std::string_view key) {
  if (auto problem = problem_with_path(key)) return tl::unexpected(std::move(*problem));
  auto bytes = read_file(path_of(key));
  // Metadata are there before the object is.
  auto metadata = bytes ? metadata_of(key) : head(key);
  if (!metadata) return tl::unexpected(std::move(metadata).error());
  if (!bytes) return tl::unexpected(as_store_error(bytes.error()));
  return StoredObject{std::move(*bytes), std::move(*metadata)};
}

StoreResult<ObjectMetadata> FolderStore::head(std::string_view key) {
  if (auto problem = problem_with_path(key)) return tl::unexpected(std::move(*problem));
  const std::string at = path_of(key);
  struct stat there {};
  const int error = ::stat(at.c_str(), &there) == 0 ? 0 : errno;
  if (error == ENOTDIR || (error == 0 && !S_ISREG(there.st_mode))) return refused("read", at, ENOENT);
  if (error != 0) return refused("read", at, error);
  return metadata_of(key);
}

StoreResult<ObjectMetadata> FolderStore::metadata_of(std::string_view key) const {
  const std::string metadata_at = metadata_path_of(key);
  const auto text = read_file(metadata_at);
  if (!text && text.error().code == ErrorCode::kNotFound) return ObjectMetadata{};
  if (!text) return tl::unexpected(as_store_error(text.error()));
  return parse_metadata(metadata_at, *text);
}

StoreResult<std::vector<ListedObject>> FolderStore::list(std::string_view prefix, std::string_view after) { return Listing(root_, prefix, after).run(); }

StoreResult<ListedFolder> FolderStore::list_folder(std::string_view prefix) {
  const std::string folder(prefix.substr(0, prefix.rfind('/') + 1)), path = root_ + "/" + folder;
  ListedFolder found;
  std::error_code error;
  fs::directory_iterator file(path, error);
  for (; !error && file != fs::directory_iterator(); file.increment(error)) {
    const std::string key = folder + file->path().filename().string();
    std::error_code gone;
    if (!key.starts_with(prefix) || key == kBeside || file->is_symlink(gone)) continue;
    if (file->is_directory(gone) && has_object(file->path())) found.folders.push_back(key + "/");
    if (file->is_regular_file(gone)) add_listed(root_, key, found.objects);
  }
  const bool is_not_there = error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  if (error && (folder.empty() || !is_not_there)) return refused_here("read", path, error.value());
  std::ranges::sort(found.objects, {}, &ListedObject::key);
  std::ranges::sort(found.folders);
  return found;
}

}  // namespace trailwarden::trail
