#include "ingest/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace trailwarden::ingest {
namespace {

/// Compressed bytes that are read at once, to be inflated by libdeflate.
constexpr std::size_t kMostWhole = std::size_t{8} << 20;
/// Compressed bytes that are read at a time otherwise.
constexpr std::size_t kLargestPiece = 64 * 1024, kSmallestPiece = 16 * 1024;

class RangeSource final : public ByteSource {
 public:
  RangeSource(std::shared_ptr<InputFile> file, std::uint64_t offset, std::uint64_t size)
      : file_(std::move(file)), at_(offset), left_(size) {}

  Result<std::size_t> read(std::span<char> room) override {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), left_));
    if (wanted == 0) return std::size_t{0};
    auto got = file_->read_at(at_, room.first(wanted));
    if (!got) return got;
    if (*got == 0) return fail(ErrorCode::kIo, file_->name() + " has become shorter while it was read");
    at_ += *got;
    left_ -= *got;
    taken_ += *got;
    return got;
  }

  std::uint64_t expected() override { return left_; }
  std::uint64_t taken() const override { return taken_; }
  void rest() override { file_->rest(); }

 private:
  std::shared_ptr<InputFile> file_;
  std::uint64_t at_, left_, taken_ = 0;
};

class StreamSource final : public ByteSource {
 public:
  StreamSource(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}

  Result<std::size_t> read(std::span<char> room) override {
    ssize_t got = 0;
    do got = ::read(descriptor_, room.data(), room.size());
    while (got < 0 && errno == EINTR);
    if (got < 0) return fail(io_error("read", name_, errno));
    taken_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }

  std::uint64_t expected() override { return 0; }
  std::uint64_t taken() const override { return taken_; }

 private:
  int descriptor_;
  std::string name_;
  std::uint64_t taken_ = 0;
};

class GunzipSource final : public ByteSource {
 public:
  GunzipSource(std::unique_ptr<ByteSource> raw, ReadTools& tools, std::size_t whole_bytes)
      : raw_(std::move(raw)), tools_(tools), piece_bytes_(std::clamp(whole_bytes, kSmallestPiece, kLargestPiece)) {
    whole_ = raw_->expected() > 0 && raw_->expected() <= std::min(whole_bytes, kMostWhole);
  }

  Result<std::size_t> read(std::span<char> room) override {
    if (room.empty()) return std::size_t{0};
    if (damage_) return fail(*damage_);
    if (!reader_) {
      if (const std::size_t produced = read_members(room); produced > 0) return produced;
      if (members_ > 0 && input_.empty() && input_ended_) return std::size_t{0};
      reader_.emplace(members_, consumed_);
    }
    return read_streaming(*reader_, room);
  }

  std::uint64_t expected() override {
    if (!whole_ || reader_) return 0;
    refill();
    return trail::claimed_size(input_);
  }
  bool is_best_whole() const override { return whole_ && !reader_; }
  std::uint64_t taken() const override { return raw_->taken(); }
  void rest() override { raw_->rest(); }

 private:
  /// Fills `input_` when it is used up: with everything there is, or a piece.
  void refill() {
    if (input_ended_ || !input_.empty()) return;
    std::span<char> room;
    if (whole_) {
      buffer_ = tools_.pool.take(static_cast<std::size_t>(raw_->expected()));
      room = {buffer_.data, static_cast<std::size_t>(raw_->expected())};
    } else {
      piece_.resize(piece_bytes_);
      room = piece_;
    }
    std::size_t got = 0;
    while (got < room.size() && !input_ended_) {
      const auto more = raw_->read(room.subspan(got));
      if (!more) input_error_ = more.error();
      input_ended_ = !more || *more == 0;
      if (!input_ended_) got += *more;
    }
    input_ended_ = input_ended_ || whole_;
    input_ = std::string_view(room.data(), got);
  }

  /// Members that are in memory whole and fit the room; 0 if there is none.
  std::size_t read_members(std::span<char> room) {
    if (!whole_) return 0;
    refill();
    std::size_t produced = 0;
    while (produced < room.size() && !input_.empty() && (members_ == 0 || input_.front() != '\0')) {
      const auto step = tools_.inflater.inflate(input_, room.subspan(produced));
      if (step.status != trail::MemberInflater::Status::kDone) break;
      produced += step.produced;
      consumed_ += step.consumed;
      input_.remove_prefix(step.consumed);
      ++members_;
    }
    if (input_.empty()) buffer_ = {};
    return produced;
  }

