#include "ingest/event_time_scan.h"

#include <gtest/gtest.h>

#include <string>

namespace trailwarden::ingest {
namespace {

constexpr const char* kEarly = "2024-03-13T08:00:00Z";
constexpr const char* kLate = "2024-03-13T09:00:00Z";
Timestamp early() { return *parse_event_time(kEarly); }
Timestamp late() { return *parse_event_time(kLate); }

std::string member(const char* time) { return std::string(R"("eventTime":")") + time + '"'; }

TEST(FirstEventTime, IsFoundHoweverItIsWrittenAndEscaped) {
  for (const std::string& text :
       {"{" + member(kEarly) + "}", std::string(R"({"a":{"eventTime" : "2024-03-13T08:00:00Z"}})"),
        std::string(R"({"CloudTrailEvent":"{\"eventTime\":\"2024-03-13T08:00:00Z\"}"})"),
        std::string(R"({"Body":"{\"Message\":\"{\\\"eventTime\\\":\\\"2024-03-13T08:00:00Z\\\"}\"}"})")})
    EXPECT_EQ(first_event_time(text), early()) << text;
}

TEST(FirstEventTime, PassesOverWhatIsNoTime) {
  EXPECT_EQ(first_event_time(R"({"eventTime":null,"k":"eventTime","eventTime":"soon",)" + member(kLate)), late());
  for (const char* text :
       {"", "{}", R"("eventTime)", R"("eventTime")", R"("eventTime":)", R"("eventTime":"2024-03-13T08:00:00)"})
    EXPECT_EQ(first_event_time(text), std::nullopt) << text;
}

TEST(EarliestEventTime, IsTheSmallest) {
  EXPECT_EQ(earliest_event_time(member(kLate) + member(kEarly) + member(kLate)), early());
}

TEST(RecordTime, IsTheRecordsOwnAndNotWhatACallerPutIntoIt) {
  const std::string tags = R"("requestParameters":{"tags":{)" + member(kLate) + "}}";
  EXPECT_EQ(record_time("{" + member(kEarly) + "," + tags + "}"), early());
  EXPECT_EQ(record_time("{" + tags + "," + member(kEarly) + "}"), early());
  EXPECT_EQ(record_time(R"({"a":"}\"}",)" + tags + "," + member(kEarly) + "}"), early());
}

TEST(RecordTime, OfAContainerIsThatOfItsLatestRecord) {
  EXPECT_EQ(record_time(R"({"Records":[{)" + member(kLate) + "},{" + member(kEarly) + "}]}"), late());
}

}  // namespace
}  // namespace trailwarden::ingest
