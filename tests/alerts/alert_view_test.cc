#include "alerts/alert_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alerts/insight_record.h"
#include "samples.h"

namespace trailwarden::alerts {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

event::Insight an_insight(event::InsightType type, bool is_start) {
  event::Insight insight;
  insight.type = type;
  insight.is_start = is_start;
  insight.event_source = "iam.amazonaws.com";
  insight.event_name = "CreateUser";
  insight.error_code = type == event::InsightType::kApiErrorRate ? "AccessDenied" : "";
  insight.decision_time = kTime;
  insight.sentence = "Many.";
  insight.event_ids = {"e-1", "e-2"};
  return insight;
}

TEST(AlertView, OfAFinding) {
  const AlertView view = view_of(render(a_finding(), kScope).json).value();
  EXPECT_EQ(view.kind, "finding");
  EXPECT_EQ(view.detector, "root_use");
  EXPECT_EQ(view.what, "sign_in");
  EXPECT_EQ(view.title, "Root sign-in");
  EXPECT_EQ(view.sentence, "The root user of account 111122223333 signed in.");
  EXPECT_EQ(view.normal, "Root had not been seen before.");
  EXPECT_EQ(view.account, "111122223333");
  EXPECT_EQ(view.region, "eu-west-1");
  EXPECT_EQ(view.principal, "arn:aws:iam::111122223333:root");
  EXPECT_EQ(view.source_address, "203.0.113.7");
  EXPECT_EQ(view.severity, event::Severity::kHigh);
  EXPECT_EQ(view.time, kTime);
  EXPECT_EQ(view.attack.at(0).id, "T1078.004");
  EXPECT_THAT(view.event_ids, ElementsAre("11111111-2222-3333-4444-555555555555"));
  EXPECT_TRUE(view.says_something_new());
  EXPECT_FALSE(view.is_insight());
}

TEST(AlertView, OfASummaryIsNothingNew) {
  const AlertView view = view_of(render(a_summary(), kScope).json).value();
  EXPECT_EQ(view.kind, "summary");
  EXPECT_FALSE(view.summarises.empty());
  EXPECT_FALSE(view.says_something_new());
}

TEST(AlertView, OfTheHalvesOfAnInsight) {
  const AlertView start = view_of(render(an_insight(event::InsightType::kApiErrorRate, true), kScope).json).value();
  EXPECT_EQ(start.kind, "insight");
  EXPECT_EQ(start.detector, "insights");
  EXPECT_EQ(start.what, "ApiErrorRateInsight");
  EXPECT_EQ(start.event_source, "iam.amazonaws.com");
  EXPECT_EQ(start.event_name, "CreateUser");
  EXPECT_EQ(start.error_code, "AccessDenied");
  EXPECT_EQ(start.entity, "iam.amazonaws.com:CreateUser:AccessDenied");
  EXPECT_EQ(start.time, kTime);
  EXPECT_THAT(start.event_ids, ElementsAre("e-1", "e-2"));
  EXPECT_TRUE(start.is_insight());
  EXPECT_TRUE(start.says_something_new());
  const AlertView end = view_of(render(an_insight(event::InsightType::kApiCallRate, false), kScope).json).value();
  EXPECT_EQ(end.entity, "iam.amazonaws.com:CreateUser");
  EXPECT_THAT(end.error_code, IsEmpty());
  EXPECT_TRUE(end.is_end);
  EXPECT_FALSE(end.says_something_new());
}

TEST(AlertView, WhatIsNoAlertIsRefused) {
  for (const char* text : {"", "no json", "[1]", "{}", R"({"id":"x"})", R"({"id":"x","detail":[]})", R"({"id":7,"detail":{}})", R"({"id":"x","detail":{"records":[1]}})", R"({"id":"x","detail":{},"trailwarden":7})"})
    EXPECT_FALSE(view_of(text).has_value()) << text;
}

TEST(AlertView, ASeverityIsOneOfTheWords) {
  EXPECT_EQ(severity_of("critical"), event::Severity::kCritical);
  EXPECT_FALSE(severity_of("urgent"));
}

}  // namespace
}  // namespace trailwarden::alerts
