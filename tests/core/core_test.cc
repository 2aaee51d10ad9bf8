#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "core/bytes.h"
#include "core/diagnostics.h"
#include "core/failpoint.h"
#include "core/hash.h"
#include "core/text.h"
#include "core/time.h"

namespace trailwarden {
namespace {

struct TimeCase {
  const char* name;
  const char* text;
  std::optional<std::int64_t> unix_seconds;  // nullopt: must be refused
};
void PrintTo(const TimeCase& c, std::ostream* out) { *out << c.text; }

class ParseEventTime : public ::testing::TestWithParam<TimeCase> {};

TEST_P(ParseEventTime, AgreesWithTable) {
  const TimeCase& c = GetParam();
  const auto parsed = parse_event_time(c.text);
  ASSERT_EQ(parsed.has_value(), c.unix_seconds.has_value());
  if (parsed && c.unix_seconds) {
    EXPECT_EQ(*parsed, Timestamp{std::chrono::seconds{*c.unix_seconds}});
    EXPECT_EQ(format_time(*parsed), c.text);
  }
}

INSTANTIATE_TEST_SUITE_P(CloudTrail, ParseEventTime,
                         ::testing::Values(TimeCase{"Epoch", "1970-01-01T00:00:00Z", 0}, TimeCase{"LeapDay", "2024-02-29T23:59:59Z", 1709251199},
                                           TimeCase{"BeforeEpoch", "1969-12-31T23:59:59Z", -1},
                                           TimeCase{"NoSuchDay", "2023-02-29T00:00:00Z", std::nullopt},
                                           TimeCase{"NoSuchHour", "2023-02-28T24:00:00Z", std::nullopt},
                                           TimeCase{"LeapSecond", "2016-12-31T23:59:60Z", std::nullopt},
                                           TimeCase{"Offset", "2023-07-10T12:00:00+01:00", std::nullopt},
                                           TimeCase{"Fraction", "2023-07-10T12:00:00.000Z", std::nullopt},
                                           TimeCase{"NoZone", "2023-07-10T12:00:00 ", std::nullopt},
                                           TimeCase{"Letters", "20a3-07-10T12:00:00Z", std::nullopt}, TimeCase{"Empty", "", std::nullopt}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Text, Utf8EndsWhereItStopsBeingWellFormed) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x91"));
  EXPECT_EQ(valid_utf8_prefix("ab\xff"), 2U);
  EXPECT_EQ(valid_utf8_prefix("\xc3"), 0U) << "cut";
  EXPECT_EQ(valid_utf8_prefix("a\xc0\xaf"), 1U) << "overlong";
  EXPECT_EQ(valid_utf8_prefix("a\xed\xa0\x80"), 1U) << "a surrogate";
  EXPECT_EQ(valid_utf8_prefix("\xf4\x90\x80\x80"), 0U) << "beyond U+10FFFF";
  EXPECT_EQ(valid_utf8_prefix("\xe2\x82" "a"), 0U) << "a continuation is missing";
}

TEST(Diagnostics, ComeInTheOrderOfTheFileAndOnce) {
  Diagnostics first, second;
  first.add("b.yaml", 1, 1, "later file");
  first.add("a.yaml", 10, 2, "later line");
  second.add("a.yaml", 9, 3, "said twice");
  second.add("a.yaml", 9, 3, "said twice");
  first.add(second);
  EXPECT_EQ(first.lines(), (std::vector<std::string>{"a.yaml:9:3: said twice", "a.yaml:10:2: later line", "b.yaml:1:1: later file"}));
}

TEST(Time, MinutesRoundDownBeforeTheEpochToo) {
  EXPECT_EQ(minute_of(Timestamp{std::chrono::seconds{59}}), 0);
  EXPECT_EQ(minute_of(Timestamp{std::chrono::seconds{-1}}), -1);
}

TEST(Time, APersonMayLeaveOutTheClockOrItsSeconds) {
  EXPECT_EQ(parse_user_time("2024-02-29"), parse_event_time("2024-02-29T00:00:00Z"));
  EXPECT_EQ(parse_user_time("2024-02-29T12:30Z"), parse_event_time("2024-02-29T12:30:00Z"));
  EXPECT_EQ(parse_user_time("yesterday"), std::nullopt);
}

TEST(Time, DurationsAreSaidInTheLargestUnitThatFits) {
  using namespace std::chrono_literals;
  EXPECT_EQ(describe(45s), "45 seconds");
  EXPECT_EQ(describe(60s), "1 minute");
  EXPECT_EQ(describe(119s), "119 seconds");
  EXPECT_EQ(describe(90min), "90 minutes");
  EXPECT_EQ(describe(1h), "1 hour");
  EXPECT_EQ(describe(72h), "3 days");
}

TEST(Text, SuggestsTheNearestWordOrNone) {
  static constexpr std::array<std::string_view, 3> kWords{"lateness", "order", "future_skew"};
  EXPECT_EQ(closest("latenes", kWords), "lateness");
  EXPECT_EQ(closest("ordre", kWords), "order");
  EXPECT_EQ(closest("kafka", kWords), "");
}

TEST(Text, GlobsMatchWholeTexts) {
  EXPECT_TRUE(glob_match("arn:aws:iam::*:role/ci-*", "arn:aws:iam::111122223333:role/ci-deploy"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("a*b*c", "axxbyybzc"));
  EXPECT_TRUE(glob_match("tr?il", "trail"));
  EXPECT_FALSE(glob_match("trail", "trails"));
  EXPECT_FALSE(glob_match("*-trail", "trail"));
}

TEST(Text, WhatIsPrintedCannotSteerATerminal) {
  EXPECT_EQ(printable("a\x1b[31mb\n"), "a\\x1b[31mb\\x0a");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

TEST(Text, AListNamesTheFirst) {
  const std::vector<std::string> words{"a", "b", "c"};
  EXPECT_EQ(first_of(words, 3), "a b c");
  EXPECT_EQ(first_of(words, 2), "a b and 1 more");
  EXPECT_EQ(first_of({}, 2), "");
}

TEST(Text, NumbersAreWrittenForPeople) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(17'300'000), "17.3 MB");
}

// Known answers: a change of either would change ids and sharding of every user.
TEST(Hash, IsTheSameInEveryVersion) {
  EXPECT_EQ(xxh3_64(""), 0x2d06800538d394c2U);
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(uuid_of("abc"), "ba7816bf-8f01-8fea-8141-40de5dae2223");
}

TEST(Hash, FindsTheSamePartitionAsKafkasOwnClients) {
  // From the tests of org.apache.kafka.common.utils.Utils.
  const std::pair<std::string_view, std::int32_t> cases[] = {{"21", -973932308},
                                                             {"foobar", -790332482},
                                                             {"a-little-bit-long-string", -985981536},
                                                             {"a-little-bit-longer-string", -1486304829},
                                                             {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                                                             {"abc", 479470107}};
  for (const auto& [key, hash] : cases) EXPECT_EQ(static_cast<std::int32_t>(murmur2(key)), hash) << key;
}

TEST(Failpoint, CallsTheHookOfItsThread) {
  std::vector<std::string> hits;
  failpoint::set_hook([&hits](std::string_view name) { hits.emplace_back(name); });
  failpoint::hit("one");
  failpoint::set_hook({});
  failpoint::hit("two");
  EXPECT_EQ(hits, std::vector<std::string>{"one"});
}

TEST(FailpointDeathTest, EndsTheProcessAtTheHitThatWasAskedFor) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process of its own: the variable is read once
  EXPECT_EXIT(
      {
        ::setenv("TRAILWARDEN_FAIL", "never:1:abort,slow:1:sleep=0,twice:2:abort", 1);
        failpoint::hit("twice");
        failpoint::hit("slow");
        std::fputs("still here", stderr);
        failpoint::hit("twice");
      },
      ::testing::ExitedWithCode(137), "still here");
}

TEST(Bytes, WhatIsWrittenIsRead) {
  ByteWriter out;
  out.number(std::uint16_t{0x1234});
  out.signed_number(-5);
  out.text("trail");
  out.flag(true);
  ByteReader in(out.bytes());
  EXPECT_EQ(in.number<std::uint16_t>(), 0x1234);
  EXPECT_EQ(in.signed_number(), -5);
  EXPECT_EQ(in.text(), "trail");
  EXPECT_TRUE(in.flag());
  EXPECT_TRUE(in.finish().has_value());
}

TEST(Bytes, NumbersAreLittleEndianBitForBit) {
  ByteWriter out;
  out.number(std::uint32_t{0x01020304});
  out.real(-1.5F);
  out.array(std::array<std::uint16_t, 2>{0x1122, 0x3344});
  EXPECT_EQ(out.bytes(), std::string("\x04\x03\x02\x01\x00\x00\xc0\xbf\x22\x11\x44\x33", 12));
  ByteReader in(out.bytes());
  EXPECT_EQ(in.number<std::uint32_t>(), 0x01020304U);
  EXPECT_EQ(in.real<float>(), -1.5F);
  std::array<std::uint16_t, 2> pair{};
  in.array(pair);
  EXPECT_EQ(pair, (std::array<std::uint16_t, 2>{0x1122, 0x3344}));
  EXPECT_TRUE(in.finish().has_value());
}

TEST(Bytes, AnArrayThatIsCutIsZeros) {
  std::array<float, 3> values{1, 2, 3};
  ByteReader in("eleven byte");
  in.array(values);
  EXPECT_EQ(values, (std::array<float, 3>{}));
  EXPECT_FALSE(in.ok());
}

TEST(Bytes, APartIsPassedOverWhole) {
  ByteWriter out;
  out.part([&] { out.text("inside"); });
  out.flag(true);
  ByteReader in(out.bytes());
  ByteReader part = in.part();
  EXPECT_EQ(part.text(), "inside");
  EXPECT_TRUE(part.finish().has_value());
  EXPECT_TRUE(in.flag());
  EXPECT_TRUE(in.finish().has_value());
}

TEST(Bytes, ACountThatCannotBeThereIsSeenBeforeRoomIsMade) {
  ByteReader in("12345678");
  EXPECT_TRUE(in.has(2, 4));
  EXPECT_FALSE(in.has(UINT64_MAX, 4));
  EXPECT_FALSE(in.finish().has_value());
}

TEST(Bytes, ACutOrOverlongStateIsRefused) {
  ByteWriter out;
  out.text("trail");
  ByteReader cut(std::string_view(out.bytes()).substr(0, 7));
  EXPECT_EQ(cut.text(), "");
  EXPECT_FALSE(cut.finish().has_value());
  ByteReader overlong(out.bytes());
  EXPECT_FALSE(overlong.finish().has_value());
}

}  // namespace
}  // namespace trailwarden
