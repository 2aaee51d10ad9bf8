// Sinks in their threads before a real server.

#include "notify/sink_threads.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/clocks.h"
#include "core/log.h"
#include "notify/alerts.h"
#include "notify/webhook.h"
#include "testing/fake_http_server.h"

namespace trailwarden::notify {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::FakeAnswer;
using testing::FakeHttpServer;
using testing::FakeRequest;

Message message_to(const std::string& sink, const std::string& id) { return {.id = id, .sink = sink, .alerts = {testing::finding(id)}}; }

SinkConfig webhook(const std::string& name, const std::string& url) { return {.name = name, .type = SinkType::kWebhook, .format = "alert", .url = url, .timeout = 2s}; }

/// Waits for so many results.
std::vector<Courier::Result> wait_for(SinkThreads& threads, std::size_t count) {
  std::vector<Courier::Result> out;
  for (int i = 0; i < 3'000 && out.size() < count; ++i) {
    for (Courier::Result& result : threads.results()) out.push_back(std::move(result));
    std::this_thread::sleep_for(10ms);
  }
  return out;
}

class SinkThreadsTest : public ::testing::Test {
 protected:
  void SetUp() override { log::set_level(log::Level::kOff); }
  std::unique_ptr<SinkThreads> open(const std::vector<SinkConfig>& configs) {
    std::map<std::string, std::unique_ptr<Sink>> sinks;
    for (const SinkConfig& config : configs) sinks[config.name] = open_sink(config).value();
    return std::make_unique<SinkThreads>(std::move(sinks), [this] { ++told; }, wall_clock);
  }
  std::atomic<int> told = 0;
};

TEST_F(SinkThreadsTest, SignsWhatItSendsUnderItsId) {
  ::setenv("NOTIFY_TEST_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1);
  ::setenv("NOTIFY_TEST_TOKEN", "Bearer t0ken", 1);
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{.status = 202}; });
  SinkConfig config = webhook("a", server.url() + "/hook");
  config.signing_secret.environment = "NOTIFY_TEST_SECRET";
  config.authorization.environment = "NOTIFY_TEST_TOKEN";
  const auto threads = open({config});
  threads->carry(message_to("a", "m-1"));
  const auto results = wait_for(*threads, 1);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].sent.outcome, Sent::Outcome::kDelivered) << results[0].sent.why;
  EXPECT_GE(told, 1);
  const FakeRequest request = server.requests().at(0);
  EXPECT_EQ(request.target, "/hook");
  EXPECT_EQ(request.headers.at("idempotency-key"), "m-1");
  EXPECT_EQ(request.headers.at("authorization"), "Bearer t0ken");
  const Timestamp time{std::chrono::seconds{std::stoll(request.headers.at("webhook-timestamp"))}};
  EXPECT_EQ(request.headers.at("webhook-signature"), webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "m-1", time, request.body).value());
}

TEST_F(SinkThreadsTest, OneThatHangsHoldsUpNoOther) {
  const FakeHttpServer slow([](const FakeRequest&) { return FakeAnswer{.delay = 60s}; });
  const FakeHttpServer fast([](const FakeRequest&) { return FakeAnswer{}; });
  SinkConfig hanging = webhook("slow", slow.url());
  hanging.timeout = 6s;
  const auto threads = open({hanging, webhook("fast", fast.url())});
  threads->carry(message_to("slow", "s-1"));
  for (int i = 0; i < 5; ++i) {
    threads->carry(message_to("fast", "f-" + std::to_string(i)));
    const auto results = wait_for(*threads, 1);
    ASSERT_EQ(results.size(), 1U);
    EXPECT_EQ(results[0].sink, "fast") << "the other has given up by now";
  }
  const auto late = wait_for(*threads, 1);
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late[0].sent.outcome, Sent::Outcome::kLater);
  EXPECT_THAT(late[0].sent.why, HasSubstr("imed out"));
}

TEST_F(SinkThreadsTest, EndsWhileOneHangs) {
  const FakeHttpServer slow([](const FakeRequest&) { return FakeAnswer{.delay = 60s}; });
  SinkConfig config = webhook("slow", slow.url());
  config.timeout = 60s;
  const auto threads = open({config});
  threads->carry(message_to("slow", "s-1"));
  std::this_thread::sleep_for(100ms);
  const auto begun = std::chrono::steady_clock::now();
  threads->end();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 30s);
  EXPECT_TRUE(threads->results().empty()) << "nobody knows what became of it";
}

TEST_F(SinkThreadsTest, NoSecretIsInWhatIsSaidOfAFailure) {
  const FakeHttpServer server([](const FakeRequest& request) { return FakeAnswer{.status = 404, .body = "no such place: " + request.target + " for " + request.headers.at("authorization"), .headers = {{"Retry-After", "17"}}}; });
  ::setenv("NOTIFY_TEST_URL", (server.url() + "/services/T000/B000/s3cretpath").c_str(), 1);
  ::setenv("NOTIFY_TEST_TOKEN", "Bearer t0ken", 1);
  SinkConfig config = webhook("a", "");
  config.url_source.environment = "NOTIFY_TEST_URL";
  config.authorization.environment = "NOTIFY_TEST_TOKEN";
  const std::atomic<bool> cancelled = false;
  const auto sink = open_sink(config).value();
  const Sent sent = sink->send(message_to("a", "m-1"), wall_clock(), cancelled);
  EXPECT_EQ(sent.outcome, Sent::Outcome::kLater);
  EXPECT_EQ(sent.not_before, 17s);
  EXPECT_THAT(sent.why, HasSubstr("status 404: no such place: *** for ***"));
  const FakeHttpServer talkative([](const FakeRequest& request) { return FakeAnswer{.status = 404, .body = std::string(295, '.') + request.headers.at("authorization")}; });
  ::setenv("NOTIFY_TEST_URL", talkative.url().c_str(), 1);
  EXPECT_THAT(sink->send(message_to("a", "m-1"), wall_clock(), cancelled).why, Not(HasSubstr("Bear"))) << "where the text is cut";
  const std::string preview = sink->preview(message_to("a", "m-1"), wall_clock());
  EXPECT_THAT(preview, HasSubstr("POST ***"));
  EXPECT_THAT(preview, Not(HasSubstr("t0ken")));
}

TEST_F(SinkThreadsTest, ASecretThatCannotBeReadIsToldAtTheStart) {
  SinkConfig config = webhook("a", "http://127.0.0.1/");
  config.signing_secret.environment = "NOTIFY_TEST_UNSET";
  const auto sink = open_sink(config);
  ASSERT_FALSE(sink.has_value());
  EXPECT_EQ(sink.error().message, "sink a: signing_secret: the environment variable NOTIFY_TEST_UNSET is not set, or empty");
}

}  // namespace
}  // namespace trailwarden::notify
