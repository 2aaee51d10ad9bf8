// What every store of objects has to do, held against a folder, versitygw and Ceph RGW. The servers are named by TRAILWARDEN_S3_VERSITYGW and TRAILWARDEN_S3_RGW,
// as `scripts/stack up s3` writes them to FOLDER/s3/env; where one is not named its tests are skipped.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "aws/credential_chain.h"
#include "core/clocks.h"
#include "core/hash.h"
#include "testing/temp_dir.h"
#include "trail/folder_store.h"
#include "trail/s3_store.h"

namespace trailwarden::trail {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

struct Server {
  const char* name;
  const char* variable;  // that names its address; nullptr: a folder
  bool puts_race = false;  // of several at a time more than one may win
};
void PrintTo(const Server& server, std::ostream* out) { *out << server.name; }

constexpr Server kFolder{"folder", nullptr};
constexpr Server kVersitygw{"versitygw", "TRAILWARDEN_S3_VERSITYGW", true};
constexpr Server kRgw{"rgw", "TRAILWARDEN_S3_RGW"};

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class ObjectStoreTest : public ::testing::TestWithParam<Server> {
 protected:
  void SetUp() override {
    const Server& server = GetParam();
    if (server.variable == nullptr) {
      auto folder = FolderStore::open(dir_.path("trail"));
      ASSERT_TRUE(folder.has_value()) << folder.error().message;
      store_ = std::move(*folder);
      return;
    }
    endpoint_ = environment(server.variable);
    if (endpoint_.empty()) GTEST_SKIP() << server.variable << " names no server; scripts/stack up s3 starts one";
    bucket_ = make_bucket(false);
    store_ = open({.bucket = bucket_});
  }

  /// A new bucket with the endpoint's name for it.
  std::string make_bucket(bool with_lock) {
    static std::atomic<int> made = 0;
    const std::string name = fmt::format("tw-{}-{}", ::getpid(), ++made);
    aws::SignableRequest request{.method = "PUT",
                                 .path = "/" + name,
                                 .headers = {{"Host", endpoint_.substr(endpoint_.find("://") + 3)}, {"x-amz-content-sha256", sha256_hex("")}},
                                 .payload_hash = sha256_hex("")};
    if (with_lock) request.headers.emplace_back("x-amz-bucket-object-lock-enabled", "true");
    aws::sign(request, {"us-east-1", "s3"}, credentials_.get().value(), wall_clock());
    const auto answer = http_.send({.method = "PUT", .url = endpoint_ + request.path, .headers = request.headers, .direct = true});
    EXPECT_TRUE(answer && answer->status == 200) << (answer ? answer->body : answer.error().message);
    return name;
  }

  std::unique_ptr<S3Store> open(S3Settings settings, std::function<Timestamp()> now = {}) {
    settings.endpoint = endpoint_;
    settings.path_style = true;
    auto store = S3Store::create(settings, http_, credentials_, std::move(now));
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return std::move(*store);
  }

  void put(const std::string& key, const std::string& bytes, const ObjectMetadata& metadata = {}) {
    const auto written = store_->put({.key = key, .bytes = bytes, .metadata = metadata});
    ASSERT_TRUE(written.has_value()) << written.error().message;
    EXPECT_TRUE(*written) << key;
  }

  testing::TempDir dir_;
  std::string endpoint_, bucket_;
  aws::HttpClient http_;
  aws::CredentialChain credentials_{http_, {}};
  std::unique_ptr<ObjectStore> store_;
};

TEST_P(ObjectStoreTest, GivesBackWhatItWasGiven) {
  std::string binary;
  for (unsigned int i = 0; i < 300'000; ++i) binary.push_back(static_cast<char>(i * 7919 >> 4));
  const ObjectMetadata metadata{{"range", "cloudtrail 3 10-20"}, {"signature", std::string(512, 'f')}};
  for (const char* const key : {"AWSLogs/1/CloudTrail/eu-west-1/2026/01/02/1_CloudTrail_eu-west-1_20260102T0305Z_a1B2c3D4e5F6g7H8.json.gz", "with space/and+plus=equals,comma'quote$&@:;!*()",
                                "\xc3\xa4/\xe1\x88\xb4", "percent%2F", "tilde~._-"}) {
    put(key, binary, metadata);
    const auto got = store_->get(key);
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_TRUE(got->bytes == binary) << key;
    EXPECT_EQ(got->metadata, metadata);
    const auto head = store_->head(key);
    ASSERT_TRUE(head.has_value()) << head.error().message;
    EXPECT_EQ(*head, metadata);
    const auto listed = store_->list(key, "");
    ASSERT_TRUE(listed.has_value()) << listed.error().message;
    ASSERT_EQ(listed->size(), 1u) << key;
    EXPECT_EQ(listed->front().key, key);
    EXPECT_EQ(listed->front().bytes, binary.size());
    EXPECT_NE(listed->front().version, "");
    EXPECT_EQ(store_->list(key, "")->front().version, listed->front().version);
  }
}

TEST_P(ObjectStoreTest, KeepsAnObjectWithoutBytes) {
  put("empty", "");
  EXPECT_EQ(store_->get("empty")->bytes, "");
  EXPECT_THAT(store_->get("empty")->metadata, IsEmpty());
}

TEST_P(ObjectStoreTest, NeverReplacesAnObject) {
  put("a/b", "first", {{"by", "first"}});
  for (const bool may_exist : {false, true}) {
    const auto again = store_->put({.key = "a/b", .bytes = "second", .metadata = {{"by", "second"}}, .may_exist = may_exist});
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_FALSE(*again);
  }
  EXPECT_EQ(store_->get("a/b")->bytes, "first");
  EXPECT_THAT(store_->head("a/b").value(), ElementsAre(Pair("by", "first")));
  EXPECT_EQ(store_->put({.key = "a/c", .bytes = "x", .may_exist = true}), true);
}

TEST_P(ObjectStoreTest, OneOfManyWritersWins) {
  if (GetParam().puts_race) GTEST_SKIP() << "this server looks and writes in two steps";
  for (int round = 0; round < 10; ++round) {
    const std::string key = fmt::format("race/{}", round);
    std::atomic<int> winners = 0, winner = -1;
    std::vector<std::thread> writers;
    for (int i = 0; i < 6; ++i) {
      writers.emplace_back([&, i] {
        const std::string who = std::to_string(i);
        auto written = store_->put({.key = key, .bytes = who, .metadata = {{"by", who}}});
        while (!written && written.error().fault == StoreFault::kNotNow) written = store_->put({.key = key, .bytes = who, .metadata = {{"by", who}}});
        ASSERT_TRUE(written.has_value()) << written.error().message;
        if (!*written) return;
        ++winners;
        winner = i;
      });
    }
    for (std::thread& writer : writers) writer.join();
    ASSERT_EQ(winners, 1) << key;
    EXPECT_EQ(store_->get(key)->bytes, std::to_string(winner));
    EXPECT_THAT(store_->head(key).value(), ElementsAre(Pair("by", std::to_string(winner))));
  }
}

TEST_P(ObjectStoreTest, ListsInByteOrderAThousandAtATime) {
  std::vector<std::string> keys{"other", "t", "t-", "t."};
  for (int i = 0; i < 1'010; ++i) keys.push_back(fmt::format("t/{:04}/{}", i, i % 3));
  keys.push_back("t0");
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&] {
      for (std::size_t k = next++; k < keys.size(); k = next++)
        if (keys[k] != "t") put(keys[k], "x");  // a folder has it as one
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::erase_if(keys, [](const std::string& key) { return key == "other" || key == "t"; });

  std::vector<std::string> all;
  for (const std::size_t expected : {1'000u, 13u}) {
    const auto listed = store_->list("t", all.empty() ? "" : all.back());
    ASSERT_TRUE(listed.has_value()) << listed.error().message;
    ASSERT_EQ(listed->size(), expected);
    for (const ListedObject& object : *listed) all.push_back(object.key);
  }
  EXPECT_EQ(all, keys);
  EXPECT_THAT(store_->list("u", "").value(), IsEmpty());
  EXPECT_EQ(store_->list_folder("t/")->folders.size(), 1'010u) << "more than a page";
}

TEST_P(ObjectStoreTest, ListsOneFolder) {
  // Some that servers may order or part otherwise.
  for (const char* const key : {"top/a/2", "top/a/1/x", "top/a-b", "top/a.b", "top/a0", "top/a/1.x", "top/b", "top/a/1-1/deep/er/x", "top/a/10", "top/ü/x", "topper/x", "top/a b/x"}) put(key, "12345");
  for (const char* const prefix : {"top/", "top/a", "top/a/", "top/a/1", "none/"}) {
    const auto found = store_->list_folder(prefix), expected = store_->ObjectStore::list_folder(prefix);
    ASSERT_TRUE(found.has_value()) << found.error().message;
    ASSERT_TRUE(expected.has_value()) << expected.error().message;
    EXPECT_EQ(found->folders, expected->folders) << prefix;
    ASSERT_EQ(found->objects.size(), expected->objects.size()) << prefix;
    for (std::size_t i = 0; i < found->objects.size(); ++i) EXPECT_EQ(found->objects[i].key, expected->objects[i].key);
  }
  EXPECT_THAT(store_->list_folder("top/a/")->folders, ElementsAre("top/a/1-1/", "top/a/1/"));
}

TEST_P(ObjectStoreTest, SaysWhatIsNotThere) {
  EXPECT_EQ(store_->get("none").error().fault, StoreFault::kNotFound);
  EXPECT_EQ(store_->head("none").error().fault, StoreFault::kNotFound);
}

TEST_P(ObjectStoreTest, RefusesKeysThatAreNoPaths) {
  for (const char* const key : {"", "/a", "a//b", "../a", "a/./b", "a\nb"}) EXPECT_EQ(store_->put({.key = key, .bytes = "x"}).error().fault, StoreFault::kImpossible) << key;
}

INSTANTIATE_TEST_SUITE_P(On, ObjectStoreTest, ::testing::Values(kFolder, kVersitygw, kRgw), [](const auto& row) { return std::string(row.param.name); });

/// What only servers do.
class S3ServerTest : public ObjectStoreTest {};

TEST_P(S3ServerTest, GivesAPart) {
  put("a", "0123456789");
  EXPECT_EQ(open({.bucket = bucket_})->get_range("a", 3, 4), "3456");
}

TEST_P(S3ServerTest, AWrongSecretIsRefused) {
  aws::CredentialChain wrong(http_, {.environment = [](const char* name) { return std::string(name) == "AWS_ACCESS_KEY_ID" ? environment(name) : "wrong"; }});
  const auto store = S3Store::create({.bucket = bucket_, .endpoint = endpoint_, .path_style = true}, http_, wrong);
  for (const bool may_exist : {false, true}) {
    const auto refused = (*store)->put({.key = "a", .bytes = "x", .may_exist = may_exist});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().fault, StoreFault::kRefused) << refused.error().message;
  }
  EXPECT_EQ(store_->head("a").error().fault, StoreFault::kNotFound);
}

TEST_P(S3ServerTest, ABucketThatIsNotThereIsRefused) {
  const auto refused = open({.bucket = "no-such-bucket"})->put({.key = "a", .bytes = "x", .may_exist = true});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().fault, StoreFault::kRefused);
  EXPECT_EQ(refused.error().code, "NoSuchBucket") << refused.error().message;
}

TEST_P(S3ServerTest, AClockThatIsWrongIsRefused) {
  const auto refused = open({.bucket = bucket_}, [] { return wall_clock() + std::chrono::minutes{20}; })->put({.key = "a", .bytes = "x"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "RequestTimeTooSkewed") << refused.error().message;
}

TEST_P(S3ServerTest, AWrongRegionIsRefusedAndTheRightOneNamed) {
  if (GetParam().name == kRgw.name) GTEST_SKIP() << "this server takes any Region";
  const auto refused = open({.bucket = bucket_, .region = "eu-north-1"})->put({.key = "a", .bytes = "x"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().fault, StoreFault::kRefused);
  EXPECT_EQ(refused.error().code, "AuthorizationHeaderMalformed") << refused.error().message;
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("us-east-1"));
}

TEST_P(S3ServerTest, LocksAnObject) {
  const std::string bucket = make_bucket(true);
  const auto store = open({.bucket = bucket, .lock = S3Settings::Lock::kGovernance, .lock_for = std::chrono::days{1}});
  const auto written = store->put({.key = "a", .bytes = "x"});
  ASSERT_TRUE(written.has_value()) << written.error().message;
  EXPECT_TRUE(*written);
  // Ceph passes over the condition in such a bucket, so it must not be relied upon.
  EXPECT_EQ(store->put({.key = "a", .bytes = "y", .may_exist = true}), false);
  EXPECT_EQ(store->get("a")->bytes, "x");
}

TEST_P(S3ServerTest, ALockWhereThereIsNoneIsRefused) {
  const auto refused = open({.bucket = bucket_, .lock = S3Settings::Lock::kCompliance, .lock_for = std::chrono::days{1}})->put({.key = "a", .bytes = "x"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().fault, StoreFault::kRefused) << refused.error().message;
}

TEST_P(S3ServerTest, EncryptsByAKeyThatItHas) {
  if (GetParam().name != kRgw.name) GTEST_SKIP() << "this server passes over it";
  const auto with = [&](const char* key_id) { return open({.bucket = bucket_, .encryption = S3Settings::Encryption::kKms, .kms_key_id = key_id}); };
  EXPECT_EQ(with("testkey-1")->put({.key = "a", .bytes = "secret"}), true);
  EXPECT_EQ(store_->get("a")->bytes, "secret");
  const auto refused = with("no-such-key")->put({.key = "b", .bytes = "x"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().fault, StoreFault::kRefused) << refused.error().message;
}

INSTANTIATE_TEST_SUITE_P(On, S3ServerTest, ::testing::Values(kVersitygw, kRgw), [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace trailwarden::trail
