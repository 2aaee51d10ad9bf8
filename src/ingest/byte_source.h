#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "ingest/buffer_pool.h"
#include "trail/gzip.h"

namespace trailwarden::ingest {

/// The bytes of one origin, front to back.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// Reads what is there at once, at most `room`; 0 only at the end, or without room. kMalformed: the origin is damaged
  /// from here on (every byte before has been given); kIo: the operating system refuses.
  virtual Result<std::size_t> read(std::span<char> room) = 0;

  /// How many bytes are still to come, as far as can be told without inflating; 0 if it cannot. A hint, which damage
  /// makes wrong.
  virtual std::uint64_t expected() = 0;
  /// Whether it is much faster to read all that is expected at once.
  virtual bool is_best_whole() const { return false; }

  /// Bytes taken so far from where they are stored: compressed ones if they are compressed.
  virtual std::uint64_t taken() const = 0;

  /// Gives back what costs while the origin waits for others, such as a file descriptor.
  virtual void rest() {}
};

/// A file open for reading at any position.
class InputFile {
 public:
  /// kNotFound or kIo, with the path.
  static Result<std::shared_ptr<InputFile>> open(const std::string& path);
  /// Takes over a descriptor; `name` is for messages.
  static std::shared_ptr<InputFile> adopt(int descriptor, std::string name);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> room);
  /// When it was opened by path.
  std::uint64_t size() const { return size_; }
  const std::string& name() const { return name_; }
  /// Closes the descriptor until the next read, if the file can be opened again.
  void rest();

 private:
  explicit InputFile(std::string name) : name_(std::move(name)) {}
  Result<void> reopen();

  std::string name_;
  int descriptor_ = -1;
  bool has_path_ = false;
  std::uint64_t size_ = 0, device_ = 0, inode_ = 0;
};

/// `size` bytes of `file` from `offset` on: a whole file, or a member of an archive.
std::unique_ptr<ByteSource> read_range(std::shared_ptr<InputFile> file, std::uint64_t offset, std::uint64_t size);

/// A descriptor that can only be read front to back, such as standard input; it stays open.
std::unique_ptr<ByteSource> read_stream(int descriptor, std::string name);

/// What reading needs and keeps from one origin to the next. Owned by one thread.
struct ReadTools {
  BufferPool pool;
  trail::MemberInflater inflater;
};

/// A source whose first bytes can be seen before they are read.
class HeadSource final : public ByteSource {
 public:
  static constexpr std::size_t kHeadBytes = 4096;

  /// kIo if not even the first bytes can be read. Damage shows up behind them.
  static Result<std::unique_ptr<HeadSource>> over(std::unique_ptr<ByteSource> inner);

  std::string_view head() const { return std::string_view(head_).substr(given_); }

  Result<std::size_t> read(std::span<char> room) override;
  std::uint64_t expected() override { return head().size() + inner_->expected(); }
  std::uint64_t taken() const override { return inner_->taken(); }
  void rest() override { inner_->rest(); }

 private:
  explicit HeadSource(std::unique_ptr<ByteSource> inner) : inner_(std::move(inner)) {}

  std::unique_ptr<ByteSource> inner_;
  std::string head_;
  std::size_t given_ = 0;
  std::unique_ptr<Error> behind_head_;  // what reading the head ended with
};

/// `raw`, or if it begins as gzip does what it inflates to. `tools` outlives the source.
///
/// Up to `whole_bytes` (at most 8 MiB) of compressed bytes are read at once and inflated by libdeflate straight into
/// the room given, if a member fits it; else, and for damaged members, zlib inflates in pieces.
std::unique_ptr<ByteSource> inflated(std::unique_ptr<HeadSource> raw, ReadTools& tools, std::size_t whole_bytes);

}  // namespace trailwarden::ingest
