#include "ingest/folder_reading.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/hash.h"
#include "core/text.h"
#include "ingest/json_splitter.h"
#include "ingest/json_text.h"
#include "ingest/origin_list.h"

namespace trailwarden::ingest {
namespace {

constexpr std::size_t kWholeBytes = std::size_t{64} << 20;  // see ByteWindow
constexpr std::size_t kNone = std::string_view::npos;

Slice slice_of(const Error& error) {
  const auto fault =
      error.code == ErrorCode::kMalformed ? stream::SourceFault::kDamagedGzip : stream::SourceFault::kUnreadable;
  return {.fault = fault, .fault_detail = error.message};
}

std::unique_ptr<Sender> sender_of(std::string name, std::optional<AppendTime> append_time = std::nullopt) {
  return std::make_unique<Sender>(
      Sender{.name = std::make_shared<const std::string>(std::move(name)), .append_time = append_time});
}

Result<struct stat> look_at(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) return status;
  Error error = io_error("look at", path, errno);
  if (errno == ENOENT) error.code = ErrorCode::kNotFound;
  return fail(std::move(error));
}

class WholeFile final : public FolderReading {
 public:
  WholeFile(FolderFile file, FolderReadingOptions options, OriginList list, ReadTools& tools)
      : FolderReading(file),
        options_(std::move(options)),
        list_(std::move(list)),
        tools_(tools),
        skip_to_(file.position) {
    list_.sort();
  }

  bool next(Slice& slice) override {
    while (file_.member < list_.origins().size()) {
      if (!stream_ && !open_member(slice)) return true;
      if (next_of_member(slice)) return true;
      leave_member();
    }
    return false;
  }

  std::uint64_t taken() const override { return taken_ + (stream_ ? stream_->taken() : 0); }

  /// Opens a file that is no archive; the archives are open.
  Result<void> begin() {
    const auto& origins = list_.origins();
    if (origins.size() != 1 || origins.front().kind == Origin::Kind::kMember || file_.member > 0) return {};
    Slice slice;
    if (open_member(slice)) return {};
    return fail(ErrorCode::kIo, std::move(slice.fault_detail));
  }

 private:
  /// False if it cannot be opened: then `slice` says why, and the next one is next.
  bool open_member(Slice& slice) {
    const Origin& origin = list_.origins()[file_.member];
    sender_ = sender_of(list_.name(origin), origin.stamped ? std::optional<AppendTime>(origin.position) : std::nullopt);
    auto bytes = list_.open(origin, kWholeBytes);
    if (!bytes) {
      slice = slice_of(bytes.error());
      leave_member();
      return false;
    }
    stream_ = std::make_unique<DocumentStream>(
        std::move(*bytes), tools_.pool,
        DocumentStream::Options{.max_document_bytes = options_.max_document_bytes, .whole_bytes = kWholeBytes});
    return true;
  }

  /// Passes over what was given before.
  bool next_of_member(Slice& slice) {
    if (!next_behind(*stream_, skip_to_, slice)) return false;
    file_.position = end_of(slice);
    return true;
  }

  void leave_member() {
    taken_ = taken();
    stream_.reset();
    skip_to_ = file_.position = 0;
    ++file_.member;
  }

  FolderReadingOptions options_;
  OriginList list_;
  ReadTools& tools_;
  std::unique_ptr<DocumentStream> stream_;
  std::uint64_t skip_to_;
  std::uint64_t taken_ = 0;
};

/// Looks for the end of the last whole line of `file` in [from, to), backwards; `from` if there is none.
Result<std::uint64_t> last_line_end(InputFile& file, std::uint64_t from, std::uint64_t to) {
  std::vector<char> piece(64 * 1024);
  while (to > from) {
    const std::uint64_t begin = to - std::min<std::uint64_t>(to - from, piece.size());
    auto got = file.read_at(begin, std::span(piece).first(static_cast<std::size_t>(to - begin)));
    if (!got) return fail(std::move(got).error());
    const std::size_t newline = std::string_view(piece.data(), *got).rfind('\n');
    if (newline != kNone) return begin + newline + 1;
    to = begin;
  }
  return from;
}

class GrowingFile final : public FolderReading {
 public:
  GrowingFile(FolderFile file, FolderReadingOptions options, std::unique_ptr<ByteSource> source, bool leaves_something,
              ReadTools& tools)
      : FolderReading(file),
        options_(std::move(options)),
        base_(file.position),
        window_(std::move(source), tools.pool, 0),
        leaves_something_(leaves_something) {
    sender_ = sender_of(options_.name);
  }

  bool next(Slice& slice) override {
    slice = {};
    window_.ensure(DocumentStream::kChunkBytes);
    if (window_.unread().empty() || window_.failure()) return fault_at_end(slice);
    const std::size_t size = lines_size();
    if (size == kNone) return pass_over(slice);
    slice.byte_offset = base_ + window_.offset();
    slice.value = window_.take(size, slice.hold);
    stand_behind(slice.value);
    return true;
  }

  std::uint64_t taken() const override { return window_.taken(); }
  bool leaves_something() const override { return leaves_something_; }

 private:
  static constexpr std::size_t kMostBefore = 256;

