#include "trail/public_key.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "trail/digest_key.h"
#include "trail/hex.h"

namespace trailwarden::trail {
namespace {

Timestamp at(const char* text) { return parse_event_time(text).value(); }

/// Of the documentation (cloudtrail-log-file-custom-validation): the last one is no PKCS#1 key, for all that it says.
constexpr const char* kDocumented = R"({
    "publicKeyList": [
        {
            "ValidityStartTime": "1436317441.0",
            "ValidityEndTime": "1438909441.0",
            "Value": "MIIBCgKCAQEAn11L2YZ9h7onug2ILi1MWyHiMRsTQjfWE+pHVRLk1QjfWhirG+lpOa8NrwQ/r7Ah5bNL6HepznOU9XTDSfmmnP97mqyc7z/upfZdS/AHhYcGaz7n6Wc/RRBU6VmiPCrAUojuSk6/GjvA8iOPFsYDuBtviXarvuLPlrT9kAd4Lb+rFfR5peEgBEkhlzc5HuWO7S0y+KunqxX6jQBnXGMtxmPBPP0FylgWGNdFtks/4YSKcgqwH0YDcawP9GGGDAeCIqPWIXDLG1jOjRRzWfCmD0iJUkz8vTsn4hq/5ZxRFE7UBAUiVcGbdnDdvVfhF9C3dQiDq3k7adQIziLT0cShgQIDAQAB",
            "Fingerprint": "8eba5db5bea9b640d1c96a77256fe7f2"
        },
        {
            "ValidityStartTime": "1434589460.0",
            "ValidityEndTime": "1437181460.0",
            "Value": "MIIBCgKCAQEApfYL2FiZhpN74LNWVUzhR+VheYhwhYm8w0n5Gf6i95ylW5kBAWKVEmnAQG7BvS5g9SMqFDQx52fW7NWV44IvfJ2xGXT+wT+DgR6ZQ+6yxskQNqV5YcXj4Aa5Zz4jJfsYjDuO2MDTZNIzNvBNzaBJ+r2WIWAJ/Xq54kyF63B6WE38vKuDE7nSd1FqQuEoNBFLPInvgggYe2Ym1Refe2z71wNcJ2kY+q0h1BSHrSM8RWuJIw7MXwF9iQncg9jYzUlNJomozQzAG5wSRfbplcCYNY40xvGd/aAmO0m+Y+XFMrKwtLCwseHPvj843qVno6x4BJN9bpWnoPo9sdsbGoiK3QIDAQAB",
            "Fingerprint": "8933b39ddc64d26d8e14ffbf6566fee4"
        },
        {
            "ValidityStartTime": "1434589370.0",
            "ValidityEndTime": "1437181370.0",
            "Value": "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqlzPJbvZJ42UdcmLfPUqXYNfOs6I8lCfao/tOs8CmzPOEdtLWugB9xoIUz78qVHdKIqxbaG4jWHfJBiOSSFBM0lt8cdVo4TnRa7oG9io5pysS6DJhBBAeXsicufsiFJR+wrUNh8RSLxL4k6G1+BhLX20tJkZ/erT97tDGBujAelqseGg3vPZbTx9SMfOLN65PdLFudLP7Gat0Z9p5jw/rjpclKfo9Bfc3heeBxWGKwBBOKnFAaN9V57pOaosCvPKmHd9bg7jsQkI9Xp22IzGLsTFJZYVA3KiTAElDMu80iFXPHEq9hKNbt9e4URFam+1utKVEiLkR2disdCmPTK0VQIDAQAB",
            "Fingerprint": "31e8b5433410dfb61a9dc45cc65b22ff"
        }
    ]
})";

