#include "ingest/object_read_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "ingest/file_source.h"
#include "testing/gzip.h"
#include "testing/memory_object_store.h"
#include "testing/tar.h"
#include "testing/temp_dir.h"

namespace trailwarden::ingest {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

using Call = testing::MemoryObjectStore::Call;
using ::testing::HasSubstr;
using testing::gzip;
using testing::MemoryObjectStore;
using testing::TempDir;
using trail::StoreError;
using trail::StoreFault;

// ---- ObjectReadAhead alone

std::vector<std::uint32_t> first_numbers(std::uint32_t count) {
  std::vector<std::uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0U);
  return numbers;
}

/// Objects "0", "1", ... of 40 bytes, with a count of those being downloaded or downloaded. In `together` of them wait for each other.
class CountingStore final : public MemoryObjectStore {
 public:
  explicit CountingStore(int together = 1) : together_(together) {
    for (int i = 0; i < 50; ++i) objects[std::to_string(i)] = {std::string(40, static_cast<char>('a' + i % 26)), {}};
  }

  trail::StoreResult<trail::StoredObject> get(std::string_view key) override {
    std::unique_lock lock(mutex_);
    ++gets;
    changed_.notify_all();
    if (!changed_.wait_for(lock, 10s, [this] { return gets >= together_; })) return tl::unexpected(StoreError{StoreFault::kRefused, "Alone", "nobody came"});
    return objects.find(key)->second;
  }

  int gets = 0;

 private:
  const int together_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

TEST(ObjectReadAhead, GivesEachObjectItsOwnBytes) {
  CountingStore store;
  const auto describe = [&](std::uint32_t number) { return ObjectToRead{&store, std::to_string(number), 40, 1000}; };
  ObjectReadAhead ahead(4, 200);
  ahead.plan(first_numbers(50), describe);
  for (std::uint32_t i = 0; i < 50; ++i) EXPECT_EQ(ahead.take(i, describe(i)).value(), store.objects[std::to_string(i)].bytes);
  EXPECT_EQ(store.gets, 50) << "none twice";
}

TEST(ObjectReadAhead, DownloadsSeveralAtATime) {
  CountingStore store(4);
  const auto describe = [&](std::uint32_t number) { return ObjectToRead{&store, std::to_string(number), 40, 1000}; };
  ObjectReadAhead ahead(4, 1000);
  ahead.plan(first_numbers(8), describe);
  EXPECT_TRUE(ahead.take(0, describe(0)).has_value());
}

TEST(ObjectReadAhead, HoldsNoMoreThanItsBound) {
  class Bounded final : public MemoryObjectStore {
   public:
    trail::StoreResult<trail::StoredObject> get(std::string_view) override {
      const int now = ++begun - taken;
      for (int most = most_held; now > most && !most_held.compare_exchange_weak(most, now);) {}
      return trail::StoredObject{std::string(40, 'x'), {}};
    }
    std::atomic<int> begun = 0, taken = 0, most_held = 0;
  } store;
  const auto describe = [&](std::uint32_t number) { return ObjectToRead{&store, std::to_string(number), 40, 1000}; };
  ObjectReadAhead ahead(4, 100);
  ahead.plan(first_numbers(50), describe);
  for (std::uint32_t i = 0; i < 50; ++i) {
    std::this_thread::sleep_for(1ms);
    ASSERT_TRUE(ahead.take(i, describe(i)).has_value());
    ++store.taken;
  }
  // Two of 40 bytes fit 100; a third may begin between `take` and our count of it.
  EXPECT_GE(store.most_held, 2);
  EXPECT_LE(store.most_held, 3);
}

TEST(ObjectReadAhead, WorksWithoutThreadsAndForObjectsLargerThanItsBound) {
  CountingStore store;
  const auto describe = [&](std::uint32_t number) { return ObjectToRead{&store, std::to_string(number), 40, 1000}; };
  for (const unsigned threads : {0U, 3U}) {
    ObjectReadAhead ahead(threads, 1);
    ahead.plan(first_numbers(10), describe);
    for (std::uint32_t i = 0; i < 10; ++i) EXPECT_EQ(ahead.take(i, describe(i)).value(), store.objects[std::to_string(i)].bytes);
    EXPECT_TRUE(ahead.take(40, describe(40)).has_value()) << "not in the plan";
  }
}

// ---- Buckets as FileSource reads them

std::string record(const std::string& id, int minute) {
  return fmt::format(R"({{"eventVersion":"1.08","eventTime":"2024-03-13T08:{:02}:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"{}"}})", minute, id);
}

