#include "trail/folder_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <set>
#include <thread>
#include <vector>

#include "core/failpoint.h"
#include "testing/read_file.h"
#include "testing/temp_dir.h"

namespace trailwarden::trail {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::TempDir;
using testing::read_file;

std::vector<std::string> keys_of(const StoreResult<std::vector<ListedObject>>& listed) {
  std::vector<std::string> keys;
  for (const ListedObject& object : listed.value()) keys.push_back(object.key);
  return keys;
}

class FolderStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<FolderStore> open() {
    auto store = FolderStore::open(dir_.path("trail"));
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return std::move(*store);
  }

  /// What lies where objects are written before they have their names.
  std::vector<std::string> left_over() const {
    std::vector<std::string> files;
    for (const auto& file : fs::directory_iterator(dir_.path("trail/.trailwarden/new"))) files.push_back(file.path().filename().string());
    return files;
  }

  TempDir dir_;
};

TEST_F(FolderStoreTest, KeepsBytesUnderTheirKeyAndMetadataBeside) {
  const auto store = open();
  EXPECT_EQ(store->put({.key = "AWSLogs/1/a.json.gz", .bytes = std::string_view("\0bytes", 6), .metadata = {{"range", "0-5"}, {"sha256", "ab"}}}), true);
  EXPECT_EQ(read_file(dir_.path("trail/AWSLogs/1/a.json.gz")), std::string("\0bytes", 6));
  const auto got = store->get("AWSLogs/1/a.json.gz");
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->bytes, std::string("\0bytes", 6));
  EXPECT_THAT(got->metadata, ElementsAre(Pair("range", "0-5"), Pair("sha256", "ab")));
  EXPECT_EQ(store->head("AWSLogs/1/a.json.gz").value(), got->metadata);
  EXPECT_THAT(left_over(), IsEmpty());
  EXPECT_EQ(store->bucket(), "trail");
}

TEST_F(FolderStoreTest, NeverReplacesWhatIsThere) {
  const auto store = open();
  EXPECT_EQ(store->put({.key = "a", .bytes = "first", .metadata = {{"by", "first"}}}), true);
  for (const bool may_exist : {false, true})
    EXPECT_EQ(store->put({.key = "a", .bytes = "second", .metadata = {{"by", "second"}}, .may_exist = may_exist}), false);
  EXPECT_EQ(store->get("a")->bytes, "first");
  EXPECT_THAT(store->get("a")->metadata, ElementsAre(Pair("by", "first")));
  EXPECT_THAT(left_over(), IsEmpty());
}

TEST_F(FolderStoreTest, TakesAFileOfSomebodyElseForAnObject) {
  const auto store = open();
  dir_.write("trail/AWSLogs/copied.json.gz", "theirs");
  EXPECT_EQ(store->put({.key = "AWSLogs/copied.json.gz", .bytes = "ours"}), false);
  EXPECT_EQ(store->get("AWSLogs/copied.json.gz")->bytes, "theirs");
  EXPECT_THAT(store->head("AWSLogs/copied.json.gz").value(), IsEmpty());
}

TEST_F(FolderStoreTest, OneOfManyWritersWinsAndItsMetadataStay) {
  const auto one = open(), other = open();  // as two processes would
  constexpr int kRounds = 30, kWriters = 6;
  for (int round = 0; round < kRounds; ++round) {
    const std::string key = "AWSLogs/" + std::to_string(round) + "/object";
    std::atomic<int> winners = 0, winner = -1;
    std::vector<std::thread> writers;
    for (int i = 0; i < kWriters; ++i) {
      writers.emplace_back([&, i] {
        FolderStore& store = i % 2 == 0 ? *one : *other;
        const std::string who = std::to_string(i);
        const auto written = store.put({.key = key, .bytes = who, .metadata = {{"by", who}}});
        ASSERT_TRUE(written.has_value()) << written.error().message;
        if (!*written) return;
        ++winners;
        winner = i;
      });
    }
    for (std::thread& writer : writers) writer.join();
    ASSERT_EQ(winners, 1) << key;
    const auto got = one->get(key);
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->bytes, std::to_string(winner));
    EXPECT_THAT(got->metadata, ElementsAre(Pair("by", std::to_string(winner))));
  }
  EXPECT_THAT(left_over(), IsEmpty());
}

