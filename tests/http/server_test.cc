#include "http/server.h"

#include <atomic>
#include <fcntl.h>
#include <future>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/client.h"
#include "metrics/registry.h"

namespace trailwarden::http {
namespace {

using namespace std::chrono_literals;
using testing::Client;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::size_t kLargePage = 64 << 20;  // more than sockets buffer

/// A server with two pages, and time limits that no test gets near unless it means to.
std::unique_ptr<Server> a_server(Options options = {}) {
  options.listen = "127.0.0.1:0";
  auto server = Server::start(std::move(options), {{"/healthz", [] { return Response{.body = "fine\n"}; }},
                                                   {"/json", [] { return Response{.content_type = "application/json", .body = "{}"}; }},
                                                   {"/large", [] { return Response{.body = std::string(kLargePage, 'x')}; }},
                                                   {"/unready", [] { return Response{.status = 503, .body = "not yet\n"}; }}});
  TRAILWARDEN_CHECK(server.has_value(), "a free port can be listened on");
  return std::move(*server);
}

/// Says what was posted to /post.
Options with_post(Options options) {
  options.posts = {{"/post", [](const PostedRequest& request) {
                      std::string said = request.target + "|";
                      for (const auto& [name, value] : request.headers) said += name + "=" + value + "|";
                      return Response{.status = request.body == "bad" ? 400U : 200U, .body = said + request.body, .headers = {{"X-Said", "yes"}}};
                    }}};
  return options;
}

Options patient() { return {.read_timeout = 60s, .write_timeout = 60s}; }

std::string fetch(const Server& server, std::string_view target) {
  Client client(server.port());
  client.get(target, "Connection: close\r\n");
  return client.rest();
}

TEST(Server, ShowsAPage) {
  const auto server = a_server(patient());
  EXPECT_EQ(fetch(*server, "/json"),
            "HTTP/1.1 200 OK\r\nServer: trailwarden\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_THAT(fetch(*server, "/unready"), AllOf(StartsWith("HTTP/1.1 503 "), EndsWith("\r\n\r\nnot yet\n")));
}

TEST(Server, SendsALargePageWhole) {
  const auto server = a_server(patient());
  EXPECT_THAT(fetch(*server, "/large").size(), ::testing::Gt(kLargePage));
}

struct RequestCase {
  const char* name;
  std::string request;
  const char* status;
  bool closes;  // the connection
};
void PrintTo(const RequestCase& c, std::ostream* out) { *out << c.request.substr(0, 80); }

class OneRequest : public ::testing::TestWithParam<RequestCase> {};

TEST_P(OneRequest, AgreesWithTable) {
  const RequestCase& c = GetParam();
  const auto server = a_server(patient());
  Client client(server->port());
  ASSERT_TRUE(client.send(c.request));
  EXPECT_THAT(client.answer(), AllOf(StartsWith(std::string("HTTP/1.") + c.status), HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n")));
  if (c.closes) {
    EXPECT_EQ(client.rest(), "");
  } else {
    client.get("/healthz");
    EXPECT_THAT(client.answer(), EndsWith("fine\n"));
  }
  EXPECT_THAT(fetch(*server, "/healthz"), EndsWith("fine\n")) << "others are served as before";
}

std::string with_header(const std::string& header) { return "GET /healthz HTTP/1.1\r\nHost: test\r\n" + header + "\r\n\r\n"; }

INSTANTIATE_TEST_SUITE_P(
    Http, OneRequest,
    ::testing::Values(RequestCase{"Get", with_header("Accept: */*"), "1 200 OK", false},
                      RequestCase{"QueryIsIgnored", "GET /healthz?a=/../b HTTP/1.1\r\nHost: test\r\n\r\n", "1 200 OK", false},
                      RequestCase{"Unknown", "GET /../healthz HTTP/1.1\r\nHost: test\r\n\r\n", "1 404 ", false},
                      RequestCase{"EmptyBody", with_header("Content-Length: 0"), "1 200 OK", false},
                      RequestCase{"Delete", "DELETE /healthz HTTP/1.1\r\nHost: test\r\n\r\n", "1 405 ", false},
                      RequestCase{"OwnMethod", "BREW /healthz HTTP/1.1\r\nHost: test\r\n\r\n", "1 405 ", false},
                      RequestCase{"Close", with_header("Connection: close"), "1 200 OK", true},
                      RequestCase{"OldVersion", "GET /healthz HTTP/1.0\r\n\r\n", "0 200 OK", true},
                      RequestCase{"OldVersionKept", "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "0 200 OK", false},
                      RequestCase{"Body", with_header("Content-Length: 5") + "hello", "1 413 ", true},
                      RequestCase{"Post", "POST /healthz HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", "1 413 ", true},
                      RequestCase{"Chunks", with_header("Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n", "1 413 ", true},
                      RequestCase{"OddEncoding", with_header("Transfer-Encoding: gzip"), "1 413 ", true},
                      RequestCase{"ExpectsToSend", with_header("Content-Length: 5\r\nExpect: 100-continue"), "1 413 ", true},
                      RequestCase{"LengthAndChunks", with_header("Content-Length: 5\r\nTransfer-Encoding: chunked"), "1 400 ", true},
                      RequestCase{"TwoLengths", with_header("Content-Length: 0\r\nContent-Length: 5"), "1 400 ", true},
                      RequestCase{"NegativeLength", with_header("Content-Length: -1"), "1 400 ", true},
                      RequestCase{"NoHost", "GET /healthz HTTP/1.1\r\n\r\n", "1 400 ", true},
                      RequestCase{"TwoHosts", with_header("Host: other"), "1 400 ", true},
                      RequestCase{"LongHeader", with_header("X-Long: " + std::string(9000, 'x')), "1 431 ", true},
                      RequestCase{"EndlessHeader", "GET /healthz HTTP/1.1\r\nX-Long: " + std::string(100'000, 'x'), "1 431 ", true},
                      RequestCase{"LongPath", "GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: test\r\n\r\n", "1 414 ", true},
                      RequestCase{"EndlessPath", "GET /" + std::string(100'000, 'x'), "1 414 ", true},
                      RequestCase{"NotHttp", "\x16\x03\x01\x02\r\n\r\n", "1 400 ", true},
                      RequestCase{"NextVersion", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "1 400 ", true}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Server, TakesWhatIsPostedWhereSomebodyIsForIt) {
  const auto server = a_server(with_post(patient()));
  Client client(server->port());
  ASSERT_TRUE(client.send("POST /post?a=%20b HTTP/1.1\r\nHost: test\r\nX-Some: Thing\r\nContent-Length: 5\r\n\r\nhello"));
  EXPECT_THAT(client.answer(), AllOf(StartsWith("HTTP/1.1 200 OK"), HasSubstr("\r\nX-Said: yes\r\n"), EndsWith("/post?a=%20b|Host=test|X-Some=Thing|Content-Length=5|hello")));
  ASSERT_TRUE(client.send("POST /post HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nbadPOST /post HTTP/1.1\r\nHost: test\r\n\r\n"));
  EXPECT_THAT(client.answer(), AllOf(StartsWith("HTTP/1.1 400 "), EndsWith("|bad"))) << "whoever answers decides";
  EXPECT_THAT(client.answer(), AllOf(StartsWith("HTTP/1.1 200 OK"), EndsWith("Host=test|"))) << "and the connection goes on; a body may be empty";
  ASSERT_TRUE(client.send("POST /post HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 100 Continue\r\n\r\n"));
  ASSERT_TRUE(client.send("hi"));
  EXPECT_THAT(client.answer(), EndsWith("|hi"));
}

TEST(Server, TakesNoMoreOfABodyThanItsBoundAndNoneWithoutItsLength) {
  Options options = with_post(patient());
  options.max_body_bytes = 100'000;
  const auto server = a_server(options);
  const auto posted = [&](const std::string& target, const std::string& headers, const std::string& body) {
    Client client(server->port());
    client.send("POST " + target + " HTTP/1.1\r\n" + headers + "\r\n" + body);
    return client.answer();
  };
  EXPECT_THAT(posted("/post", "Host: test\r\nContent-Length: 100000\r\n", std::string(100'000, 'x')), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(posted("/post", "Host: test\r\nContent-Length: 100001\r\n", ""), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(posted("/post", "Host: test\r\nTransfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"), StartsWith("HTTP/1.1 411 "));
  EXPECT_THAT(posted("/post", "Content-Length: 2\r\n", "hi"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(posted("/healthz", "Host: test\r\nContent-Length: 2\r\n", "hi"), StartsWith("HTTP/1.1 413 ")) << "pages still take no body";
  EXPECT_THAT(posted("/healthz", "Host: test\r\n", ""), StartsWith("HTTP/1.1 405 "));
}

TEST(Server, CutsOffWhoeverIsSlowWithABody) {
  Options options = with_post(patient());
  options.body_timeout = 50ms;
  const auto server = a_server(options);
  Client client(server->port());
  ASSERT_TRUE(client.send("POST /post HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhel"));
  EXPECT_THAT(client.rest(), AllOf(StartsWith("HTTP/1.1 408 "), HasSubstr("\r\nConnection: close\r\n")));
  EXPECT_THAT(fetch(*server, "/healthz"), EndsWith("fine\n"));
}

TEST(Server, HeadIsTheHeaderOfGet) {
  const auto server = a_server(patient());
  Client client(server->port());
  client.send("HEAD /large HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_THAT(client.answer(false), AllOf(StartsWith("HTTP/1.1 200 OK"), HasSubstr("\r\nContent-Length: " + std::to_string(kLargePage) + "\r\n")));
  client.get("/healthz", "Connection: close\r\n");
  EXPECT_THAT(client.rest(), StartsWith("HTTP/1.1 200 OK")) << "no body came between";
}

TEST(Server, SaysWhichMethodsThereAreAndWhoMayRead) {
  Options options = patient();
  options.token = [] { return Result<std::string>("s3cret"); };
  options.open_pages = {"/healthz"};
  const auto server = a_server(options);
  Client client(server->port());
  client.send("POST /json HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_THAT(client.answer(), HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  client.get("/json");
  EXPECT_THAT(client.answer(), AllOf(StartsWith("HTTP/1.1 401 "), HasSubstr("\r\nWWW-Authenticate: Bearer\r\n"), Not(HasSubstr("s3cret"))));
  client.get("/json", "Authorization: Bearer s3cret\r\n");
  EXPECT_THAT(client.answer(), EndsWith("{}"));
  client.get("/healthz");
  EXPECT_THAT(client.answer(), EndsWith("fine\n"));
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  const auto server = a_server(patient());
  Client client(server->port());
  std::string requests;
  for (int i = 0; i < 40; ++i) requests += with_header("X: y") + "GET /json HTTP/1.1\r\nHost: test\r\n\r\n";
  ASSERT_TRUE(client.send(requests));
  for (int i = 0; i < 40; ++i) {
    ASSERT_THAT(client.answer(), EndsWith("fine\n"));
    ASSERT_THAT(client.answer(), EndsWith("{}"));
  }
}

TEST(Server, ClosesAConnectionAfterItsShareOfRequests) {
  Options options = patient();
  options.max_requests = 3;
  const auto server = a_server(options);
  Client client(server->port());
  for (int i = 0; i < 2; ++i) {
    client.get("/healthz");
    EXPECT_THAT(client.answer(), Not(HasSubstr("Connection: close")));
  }
  client.get("/healthz");
  EXPECT_THAT(client.answer(), HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(client.rest(), "");
}

// F95.
TEST(Server, AGigabyteOfBodyIsRefusedAndNotRead) {
  const auto server = a_server(patient());
  Client client(server->port());
  ASSERT_TRUE(client.send(with_header("Content-Length: 1073741824")));
  EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 413 "));
  const std::string part(1 << 20, 'x');
  int sent = 0;
  while (sent < 1024 && client.send(part)) ++sent;
  EXPECT_LT(sent, 64) << "MiB, most of it in the buffers of two sockets";
  EXPECT_THAT(fetch(*server, "/healthz"), EndsWith("fine\n"));
}

TEST(Server, WhoSaysNothingIsCutOff) {
  Options options = patient();
  options.read_timeout = 50ms;
  const auto server = a_server(options);
  EXPECT_EQ(Client(server->port()).rest(), "");
}

TEST(Server, WhoStopsInTheMiddleOfARequestIsCutOff) {
  Options options = patient();
  options.read_timeout = 50ms;
  const auto server = a_server(options);
  Client client(server->port());
  ASSERT_TRUE(client.send("GET /healthz HT"));
  EXPECT_THAT(client.rest(), AllOf(StartsWith("HTTP/1.1 408 "), HasSubstr("\r\nConnection: close\r\n")));
}

TEST(Server, WhoSendsAByteNowAndThenIsCutOff) {
  Options options = patient();
  options.read_timeout = 50ms;
  const auto server = a_server(options);
  Client client(server->port());
  ASSERT_TRUE(client.send("GET /healthz HTTP/1.1\r\nX-Slow: "));
  while (client.send("x")) std::this_thread::sleep_for(5ms);  // that it ends is the claim
  EXPECT_THAT(client.rest(), AnyOf("", StartsWith("HTTP/1.1 408 "))) << "what is sent after the end takes the answer along";
}

TEST(Server, AKeptConnectionMayRestOnlySoLong) {
  Options options = patient();
  options.idle_timeout = 50ms;
  const auto server = a_server(options);
  Client client(server->port());
  client.get("/healthz");
  EXPECT_THAT(client.answer(), EndsWith("fine\n"));
  EXPECT_EQ(client.rest(), "");
}

TEST(Server, ASlowReaderIsCutOffAndKeepsNobodyWaiting) {
  Options options = patient();
  options.write_timeout = 300ms;
  const auto server = a_server(options);
  Client slow(server->port());
  ASSERT_TRUE(slow.get("/large"));
  EXPECT_THAT(fetch(*server, "/healthz"), EndsWith("fine\n"));
  while (slow.send("x")) std::this_thread::sleep_for(10ms);  // until the server has closed
  EXPECT_LT(slow.rest().size(), kLargePage);
}

TEST(Server, TakesNoMoreRequestsOfAnAddressThanItsShare) {
  metrics::Registry registry;
  Options options = patient();
  options.requests_per_second = 0.001;  // and never fewer than one at once
  options.metrics = &registry;
  const auto server = a_server(options);
  EXPECT_THAT(fetch(*server, "/healthz"), StartsWith("HTTP/1.1 200 "));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(fetch(*server, "/healthz"), AllOf(StartsWith("HTTP/1.1 429 "), HasSubstr("\r\nRetry-After: 1\r\n"), HasSubstr("\r\nConnection: close\r\n")));
  EXPECT_THAT(registry.text(), HasSubstr("trailwarden_http_responses_total{code=\"429\"} 3\n"));
}

TEST(Server, WhatIsNoRequestCountsAsOne) {
  Options options = patient();
  options.requests_per_second = 0.001;
  const auto server = a_server(options);
  const auto sent = [&server](std::string_view bytes) {
    Client client(server->port());
    client.send(bytes);
    return client.rest();
  };
  EXPECT_THAT(sent("no request\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(fetch(*server, "/healthz"), StartsWith("HTTP/1.1 429 "));
  EXPECT_EQ(sent("no request\r\n\r\n"), "");
}

TEST(Server, TakesNoMoreConnectionsOfAnAddressThanItsShare) {
  Options options = patient();
  options.max_connections_per_address = 2;
  const auto server = a_server(options);
  std::vector<Client> held;
  for (int i = 0; i < 2; ++i) {
    held.emplace_back(server->port());
    held.back().get("/healthz");
    ASSERT_THAT(held.back().answer(), EndsWith("fine\n"));
  }
  EXPECT_THAT(fetch(*server, "/healthz"), AnyOf("", StartsWith("HTTP/1.1 503 ")));
  held.pop_back();
  while (!fetch(*server, "/healthz").starts_with("HTTP/1.1 200")) {}  // once the server has seen it leave
}

TEST(Server, ATokenThatIsReplacedHoldsFromThenOn) {
  std::atomic<int> generation = 1;
  Options options = patient();
  options.look_every = 5ms;
  options.token = [&generation]() -> Result<std::string> {
    if (generation == 0) return fail(ErrorCode::kNotFound, "nothing stands in it");
    return "s3cret-" + std::to_string(generation);
  };
  const auto server = a_server(options);
  Client client(server->port());
  const auto status = [&](const std::string& token) {
    client.get("/json", "Authorization: Bearer " + token + "\r\n");
    return client.answer().substr(9, 3);
  };
  EXPECT_EQ(status("s3cret-1"), "200");
  generation = 0;  // taken away: the last one stays
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(status("s3cret-1"), "200");
  EXPECT_EQ(status(""), "401");
  generation = 2;
  for (int i = 0; i < 80 && status("s3cret-2") != "200"; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(status("s3cret-2"), "200");
  EXPECT_EQ(status("s3cret-1"), "401");
}

TEST(Server, ATokenThatCannotBeReadAtTheStartIsAnError) {
  const auto server = Server::start({.listen = "127.0.0.1:0", .token = []() -> Result<std::string> { return fail(ErrorCode::kNotFound, "t: nothing stands in it"); }}, {});
  ASSERT_FALSE(server.has_value());
  EXPECT_EQ(server.error().message, "t: nothing stands in it");
}

double refused(const metrics::Registry& registry) {
  constexpr std::string_view kSeries = "\ntrailwarden_http_connections_refused_total ";
  const std::string text = registry.text();
  const std::size_t at = text.find(kSeries);
  return at == std::string::npos ? -1 : std::atof(text.c_str() + at + kSeries.size());
}

// F95.
TEST(Server, TenThousandConnectionsTakeNoMoreThanTheirShare) {
  metrics::Registry registry;
  Options options = patient();
  options.max_connections = 8;
  options.metrics = &registry;
  const auto server = a_server(options);
  EXPECT_EQ(refused(registry), 0);

  std::vector<Client> held;
  for (int i = 0; i < 8; ++i) {
    held.emplace_back(server->port());
    held.back().get("/healthz");
    ASSERT_THAT(held.back().answer(), EndsWith("fine\n"));
  }
  int answered = 0;
  for (int i = 0; i < 10'000; ++i) {
    Client client(server->port());
    const std::string answer = client.rest();
    ASSERT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << answer;
    if (!answer.empty()) ++answered;
  }
  EXPECT_GT(answered, 0);
  EXPECT_EQ(refused(registry), 10'000);
  for (Client& client : held) {
    client.get("/healthz");
    EXPECT_THAT(client.answer(), EndsWith("fine\n")) << "those inside are served as before";
  }
  held.clear();
  while (!fetch(*server, "/healthz").starts_with("HTTP/1.1 200")) {}  // room again, once the server has seen them leave
}

TEST(Server, ServesThreadsAtOnce) {
  const auto server = a_server(patient());
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      Client client(server->port());
      for (int i = 0; i < 50; ++i) {
        client.get(i % 2 ? "/healthz" : "/json");
        if (client.answer().ends_with(i % 2 ? "fine\n" : "{}")) ++good;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 400);
}

/// Lets this process open no more files than it has.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest_free);
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(lowest_free);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~NoMoreFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreFiles(const NoMoreFiles&) = delete;
  NoMoreFiles& operator=(const NoMoreFiles&) = delete;

 private:
  rlimit before_;
};

TEST(Server, OutOfFileDescriptorsItWaitsAndGoesOn) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "gcc's check of virtual tables takes a descriptor itself, and without one it takes every object for broken";
#endif
  const auto server = a_server(patient());
  Client client;
  {
    const NoMoreFiles limit;
    ASSERT_TRUE(client.connect(server->port()));  // into the backlog, from where it cannot be taken
    ASSERT_TRUE(client.get("/healthz"));
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_THAT(client.answer(), EndsWith("fine\n"));
}

TEST(Server, StopsThoughConnectionsAreOpen) {
  auto server = a_server(patient());
  Client idle(server->port()), half(server->port()), reading(server->port());
  idle.get("/healthz");
  EXPECT_THAT(idle.answer(), EndsWith("fine\n"));
  half.send("GET /hea");
  reading.get("/large");
  server.reset();
  EXPECT_EQ(idle.rest(), "");
  EXPECT_EQ(half.rest(), "");
  EXPECT_LT(reading.rest().size(), kLargePage);
}

TEST(Server, WaitsForThePageThatIsBeingMade) {
  std::promise<void> begun;
  std::atomic<bool> done = false;
  auto server = Server::start({.listen = "127.0.0.1:0"}, {{"/slow", [&] {
                                                            begun.set_value();
                                                            std::this_thread::sleep_for(50ms);
                                                            done = true;
                                                            return Response{};
                                                          }}});
  ASSERT_TRUE(server.has_value());
  Client client((*server)->port());
  client.get("/slow");
  begun.get_future().wait();
  server->reset();
  EXPECT_TRUE(done);
}

TEST(Server, APortInUseIsAnErrorThatSaysWhatToDo) {
  const auto server = a_server();
  const std::string address = "127.0.0.1:" + std::to_string(server->port());
  const auto second = Server::start({.listen = address}, {});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kIo);
  EXPECT_EQ(second.error().message, "listen on " + address + ": Address already in use; stop what listens there, or choose another port (0 takes any free one)");
}

TEST(Server, ItsPortIsFreeAtOnceWhenItEnds) {
  auto server = a_server(patient());
  const std::string address = "127.0.0.1:" + std::to_string(server->port());
  Client open(server->port());
  open.get("/healthz");
  open.answer();
  server.reset();
  EXPECT_TRUE(Server::start({.listen = address}, {}).has_value());
}

TEST(Server, ListensWhereItIsTold) {
  for (const char* address : {"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0", ":0"}) {
    const auto server = Server::start({.listen = address}, {{"/a", [] { return Response{}; }}});
    if (!server && std::string_view(address).starts_with('[')) continue;  // a machine without IPv6
    ASSERT_TRUE(server.has_value()) << address << ": " << server.error().message;
    if (std::string_view(address) == "[::1]:0") continue;  // the client speaks IPv4
    EXPECT_THAT(fetch(**server, "/a"), StartsWith("HTTP/1.1 200 OK")) << address;
  }
}

TEST(Server, WhatIsNoAddressIsRefused) {
  for (const char* address : {"", "9464", "localhost:9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x", "127.0.0.1:+80",
                              "::1:9464", "[::1]", "[127.0.0.1]:80", "[]:80", "256.0.0.1:80", "\n:80"}) {
    const auto server = Server::start({.listen = address}, {});
    ASSERT_FALSE(server.has_value()) << address;
    EXPECT_EQ(server.error().code, ErrorCode::kInvalidArgument) << address;
    EXPECT_THAT(server.error().message, HasSubstr("127.0.0.1:9464")) << "an example";
  }
}

}  // namespace
}  // namespace trailwarden::http
