#include "ingest/tar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

namespace trailwarden::ingest {
namespace {

/// What extends a header, such as a long name, is at most this large.
constexpr std::uint64_t kMostExtension = std::uint64_t{1} << 20;

/// A member's header; positions of POSIX.1-2017.
class Header {
 public:
  char* bytes() { return bytes_.data(); }
  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

  bool is_zero() const { return view().find_first_not_of('\0') == std::string_view::npos; }
  char type() const { return bytes_[156]; }
  bool is_regular() const { return type() == '0' || type() == '\0' || type() == '7'; }
  /// Links, devices and folders have no bytes, whatever the size field says.
  bool has_bytes() const { return type() < '1' || type() > '6'; }

  bool is_valid() const {
    if (view().substr(257, 5) != "ustar") return false;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes_.size(); ++i)
      sum += i >= 148 && i < 156 ? std::uint64_t{' '} : static_cast<unsigned char>(bytes_[i]);
    return number(148, 8) == sum;
  }

  std::optional<std::uint64_t> size() const { return number(124, 12); }

  std::string name() const {
    const std::string_view own = text(0, 100), prefix = text(345, 155);
    const bool posix = bytes_[262] == '\0';  // GNU keeps other things where the prefix is
    if (!posix || prefix.empty()) return std::string(own);
    return std::string(prefix).append("/").append(own);
  }

 private:
  std::string_view text(std::size_t at, std::size_t length) const {
    const std::string_view field = view().substr(at, length);
    return field.substr(0, std::min(field.find('\0'), field.size()));
  }

  /// Octal digits, or GNU's base 256: the first bit set, then a big-endian number.
  std::optional<std::uint64_t> number(std::size_t at, std::size_t length) const {
    const std::string_view field = view().substr(at, length);
    std::uint64_t value = 0;
    if ((static_cast<unsigned char>(field[0]) & 0x80) != 0) {
      for (std::size_t i = 1; i < length; ++i) {
        if (value >> 56 != 0) return std::nullopt;
        value = value << 8 | static_cast<unsigned char>(field[i]);
      }
      return value;
    }
    const std::size_t begin = std::min(field.find_first_not_of(' '), length);
    const std::size_t end = std::min(field.find_first_not_of("01234567", begin), length);
    if (begin == end || end - begin > 20) return std::nullopt;
    std::from_chars(field.data() + begin, field.data() + end, value, 8);
    return value;
  }

  std::array<char, kTarBlock> bytes_{};
};

/// What extended headers say of the member behind them.
struct Extension {
  std::string name;
  std::optional<std::uint64_t> size;
};

/// pax records: `LENGTH KEY=VALUE\n`, the length counting itself.
void read_pax(std::string_view records, Extension& extension) {
  while (!records.empty()) {
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(records.data(), records.data() + records.size(), length);
    const auto digits = static_cast<std::size_t>(end - records.data());
    if (error != std::errc{} || length > records.size() || length < digits + 2) return;
    const std::string_view record = records.substr(digits + 1, length - digits - 2);
    const std::size_t equals = std::min(record.find('='), record.size());
    const std::string_view key = record.substr(0, equals), value = record.substr(std::min(equals + 1, record.size()));
    if (key == "path") extension.name = value;
    if (key == "size") {
      std::uint64_t size = 0;
      if (std::from_chars(value.data(), value.data() + value.size(), size).ec == std::errc{}) extension.size = size;
    }
    records.remove_prefix(length);
  }
}

/// Reads the headers, one after the other.
class Indexing {
 public:
  Indexing(InputFile& file, std::uint64_t size) : file_(file), file_size_(size) {}

  TarIndex run() {
    while (index_.damage.empty() && header()) {
    }
    return std::move(index_);
  }

 private:
  /// False at the end.
  bool header() {
    Header header;
    if (!read(at_, header.bytes(), kTarBlock)) return damaged("ends in the middle of a header");
    if (at_ >= file_size_ || header.is_zero()) return false;
    if (!header.is_valid()) return damaged("has a header whose checksum is wrong");
    const auto written = header.has_bytes() ? header.size() : std::uint64_t{0};
    const std::uint64_t size =
        header.is_regular() ? extension_.size.value_or(written.value_or(0)) : written.value_or(0);
    if (!written || size > file_size_) return damaged(written ? "ends inside a member" : "has a header without a size");
    const std::uint64_t data = at_ + kTarBlock;
    if (!member(header, data, size)) return false;
    at_ = data + (size + kTarBlock - 1) / kTarBlock * kTarBlock;
    return true;
  }

  bool member(const Header& header, std::uint64_t data, std::uint64_t size) {
    if (header.type() == 'x' || header.type() == 'L') return extension(header.type(), data, size);
    if (header.type() == 'K' || header.type() == 'g') return true;
    if (header.is_regular()) {
      std::string name = extension_.name.empty() ? header.name() : extension_.name;
      index_.members.push_back({std::move(name), data, std::min(size, file_size_ - std::min(data, file_size_))});
      if (data + size > file_size_) return damaged("ends inside " + index_.members.back().name);
    }
    extension_ = {};
    return true;
  }

  bool extension(char type, std::uint64_t data, std::uint64_t size) {
    if (size > kMostExtension) return damaged("has a header extension of more than 1 MiB");
    std::string text(static_cast<std::size_t>(size), '\0');
    if (!read(data, text.data(), text.size())) return damaged("ends in the middle of a header");
    if (type == 'x')
      read_pax(text, extension_);
    else
      extension_.name = text.substr(0, text.find('\0'));
    return true;
  }

  /// Nothing at all at the end of the file is fine too: some writers leave the closing blocks out.
  bool read(std::uint64_t at, char* to, std::size_t size) {
    std::size_t got = 0;
    while (got < size && at + got < file_size_) {
      const auto more = file_.read_at(at + got, {to + got, size - got});
      if (!more || *more == 0) return false;
      got += *more;
    }
    return got == size || (got == 0 && at >= file_size_);
  }

  bool damaged(std::string what) {
    index_.damage = "the tar archive " + std::move(what) + " (at byte " + std::to_string(at_) + ")";
    return false;
  }

  InputFile& file_;
  const std::uint64_t file_size_;
  std::uint64_t at_ = 0;
  Extension extension_;
  TarIndex index_;
};

}  // namespace

bool looks_like_tar(std::string_view head) {
  if (head.size() < kTarBlock) return false;
  Header header;
  std::memcpy(header.bytes(), head.data(), kTarBlock);
  return header.is_valid();
}

TarIndex index_tar(InputFile& file, std::uint64_t size) { return Indexing(file, size).run(); }

}  // namespace trailwarden::ingest