std::string log_key(std::string_view region, int minute, std::string_view unique) {
  return fmt::format("AWSLogs/1/CloudTrail/{0}/2024/03/13/1_CloudTrail_{0}_20240313T08{1:02}Z_{2}.json.gz", region, minute, unique);
}

const std::string kDigest = "AWSLogs/1/CloudTrail-Digest/eu-west-1/2024/03/13/1_CloudTrail-Digest_eu-west-1_main_eu-west-1_20240313T080000Z.json.gz";

/// All that a message says but where its file lies.
struct Seen {
  std::string file;  // behind the folder, or the bucket
  std::string value, fault_detail;
  std::int64_t offset = 0;
  std::uint64_t byte_offset = 0;
  std::optional<AppendTime> append_time;
  stream::SourceFault fault = stream::SourceFault::kNone;
  bool operator==(const Seen&) const = default;
};
void PrintTo(const Seen& seen, std::ostream* out) { *out << seen.offset << " " << seen.file << " at " << seen.byte_offset << ": " << seen.value.substr(0, 200) << seen.fault_detail; }

struct Read {
  std::vector<Seen> messages;
  std::uint64_t source_bytes = 0, total_bytes = 0;
};

Read read_all(const std::string& path, const BucketReading& buckets = {}) {
  Read read;
  auto source = FileSource::open({path}, {.buckets = buckets});
  EXPECT_TRUE(source.has_value()) << source.error().message;
  if (!source) return read;
  read.total_bytes = (*source)->total_bytes();
  stream::MessageBatch batch;
  for (bool more = true; more;) {
    more = (*source)->poll(batch).value();
    read.source_bytes += batch.source_bytes;
    for (const stream::Message& message : batch.messages)
      read.messages.push_back({std::string(message.origin.substr(path.size())), std::string(message.value), message.fault_detail, message.offset, message.byte_offset, message.append_time, message.fault});
  }
  return read;
}

/// A bucket that holds what a folder holds.
class Bucket {
 public:
  explicit Bucket(const std::string& folder) {
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) store_->objects[fs::relative(entry.path(), folder).string()] = {contents(entry.path()), {}};
  }

  BucketReading reading() const {
    return {.open = [store = store_](const std::string& bucket) -> Result<std::shared_ptr<trail::ObjectStore>> {
      EXPECT_EQ(bucket, "trails");
      return store;
    }};
  }
  Read read() const { return read_all("s3://trails/", reading()); }
  MemoryObjectStore& store() { return *store_; }

 private:
  static std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  std::shared_ptr<MemoryObjectStore> store_ = std::make_shared<MemoryObjectStore>();
};

/// Everything a folder may hold: delivered files of two Regions, documents and lines that overlap them, archives, damage.
class BucketsAndFolders : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int minute = 0; minute < 60; minute += 5)
      for (const char* region : {"us-east-1", "eu-west-1"})
        write(log_key(region, minute, "u"), gzip(R"({"Records":[)" + record(fmt::format("{}{}", region, minute), minute) + "]}"));
    write(log_key("us-east-1", 5, "also"), gzip(R"({"Records":[)" + record("also", 5) + "]}"));
    write("exported/a.jsonl", record("a1", 1) + "\n" + record("a2", 31) + "\n");
    write("exported/b.jsonl.gz", gzip(record("b1", 2) + "\n" + record("b2", 29) + "\n"));
    write("exported/c.json", R"({"Records":[)" + record("c1", 44) + "," + record("c2", 3) + "]}");
    write("exported/empty.json", "");
    write("exported/.hidden.json", record("hidden", 1));
    write("exported/old.tar", testing::tar_member("x/y.jsonl", record("t1", 12)) + testing::tar_member(log_key("eu-west-1", 20, "t"), gzip(record("t2", 20))) + testing::tar_end());
    write("exported/packed.bin", gzip(testing::tar_member("z.jsonl", record("t3", 13)) + testing::tar_end()));
    write("foreign.txt", "no record\n");
    const std::string whole = gzip(R"({"Records":[)" + record("d", 20) + "]}");
    write(log_key("us-east-1", 20, "damaged"), whole.substr(0, whole.size() / 2));
  }

  void write(const std::string& key, const std::string& bytes) {
    const fs::path path = dir_.path("tree/" + key);
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }
  std::string folder() const { return dir_.path("tree/"); }

  TempDir dir_;
};

TEST_F(BucketsAndFolders, AreReadInTheSameOrder) {
  const Read folder = read_all(this->folder()), bucket = Bucket(this->folder()).read();
  ASSERT_GT(folder.messages.size(), 30U);
  EXPECT_EQ(bucket.messages, folder.messages);
  EXPECT_EQ(bucket.total_bytes, folder.total_bytes);
  EXPECT_EQ(bucket.source_bytes, bucket.total_bytes);
}