  Result<std::size_t> read_streaming(trail::GzipReader& reader, std::span<char> room) {
    while (true) {
      refill();
      const auto step = reader.read(input_, room);
      input_.remove_prefix(step.consumed);
      if (!step.damage.empty()) damage_ = Error{ErrorCode::kMalformed, step.damage};
      if (step.produced > 0) return step.produced;
      if (damage_) return fail(*damage_);
      if (!input_.empty() || !input_ended_) continue;
      if (input_error_)
        damage_ = input_error_;
      else if (auto cut = reader.damage_at_end(); !cut.empty())
        damage_ = Error{ErrorCode::kMalformed, std::move(cut)};
      if (damage_) return fail(*damage_);
      return std::size_t{0};
    }
  }

  std::unique_ptr<ByteSource> raw_;
  ReadTools& tools_;
  const std::size_t piece_bytes_;
  bool whole_ = false;       // all compressed bytes are read at once
  Buffer buffer_;            // all of them
  std::vector<char> piece_;  // or some at a time
  std::string_view input_;   // compressed bytes read and not yet inflated
  bool input_ended_ = false;
  std::optional<Error> input_error_, damage_;
  std::uint64_t members_ = 0, consumed_ = 0;  // that libdeflate inflated
  std::optional<trail::GzipReader> reader_;   // once libdeflate cannot go on
};

}  // namespace

Result<std::shared_ptr<InputFile>> InputFile::open(const std::string& path) {
  std::shared_ptr<InputFile> file(new InputFile(path));
  file->has_path_ = true;
  if (auto opened = file->reopen(); !opened) return fail(std::move(opened).error());
  return file;
}

std::shared_ptr<InputFile> InputFile::adopt(int descriptor, std::string name) {
  std::shared_ptr<InputFile> file(new InputFile(std::move(name)));
  file->descriptor_ = descriptor;
  return file;
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> InputFile::reopen() {
  descriptor_ = ::open(name_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
    Error error = io_error("open", name_, errno);
    if (errno == ENOENT) error.code = ErrorCode::kNotFound;
    return fail(std::move(error));
  }
  const bool first = inode_ == 0 && device_ == 0;
  if (!first && (status.st_ino != inode_ || status.st_dev != device_))
    return fail(ErrorCode::kIo, name_ + " was replaced while it was read");
  inode_ = status.st_ino;
  device_ = status.st_dev;
  if (first) size_ = static_cast<std::uint64_t>(status.st_size);
  ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_SEQUENTIAL);
  return {};
}

Result<std::size_t> InputFile::read_at(std::uint64_t offset, std::span<char> room) {
  if (descriptor_ < 0) {
    if (auto opened = reopen(); !opened) return fail(std::move(opened).error());
  }
  ssize_t got = 0;
  do got = ::pread(descriptor_, room.data(), room.size(), static_cast<off_t>(offset));
  while (got < 0 && errno == EINTR);
  if (got < 0) return fail(io_error("read", name_, errno));
  return static_cast<std::size_t>(got);
}

void InputFile::rest() {
  if (!has_path_ || descriptor_ < 0) return;
  ::close(descriptor_);
  descriptor_ = -1;
}

std::unique_ptr<ByteSource> read_range(std::shared_ptr<InputFile> file, std::uint64_t offset, std::uint64_t size) {
  return std::make_unique<RangeSource>(std::move(file), offset, size);
}

std::unique_ptr<ByteSource> read_stream(int descriptor, std::string name) {
  return std::make_unique<StreamSource>(descriptor, std::move(name));
}

Result<std::unique_ptr<HeadSource>> HeadSource::over(std::unique_ptr<ByteSource> inner) {
  std::unique_ptr<HeadSource> source(new HeadSource(std::move(inner)));
  std::string& head = source->head_;
  head.resize(kHeadBytes);
  std::size_t size = 0;
  while (size < kHeadBytes) {
    auto got = source->inner_->read({head.data() + size, kHeadBytes - size});
    if (!got && got.error().code == ErrorCode::kIo && size == 0) return fail(std::move(got).error());
    if (!got) source->behind_head_ = std::make_unique<Error>(got.error());
    if (!got || *got == 0) break;
    size += *got;
  }
  head.resize(size);
  return source;
}

Result<std::size_t> HeadSource::read(std::span<char> room) {
  const std::size_t size = std::min(room.size(), head().size());
  if (size == 0) {
    if (behind_head_ && !room.empty()) return fail(*behind_head_);
    return inner_->read(room);
  }
  std::memcpy(room.data(), head().data(), size);
  given_ += size;
  return size;
}

std::unique_ptr<ByteSource> inflated(std::unique_ptr<HeadSource> raw, ReadTools& tools, std::size_t whole_bytes) {
  if (!trail::looks_like_gzip(raw->head())) return raw;
  return std::make_unique<GunzipSource>(std::move(raw), tools, whole_bytes);
}

}  // namespace trailwarden::ingest
