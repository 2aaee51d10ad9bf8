#include "generate/generator.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "event/decoder.h"
#include "testing/read_file.h"
#include "testing/temp_dir.h"
#include "trail/gzip.h"
#include "trail/object_name.h"

namespace trailwarden::generate {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::read_file;

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) out.push_back(line);
  return out;
}

/// One run into a folder of its own.
struct Generated {
  explicit Generated(Options options) : folder(dir.path("out")) {
    options.folder = folder;
    const auto result = generate(options);
    EXPECT_TRUE(result) << result.error().message;
    if (result) report = *result;
  }

  /// Those from this eventTime on.
  std::vector<json> records(std::string_view since = "") const {
    constexpr std::string_view kMember = R"("eventTime":")";
    std::vector<json> out;
    for (const std::string& line : lines_of(folder + "/events.jsonl"))
      if (std::string_view(line).substr(line.find(kMember) + kMember.size(), 20) >= since) out.push_back(json::parse(line));
    return out;
  }
  std::vector<json> labels() const {
    std::vector<json> out;
    for (const std::string& line : lines_of(folder + "/labels.jsonl")) out.push_back(json::parse(line));
    return out;
  }
  /// Every file below the folder with the hash of its bytes.
  std::map<std::string, std::string> hashes() const {
    std::map<std::string, std::string> out;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) out[fs::relative(entry.path(), folder).string()] = sha256_hex(read_file(entry.path()));
    return out;
  }

  testing::TempDir dir;
  std::string folder;
  Report report;
};

Options small(std::uint64_t seed = 1) { return {.seed = seed, .days = 1, .per_minute = 12.0}; }
Options small_lines(std::uint64_t seed = 1) {
  Options options = small(seed);
  options.lines = true;
  return options;
}

/// Records once each.
std::vector<json> unique(std::vector<json> records) {
  std::set<std::string> seen;
  std::erase_if(records, [&seen](const json& record) { return !seen.insert(record["eventID"].get<std::string>()).second; });
  return records;
}

TEST(Generate, SameSeedGivesTheSameBytes) {
  const Generated first(small()), second(small());
  EXPECT_EQ(first.hashes(), second.hashes());
  EXPECT_EQ(Generated(small_lines()).hashes(), Generated(small_lines()).hashes());
}

TEST(Generate, AnotherSeedGivesOtherBytes) {
  EXPECT_NE(Generated(small_lines(1)).hashes()["events.jsonl"], Generated(small_lines(2)).hashes()["events.jsonl"]);
}

TEST(Generate, EveryRecordDecodes) {
  const Generated run(small_lines());
  event::Decoder decoder;
  event::Arena arena;
  std::uint64_t count = 0;
  std::map<std::string, std::set<bool>> kinds_of_api;
  for (std::string line : lines_of(run.folder + "/events.jsonl")) {
    line.reserve(line.size() + event::kPadding);
    event::CloudTrailEvent event;
    arena.clear();
    ASSERT_EQ(decoder.decode(line, arena, event), event::Refusal::kNone) << line;
    EXPECT_EQ(event.category, event::EventCategory::kManagement);
    EXPECT_EQ(event.duplicate_keys, 0u);
    EXPECT_NE(event.user_identity.type, event::IdentityType::kUnknown);
    EXPECT_FALSE(event.event_id.empty() || event.source_ip_address.empty() || event.user_agent.empty()) << line;
    kinds_of_api[std::string(event.event_source) + "/" + std::string(event.event_name)].insert(event.is_read_only());
    ++count;
  }
  EXPECT_EQ(count, run.report.events + run.report.duplicates);
  EXPECT_GT(kinds_of_api.size(), 100u);
  for (const auto& [api, kinds] : kinds_of_api) EXPECT_EQ(kinds.size(), 1u) << api;
}

