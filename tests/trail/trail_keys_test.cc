#include "trail/trail_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace trailwarden::trail {
namespace {

const Timestamp kNine = parse_event_time("2026-03-01T09:00:00Z").value();

TEST(TrailKeys, ArePublishedWithoutTheirPrivateHalves) {
  const testing::TempDir folder;
  folder.write("passphrase", "quite secret\n");
  const DigestConfig config{.key_directory = folder.path("keys"), .rotate_every = std::chrono::hours{24}, .passphrase = {.file = folder.path("passphrase"), .environment = {}}};
  EXPECT_EQ(published_keys(config.key_directory).value(), std::vector<PublicKey>{}) << "nothing was signed yet";
  auto ring = open_keys(config);
  ASSERT_TRUE(ring.has_value()) << ring.error().message;
  ASSERT_TRUE(ring->key_for(kNine).has_value()) << "a lifetime as short as the usual overlap";
  ASSERT_TRUE(publish_keys(config.key_directory, ring->public_keys()).has_value());
  EXPECT_EQ(published_keys(config.key_directory).value(), ring->public_keys());
  EXPECT_EQ(open_keys(config)->public_keys(), ring->public_keys()) << "what is published is no key of the ring";

  ASSERT_TRUE(publish_keys(config.key_directory, {}).has_value()) << "it is replaced";
  EXPECT_EQ(published_keys(config.key_directory).value(), std::vector<PublicKey>{});
}

TEST(TrailKeys, NeedTheirPassphrase) {
  const testing::TempDir folder;
  const DigestConfig config{.key_directory = folder.path("keys"), .passphrase = {.file = folder.path("passphrase"), .environment = {}}};
  EXPECT_THAT(open_keys(config).error().message, ::testing::HasSubstr("digest: passphrase"));
  folder.write("passphrase", "quite secret");
  ASSERT_TRUE(open_keys(config)->key_for(kNine).has_value());
  folder.write("passphrase", "another");
  EXPECT_FALSE(open_keys(config).has_value());
}

TEST(TrailKeys, ThatCannotBePublishedAreAnError) {
  const testing::TempDir folder;
  EXPECT_EQ(publish_keys(folder.path("nowhere"), {}).error().code, ErrorCode::kNotFound);
  folder.write("public-keys.json", "no json");
  EXPECT_EQ(published_keys(folder.path()).error().code, ErrorCode::kMalformed);
}

}  // namespace
}  // namespace trailwarden::trail
