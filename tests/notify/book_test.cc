#include "notify/book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/hash.h"
#include "notify/alerts.h"

namespace trailwarden::notify {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::finding;
using testing::insight;

AppendTime at(int seconds) { return AppendTime{std::chrono::seconds{1'767'607'200 + seconds}}; }

class BookTest : public ::testing::Test {
 protected:
  NotifyConfig config;
  SinkConfig& sink(const std::string& name, SinkType type = SinkType::kWebhook) {
    config.sinks.push_back({.name = name, .type = type});
    return config.sinks.back();
  }
  /// Commits, and gives what is due then.
  static std::vector<Message> due(Book& book, AppendTime now) {
    (void)book.changes();
    book.committed();
    return book.due(now);
  }
  static std::vector<std::string> reasons(Book& book) {
    std::vector<std::string> out;
    for (const DeadLetter& dead : book.changes().dead) out.push_back(dead.reason);
    return out;
  }
  const Sent kLater{.outcome = Sent::Outcome::kLater, .why = "no", .not_before = std::nullopt};
};

TEST_F(BookTest, SendsNothingThatIsNotCommitted) {
  sink("a");
  Book book(config);
  book.take(0, finding("f-1"), at(0));
  EXPECT_THAT(book.due(at(0)), IsEmpty());
  const auto messages = due(book, at(0));
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].id, uuid_of_parts({"a", "f-1"}));
  EXPECT_THAT(book.due(at(0)), IsEmpty()) << "it is under way";
  book.settle("a", messages[0].id, {}, at(1));
  EXPECT_THAT(due(book, at(1)), IsEmpty());
}

TEST_F(BookTest, RoutesBySeverityDetectorAndAccount) {
  sink("a");
  sink("b");
  config.routes = {{.severity = event::Severity::kHigh, .sinks = {"a"}}, {.detectors = {"root_*"}, .accounts = {"1111*"}, .sinks = {"b"}}, {.detectors = {"iam_burst.root_login"}, .sinks = {"b"}}};
  Book book(config);
  const auto sinks = [&](const std::string& alert) {
    std::vector<std::string> names;
    book.take(0, alert, at(0));
    for (const Message& message : due(book, at(0))) {
      names.push_back(message.sink);
      book.settle(message.sink, message.id, {}, at(0));
    }
    return names;
  };
  EXPECT_THAT(sinks(finding("1", "root_use", "critical")), ElementsAre("a", "b"));
  EXPECT_THAT(sinks(finding("2", "root_use", "low")), ElementsAre("b"));
  EXPECT_THAT(sinks(finding("3", "root_use", "low", "999999999999")), IsEmpty());
  EXPECT_THAT(sinks(finding("4", "iam_burst", "low", "999999999999")), ElementsAre("b"));
  EXPECT_EQ(book.unrouted(), 1U);
}

TEST_F(BookTest, TriesAgainLaterAndLater) {
  sink("a").retry = {.first = 1s, .longest = 8s, .max_age = 24h};
  Book book(config);
  book.take(0, finding("f-1"), at(0));
  AppendTime now = at(0);
  std::vector<double> pauses;
  for (int i = 0; i < 6; ++i) {
    auto messages = due(book, now);
    const AppendTime failed = now;
    while (messages.empty()) {
      now += 100ms;
      messages = due(book, now);
    }
    if (i > 0) pauses.push_back(std::chrono::duration<double>(now - failed).count());
    book.settle("a", messages[0].id, kLater, now);
  }
  for (std::size_t i = 0; i < pauses.size(); ++i) {
    const double least = std::min(8.0, static_cast<double>(1U << i));
    EXPECT_GE(pauses[i], least - 0.1) << i;
    EXPECT_LE(pauses[i], least * 1.25 + 0.1) << i;
  }
}

TEST_F(BookTest, WaitsAsLongAsTheReceiverAsks) {
  sink("a");
  Book book(config);
  book.take(0, finding("f-1"), at(0));
  const auto messages = due(book, at(0));
  book.settle("a", messages[0].id, {.outcome = Sent::Outcome::kLater, .why = "429", .not_before = 90s}, at(0));
  EXPECT_THAT(due(book, at(89)), IsEmpty());
  EXPECT_THAT(due(book, at(90)), SizeIs(1));
}

TEST_F(BookTest, GivesUpWhatIsRefusedTooOldOrTriedTooOften) {
  sink("a").retry = {.first = 1s, .longest = 1s, .max_age = 60s, .max_attempts = 3};
  Book book(config);
  book.take(0, finding("f-1"), at(0));
  book.settle("a", due(book, at(0))[0].id, {.outcome = Sent::Outcome::kRefused, .why = "400"}, at(0));
  EXPECT_THAT(reasons(book), ElementsAre("refused"));
  book.take(0, finding("f-2"), at(0));
  book.settle("a", due(book, at(0))[0].id, kLater, at(61));
  EXPECT_THAT(reasons(book), ElementsAre("too_old"));
  book.take(0, finding("f-3"), at(100));
  for (int i = 0; i < 3; ++i) book.settle("a", due(book, at(100 + 5 * i)).at(0).id, kLater, at(100 + 5 * i));
  EXPECT_THAT(reasons(book), ElementsAre("attempts"));
  EXPECT_EQ(book.status().at("a").queue, 0U);
}

TEST_F(BookTest, ASinkThatFailsHoldsUpNoOther) {
  sink("dead").queue = 10;
  sink("fine");
  Book book(config);
  for (int i = 0; i < 20; ++i) book.take(0, finding("f-" + std::to_string(i)), at(0));
  EXPECT_EQ(book.status().at("dead").dead.at("queue_full"), 10U);
  int told = 0;
  for (int i = 0; i < 40; ++i)
    for (const Message& message : due(book, at(i))) {
      told += message.sink == "fine" ? 1 : 0;
      book.settle(message.sink, message.id, message.sink == "fine" ? Sent{} : kLater, at(i));
    }
  EXPECT_EQ(told, 20);
  EXPECT_EQ(book.status().at("dead").queue, 10U);
}

TEST_F(BookTest, GroupsWhatAgreesWithinAWindow) {
  sink("a").group = {{"detector", "account"}, 30s};
  Book book(config);
  for (int i = 0; i < 25; ++i) book.take(0, finding("f-" + std::to_string(i)), at(i));
  book.take(0, finding("other", "iam_burst"), at(5));
  book.advance(at(29));
  EXPECT_THAT(due(book, at(29)), IsEmpty());
  book.advance(at(35));
  const auto messages = due(book, at(35));
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].id, uuid_of_parts({"a", "group", "f-0"}));
  EXPECT_THAT(messages[0].alerts, SizeIs(Book::kMostAlerts));
  EXPECT_EQ(messages[0].more.total(), 5U);
  book.settle("a", messages[0].id, {}, at(35));
  EXPECT_EQ(due(book, at(35)).at(0).id, uuid_of_parts({"a", "group", "other"}));
}

