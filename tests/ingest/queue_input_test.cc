#include "ingest/queue_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "core/hash.h"
#include "stream/embedded_pending.h"
#include "testing/fake_queue.h"
#include "testing/memory_object_store.h"

namespace trailwarden::ingest {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using stream::InputBatch;
using testing::FakeQueue;
using testing::MemoryObjectStore;

constexpr const char* kBucket = "logs";

std::string notice(const std::string& key, const std::string& etag = "") {
  return R"({"Records":[{"eventName":"ObjectCreated:Put","awsRegion":"eu-west-1","s3":{"bucket":{"name":"logs"},"object":{"key":")" + key + R"(","size":1)" +
         (etag.empty() ? "" : R"(,"eTag":")" + etag + "\"") + "}}}]}";
}

std::string stamped(const std::string& minute, int number) { return "AWSLogs/1/111122223333_CloudTrail_eu-west-1_20260301T" + minute + "Z_" + std::to_string(1000000000000000 + number) + ".json"; }

/// The queue, the bucket, and what a log would have kept; an input over them that can be killed and begun anew.
class World {
 public:
  explicit World(unsigned seed = 1) : queue(std::make_shared<FakeQueue>([this] { return now; }, seed)), store(std::make_shared<MemoryObjectStore>(kBucket)) { begin(); }

  void begin() {
    QueueInputOptions options;
    options.queues.push_back({.queue = queue, .hidden = 300s, .buckets = {}, .bucket_region = "eu-west-1"});
    options.open_bucket = [this](const std::string& bucket, const std::string&) -> Result<std::shared_ptr<trail::ObjectStore>> {
      if (bucket != kBucket) return fail(ErrorCode::kInvalidArgument, bucket + ": no such bucket here");
      return std::shared_ptr<trail::ObjectStore>(store);
    };
    options.refusal = [](const NoticedObject& object) { return std::string(object.key.starts_with("ours/") ? "it is ours" : ""); };
    options.threads = false;
    options.now = [this] { return now; };
    input = std::make_unique<QueueInput>(std::move(options));
    for (const auto& [id, state] : sources) input->restore(id, state);
  }
  /// As kill -9: the queue hears nothing of it.
  void kill() {
    const std::string before = std::exchange(queue->refusal, "dead");
    input.reset();
    queue->refusal = before;
    pending = stream::PendingInput(pending.begin());
    begin();
  }

  void put(const std::string& key, const std::string& content, const std::string& etag = "") { store->objects[key] = {content, {}, etag.empty() ? sha256_hex(content) : etag}; }

  /// Gives the number of messages.
  std::size_t poll() {
    InputBatch batch;
    EXPECT_TRUE(input->poll(0ms, batch).has_value());
    drained = batch.drained;
    const std::size_t count = batch.batch.messages.size();
    pending.add(std::move(batch));
    return count;
  }
  void commit(std::int64_t next) {
    std::vector<stream::SourceMark> marks;
    ASSERT_TRUE(pending.each_run(
        next,
        [this](std::span<const stream::Message> run) {
          for (const stream::Message& message : run) {
            log.emplace_back(message.value);
            faults.push_back(message.fault_detail);
            origins.emplace_back(message.origin);
            stamps.push_back(message.append_time);
          }
          return Result<void>{};
        },
        [&](const stream::SourceMark& mark) {
          marks.push_back(mark);
          return Result<void>{};
        }).has_value());
    for (const stream::SourceMark& mark : marks) {
      if (mark.state) sources[mark.source] = *mark.state;
      else sources.erase(mark.source);
    }
    pending.drop(next);
    for (const stream::SourceMark& mark : marks) input->committed(mark);
  }
  /// Everything that there is.
  void finish() {
    for (int i = 0; i < 10; ++i) {
      input->turn();
      while (poll() > 0) {}
      commit(pending.end());
      input->turn();
    }
  }

  QueueDesk::Clock::time_point now{1000s};
  std::shared_ptr<FakeQueue> queue;
  std::shared_ptr<MemoryObjectStore> store;
  std::map<std::int64_t, std::string> sources;  // marks that are committed
  std::vector<std::string> log, faults, origins;
  std::vector<std::optional<AppendTime>> stamps;
  stream::PendingInput pending{0};
  std::unique_ptr<QueueInput> input;
  bool drained = false;
};

