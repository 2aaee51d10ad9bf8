#include "trail/digest.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <ostream>
#include <string>

#include "core/hash.h"
#include "trail/log_object.h"

namespace trailwarden::trail {
namespace {

Timestamp at(const char* text) { return parse_event_time(text).value(); }

Digest a_digest() {
  Digest digest{.account = "111122223333",
                .start = at("2026-03-01T08:00:00Z"),
                .end = at("2026-03-01T09:00:00Z"),
                .bucket = "trails",
                .key = "AWSLogs/1/digest.json.gz",
                .fingerprint = "8eba5db5bea9b640d1c96a77256fe7f2"};
  digest.previous = DigestLink{"old", "AWSLogs/1/before.json.gz", std::string(64, 'a'), "00ff"};
  digest.logs = {{"trails", "AWSLogs/1/a.json.gz", std::string(64, 'b'), at("2026-03-01T07:30:00Z"), at("2026-03-01T08:30:00Z")},
                 {"trails", "AWSLogs/1/b.json.gz", std::string(64, 'c'), at("2026-03-01T08:31:00Z"), at("2026-03-01T08:32:00Z")},
                 {"trails", "AWSLogs/1/c.json.gz", std::string(64, 'd'), std::nullopt, std::nullopt}};
  return digest;
}

TEST(DigestText, HasTheseBytes) {
  EXPECT_EQ(to_json(a_digest()),
            R"({"awsAccountId":"111122223333","digestStartTime":"2026-03-01T08:00:00Z","digestEndTime":"2026-03-01T09:00:00Z","digestS3Bucket":"trails",)"
            R"("digestS3Object":"AWSLogs/1/digest.json.gz","digestPublicKeyFingerprint":"8eba5db5bea9b640d1c96a77256fe7f2","digestSignatureAlgorithm":"SHA256withRSA",)"
            R"("newestEventTime":"2026-03-01T08:32:00Z","oldestEventTime":"2026-03-01T07:30:00Z","previousDigestS3Bucket":"old","previousDigestS3Object":"AWSLogs/1/before.json.gz",)"
            R"("previousDigestHashValue":")" + std::string(64, 'a') + R"(","previousDigestHashAlgorithm":"SHA-256","previousDigestSignature":"00ff","logFiles":[)"
            R"({"s3Bucket":"trails","s3Object":"AWSLogs/1/a.json.gz","hashValue":")" + std::string(64, 'b') +
            R"(","hashAlgorithm":"SHA-256","newestEventTime":"2026-03-01T08:30:00Z","oldestEventTime":"2026-03-01T07:30:00Z"},)"
            R"({"s3Bucket":"trails","s3Object":"AWSLogs/1/b.json.gz","hashValue":")" + std::string(64, 'c') +
            R"(","hashAlgorithm":"SHA-256","newestEventTime":"2026-03-01T08:32:00Z","oldestEventTime":"2026-03-01T08:31:00Z"},)"
            R"({"s3Bucket":"trails","s3Object":"AWSLogs/1/c.json.gz","hashValue":")" + std::string(64, 'd') +
            R"(","hashAlgorithm":"SHA-256","newestEventTime":null,"oldestEventTime":null}]})");
}

TEST(DigestText, OfAStartHasNothingBefore) {
  Digest digest = a_digest();
  digest.previous.reset();
  digest.logs.clear();
  const std::string text = to_json(digest);
  EXPECT_NE(text.find(R"("newestEventTime":null,"oldestEventTime":null,"previousDigestS3Bucket":null,"previousDigestS3Object":null,"previousDigestHashValue":null,)"
                      R"("previousDigestHashAlgorithm":null,"previousDigestSignature":null,"logFiles":[]})"),
            std::string::npos)
      << text;
  EXPECT_EQ(parse_digest(text).value(), digest);
}

/// To be called within a property.
std::optional<Timestamp> any_time() {
  if (*rc::gen::arbitrary<bool>()) return std::nullopt;
  return Timestamp{std::chrono::seconds{*rc::gen::inRange<std::int64_t>(0, 4'102'444'800)}};
}

RC_GTEST_PROP(DigestText, IsReadAsItWasWritten, ()) {
  const auto text = rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127));
  Digest digest = a_digest();
  digest.key = *text;
  digest.algorithm = *text;
  digest.account = *text;
  if (*rc::gen::arbitrary<bool>()) digest.previous.reset();
  else digest.previous->signature = *text;
  digest.logs.clear();
  const auto logs = *rc::gen::inRange(0, 5);
  for (int i = 0; i < logs; ++i) digest.logs.push_back({*text, *text, sha256_hex(*text), any_time(), any_time()});
  const auto read = parse_digest(to_json(digest));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == digest);
}

