#include "trail/key_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "testing/temp_dir.h"

namespace trailwarden::trail {
namespace {

using std::chrono::days;
using std::chrono::hours;

const Timestamp kStart = parse_event_time("2026-03-01T00:00:00Z").value();
constexpr KeyRing::Options kOptions{.lifetime = days{4}, .overlap = days{1}};

class KeyRingTest : public ::testing::Test {
 protected:
  KeyRing open(KeyRing::Options options = kOptions) { return KeyRing::open(folder.path("keys"), "", options).value(); }
  std::string signer(KeyRing& ring, Timestamp end) { return ring.key_for(end).value()->public_key().fingerprint; }
  testing::TempDir folder;
};

TEST_F(KeyRingTest, SignsTheSameDigestByTheSameKeyAfterARestart) {
  std::map<Timestamp, std::string> signers;
  {
    KeyRing ring = open();
    for (Timestamp end = kStart; end < kStart + days{8}; end += hours{6}) signers[end] = signer(ring, end);
  }
  KeyRing again = open();
  for (const auto& [end, fingerprint] : signers) EXPECT_EQ(signer(again, end), fingerprint) << format_time(end);
  EXPECT_EQ(again.public_keys().size(), 3U);  // three days each, and one of overlap
}

TEST_F(KeyRingTest, PublishesBothKeysWhileTheyOverlap) {
  KeyRing ring = open();
  for (Timestamp end = kStart; end < kStart + days{6}; end += hours{1}) {
    const std::string fingerprint = signer(ring, end);
    const auto valid = KnownKeys(ring.public_keys()).keys(end, end).value();
    EXPECT_TRUE(std::any_of(valid.begin(), valid.end(), [&](const PublicKey& key) { return key.fingerprint == fingerprint; })) << format_time(end);
  }
  EXPECT_EQ(KnownKeys(ring.public_keys()).keys(kStart + days{3}, kStart + days{4} - hours{1}).value().size(), 2U);
}

TEST_F(KeyRingTest, KeepsTheChoiceForAChainThatIsBehind) {
  KeyRing ring = open();
  const std::string first = signer(ring, kStart);
  const std::string second = signer(ring, kStart + days{3} + hours{5});
  ASSERT_NE(first, second);
  // Another account's digests are still at an hour at which the first key would have been followed.
  EXPECT_EQ(signer(ring, kStart + days{3} + hours{2}), first);
  EXPECT_EQ(signer(ring, kStart + days{3} + hours{5}), second);
  EXPECT_EQ(ring.public_keys().size(), 2U);
}

TEST_F(KeyRingTest, HasAKeyForEveryTime) {
  KeyRing ring = open();
  const std::string first = signer(ring, kStart);
  EXPECT_NE(signer(ring, kStart + days{100}), first);  // after a long rest
  EXPECT_NE(signer(ring, kStart - days{100}), first);  // a chain that starts in the past
  EXPECT_EQ(signer(ring, kStart), first);
}

TEST_F(KeyRingTest, IsNotOpenedWithoutAllItsKeys) {
  { KeyRing ring = open(); signer(ring, kStart); }
  folder.write("keys/readme.txt", "not a key");
  EXPECT_TRUE(KeyRing::open(folder.path("keys"), "", kOptions));
  folder.write("keys/other.pem", "not a key");
  std::filesystem::permissions(folder.path("keys/other.pem"), std::filesystem::perms::owner_read);
  const auto ring = KeyRing::open(folder.path("keys"), "", kOptions);
  ASSERT_FALSE(ring);
  EXPECT_NE(ring.error().message.find("other.pem: not a digest key"), std::string::npos) << ring.error().message;
}

TEST_F(KeyRingTest, LiesInAFolderOfItsOwner) {
  open();
  EXPECT_EQ(std::filesystem::status(folder.path("keys")).permissions(), std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace trailwarden::trail
