#include "trail/log_object.h"

#include <gtest/gtest.h>
#include <libdeflate.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "core/hash.h"
#include "trail/gzip.h"

namespace trailwarden::trail {
namespace {

Timestamp at(const char* text) { return parse_event_time(text).value(); }

const TrailNames kPlain{.trail = "main", .home_region = "eu-central-1"};
const TrailNames kOrganization{.prefix = "audit/trails", .organization = "o-abc123", .trail = "all_of_us", .home_region = "us-east-1"};
const Place kPlace{"111122223333", "eu-west-1"};

TEST(ObjectKeys, AreCloudTrails) {
  EXPECT_EQ(log_key(kPlain, ObjectKind::kLog, kPlace, at("2026-01-02T03:05:59Z"), "ABCDEFGHIJKLMNOP"),
            "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/02/111122223333_CloudTrail_eu-west-1_20260102T0305Z_ABCDEFGHIJKLMNOP.json.gz");
  EXPECT_EQ(log_key(kOrganization, ObjectKind::kInsight, kPlace, at("2026-01-02T03:05:00Z"), "ABCDEFGHIJKLMNOP"),
            "audit/trails/AWSLogs/o-abc123/111122223333/CloudTrail-Insight/eu-west-1/2026/01/02/"
            "111122223333_CloudTrail-Insight_eu-west-1_20260102T0305Z_ABCDEFGHIJKLMNOP.json.gz");
  EXPECT_EQ(digest_object_key(kPlain, kPlace, at("2026-01-02T00:00:00Z"), false),
            "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/01/02/111122223333_CloudTrail-Digest_eu-west-1_main_eu-central-1_20260102T000000Z.json.gz");
  EXPECT_EQ(digest_object_key(kOrganization, kPlace, at("2026-01-02T00:00:00Z"), true),
            "audit/trails/AWSLogs/o-abc123/111122223333/CloudTrail-Digest/eu-west-1/2026/01/02/"
            "111122223333_CloudTrail-Digest_eu-west-1_all_of_us_us-east-1_20260102T000000Z_backfill.json.gz");
}

RC_GTEST_PROP(ObjectKeys, AreTakenApartAsTheyWerePutTogether, ()) {
  const auto part = rc::gen::resize(20, rc::gen::nonEmpty(rc::gen::container<std::string>(
                                            rc::gen::oneOf(rc::gen::inRange('0', ':'), rc::gen::inRange('a', '{'), rc::gen::just('-')))));
  const Place place{*part, *part};
  const Timestamp delivered{std::chrono::seconds{*rc::gen::inRange<std::int64_t>(0, 4'102'444'800)}};
  const TrailNames trail = *rc::gen::element(kPlain, kOrganization);
  const auto kind = *rc::gen::element(ObjectKind::kLog, ObjectKind::kInsight, ObjectKind::kNetworkActivity, ObjectKind::kAggregated);
  const std::string unique = unique_part(*rc::gen::arbitrary<std::string>());
  const std::string log = log_key(trail, kind, place, delivered, unique);
  RC_ASSERT(parse_object_name(log) == (ObjectName{place.account, place.region, kind, std::chrono::floor<std::chrono::minutes>(delivered)}));
  RC_ASSERT(log.starts_with(objects_folder(trail, kind, place)));
  const std::string digest = digest_object_key(trail, place, delivered, *rc::gen::arbitrary<bool>());
  RC_ASSERT(parse_object_name(digest) == (ObjectName{place.account, place.region, ObjectKind::kDigest, delivered}));
}

TEST(ObjectKeys, TakeNoPartThatLeadsElsewhere) {
  for (const char* good : {"111122223333", "unknown", "us-gov-west-1"}) EXPECT_TRUE(is_key_part(good)) << good;
  for (const char* bad : {"", "..", "a/b", "a_b", "a b", "a\n", "\xc3\xa9"}) EXPECT_FALSE(is_key_part(bad)) << bad;
  EXPECT_FALSE(is_key_part(std::string(65, 'a')));
}

TEST(UniquePart, IsTheSameOfTheSameIdentity) {
  EXPECT_EQ(unique_part(""), "4OYMIQUY7QOBJGX3");  // base32 of e3b0c44298fc1c149afb
  EXPECT_NE(unique_part("a"), unique_part("b"));
}

TEST(LogBody, HoldsTheRecordsAsReceived) {
  const std::vector<std::string> records{R"({"eventTime" : "2026-01-02T03:04:05Z", "z":1.50})", "{\n\"a\":\"\\u00e9\"}", R"({"b":{}})"};
  LogBody body;
  ASSERT_TRUE(body.add(records[0], at("2026-01-02T03:04:05Z")));
  ASSERT_TRUE(body.add(records[1], std::nullopt));
  ASSERT_TRUE(body.add(records[2], at("2025-12-31T23:59:59Z")));
  MemberDeflater deflater(6);
  const std::size_t size = body.size();
  const LogObject object = body.finish(deflater);

  MemberInflater inflater;
  std::string text;
  ASSERT_TRUE(gunzip(inflater, object.bytes, 1 << 20, text));
  EXPECT_EQ(text, R"({"Records":[)" + records[0] + "," + records[1] + "," + records[2] + "]}");
  EXPECT_EQ(object.sha256, sha256_hex(text));
  EXPECT_EQ(object.text_bytes, text.size());
  EXPECT_EQ(size, text.size());
  EXPECT_EQ(object.records, 3U);
  EXPECT_EQ(object.oldest, at("2025-12-31T23:59:59Z"));
  EXPECT_EQ(object.newest, at("2026-01-02T03:04:05Z"));
}

TEST(LogBody, StartsAnewAfterFinish) {
  MemberDeflater deflater(1);
  LogBody body;
  ASSERT_TRUE(body.add("{}", at("2026-01-02T03:04:05Z")));
  const LogObject first = body.finish(deflater);
  EXPECT_TRUE(body.empty());
  ASSERT_TRUE(body.add("{}", std::nullopt));
  const LogObject second = body.finish(deflater);
  EXPECT_EQ(first.bytes, second.bytes);
  EXPECT_FALSE(second.oldest.has_value());
}

TEST(LogBody, TakesNoMoreThanCloudTrailsLimit) {
  LogBody body;
  const std::string half(LogBody::kMostBytes / 2, ' ');
  ASSERT_TRUE(body.add(half, std::nullopt));
  EXPECT_FALSE(body.add(half, at("2026-01-02T03:04:05Z")));
  EXPECT_EQ(body.records(), 1U);
  ASSERT_TRUE(body.add(std::string(LogBody::kMostBytes - body.size() - 1, ' '), std::nullopt));
  EXPECT_EQ(body.size(), LogBody::kMostBytes);
  EXPECT_FALSE(body.add("", std::nullopt));
}

/// Stored bytes are told apart by their hash when a write is repeated, so they may not change from build to build.
TEST(LogBody, HasTheseBytes) {
  LogBody body;
  ASSERT_TRUE(body.add(R"({"eventVersion":"1.08"})", std::nullopt));
  MemberDeflater deflater(6);
  const std::string bytes = body.finish(deflater).bytes;
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 10));  // no flags, no time, no level, no system
  if (std::string_view(LIBDEFLATE_VERSION_STRING) != "1.14") GTEST_SKIP() << "the deflated bytes are those of libdeflate 1.14, this is " << LIBDEFLATE_VERSION_STRING;
  EXPECT_EQ(sha256_hex(bytes), "db2e161b1e0a217837c0dd996cb291b11ea654807d440aa2f52b6ee036ed2230");
}

}  // namespace
}  // namespace trailwarden::trail
