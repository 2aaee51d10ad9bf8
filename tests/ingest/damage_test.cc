// What one damaged byte, or a cut, costs in each form that a file may have, from the file to the verdicts.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "ingest/file_source.h"
#include "ingest/record_reader.h"
#include "testing/gzip.h"
#include "testing/temp_dir.h"

namespace trailwarden::ingest {
namespace {

struct Form {
  const char* name;
  const char* file;
  const char* before;
  const char* between;
  const char* behind;
};
void PrintTo(const Form& form, std::ostream* out) { *out << form.name; }

constexpr int kRecords = 12;

std::string record(int number) {
  return R"({"eventVersion":"1.08","userIdentity":{"type":"Root","sessionContext":{"x":{"y":["[]"]}}},)"
         R"("eventTime":"2024-03-13T08:33:30Z","eventSource":"s3.amazonaws.com","eventName":"GetObject",)"
         R"("userAgent":"[S3Console/0.4, aws-internal/3 {a}]",)"
         R"("requestParameters":{"tags":[{"key":"]}, [x]"}]},"eventID":")" +
         std::to_string(1000 + number) + R"("})";
}

/// The records of a document and where they stand in it.
struct Document {
  explicit Document(const Form& form) : text(form.before) {
    for (int i = 0; i < kRecords; ++i) {
      if (i > 0) text += form.between;
      begins.push_back(text.size());
      text += record(i);
      ends.push_back(text.size());
    }
    text += form.behind;
  }
  std::string text;
  std::vector<std::size_t> begins, ends;
};

/// What was judged, by number, and how much was not.
struct Verdicts final : RecordSink {
  event::CloudTrailEvent& next() override { return event; }
  void accept(std::uint64_t) override {
    for (int i = 0; i < kRecords; ++i)
      if (event.event_id == std::to_string(1000 + i)) judged.insert(i);
  }
  void refuse(event::Refusal, std::string_view, std::uint64_t) override { ++refused; }
  void skip(Skip, std::string_view, std::uint64_t) override { ++refused; }

  event::CloudTrailEvent event;
  std::set<int> judged;
  int refused = 0;
};

Verdicts read(const std::string& path) {
  static RecordReader reader;  // its memory is half the cost
  Verdicts verdicts;
  auto source = FileSource::open({path}, {});
  stream::MessageBatch batch;
  event::Arena arena;
  while ((*source)->poll(batch).value())
    for (const stream::Message& message : batch.messages) reader.read(message, arena, verdicts);
  return verdicts;
}

class Damage : public ::testing::TestWithParam<Form> {};

TEST_P(Damage, OfOneByteCostsNoOtherRecord) {
  const testing::TempDir dir;
  const Document document(GetParam());
  std::mt19937 random(17);
  for (int trial = 0; trial < 500; ++trial) {
    const int victim = static_cast<int>(random() % kRecords);
    const auto v = static_cast<std::size_t>(victim);
    const std::size_t at = document.begins[v] + random() % (document.ends[v] - document.begins[v]);
    std::string damaged = document.text;
    damaged[at] = "{}[]\",:\\x\x01\xff"[random() % 11];
    Verdicts verdicts = read(dir.write(GetParam().file, damaged));
    verdicts.judged.insert(victim);  // some bytes may change
    EXPECT_EQ(verdicts.judged.size(), std::size_t{kRecords}) << "byte " << at << " became " << damaged[at];
    EXPECT_LE(verdicts.refused, 2) << "byte " << at << " became " << damaged[at];
    if (HasFailure()) FAIL() << damaged;
  }
}

TEST_P(Damage, OfACutCostsNothingBeforeIt) {
  const testing::TempDir dir;
  const Document document(GetParam());
  for (std::size_t size = 0; size < document.text.size(); size += 1 + size / 100) {
    const Verdicts verdicts = read(dir.write(GetParam().file, document.text.substr(0, size)));
    const auto whole =
        std::count_if(document.ends.begin(), document.ends.end(), [size](std::size_t end) { return end <= size; });
    EXPECT_EQ(verdicts.judged.size(), static_cast<std::size_t>(whole)) << "cut at " << size;
    if (HasFailure()) return;
  }
}

TEST_P(Damage, OfGzipCostsNothingBeforeIt) {
  const testing::TempDir dir;
  const std::string compressed = testing::gzip(Document(GetParam()).text);
  std::size_t judged = 0;
  for (std::size_t size = 0; size < compressed.size(); size += 7) {
    const Verdicts verdicts = read(dir.write(GetParam().file, compressed.substr(0, size)));
    EXPECT_GE(verdicts.judged.size(), judged) << "cut at " << size;
    EXPECT_TRUE(size == 0 || verdicts.refused > 0) << "cut at " << size;
    judged = verdicts.judged.size();
  }
  EXPECT_GE(judged, std::size_t{kRecords - 1});
}

INSTANTIATE_TEST_SUITE_P(
    Forms, Damage,
    ::testing::Values(Form{"Lines", "f.jsonl", "", "\n", "\n"},
                      Form{"Delivered", "1_CloudTrail_us-east-1_20240313T0835Z_a.json", "{\"Records\":[", ",", "]}"},
                      Form{"Records", "f.json", "{\"Records\":[", ",", "]}"},
                      Form{"RecordsInLines", "f.json", "{\"Records\":[\n", ",\n", "\n]}\n"},
                      Form{"RecordsPretty", "f.json", "{\n  \"Records\": [\n    ", ",\n    ", "\n  ]\n}\n"},
                      Form{"Array", "f.json", "[", ",", "]"}, Form{"ArrayInLines", "f.json", "[\n", ",\n", "\n]\n"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace trailwarden::ingest
