#include "stream/kafka_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "stream/mock_kafka.h"

namespace trailwarden::stream {
namespace {

using namespace std::chrono_literals;
using testing::MockKafka;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// ---- settings

TEST(KafkaOptions, PropertiesThatExactlyOnceRestsOnAreRefused) {
  for (const char* const name :
       {"isolation.level", "enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset", "transactional.id", "enable.idempotence", "acks",
        "request.required.acks", "group.id", "partition.assignment.strategy", "enable.partition.eof", "max.in.flight", "max.in.flight.requests.per.connection",
        "bootstrap.servers", "security.protocol", "sasl.password", "ssl.ca.location", "message.timeout.ms", "partitioner", "error_cb"})
    EXPECT_TRUE(forbidden_property(name)) << name;
  for (const char* const name : {"socket.keepalive.enable", "fetch.wait.max.ms", "linger.ms", "test.mock.num.brokers", "debug"})
    EXPECT_FALSE(forbidden_property(name)) << name;
}

KafkaLogOptions some_options() {
  KafkaLogOptions options;
  options.connection.brokers = "127.0.0.1:1";
  options.group = "detector";
  options.inputs = {"in"};
  options.outputs = {"out"};
  options.transactional_id = "detector-1";
  options.start_from.kind = KafkaLogOptions::StartFrom::Kind::kEarliest;
  return options;
}

struct SettingCase {
  const char* name;
  std::function<void(KafkaLogOptions&)> change;
  const char* why;
};
void PrintTo(const SettingCase& c, std::ostream* out) { *out << c.name; }

class KafkaSettings : public ::testing::TestWithParam<SettingCase> {};

TEST_P(KafkaSettings, RefusesWithTheReason) {
  KafkaLogOptions options = some_options();
  GetParam().change(options);
  const auto log = KafkaLog::create(std::move(options));
  ASSERT_FALSE(log.has_value());
  EXPECT_EQ(log.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(log.error().message, HasSubstr(GetParam().why));
}

INSTANTIATE_TEST_SUITE_P(
    Table, KafkaSettings,
    ::testing::Values(SettingCase{"Forbidden", [](auto& o) { o.connection.properties = {{"acks", "0"}}; }, "acks may not be set"},
                      SettingCase{"Unknown", [](auto& o) { o.connection.properties = {{"no.such.thing", "1"}}; }, "No such configuration property"},
                      SettingCase{"BadValue", [](auto& o) { o.connection.properties = {{"linger.ms", "soon"}}; }, "linger.ms"},
                      SettingCase{"NoInput", [](auto& o) { o.inputs.clear(); }, "input"},
                      SettingCase{"NoGroup", [](auto& o) { o.group.clear(); }, "group"},
                      SettingCase{"NoCaFile",
                                  [](auto& o) {
                                    o.connection.security.protocol = KafkaSecurity::Protocol::kSsl;
                                    o.connection.security.ca_file = "/no/such/file.pem";
                                  },
                                  "file.pem"}),
    [](const auto& row) { return std::string(row.param.name); });

// ---- against librdkafka's mock cluster. It ignores isolation and throws transactional offsets away, so nothing here is about what is visible.

/// Starts what it is given, commits what it gives back.
class Recorder final : public Member {
 public:
  explicit Recorder(KafkaLog& log) : log_(log) {}
  void assigned(std::vector<Assigned> partitions) override {
    for (const Assigned& each : partitions) {
      own.insert(each.partition);
      if (each.next_offset) log_.start(each.partition);
    }
    ++times_assigned;
  }
  void revoked(std::span<const PartitionId> partitions) override {
    for (const auto id : partitions) own.erase(id);
    ++times_revoked;
  }
  void lost(std::span<const PartitionId> partitions) override {
    for (const auto id : partitions) own.erase(id);
    ++times_lost;
  }
  std::set<PartitionId> own;
  int times_assigned = 0, times_revoked = 0, times_lost = 0;

 private:
  KafkaLog& log_;
};

class KafkaLogOnMock : public ::testing::Test {
 protected:
  KafkaLogOnMock() : options_(some_options()) {
    mock_.create_topic("in", 2);
    mock_.create_topic("out", 1);
    options_.connection.brokers = mock_.brokers();
    options_.connection.properties = {{"reconnect.backoff.ms", "10"}};
    options_.transaction_timeout = 3s;
    options_.session_timeout = 6s;  // how long the mock's group waits for a member that is gone
  }

  void join() {
    log_ = KafkaLog::create(options_).value();
    member_ = std::make_unique<Recorder>(*log_);
    ASSERT_TRUE(poll_until([&] { return member_->own.size() == 2; })) << log_->trouble();
  }

  template <class Condition>
  bool poll_until(Condition is_true, std::chrono::milliseconds limit = 20s) {
    for (const auto end = std::chrono::steady_clock::now() + limit; std::chrono::steady_clock::now() < end;) {
      if (is_true()) return true;
      const auto done = log_->poll(50ms, polled_, *member_);
      for (const Message& message : polled_.batch.messages) values_.emplace_back(message.value);
      if (!done) {
        error_ = done.error();
        return false;
      }
    }
    return is_true();
  }

  Result<CommitResult> commit_something() {
    log_->append({.topic = "out", .key = "k", .value = "v", .headers = {{"a", "b"}}, .partition = {}});
    const Progress progress{{0, 0}, 1, "checkpoint"};
    return log_->commit({&progress, 1});
  }

  MockKafka mock_;
  KafkaLogOptions options_;
  std::unique_ptr<KafkaLog> log_;
  std::unique_ptr<Recorder> member_;
  Polled polled_;
  std::vector<std::string> values_;
  std::optional<Error> error_;
};

TEST_F(KafkaLogOnMock, ReadsItsPartitionsFromWhereTheyBegin) {
  mock_.fill("in", 0, {"1", "2", std::string(3 << 20, 'x'), "", "3"}, {{"message.max.bytes", "10000000"}});
  join();
  ASSERT_TRUE(poll_until([&] { return values_.size() == 5; }));
  EXPECT_THAT(values_, ElementsAre("1", "2", SizeIs(3 << 20), "", "3"));
  EXPECT_EQ(log_->counters().rebalances.at("assigned"), 1u);
  ASSERT_TRUE(log_->leave(*member_).has_value());
  EXPECT_EQ(member_->times_revoked, 1);
  EXPECT_FALSE(log_->poll(0ms, polled_, *member_).has_value());
}

TEST_F(KafkaLogOnMock, ATopicOfOurOwnBeginsWithAllItHoldsThoughNobodySaidSo) {
  mock_.fill("in", 0, {"1", "2"}, {});
  mock_.create_topic("ours", 1);
  mock_.fill("ours", 0, {"a", "b"}, {});
  options_.start_from = {};
  options_.inputs = {"in", "ours"};
  options_.own_inputs = {"ours"};
  log_ = KafkaLog::create(options_).value();
  member_ = std::make_unique<Recorder>(*log_);
  ASSERT_TRUE(poll_until([&] { return member_->own.size() == 3 && values_.size() == 2; })) << log_->trouble();
  EXPECT_THAT(values_, ElementsAre("a", "b"));
}

TEST_F(KafkaLogOnMock, ValuesHaveReadableBytesBehindThemAndLiveAsLongAsTheirBatch) {
  mock_.fill("in", 0, {"first"});
  join();
  ASSERT_TRUE(poll_until([&] { return !values_.empty(); }));
  const MessageBatch kept = polled_.batch;
  mock_.fill("in", 0, std::vector<std::string>(5'000, "other"));
  ASSERT_TRUE(poll_until([&] { return values_.size() == 5'001; }));
  ASSERT_THAT(kept.messages, SizeIs(1));
  EXPECT_EQ(kept.messages[0].value, "first");
  EXPECT_EQ(kept.messages[0].origin, "in");
  volatile char sum = 0;  // for the address sanitizer
  for (std::size_t i = 0; i < 64; ++i) sum = static_cast<char>(sum + kept.messages[0].value.data()[kept.messages[0].value.size() + i]);
}

TEST_F(KafkaLogOnMock, AStoppedPartitionIsSilentAndTheOthersGoOn) {
  join();
  mock_.fill("in", 0, {"a"});
  ASSERT_TRUE(poll_until([&] { return values_.size() == 1; }));
  log_->stop({0, 0});
  mock_.fill("in", 0, {"never"});
  mock_.fill("in", 1, {"b"});
  ASSERT_TRUE(poll_until([&] { return values_.size() == 2; }));
  EXPECT_FALSE(poll_until([&] { return values_.size() == 3; }, 500ms));
  EXPECT_THAT(values_, ElementsAre("a", "b"));
}

TEST_F(KafkaLogOnMock, ARewindBringsEverythingAgainOnceStarted) {
  mock_.fill("in", 0, {"1", "2"});
  mock_.fill("in", 1, {"3"});
  join();
  ASSERT_TRUE(poll_until([&] { return values_.size() == 3; }));
  values_.clear();
  const auto rewound = log_->rewind();
  ASSERT_TRUE(rewound.has_value());
  EXPECT_THAT(*rewound, SizeIs(2));
  EXPECT_FALSE(poll_until([&] { return !values_.empty(); }, 300ms));
  log_->start({0, 0});
  ASSERT_TRUE(poll_until([&] { return values_.size() == 2; }));
  EXPECT_FALSE(poll_until([&] { return values_.size() > 2; }, 300ms));
  log_->start({0, 1});
  ASSERT_TRUE(poll_until([&] { return values_.size() == 3; }));
  EXPECT_THAT(values_, ElementsAre("1", "2", "3"));
}

// ---- error classes of the transactional calls (F32, F33)

enum class Ends : std::uint8_t { kCommitted, kRolledBack, kRolledBackByNewProducer };

struct ErrorCase {
  const char* name;
  std::int16_t api;
  std::vector<rd_kafka_resp_err_t> errors;
  Ends ends;
};

const ErrorCase kErrorCases[] = {
    {"add partitions: another is ending", MockKafka::kAddPartitionsToTxn, std::vector(20, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS), Ends::kCommitted},
    {"add partitions: not allowed", MockKafka::kAddPartitionsToTxn, {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED}, Ends::kRolledBack},
    {"add offsets: another is ending", MockKafka::kAddOffsetsToTxn, {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS}, Ends::kCommitted},
    {"add offsets: not allowed", MockKafka::kAddOffsetsToTxn, {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED}, Ends::kRolledBack},
    {"offsets: old generation", MockKafka::kTxnOffsetCommit, {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION}, Ends::kRolledBack},
    {"offsets: unknown member", MockKafka::kTxnOffsetCommit, {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID}, Ends::kRolledBack},
    {"offsets: fenced instance", MockKafka::kTxnOffsetCommit, {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID}, Ends::kRolledBack},
    {"offsets: not allowed", MockKafka::kTxnOffsetCommit, {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED}, Ends::kRolledBack},
    {"offsets: loading", MockKafka::kTxnOffsetCommit, {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS}, Ends::kCommitted},
    {"offsets: disconnect", MockKafka::kTxnOffsetCommit, {RD_KAFKA_RESP_ERR__TRANSPORT}, Ends::kCommitted},
    {"produce: leader moves", MockKafka::kProduce, {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION}, Ends::kCommitted},
    {"produce: not enough replicas", MockKafka::kProduce, {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS}, Ends::kCommitted},
    {"produce: not allowed", MockKafka::kProduce, {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED}, Ends::kRolledBackByNewProducer},
    {"end: another is ending", MockKafka::kEndTxn, {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS}, Ends::kCommitted},
    {"end: coordinator gone", MockKafka::kEndTxn, {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE}, Ends::kCommitted},
    {"end: disconnect", MockKafka::kEndTxn, {RD_KAFKA_RESP_ERR__TRANSPORT}, Ends::kCommitted},
    {"end: wrong state", MockKafka::kEndTxn, {RD_KAFKA_RESP_ERR_INVALID_TXN_STATE}, Ends::kRolledBackByNewProducer},
};

std::uint64_t sum(const std::map<std::string, std::uint64_t>& counts) {
  std::uint64_t all = 0;
  for (const auto& [name, count] : counts) all += count;
  return all;
}

TEST_F(KafkaLogOnMock, ErrorsOfATransactionEndAsTheirClassSays) {
  join();
  ASSERT_EQ(commit_something().value(), CommitResult::kCommitted) << "the first one is left alone";
  for (const ErrorCase& c : kErrorCases) {
    SCOPED_TRACE(c.name);
    const std::uint64_t producers = sum(log_->counters().producer_rebuilds);
    mock_.push_errors(c.api, c.errors);
    const auto result = commit_something();
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_EQ(*result, c.ends == Ends::kCommitted ? CommitResult::kCommitted : CommitResult::kRolledBack);
    EXPECT_EQ(sum(log_->counters().producer_rebuilds) - producers, c.ends == Ends::kRolledBackByNewProducer ? 1u : 0u);
    if (*result == CommitResult::kRolledBack) {
      EXPECT_FALSE(log_->trouble().empty());
      EXPECT_EQ(commit_something().value(), CommitResult::kRolledBack) << "nothing counts before the rewind";
      const auto rewound = log_->rewind();
      ASSERT_TRUE(rewound.has_value()) << rewound.error().message;
      EXPECT_THAT(*rewound, SizeIs(2));
    }
    ASSERT_EQ(commit_something().value(), CommitResult::kCommitted) << "life goes on";
    poll_until([] { return false; }, 100ms);
    EXPECT_THAT(log_->trouble(), IsEmpty());
  }
}

struct FenceCase {
  const char* name;
  std::int16_t api;
  rd_kafka_resp_err_t error;
};
void PrintTo(const FenceCase& c, std::ostream* out) { *out << c.name; }

class TransactionFence : public KafkaLogOnMock, public ::testing::WithParamInterface<FenceCase> {};

TEST_P(TransactionFence, EndsTheMember) {
  join();
  mock_.push_errors(GetParam().api, {GetParam().error});
  EXPECT_EQ(commit_something().value(), CommitResult::kFenced);
  EXPECT_EQ(commit_something().value(), CommitResult::kFenced);
  const auto rewound = log_->rewind();
  ASSERT_FALSE(rewound.has_value());
  EXPECT_EQ(rewound.error().code, ErrorCode::kUnsupported);
  EXPECT_FALSE(log_->poll(0ms, polled_, *member_).has_value());
}

INSTANTIATE_TEST_SUITE_P(Table, TransactionFence,
                         ::testing::Values(FenceCase{"AtAddPartitions", MockKafka::kAddPartitionsToTxn, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH},
                                           FenceCase{"AtAddOffsets", MockKafka::kAddOffsetsToTxn, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH},
                                           FenceCase{"AtOffsets", MockKafka::kTxnOffsetCommit, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH},
                                           FenceCase{"AtTheEnd", MockKafka::kEndTxn, RD_KAFKA_RESP_ERR_PRODUCER_FENCED}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(KafkaLogOnMock, AMessageThatCanNeverBeWrittenIsAnError) {
  join();
  mock_.push_errors(MockKafka::kProduce, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  const auto refused = commit_something();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
  EXPECT_THAT(refused.error().message, HasSubstr("out"));

  ASSERT_TRUE(log_->rewind().has_value());
  log_->append({.topic = "out", .key = "k", .value = "v", .headers = {{"a", "b"}}, .partition = 7});
  const auto nowhere = log_->commit({});
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_EQ(nowhere.error().code, ErrorCode::kNotFound);
}

TEST_F(KafkaLogOnMock, AnEndWithoutAnAnswerTakesANewProducer) {
  join();
  ASSERT_EQ(commit_something().value(), CommitResult::kCommitted);
  mock_.delay_once(MockKafka::kEndTxn, 30s);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(commit_something().value(), CommitResult::kRolledBack);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
  EXPECT_EQ(log_->counters().producer_rebuilds.at("indefinite"), 1u);
  const auto rewound = log_->rewind();
  ASSERT_TRUE(rewound.has_value());
  EXPECT_THAT(*rewound, SizeIs(2));
  EXPECT_EQ(commit_something().value(), CommitResult::kCommitted);
}

TEST_F(KafkaLogOnMock, AFenceOfATransactionThatTookTooLongIsItsOwn) {
  options_.transaction_timeout = 1s;
  join();
  log_->append({.topic = "out", .key = "k", .value = "v", .headers = {}, .partition = {}});
  std::this_thread::sleep_for(1s);
  mock_.push_errors(MockKafka::kEndTxn, {RD_KAFKA_RESP_ERR_PRODUCER_FENCED});
  EXPECT_EQ(log_->commit({}).value(), CommitResult::kRolledBack);
  ASSERT_TRUE(log_->rewind().has_value());
  log_->append({.topic = "out", .key = "k", .value = "v", .headers = {}, .partition = {}});
  std::this_thread::sleep_for(1s);
  mock_.push_errors(MockKafka::kEndTxn, {RD_KAFKA_RESP_ERR_PRODUCER_FENCED});
  EXPECT_EQ(log_->commit({}).value(), CommitResult::kFenced) << "twice in a row it is a twin's";
}

TEST_F(KafkaLogOnMock, AProducerThatIsNotLetInYetWaits) {
  mock_.push_errors(MockKafka::kInitProducerId, {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED});
  join();
  EXPECT_EQ(commit_something().value(), CommitResult::kCommitted);
}

TEST_F(KafkaLogOnMock, SettingsThatTheClusterNeverTakesAreAnError) {
  mock_.push_errors(MockKafka::kInitProducerId, std::vector(50, RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT));
  log_ = KafkaLog::create(options_).value();
  member_ = std::make_unique<Recorder>(*log_);
  EXPECT_FALSE(poll_until([] { return false; }));
  ASSERT_TRUE(error_.has_value());
  EXPECT_EQ(error_->code, ErrorCode::kUnsupported);
}

TEST_F(KafkaLogOnMock, OffsetsThatCannotBeReadYetAreAskedForAgain) {
  mock_.push_errors(MockKafka::kOffsetFetch, std::vector(10, RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT));
  join();
  EXPECT_THAT(log_->trouble(), IsEmpty());
}

// ---- membership

TEST_F(KafkaLogOnMock, AConsumerThatCannotGoOnIsReplaced) {
  options_.group_instance_id = "one";
  join();
  ASSERT_EQ(commit_something().value(), CommitResult::kCommitted);
  mock_.push_errors(MockKafka::kHeartbeat, {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID});
  ASSERT_TRUE(poll_until([&] { return member_->times_lost == 1; }));
  EXPECT_THAT(member_->own, IsEmpty());
  EXPECT_EQ(log_->counters().consumer_rebuilds.at("fenced_instance_id"), 1u);
  ASSERT_TRUE(poll_until([&] { return member_->own.size() == 2; })) << log_->trouble();
  EXPECT_EQ(commit_something().value(), CommitResult::kCommitted);
}

TEST_F(KafkaLogOnMock, AMemberThatWasThrownOutDoesNotCommit) {
  join();
  mock_.push_errors(MockKafka::kHeartbeat, {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID});
  ASSERT_TRUE(mock_.wait_until_taken(MockKafka::kHeartbeat));
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(commit_something().value(), CommitResult::kRolledBack);
  EXPECT_EQ(log_->counters().aborts.at("not_a_member"), 1u);
  EXPECT_EQ(member_->times_lost, 0) << "it hears of it in a poll";
  ASSERT_TRUE(log_->rewind().has_value());
  ASSERT_TRUE(poll_until([&] { return member_->times_lost == 1; })) << "even after a rewind";
  ASSERT_TRUE(poll_until([&] { return member_->own.size() == 2; }));
  EXPECT_EQ(commit_something().value(), CommitResult::kCommitted);
}

TEST_F(KafkaLogOnMock, TroubleComesAndGoesWithTheBrokers) {
  join();
  EXPECT_THAT(log_->trouble(), IsEmpty());
  mock_.set_down(true);
  ASSERT_TRUE(poll_until([&] { return !log_->trouble().empty(); }));
  EXPECT_THAT(log_->trouble(), HasSubstr("since"));
  mock_.set_down(false);
  EXPECT_TRUE(poll_until([&] { return log_->trouble().empty(); })) << log_->trouble();
}

TEST_F(KafkaLogOnMock, ATokenIsFetchedWhileNobodyPolls) {
  std::atomic<int> asked{0};
  options_.connection.security.protocol = KafkaSecurity::Protocol::kSaslPlaintext;
  options_.connection.security.mechanism = KafkaSecurity::Mechanism::kOauthbearer;
  options_.connection.security.token = [&]() -> Result<KafkaToken> {
    if (++asked == 1) return fail(ErrorCode::kIo, "not yet");
    return KafkaToken{"token", std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) + 1h, "us"};
  };
  log_ = KafkaLog::create(options_).value();
  for (int i = 0; i < 300 && asked < 1; ++i) std::this_thread::sleep_for(50ms);
  EXPECT_GE(asked, 1);
  log_.reset();  // its threads use what is of this function
}

TEST_F(KafkaLogOnMock, StatisticsOfBothClientsAreHandedOn) {
  std::set<std::string> types;
  options_.connection.properties.emplace_back("statistics.interval.ms", "50");
  options_.connection.on_statistics = [&](std::string_view json) {
    for (const std::string type : {"consumer", "producer"})
      if (json.find("\"type\": \"" + type + "\"") != std::string_view::npos) types.insert(type);
  };
  join();
  EXPECT_TRUE(poll_until([&] { return types.size() == 2; }));
}

TEST_F(KafkaLogOnMock, WakeEndsAWaitingPoll) {
  join();
  poll_until([] { return false; }, 300ms);
  std::thread other([&] {
    std::this_thread::sleep_for(200ms);
    log_->wake();
  });
  const auto began = std::chrono::steady_clock::now();
  EXPECT_TRUE(log_->poll(20s, polled_, *member_).has_value());
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
  other.join();
}

TEST_F(KafkaLogOnMock, LeavingIsBoundedWithBrokersGone) {
  join();
  log_->append({.topic = "out", .key = "k", .value = "v", .headers = {}, .partition = {}});
  mock_.set_down(true);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_TRUE(log_->leave(*member_).has_value());
  log_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 15s);
}

}  // namespace
}  // namespace trailwarden::stream