TEST(QueueInput, ReadsAnObjectAndRemovesItsMessageAfterTheCommit) {
  World world;
  world.put("a.json", R"({"n":1})");
  world.queue->put("m", notice("a.json"));
  world.input->turn();
  EXPECT_EQ(world.poll(), 0U);  // more may come
  world.input->turn();
  EXPECT_EQ(world.poll(), 1U);
  world.input->turn();
  EXPECT_THAT(world.queue->left(), ElementsAre("m"));
  world.commit(1);
  world.input->turn();
  EXPECT_THAT(world.queue->left(), IsEmpty());
  EXPECT_THAT(world.log, ElementsAre(R"({"n":1})"));
  EXPECT_THAT(world.origins, ElementsAre("s3://logs/a.json"));
  EXPECT_EQ(world.input->counters().messages.at("done"), 1U);
}

TEST(QueueInput, WhatComesTogetherIsReadInOrderOfTheStamps) {
  World world;
  const std::vector<std::string> keys{stamped("0015", 1), stamped("0005", 2), stamped("0010", 3)};
  for (const std::string& key : keys) {
    world.put(key, "{\"key\":\"" + key + "\"}");
    world.queue->put(key, notice(key));
  }
  world.finish();
  EXPECT_THAT(world.origins, ElementsAre("s3://logs/" + keys[1], "s3://logs/" + keys[2], "s3://logs/" + keys[0]));
  EXPECT_EQ(world.stamps[0], AppendTime{parse_event_time("2026-03-01T00:05:00Z")->time_since_epoch()});
}

TEST(QueueInput, WhatComesAgainIsRemovedAndNotReadAgain) {
  World world;
  world.put("a.json", R"({"n":1})", "e1");
  world.queue->put("m", notice("a.json", "e1"));
  world.finish();
  world.kill();
  world.queue->put("m2", notice("a.json", "e1"));
  world.queue->put("m3", R"({"s3Bucket":"logs","s3ObjectKey":["a.json"]})");  // which does not say the ETag
  world.finish();
  EXPECT_EQ(world.log.size(), 1U);
  EXPECT_THAT(world.queue->left(), IsEmpty());
  EXPECT_EQ(world.input->counters().messages.at("repeat"), 2U);
}

TEST(QueueInput, AKeyThatIsWrittenTwiceIsReadTwice) {
  World world;
  world.put("a.json", R"({"n":1})", "e1");
  world.queue->put("m", notice("a.json", "e1"));
  world.finish();
  world.put("a.json", R"({"n":2})", "e2");
  world.queue->put("m2", notice("a.json", "e2"));
  world.finish();
  EXPECT_THAT(world.log, ElementsAre(R"({"n":1})", R"({"n":2})"));
  EXPECT_THAT(world.queue->left(), IsEmpty());
}

TEST(QueueInput, AnObjectThatIsGoneLeavesItsMessageAndHoldsUpNoOther) {
  World world;
  world.put("b.json", R"({"n":2})");
  world.queue->put("m", R"({"s3Bucket":"logs","s3ObjectKey":["gone.json","b.json"]})");
  world.finish();
  EXPECT_THAT(world.log, ElementsAre(R"({"n":2})"));
  EXPECT_THAT(world.queue->left(), ElementsAre("m"));
  EXPECT_EQ(world.input->counters().messages.at("gone"), 1U);
  EXPECT_TRUE(world.drained);
  world.now += 301s;  // it comes again, and what was read of it is not read again
  world.finish();
  EXPECT_EQ(world.log.size(), 1U);
  EXPECT_EQ(world.queue->received("m"), 2);
}