TEST(Generate, ObjectsLieAsInABucketAndAreStampedAfterTheirEvents) {
  const Generated run(small());
  trail::MemberInflater inflater;
  std::uint64_t files = 0, records = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(run.folder)) {
    if (!entry.is_regular_file() || entry.path().filename() == "labels.jsonl") continue;
    ++files;
    const std::string leaf = entry.path().filename().string();
    const auto name = trail::parse_object_name(leaf);
    ASSERT_TRUE(name) << leaf;
    EXPECT_EQ(name->stamp.time_since_epoch() % 5min, 0s);
    std::string day = format_time(name->stamp).substr(0, 10);
    std::replace(day.begin(), day.end(), '-', '/');
    EXPECT_EQ(fs::relative(entry.path().parent_path(), run.folder).string(),
              "AWSLogs/" + std::string(name->account) + "/CloudTrail/" + std::string(name->region) + "/" + day);
    std::string text;
    const std::string packed = read_file(entry.path());
    ASSERT_TRUE(trail::gunzip(inflater, packed, std::size_t{1} << 30, text));
    const json document = json::parse(text);
    for (const json& record : document.at("Records")) {
      ++records;
      EXPECT_EQ(record["recipientAccountId"], name->account);
      EXPECT_EQ(record["awsRegion"], name->region);
      const auto delay = name->stamp - *parse_event_time(record["eventTime"].get<std::string>());
      EXPECT_GT(delay, 0s);
      EXPECT_LE(delay, 14min);
    }
  }
  EXPECT_EQ(files, run.report.files);
  EXPECT_EQ(records, run.report.events + run.report.duplicates);
}

TEST(Generate, ObjectsAndLinesHoldTheSameRecords) {
  const Generated objects(small()), lines(small_lines());
  EXPECT_EQ(objects.report.events, lines.report.events);
  EXPECT_EQ(objects.report.duplicates, lines.report.duplicates);
  EXPECT_EQ(read_file(objects.folder + "/labels.jsonl"), read_file(lines.folder + "/labels.jsonl"));
}

TEST(Generate, AFewPercentAreDeliveredTwiceWithTheSameBytes) {
  const Generated run(small_lines());
  std::map<std::string, std::vector<std::string>> by_id;
  for (const std::string& line : lines_of(run.folder + "/events.jsonl")) by_id[json::parse(line)["eventID"]].push_back(line);
  std::uint64_t twice = 0;
  for (const auto& [id, lines] : by_id) {
    ASSERT_LE(lines.size(), 2u) << id;
    if (lines.size() == 1) continue;
    ++twice;
    EXPECT_EQ(lines[0], lines[1]);
  }
  EXPECT_EQ(twice, run.report.duplicates);
  EXPECT_EQ(by_id.size(), run.report.events);
  EXPECT_GT(twice, run.report.events / 100);
  EXPECT_LT(twice, run.report.events / 20);
}

TEST(Generate, LinesComeOutOfOrderButNotByMuch) {
  const Generated run(small_lines());
  Timestamp newest{};
  std::size_t behind = 0;
  for (const json& record : run.records()) {
    const Timestamp time = *parse_event_time(record["eventTime"].get<std::string>());
    if (time < newest) ++behind;
    EXPECT_LT(newest - time, 14min);
    newest = std::max(newest, time);
  }
  EXPECT_GT(behind, run.report.events / 10);
}

TEST(Generate, MakesAboutTheRateThatIsAskedFor) {
  const Generated run({.days = 7, .per_minute = 5.0, .lines = true, .incidents = false});
  const double expected = 7 * 1440 * 5.0 * 2;
  EXPECT_NEAR(static_cast<double>(run.report.events), expected, 0.1 * expected);
}

TEST(Generate, OfficeHoursAreBusierThanTheNight) {
  const Generated run({.days = 7, .accounts = 1, .per_minute = 5.0, .lines = true, .incidents = false});
  std::map<bool, std::map<int, std::size_t>> by_hour;  // of weekend and weekday, in New York
  for (const json& record : unique(run.records())) {
    const Timestamp local = *parse_event_time(record["eventTime"].get<std::string>()) - 5h;
    const auto day = std::chrono::floor<std::chrono::days>(local);
    const bool weekend = std::chrono::weekday(day).iso_encoding() > 5;
    if (record["eventSource"] != "ssm.amazonaws.com") ++by_hour[weekend][static_cast<int>((local - day) / 1h)];
  }
  EXPECT_GT(by_hour[false][10] * 2, 3 * by_hour[false][21]);
  EXPECT_GT(by_hour[false][10], 5 * by_hour[true][10] / 2);  // five days against two, and busier
}

