#include "stream/file_log.h"

#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/read_file.h"
#include "testing/temp_dir.h"

namespace trailwarden::stream {
namespace {

using testing::read_file;

class NoMessages final : public MessageSource {
 public:
  Result<bool> poll(MessageBatch&) override { return false; }
};

TEST(FileLog, WhatIsAppendedIsVisibleWithTheCommit) {
  const testing::TempDir dir;
  FileLog log(std::make_unique<NoMessages>());
  ASSERT_TRUE(log.write_topic(kAlertsTopic, dir.path("alerts.jsonl")).has_value());
  log.append({.topic = std::string(kAlertsTopic), .value = "one"});
  log.append({.topic = "nobody.asked", .value = "dropped"});
  EXPECT_EQ(read_file(dir.path("alerts.jsonl")), "");
  ASSERT_TRUE(log.commit({}).has_value());
  log.append({.topic = std::string(kAlertsTopic), .value = "two"});
  ASSERT_TRUE(log.commit({}).has_value());
  EXPECT_EQ(read_file(dir.path("alerts.jsonl")), "one\ntwo\n");
}

TEST(FileLog, DeadLettersAreKeptByteForByteWithAnIndex) {
  const testing::TempDir dir;
  FileLog log(std::make_unique<NoMessages>());
  ASSERT_TRUE(log.write_topic(kDeadLetterTopic, dir.path("bad")).has_value());
  const std::string bytes("{\"a\":\n\xff\0}", 9);
  log.append({.topic = std::string(kDeadLetterTopic), .value = "first", .headers = {{"reason", "not_json"}}});
  log.append({.topic = std::string(kDeadLetterTopic), .value = bytes, .headers = {{"reason", "invalid_utf8"}, {"origin", "f\xff"}}});
  ASSERT_TRUE(log.commit({}).has_value());
  const std::string kept = read_file(dir.path("bad"));
  std::istringstream index(read_file(dir.path("bad.index.jsonl")));
  std::string line;
  std::getline(index, line);
  std::getline(index, line);
  const auto entry = nlohmann::json::parse(line);
  EXPECT_EQ(entry["reason"], "invalid_utf8");
  EXPECT_EQ(kept.substr(entry["quarantineOffset"], entry["bytes"]), bytes);
}

TEST(FileLog, SaysWhichFileCannotBeWritten) {
  FileLog log(std::make_unique<NoMessages>());
  const auto opened = log.write_topic(kAlertsTopic, "/nowhere/alerts.jsonl");
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().message, "open for writing /nowhere/alerts.jsonl: No such file or directory");
}

TEST(FileLog, AFullDiskIsAnErrorOfTheCommit) {
  FileLog log(std::make_unique<NoMessages>());
  ASSERT_TRUE(log.write_topic(kAlertsTopic, "/dev/full").has_value());
  log.append({.topic = std::string(kAlertsTopic), .value = "one"});
  const auto committed = log.commit({});
  ASSERT_FALSE(committed.has_value());
  EXPECT_EQ(committed.error().message, "write /dev/full: No space left on device");
}

}  // namespace
}  // namespace trailwarden::stream
