#include "ingest/file_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "event/decoder.h"
#include "ingest/unwrap.h"
#include "testing/gzip.h"
#include "testing/tar.h"
#include "testing/temp_dir.h"

namespace trailwarden::ingest {
namespace {

namespace fs = std::filesystem;

using stream::SourceFault;
using ::testing::ElementsAre;
using testing::gzip;
using ::testing::HasSubstr;
using testing::tar_end;
using testing::tar_member;
using testing::TempDir;

/// A record of minute `minute` of an hour.
std::string record(const std::string& id, int minute, std::size_t filling = 0) {
  const std::string two = (minute < 10 ? "0" : "") + std::to_string(minute);
  return R"({"eventVersion":"1.08","eventTime":"2024-03-13T08:)" + two +
         R"(:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","filling":")" + std::string(filling, 'x') +
         R"(","eventID":")" + id + "\"}";
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

/// Everything that came out, as the engine would see it: records by eventID, in order.
class Replayed final : public LeafSink {
 public:
  void leaf(const Leaf& leaf) override {
    event::CloudTrailEvent event;
    const event::Refusal refusal = decoder_.decode(leaf.text, arena_, event);
    if (refusal != event::Refusal::kNone) return records.push_back("!" + std::string(to_string(refusal)));
    records.emplace_back(event.event_id);
    Timestamp time = event.event_time;
    if (message_->append_time)
      time = std::min(time, std::chrono::floor<std::chrono::seconds>(*message_->append_time) + std::chrono::minutes{2});
    newest_ = std::max(newest_, time);
    late += event.event_time < newest_ - std::chrono::minutes{15} ? 1 : 0;
  }
  void skip(Skip skip, std::string_view, std::uint64_t) override {
    records.push_back("<" + std::string(to_string(skip)) + ">");
  }

  void take(const stream::Message& message) {
    message_ = &message;
    origins[std::string(message.origin)] += message.value.size();
    if (message.fault != SourceFault::kNone)
      return faults.push_back(std::string(message.origin) + ": " + message.fault_detail);
    unwrap(message.value, message.byte_offset, arena_, *this);
  }

  std::vector<std::string> records, faults;
  std::map<std::string, std::size_t> origins;  // bytes of values
  std::size_t late = 0, batches = 0, most_messages = 0, most_bytes = 0;
  std::uint64_t source_bytes = 0, total_bytes = 0;

