#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"
#include "core/time.h"

namespace trailwarden {

/// A number that a saved state holds as its bytes, little-endian.
template <class T>
concept Savable = std::integral<T> || std::floating_point<T>;

template <class T>
concept SavableArray = std::ranges::contiguous_range<T> && Savable<std::ranges::range_value_t<T>>;

/// The bytes of `value` as a saved state has them.
template <Savable T>
std::array<char, sizeof(T)> little_endian(T value) {
  auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
  if constexpr (std::endian::native == std::endian::big) std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

/// Builds a saved state: fixed-width little-endian numbers and length-prefixed strings.
class ByteWriter {
 public:
  template <std::unsigned_integral T>
  void number(T value) {
    raw(value);
  }
  void signed_number(std::int64_t value) { raw(value); }
  /// A float or double as its IEEE bits.
  template <std::floating_point T>
  void real(T value) {
    raw(value);
  }
  void time(Timestamp value) { signed_number(value.time_since_epoch().count()); }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_.append(value);
  }
  void flag(bool value) { bytes_.push_back(value ? '\1' : '\0'); }

  /// Numbers one behind the other, without their count: at the speed of a copy where the machine is little-endian itself.
  template <SavableArray Values>
  void array(const Values& values) {
    if constexpr (std::endian::native == std::endian::little) {
      bytes_.append(reinterpret_cast<const char*>(std::ranges::data(values)), std::span(values).size_bytes());
    } else {
      for (const auto value : values) raw(value);
    }
  }

  /// What `write()` adds to this state, with its length in front, so that a reader can pass it over.
  template <class Write>
  void part(Write write) {
    const std::size_t at = bytes_.size();
    number(std::uint64_t{0});
    write();
    overwrite(at, std::uint64_t{bytes_.size() - at - sizeof(std::uint64_t)});
  }

  /// Puts a number in the place of one that was written at byte `at`, when it was not known yet.
  template <std::unsigned_integral T>
  void overwrite(std::size_t at, T value) {
    const auto bytes = little_endian(value);
    bytes_.replace(at, bytes.size(), bytes.data(), bytes.size());
  }

  std::size_t size() const { return bytes_.size(); }
  const std::string& bytes() const& { return bytes_; }
  std::string bytes() && { return std::move(bytes_); }

 private:
  template <Savable T>
  void raw(T value) {
    const auto bytes = little_endian(value);
    bytes_.append(bytes.data(), bytes.size());
  }

  std::string bytes_;
};

/// Reads what `ByteWriter` wrote. Reading past the end, or a flag that is none, gives zeros and empty strings and makes
/// `finish` fail, so that a loader checks once, at its end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <std::unsigned_integral T>
  T number() {
    return raw<T>();
  }
  std::int64_t signed_number() { return raw<std::int64_t>(); }
  template <std::floating_point T>
  T real() {
    return raw<T>();
  }
  Timestamp time() { return Timestamp{std::chrono::seconds{signed_number()}}; }
  std::string text() { return std::string(view(number<std::uint32_t>())); }
  bool flag() {
    const auto value = number<std::uint8_t>();
    ok_ = ok_ && value <= 1;
    return value == 1;
  }

  /// As many numbers as `values` has room for.
  template <SavableArray Values>
  void array(Values&& values) {
    using T = std::ranges::range_value_t<Values>;
    if constexpr (std::endian::native == std::endian::little) {
      const std::string_view bytes = view(std::span(values).size_bytes());
      if (bytes.empty()) std::fill(values.begin(), values.end(), T{0});
      else std::memcpy(std::ranges::data(values), bytes.data(), bytes.size());
    } else {
      for (T& value : values) value = raw<T>();
    }
  }

  /// The next `size` bytes as they stand in the state; empty if there are not so many.
  std::string_view view(std::uint64_t size) {
    if (!has(size)) return {};
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  /// What `ByteWriter::part` wrote.
  ByteReader part() { return ByteReader(view(number<std::uint64_t>())); }

  /// Whether `count` items of at least `bytes_each` >= 1 can follow; if not, the state ends too early. Asked before room is made for them: a
  /// damaged count must not take the memory.
  bool has(std::uint64_t count, std::uint64_t bytes_each = 1) {
    ok_ = ok_ && count <= rest_.size() / bytes_each;
    return ok_;
  }

  std::size_t remaining() const { return rest_.size(); }
  bool ok() const { return ok_; }

  /// kMalformed unless everything was read and nothing was missing.
  Result<void> finish() const {
    if (!ok_) return fail(ErrorCode::kMalformed, "saved state ends too early");
    if (!rest_.empty()) return fail(ErrorCode::kMalformed, "saved state has bytes left over");
    return {};
  }

 private:
  template <Savable T>
  T raw() {
    std::array<char, sizeof(T)> bytes{};
    const std::string_view from = view(sizeof(T));
    std::copy(from.begin(), from.end(), bytes.begin());
    if constexpr (std::endian::native == std::endian::big) std::reverse(bytes.begin(), bytes.end());
    return std::bit_cast<T>(bytes);
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace trailwarden