TEST(PublicKeys, AreReadAsTheDocumentationShowsThem) {
  const auto keys = parse_public_keys(kDocumented);
  ASSERT_TRUE(keys) << keys.error().message;
  ASSERT_EQ(keys->size(), 3U);
  EXPECT_EQ(keys->front().valid_from, at("2015-07-08T01:04:01Z"));
  EXPECT_EQ(keys->front().valid_until, at("2015-08-07T01:04:01Z"));
  for (const PublicKey& key : *keys) EXPECT_EQ(fingerprint_of(key.der).value(), key.fingerprint);
}

TEST(PublicKeys, AreReadAsTheyAreWritten) {
  const auto keys = parse_public_keys(kDocumented);
  ASSERT_TRUE(keys);
  const std::string wire = public_keys_json(*keys);
  EXPECT_TRUE(wire.starts_with(R"({"PublicKeyList":[{"Value":"MIIBCgKCAQEAn11L)")) << wire.substr(0, 60);
  EXPECT_NE(wire.find(R"("ValidityStartTime":1436317441.0,"ValidityEndTime":1438909441.0,"Fingerprint":"8eba5db5bea9b640d1c96a77256fe7f2"})"), std::string::npos);
  EXPECT_EQ(parse_public_keys(wire).value(), *keys);
}

struct TimeForm {
  const char* name;
  const char* json;
  const char* time;
};
void PrintTo(const TimeForm& c, std::ostream* out) { *out << c.json; }

class PublicKeyTimes : public ::testing::TestWithParam<TimeForm> {};

TEST_P(PublicKeyTimes, AreRead) {
  const std::string time = GetParam().json;
  const auto keys = parse_public_keys(R"({"PublicKeyList":[{"Value":"AAAA","Fingerprint":"f","ValidityStartTime":)" + time + R"(,"ValidityEndTime":)" + time + "}]}");
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_EQ(format_time(keys->front().valid_from), GetParam().time);
}

INSTANTIATE_TEST_SUITE_P(Forms, PublicKeyTimes,
                         ::testing::Values(TimeForm{"Number", "1453076702.0", "2016-01-18T00:25:02Z"}, TimeForm{"Whole", "1453076702", "2016-01-18T00:25:02Z"},
                                           TimeForm{"Milliseconds", "1453076702.999", "2016-01-18T00:25:02Z"},
                                           TimeForm{"Text", R"("1453076702.0")", "2016-01-18T00:25:02Z"},
                                           TimeForm{"Iso", R"("2016-01-18T00:25:02+00:00")", "2016-01-18T00:25:02Z"},
                                           TimeForm{"IsoFraction", R"("2016-01-18T02:55:02.125000+02:30")", "2016-01-18T00:25:02Z"},
                                           TimeForm{"IsoWest", R"("2016-01-17T16:25:02-08:00")", "2016-01-18T00:25:02Z"},
                                           TimeForm{"IsoUtc", R"("2016-01-18T00:25:02Z")", "2016-01-18T00:25:02Z"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(PublicKeys, AreRefusedWithWhatIsWrong) {
  const std::string good = R"("Value":"AAAA","Fingerprint":"f","ValidityStartTime":1,"ValidityEndTime":2)";
  const auto message = [](const std::string& text) {
    const auto keys = parse_public_keys(text);
    return keys ? "accepted" : keys.error().message;
  };
  ASSERT_EQ(message("{\"PublicKeyList\":[{" + good + "}]}"), "accepted");
  EXPECT_NE(message("").find("public keys: "), std::string::npos);
  EXPECT_NE(message("{}").find("PublicKeyList"), std::string::npos);
  EXPECT_NE(message("[]").find("public keys: "), std::string::npos);
  EXPECT_NE(message(R"({"PublicKeyList":[{"Value":"A","Fingerprint":"f","ValidityStartTime":1,"ValidityEndTime":2}]})").find("key 1: Value is not base64"), std::string::npos);
  EXPECT_NE(message(R"({"PublicKeyList":[{"Value":"AAAA","Fingerprint":"f","ValidityStartTime":-1,"ValidityEndTime":2}]})").find("key 1: no time: -1"), std::string::npos);
  EXPECT_NE(message(R"({"PublicKeyList":[{"Value":"AAAA","Fingerprint":"f","ValidityStartTime":1e300,"ValidityEndTime":2}]})").find("no time"), std::string::npos);
  EXPECT_NE(message(R"({"PublicKeyList":[{"Value":"AAAA","Fingerprint":"f","ValidityStartTime":"soon","ValidityEndTime":2}]})").find("no time: \"soon\""), std::string::npos);
  for (const char* time : {"1008-01-18T02:55:02Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"})
    EXPECT_NE(message(std::string(R"({"PublicKeyList":[{"Value":"AAAA","Fingerprint":"f","ValidityStartTime":")") + time + R"(","ValidityEndTime":2}]})").find("no time"), std::string::npos);
  EXPECT_NE(message("{\"PublicKeyList\":[{" + good + "},{\"Value\":\"AAAA\"}]}").find("key 2: "), std::string::npos);
}

TEST(KnownKeys, GivesThoseWhoseValidityOverlaps) {
  KnownKeys keys({{"a", "a", at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z")}, {"b", "b", at("2026-01-31T00:00:00Z"), at("2026-03-01T00:00:00Z")}});
  const auto names = [&](const char* from, const char* until) {
    const auto found = keys.keys(at(from), at(until)).value();
    std::string text;
    for (const PublicKey& key : found) text += key.fingerprint;
    return text;
  };
  EXPECT_EQ(names("2025-01-01T00:00:00Z", "2025-12-31T23:59:59Z"), "");
  EXPECT_EQ(names("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), "a");
  EXPECT_EQ(names("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"), "ab");
  EXPECT_EQ(names("2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"), "b");
  EXPECT_EQ(names("2026-03-01T00:00:00Z", "2027-02-02T00:00:00Z"), "");
}

TEST(Signature, IsVerifiedByTheKeyThatMadeIt) {
  const auto key = DigestKey::generate(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z")).value();
  const auto other = DigestKey::generate(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z")).value();
  const std::string signature = key.sign("text");
  EXPECT_EQ(signature.size(), 512U);
  EXPECT_EQ(signature, key.sign("text"));
  EXPECT_EQ(verify(key.public_key(), "text", signature), Signature::kRight);
  EXPECT_EQ(verify(key.public_key(), "Text", signature), Signature::kWrong);
  EXPECT_EQ(verify(key.public_key(), "text", other.sign("text")), Signature::kWrong);
  EXPECT_EQ(verify(key.public_key(), "text", "00" + signature), Signature::kWrong);
  EXPECT_EQ(verify(key.public_key(), "text", signature.substr(2)), Signature::kWrong);
  EXPECT_EQ(verify(key.public_key(), "text", "none"), Signature::kWrong);
  EXPECT_EQ(verify(key.public_key(), "text", ""), Signature::kWrong);
}

TEST(Signature, NeedsAKeyOfPkcs1) {
  const auto keys = parse_public_keys(kDocumented).value();
  EXPECT_EQ(verify(keys[0], "text", std::string(512, '0')), Signature::kWrong);
  EXPECT_EQ(verify(keys[2], "text", std::string(512, '0')), Signature::kKeyUnusable);  // X.509 SubjectPublicKeyInfo
  PublicKey longer = keys[0];
  longer.der.push_back('\0');
  EXPECT_EQ(verify(longer, "text", std::string(512, '0')), Signature::kKeyUnusable);
  EXPECT_EQ(verify(PublicKey{}, "text", std::string(512, '0')), Signature::kKeyUnusable);
}

TEST(Hex, ComesBack) {
  EXPECT_EQ(to_hex(std::string("\x00\xff\x1a", 3)), "00ff1a");
  EXPECT_EQ(from_hex("00FF1a").value(), std::string("\x00\xff\x1a", 3));
  for (const char* bad : {"0", "0g", "@0", "G0", "0x", " 0"}) EXPECT_FALSE(from_hex(bad)) << bad;
}

}  // namespace
}  // namespace trailwarden::trail
