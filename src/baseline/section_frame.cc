#include "baseline/section_frame.h"

#include <fmt/format.h>

#include "baseline/constants.h"
#include "core/hash.h"

namespace trailwarden::baseline {
namespace {

constexpr std::size_t kLengthAt = 8, kChecksumAt = 16, kHeadBytes = 24;  // in the head of a section

}  // namespace

SectionWriter::SectionWriter(ByteWriter& out) : out_(out) {
  out.array(kMagic);
  out.number(kFormat);
  out.text(constants_hash());
}

std::size_t SectionWriter::begin(const SectionKind& kind, std::size_t rows) {
  const std::size_t at = out_.size();
  out_.number(kind.id);
  out_.number(kind.version);
  out_.number(static_cast<std::uint32_t>(rows));
  out_.number(std::uint64_t{0});  // length and checksum, once they are known
  out_.number(std::uint64_t{0});
  return at;
}

void SectionWriter::end(std::size_t at) {
  const std::string_view bytes = std::string_view(out_.bytes()).substr(at + kHeadBytes);
  const std::uint64_t checksum = xxh3_64(bytes);
  out_.overwrite(at + kLengthAt, std::uint64_t{bytes.size()});
  out_.overwrite(at + kChecksumAt, checksum);
}

Result<SectionReader> SectionReader::open(ByteReader& in) {
  if (in.view(SectionWriter::kMagic.size()) != SectionWriter::kMagic) return fail(ErrorCode::kMalformed, "these are not saved baselines");
  if (const auto format = in.number<std::uint16_t>(); format != SectionWriter::kFormat)
    return fail(ErrorCode::kMalformed, fmt::format("saved baselines have format {}, this version reads {}", format, SectionWriter::kFormat));
  if (const std::string_view hash = in.view(in.number<std::uint32_t>()); hash != constants_hash())
    return fail(ErrorCode::kMalformed, "saved baselines were learned with other constants of the model");
  return SectionReader(in);
}

Result<SectionReader::Section> SectionReader::next(const SectionKind& kind) {
  const auto id = in_->number<std::uint16_t>(), version = in_->number<std::uint16_t>();
  const auto rows = in_->number<std::uint32_t>();
  const auto length = in_->number<std::uint64_t>(), checksum = in_->number<std::uint64_t>();
  const std::string_view bytes = in_->view(length);
  if (!in_->ok()) return fail(ErrorCode::kMalformed, fmt::format("{}: saved baselines end too early", kind.name));
  if (id != kind.id) return fail(ErrorCode::kMalformed, fmt::format("{}: another section, number {}, is in its place", kind.name, id));
  if (version != kind.version) return fail(ErrorCode::kMalformed, fmt::format("{}: version {}, this one reads {}", kind.name, version, kind.version));
  if (xxh3_64(bytes) != checksum) return fail(ErrorCode::kMalformed, fmt::format("{}: bytes do not fit their checksum", kind.name));
  return Section{rows, ByteReader(bytes)};
}

}  // namespace trailwarden::baseline
