#include "trail/gzip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "testing/gzip.h"

namespace trailwarden::trail {
namespace {

using testing::gzip;
using ::testing::HasSubstr;

constexpr std::size_t kNoBound = std::size_t{1} << 30;

std::string lines(int count) {
  std::mt19937 random(7);
  std::string text;
  for (int i = 0; i < count; ++i) text += R"({"eventName":"GetObject","n":)" + std::to_string(random()) + "}\n";
  return text;
}

struct Read {
  std::string text, error;
  ErrorCode code = ErrorCode::kInvalidArgument;
};

Read read_whole(std::string_view compressed, std::size_t most = kNoBound) {
  Read read;
  MemberInflater inflater;
  if (auto done = gunzip(inflater, compressed, most, read.text); !done)
    read.error = done.error().message, read.code = done.error().code;
  return read;
}

Read read_streaming(std::string_view compressed, std::size_t most = kNoBound) {
  Read read;
  if (auto done = gunzip_streaming(compressed, most, read.text); !done)
    read.error = done.error().message, read.code = done.error().code;
  return read;
}

TEST(Gunzip, ReadsMembersOneAfterAnotherAndIgnoresZerosBehindThem) {
  const std::string text = lines(5000);
  for (const std::string& compressed : {gzip(text), gzip(text.substr(0, 100)) + gzip("") + gzip(text.substr(100)),
                                        gzip(text) + std::string(700, '\0')}) {
    EXPECT_EQ(read_whole(compressed).text, text);
    EXPECT_EQ(read_whole(compressed).error, "");
    EXPECT_EQ(read_streaming(compressed).text, text);
    EXPECT_EQ(read_streaming(compressed).error, "");
  }
}

TEST(Gunzip, GivesTheBytesBeforeACutAndSaysSo) {
  const std::string text = lines(5000), compressed = gzip(text);
  for (const std::size_t size : {std::size_t{3}, std::size_t{17}, compressed.size() / 2, compressed.size() - 1}) {
    const Read read = read_whole(compressed.substr(0, size));
    EXPECT_THAT(read.error, HasSubstr("cut off after " + std::to_string(size) + " compressed bytes"));
    EXPECT_EQ(read.code, ErrorCode::kMalformed);
    EXPECT_TRUE(text.starts_with(read.text));
    EXPECT_EQ(read.text, read_streaming(compressed.substr(0, size)).text);
  }
  EXPECT_GT(read_whole(compressed.substr(0, compressed.size() / 2)).text.size(), text.size() / 3);
}

TEST(Gunzip, SaysWhatIsDamaged) {
  const std::string text = lines(2000);
  std::string checksum = gzip(text), data = gzip(text);
  checksum[checksum.size() - 8] = static_cast<char>(checksum[checksum.size() - 8] ^ 1);
  EXPECT_EQ(read_whole(checksum).text, text);
  EXPECT_THAT(read_whole(checksum).error, HasSubstr("CRC mismatch"));
  for (std::size_t i = 0; i < 64; ++i) data[data.size() / 2 + i] = '\xff';
  EXPECT_THAT(read_whole(data).error, HasSubstr("at compressed byte"));
  EXPECT_THAT(read_whole(gzip(text) + "trailing").error, HasSubstr("what follows the gzip stream is not gzip"));
  EXPECT_EQ(read_whole(gzip(text) + "trailing").text, text);
}

TEST(Gunzip, StopsAtItsBound) {
  const std::string compressed = gzip(std::string(1 << 20, 'a'));
  for (const Read& read : {read_whole(compressed, 1000), read_streaming(compressed, 1000)}) {
    EXPECT_EQ(read.text, std::string(1000, 'a'));
    EXPECT_EQ(read.code, ErrorCode::kTooLarge);
  }
  EXPECT_EQ(read_whole(compressed, 1 << 20).error, "");
  EXPECT_EQ(read_streaming(compressed, 1 << 20).error, "");
}

TEST(InflateOne, TakesOneMemberAndNothingMore) {
  MemberInflater inflater;
  std::string room;
  const std::string text = lines(20'000), member = gzip(text);
  const auto status = [&](const std::string& compressed, std::size_t most = kNoBound) { return inflate_one(inflater, compressed, most, room).status; };
  EXPECT_EQ(inflate_one(inflater, member, kNoBound, room).text, text);
  EXPECT_EQ(status(member), OneMember::Status::kWhole);
  EXPECT_EQ(status(member, text.size()), OneMember::Status::kWhole);
  EXPECT_EQ(status(member, text.size() - 1), OneMember::Status::kTooLarge);
  room = {};  // what stands behind claims a size that is far too small
  EXPECT_EQ(status(member + std::string(4, '\0')), OneMember::Status::kBytesBehind);
  EXPECT_EQ(status(member + member), OneMember::Status::kBytesBehind);
  EXPECT_EQ(status(member.substr(0, member.size() - 1)), OneMember::Status::kDamaged);
  EXPECT_EQ(status(member.substr(0, 5)), OneMember::Status::kDamaged);
  EXPECT_EQ(status(""), OneMember::Status::kDamaged);
  EXPECT_EQ(status(text), OneMember::Status::kDamaged);
}

TEST(GzipReader, DoesNotDependOnHowItIsFed) {
  const std::string text = lines(3000);
  std::string compressed = gzip(text.substr(0, 777)) + gzip(text.substr(777));
  std::mt19937 random(3);
  for (const bool cut : {false, true}) {
    if (cut) compressed.resize(compressed.size() - 500);
    GzipReader reader;
    std::string out;
    std::string_view rest = compressed;
    while (true) {
      char room[300];
      const std::string_view piece = rest.substr(0, random() % 100 + 1);
      const auto step = reader.read(piece, std::span(room, random() % 300 + 1));
      out.append(room, step.produced);
      rest.remove_prefix(step.consumed);
      if (rest.empty() && step.produced == 0) break;
    }
    EXPECT_EQ(out, read_streaming(compressed).text);
    EXPECT_EQ(reader.damage_at_end().empty(), !cut);
    EXPECT_EQ(reader.consumed(), compressed.size());
  }
}

TEST(MemberInflater, DoesNotWriteBeyondItsRoom) {
  MemberInflater inflater;
  const std::string compressed = gzip(lines(100));
  std::string room(50, 'x');
  EXPECT_EQ(inflater.inflate(compressed, std::span(room).first(49)).status, MemberInflater::Status::kNoRoom);
  EXPECT_EQ(room.back(), 'x');
}

TEST(ClaimedSize, IsNeverMoreThanDeflateCanReach) {
  const std::string text = lines(1000);
  EXPECT_EQ(claimed_size(gzip(text)), text.size());
  std::string lie = gzip("hello");
  lie.replace(lie.size() - 4, 4, "\xff\xff\xff\x7f");
  EXPECT_LT(claimed_size(lie), 20'000U);
  EXPECT_EQ(claimed_size("short"), 0U);
}

}  // namespace
}  // namespace trailwarden::trail
