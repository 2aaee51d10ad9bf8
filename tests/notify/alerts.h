#pragma once

#include <string>

#include <fmt/format.h>

namespace trailwarden::testing {

/// A finding's envelope, as `alerts::render` has it, with what tests ask for.
inline std::string finding(const std::string& id, const std::string& detector = "root_use", const std::string& severity = "high", const std::string& account = "111122223333", const std::string& kind = "finding",
                           const std::string& more = "") {
  return fmt::format(R"({{"version":"0","id":"{}","detail-type":"Trailwarden Finding","source":"trailwarden","account":"{}","time":"2026-01-05T10:00:00Z","region":"eu-west-1","resources":[],)"
                     R"("detail":{{"schemaVersion":"1.0","kind":"{}","detector":"{}","what":"root_login","title":"The root user signed in","severity":"{}",)"
                     R"("sentence":"The root user signed in to the console of {} from 203.0.113.7 <b>\"x\"</b> ünd.","normal":"Root is not used.","late":false,"entity":"root","account":"{}","region":"eu-west-1",)"
                     R"("principal":{{"type":"Root","arn":"arn:aws:iam::{}:root","sourceIPAddress":"203.0.113.7"}},"attack":[{{"technique":"T1078.004","name":"Cloud Accounts","tactic":"Initial Access"}}],)"
                     R"("cis":[],"firstEventTime":"2026-01-05T10:00:00Z","lastEventTime":"2026-01-05T10:00:00Z","count":1{},"records":[{{"eventID":"e-1","eventTime":"2026-01-05T10:00:00Z"}}]}}}})",
                     id, account, kind, detector, severity, account, account, account, more);
}

/// One half of an Insight.
inline std::string insight(const std::string& id, const std::string& pair, bool is_start, const std::string& severity = "medium") {
  return fmt::format(R"({{"version":"0","id":"{}","detail-type":"AWS Insight via CloudTrail","source":"aws.cloudtrail","account":"111122223333","time":"2026-01-05T10:05:00Z","region":"eu-west-1","resources":[],)"
                     R"("detail":{{"eventVersion":"1.09","sharedEventID":"{}","insightDetails":{{"state":"{}","eventSource":"iam.amazonaws.com","eventName":"CreateUser","insightType":"ApiCallRateInsight"}}}},)"
                     R"("trailwarden":{{"detector":"insights","severity":"{}","sentence":"CreateUser was called 40 times in a minute.","account":"111122223333","region":"eu-west-1","eventIDs":["e-2"]}}}})",
                     id, pair, is_start ? "Start" : "End", is_start ? severity : "informational");
}

}  // namespace trailwarden::testing
