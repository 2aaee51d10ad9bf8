#include "http/pages.h"

#include <ostream>
#include <stdexcept>

#include <gtest/gtest.h>

namespace trailwarden::http {
namespace {

Handler text(std::string body) {
  return [body = std::move(body)] { return Response{.body = body}; };
}

Pages some_pages(std::string_view token = "") { return Pages({{"/healthz", text("fine")}, {"/alerts", text("none")}}, token, {"/healthz"}); }

struct TargetCase {
  const char* name;
  const char* target;
  unsigned status;
};
void PrintTo(const TargetCase& c, std::ostream* out) { *out << c.target; }

class Target : public ::testing::TestWithParam<TargetCase> {};

TEST_P(Target, AgreesWithTable) { EXPECT_EQ(some_pages().answer(GetParam().target, "").status, GetParam().status); }

INSTANTIATE_TEST_SUITE_P(Pages, Target,
                         ::testing::Values(TargetCase{"Page", "/healthz", 200}, TargetCase{"Query", "/healthz?verbose=1&x=/../y", 200},
                                           TargetCase{"EmptyQuery", "/healthz?", 200}, TargetCase{"Root", "/", 404}, TargetCase{"Empty", "", 404},
                                           TargetCase{"Star", "*", 404}, TargetCase{"Below", "/healthz/", 404}, TargetCase{"TwoSlashes", "//healthz", 404},
                                           TargetCase{"Dots", "/x/../healthz", 404}, TargetCase{"Up", "/../../etc/passwd", 404},
                                           TargetCase{"EscapedDots", "/%2e%2e/healthz", 404}, TargetCase{"EscapedLetter", "/health%7a", 404},
                                           TargetCase{"EscapedQuery", "/healthz%3f", 404}, TargetCase{"Case", "/Healthz", 404},
                                           TargetCase{"Absolute", "http://test/healthz", 404}, TargetCase{"Fragment", "/healthz#x", 404}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Pages, TellWhatThereIs) { EXPECT_EQ(some_pages().answer("/index.html", "").body, "no such page; there are:\n/alerts\n/healthz\n"); }

struct TokenCase {
  const char* name;
  const char* authorization;
  unsigned status;
};
void PrintTo(const TokenCase& c, std::ostream* out) { *out << c.authorization; }

class Token : public ::testing::TestWithParam<TokenCase> {};

TEST_P(Token, AgreesWithTable) { EXPECT_EQ(some_pages("s3cret").answer("/alerts", GetParam().authorization).status, GetParam().status); }

INSTANTIATE_TEST_SUITE_P(Pages, Token,
                         ::testing::Values(TokenCase{"Right", "Bearer s3cret", 200}, TokenCase{"SchemeInAnyCase", "bEARER  s3cret", 200},
                                           TokenCase{"None", "", 401}, TokenCase{"Empty", "Bearer ", 401}, TokenCase{"SchemeOnly", "Bearer", 401},
                                           TokenCase{"Wrong", "Bearer S3cret", 401}, TokenCase{"Shorter", "Bearer s3cre", 401},
                                           TokenCase{"Longer", "Bearer s3cret2", 401}, TokenCase{"OtherScheme", "Basic s3cret", 401},
                                           TokenCase{"NoScheme", "s3cret", 401}, TokenCase{"NoSpace", "Bearers3cret", 401}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Pages, OpenPagesNeedNoToken) { EXPECT_EQ(some_pages("s3cret").answer("/healthz?x", "").body, "fine"); }

TEST(Pages, AStrangerDoesNotLearnWhichPagesThereAre) {
  const Response unknown = some_pages("s3cret").answer("/nothing", "Bearer guess");
  const Response known = some_pages("s3cret").answer("/alerts", "Bearer guess");
  EXPECT_EQ(unknown.status, 401U);
  EXPECT_EQ(unknown.body, known.body);
}

TEST(Pages, APageThatThrowsIsFiveHundred) {
  const Pages pages({{"/a", []() -> Response { throw std::runtime_error("secret detail"); }}, {"/b", []() -> Response { throw 1; }}}, "", {});
  EXPECT_EQ(pages.answer("/a", "").status, 500U);
  EXPECT_EQ(pages.answer("/a", "").body.find("secret"), std::string::npos);
  EXPECT_EQ(pages.answer("/b", "").status, 500U);
}

TEST(PagesDeathTest, AnOpenPageThatIsNoneIsAMistakeOfOurs) {
  EXPECT_DEATH(Pages({{"/a", text("")}}, "", {"/b"}), "an open page is a page");
  EXPECT_DEATH(Pages({{"a", text("")}}, "", {}), "a page has a path");
}

}  // namespace
}  // namespace trailwarden::http