TEST(Generate, OrdinaryTrafficHoldsNothingThatASecurityDetectorWants) {
  const Generated run({.days = 3, .per_minute = 60.0, .lines = true, .incidents = false});
  EXPECT_EQ(run.report.incidents, 0u);
  EXPECT_EQ(read_file(run.folder + "/labels.jsonl"), "");
  const std::set<std::string> tampering{"DeleteTrail", "StopLogging", "UpdateTrail", "PutEventSelectors"};
  std::map<std::string, std::size_t> iam_writes;  // by caller and hour
  for (const std::string& line : lines_of(run.folder + "/events.jsonl")) {
    ASSERT_THAT(line, Not(HasSubstr("0.0.0.0/0")));
    ASSERT_THAT(line, Not(HasSubstr(R"("type":"Root")")));
    if (line.find(R"("eventSource":"cloudtrail.)") == line.npos && line.find(R"("eventSource":"iam.)") == line.npos) continue;
    const json record = json::parse(line);
    EXPECT_FALSE(tampering.contains(record["eventName"]));
    if (record["eventSource"] == "iam.amazonaws.com" && record["readOnly"] == false)
      ++iam_writes[record["userIdentity"]["principalId"].get<std::string>() + record["eventTime"].get<std::string>().substr(0, 13)];
  }
  for (const auto& [caller, count] : iam_writes) EXPECT_LT(count, 10u) << caller;
}

// Incidents.

/// How many records are those of a label.
std::uint64_t matching(const std::vector<json>& records, const json& label) {
  return static_cast<std::uint64_t>(std::count_if(records.begin(), records.end(), [&label](const json& record) {
    return record["eventTime"] >= label["start"] && record["eventTime"] <= label["end"] && record["recipientAccountId"] == label["account"] &&
           record["awsRegion"] == label["region"] && record["eventSource"] == label["eventSource"] &&
           (label["eventName"] == "*" || record["eventName"] == label["eventName"]) && (!label.contains("errorCode") || record.value("errorCode", "") == label["errorCode"]);
  }));
}

std::uint64_t sum_of(const std::vector<json>& labels, const char* member) {
  std::uint64_t sum = 0;
  for (const json& label : labels) sum += label.value(member, std::uint64_t{0});
  return sum;
}

class Incidents : public ::testing::Test {
 protected:
  static const Generated& run() {
    static const Generated kRun({.days = 21, .per_minute = 3.0, .lines = true});
    return kRun;
  }
};

TEST_F(Incidents, AreLabelledInOrderAndBeginAfterTwoWeeks) {
  const std::vector<json> labels = run().labels();
  EXPECT_EQ(labels.size(), run().report.incidents);
  EXPECT_GE(labels.size(), 25u);
  std::set<std::string> ids;
  for (const json& label : labels) {
    EXPECT_TRUE(ids.insert(label["id"]).second);
    EXPECT_GE(label["start"], "2026-01-19T00:00:00Z");
    EXPECT_LE(label["start"], label["end"]);
    EXPECT_LT(label["end"], "2026-01-26T00:00:00Z");
    EXPECT_FALSE(label["note"].get<std::string>().empty());
  }
  EXPECT_TRUE(std::is_sorted(labels.begin(), labels.end(), [](const json& a, const json& b) { return a["start"] < b["start"]; }));
}

TEST_F(Incidents, AreOfEveryKindAndStrength) {
  std::map<std::string, std::map<std::string, int>> kinds;
  std::set<std::string> accounts, regions;
  for (const json& label : run().labels()) {
    ++kinds[label["kind"]][label["strength"]];
    accounts.insert(label["account"]);
    regions.insert(label["region"]);
  }
  for (const char* kind : {"burst", "sustained", "error_storm"}) {
    for (const char* strength : {"weak", "medium"}) EXPECT_GE(kinds[kind][strength], 1) << kind << ' ' << strength;
    EXPECT_GE(kinds[kind]["strong"], 3) << kind;
  }
  for (const char* kind : {"root_use", "trail_deletion", "opened_group", "iam_burst"}) EXPECT_GE(kinds[kind]["strong"], 2) << kind;
  EXPECT_EQ(accounts.size(), 2u);
  EXPECT_GE(regions.size(), 4u);
}

