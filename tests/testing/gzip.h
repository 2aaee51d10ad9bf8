#pragma once

#include <zlib.h>

#include <string>
#include <string_view>

#include "core/check.h"

namespace trailwarden::testing {

/// `text` as one gzip member.
inline std::string gzip(std::string_view text, int level = 6) {
  constexpr int kGzip = 16 + MAX_WBITS;
  z_stream zlib{};
  TRAILWARDEN_CHECK(deflateInit2(&zlib, level, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) == Z_OK, "memory for zlib");
  std::string out(deflateBound(&zlib, text.size()), '\0');
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  zlib.avail_in = static_cast<uInt>(text.size());
  zlib.next_out = reinterpret_cast<Bytef*>(out.data());
  zlib.avail_out = static_cast<uInt>(out.size());
  TRAILWARDEN_CHECK(deflate(&zlib, Z_FINISH) == Z_STREAM_END, "deflateBound is a bound");
  out.resize(zlib.total_out);
  deflateEnd(&zlib);
  return out;
}

}  // namespace trailwarden::testing