TEST(QueueInput, WhatIsRefusedIsTriedAgainWhileItsMessageIsHidden) {
  World world;
  world.put("a.json", R"({"n":1})");
  world.put("b.json", R"({"n":2})");
  world.store->refuse = [](MemoryObjectStore::Call, std::string_view key) -> std::optional<trail::StoreError> {
    if (key != "a.json") return std::nullopt;
    return trail::StoreError{trail::StoreFault::kRefused, "AccessDenied", "get s3://logs/a.json: 403"};
  };
  world.queue->put("m", notice("a.json"));
  world.queue->put("n", notice("b.json"));
  world.finish();
  EXPECT_THAT(world.log, ElementsAre(R"({"n":2})"));
  EXPECT_THAT(world.input->trouble(), HasSubstr("403"));
  EXPECT_FALSE(world.drained);
  for (int i = 0; i < 20; ++i) {
    world.now += 60s;
    world.finish();
  }
  EXPECT_EQ(world.queue->received("m"), 1);
  world.store->refuse = {};
  world.now += 61s;
  world.finish();
  EXPECT_EQ(world.log.size(), 2U);
  EXPECT_THAT(world.input->trouble(), IsEmpty());
  EXPECT_THAT(world.queue->left(), IsEmpty());
  EXPECT_TRUE(world.drained);
}

TEST(QueueInput, WhatNobodyUnderstandsIsAFaultWithItsBytesOnce) {
  World world;
  world.queue->put("m", "not a notice");
  world.input->turn();
  world.input->turn();
  EXPECT_EQ(world.poll(), 1U);
  world.kill();  // before the commit: it comes again
  EXPECT_TRUE(world.log.empty());
  world.now += 301s;
  world.finish();
  EXPECT_THAT(world.log, ElementsAre("not a notice"));
  EXPECT_THAT(world.faults, ElementsAre(HasSubstr("no JSON")));
  EXPECT_THAT(world.queue->left(), IsEmpty());
  EXPECT_EQ(world.input->counters().messages.at("malformed"), 1U);
}

TEST(QueueInput, OurOwnObjectsAndForeignBucketsAreRefusedAndLeft) {
  World world;
  world.put("ours/a.json", R"({"n":1})");
  world.queue->put("m", notice("ours/a.json"));
  world.finish();
  EXPECT_TRUE(world.log.empty());
  EXPECT_THAT(world.queue->left(), ElementsAre("m"));
  EXPECT_EQ(world.input->counters().messages.at("refused"), 1U);
}

TEST(QueueInput, WhatTellsOfNothingToReadIsRemovedAtOnce) {
  World world;
  world.queue->put("test", R"({"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"logs"})");
  world.queue->put("digest", notice("AWSLogs/1/CloudTrail-Digest/x/111122223333_CloudTrail-Digest_eu-west-1_main_eu-west-1_20260301T000000Z.json.gz"));
  world.queue->put("removed", R"({"Records":[{"eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"logs"},"object":{"key":"a"}}}]})");
  world.queue->put("folder", notice("AWSLogs/"));
  world.finish();
  EXPECT_TRUE(world.log.empty());
  EXPECT_THAT(world.queue->left(), IsEmpty());
  EXPECT_EQ(world.input->counters().messages.at("other"), 4U);
}

TEST(QueueInput, AnEmptyObjectNeedsNoCommit) {
  World world;
  world.put("a.json", "\n");
  world.queue->put("m", notice("a.json"));
  for (int i = 0; i < 4; ++i) {
    world.input->turn();
    world.poll();
  }
  EXPECT_THAT(world.queue->left(), IsEmpty());
}

TEST(QueueInput, AMessageThatWaitsIsHiddenAnew) {
  World world;
  world.put("a.json", R"({"n":1})");
  world.queue->put("m", notice("a.json"));
  world.input->turn();
  world.input->turn();
  world.poll();
  for (int i = 0; i < 10; ++i) {
    world.now += 100s;
    world.input->turn();
  }
  EXPECT_EQ(world.queue->received("m"), 1);
}

TEST(QueueInput, GivesBackWhatItDidNotFinishAtTheEnd) {
  World world;
  world.put("a.json", R"({"n":1})");
  world.queue->put("m", notice("a.json"));
  world.input->turn();
  world.input.reset();
  EXPECT_EQ(world.queue->receive(0s, 300s)->size(), 1U);
}

TEST(QueueInput, SaysWhyAQueueCannotBeAsked) {
  World world;
  world.queue->refusal = "ReceiveMessage: 403 AccessDenied";
  world.input->turn();
  EXPECT_THAT(world.input->trouble(), HasSubstr("403 AccessDenied"));
  world.queue->refusal.clear();
  world.now += 2s;
  world.input->turn();
  EXPECT_THAT(world.input->trouble(), IsEmpty());
}

