#include "ingest/folder_watcher.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "core/hash.h"
#include "trail/object_name.h"

namespace trailwarden::ingest {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

/// How much of its time a scan may take at most.
constexpr int kScanShare = 50;

std::string_view leaf_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_ignored(std::string_view leaf) {
  constexpr std::array<std::string_view, 4> kUnfinished{".tmp", ".part", ".partial", "~"};
  return leaf.starts_with('.') ||
         std::any_of(kUnfinished.begin(), kUnfinished.end(), [&](auto end) { return leaf.ends_with(end); });
}

bool has_ignored_folder(std::string_view path) {
  return path.starts_with('.') || path.find("/.") != std::string_view::npos;
}

bool grows_by_name(std::string_view path) { return path.ends_with(".jsonl") || path.ends_with(".ndjson"); }

Timestamp stamp_of(std::string_view path) {
  const auto name = trail::parse_object_name(path);
  return name ? name->stamp : kBeginningOfTime;
}

std::int64_t status_ns(const struct stat& status) {
  return status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec;
}

}  // namespace

Result<std::unique_ptr<FolderWatcher>> FolderWatcher::open(FolderWatcherOptions options) {
  struct stat status {};
  if (::stat(options.folder.c_str(), &status) != 0) {
    Error error = io_error("look into", options.folder, errno);
    if (errno == ENOENT) error.code = ErrorCode::kNotFound;
    return fail(std::move(error));
  }
  if (!S_ISDIR(status.st_mode)) return fail(ErrorCode::kInvalidArgument, options.folder + ": not a folder");
  if (!options.folder.ends_with('/')) options.folder += '/';
  return std::unique_ptr<FolderWatcher>(new FolderWatcher(std::move(options), status.st_dev));
}

void FolderWatcher::restore(std::int64_t source, std::string_view state) {
  if (const auto file = decode_folder_file(source, state)) table_.put(*file);
}

Result<void> FolderWatcher::poll(milliseconds wait, stream::InputBatch& input) {
  input.clear();
  builder_.begin(input.batch);
  const auto deadline = Clock::now() + wait;
  for (bool woken = false;;) {
    look();
    read(input);
    input.drained = reading_ == nullptr && now_.empty() && later_.empty();
    input.settling = !unsettled_.empty();
    const bool tells = !input.batch.messages.empty() || (input.drained && !told_drained_);
    const auto now = Clock::now();
    if (tells || woken || now >= deadline) break;
    woken = notifier_.wait(std::chrono::ceil<milliseconds>(std::min(deadline, next_look()) - now));
  }
  told_drained_ = input.drained;
  return {};
}

std::string FolderWatcher::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void FolderWatcher::set_trouble(std::string what) {
  const std::lock_guard lock(mutex_);
  trouble_ = std::move(what);
}

FolderWatcher::Clock::time_point FolderWatcher::next_look() const {
  auto next = next_scan_.value_or(Clock::now());
  for (const auto& [path, unsettled] : unsettled_) next = std::min(next, unsettled.due);
  return next;
}

void FolderWatcher::look() {
  looked_ = {Clock::now(), std::chrono::system_clock::now()};
  take_notices();
  if (!next_scan_ || Clock::now() >= *next_scan_) scan_all();
  look_at_unsettled();
}

void FolderWatcher::take_notices() {
  notices_.clear();
  notifier_.take(notices_);
  for (const FolderNotice& notice : notices_) {
    const std::string path = notice.path.substr(std::min(options_.folder.size(), notice.path.size()));
    switch (notice.kind) {
      case FolderNotice::Kind::kChanged:
        examine(path, Sign::kSeen);
        break;
      case FolderNotice::Kind::kComplete:
        examine(path, Sign::kComplete);
        break;
      case FolderNotice::Kind::kFolder:
        scan(path + "/");
        break;
      case FolderNotice::Kind::kLost:
        next_scan_.reset();
        break;
    }
  }
}

void FolderWatcher::scan_all() {
  const auto begin = Clock::now();
  ++scan_;
  if (scan("")) forget_gone();
  const auto end = Clock::now();
  const milliseconds pause = notifier_.complete() ? options_.rescan : options_.rescan_unwatched;
  next_scan_ = end + std::max<Clock::duration>(pause, kScanShare * (end - begin));
}

/// Looks at everything below a folder of ours. False if something could not be listed.
bool FolderWatcher::scan(const std::string& below) {
  if (has_ignored_folder(below)) return true;
  bool whole = true;
  for (std::vector<std::string> folders{below}; !folders.empty();) {
    const std::string prefix = std::move(folders.back());
    folders.pop_back();
    whole = list(prefix, folders) && whole;
  }
  if (whole && below.empty()) set_trouble({});
  return whole;
}

