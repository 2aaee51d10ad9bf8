#include "app/health.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/fake_http_server.h"

namespace trailwarden::app {
namespace {

using testing::FakeAnswer;
using testing::FakeHttpServer;
using testing::FakeRequest;

struct ListenCase {
  const char *name, *listen, *origin;
};
void PrintTo(const ListenCase& c, std::ostream* out) { *out << c.listen; }

class LocalOrigin : public ::testing::TestWithParam<ListenCase> {};

TEST_P(LocalOrigin, IsWhereThisMachineIsAsked) { EXPECT_EQ(local_origin(GetParam().listen), GetParam().origin); }

INSTANTIATE_TEST_SUITE_P(Forms, LocalOrigin,
                         ::testing::Values(ListenCase{"Loopback", "127.0.0.1:9464", "http://127.0.0.1:9464"}, ListenCase{"Every", ":9464", "http://127.0.0.1:9464"},
                                           ListenCase{"EveryIPv4", "0.0.0.0:80", "http://127.0.0.1:80"}, ListenCase{"EveryIPv6", "[::]:9464", "http://[::1]:9464"},
                                           ListenCase{"IPv6", "[fd00::7]:9464", "http://[fd00::7]:9464"}),
                         [](const auto& row) { return std::string(row.param.name); });

class Health : public ::testing::Test {
 protected:
  /// A config file with this line below `http:`.
  std::string config(const std::string& line) {
    const std::string file = ::testing::TempDir() + "health-" + std::to_string(getpid()) + ".yaml";
    std::ofstream(file) << "version: 1\nhttp:\n  " << line << "\n";
    return file;
  }
  int asked(const FakeHttpServer& server, bool live = false) { return health({.config = config(fmt::format("listen: \"127.0.0.1:{}\"", server.port())), .live = live}); }
};

TEST_F(Health, GoesByTheStatusOfReadyz) {
  int status = 200;
  const FakeHttpServer server([&](const FakeRequest&) { return FakeAnswer{.status = status, .body = "the page\n"}; });
  EXPECT_EQ(asked(server), 0);
  status = 503;
  EXPECT_EQ(asked(server), 1);
  EXPECT_EQ(asked(server, true), 1);
  ASSERT_EQ(server.requests().size(), 3U);
  EXPECT_EQ(server.requests()[0].target, "/readyz");
  EXPECT_EQ(server.requests()[2].target, "/healthz");
}

TEST_F(Health, AsksWhereNobodyNeedsTls) {
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{.status = 200, .body = "ready\n"}; });
  const std::string tls = "listen: \"127.0.0.1:1\"\n  tls: {certificate_file: c, key_file: k}\n";
  EXPECT_EQ(health({.config = config(tls)}), 2) << "whose certificate would it be?";
  EXPECT_EQ(health({.config = config(tls + fmt::format("  metrics_listen: \"127.0.0.1:{}\"", server.port()))}), 0);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(Health, NobodyThereIsNotWell) {
  std::optional<FakeHttpServer> server(std::in_place, [](const FakeRequest&) { return FakeAnswer{}; });
  const std::string file = config(fmt::format("listen: \"127.0.0.1:{}\"", server->port()));
  server.reset();
  EXPECT_EQ(health({.config = file}), 1);
}

TEST_F(Health, WithoutPagesIsWrongUsage) {
  EXPECT_EQ(health({.config = config("listen: \"\"")}), 2);
  EXPECT_EQ(health({.config = "/nonexistent/trailwarden.yaml"}), 2);
}

}  // namespace
}  // namespace trailwarden::app
