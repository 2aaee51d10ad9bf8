#include "event/forgotten_principal.h"

#include <ostream>

#include <gtest/gtest.h>

namespace trailwarden::event {
namespace {

struct NamedCase {
  const char* name;
  const char* principal;
  const char* text;
  bool named;
};
void PrintTo(const NamedCase& c, std::ostream* out) { *out << c.principal << " in " << c.text; }

class NamedBy : public ::testing::TestWithParam<NamedCase> {};

TEST_P(NamedBy, AgreesWithTable) {
  const auto principal = ForgottenPrincipal::of(GetParam().principal);
  ASSERT_TRUE(principal.has_value());
  EXPECT_EQ(principal->is_named_by(GetParam().text), GetParam().named);
}

constexpr const char* kUser = "arn:aws:iam::1:user/alice";
constexpr const char* kSession = "arn:aws:sts::1:assumed-role/Deploy/ci-7";
constexpr const char* kAssumedRole = "arn:aws:sts::1:assumed-role/Deploy";
constexpr const char* kRole = "arn:aws-cn:iam::1:role/tools/Deploy";

INSTANTIATE_TEST_SUITE_P(Texts, NamedBy, ::testing::Values(
    NamedCase{"Itself", kUser, "arn:aws:iam::1:user/alice", true},
    NamedCase{"LongerName", kUser, "arn:aws:iam::1:user/alice2", false},
    NamedCase{"LongerNameWithDot", kUser, "arn:aws:iam::1:user/alice.b", false},
    NamedCase{"AsPathOfAnother", kUser, "arn:aws:iam::1:user/alice/bob", false},
    NamedCase{"OtherAccount", kUser, "arn:aws:iam::11:user/alice", false},
    NamedCase{"InJson", kUser, R"({"arn":"arn:aws:iam::1:user/alice","x":1})", true},
    NamedCase{"InJsonWithEscapedSlash", kUser, R"({"arn":"arn:aws:iam::1:user\/alice"})", true},
    NamedCase{"SecondOccurrence", kUser, "arn:aws:iam::1:user/alice2 arn:aws:iam::1:user/alice", true},
    NamedCase{"Empty", kUser, "", false},
    NamedCase{"Session", kSession, "arn:aws:sts::1:assumed-role/Deploy/ci-7", true},
    NamedCase{"SessionsRole", kSession, "arn:aws:sts::1:assumed-role/Deploy", true},
    NamedCase{"OtherSession", kSession, "arn:aws:sts::1:assumed-role/Deploy/ci-8", false},
    NamedCase{"LongerSession", kSession, "arn:aws:sts::1:assumed-role/Deploy/ci-78", false},
    NamedCase{"AllSessions", kAssumedRole, "arn:aws:sts::1:assumed-role/Deploy/ci-8", true},
    NamedCase{"OtherRole", kAssumedRole, "arn:aws:sts::1:assumed-role/Deploy2/ci-8", false},
    NamedCase{"RoleItself", kRole, "arn:aws-cn:iam::1:role/tools/Deploy", true},
    NamedCase{"RoleAsItCalls", kRole, "arn:aws-cn:sts::1:assumed-role/Deploy/ci-8", true},
    NamedCase{"RoleOfOtherPath", kRole, "arn:aws-cn:iam::1:role/Deploy", false},
    NamedCase{"PrincipalId", "AIDA1", "AIDA1", true},
    NamedCase{"PrincipalIdInside", "AIDA1", R"({"principalId":"AIDA1"})", true},
    NamedCase{"PrincipalIdLonger", "AIDA1", "AIDA12", false},
    NamedCase{"NameInAnArn", "alice", "arn:aws:iam::1:user/alice", false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ForgottenPrincipal, KnowsTheRootOfItsAccountOnly) {
  const auto root = ForgottenPrincipal::of("arn:aws:iam::111122223333:root");
  EXPECT_TRUE(root->is_root_of("111122223333"));
  EXPECT_FALSE(root->is_root_of("22223333"));
  EXPECT_FALSE(ForgottenPrincipal::of(kUser)->is_root_of("1"));
}

TEST(ForgottenPrincipal, RefusesWhatIsNobodysName) {
  for (const char* text : {"", "a", "user/*", "arn:aws:iam", "arn:aws:iam::1", "two words"}) EXPECT_FALSE(ForgottenPrincipal::of(text).has_value()) << text;
}

}  // namespace
}  // namespace trailwarden::event