TEST(BucketsOfRealRecords, AreReadAsTheirFolderIs) {
  const std::string folder = fs::absolute("tests/data/records").string() + "/";
  const Read files = read_all(folder), bucket = Bucket(folder).read();
  ASSERT_GT(files.messages.size(), 10U);
  EXPECT_EQ(bucket.messages, files.messages);
}

TEST_F(BucketsAndFolders, DifferInDigestsWhichAreNotDownloaded) {
  const Read before = Bucket(folder()).read();
  write(kDigest, gzip("{}"));
  Bucket bucket(folder());
  bucket.store().refuse = [](Call call, std::string_view key) -> std::optional<StoreError> {
    EXPECT_TRUE(call != Call::kGet || key.find("Digest") == std::string_view::npos) << key;
    return std::nullopt;
  };
  EXPECT_EQ(bucket.read().messages, before.messages);
}

TEST_F(BucketsAndFolders, AreTheSameWhenDownloadsFailNowAndThen) {
  const Read folder = read_all(this->folder());
  Bucket bucket(this->folder());
  std::map<std::string, int, std::less<>> asked;
  bucket.store().refuse = [&](Call call, std::string_view key) -> std::optional<StoreError> {
    if (call != Call::kGet || ++asked[std::string(key)] % 2 == 0) return std::nullopt;
    return StoreError{StoreFault::kNotNow, "NoAnswer", "the answer broke off"};
  };
  EXPECT_EQ(bucket.read().messages, folder.messages);
}

TEST_F(BucketsAndFolders, LoseOnlyTheObjectThatCannotBeDownloaded) {
  const std::string lost = log_key("us-east-1", 25, "u");
  const Read folder = read_all(this->folder());
  for (const StoreFault fault : {StoreFault::kRefused, StoreFault::kNotNow, StoreFault::kNotFound}) {
    Bucket bucket(this->folder());
    int asked = 0;
    bucket.store().refuse = [&](Call call, std::string_view key) -> std::optional<StoreError> {
      if (call != Call::kGet || key != lost) return std::nullopt;
      ++asked;
      return StoreError{fault, "Trouble", "get it: 403 Trouble"};
    };
    const Read read = bucket.read();
    ASSERT_EQ(read.messages.size(), folder.messages.size());
    for (std::size_t i = 0; i < read.messages.size(); ++i) {
      if (read.messages[i].file != lost) {
        EXPECT_EQ(read.messages[i], folder.messages[i]);
        continue;
      }
      EXPECT_EQ(read.messages[i].fault, stream::SourceFault::kUnreadable);
      EXPECT_EQ(read.messages[i].fault_detail, "get it: 403 Trouble");
    }
    EXPECT_EQ(asked, fault == StoreFault::kNotNow ? 5 : 1);
    EXPECT_EQ(read.source_bytes, read.total_bytes) << "the progress line comes to its end";
  }
}

TEST(Buckets, GiveTheRecordsOfALargeObjectBeforeWhatCannotBeDownloaded) {
  TempDir dir;
  fs::create_directories(dir.path("tree"));
  std::string lines;
  while (lines.size() < 3'500'000) lines += record(std::to_string(lines.size()), 1) + "\n";
  std::ofstream(dir.path("tree/large.jsonl")) << lines;
  Bucket bucket(dir.path("tree/"));
  const Read whole = bucket.read();
  std::string text;
  for (const Seen& seen : whole.messages) text += seen.value;
  EXPECT_EQ(text, lines) << "four pieces";

  int gets = 0;
  bucket.store().refuse = [&](Call call, std::string_view) -> std::optional<StoreError> {
    if (call != Call::kGet || ++gets <= 3) return std::nullopt;  // of its head, and of two pieces
    return StoreError{StoreFault::kRefused, "AccessDenied", "denied since"};
  };
  const Read cut = bucket.read();
  ASSERT_GT(cut.messages.size(), 2U);
  EXPECT_EQ(cut.messages.back().fault_detail, "denied since");
  text.clear();
  for (const Seen& seen : cut.messages) text += seen.value;
  EXPECT_GT(text.size(), 1'900'000U);
  EXPECT_TRUE(lines.starts_with(text));
}

TEST(Buckets, AreRefusedWhereNobodyCanOpenThem) {
  const auto source = FileSource::open({"s3://trails/AWSLogs/"}, {});
  ASSERT_FALSE(source.has_value());
  EXPECT_EQ(source.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(source.error().message, HasSubstr("s3://trails/AWSLogs/"));
}

}  // namespace
}  // namespace trailwarden::ingest
