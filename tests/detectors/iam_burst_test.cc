#include "detectors/iam_burst.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detectors/judging.h"

namespace trailwarden::detectors {
namespace {

using namespace std::chrono_literals;
using testing::an_event;
using testing::configured;
using testing::differences_after_reload;
using testing::EventBuilder;
using testing::flaws;
using testing::judge;
using testing::KeepFindings;
using testing::whats;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr Timestamp kStart{std::chrono::seconds{1'714'564'800}};  // 2024-05-01T12:00:00Z

/// Limits that never alarm, for tests of one of them.
constexpr std::string_view kOff =
    "write_calls: [0, 0, 0]\ndistinct_targets: [0, 0, 0]\nrefused_calls: [0, 0, 0]\naccess_keys_created: [0, 0, 0]\nusers_created: [0, 0, 0]\npolicies_created: [0, 0, 0]\n";

std::unique_ptr<Detector> detector(std::string_view yaml = "") { return configured("iam_burst", yaml); }

/// Only one measure on.
std::unique_ptr<Detector> only(std::string_view measure, std::string_view limits) {
  std::string yaml(kOff);
  const std::size_t at = yaml.find(measure);
  yaml.replace(at, yaml.find('\n', at) - at, fmt::format("{}: {}", measure, limits));
  return detector(yaml);
}

EventBuilder iam(std::string_view name, std::string_view request = "null", std::chrono::seconds at = 0s) {
  return an_event().of("iam").named(name).request(request).at(kStart + at).by_user("mallory").in("us-east-1");
}
EventBuilder new_user(int number, std::chrono::seconds at = 0s) { return iam("CreateUser", fmt::format(R"({{"userName":"u{}"}})", number), at); }
EventBuilder tagging(std::chrono::seconds at, std::string_view user = "bob") { return iam("TagUser", fmt::format(R"({{"userName":"{}"}})", user), at); }

TEST(IamBurst, AlarmsWhenTheLimitIsReachedAndNotBefore) {
  const auto bursts = only("write_calls", "[3, 0, 0]");
  EXPECT_THAT(judge(*bursts, tagging(0s)), IsEmpty());
  EXPECT_THAT(judge(*bursts, tagging(1s)), IsEmpty());
  const auto said = judge(*bursts, tagging(2s));
  ASSERT_THAT(whats(said), ElementsAre("write_calls(medium)"));
  EXPECT_THAT(flaws(said[0]), IsEmpty());
  EXPECT_EQ(said[0].sentence, "user mallory made 3 IAM changes within 5 minutes in us-east-1 of account 111111111111, from 203.0.113.7, the last one TagUser; they concern user bob.");
  EXPECT_EQ(said[0].normal, "The limit is 3 in 5 minutes; before these this principal had none since the log began.");
  EXPECT_EQ(said[0].entity, "arn:aws:iam::111111111111:user/mallory");
}

TEST(IamBurst, TellsTheShortestWindowThatReachedItsLimit) {
  const auto bursts = only("write_calls", "[0, 4, 3]");
  for (int i = 0; i < 2; ++i) judge(*bursts, tagging(i * 10min));
  EXPECT_THAT(judge(*bursts, tagging(20min))[0].sentence, HasSubstr("3 IAM changes within 60 minutes"));
  judge(*bursts, tagging(20min + 1s));
  EXPECT_THAT(judge(*bursts, tagging(20min + 2s))[0].sentence, HasSubstr("4 IAM changes within 15 minutes"));
}

TEST(IamBurst, SaysWhatThePrincipalDidBefore) {
  const auto bursts = only("write_calls", "[3, 0, 0]");
  for (const auto at : {0s, 1s}) judge(*bursts, tagging(at));
  KeepFindings nothing;
  bursts->advance(kStart + 5h, nothing);
  for (const auto at : {6h + 0s, 6h + 1s}) judge(*bursts, tagging(at));
  EXPECT_EQ(judge(*bursts, tagging(6h + 2s))[0].normal, "The limit is 3 in 5 minutes; before these this principal had 2 IAM changes since 2024-05-01T12:00:00Z.");
  EXPECT_THAT(nothing.findings, IsEmpty());
}

struct MeasureCase {
  const char* name;
  const char* measure;
  std::vector<EventBuilder> events;  // with a limit of 2
  bool alarms;
};
void PrintTo(const MeasureCase& c, std::ostream* out) { *out << c.name; }

class IamMeasureTable : public ::testing::TestWithParam<MeasureCase> {};

TEST_P(IamMeasureTable, CountsWhatItSays) {
  const auto bursts = only(GetParam().measure, "[2, 0, 0]");
  std::vector<event::Finding> last;
  for (const EventBuilder& event : GetParam().events) last = judge(*bursts, event);
  EXPECT_EQ(!last.empty(), GetParam().alarms);
  for (const event::Finding& finding : last) EXPECT_THAT(flaws(finding), IsEmpty());
}

const std::string kAlice = R"({"userName":"alice"})";

INSTANTIATE_TEST_SUITE_P(
    Table, IamMeasureTable,
    ::testing::Values(
        MeasureCase{"Writes", "write_calls", {iam("CreateRole"), iam("DeleteRole")}, true},
        MeasureCase{"ReadsAreNoWrites", "write_calls", {iam("ListUsers").read(), iam("ListRoles").read()}, false},
        MeasureCase{"ReportsAreNoWrites", "write_calls", {iam("GenerateCredentialReport"), iam("SimulatePrincipalPolicy")}, false},
        MeasureCase{"RefusedWritesAreNoWrites", "write_calls", {iam("CreateRole").refused(), iam("DeleteRole").refused()}, false},
        MeasureCase{"WritesThatFailedOtherwise", "write_calls", {iam("CreateRole").failed_with("EntityAlreadyExists"), iam("DeleteRole").failed_with("NoSuchEntity")}, true},
        MeasureCase{"DifferentTargets", "distinct_targets", {iam("TagUser", kAlice), iam("TagRole", R"({"roleName":"alice"})")}, true},
        MeasureCase{"OneTarget", "distinct_targets", {iam("TagUser", kAlice), iam("AttachUserPolicy", R"({"userName":"alice","policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"})")}, false},
        MeasureCase{"RefusedReads", "refused_calls", {iam("ListUsers").read().refused(), iam("GetUser").read().refused()}, true},
        MeasureCase{"RefusedWrites", "refused_calls", {iam("CreateUser").refused(), iam("DeleteUser").failed_with("AccessDeniedException")}, true},
        MeasureCase{"OtherFailuresAreNotRefused", "refused_calls", {iam("GetUser").read().failed_with("NoSuchEntity"), iam("GetUser").read().failed_with("Throttling")}, false},
        MeasureCase{"AccessKeys", "access_keys_created", {iam("CreateAccessKey", kAlice), iam("CreateServiceSpecificCredential", kAlice)}, true},
        MeasureCase{"AccessKeysThatWereNot", "access_keys_created", {iam("CreateAccessKey", kAlice), iam("CreateAccessKey", kAlice).failed_with("LimitExceeded")}, false},
        MeasureCase{"Users", "users_created", {new_user(1), new_user(2)}, true},
        MeasureCase{"Policies", "policies_created", {iam("CreatePolicy"), iam("PutRolePolicy")}, true},
        MeasureCase{"OtherServices", "write_calls", {iam("CreateUser").of("sso"), iam("CreateUser").of("sso")}, false},
        MeasureCase{"CopiesAtAVpcEndpoint", "write_calls", {new_user(1).set("eventCategory", "NetworkActivity"), new_user(2).set("eventCategory", "NetworkActivity")}, false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(IamBurst, TakesAllSessionsOfARoleForOnePrincipal) {
  const auto bursts = only("users_created", "[2, 0, 0]");
  judge(*bursts, new_user(1).by_role("Deploy", "ci-1"));
  const auto said = judge(*bursts, new_user(2).by_role("Deploy", "ci-2"));
  ASSERT_THAT(whats(said), ElementsAre("users_created(high)"));
  EXPECT_EQ(said[0].entity, "arn:aws:iam::111111111111:role/Deploy");
}

TEST(IamBurst, CountsPrincipalsApart) {
  const auto bursts = only("users_created", "[2, 0, 0]");
  judge(*bursts, new_user(1));
  EXPECT_THAT(judge(*bursts, new_user(2).by_user("somebody")), IsEmpty());
}

TEST(IamBurst, IsHighWhenRootDoesIt) {
  const auto bursts = only("write_calls", "[1, 0, 0]");
  EXPECT_THAT(whats(judge(*bursts, tagging(0s).by_root())), ElementsAre("write_calls(high)"));
}

TEST(IamBurst, AlarmsWhateverTheOrderOfArrival) {
  for (const std::vector<int>& order : std::vector<std::vector<int>>{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
    const auto bursts = only("users_created", "[3, 0, 0]");
    std::vector<event::Finding> last;
    for (const int i : order) last = judge(*bursts, new_user(i, i * 2min));
    ASSERT_THAT(whats(last), ElementsAre("users_created(high)")) << ::testing::PrintToString(order);
    EXPECT_THAT(last[0].sentence, HasSubstr("created 3 users within 5 minutes"));
    EXPECT_THAT(last[0].sentence, HasSubstr("user u0, user u1 and user u2"));
  }
}

TEST(IamBurst, CarriesTheLastTenEventsOfTheWindow) {
  const auto bursts = only("write_calls", "[15, 0, 0]");
  for (int i = 0; i < 14; ++i) judge(*bursts, tagging(std::chrono::seconds{i}));
  const EventBuilder deciding = tagging(14s).id("deciding");
  const auto said = judge(*bursts, deciding);
  ASSERT_EQ(said.size(), 1U);
  ASSERT_EQ(said[0].evidence.size(), 10U);
  EXPECT_EQ(said[0].evidence[0].event_id, "deciding");
  EXPECT_EQ(said[0].evidence[0].record, deciding.json());
  EXPECT_EQ(said[0].evidence[1].event_time, kStart + 13s);
  EXPECT_EQ(said[0].evidence[9].event_time, kStart + 5s);
  EXPECT_EQ(said[0].deciding_event_id, "deciding");
}

TEST(IamBurst, SaysWhenItCountedMoreThanItKeeps) {
  const auto bursts = only("write_calls", "[2, 0, 0]");
  for (int i = 0; i < 5; ++i) judge(*bursts, tagging(std::chrono::seconds{i}));
  EXPECT_THAT(judge(*bursts, tagging(6s))[0].sentence, StartsWith("user mallory made at least 2 IAM changes"));
}

TEST(IamBurst, KnownAutomationHasLimitsOfItsOwn) {
  const auto bursts = detector("users_created: [2, 0, 0]\nautomation:\n  - principal: \"arn:aws:iam::*:role/terraform-*\"\n    users_created: [4, 0, 0]\n");
  for (int i = 0; i < 3; ++i) EXPECT_THAT(judge(*bursts, new_user(i).by_role("terraform-prod", "run")), IsEmpty());
  EXPECT_THAT(whats(judge(*bursts, new_user(3).by_role("terraform-prod", "run"))), Contains("users_created(high)"));
  judge(*bursts, new_user(0));
  EXPECT_THAT(whats(judge(*bursts, new_user(1))), Contains("users_created(high)")) << "others have the common limits";
}

TEST(IamBurst, AutomationKeepsTheCommonLimitsItDoesNotSet) {
  const auto bursts = detector("users_created: [2, 0, 0]\nautomation:\n  - principal: \"*\"\n    write_calls: [0, 0, 0]\n");
  judge(*bursts, new_user(0));
  EXPECT_THAT(whats(judge(*bursts, new_user(1))), ElementsAre("users_created(high)"));
}

TEST(IamBurst, ByDefaultAPersonsDayAndAnOrdinaryDeploymentAreQuiet) {
  const auto bursts = detector();
  // An administrator takes on a colleague, twice in an hour.
  for (const auto at : {0min, 40min})
    for (const char* name : {"CreateUser", "CreateLoginProfile", "AddUserToGroup", "CreateAccessKey", "EnableMFADevice"})
      EXPECT_THAT(whats(judge(*bursts, iam(name, fmt::format(R"({{"userName":"new-{}"}})", at.count()), at))), IsEmpty());
  // A deployment makes four functions, each with a role, an inline and an attached policy.
  for (int i = 0; i < 4; ++i)
    for (const char* name : {"CreateRole", "PutRolePolicy", "AttachRolePolicy"})
      EXPECT_THAT(whats(judge(*bursts, iam(name, fmt::format(R"({{"roleName":"fn-{}"}})", i), 50min).by_role("ci", "run-1"))), IsEmpty());
}

TEST(IamBurst, ByDefaultBulkPersistenceIsSeen) {
  const auto bursts = detector();
  std::vector<std::string> said;
  for (int i = 0; i < 5; ++i)
    for (const char* name : {"CreateUser", "CreateAccessKey", "AttachUserPolicy"})
      for (const std::string& what : whats(judge(*bursts, iam(name, fmt::format(R"({{"userName":"backup-{}"}})", i), std::chrono::seconds{20 * i})))) said.push_back(what);
  EXPECT_THAT(said, Contains("users_created(high)"));
  EXPECT_THAT(said, Contains("access_keys_created(high)"));
}

TEST(IamBurst, ForgetsThePrincipalIdleLongestWhenItIsFull) {
  const auto bursts = detector(std::string(kOff).replace(0, 22, "write_calls: [2, 0, 0]") + "max_principals: 2\n");
  judge(*bursts, tagging(0s).by_user("a"));
  judge(*bursts, tagging(1s).by_user("b"));
  judge(*bursts, tagging(2s).by_user("a"));
  judge(*bursts, tagging(3s).by_user("c"));  // b goes
  EXPECT_THAT(whats(judge(*bursts, tagging(4s).by_user("a"))), ElementsAre("write_calls(medium)"));
  EXPECT_THAT(judge(*bursts, tagging(5s).by_user("b")), IsEmpty());
}

TEST(IamBurst, KeepsOnlyTotalsOfWhoWasIdleForAnHour) {
  const auto bursts = detector();
  for (int i = 0; i < 19; ++i) judge(*bursts, tagging(std::chrono::seconds{i}));
  const std::size_t busy = bursts->memory_bytes();
  KeepFindings nothing;
  bursts->advance(kStart + 30min, nothing);
  EXPECT_EQ(bursts->memory_bytes(), busy);
  bursts->advance(kStart + 62min, nothing);
  EXPECT_LT(bursts->memory_bytes(), busy / 2);
}

TEST(IamBurst, StaysSmallUnderAFlood) {
  const auto bursts = detector();
  for (int i = 0; i < 5'000; ++i) judge(*bursts, new_user(i, std::chrono::seconds{i / 10}));
  EXPECT_LT(bursts->memory_bytes(), 150'000U);
}

TEST(IamBurst, GoesOnAfterAReloadAsIfNothingHadHappened) {
  std::vector<std::unique_ptr<testing::OwnedEvent>> events;
  for (int i = 0; i < 12; ++i) {
    events.push_back(new_user(i, std::chrono::seconds{i * 20}).decode());
    events.push_back(iam("GetRole", R"({"roleName":"x"})", std::chrono::seconds{(11 - i) * 15}).read().refused().by_role("Audit", "s").decode());
  }
  for (std::size_t split = 0; split <= events.size(); ++split) {
    const auto bursts = detector("max_principals: 2"), fresh = detector("max_principals: 2");
    EXPECT_THAT(differences_after_reload(*bursts, *fresh, events, split), IsEmpty()) << split;
  }
}

TEST(IamBurst, SaysWhatIsWrongWithItsOptions) {
  std::vector<std::string> complaints;
  configured("iam_burst", "write_calls: [1, 2]\nusers_create: [1, 2, 3]\nautomation:\n  - users_created: [1, 1, 1]\n    limit: 3\n", &complaints);
  EXPECT_THAT(complaints, ElementsAre(HasSubstr("expected three limits"), HasSubstr("did you mean \"users_created\"?"), HasSubstr("needs a `principal`"), HasSubstr("unknown key \"limit\"")));
}

TEST(IamBurst, ShowsItsOptionsAsYamlThatItAccepts) {
  const auto diagnostics = std::make_shared<config::Diagnostics>();
  const std::string_view yaml = "automation:\n  - principal: \"a\\\"b*\"\n    write_calls: [1, 2, 3]\n";
  const ConfiguredDetector first = IamBurst::configure(config::Section::parse(yaml, "a.yaml", diagnostics));
  std::string shown;
  for (const auto& [option, value] : first.effective) shown += fmt::format("{}: {}\n", option, value);
  const ConfiguredDetector second = IamBurst::configure(config::Section::parse(shown, "b.yaml", diagnostics));
  EXPECT_THAT(diagnostics->lines(), IsEmpty()) << shown;
  EXPECT_EQ(first.effective, second.effective);
}

}  // namespace
}  // namespace trailwarden::detectors
