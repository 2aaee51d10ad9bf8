#include "aws/sqs_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <thread>

#include "testing/fake_http_server.h"

namespace trailwarden::aws {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::FakeAnswer;
using testing::FakeHttpServer;
using testing::FakeRequest;

/// A queue whose server answers as a test says.
struct Asked {
  explicit Asked(std::function<FakeAnswer(const FakeRequest&)> answer)
      : server(std::move(answer)), credentials(http, {.environment = [](const char* name) {
          const std::string_view asked(name);
          return std::string(asked == "AWS_ACCESS_KEY_ID" ? "AKIDEXAMPLE" : asked == "AWS_SECRET_ACCESS_KEY" ? "secret" : "");
        }}) {
    auto opened = SqsQueue::create({.url = server.url() + "/111122223333/objects", .region = "eu-west-1", .endpoint = {}}, http, credentials);
    EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().message);
    queue = std::move(*opened);
  }
  json body() const { return json::parse(server.requests().back().body); }

  FakeHttpServer server;
  HttpClient http;
  CredentialChain credentials;
  std::unique_ptr<SqsQueue> queue;
};

TEST(SqsQueue, ReceivesMessagesByTheJsonProtocol) {
  Asked asked([](const FakeRequest&) {
    return FakeAnswer{.body = R"({"Messages":[{"MessageId":"m1","ReceiptHandle":"h1","Body":"text","Attributes":{"SentTimestamp":"1772323200123"}},{"MessageId":"m2"}]})"};
  });
  const auto got = asked.queue->receive(1s, 300s);
  ASSERT_TRUE(got.has_value()) << got.error().message;
  ASSERT_EQ(got->size(), 1U);
  EXPECT_EQ(got->front().id, "m1");
  EXPECT_EQ(got->front().handle, "h1");
  EXPECT_EQ(got->front().body, "text");
  EXPECT_EQ(got->front().sent, AppendTime{1772323200123ms});
  const auto request = asked.server.requests().front();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/");
  EXPECT_EQ(request.headers.at("x-amz-target"), "AmazonSQS.ReceiveMessage");
  EXPECT_EQ(request.headers.at("content-type"), "application/x-amz-json-1.0");
  EXPECT_THAT(request.headers.at("authorization"), HasSubstr("/eu-west-1/sqs/aws4_request"));
  EXPECT_EQ(asked.body(), (json{{"QueueUrl", asked.server.url() + "/111122223333/objects"}, {"MaxNumberOfMessages", 10}, {"WaitTimeSeconds", 1}, {"VisibilityTimeout", 300},
                                {"MessageSystemAttributeNames", {"SentTimestamp"}}}));
}

TEST(SqsQueue, AnAnswerWithoutMessagesIsNone) {
  Asked asked([](const FakeRequest&) { return FakeAnswer{.body = "{}"}; });
  EXPECT_THAT(asked.queue->receive(1s, 300s).value(), IsEmpty());
}

TEST(SqsQueue, SaysWhichHandlesAreNotKnown) {
  Asked asked([](const FakeRequest&) {
    return FakeAnswer{.body = R"({"Successful":[{"Id":"0"}],"Failed":[{"Id":"1","SenderFault":true,"Code":"ReceiptHandleIsInvalid","Message":"no"}]})"};
  });
  EXPECT_THAT(asked.queue->remove(std::vector<std::string>{"a", "b"}).value(), ElementsAre(1U));
  EXPECT_EQ(asked.server.requests().back().headers.at("x-amz-target"), "AmazonSQS.DeleteMessageBatch");
  EXPECT_THAT(asked.queue->hide(std::vector<std::string>{"a", "b"}, 60s).value(), ElementsAre(1U));
  EXPECT_EQ(asked.body()["Entries"][1], (json{{"Id", "1"}, {"ReceiptHandle", "b"}, {"VisibilityTimeout", 60}}));
}

TEST(SqsQueue, WhatSqsFailedAtItselfIsAnError) {
  Asked asked([](const FakeRequest&) { return FakeAnswer{.body = R"({"Successful":[],"Failed":[{"Id":"0","SenderFault":false,"Code":"InternalError"}]})"}; });
  EXPECT_FALSE(asked.queue->remove(std::vector<std::string>{"a"}).has_value());
}

TEST(SqsQueue, ARefusalSaysWhatToDo) {
  Asked asked([](const FakeRequest&) { return FakeAnswer{.status = 400, .body = R"({"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."})"}; });
  const auto got = asked.queue->receive(1s, 300s);
  ASSERT_FALSE(got.has_value());
  EXPECT_THAT(got.error().message, HasSubstr("400 QueueDoesNotExist (The specified queue does not exist.); correct queue_url"));
  EXPECT_THAT(got.error().message, ::testing::Not(HasSubstr("secret")));
}

TEST(SqsQueue, AWaitThatIsInterruptedEndsSoon) {
  Asked asked([](const FakeRequest&) { return FakeAnswer{.body = "{}", .delay = 60s}; });
  const auto begin = std::chrono::steady_clock::now();
  std::thread other([&asked] {
    std::this_thread::sleep_for(200ms);
    asked.queue->interrupt();
  });
  EXPECT_TRUE(asked.queue->receive(20s, 300s).has_value());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 15s);
  other.join();
}

TEST(SqsQueue, SettingsThatCannotBeAreRefused) {
  HttpClient http;
  CredentialChain credentials(http, {});
  for (const SqsSettings& settings : {SqsSettings{.url = "sqs.eu-west-1.amazonaws.com/1/q", .region = "eu-west-1"}, SqsSettings{.url = "https://sqs.eu-west-1.amazonaws.com", .region = "eu-west-1"},
                                      SqsSettings{.url = "https://host/1/q", .region = ""}, SqsSettings{.url = "https://host/1/q", .region = "r", .endpoint = "host"}})
    EXPECT_FALSE(SqsQueue::create(settings, http, credentials).has_value()) << settings.url;
}

}  // namespace
}  // namespace trailwarden::aws