/// Looks at the files of one folder, and adds the folders in it.
bool FolderWatcher::list(const std::string& prefix, std::vector<std::string>& folders) {
  notifier_.watch(full(prefix));  // first, so that nothing comes unseen in between
  std::error_code error;
  for (auto entry = fs::directory_iterator(full(prefix), error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string leaf = entry->path().filename().string();
    std::error_code problem;
    const fs::file_status status = entry->symlink_status(problem);
    if (fs::is_directory(status)) {
      if (!leaf.starts_with('.')) folders.push_back(prefix + leaf + "/");
    } else if (fs::is_regular_file(status)) {
      examine(prefix + leaf, Sign::kSeen);
    }
  }
  if (!error || (error == std::errc::no_such_file_or_directory && !prefix.empty())) return true;
  set_trouble("the folder " + full(prefix) + " cannot be listed: " + error.message());
  return false;
}

/// Forgets files that two scans did not see: one may miss a file that was renamed from a folder it had not listed yet
/// to one that it had.
void FolderWatcher::forget_gone() {
  if (scan_ < 2) return;
  for (const std::int64_t id : table_.unseen_since(scan_ - 1)) {
    if (reading_ && reading_->file().id == id) continue;
    table_.erase(id);
    forgotten_.push_back(id);
  }
}

void FolderWatcher::look_at_unsettled() {
  const auto now = Clock::now();
  std::vector<std::string> due;
  for (const auto& [path, unsettled] : unsettled_)
    if (unsettled.due <= now) due.push_back(path);
  for (const std::string& path : due) {
    const FileIdentity before = unsettled_.at(path).identity;
    struct stat status {};
    const bool there = ::lstat(full(path).c_str(), &status) == 0;
    const bool quiet = there && FileIdentity::of(status, device_) == before;
    unsettled_.erase(path);
    if (there) examine(path, quiet ? Sign::kQuiet : Sign::kSeen);
  }
}

void FolderWatcher::examine(const std::string& path, Sign sign) {
  struct stat status {};
  if (is_ignored(leaf_of(path)) || ::lstat(full(path).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  const FileIdentity identity = FileIdentity::of(status, device_);
  FolderFile* const known = table_.find(identity, xxh3_64(path));
  if (known != nullptr) known->seen = scan_;
  if (known != nullptr ? known->grows : grows_by_name(path))
    examine_growing(path, identity, known, sign);
  else
    examine_whole(path, identity, known, sign, status_ns(status));
}

void FolderWatcher::examine_growing(const std::string& path, const FileIdentity& identity, FolderFile* known,
                                    Sign sign) {
  const bool quiet = sign == Sign::kQuiet || is_old(identity);
  const bool looked = known != nullptr && known->identity.inode == identity.inode &&
                      identity.size == std::max(known->looked, known->position);
  if (looked && (known->looked_quiet || !quiet)) {
    // What is left of a line: it may be all there will be.
    if (!known->looked_quiet && known->position < identity.size && !unsettled_.contains(path))
      wait_to_settle(path, identity);
    return;
  }
  enqueue(path, quiet);
}

void FolderWatcher::examine_whole(const std::string& path, const FileIdentity& identity, FolderFile* known, Sign sign,
                                  std::int64_t changed_ns) {
  if (known != nullptr && known->identity.same_content(identity)) {
    const bool refused = known->refused_ns != 0 && known->refused_ns == changed_ns;
    if (refused || (known->done && known->refused_ns == 0)) return;
    return enqueue(path, true);
  }
  if (sign != Sign::kSeen || is_old(identity)) {
    unsettled_.erase(path);
    return enqueue(path, true);
  }
  const auto waiting = unsettled_.find(path);
  if (waiting == unsettled_.end() || waiting->second.identity != identity) wait_to_settle(path, identity);
}

/// Whether nothing had been written to a file for long enough, by its own time, when the look began: files of one burst are all old or all young, however long the
/// look takes.
bool FolderWatcher::is_old(const FileIdentity& identity) const {
  return looked_.wall.time_since_epoch() - std::chrono::nanoseconds(identity.modified_ns) >= options_.settle;
}

void FolderWatcher::wait_to_settle(const std::string& path, const FileIdentity& identity) {
  // What was found together is taken together, and so in its order: a burst's times are rounded up to the same one.
  const Clock::duration step = std::max<Clock::duration>(options_.settle / 4, std::chrono::milliseconds{1});
  const Clock::duration due = looked_.steady.time_since_epoch() + options_.settle + step;
  unsettled_[path] = {identity, Clock::time_point(due - due % step)};
}

/// What comes while a round is read waits for the next one, so that no file that grows holds up the others.
void FolderWatcher::enqueue(const std::string& path, bool quiet) {
  bool& is_quiet = later_[{stamp_of(path), path}];
  is_quiet = is_quiet || quiet;
}

void FolderWatcher::read(stream::InputBatch& input) {
  for (const std::int64_t id : std::exchange(forgotten_, {}))
    input.marks.push_back({input.batch.messages.size(), id, std::nullopt});
  Slice slice;
  while (!builder_.full() && (reading_ != nullptr || open_next(input))) {
    if (reading_ == nullptr) continue;  // it was refused
    const bool more = reading_->next(slice);
    if (more) give(slice, input);
    const std::uint64_t taken = std::max(reading_->taken(), counted_);
    builder_.add_source_bytes(taken - counted_);
    counted_ = taken;
    if (!more) finish(input);
  }
}

bool FolderWatcher::open_next(stream::InputBatch& input) {
  if (now_.empty()) now_.swap(later_);
  if (now_.empty()) return false;
  const auto next = now_.extract(now_.begin());
  open_file(next.key().path, next.mapped(), input);
  return true;
}

void FolderWatcher::open_file(const std::string& path, bool quiet, stream::InputBatch& input) {
  FolderFile file{.path_hash = xxh3_64(path), .grows = grows_by_name(path)};
  struct stat status {};
  if (::lstat(full(path).c_str(), &status) != 0) {
    // One that we know was renamed, and its notice is on the way, or it was read and is gone.
    if (table_.has_path(file.path_hash)) return;
    return refuse(path, file, 0, io_error("look at", full(path), errno), input);
  }
  file.identity = FileIdentity::of(status, device_);
  if (!stand_where_known(file)) return;
  const std::uint64_t position = file.position;
  FolderReadingOptions options{
      .name = full(path), .max_document_bytes = options_.max_document_bytes, .folder_device = device_};
  auto reading =
      file.grows ? read_growing(file, std::move(options), quiet, tools_) : read_whole(file, std::move(options), tools_);
  if (!reading) return refuse(path, file, status_ns(status), reading.error(), input);
  reading_ = std::move(*reading);
  path_ = path;
  counted_ = 0;
  FolderFile& opened = reading_->file();
  // Another file has taken the place of one that was renamed, and is still known by that.
  if (opened.position < position) opened.id = 0;
  opened.seen = scan_;
  opened.looked = opened.identity.size;
  opened.looked_quiet = quiet;
}

/// Puts a file to where it was read to. False if there is nothing to do.
bool FolderWatcher::stand_where_known(FolderFile& file) {
  const FolderFile* const known = table_.find(file.identity, file.path_hash);
  if (known == nullptr) return true;
  const bool same = known->identity.same_content(file.identity);
  if (!known->grows && same && known->done && known->refused_ns == 0) return false;
  file.id = known->id;
  file.grows = known->grows;
  if (!known->grows && !same) return true;
  file.member = known->member;
  file.position = known->position;
  file.before_bytes = known->before_bytes;
  file.before_hash = known->before_hash;
  return true;
}

/// Says that a file cannot be read, and that this is known.
void FolderWatcher::refuse(const std::string& path, FolderFile file, std::int64_t changed_ns, const Error& error,
                           stream::InputBatch& input) {
  Sender sender{.name = std::make_shared<const std::string>(full(path))};
  builder_.add(sender, Slice{.fault = stream::SourceFault::kUnreadable, .fault_detail = error.message});
  if (file.identity.inode == 0) return;
  file.done = true;
  file.refused_ns = changed_ns;
  file.looked = file.identity.size;
  file.looked_quiet = true;
  file.seen = scan_;
  path_ = path;
  keep(table_.put(file), input);
}

void FolderWatcher::give(const Slice& slice, stream::InputBatch& input) {
  if (!is_blank(slice)) builder_.add(reading_->sender(), slice);
  if (reading_->file().id == 0) reading_->file().id = table_.put(reading_->file()).id;
  keep(reading_->file(), input);
}

void FolderWatcher::finish(stream::InputBatch& input) {
  FolderFile file = reading_->file();
  const bool leaves_something = reading_->leaves_something();
  reading_.reset();
  file.done = !file.grows;
  const bool news = file.done || file.id == 0;
  const FolderFile& known = table_.put(file);
  if (news) keep(known, input);
  if (leaves_something && !file.looked_quiet) wait_to_settle(path_, file.identity);
}

void FolderWatcher::keep(const FolderFile& file, stream::InputBatch& input) {
  input.marks.push_back({input.batch.messages.size(), file.id, encode(file, path_)});
}

}  // namespace trailwarden::ingest
