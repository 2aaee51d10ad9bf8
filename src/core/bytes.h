#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace trailwarden {

/// Builds a saved state: fixed-width little-endian numbers and length-prefixed strings.
class ByteWriter {
 public:
  template <std::unsigned_integral T>
  void number(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) bytes_.push_back(static_cast<char>(value >> (8 * i)));
  }
  void signed_number(std::int64_t value) { number(static_cast<std::uint64_t>(value)); }
  void time(Timestamp value) { signed_number(value.time_since_epoch().count()); }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_.append(value);
  }
  void flag(bool value) { bytes_.push_back(value ? '\1' : '\0'); }

  const std::string& bytes() const& { return bytes_; }
  std::string bytes() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what `ByteWriter` wrote. Reading past the end gives zeros and empty strings and makes
/// `finish` fail, so that a loader checks once, at its end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <std::unsigned_integral T>
  T number() {
    if (!available(sizeof(T))) return T{0};
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
      value = static_cast<T>(value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(rest_[i])) << (8 * i)));
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  std::int64_t signed_number() { return static_cast<std::int64_t>(number<std::uint64_t>()); }
  Timestamp time() { return Timestamp{std::chrono::seconds{signed_number()}}; }
  std::string text() {
    const auto size = number<std::uint32_t>();
    if (!available(size)) return {};
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  /// A text as a view into the bytes that are read.
  std::string_view view() {
    const auto size = number<std::uint32_t>();
    if (!available(size)) return {};
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  bool flag() { return number<std::uint8_t>() != 0; }
  bool ok() const { return ok_; }

  /// kMalformed unless everything was read and nothing was missing.
  Result<void> finish() const {
    if (!ok_) return fail(ErrorCode::kMalformed, "saved state ends too early");
    if (!rest_.empty()) return fail(ErrorCode::kMalformed, "saved state has bytes left over");
    return {};
  }

 private:
  bool available(std::size_t size) {
    ok_ = ok_ && rest_.size() >= size;
    return ok_;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace trailwarden