struct BadDigest {
  const char* name;
  const char* from;     // in the text of a_digest()
  const char* to;
  const char* message;  // a part of it; empty: the text is good
};
void PrintTo(const BadDigest& c, std::ostream* out) { *out << c.name; }

class DigestTextWith : public ::testing::TestWithParam<BadDigest> {};

TEST_P(DigestTextWith, IsJudged) {
  std::string text = to_json(a_digest());
  const std::size_t place = text.find(GetParam().from);
  ASSERT_NE(place, std::string::npos);
  text.replace(place, std::string_view(GetParam().from).size(), GetParam().to);
  const auto digest = parse_digest(text);
  if (GetParam().message[0] == '\0') {
    EXPECT_TRUE(digest) << digest.error().message;
  } else {
    ASSERT_FALSE(digest);
    EXPECT_EQ(digest.error().code, ErrorCode::kMalformed);
    EXPECT_NE(digest.error().message.find(GetParam().message), std::string::npos) << digest.error().message;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Change, DigestTextWith,
    ::testing::Values(
        BadDigest{"Unknown", R"("logFiles":)", R"("new":{"logFiles":[1,{}],"x":null},"logFiles":)", ""}, BadDigest{"UnknownList", R"("logFiles":)", R"("new":[[1],{"a":[]}],"logFiles":)", ""},
        BadDigest{"UnknownOfLog", R"({"s3Bucket":)", R"({"size":[{"s3Object":1}],"s3Bucket":)", ""}, BadDigest{"UnknownScalar", R"("logFiles":)", R"("a":1,"b":-1,"c":1.5,"d":true,"logFiles":)", ""},
        BadDigest{"NoAccount", "awsAccountId", "account", "awsAccountId is missing"}, BadDigest{"NullAccount", R"("111122223333")", "null", "awsAccountId is null"},
        BadDigest{"NumberAccount", R"("111122223333")", "111122223333", "awsAccountId is no text"}, BadDigest{"ListAccount", R"("111122223333")", "[]", "awsAccountId is no text"},
        BadDigest{"NoLogs", "logFiles", "logfiles", "logFiles is missing"}, BadDigest{"LogsNoArray", R"("logFiles":[)", R"("logFiles":{},"x":[)", "logFiles is no array"},
        BadDigest{"LogsNull", R"("logFiles":[)", R"("logFiles":null,"x":[)", "logFiles is no array"},
        BadDigest{"LogsOfTexts", R"("logFiles":[)", R"("logFiles":["a",)", "something else than objects"}, BadDigest{"LogsOfLists", R"("logFiles":[)", R"("logFiles":[[],)", "something else than objects"},
        BadDigest{"LogsTwice", R"("logFiles":[)", R"("logFiles":[],"logFiles":[)", "logFiles is there twice"},
        BadDigest{"EndTwice", R"("digestEndTime":)", R"("digestEndTime":"2026-03-01T09:00:00Z","digestEndTime":)", "digestEndTime is there twice"},
        BadDigest{"HashTwice", R"("hashValue":)", R"("hashValue":"","hashValue":)", "hashValue is there twice"},
        BadDigest{"OtherTime", "2026-03-01T09:00:00Z", "2026-03-01 09:00:00", "digestEndTime is no time"}, BadDigest{"Backwards", "2026-03-01T09:00:00Z", "2026-03-01T07:00:00Z", "is after digestEndTime"},
        BadDigest{"HalfPrevious", R"("previousDigestSignature":"00ff")", R"("previousDigestSignature":null)", "previousDigestSignature is null"},
        BadDigest{"OtherHash", R"("previousDigestHashAlgorithm":"SHA-256")", R"("previousDigestHashAlgorithm":"MD5")", "previousDigestHashAlgorithm is not SHA-256"},
        BadDigest{"OtherLogHash", R"("hashAlgorithm":"SHA-256")", R"("hashAlgorithm":"MD5")", "hashAlgorithm is not SHA-256"}, BadDigest{"ShortHash", "bbbb", "", "hashValue is no SHA-256"},
        BadDigest{"LogWithoutKey", "s3Object", "object", "s3Object is missing"}, BadDigest{"NoJson", "{", "{{", "parse error"}, BadDigest{"NoObject", "{", "[{", "is no JSON object"},
        BadDigest{"Behind", "]}", "]}]", "parse error"}, BadDigest{"NoUtf8", "111122223333", "\xff", "parse error"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(DigestName, IsTakenFromTheKey) {
  const TrailNames trail{.prefix = "p", .trail = "my_trail_eu-west-1", .home_region = "us-east-1"};
  const Place place{"111122223333", "eu-west-1"};
  for (const bool backfill : {false, true})
    EXPECT_EQ(parse_digest_key(digest_object_key(trail, place, at("2026-03-01T09:00:01Z"), backfill)),
              (DigestName{"111122223333", "eu-west-1", "my_trail_eu-west-1", "us-east-1", at("2026-03-01T09:00:01Z"), backfill}));
  for (const char* other : {"", "1_CloudTrail-Digest_eu-west-1_20260301T090000Z.json.gz", "1_CloudTrail-Digest_eu-west-1_t_20260301T090000Z.json.gz",
                            "1_CloudTrail-Digest_eu-west-1_t_us-east-1_20260301T0900Z.json.gz", "1_CloudTrail-Digest_eu-west-1_t_us-east-1_20260301T090000Z.json",
                            "1_CloudTrail_eu-west-1_20260301T0900Z_t_us-east-1_20260301T090000Z.json.gz", "_backfill.json.gz"})
    EXPECT_FALSE(parse_digest_key(other)) << other;
}

TEST(StringToSign, HasFourLines) {
  EXPECT_EQ(string_to_sign(a_digest(), "cafe"), "2026-03-01T09:00:00Z\ntrails/AWSLogs/1/digest.json.gz\ncafe\n00ff");
  Digest start = a_digest();
  start.previous.reset();
  EXPECT_EQ(string_to_sign(start, "cafe"), "2026-03-01T09:00:00Z\ntrails/AWSLogs/1/digest.json.gz\ncafe\nnull");
}

TEST(SealedDigest, IsOpenedAndVerified) {
  const auto key = DigestKey::generate(at("2026-03-01T00:00:00Z"), at("2026-03-31T00:00:00Z")).value();
  MemberDeflater deflater(6);
  const SealedDigest sealed = seal(a_digest(), key, deflater);
  EXPECT_EQ(seal(a_digest(), key, deflater).bytes, sealed.bytes);
  EXPECT_EQ(sealed.metadata, (ObjectMetadata{{"signature", sealed.signature}, {"signature-algorithm", "SHA256withRSA"}}));
  MemberInflater inflater;
  std::string room;
  const auto opened = open_digest(inflater, sealed.bytes, room);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->digest, sealed.digest);
  EXPECT_EQ(opened->sha256, sealed.sha256);
  EXPECT_EQ(opened->digest.fingerprint, key.public_key().fingerprint);
  EXPECT_EQ(verify(key.public_key(), string_to_sign(opened->digest, opened->sha256), sealed.signature), Signature::kRight);
}

TEST(SealedDigest, OfABackfillSaysWhenItWasMade) {
  const auto key = DigestKey::generate(at("2026-03-01T00:00:00Z"), at("2026-03-31T00:00:00Z")).value();
  MemberDeflater deflater(6);
  Digest digest = a_digest();
  digest.key = "AWSLogs/1/digest_backfill.json.gz";
  EXPECT_EQ(seal(digest, key, deflater).metadata.at("backfill-generation-timestamp"), "2026-03-01T09:00:00.000Z");
}

TEST(OpenDigest, TakesOneGzipMemberOnly) {
  MemberDeflater deflater(6);
  MemberInflater inflater;
  std::string bytes, room;
  deflater.deflate(to_json(a_digest()), bytes);
  ASSERT_TRUE(open_digest(inflater, bytes, room));
  const auto message = [&](const std::string& changed) {
    const auto opened = open_digest(inflater, changed, room);
    return opened ? "accepted" : opened.error().message;
  };
  EXPECT_NE(message(bytes + '\0').find("something follows"), std::string::npos);
  EXPECT_NE(message(bytes + bytes).find("something follows"), std::string::npos);
  EXPECT_NE(message(bytes.substr(0, bytes.size() - 1)).find("no whole gzip member"), std::string::npos);
  EXPECT_NE(message(to_json(a_digest())).find("no whole gzip member"), std::string::npos);
  EXPECT_NE(message("").find("no whole gzip member"), std::string::npos);
  deflater.deflate(std::string(Digest::kMostBytes + 1, ' '), bytes);
  EXPECT_NE(message(bytes).find("inflates to more than"), std::string::npos);
}

}  // namespace
}  // namespace trailwarden::trail
