#include "aws/profile_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trailwarden::aws {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ProfileFile, HasProfilesOfBothFiles) {
  const Profiles profiles = parse_profiles(
      "# mine\n"
      "[default]\n"
      "aws_access_key_id = one   # from the console\n"
      "aws_secret_access_key=tw/o+;x==\r\n"
      "\n"
      "[profile audit]\n"
      "Role_Arn = arn:aws:iam::1:role/r ; that one\n"
      "s3 =\n"
      "  role_arn = not this one\n"
      "[ other ]\n"
      "aws_session_token = three\n"
      "aws_session_token = four\n"
      "[sso-session corporate]\n"
      "sso_region = eu-west-1\n");
  EXPECT_THAT(profiles, ElementsAre(Pair("audit", ElementsAre(Pair("role_arn", "arn:aws:iam::1:role/r"), Pair("s3", ""))),
                                    Pair("default", ElementsAre(Pair("aws_access_key_id", "one"), Pair("aws_secret_access_key", "tw/o+;x=="))),
                                    Pair("other", ElementsAre(Pair("aws_session_token", "four")))));
}

TEST(ProfileFile, TakesNothingFromWhatIsNone) {
  EXPECT_THAT(parse_profiles(""), IsEmpty());
  EXPECT_THAT(parse_profiles("aws_access_key_id = of no profile\n"), IsEmpty());
  EXPECT_THAT(parse_profiles("[never closed\naws_access_key_id = x\n"), IsEmpty());
  EXPECT_THAT(parse_profiles("[]\na = b\n[ ]\na = b"), IsEmpty());
}

}  // namespace
}  // namespace trailwarden::aws