TEST_F(BookTest, TellsOfAStormByNumber) {
  sink("a").rate = {3, 600s};
  Book book(config);
  for (int i = 0; i < 50; ++i) book.take(0, finding("f-" + std::to_string(i), i % 2 == 0 ? "root_use" : "insights"), at(i));
  std::vector<Message> told;
  for (int i = 50; i < 700; i += 10) {
    book.advance(at(i));
    for (const Message& message : due(book, at(i))) {
      told.push_back(message);
      book.settle("a", message.id, {}, at(i));
    }
  }
  ASSERT_THAT(told, SizeIs(4));
  const MessageView digest(told[3]);
  EXPECT_TRUE(digest.is_digest());
  EXPECT_EQ(told[3].id, uuid_of_parts({"a", "digest", uuid_of_parts({"a", "f-3"})}));
  EXPECT_EQ(digest.sentence, "47 more findings in the last 10 minutes: 24 of insights (high), 23 of root_use (high).");
  EXPECT_EQ(book.status().at("a").held, 47U);
  book.take(0, finding("later"), at(2'000));
  EXPECT_THAT(due(book, at(2'000)), SizeIs(1)) << "the next window";
}

TEST_F(BookTest, TheEndOfAnInsightGoesWhereItsStartWent) {
  sink("oncall", SinkType::kPagerDuty).rate = {1, 600s};
  sink("chat");
  config.routes = {{.severity = event::Severity::kMedium, .sinks = {"oncall", "chat"}}};
  Book book(config);
  book.take(0, insight("i-1", "pair", true), at(0));
  for (const Message& message : due(book, at(0))) book.settle(message.sink, message.id, {}, at(0));
  book.take(0, insight("i-2", "pair", false), at(10));
  const auto messages = due(book, at(10));
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].sink, "oncall") << "past the route and the rate limit";
  EXPECT_EQ(messages[0].began_as, event::Severity::kMedium);
  book.take(0, insight("i-3", "pair", false), at(20));
  EXPECT_THAT(due(book, at(20)), IsEmpty()) << "it has ended";
}

TEST_F(BookTest, DoesNotWaitForAClockThatWasSetBack) {
  sink("a").rate = {1, 600s};
  sink("b").group = {{"account"}, 30s};
  constexpr int kAhead = 10'000'000;
  Book book(config);
  for (int i = 0; i < 3; ++i) book.take(0, finding("f-" + std::to_string(i)), at(kAhead + i));
  const auto first = due(book, at(kAhead + 3));
  ASSERT_THAT(first, SizeIs(1));
  book.settle("a", first[0].id, kLater, at(kAhead + 3));
  book.advance(at(0));
  const auto messages = due(book, at(0));
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[0].id, first[0].id);
  EXPECT_THAT(messages[1].alerts, SizeIs(3));
  EXPECT_EQ(book.status().at("a").queue, 2U) << "the window is over, too";
}

TEST_F(BookTest, WhatIsNoAlertIsGivenUp) {
  sink("a");
  Book book(config);
  for (const char* odd : {"", "{}", "[1]", R"({"id":"x"})", R"({"id":7,"detail":{}})", R"({"id":"x","detail":{"records":[1]}})", R"({"id":"x","detail":{},"trailwarden":[]})"}) book.take(0, odd, at(0));
  EXPECT_THAT(reasons(book), AllOf(SizeIs(7), Each("unreadable")));
}

TEST_F(BookTest, CutsWhatIsLong) {
  sink("a");
  sink("b").group.by = {"account"};
  Book book(config);
  std::string large = finding("f-1");
  large.insert(large.find("}]}}"), R"(,"record":{"x":")" + std::string(300'000, 'x') + R"("})");
  book.take(0, large, at(0));
  book.advance(at(0), true);
  const auto messages = due(book, at(0));
  ASSERT_THAT(messages, SizeIs(2));
  for (const Message& message : messages) {
    EXPECT_LE(message.alerts.at(0).size(), message.sink == "a" ? Book::kMostBytes : Book::kMostBytesOfSeveral);
    EXPECT_THAT(message.alerts[0], HasSubstr("\"recordOmitted\":true"));
  }
}

TEST_F(BookTest, GoesOnFromWhatWasKept) {
  sink("a").group = {{"detector"}, 30s};
  sink("b").rate = {2, 60s};
  sink("c", SinkType::kPagerDuty);
  Book first(config);
  std::map<std::string, std::string> kept;
  const auto keep = [&](Book& book) {
    for (const auto& record : book.changes().records) {
      if (record.value) kept[record.name] = *record.value;
      else kept.erase(record.name);
    }
    book.committed();
  };
  for (int i = 0; i < 5; ++i) first.take(0, finding("f-" + std::to_string(i)), at(i));
  first.take(0, insight("i-1", "pair", true), at(6));
  keep(first);
  Book second(config);
  for (const auto& [name, value] : kept) ASSERT_TRUE(second.load(0, name, value).has_value()) << name;
  for (Book* book : {&first, &second}) {
    book->take(0, finding("f-9"), at(10));
    book->take(0, insight("i-2", "pair", false), at(11));
    book->advance(at(100));
  }
  keep(first);
  second.committed();
  for (int turn = 0; turn < 20; ++turn) {
    const auto one = first.due(at(200)), other = second.due(at(200));
    ASSERT_EQ(one, other);
    for (Book* book : {&first, &second})
      for (const Message& message : one) book->settle(message.sink, message.id, {}, at(200));
  }
}

TEST_F(BookTest, DamagedStateIsRefused) {
  sink("a");
  Book book(config);
  book.take(0, finding("f-1"), at(0));
  const auto record = book.changes().records.at(0);
  for (std::size_t size = 0; size < record.value->size(); ++size) EXPECT_FALSE(Book(config).load(0, record.name, std::string_view(*record.value).substr(0, size)).has_value()) << size;
  EXPECT_FALSE(Book(config).load(0, record.name, *record.value + "x").has_value());
  EXPECT_THAT(Book(config).load(0, record.name, "\2" + record.value->substr(1)).error().message, HasSubstr("a newer trailwarden wrote it"));
  EXPECT_FALSE(Book(config).load(0, "x/1", *record.value).has_value());
}

TEST_F(BookTest, WhatWaitsForASinkThatIsGoneIsGivenUp) {
  sink("a");
  Book before(config);
  before.take(0, finding("f-1"), at(0));
  const auto record = before.changes().records.at(0);
  config.sinks[0].name = "b";
  Book after(config);
  ASSERT_TRUE(after.load(0, record.name, *record.value).has_value());
  after.advance(at(1));
  const BookChanges changes = after.changes();
  ASSERT_THAT(changes.dead, SizeIs(1));
  EXPECT_EQ(changes.dead[0].reason, "no_sink");
  ASSERT_THAT(changes.records, SizeIs(1));
  EXPECT_FALSE(changes.records[0].value.has_value());
}

}  // namespace
}  // namespace trailwarden::notify