  /// Bytes of the whole lines at the front: a chunk of them, or one that is longer; kNone if that is longer than any
  /// line may be.
  std::size_t lines_size() {
    const std::size_t newline = window_.unread().substr(0, DocumentStream::kChunkBytes).rfind('\n');
    if (newline != kNone) return newline + 1;
    const std::size_t most = options_.max_document_bytes;
    for (std::size_t looked = 0;;) {
      const std::string_view text = window_.unread();
      const std::size_t end = text.substr(0, most + 1).find('\n', looked);
      if (end != kNone) return end + 1;
      if (text.size() > most) return kNone;
      if (window_.ended()) return text.size();
      looked = text.size();
      window_.ensure_more(most + 1);
    }
  }

  bool pass_over(Slice& slice) {
    slice.byte_offset = base_ + window_.offset();
    slice.fault = stream::SourceFault::kDocumentTooLarge;
    slice.fault_detail = "this line is larger than " + format_bytes(static_cast<double>(options_.max_document_bytes)) +
                         " (input.max_document)";
    std::size_t newline = kNone;
    while (newline == kNone && !window_.unread().empty()) {
      newline = window_.unread().find('\n');
      window_.drop(std::min(newline, window_.unread().size() - 1) + 1);
      window_.ensure(DocumentStream::kChunkBytes);
    }
    stand_behind({});
    return true;
  }

  /// What could not be read is tried again when there is more.
  bool fault_at_end(Slice& slice) {
    if (!window_.failure() || faulted_) return false;
    faulted_ = true;
    slice = slice_of(*window_.failure());
    slice.byte_offset = base_ + window_.offset();
    return true;
  }

  void stand_behind(std::string_view given) {
    const std::string_view before = given.substr(given.size() - std::min(given.size(), kMostBefore));
    file_.position = base_ + window_.offset();
    file_.before_bytes = static_cast<std::uint32_t>(before.size());
    file_.before_hash = xxh3_64(before);
  }

  FolderReadingOptions options_;
  std::uint64_t base_;
  ByteWindow window_;
  bool leaves_something_, faulted_ = false;
};

/// Whether the bytes before the position are what they were.
bool is_continuation(InputFile& open, const FolderFile& file, std::uint64_t size) {
  if (size < file.position) return false;
  std::array<char, 256> before{};
  const std::size_t bytes = std::min<std::size_t>(file.before_bytes, before.size());
  const auto got =
      open.read_at(file.position - std::min<std::uint64_t>(bytes, file.position), std::span(before).first(bytes));
  return bytes == 0 || (got && *got == bytes && xxh3_64({before.data(), bytes}) == file.before_hash);
}

/// Whether the last line of a quiet file, in [begin, end), is a whole JSON object or array.
bool is_whole_value(InputFile& open, std::uint64_t begin, std::uint64_t end, std::size_t most) {
  if (end - begin > most) return false;
  std::string text(static_cast<std::size_t>(end - begin), '\0');
  const auto got = open.read_at(begin, text);
  if (!got || *got != text.size()) return false;
  const std::size_t first = skip_space(text, 0);
  if (first == text.size() || (text[first] != '{' && text[first] != '[')) return false;
  const std::size_t last = value_end(text, first);
  return last != JsonSplitter::kNotYet && skip_space(text, last) == text.size();
}

}  // namespace

Result<std::unique_ptr<FolderReading>> read_whole(FolderFile file, FolderReadingOptions options, ReadTools& tools) {
  const std::string name = options.name;
  const std::uint64_t device = options.folder_device;
  auto list = OriginList::list({name}, tools);
  if (!list) return fail(std::move(list).error());
  auto reading = std::make_unique<WholeFile>(file, std::move(options), std::move(*list), tools);
  if (auto begun = reading->begin(); !begun) return fail(std::move(begun).error());
  auto status = look_at(name);
  if (!status) return fail(std::move(status).error());
  if (FileIdentity::of(*status, device) != file.identity)
    return fail(ErrorCode::kNotFound, name + " was replaced when it was opened");
  return reading;
}

Result<std::unique_ptr<FolderReading>> read_growing(FolderFile file, FolderReadingOptions options, bool quiet,
                                                    ReadTools& tools) {
  const int descriptor = ::open(options.name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) {
    Error error = io_error("open", options.name, errno);
    if (errno == ENOENT) error.code = ErrorCode::kNotFound;
    return fail(std::move(error));
  }
  auto open = InputFile::adopt(descriptor, options.name);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return fail(io_error("look at", options.name, errno));
  file.identity = FileIdentity::of(status, options.folder_device);
  const std::uint64_t size = file.identity.size;
  if (!is_continuation(*open, file, size)) {
    file.position = 0;
    file.before_bytes = 0;
  }
  auto end = last_line_end(*open, file.position, size);
  if (!end) return fail(std::move(end).error());
  if (quiet && *end < size && is_whole_value(*open, *end, size, options.max_document_bytes)) *end = size;
  auto source = read_range(std::move(open), file.position, *end - file.position);
  return std::make_unique<GrowingFile>(file, std::move(options), std::move(source), *end < size, tools);
}

}  // namespace trailwarden::ingest