TEST_F(Incidents, AreInTheData) {
  const std::vector<json> records = unique(run().records("2026-01-19"));
  for (const json& label : run().labels()) {
    if (label["kind"] == "silence") {
      EXPECT_LE(matching(records, label), 1u) << label;  // a call at its very end
    } else {
      EXPECT_GE(matching(records, label), label["events"].get<std::uint64_t>()) << label;
    }
  }
}

TEST_F(Incidents, AreAllThatDiffersFromTheSameTrafficWithoutThem) {
  const Generated without({.days = 21, .per_minute = 3.0, .lines = true, .incidents = false});
  const std::vector<json> labels = run().labels();
  EXPECT_EQ(run().report.events + sum_of(labels, "missing"), without.report.events + sum_of(labels, "events"));
}

TEST_F(Incidents, OnOneApiAreADayApart) {
  const std::vector<json> labels = run().labels();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (std::size_t k = i + 1; k < labels.size(); ++k) {
      if (labels[i]["account"] != labels[k]["account"] || labels[i]["eventSource"] != labels[k]["eventSource"] || labels[i]["eventName"] != labels[k]["eventName"]) continue;
      const auto end = *parse_event_time(labels[i]["end"].get<std::string>()), start = *parse_event_time(labels[k]["start"].get<std::string>());
      EXPECT_GE(start - end, 24h) << labels[i] << labels[k];
    }
  }
}

TEST(Generate, ABusyAccountFallsSilentInThreeStrengths) {
  const Generated run({.days = 1, .accounts = 3, .lines = true});
  std::set<std::string> strengths;
  for (const json& label : run.labels())
    if (label["kind"] == "silence") {
      strengths.insert(label["strength"]);
      EXPECT_GE(label["missing"], 200) << label;
    }
  EXPECT_EQ(strengths.size(), 3u);
}

TEST(Generate, InAShortRunIncidentsLieInTheLastThird) {
  const Generated run(small_lines());
  const std::vector<json> labels = run.labels();
  EXPECT_GE(labels.size(), 10u);
  for (const json& label : labels) EXPECT_GE(label["start"], "2026-01-05T16:00:00Z") << label;
}

TEST(Generate, AnIamBurstIsOnePrincipalAndManyUsers) {
  const Generated run(small_lines());
  const std::vector<json> labels = run.labels();
  const auto burst = std::find_if(labels.begin(), labels.end(), [](const json& label) { return label["kind"] == "iam_burst"; });
  ASSERT_NE(burst, labels.end());
  std::set<std::string> users, callers;
  for (const json& record : unique(run.records())) {
    if (record["eventSource"] != "iam.amazonaws.com" || record["readOnly"] != false || record["recipientAccountId"] != (*burst)["account"]) continue;
    const std::string user = record["requestParameters"].is_null() ? "" : record["requestParameters"].value("userName", "");
    if (!user.starts_with("svc-")) continue;
    users.insert(user);
    callers.insert(record["userIdentity"]["principalId"].get<std::string>().substr(0, 21));
  }
  EXPECT_EQ(users.size(), 30u);
  EXPECT_EQ(callers.size(), 1u);
}

// Bad arguments.

TEST(Generate, RefusesAFolderThatIsNotEmpty) {
  const testing::TempDir dir;
  dir.write("there.txt", "already");
  Options options = small();
  options.folder = dir.path();
  const auto result = generate(options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(result.error().message, HasSubstr("not empty"));
}

TEST(Generate, RefusesOptionsThatMakeNoSense) {
  const testing::TempDir dir;
  Options none{.folder = dir.path()};
  for (Options options : {Options{.days = 0}, Options{.accounts = 0}, Options{.accounts = 101}, Options{.per_minute = 0.0}, Options{.per_minute = -1.0},
                          Options{.per_minute = std::numeric_limits<double>::quiet_NaN()}}) {
    options.folder = dir.path();
    const auto result = generate(options);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_TRUE(fs::is_empty(dir.path()));
}

TEST(Generate, SaysWhatTheDiskRefuses) {
  const testing::TempDir dir;
  dir.write("file", "");
  Options options = small();
  options.folder = dir.path("file") + "/below";
  const auto result = generate(options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kIo);
  EXPECT_THAT(result.error().message, HasSubstr("below"));
}

}  // namespace
}  // namespace trailwarden::generate
