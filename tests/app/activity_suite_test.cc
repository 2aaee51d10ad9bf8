#include "app/activity_suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/suite_folder.h"

namespace trailwarden::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::SuiteFolder;

TEST(ActivitySuite, ReadsWhatIsThere) {
  SuiteFolder folder;
  folder.records = {{.minute = 3, .series = 1, .principal = 0, .calls = 300, .errors = 7, .first_second = 2, .last_second = 59, .error_code = 1}, {.minute = 70'000, .series = 0}};
  folder.principals += "1,111111111111,AssumedRole,\"arn:aws:sts::111111111111:assumed-role/a,b\"\r\n";
  const auto suite = ActivitySuite::read(folder.write());
  ASSERT_TRUE(suite.has_value()) << suite.error().message;
  EXPECT_EQ(suite->name(), "tiny");
  EXPECT_EQ(format_time(suite->start()), "2024-01-01T00:00:00Z");
  EXPECT_EQ(suite->minutes(), 5 * 10'080 + 5'040 + 15'120);
  ASSERT_EQ(suite->series().size(), 2U);
  EXPECT_EQ(suite->series()[1].event_name, "DeleteUser");
  EXPECT_EQ(suite->series()[1].region, "eu-west-1");
  ASSERT_EQ(suite->principals().size(), 2U);
  EXPECT_EQ(suite->principals()[1].arn, "arn:aws:sts::111111111111:assumed-role/a,b");
  EXPECT_THAT(suite->error_codes(), ElementsAre("", "AccessDenied"));
  EXPECT_EQ(suite->records(), folder.records);
}

TEST(ActivitySuite, SpreadsCallsAndFailuresAsItsFormatSays) {
  const ActivityRecord record{.calls = 4, .errors = 2, .first_second = 10, .last_second = 15};
  std::vector<int> seconds;
  std::vector<bool> failed;
  for (std::uint32_t i = 0; i < 4; ++i) {
    seconds.push_back(record.second_of(i));
    failed.push_back(record.failed(i));
  }
  EXPECT_THAT(seconds, ElementsAre(10, 11, 13, 15));
  EXPECT_THAT(failed, ElementsAre(false, true, false, true));
  EXPECT_EQ((ActivityRecord{.first_second = 9, .last_second = 20}.second_of(0)), 9);
  const ActivityRecord most{.calls = 65535, .errors = 65535, .last_second = 59};
  EXPECT_TRUE(most.failed(65534));
  EXPECT_EQ(most.second_of(65534), 59);
}

struct BadSuite {
  const char* name;
  void (*spoil)(SuiteFolder&);
  const char* message;
};
void PrintTo(const BadSuite& c, std::ostream* out) { *out << c.name; }

class RefusedSuite : public ::testing::TestWithParam<BadSuite> {};

TEST_P(RefusedSuite, SaysWhatIsWrongAndWhere) {
  SuiteFolder folder;
  GetParam().spoil(folder);
  const auto suite = ActivitySuite::read(folder.write());
  ASSERT_FALSE(suite.has_value());
  EXPECT_EQ(suite.error().code, ErrorCode::kMalformed);
  EXPECT_THAT(suite.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Each, RefusedSuite,
    ::testing::Values(
        BadSuite{"OtherVersion", [](SuiteFolder& f) { f.description["format_version"] = 2; }, "suite.json: format_version is 2, this reads 1"},
        BadSuite{"NoVersion", [](SuiteFolder& f) { f.description.erase("format_version"); }, "format_version is null"},
        BadSuite{"NoStart", [](SuiteFolder& f) { f.description.erase("start_time"); }, "start_time"},
        BadSuite{"BadStart", [](SuiteFolder& f) { f.description["start_time"] = "Monday"; }, "start_time is not a full minute"},
        BadSuite{"NoTest", [](SuiteFolder& f) { f.description["weeks_test"] = 0; }, "weeks_test 0 make no suite"},
        BadSuite{"NoColumn", [](SuiteFolder& f) { f.series = "series_id,account,region,event_source,event_name\n"; }, "series.csv:1: no column \"account_id\""},
        BadSuite{"NoSeries", [](SuiteFolder& f) { f.series.resize(f.series.find('\n') + 1); }, "series.csv: no rows"},
        BadSuite{"IdsOutOfOrder", [](SuiteFolder& f) { f.series += "3,1,eu-west-1,a,b\n"; }, "series.csv:4: series_id is \"3\", expected 2"},
        BadSuite{"FieldTooMany", [](SuiteFolder& f) { f.series += "2,1,eu-west-1,a,b,c\n"; }, "series.csv:4: 6 fields, expected 5"},
        BadSuite{"OpenQuote", [](SuiteFolder& f) { f.principals += "1,1,IAMUser,\"arn\n"; }, "principals.csv:3: a quote is not closed"},
        BadSuite{"SameApiTwice", [](SuiteFolder& f) { f.series += "2,111111111111,eu-west-1,iam.amazonaws.com,DeleteUser\n"; }, "series 2 is another one's API"},
        BadSuite{"NoRecords", [](SuiteFolder& f) { f.records.clear(); }, "activity.bin: no records"},
        BadSuite{"CutOff", [](SuiteFolder& f) { f.behind_records = "123"; }, "activity.bin: 3 bytes behind record 1: it is cut off"},
        BadSuite{"TimeGoesBack", [](SuiteFolder& f) { f.records = {{.minute = 5}, {.minute = 4}}; }, "record 1: minute 4 comes behind 5"},
        BadSuite{"BehindTheEnd", [](SuiteFolder& f) { f.records = {{.minute = 70'560}}; }, "record 0: minute 70560 lies behind the suite's end"},
        BadSuite{"UnknownSeries", [](SuiteFolder& f) { f.records = {{.series = 2}}; }, "record 0: series 2 is unknown, there are 2"},
        BadSuite{"UnknownPrincipal", [](SuiteFolder& f) { f.records = {{.principal = 1}}; }, "record 0: principal 1 is unknown"},
        BadSuite{"NoCalls", [](SuiteFolder& f) { f.records = {{.calls = 0}}; }, "record 0: 0 errors in 0 calls"},
        BadSuite{"MoreErrorsThanCalls", [](SuiteFolder& f) { f.records = {{.calls = 2, .errors = 3, .error_code = 1}}; }, "record 0: 3 errors in 2 calls"},
        BadSuite{"SecondsTurned", [](SuiteFolder& f) { f.records = {{.first_second = 9, .last_second = 8}}; }, "record 0: seconds 9 to 8"},
        BadSuite{"SecondSixty", [](SuiteFolder& f) { f.records = {{.last_second = 60}}; }, "record 0: seconds 0 to 60"},
        BadSuite{"UnknownCode", [](SuiteFolder& f) { f.records = {{.errors = 1, .error_code = 2}}; }, "record 0: error code 2 is unknown"},
        BadSuite{"EmptyCode", [](SuiteFolder& f) { f.records = {{.errors = 1, .error_code = 0}}; }, "record 0: error code 0 is unknown"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ActivitySuite, NamesTheFileThatIsMissing) {
  SuiteFolder folder;
  const std::string path = folder.write();
  std::filesystem::remove(path + "/principals.csv");
  const auto suite = ActivitySuite::read(path);
  ASSERT_FALSE(suite.has_value());
  EXPECT_EQ(suite.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(suite.error().message, HasSubstr("principals.csv"));
}

}  // namespace
}  // namespace trailwarden::app
