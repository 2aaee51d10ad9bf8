#include "trail/object_name.h"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>

namespace trailwarden::trail {
namespace {

struct NameCase {
  const char* name;
  const char* path;
  std::optional<ObjectName> parsed;  // nullopt: not CloudTrail's
};
void PrintTo(const NameCase& c, std::ostream* out) { *out << c.path; }

Timestamp at(const char* text) { return parse_event_time(text).value(); }

class ParseObjectName : public ::testing::TestWithParam<NameCase> {};

TEST_P(ParseObjectName, AgreesWithTable) { EXPECT_EQ(parse_object_name(GetParam().path), GetParam().parsed); }

INSTANTIATE_TEST_SUITE_P(
    Names, ParseObjectName,
    ::testing::Values(
        NameCase{"Log", "AWSLogs/1/342082656213_CloudTrail_us-west-1_20210728T1530Z_UdeZkqf59OzXn8KY.json.gz",
                 ObjectName{"342082656213", "us-west-1", ObjectKind::kLog, at("2021-07-28T15:30:00Z")}},
        NameCase{"Unpacked", "342082656213_CloudTrail_us-west-1_20210728T1530Z_UdeZkqf59OzXn8KY.json",
                 ObjectName{"342082656213", "us-west-1", ObjectKind::kLog, at("2021-07-28T15:30:00Z")}},
        NameCase{"Refiled", "811596193553_CloudTrail_us-east-1-20200930T2358.json",
                 ObjectName{"811596193553", "us-east-1", ObjectKind::kLog, at("2020-09-30T23:58:00Z")}},
        NameCase{"WithoutUnique", "8_CloudTrail_us-gov-west-1_20200930T2358Z.json.gz",
                 ObjectName{"8", "us-gov-west-1", ObjectKind::kLog, at("2020-09-30T23:58:00Z")}},
        NameCase{"Digest",
                 "112280397275_CloudTrail-Digest_us-east-1_my-trail_20200101T0000Z_eu-west-1_20191108T164911Z.json.gz",
                 ObjectName{"112280397275", "us-east-1", ObjectKind::kDigest, at("2019-11-08T16:49:11Z")}},
        NameCase{"BackfillDigest", "1_CloudTrail-Digest_us-east-1_t_us-east-1_20191108T164911Z_backfill.json.gz",
                 ObjectName{"1", "us-east-1", ObjectKind::kDigest, at("2019-11-08T16:49:11Z")}},
        NameCase{"Insight", "1_CloudTrail-Insight_us-east-1_20191108T1649Z_a.json.gz",
                 ObjectName{"1", "us-east-1", ObjectKind::kInsight, at("2019-11-08T16:49:00Z")}},
        NameCase{"NetworkActivity", "1_CloudTrail-NetworkActivity_us-east-1_20191108T1649Z_a.json.gz",
                 ObjectName{"1", "us-east-1", ObjectKind::kNetworkActivity, at("2019-11-08T16:49:00Z")}},
        NameCase{"Aggregated", "1_CloudTrail-Aggregated_us-east-1_20191108T1649Z_a.json.gz",
                 ObjectName{"1", "us-east-1", ObjectKind::kAggregated, at("2019-11-08T16:49:00Z")}},
        NameCase{"NoSuchDay", "1_CloudTrail_us-east-1_20190230T1649Z_a.json.gz", std::nullopt},
        NameCase{"NoStamp", "1_CloudTrail_us-east-1_a.json.gz", std::nullopt},
        NameCase{"NoRegion", "1_CloudTrail_20191108T1649Z_a.json.gz", std::nullopt},
        NameCase{"OtherKind", "1_Config_us-east-1_20191108T1649Z_a.json.gz", std::nullopt},
        NameCase{"OtherType", "1_CloudTrail_us-east-1_20191108T1649Z_a.csv.gz", std::nullopt},
        NameCase{"Lines", "events.jsonl.gz", std::nullopt}, NameCase{"Nothing", "", std::nullopt}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace trailwarden::trail
