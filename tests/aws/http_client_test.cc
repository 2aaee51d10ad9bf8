#include "aws/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "testing/fake_http_server.h"

namespace trailwarden::aws {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using testing::FakeAnswer;
using testing::FakeHttpServer;
using testing::FakeRequest;

TEST(HttpClient, SendsBytesAsTheyAre) {
  FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{.status = 201, .body = "answer", .headers = {{"X-Two", "second"}}}; });
  HttpClient client;
  const std::string body("a\0b\r\n", 5);
  const auto answer = client.send({.method = "PUT", .url = server.url() + "/a/../b%2F?x=1&y", .headers = {{"Host", "named"}, {"X-Empty", ""}}, .body = body});
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "answer");
  EXPECT_EQ(answer->headers.at("x-two"), "second");
  const auto request = server.requests().at(0);
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.target, "/a/../b%2F?x=1&y");
  EXPECT_EQ(request.body, body);
  EXPECT_EQ(request.headers.at("host"), "named");
  EXPECT_EQ(request.headers.at("x-empty"), "");
  EXPECT_FALSE(request.headers.contains("expect"));
  EXPECT_FALSE(request.headers.contains("content-type"));
}

TEST(HttpClient, AHeadHasNoBody) {
  FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{.headers = {{"Content-Length", "1000"}}}; });
  HttpClient client;
  const auto answer = client.send({.method = "HEAD", .url = server.url()});
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->headers.at("content-length"), "1000");
}

TEST(HttpClient, FollowsNobody) {
  FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{.status = 307, .headers = {{"Location", "http://127.0.0.1:1/"}}}; });
  HttpClient client;
  EXPECT_EQ(client.send({.url = server.url()})->status, 307);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST(HttpClient, AConnectionThatWasClosedIdleIsReplaced) {
  FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{}; });
  HttpClient client;
  for (int i = 0; i < 5; ++i) {
    const auto answer = client.send({.method = "PUT", .url = server.url(), .body = "x"});
    EXPECT_TRUE(answer.has_value()) << answer.error().message;
    server.close_connections();
  }
}

TEST(HttpClient, WhatIsSentOnceIsNotSentAgain) {
  std::atomic<int> puts = 0;
  FakeHttpServer server([&](const FakeRequest& request) { return FakeAnswer{.cut = request.method == "PUT" && ++puts == 2}; });
  HttpClient client;
  const auto put = [&](bool once) { return client.send({.method = "PUT", .url = server.url(), .body = "x", .once = once}); };
  ASSERT_TRUE(put(true).has_value());
  const auto cut = put(true);  // over the connection that was kept
  ASSERT_FALSE(cut.has_value());
  EXPECT_EQ(cut.error().code, "NoAnswer");
  EXPECT_EQ(server.requests().size(), 2u);
  ASSERT_TRUE(put(true).has_value());
  server.close_connections();
  EXPECT_TRUE(put(true).has_value());  // nothing of it had been sent
  EXPECT_EQ(server.requests().back().body, "x");
  puts = 1;
  EXPECT_TRUE(put(false).has_value());  // libcurl's own way
  EXPECT_EQ(server.requests().size(), 6u);
}

TEST(HttpClient, SaysWhyThereIsNoAnswer) {
  FakeHttpServer server([](const FakeRequest& request) -> FakeAnswer {
    if (request.target == "/slow") return {.delay = milliseconds{2'000}};
    if (request.target == "/cut") return {.cut = true};
    if (request.target == "/half") return {.body = std::string(1000, 'x'), .cut_after = 10};
    return {.body = std::string(1000, 'x')};
  });
  HttpClient client;
  const auto code_of = [&](const std::string& url) { return client.send({.url = url, .timeout = milliseconds{500}, .most_bytes = 999, .direct = true}).error().code; };
  EXPECT_EQ(code_of(server.url() + "/slow"), "Timeout");
  EXPECT_EQ(code_of(server.url() + "/cut"), "NoAnswer");
  EXPECT_EQ(code_of(server.url() + "/half"), "NoAnswer");
  EXPECT_EQ(code_of(server.url() + "/large"), "TooLarge");
  EXPECT_EQ(code_of("http://127.0.0.1:1/"), "NotConnected");
  EXPECT_EQ(code_of("http://no-such-name.invalid/"), "NameNotResolved");
  EXPECT_EQ(code_of("file:///etc/passwd"), "NoAnswer");
}

TEST(HttpClient, GivesUpAServerThatStandsStill) {
  FakeHttpServer server([](const FakeRequest&) -> FakeAnswer { return {.delay = milliseconds{60'000}}; });
  HttpClient client;
  const auto began = std::chrono::steady_clock::now();
  const auto answer = client.send({.url = server.url() + "/", .stall = std::chrono::seconds{1}, .direct = true});
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, "Timeout");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds{30}) << "long before the time limit of the request";
}

TEST(HttpClient, AFailureNeverTellsTheQuery) {
  HttpClient client;
  EXPECT_THAT(client.send({.url = "http://127.0.0.1:1/path?X-Amz-Security-Token=secret", .direct = true}).error().message, Not(HasSubstr("secret")));
}

TEST(HttpClient, ServesManyThreads) {
  FakeHttpServer server([](const FakeRequest& request) { return FakeAnswer{.body = request.body}; });
  HttpClient client;
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 20; ++j) {
        const std::string body = std::to_string(i * 100 + j);
        const auto answer = client.send({.method = "POST", .url = server.url(), .body = body});
        ASSERT_TRUE(answer.has_value()) << answer.error().message;
        EXPECT_EQ(answer->body, body);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace trailwarden::aws
