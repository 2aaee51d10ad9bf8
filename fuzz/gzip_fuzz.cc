// The two ways to inflate, over arbitrary bytes: they agree, and neither goes over its bound.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "trail/gzip.h"

namespace {

using namespace trailwarden;
using namespace trailwarden::trail;

constexpr std::size_t kBound = 100'000;

/// What a reader gives that is fed a few bytes at a time.
std::string in_pieces(std::string_view compressed, bool& damaged) {
  GzipReader reader;
  std::string out;
  while (out.size() < kBound) {
    char room[50];
    const auto step = reader.read(compressed.substr(0, 13), room);
    out.append(room, step.produced);
    compressed.remove_prefix(step.consumed);
    damaged = !step.damage.empty();
    if (damaged || (compressed.empty() && step.produced == 0)) break;
  }
  damaged = damaged || !reader.damage_at_end().empty();
  return out.substr(0, kBound);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view compressed(reinterpret_cast<const char*>(data), size);
  std::string whole, streamed;
  MemberInflater inflater;
  const auto whole_result = gunzip(inflater, compressed, kBound, whole);
  const auto streamed_result = gunzip_streaming(compressed, kBound, streamed);
  if (whole.size() > kBound || streamed.size() > kBound) std::abort();
  if (!whole.starts_with(streamed)) std::abort();
  // libdeflate takes some code tables that zlib refuses, if the checksum is right: then it has the last word.
  if (streamed_result.has_value() && (!whole_result.has_value() || whole != streamed)) std::abort();

  bool damaged = false;
  if (in_pieces(compressed, damaged) != streamed) std::abort();
  if (streamed_result.has_value() && damaged) std::abort();
  return 0;
}