TEST_F(FolderStoreTest, ListsInByteOrder) {
  const auto store = open();
  // A folder stands where the keys below it stand: "-" and "." come before "/", digits after it.
  for (const char* const key : {"a/2", "a/1/x", "a-b", "a.b", "a0", "a/1.x", "b"}) ASSERT_EQ(store->put({.key = key, .bytes = "12345"}), true);
  EXPECT_THAT(keys_of(store->list("", "")), ElementsAre("a-b", "a.b", "a/1.x", "a/1/x", "a/2", "a0", "b"));
  EXPECT_THAT(keys_of(store->list("a/", "")), ElementsAre("a/1.x", "a/1/x", "a/2"));
  EXPECT_THAT(keys_of(store->list("a/1", "a/1.x")), ElementsAre("a/1/x"));
  EXPECT_THAT(keys_of(store->list("", "a/1/x")), ElementsAre("a/2", "a0", "b"));
  EXPECT_THAT(keys_of(store->list("", "a/1/y")), ElementsAre("a/2", "a0", "b"));
  EXPECT_THAT(keys_of(store->list("a.", "")), ElementsAre("a.b"));
  EXPECT_THAT(keys_of(store->list("c", "")), IsEmpty());
  EXPECT_EQ(store->list("", "")->front().bytes, 5u);
}

TEST_F(FolderStoreTest, ListsOneFolderAsABucketWould) {
  const auto store = open();
  for (const char* const key : {"a/2", "a/1/x", "a-b", "a.b", "a0", "a/1.x", "b", "a/1-1/deep/er/x", "a/10"}) ASSERT_EQ(store->put({.key = key, .bytes = "12345"}), true);
  std::filesystem::create_directories(dir_.path("trail/a/empty/too"));
  std::filesystem::create_symlink(dir_.path("trail/a/1"), dir_.path("trail/a/link"));
  for (const char* const prefix : {"", "a", "a/", "a/1", "a/1/", "a/1-1/", "b", "b/", "none/"}) {
    const auto found = store->list_folder(prefix), expected = store->ObjectStore::list_folder(prefix);
    ASSERT_TRUE(found.has_value() && expected.has_value()) << prefix;
    EXPECT_EQ(found->folders, expected->folders) << prefix;
    EXPECT_EQ(keys_of(found->objects), keys_of(expected->objects)) << prefix;
    for (std::size_t i = 0; i < found->objects.size(); ++i) EXPECT_EQ(found->objects[i].version, expected->objects.at(i).version) << prefix;
  }
  EXPECT_THAT(store->list_folder("a/")->folders, ElementsAre("a/1-1/", "a/1/"));
  EXPECT_EQ(store->list_folder("a/")->objects.at(0).bytes, 5u);
}

TEST_F(FolderStoreTest, AListSaysWhichFilesHaveChanged) {
  const auto store = open();
  for (const char* const key : {"a", "b"}) ASSERT_EQ(store->put({.key = key, .bytes = "text of one length"}), true);
  const auto before = store->list("", "").value();
  EXPECT_EQ(store->list("", "").value().at(0).version, before.at(0).version);
  const std::string path = dir_.path("trail/a");
  const auto time = std::filesystem::last_write_time(path);
  std::ofstream(path, std::ios::in | std::ios::out) << "T";
  std::filesystem::last_write_time(path, time);  // as one does who does not want it to be seen
  const auto after = store->list("", "").value();
  EXPECT_EQ(after.at(0).bytes, before.at(0).bytes);
  EXPECT_NE(after.at(0).version, before.at(0).version);
  EXPECT_EQ(after.at(1).version, before.at(1).version);
}

TEST_F(FolderStoreTest, ListsAThousandAtATime) {
  const auto store = open();
  for (int i = 0; i < 2500; ++i) dir_.write("trail/" + std::to_string(i % 7) + "/" + std::to_string(i), "x");
  std::vector<std::string> all;
  std::vector<std::size_t> pages;
  for (std::string after;;) {
    const auto page = keys_of(store->list("", after));
    pages.push_back(page.size());
    all.insert(all.end(), page.begin(), page.end());
    if (page.size() < 1000) break;
    after = page.back();
  }
  EXPECT_THAT(pages, ElementsAre(1000, 1000, 500));
  EXPECT_TRUE(std::ranges::is_sorted(all));
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), 2500u);
}

TEST_F(FolderStoreTest, SaysWhatIsNotThere) {
  const auto store = open();
  ASSERT_EQ(store->put({.key = "a/b", .bytes = ""}), true);
  for (const char* const key : {"none", "a", "a/c", "a/b/c"}) {
    EXPECT_EQ(store->get(key).error().fault, StoreFault::kNotFound) << key;
    EXPECT_EQ(store->head(key).error().fault, StoreFault::kNotFound) << key;
  }
}