TEST(QueueInput, ItsThreadsReceiveDownloadAndRemove) {
  constexpr int kObjects = 200;
  const auto queue = std::make_shared<FakeQueue>(QueueDesk::Clock::now);
  queue->pause = 5ms;
  const auto store = std::make_shared<MemoryObjectStore>(kBucket);
  for (int i = 0; i < kObjects; ++i) {
    const std::string key = stamped("0005", i);
    store->objects[key] = {R"({"n":)" + std::to_string(i) + "}", {}, std::to_string(i)};
    queue->put(key, notice(key));
  }
  QueueInputOptions options;
  options.queues.push_back({.queue = queue, .buckets = {kBucket}});
  options.open_bucket = [&store](const std::string&, const std::string&) { return Result<std::shared_ptr<trail::ObjectStore>>(store); };
  QueueInput input(std::move(options));
  std::vector<std::string> origins;
  bool drained = false;
  for (const auto end = QueueDesk::Clock::now() + 30s; !(drained && queue->left().empty()) && QueueDesk::Clock::now() < end;) {
    InputBatch batch;
    ASSERT_TRUE(input.poll(100ms, batch).has_value());
    drained = batch.drained;
    for (const stream::Message& message : batch.batch.messages) origins.emplace_back(message.origin);
    for (const stream::SourceMark& mark : batch.marks) input.committed(mark);
  }
  EXPECT_EQ(origins.size(), static_cast<std::size_t>(kObjects));
  EXPECT_TRUE(std::ranges::is_sorted(origins));
  EXPECT_THAT(queue->left(), IsEmpty());
  EXPECT_EQ(input.messages_held(), 0U);
}

TEST(QueueObjectTable, ForgetsByTheMessagesOwnTimeAndBeyondItsBound) {
  QueueObjectTable table(3);
  const auto at = [](int day) { return Timestamp{std::chrono::hours{24 * day}}; };
  const auto put = [&](const std::string& key, int day) { return table.put({.identity = identity_of("b", key, "e"), .sent = at(day), .done = true}); };
  const auto first = put("a", 1);
  const auto second = put("b", 10);
  put("c", 15);
  EXPECT_THAT(table.forget(10), IsEmpty());
  put("d", 16);
  EXPECT_THAT(table.forget(10), ElementsAre(first));
  put("e", 16);
  EXPECT_THAT(table.forget(10), ElementsAre(second));
  EXPECT_EQ(table.find(identity_of("b", "a", "e")), nullptr);
}

TEST(QueueInput, LeavesAloneWhatAFolderKept) {
  World world;
  world.sources[5] = "\1 a file's";
  world.kill();
  world.put("a.json", R"({"n":1})");
  world.queue->put("m", notice("a.json"));
  world.finish();
  EXPECT_EQ(world.sources.at(5), "\1 a file's");
  EXPECT_EQ(world.sources.size(), 2U);
}

