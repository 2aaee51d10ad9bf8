#include "detectors/suppressions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::detectors {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Parsed {
  std::shared_ptr<Diagnostics> diagnostics = std::make_shared<Diagnostics>();
  Suppressions suppressions;
};

Parsed parse(const std::string& body) {
  Parsed out;
  out.suppressions = read_suppressions(config::Section::parse("suppressions:\n  - {name: n, reason: r, owner: o, expires: 2026-06-01, " + body + "}\n", "f.yaml", out.diagnostics));
  return out;
}

event::Finding finding(std::string_view time = "2026-05-04T10:00:00Z") {  // a Monday
  event::Finding out;
  out.detector = "rules";
  out.what = "aws.iam.user_created";
  out.entity = "bob";
  out.principal.arn = "arn:aws:sts::111111111111:assumed-role/Deploy/ci-7";
  out.principal.source_ip_address = "203.0.113.9";
  out.decision_time = *parse_event_time(time);
  return out;
}

bool hides(const std::string& body, const event::Finding& of = finding()) {
  const Parsed parsed = parse(body);
  EXPECT_THAT(parsed.diagnostics->lines(), IsEmpty());
  return parsed.suppressions.hiding(of, "111111111111", "eu-west-1").has_value();
}

TEST(Suppressions, HideWhatTheySayAndNothingElse) {
  EXPECT_TRUE(hides("rules: [\"aws.iam.*\"]"));
  EXPECT_FALSE(hides("rules: [\"aws.s3.*\"]"));
  EXPECT_TRUE(hides("rules: [rules.aws.iam.user_created], account: \"1111*\", region: eu-*"));
  EXPECT_FALSE(hides("rules: [\"*\"], account: \"222*\""));
  EXPECT_TRUE(hides("principal: \"arn:aws:sts::*:assumed-role/Deploy\"")) << "the role, whatever the session";
  EXPECT_FALSE(hides("principal: \"arn:aws:sts::*:assumed-role/Deplo\"")) << "another entity";
  EXPECT_TRUE(hides("entity: bob"));
  EXPECT_TRUE(hides("addresses: [203.0.113.0/24]"));
  EXPECT_FALSE(hides("addresses: [198.51.100.0/24]"));
}

TEST(Suppressions, KnowTheCalendarAndExpire) {
  EXPECT_TRUE(hides("entity: bob, weekdays: [monday]"));
  EXPECT_FALSE(hides("entity: bob, weekdays: [tuesday, sunday]"));
  EXPECT_TRUE(hides("entity: bob, hours: \"09:00-10:01\""));
  EXPECT_FALSE(hides("entity: bob, hours: \"10:01-09:00\"")) << "over midnight";
  EXPECT_TRUE(hides("entity: bob, hours: \"23:00-10:01\""));
  EXPECT_FALSE(hides("entity: bob, from: 2026-05-05"));
  EXPECT_FALSE(hides("entity: bob, until: 2026-05-04T10:00:00Z"));
  EXPECT_TRUE(hides("entity: bob", finding("2026-05-31T23:59:59Z")));
  EXPECT_FALSE(hides("entity: bob", finding("2026-06-01T00:00:00Z"))) << "expired, by the time of the record";
}

TEST(Suppressions, AreRefusedWithoutAReasonAnOwnerAndAnEnd) {
  auto diagnostics = std::make_shared<Diagnostics>();
  read_suppressions(config::Section::parse("suppressions:\n  - {name: n, rules: [x]}\n", "f.yaml", diagnostics));
  EXPECT_THAT(diagnostics->lines(), Contains(HasSubstr("needs `reason`")));
  EXPECT_THAT(diagnostics->lines(), Contains(HasSubstr("needs `owner`")));
  EXPECT_THAT(diagnostics->lines(), Contains(HasSubstr("needs `expires`")));
  EXPECT_THAT(parse("hours: \"9-10\"").diagnostics->lines(), Contains(HasSubstr("would hide every finding")));
  EXPECT_THAT(parse("entity: b, hours: \"9-10\"").diagnostics->lines(), Contains(HasSubstr("two times of day")));
}

TEST(Suppressions, AreWrittenAsTheyAreRead) {
  const Parsed parsed = parse("rules: [\"aws.*\", root_use], account: \"11*\", region: eu-west-1, principal: \"*/Deploy\", entity: bob, addresses: [203.0.113.0/24, \"2001:db8::/32\"], "
                              "from: 2026-01-01, until: 2026-05-30T18:00:00Z, hours: \"22:00-04:30\", weekdays: [monday, sunday]");
  ASSERT_THAT(parsed.diagnostics->lines(), IsEmpty());
  const std::string written = to_yaml(parsed.suppressions);
  auto diagnostics = std::make_shared<Diagnostics>();
  const Suppressions again = read_suppressions(config::Section::parse(written, "f.yaml", diagnostics));
  EXPECT_THAT(diagnostics->lines(), IsEmpty()) << written;
  EXPECT_EQ(to_yaml(again), written);
  for (const char* const part : {"\"aws.*\"", "203.0.113.0/24", "2001:db8::/32", "2026-01-01", "2026-05-30T18:00:00Z", "22:00-04:30", "[monday, sunday]"}) EXPECT_THAT(written, HasSubstr(part));
}

}  // namespace
}  // namespace trailwarden::detectors
