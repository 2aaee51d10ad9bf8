#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/bytes.h"
#include "core/result.h"

namespace trailwarden::baseline {

/// A section of the saved baselines: what stands in it, and in which version of its form.
struct SectionKind {
  std::uint16_t id, version;
  std::string_view name;  // in what is said of damage
};

/// Frames the saved baselines of one cell:
///
///   "TWBL", format version u16, text of the constants hash (u32 length, characters), then sections one behind the other:
///   id u16, version u16, rows u32, length u64, XXH3-64 of the bytes, the bytes.
///
/// All numbers little-endian. Which sections there are, and in which order, is fixed by whoever writes them; what stands in each is told where it is
/// saved. The constants hash is here because what was learned under other constants is something else under these.
class SectionWriter {
 public:
  static constexpr std::string_view kMagic = "TWBL";
  static constexpr std::uint16_t kFormat = 1;

  explicit SectionWriter(ByteWriter& out);

  /// One section of `rows` items, whose bytes `write(ByteWriter&)` adds.
  template <class Write>
  void add(const SectionKind& kind, std::size_t rows, Write write) {
    const std::size_t at = begin(kind, rows);
    write(out_);
    end(at);
  }

 private:
  std::size_t begin(const SectionKind& kind, std::size_t rows);
  void end(std::size_t at);

  ByteWriter& out_;
};

/// Reads it back, section by section. Refuses, with kMalformed and what is wrong where: another magic or format, other constants, another section
/// than the one that is due, another version of it, bytes that do not fit their checksum.
class SectionReader {
 public:
  static Result<SectionReader> open(ByteReader& in);

  /// The next section, which must be `kind`: `read(ByteReader&, rows)` must use up its bytes.
  template <class Read>
  Result<void> read(const SectionKind& kind, Read read) {
    auto section = next(kind);
    if (!section) return fail(std::move(section).error());
    Result<void> done = read(section->bytes, section->rows);
    if (done) done = section->bytes.finish();
    if (!done) return fail(std::move(done).error().during(kind.name));
    return {};
  }

 private:
  struct Section {
    std::uint32_t rows;
    ByteReader bytes;
  };

  explicit SectionReader(ByteReader& in) : in_(&in) {}
  Result<Section> next(const SectionKind& kind);

  ByteReader* in_;
};

}  // namespace trailwarden::baseline
