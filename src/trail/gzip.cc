#include "trail/gzip.h"

#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <utility>

#include "core/check.h"

namespace trailwarden::trail {
namespace {

constexpr std::size_t kTrailer = 8;           // CRC-32 and size
constexpr std::size_t kSmallestMember = 18;   // header and trailer
constexpr std::size_t kMostPerByte = 1032;    // deflate's best ratio
constexpr unsigned char kHeaderChecksum = 2;  // FHCRC in a member's flags

std::size_t little_endian32(std::string_view bytes) {
  std::size_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// zlib counts in unsigned int.
unsigned clamped(std::size_t size) { return static_cast<unsigned>(std::min<std::size_t>(size, UINT_MAX)); }

}  // namespace

std::size_t claimed_size(std::string_view compressed) {
  if (compressed.size() < kSmallestMember) return 0;
  return std::min(little_endian32(compressed.substr(compressed.size() - 4)),
                  (compressed.size() - kTrailer) * kMostPerByte);
}

void MemberInflater::Free::operator()(libdeflate_decompressor* decompressor) const {
  libdeflate_free_decompressor(decompressor);
}

MemberInflater::MemberInflater() : decompressor_(libdeflate_alloc_decompressor()) {
  TRAILWARDEN_CHECK(decompressor_ != nullptr, "memory for a decompressor");
}

MemberInflater::Step MemberInflater::inflate(std::string_view input, std::span<char> room) {
  if (input.size() < kSmallestMember || (static_cast<unsigned char>(input[3]) & kHeaderChecksum) != 0) return {};
  Step step;
  const libdeflate_result result = libdeflate_gzip_decompress_ex(
      decompressor_.get(), input.data(), input.size(), room.data(), room.size(), &step.consumed, &step.produced);
  if (result == LIBDEFLATE_SUCCESS) {
    step.status = Status::kDone;
    return step;
  }
  return {result == LIBDEFLATE_INSUFFICIENT_SPACE ? Status::kNoRoom : Status::kNotTaken, 0, 0};
}

GzipReader::GzipReader(std::uint64_t members_before, std::uint64_t bytes_before)
    : zlib_(std::make_unique<z_stream>()),
      state_(members_before == 0 ? State::kStart : State::kBetween),
      members_(members_before),
      consumed_(bytes_before) {
  constexpr int kGzipOnly = 16;
  TRAILWARDEN_CHECK(inflateInit2(zlib_.get(), kGzipOnly + MAX_WBITS) == Z_OK, "memory for zlib");
}

GzipReader::~GzipReader() {
  if (zlib_) inflateEnd(zlib_.get());
}

GzipReader::GzipReader(GzipReader&&) noexcept = default;

GzipReader& GzipReader::operator=(GzipReader&& other) noexcept {
  std::swap(zlib_, other.zlib_);
  state_ = other.state_;
  pending_ = other.pending_;
  members_ = other.members_;
  consumed_ = other.consumed_;
  return *this;
}

GzipReader::Step GzipReader::read(std::string_view input, std::span<char> room) {
  Step step;
  const auto rest = [&] { return input.substr(step.consumed); };
  while (step.damage.empty() && state_ != State::kDamaged && step.produced < room.size() &&
         (pending_ || !rest().empty())) {
    if (state_ == State::kBetween) {
      const std::size_t padding = std::min(rest().find_first_not_of('\0'), rest().size());
      step.consumed += padding;
      consumed_ += padding;
      if (rest().empty()) break;
      inflateReset(zlib_.get());
    }
    state_ = State::kInside;
    inflate_some(rest(), room.subspan(step.produced), step);
  }
  return step;
}

void GzipReader::inflate_some(std::string_view input, std::span<char> room, Step& step) {
  const unsigned in = clamped(input.size()), out = clamped(room.size());
  zlib_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  zlib_->avail_in = in;
  zlib_->next_out = reinterpret_cast<Bytef*>(room.data());
  zlib_->avail_out = out;
  const int code = ::inflate(zlib_.get(), Z_NO_FLUSH);
  step.consumed += in - zlib_->avail_in;
  consumed_ += in - zlib_->avail_in;
  step.produced += out - zlib_->avail_out;
  pending_ = code == Z_OK && zlib_->avail_out == 0;
  if (code == Z_STREAM_END) {
    ++members_;
    state_ = State::kBetween;
  } else if (code != Z_OK && code != Z_BUF_ERROR) {
    step.damage = damage(code);
  }
}

std::string GzipReader::damage(int code) {
  state_ = State::kDamaged;
  const std::string at = " (at compressed byte " + std::to_string(consumed_) + ")";
  const std::string_view reason = zlib_->msg != nullptr ? zlib_->msg
                                  : code == Z_NEED_DICT ? "a dictionary is needed"
                                                        : "unknown error";
  if (reason == "incorrect header check" && members_ > 0) return "what follows the gzip stream is not gzip" + at;
  if (reason == "incorrect data check") return "CRC mismatch: some byte of the gzip stream is wrong" + at;
  if (reason == "incorrect length check") return "wrong size at the end of the gzip stream" + at;
  return "damaged gzip stream: " + std::string(reason) + at;
}

std::string GzipReader::damage_at_end() const {
  if (state_ != State::kInside) return {};
  return "the gzip stream is cut off after " + std::to_string(consumed_) + " compressed bytes";
}

namespace {

constexpr std::size_t kPiece = 64 * 1024;

Result<void> too_large(std::size_t max_bytes, std::string& out) {
  out.resize(max_bytes);
  return fail(ErrorCode::kTooLarge, "inflates to more than " + std::to_string(max_bytes) + " bytes");
}

/// Everything that `input` still inflates to, in pieces.
Result<void> inflate_rest(GzipReader reader, std::string_view input, std::size_t max_bytes, std::string& out) {
  while (true) {
    const std::size_t before = out.size();
    // One byte above the bound, to see that there is more.
    out.resize(before + std::min(kPiece, max_bytes - before + 1));
    const GzipReader::Step step = reader.read(input, std::span(out).subspan(before));
    out.resize(before + step.produced);
    input.remove_prefix(step.consumed);
    if (out.size() > max_bytes) return too_large(max_bytes, out);
    if (!step.damage.empty()) return fail(ErrorCode::kMalformed, step.damage);
    if (step.consumed == 0 && step.produced == 0) break;
  }
  if (std::string damage = reader.damage_at_end(); !damage.empty())
    return fail(ErrorCode::kMalformed, std::move(damage));
  return {};
}

}  // namespace

Result<void> gunzip(MemberInflater& inflater, std::string_view compressed, std::size_t max_bytes, std::string& out) {
  std::uint64_t members = 0, consumed = 0;
  while (consumed < compressed.size()) {
    const std::string_view rest = compressed.substr(consumed);
    if (members > 0 && rest.front() == '\0') break;
    const std::size_t before = out.size();
    out.resize(before + std::min(std::max(claimed_size(rest), kPiece), max_bytes - std::min(before, max_bytes)));
    const MemberInflater::Step step = inflater.inflate(rest, std::span(out).subspan(before));
    out.resize(before + step.produced);
    if (step.status != MemberInflater::Status::kDone) break;
    consumed += step.consumed;
    ++members;
  }
  if (consumed == compressed.size()) return {};
  return inflate_rest(GzipReader(members, consumed), compressed.substr(consumed), std::max(max_bytes, out.size()), out);
}

OneMember inflate_one(MemberInflater& inflater, std::string_view compressed, std::size_t max_bytes, std::string& room) {
  // The claim is a guess where something follows the member.
  if (const std::size_t claimed = std::min(std::max(claimed_size(compressed), kPiece), max_bytes); room.size() < claimed) room.resize(claimed);
  while (true) {
    const MemberInflater::Step step = inflater.inflate(compressed, std::span(room).first(std::min(room.size(), max_bytes)));
    const std::string_view text = std::string_view(room).substr(0, step.produced);
    if (step.status == MemberInflater::Status::kNotTaken) return {OneMember::Status::kDamaged, {}};
    if (step.status == MemberInflater::Status::kDone)
      return {step.consumed == compressed.size() ? OneMember::Status::kWhole : OneMember::Status::kBytesBehind, text};
    if (room.size() >= max_bytes) return {OneMember::Status::kTooLarge, {}};
    room.resize(std::min(2 * room.size(), max_bytes));
  }
}

Result<void> gunzip_streaming(std::string_view compressed, std::size_t max_bytes, std::string& out) {
  return inflate_rest(GzipReader(), compressed, std::max(max_bytes, out.size()), out);
}

}  // namespace trailwarden::trail