struct KeyCase {
  const char* name;
  std::string key;
};
void PrintTo(const KeyCase& c, std::ostream* out) { *out << c.name; }

class BadKey : public FolderStoreTest, public ::testing::WithParamInterface<KeyCase> {};

TEST_P(BadKey, IsRefusedForGood) {
  const auto store = open();
  dir_.write("outside", "secret");
  const auto put = store->put({.key = GetParam().key, .bytes = "x"});
  ASSERT_FALSE(put.has_value());
  EXPECT_EQ(put.error().fault, StoreFault::kImpossible) << put.error().message;
  EXPECT_FALSE(store->get(GetParam().key).has_value());
  EXPECT_FALSE(store->head(GetParam().key).has_value());
  EXPECT_EQ(read_file(dir_.path("outside")), "secret");
}

INSTANTIATE_TEST_SUITE_P(Keys, BadKey,
                         ::testing::Values(KeyCase{"Empty", ""}, KeyCase{"Absolute", "/etc/passwd"}, KeyCase{"Up", "../outside"}, KeyCase{"UpWithin", "a/../../outside"},
                                           KeyCase{"Here", "a/./b"}, KeyCase{"EmptyPart", "a//b"}, KeyCase{"Folder", "a/"}, KeyCase{"Zero", std::string("a\0b", 3)},
                                           KeyCase{"Newline", "a\nb"}, KeyCase{"NotUtf8", "a\xff"}, KeyCase{"Long", std::string(1025, 'a')},
                                           KeyCase{"LongPart", std::string(300, 'a')}, KeyCase{"Ours", ".trailwarden/lock"}, KeyCase{"OursToo", ".trailwarden"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(FolderStoreTest, ANameIsEitherAnObjectOrAFolder) {
  const auto store = open();
  ASSERT_EQ(store->put({.key = "a/b", .bytes = "x"}), true);
  EXPECT_EQ(store->put({.key = "a", .bytes = "x"}).error().fault, StoreFault::kImpossible);
  EXPECT_EQ(store->put({.key = "a/b/c", .bytes = "x"}).error().fault, StoreFault::kImpossible);
  EXPECT_THAT(keys_of(store->list("", "")), ElementsAre("a/b"));
}

TEST_F(FolderStoreTest, RefusesMetadataThatS3WouldNotKeep) {
  const auto store = open();
  const auto with = [&](const char* name, std::string value) { return store->put({.key = "a", .bytes = "", .metadata = {{name, std::move(value)}}}); };
  EXPECT_EQ(with("Range", "x").error().code, "InvalidMetadata");
  EXPECT_EQ(with("", "x").error().code, "InvalidMetadata");
  EXPECT_EQ(with("range", "a\nb").error().code, "InvalidMetadata");
  EXPECT_EQ(with("range", " x").error().code, "InvalidMetadata");
  EXPECT_EQ(with("range", "\xc3\xa4").error().code, "InvalidMetadata");
  EXPECT_EQ(with("range", std::string(2048, 'x')).error().code, "MetadataTooLarge");
  EXPECT_EQ(with("range", std::string(2043, 'x')), true);
}

/// Ends this process, which is a child of the test, at one place of a put.
[[noreturn]] void die_at(FolderStore& store, std::string_view place) {
  failpoint::set_hook([place](std::string_view name) {
    if (name == place) ::_exit(137);
  });
  (void)store.put({.key = "AWSLogs/a", .bytes = "of the dead", .metadata = {{"by", "the dead"}}});
  ::_exit(0);
}

TEST_F(FolderStoreTest, ACrashLeavesNoHalfObject) {
  const auto store = open();
  for (const char* const place : {"folder_store.before_link", "folder_store.between"}) {
    EXPECT_EXIT(die_at(*store, place), ::testing::ExitedWithCode(137), "") << place;
    EXPECT_THAT(left_over(), Not(IsEmpty()));
    EXPECT_THAT(keys_of(store->list("", "")), IsEmpty());
    EXPECT_EQ(store->head("AWSLogs/a").error().fault, StoreFault::kNotFound);
  }
  EXPECT_EQ(store->put({.key = "AWSLogs/a", .bytes = "of the living", .metadata = {{"by", "the living"}}, .may_exist = true}), true);
  EXPECT_EQ(store->get("AWSLogs/a")->bytes, "of the living");
  EXPECT_THAT(store->head("AWSLogs/a").value(), ElementsAre(Pair("by", "the living")));
}

TEST_F(FolderStoreTest, ACrashAfterTheLinkLeavesTheObject) {
  const auto store = open();
  EXPECT_EXIT(die_at(*store, "folder_store.after_link"), ::testing::ExitedWithCode(137), "");
  EXPECT_EQ(store->put({.key = "AWSLogs/a", .bytes = "of the living", .may_exist = true}), false);
  EXPECT_EQ(store->get("AWSLogs/a")->bytes, "of the dead");
  EXPECT_THAT(store->head("AWSLogs/a").value(), ElementsAre(Pair("by", "the dead")));
}

TEST_F(FolderStoreTest, WhatACrashLeftIsRemovedWhenNobodyCanStillBeWritingIt) {
  open();
  const std::string old = dir_.write("trail/.trailwarden/new/old", "x");
  dir_.write("trail/.trailwarden/new/young", "x");
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours{2});
  open();
  EXPECT_THAT(left_over(), ElementsAre("young"));
}

TEST_F(FolderStoreTest, AFullDiskIsSaidAndHeals) {
  const std::string disk = dir_.path("disk");
  fs::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") != 0) GTEST_SKIP() << "this needs leave to mount a tmpfs";
  {
    const auto store = FolderStore::open(disk);
    ASSERT_TRUE(store.has_value()) << store.error().message;
    const std::string large(std::size_t{2} << 20, 'x');
    const auto refused = (*store)->put({.key = "a", .bytes = large});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().fault, StoreFault::kRefused);
    EXPECT_EQ(refused.error().code, "ENOSPC");
    EXPECT_THAT(refused.error().message, HasSubstr("make room"));
    EXPECT_THAT(keys_of((*store)->list("", "")), IsEmpty());
    EXPECT_EQ((*store)->put({.key = "a", .bytes = large.substr(0, 100'000)}), true);  // nothing of the large one is left
  }
  ::umount(disk.c_str());
}

TEST_F(FolderStoreTest, AFolderThatCannotBeWrittenIsSaidAtTheStart) {
  const auto below_a_file = FolderStore::open(dir_.write("file", "x") + "/trail");
  ASSERT_FALSE(below_a_file.has_value());
  EXPECT_THAT(below_a_file.error().message, HasSubstr("make the trail's folder"));

  const std::string disk = dir_.path("disk");
  fs::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", MS_RDONLY, "size=1m") != 0) GTEST_SKIP() << "this needs leave to mount a tmpfs";
  const auto read_only = FolderStore::open(disk);
  EXPECT_FALSE(read_only.has_value());
  EXPECT_THAT(read_only.error().message, HasSubstr("mount it so that it can be written"));
  ::umount(disk.c_str());
}

TEST_F(FolderStoreTest, ReadingNeedsNoLeaveToWriteAndMakesNothing) {
  dir_.write("copy/AWSLogs/a", "x");
  const auto store = FolderStore::open_to_read(dir_.path("copy") + "/");
  ASSERT_TRUE(store.has_value()) << store.error().message;
  EXPECT_EQ((*store)->bucket(), "copy");
  EXPECT_THAT(keys_of((*store)->list("", "")), ElementsAre("AWSLogs/a"));
  EXPECT_EQ((*store)->get("AWSLogs/a")->bytes, "x");
  EXPECT_FALSE(fs::exists(dir_.path("copy/.trailwarden")));

  EXPECT_EQ(FolderStore::open_to_read(dir_.path("nowhere")).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(dir_.path("nowhere")));
  EXPECT_THAT(FolderStore::open_to_read(dir_.path("copy/AWSLogs/a")).error().message, HasSubstr("is no folder"));
}

TEST_F(FolderStoreTest, AFolderThatIsGoneIsNotMadeAnew) {
  // It may be a disk that is not mounted: writing beside it would be losing.
  const auto store = open();
  fs::remove_all(dir_.path("trail"));
  const auto refused = store->put({.key = "a/b", .bytes = "x"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().fault, StoreFault::kRefused);
  EXPECT_EQ(store->list("", "").error().fault, StoreFault::kRefused);
  EXPECT_FALSE(fs::exists(dir_.path("trail")));
}

TEST_F(FolderStoreTest, FoldersThatSomebodyRemovedAreMadeAgain) {
  const auto store = open();
  ASSERT_EQ(store->put({.key = "a/b", .bytes = "x"}), true);
  fs::remove_all(dir_.path("trail/a"));
  EXPECT_FALSE(store->put({.key = "a/c", .bytes = "x"}).has_value());  // it believed them to be there
  EXPECT_EQ(store->put({.key = "a/c", .bytes = "x", .may_exist = true}), true);
}

}  // namespace
}  // namespace trailwarden::trail
