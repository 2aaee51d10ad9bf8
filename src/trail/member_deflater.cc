#include "trail/member_deflater.h"

#include <libdeflate.h>

#include "core/check.h"

namespace trailwarden::trail {

void MemberDeflater::Free::operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }

MemberDeflater::MemberDeflater(int level) : compressor_(libdeflate_alloc_compressor(level)) {
  TRAILWARDEN_CHECK(compressor_ != nullptr, "memory for a compressor, and a level of 1 to 12");
}

void MemberDeflater::deflate(std::string_view text, std::string& out) {
  // The bound is more than the text, the member a tenth of it: room that is not written first is, but for that tenth, never there.
  const std::size_t bound = libdeflate_gzip_compress_bound(compressor_.get(), text.size());
  const auto room = std::make_unique_for_overwrite<char[]>(bound);
  const std::size_t size = libdeflate_gzip_compress(compressor_.get(), text.data(), text.size(), room.get(), bound);
  TRAILWARDEN_CHECK(size > 0, "the bound is enough room");
  out.assign(room.get(), size);
}

}  // namespace trailwarden::trail