TEST(QueueObjectTable, WhatIsKeptReadsAsItWas) {
  const QueueObject object{.id = 7, .identity = identity_of("b", "k", "e"), .sent = Timestamp{1s * 1'700'000'000}, .position = 123, .done = true};
  EXPECT_EQ(decode_queue_object(7, encode(object)), object);
  EXPECT_EQ(decode_queue_object(7, encode(object).substr(1)), std::nullopt);
  EXPECT_NE(identity_of("ab", "c", ""), identity_of("a", "bc", ""));
}

/// Objects come, notices come once or twice and in different forms, commits take a part, the store and the queue fail, and everything is killed at any step.
class KilledAtAnyStep : public ::testing::TestWithParam<unsigned> {
 protected:
  /// A version of an object: lines that are nobody else's.
  void write(const std::string& key) {
    const int version = ++versions_[key];
    std::string content;
    const std::size_t lines = 1 + random_() % 7, size = random_() % 5 == 0 ? 90'000 : 10;
    for (std::size_t i = 0; i < lines; ++i) {
      const std::string line = R"({"of":")" + key + "/" + std::to_string(version) + "/" + std::to_string(i) + R"(","pad":")" + std::string(size, 'x') + "\"}";
      lines_[{key, version}].push_back(line);
      content += line + "\n";
    }
    world_.put(key, content);
    const std::string etag = world_.store->objects.find(key)->second.etag;
    for (std::size_t copies = random_() % 4 == 0 ? 2 : 1; copies > 0; --copies) {
      const std::string id = "m" + std::to_string(++messages_);
      of_message_[id] = {key, version};
      const std::string plain = notice(key, random_() % 3 == 0 ? "" : etag);
      world_.queue->put(id, random_() % 4 == 0 ? R"({"s3Bucket":"logs","s3ObjectKey":[")" + key + "\"]}" : plain);
    }
  }

  std::multiset<std::string> committed_lines() const {
    std::multiset<std::string> all;
    for (const std::string& value : world_.log) {
      for (std::size_t at = 0; at < value.size();) {
        const std::size_t end = std::min(value.find('\n', at), value.size());
        if (end > at) all.insert(value.substr(at, end - at));
        at = end + 1;
      }
    }
    return all;
  }
  bool is_committed(const std::string& key, int version, const std::multiset<std::string>& all) const {
    const auto& lines = lines_.at({key, version});
    return std::ranges::all_of(lines, [&all](const std::string& line) { return all.contains(line); });
  }

  /// Whoever removes a message has committed that version of the object, or a later one that was there when it was read.
  void check_removal(const std::string& id) {
    const auto& [key, version] = of_message_.at(id);
    const auto all = committed_lines();
    bool good = false;
    for (int v = version; v <= versions_.at(key); ++v) good = good || is_committed(key, v, all);
    EXPECT_TRUE(good) << id << " was removed before its commit";
  }

  void step() {
    switch (random_() % 12) {
      case 0: write("k" + std::to_string(random_() % 12)); break;
      case 1: world_.now += std::chrono::seconds{random_() % 200}; break;
      case 2: world_.kill(); break;
      case 3: world_.queue->refusal = random_() % 3 == 0 ? "not now" : ""; break;
      case 4: failing_ = random_() % 3 == 0; break;
      case 5:
      case 6: {
        const auto waiting = static_cast<std::uint64_t>(world_.pending.end() - world_.pending.begin());
        world_.commit(world_.pending.begin() + static_cast<std::int64_t>(random_() % (waiting + 1)));
        break;
      }
      case 7:
      case 8:
      case 9: world_.input->turn(); break;
      default: world_.poll();
    }
  }

  std::mt19937 random_{GetParam()};
  World world_{GetParam()};
  std::map<std::string, int> versions_;
  std::map<std::pair<std::string, int>, std::vector<std::string>> lines_;
  std::map<std::string, std::pair<std::string, int>> of_message_;
  int messages_ = 0;
  bool failing_ = false;
};

TEST_P(KilledAtAnyStep, EveryRecordIsInTheLogOnceAndNoMessageGoesBeforeItsCommit) {
  world_.queue->repeats_one_in = 5;
  world_.queue->on_removed = [this](const std::string& id) { check_removal(id); };
  world_.store->refuse = [this](MemoryObjectStore::Call, std::string_view) -> std::optional<trail::StoreError> {
    if (!failing_ || random_() % 2 == 0) return std::nullopt;
    return trail::StoreError{trail::StoreFault::kNotNow, "SlowDown", "503"};
  };
  for (int i = 0; i < 400; ++i) step();
  world_.queue->refusal.clear();
  world_.queue->repeats_one_in = 0;
  failing_ = false;
  for (int i = 0; i < 20; ++i) {
    world_.now += 301s;
    world_.finish();
  }
  EXPECT_THAT(world_.queue->left(), IsEmpty());
  EXPECT_TRUE(world_.drained);
  const auto all = committed_lines();
  for (const auto& [which, lines] : lines_)
    for (const std::string& line : lines) {
      const bool is_last = which.second == versions_.at(which.first);
      EXPECT_LE(all.count(line), 1U) << which.first << "/" << which.second;
      EXPECT_TRUE(!is_last || all.contains(line)) << which.first << "/" << which.second << " is missing";
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, KilledAtAnyStep, ::testing::Range(1U, 61U));

}  // namespace
}  // namespace trailwarden::ingest
