#include "http/pages.h"

#include <ostream>
#include <stdexcept>

#include <gtest/gtest.h>

namespace trailwarden::http {
namespace {

Handler text(std::string body) {
  return [body = std::move(body)] { return Response{.body = body}; };
}

Pages some_pages(const Proof& proof = {}) { return Pages({{"/healthz", text("fine")}, {"/alerts", text("none")}}, proof, {"/healthz"}); }
const Proof kToken{.token = "s3cret"};

struct TargetCase {
  const char* name;
  const char* target;
  unsigned status;
};
void PrintTo(const TargetCase& c, std::ostream* out) { *out << c.target; }

class Target : public ::testing::TestWithParam<TargetCase> {};

TEST_P(Target, AgreesWithTable) { EXPECT_EQ(some_pages().answer(GetParam().target, {}).status, GetParam().status); }

INSTANTIATE_TEST_SUITE_P(Pages, Target,
                         ::testing::Values(TargetCase{"Page", "/healthz", 200}, TargetCase{"Query", "/healthz?verbose=1&x=/../y", 200},
                                           TargetCase{"EmptyQuery", "/healthz?", 200}, TargetCase{"Root", "/", 404}, TargetCase{"Empty", "", 404},
                                           TargetCase{"Star", "*", 404}, TargetCase{"Below", "/healthz/", 404}, TargetCase{"TwoSlashes", "//healthz", 404},
                                           TargetCase{"Dots", "/x/../healthz", 404}, TargetCase{"Up", "/../../etc/passwd", 404},
                                           TargetCase{"EscapedDots", "/%2e%2e/healthz", 404}, TargetCase{"EscapedLetter", "/health%7a", 404},
                                           TargetCase{"EscapedQuery", "/healthz%3f", 404}, TargetCase{"Case", "/Healthz", 404},
                                           TargetCase{"Absolute", "http://test/healthz", 404}, TargetCase{"Fragment", "/healthz#x", 404}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Pages, TellWhatThereIs) { EXPECT_EQ(some_pages().answer("/index.html", {}).body, "no such page; there are:\n/alerts\n/healthz\n"); }

struct TokenCase {
  const char* name;
  const char* authorization;
  unsigned status;
};
void PrintTo(const TokenCase& c, std::ostream* out) { *out << c.authorization; }

class Token : public ::testing::TestWithParam<TokenCase> {};

TEST_P(Token, AgreesWithTable) { EXPECT_EQ(some_pages(kToken).answer("/alerts", {.authorization = GetParam().authorization}).status, GetParam().status); }

INSTANTIATE_TEST_SUITE_P(Pages, Token,
                         ::testing::Values(TokenCase{"Right", "Bearer s3cret", 200}, TokenCase{"SchemeInAnyCase", "bEARER  s3cret", 200},
                                           TokenCase{"None", "", 401}, TokenCase{"Empty", "Bearer ", 401}, TokenCase{"SchemeOnly", "Bearer", 401},
                                           TokenCase{"Wrong", "Bearer S3cret", 401}, TokenCase{"Shorter", "Bearer s3cre", 401},
                                           TokenCase{"Longer", "Bearer s3cret2", 401}, TokenCase{"OtherScheme", "Basic s3cret", 401},
                                           TokenCase{"NoScheme", "s3cret", 401}, TokenCase{"NoSpace", "Bearers3cret", 401}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Pages, OpenPagesNeedNoToken) { EXPECT_EQ(some_pages(kToken).answer("/healthz?x", {}).body, "fine"); }

TEST(Pages, AStrangerDoesNotLearnWhichPagesThereAre) {
  const Response unknown = some_pages(kToken).answer("/nothing", {.authorization = "Bearer guess"});
  const Response known = some_pages(kToken).answer("/alerts", {.authorization = "Bearer guess"});
  EXPECT_EQ(unknown.status, 401U);
  EXPECT_EQ(unknown.body, known.body);
}

TEST(Pages, APageThatThrowsIsFiveHundred) {
  const Pages pages({{"/a", []() -> Response { throw std::runtime_error("secret detail"); }}, {"/b", []() -> Response { throw 1; }}}, {}, {});
  EXPECT_EQ(pages.answer("/a", {}).status, 500U);
  EXPECT_EQ(pages.answer("/a", {}).body.find("secret"), std::string::npos);
  EXPECT_EQ(pages.answer("/b", {}).status, 500U);
}

TEST(Pages, ATokenCanBeReplaced) {
  Pages pages = some_pages(kToken);
  pages.set_token("another");
  EXPECT_EQ(pages.answer("/alerts", {.authorization = "Bearer s3cret"}).status, 401U);
  EXPECT_EQ(pages.answer("/alerts", {.authorization = "Bearer another"}).status, 200U);
}

TEST(Pages, ACertificateIsAProofWhereItIsAskedFor) {
  const Pages pages = some_pages({.certificate = true}), either = some_pages({.token = "s3cret", .certificate = true});
  EXPECT_EQ(pages.answer("/alerts", {}).status, 403U);
  EXPECT_EQ(pages.answer("/alerts", {.has_certificate = true}).status, 200U);
  EXPECT_EQ(pages.answer("/healthz", {}).status, 200U);
  EXPECT_EQ(either.answer("/alerts", {}).status, 401U);
  EXPECT_EQ(either.answer("/alerts", {.has_certificate = true}).status, 200U);
  EXPECT_EQ(either.answer("/alerts", {.authorization = "Bearer s3cret"}).status, 200U);
  EXPECT_EQ(some_pages(kToken).answer("/alerts", {.has_certificate = true}).status, 401U) << "of no CA that was asked for";
}

TEST(Pages, WithoutAnyProofNobodyReadsWhatIsNotOpenWhereOthersListen) {
  const Pages pages = some_pages({.without = Proof::Without::kNobody});
  EXPECT_EQ(pages.answer("/alerts", {.host = "127.0.0.1"}).status, 403U);
  EXPECT_EQ(pages.answer("/healthz", {}).status, 200U);
}

struct HostCase {
  const char* name;
  const char* host;
  unsigned status;
};
void PrintTo(const HostCase& c, std::ostream* out) { *out << c.host; }

class Host : public ::testing::TestWithParam<HostCase> {};

// A name that resolves to this machine may be an attacker's, asked for by a browser that runs here.
TEST_P(Host, AgreesWithTable) {
  const Pages pages = some_pages({.without = Proof::Without::kByAddress});
  EXPECT_EQ(pages.answer("/alerts", {.host = GetParam().host}).status, GetParam().status);
  EXPECT_EQ(pages.answer("/healthz", {.host = GetParam().host}).status, 200U);
}

INSTANTIATE_TEST_SUITE_P(Pages, Host,
                         ::testing::Values(HostCase{"Address", "127.0.0.1", 200}, HostCase{"Port", "127.0.0.1:9464", 200}, HostCase{"LongAddress", "[::1]:9464", 200},
                                           HostCase{"LongWithoutPort", "[::1]", 200}, HostCase{"Localhost", "localhost:9464", 200}, HostCase{"None", "", 200},
                                           HostCase{"Name", "evil.example:9464", 403}, HostCase{"BeginsAsAnAddress", "127.0.0.1.evil.example", 403},
                                           HostCase{"BeginsAsLocalhost", "localhost.evil.example", 403}, HostCase{"Open", "[::1", 403}, HostCase{"Bare", "::1", 403}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(PagesDeathTest, AnOpenPageThatIsNoneIsAMistakeOfOurs) {
  EXPECT_DEATH(Pages({{"/a", text("")}}, {}, {"/b"}), "an open page is a page");
  EXPECT_DEATH(Pages({{"a", text("")}}, {}, {}), "a page has a path");
}

}  // namespace
}  // namespace trailwarden::http
