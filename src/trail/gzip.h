#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

struct libdeflate_decompressor;
struct z_stream_s;

namespace trailwarden::trail {

/// Whether `bytes` begin as a gzip member does (RFC 1952: 1f 8b, deflate).
constexpr bool looks_like_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b\x08"); }

/// The uncompressed size that the end of `compressed` claims: right for one member below 4 GiB, a guess for anything
/// else. Clamped to what deflate can reach at all (1032 to 1), so that a lie cannot make a reader allocate gigabytes
/// for a kilobyte.
std::size_t claimed_size(std::string_view compressed);

/// Inflates gzip members that are in memory whole, through libdeflate: about three times as fast as zlib.
///
/// Not thread-safe: one a thread. It is 11 kB of tables; make one and keep it.
class MemberInflater {
 public:
  enum class Status : std::uint8_t {
    kDone,      // the member was inflated and its checksum and size are right
    kNoRoom,    // the member does not fit the room given
    kNotTaken,  // damaged, cut off, or with a header checksum, which libdeflate ignores: `GzipReader` decides
  };
  struct Step {
    Status status = Status::kNotTaken;
    std::size_t consumed = 0;  // of the input: the member's size if kDone, else 0
    std::size_t produced = 0;
  };

  MemberInflater();

  /// Inflates the one member at the front of `input` into `room`. Unless kDone, what stands in `room` is unspecified.
  Step inflate(std::string_view input, std::span<char> room);

 private:
  struct Free {
    void operator()(libdeflate_decompressor* decompressor) const;
  };
  std::unique_ptr<libdeflate_decompressor, Free> decompressor_;
};

/// Inflates a gzip stream of any length in pieces, through zlib: members one after another, zero bytes between and
/// behind them ignored, as gzip(1) does. Gives every byte before a damage. Memory: about 40 kB.
class GzipReader {
 public:
  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    std::string damage;  // for people; empty while all is well. Nothing can be read after it.
  };

  /// `members_before`, `bytes_before`: what was already read of the stream by other means.
  explicit GzipReader(std::uint64_t members_before = 0, std::uint64_t bytes_before = 0);
  ~GzipReader();
  GzipReader(GzipReader&&) noexcept;
  GzipReader& operator=(GzipReader&&) noexcept;

  /// Goes on with `input`, the compressed bytes behind those consumed so far, until it is used up or `room` is full.
  /// When `room` was filled there may be more to come without further input.
  Step read(std::string_view input, std::span<char> room);

  /// What is wrong when the compressed bytes end here: empty if a member has just ended.
  std::string damage_at_end() const;

  /// Compressed bytes taken so far.
  std::uint64_t consumed() const { return consumed_; }

 private:
  enum class State : std::uint8_t { kStart, kInside, kBetween, kDamaged };
  void inflate_some(std::string_view input, std::span<char> room, Step& step);
  std::string damage(int code);

  std::unique_ptr<z_stream_s> zlib_;
  State state_ = State::kStart;
  bool pending_ = false;       // zlib may have output left that did not fit
  std::uint64_t members_ = 0;  // that have ended
  std::uint64_t consumed_ = 0;
};

/// What `inflate_one` found. `text` lies in the room it was given.
struct OneMember {
  enum class Status : std::uint8_t {
    kWhole,
    kBytesBehind,  // one whole member, and something behind it
    kDamaged,      // no whole member with the right checksum and size, or one with a header checksum, which CloudTrail does not write
    kTooLarge,
  };
  Status status = Status::kDamaged;
  std::string_view text;
};

/// Inflates what must be one gzip member and nothing more, as CloudTrail's objects are. `room` grows as far as it must, up to `max_bytes`; kept from call to
/// call it need not grow again.
OneMember inflate_one(MemberInflater& inflater, std::string_view compressed, std::size_t max_bytes, std::string& room);

/// Appends to `out` what `compressed` inflates to, up to `max_bytes` in all. kMalformed with the damage, after the
/// bytes before it; kTooLarge if there is more than `max_bytes`.
Result<void> gunzip(MemberInflater& inflater, std::string_view compressed, std::size_t max_bytes, std::string& out);

/// The same, through `GzipReader` only.
Result<void> gunzip_streaming(std::string_view compressed, std::size_t max_bytes, std::string& out);

}  // namespace trailwarden::trail
