#include "trail/member_deflater.h"

#include <gtest/gtest.h>

#include "trail/gzip.h"

namespace trailwarden::trail {
namespace {

std::string round_trip(std::string_view text, int level) {
  std::string packed, out;
  MemberDeflater(level).deflate(text, packed);
  EXPECT_TRUE(looks_like_gzip(packed));
  EXPECT_EQ(claimed_size(packed), text.size());
  EXPECT_TRUE(gunzip_streaming(packed, std::size_t{1} << 30, out));
  return out;
}

TEST(MemberDeflater, InflatesToWhatItWas) {
  std::string long_text;
  for (int i = 0; i < 20'000; ++i) long_text += "record " + std::to_string(i * 7919) + "\n";
  for (const int level : {1, 6, 12}) {
    EXPECT_EQ(round_trip("", level), "");
    EXPECT_EQ(round_trip("a", level), "a");
    EXPECT_EQ(round_trip(long_text, level), long_text);
  }
}

TEST(MemberDeflater, ReplacesWhatStoodInOut) {
  MemberDeflater deflater(1);
  std::string first, second = "something longer than the member could ever be, something longer than it";
  deflater.deflate("text", first);
  deflater.deflate("text", second);
  EXPECT_EQ(first, second);
}

}  // namespace
}  // namespace trailwarden::trail