 private:
  event::Decoder decoder_;
  event::Arena arena_;
  const stream::Message* message_ = nullptr;
  Timestamp newest_ = kBeginningOfTime + std::chrono::hours{1};
};

Replayed replay(const std::vector<std::string>& paths, FileSourceOptions options = {}) {
  Replayed replayed;
  auto source = FileSource::open(paths, options);
  EXPECT_TRUE(source.has_value()) << source.error().message;
  replayed.total_bytes = (*source)->total_bytes();
  stream::MessageBatch batch;
  std::int64_t next_offset = 0;
  while (true) {
    const auto more = (*source)->poll(batch);
    replayed.source_bytes += batch.source_bytes;
    if (!more.has_value() || !*more) break;
    ++replayed.batches;
    std::size_t bytes = 0;
    for (const stream::Message& message : batch.messages) {
      EXPECT_EQ(message.offset, next_offset++);
      bytes += message.value.size();
      replayed.take(message);
    }
    replayed.most_messages = std::max(replayed.most_messages, batch.messages.size());
    replayed.most_bytes = std::max(replayed.most_bytes, bytes);
  }
  return replayed;
}

std::string delivered(const char* region, const char* stamp, const char* unique) {
  return std::string("1_CloudTrail_") + region + "_" + stamp + "Z_" + unique + ".json.gz";
}

std::string records(std::initializer_list<std::string> of) {
  std::string text;
  for (const std::string& r : of) text += (text.empty() ? "" : ",") + r;
  return "{\"Records\":[" + text + "]}";
}

TEST(FileSource, DeliversFilesByTheStampInTheirNameAndThenByName) {
  const TempDir dir;
  dir.write("b/" + delivered("eu-west-1", "20240313T0810", "A"), gzip(records({record("3", 8), record("4", 3)})));
  dir.write("c/" + delivered("eu-west-1", "20240313T0805", "B"), gzip(records({record("2", 4)})));
  dir.write("a/deep/er/" + delivered("us-east-1", "20240313T0805", "A"), gzip(records({record("1", 5)})));
  const Replayed replayed = replay({dir.path()});
  EXPECT_THAT(replayed.records, ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(replayed.source_bytes, replayed.total_bytes);

  stream::MessageBatch batch;
  auto source = FileSource::open({dir.path()}, {});
  ASSERT_TRUE((*source)->poll(batch).value());
  EXPECT_EQ(batch.messages.at(0).append_time, parse_event_time("2024-03-13T08:05:00Z").value());
}

TEST(FileSource, LeavesOutWhatIsNotWantedAndSaysWhatHasEnded) {
  const TempDir dir;
  const std::string first = dir.write(delivered("eu-west-1", "20240313T0805", "A"), gzip(records({record("1", 4)})));
  dir.write(delivered("eu-west-1", "20240313T0810", "A"), gzip(records({record("2", 8)})));
  dir.write("a.jsonl", record("3", 3) + "\n" + record("4", 12) + "\n");
  dir.write("empty.jsonl", "");
  std::map<std::string, std::uint64_t> asked;
  const auto leave_out = [&](std::string_view name, std::uint64_t bytes) { return asked[std::string(name)] = bytes, name == first; };
  auto source = FileSource::open({dir.path()}, {.leave_out = leave_out}).value();
  EXPECT_EQ(asked.size(), 4U);
  EXPECT_EQ(asked.at(first), fs::file_size(first));
  EXPECT_EQ(source->origins(), 3U);

  Replayed replayed;
  std::vector<std::string> ended;
  stream::MessageBatch batch;
  while (source->poll(batch).value()) {
    for (const stream::Message& message : batch.messages) {
      EXPECT_EQ(source->name_of(message.origin_id), message.origin);
      EXPECT_EQ(std::count(ended.begin(), ended.end(), message.origin), 0) << "told to be at its end";
      replayed.take(message);
    }
    for (const std::uint32_t number : source->take_ended()) {
      ended.push_back(source->name_of(number));
      EXPECT_EQ(source->bytes_of(number), asked.at(ended.back()));
    }
  }
  EXPECT_THAT(replayed.records, ElementsAre("3", "2", "4"));
  EXPECT_EQ(ended.size(), 3U) << "each once, the empty one too";
}

TEST(FileSource, SortsDocumentsWithoutAStampByEventTime) {
  const TempDir dir;
  std::string events;
  for (int minute = 59; minute >= 0; --minute)
    events += (events.empty() ? "" : ",") + std::string("{\"EventId\":\"1\",\"CloudTrailEvent\":") +
              quoted(record(std::to_string(minute), minute)) + "}";
  const Replayed replayed = replay({dir.write("lookup.json", "{\"Events\":[" + events + "]}")});
  ASSERT_EQ(replayed.records.size(), 60U);
  for (int minute = 0; minute < 60; ++minute)
    EXPECT_EQ(replayed.records[static_cast<std::size_t>(minute)], std::to_string(minute));
  EXPECT_EQ(replayed.late, 0U);
}

TEST(FileSource, SortsPagesOfLookupEventsTogether) {
  const TempDir dir;
  const auto page = [](const char* id, int minute) {
    return "{\"Events\":[{\"CloudTrailEvent\":" + quoted(record(id, minute)) + "}]}\n";
  };
  EXPECT_THAT(replay({dir.write("pages.jsonl", page("c", 50) + page("b", 30) + page("a", 10))}).records,
              ElementsAre("a", "b", "c"));
}

TEST(FileSource, KeepsWhatHasNoTimeBehindWhatItFollowed) {
  const TempDir dir;
  const std::string text = "[\"x\"," + record("2", 20) + ",{\"no\":1}," + record("1", 10) + ",7]";
  EXPECT_THAT(replay({dir.write("a.json", text)}).records,
              ElementsAre("1", "!not_an_object", "!not_an_object", "2", "!not_a_record"));
}

TEST(FileSource, MergesWhatOverlapsRecordByRecord) {
  const TempDir dir;
  dir.write("lines.jsonl",
            record("a", 1) + "\n" + record("c", 5) + "\n" + record("d", 4) + "\n" + record("h", 30) + "\n");
  dir.write("array.json", "[" + record("g", 20) + "," + record("b", 3) + "]");
  dir.write(delivered("eu-west-1", "20240313T0810", "A"), gzip(records({record("e", 8), record("f", 2)})));
  EXPECT_THAT(replay({dir.path()}).records, ElementsAre("a", "b", "c", "d", "e", "f", "g", "h"));
}

TEST(FileSource, OrderDoesNotDependOnTheOrderOfItsArguments) {
  const TempDir dir;
  std::mt19937 random(11);
  std::vector<std::string> paths;
  for (int file = 0; file < 12; ++file) {
    std::string text;
    for (int line = 0; line < 20; ++line)
      text += record(std::to_string(file) + "." + std::to_string(line), static_cast<int>(random() % 60)) + "\n";
    paths.push_back(dir.write("f" + std::to_string(file) + ".jsonl", text));
  }
  const Replayed first = replay(paths);
  EXPECT_EQ(first.records.size(), 240U);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(paths.begin(), paths.end(), random);
    EXPECT_EQ(replay(paths).records, first.records);
  }
  paths.push_back(paths.front());  // naming a file twice is naming it
  EXPECT_EQ(replay(paths).records, first.records);
}

TEST(FileSource, FindsEveryFormByItsContent) {
  const std::string lines = record("1", 1) + "\n" + record("2", 2) + "\n";
  const std::string tar = tar_member("./x/a.txt", lines) + tar_end();
  const std::vector<std::string> forms = {
      lines,
      gzip(lines),
      gzip(lines.substr(0, 50)) + gzip(lines.substr(50)),
      records({record("1", 1), record("2", 2)}),
      gzip(records({record("1", 1), record("2", 2)})),
      "[" + record("1", 1) + ",\n" + record("2", 2) + "]",
      record("1", 1) + record("2", 2),
      "\xef\xbb\xbf" + lines,
      "{\"detail-type\":\"AWS API Call via CloudTrail\",\"detail\":" + record("1", 1) +
          "}\n{\"detail-type\":\"x\",\"detail\":" + record("2", 2) + "}",
      "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"message\":" + quoted(record("1", 1)) +
          "},{\"message\":" + quoted(record("2", 2)) + "}]}",
      tar,
      gzip(tar)};
  const TempDir dir;
  for (const std::string& form : forms)
    EXPECT_THAT(replay({dir.write("input", form)}).records, ElementsAre("1", "2")) << form;
}

TEST(FileSource, HasNothingToSayOfEmptyFiles) {
  const TempDir dir;
  dir.write("empty.json", "");
  dir.write("empty.json.gz", gzip(""));
  dir.write("space.json", "\n\n");
  dir.write("records.json", records({}));
  dir.write("array.json", "[]");
  const Replayed replayed = replay({dir.path()});
  EXPECT_TRUE(replayed.records.empty() && replayed.faults.empty());
}

TEST(FileSource, GivesTheRecordsBeforeADamageAndReadsTheOtherFiles) {
  const TempDir dir;
  std::string lines;
  for (int i = 0; i < 2000; ++i) lines += record(std::to_string(i * 7919), i % 60) + "\n";
  const std::string compressed = gzip(lines);
  dir.write("cut.jsonl.gz", compressed.substr(0, compressed.size() / 2));
  dir.write("whole.json", records({record("last", 59)}));
  const Replayed replayed = replay({dir.path()});
  EXPECT_GT(replayed.records.size(), 500U);
  EXPECT_THAT(replayed.records, ::testing::Contains("last"));
  EXPECT_THAT(replayed.records, ::testing::Not(::testing::Contains(HasSubstr("!"))));
  EXPECT_THAT(replayed.faults, ElementsAre(HasSubstr("cut off after")));
}

TEST(FileSource, NamesWhatCannotBeReadAndGoesOn) {
  const TempDir dir;
  dir.write("good.json", record("1", 1));
  fs::create_symlink("nowhere", dir.path("dangling"));
  fs::create_symlink("loop", dir.path("loop"));
  fs::create_directory_symlink(".", dir.path("self"));
  dir.write(".hidden/a.json", record("2", 2));
  dir.write(".a.json", record("3", 3));
  fs::create_symlink("good.json", dir.path("link"));
  ASSERT_EQ(::mkfifo(dir.path("fifo").c_str(), 0600), 0);
  dir.write("cut.tar", tar_member("a.json", record("4", 4)) + std::string(100, 'x'));
  const Replayed replayed = replay({dir.path()});
  EXPECT_THAT(replayed.records, ElementsAre("1", "1", "4"));  // a link is a file too
  EXPECT_THAT(replayed.faults, ElementsAre(HasSubstr("cut.tar: the tar archive ends in the middle"),
                                           HasSubstr("dangling: a link that leads nowhere"),
                                           HasSubstr("loop: a link that leads nowhere")));
  if (::geteuid() != 0) {
    ::chmod(dir.path("good.json").c_str(), 0);
    EXPECT_THAT(replay({dir.path("good.json")}).faults, ElementsAre(HasSubstr("Permission denied")));
  }
}

TEST(FileSource, RefusesAPathThatIsNotThere) {
  const auto source = FileSource::open({"/nowhere/at/all"}, {});
  ASSERT_FALSE(source.has_value());
  EXPECT_EQ(source.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(source.error().message, HasSubstr("/nowhere/at/all"));
  EXPECT_EQ(FileSource::open({}, {}).error().code, ErrorCode::kInvalidArgument);
}

TEST(FileSource, ReadsStreamsBesideFiles) {
  const TempDir dir;
  const std::string file = dir.write("file.jsonl", record("a", 1) + "\n" + record("c", 3) + "\n");
  const std::string lines = record("b", 2) + "\n" + record("d", 4) + "\n";
  int number = 0;
  for (const std::string& content : {lines, gzip(lines), gzip(tar_member("x.jsonl", lines) + tar_end())}) {
    // A pipe of its own for each: a writer that finds a reader of the one before would not wait for its own.
    const std::string fifo = dir.path("fifo" + std::to_string(number++));
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    std::thread writer([&] { std::ofstream(fifo, std::ios::binary) << content; });
    const Replayed replayed = replay({fifo, file});
    writer.join();
    EXPECT_THAT(replayed.records, ElementsAre("a", "b", "c", "d"));
  }
}

TEST(FileSource, CutsBatchesBySize) {
  const TempDir dir;
  std::string lines, array;
  for (int i = 0; i < 4000; ++i) {
    lines += record(std::to_string(i), 0, 1000) + "\n";
    array += (array.empty() ? "[" : ",") + record(std::to_string(i), 0);
  }
  const Replayed streamed = replay({dir.write("a.jsonl", lines)});
  EXPECT_EQ(streamed.records.size(), 4000U);
  EXPECT_LE(streamed.most_bytes, 256U * 1024);
  EXPECT_LE(streamed.batches, lines.size() / (192 * 1024) + 1);
  const Replayed sorted = replay({dir.write("b.json", array + "]")});
  EXPECT_EQ(sorted.records.size(), 4000U);
  EXPECT_EQ(sorted.most_messages, 1024U);
}

TEST(FileSource, TellsWhereAValueStoodInTheInflatedFile) {
  const TempDir dir;
  const std::string text =
      "[" + record("b", 2) + ",\n " + record("a", 1) + ", {\"CloudTrailEvent\":" + quoted(record("c", 3)) + "}]";
  auto source = FileSource::open({dir.write("a.json.gz", gzip(text))}, {});
  stream::MessageBatch batch;
  ASSERT_TRUE((*source)->poll(batch).value());
  ASSERT_EQ(batch.messages.size(), 3U);
  for (const std::size_t i : {0, 1}) {
    const stream::Message& message = batch.messages[i];
    EXPECT_EQ(text.substr(message.byte_offset, message.value.size()), message.value);
  }
  EXPECT_EQ(batch.messages[2].byte_offset, text.find("\"{"));
}

TEST(FileSource, SaysWhichOptionRaisesTheBoundOfADocument) {
  const TempDir dir;
  dir.write("large.json", "[" + record("1", 1, 5000) + "]");
  dir.write("small.json", "[" + record("2", 2) + "]");
  const Replayed replayed = replay({dir.path()}, {.max_document_bytes = 1000});
  EXPECT_THAT(replayed.records, ElementsAre("2"));
  EXPECT_THAT(replayed.faults, ElementsAre(HasSubstr("input.max_document")));
}

TEST(FileSource, MessagesOutliveTheSource) {
  const TempDir dir;
  dir.write("a.jsonl", record("1", 1) + "\n" + record("2", 2) + "\n");
  dir.write("b.json", "[" + record("3", 3) + "]");
  stream::MessageBatch batch;
  {
    auto source = FileSource::open({dir.path()}, {});
    ASSERT_TRUE((*source)->poll(batch).value());
  }
  Replayed replayed;
  for (const stream::Message& message : batch.messages) replayed.take(message);
  EXPECT_THAT(replayed.records, ElementsAre("1", "2", "3"));
  EXPECT_TRUE(replayed.origins.contains(dir.path("a.jsonl")));
}

TEST(WaitingRoom, GivesBackFromDiskWhatItGivesFromMemory) {
  const auto parts_of = [](int from) {
    auto parts = std::make_shared<Parts>();
    auto text = std::make_shared<std::string>("[");
    for (int i = 0; i < 500; ++i)
      *text += record(std::to_string(i), (from + 59 * i) % 60, static_cast<std::size_t>(i) * 10) + ",";
    text->append(event::kPadding, ' ');
    parts->add(Slice{.value = std::string_view(*text).substr(0, text->size() - event::kPadding), .hold = text});
    parts->sort({});
    return parts;
  };
  BufferPool pool;
  WaitingRoom room(pool, 1000);
  const auto first = room.take(parts_of(0)), second = room.take(parts_of(7));  // the second one does not fit
  const auto expected = parts_of(7);
  Part part;
  std::shared_ptr<const void> hold;
  for (const Part& wanted : expected->parts()) {
    ASSERT_TRUE(second->next(part, hold).value());
    EXPECT_EQ(part.text, wanted.text);
    EXPECT_EQ(part.time, wanted.time);
    EXPECT_EQ(part.offset, wanted.offset);
  }
  EXPECT_FALSE(second->next(part, hold).value());
  EXPECT_TRUE(first->next(part, hold).value());
}

#ifdef TRAILWARDEN_SHARED_DIR
constexpr const char* kSharedDir = TRAILWARDEN_SHARED_DIR;
#else
constexpr const char* kSharedDir = "../shared";
#endif

std::string shared_data(const std::string& name) {
  const char* const wanted = std::getenv("TRAILWARDEN_SHARED");
  return std::string(wanted == nullptr ? kSharedDir : wanted) + "/data/" + name;
}

TEST(FileSourceOnRealTraffic, LosesNothingToLateness) {
  if (!fs::exists(shared_data("real"))) GTEST_SKIP() << "no recorded traffic at " << shared_data("real");
  const Replayed replayed = replay({shared_data("real")});
  EXPECT_EQ(replayed.records.size(), 63'800U + 1);  // and one table that is no JSON
  EXPECT_EQ(std::count(replayed.records.begin(), replayed.records.end(), "!not_json"), 1);
  EXPECT_EQ(replayed.late, 0U);
  EXPECT_EQ(replayed.source_bytes, replayed.total_bytes);
}

TEST(FileSourceOnRealTraffic, ReadsAnArchiveInTheOrderOfItsDelivery) {
  if (!fs::exists(shared_data("real"))) GTEST_SKIP() << "no recorded traffic at " << shared_data("real");
  const Replayed archive = replay({shared_data("real/sans504_2021/awslogs.tar")});
  EXPECT_EQ(archive.records.size(), 30'477U);
  EXPECT_EQ(archive.records, replay({shared_data("real/sans504_2021/events.jsonl.gz")}).records);
}

TEST(FileSourceOnRealTraffic, SkipsDigests) {
  if (!fs::exists(shared_data("formats"))) GTEST_SKIP() << "no recorded traffic at " << shared_data("formats");
  EXPECT_THAT(replay({shared_data("formats/s3_delivery")}).records, ::testing::Contains("<digest>").Times(1));
}

}  // namespace
}  // namespace trailwarden::ingest
