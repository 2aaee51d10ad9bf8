#include "stream/kafka_log.h"

#include <thread>

#include "integration/kafka_cluster.h"
#include "integration/kafka_fixture.h"

namespace trailwarden::testing {
namespace {

using stream::CommitResult;
using stream::KafkaLogOptions;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using Kind = KafkaLogOptions::StartFrom::Kind;

class KafkaLogTest : public KafkaTest {};

TEST_F(KafkaLogTest, WhatIsAppendedBecomesVisibleWithTheOffsets) {
  make_topic(input_);
  make_topic(output_);
  fill(input_, {"1", "2", "3"});
  Joined a = join(options());
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 3; })) << a.log->trouble();
  EXPECT_THAT(a.member->values, ElementsAre("1", "2", "3"));

  a.log->append(out("x"));
  a.log->append(out("y"));
  EXPECT_THAT(read_all(*a.log, output_), IsEmpty());
  EXPECT_EQ(a.member->commit("v1 checkpoint"), CommitResult::kCommitted);
  EXPECT_THAT(read_all(*a.log, output_), ElementsAre("x", "y"));
  EXPECT_EQ(a.log->counters().commits, 1u);
  a.member->commits_when_revoked = false;
  ASSERT_TRUE(a.log->leave(*a.member).has_value());
  EXPECT_EQ(a.member->times_revoked, 1);

  Joined b = join(options());
  ASSERT_TRUE(b.member->poll_until([&] { return b.member->times_assigned == 1; }));
  const stream::Assigned& assigned = b.member->assignments[{0, 0}];
  EXPECT_EQ(assigned.next_offset, 3);
  EXPECT_EQ(assigned.metadata, "v1 checkpoint");
}

TEST_F(KafkaLogTest, ARewindGivesOneCopy) {
  make_topic(input_);
  make_topic(output_);
  fill(input_, {"1", "2", "3", "4"});
  Joined a = join(options());
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 4; }));
  a.log->append(out("dropped"));
  const auto rewound = a.log->rewind();
  ASSERT_TRUE(rewound.has_value());
  ASSERT_THAT(*rewound, SizeIs(1));
  EXPECT_EQ(rewound->front().next_offset, 0);  // nothing was ever committed: where it began, not -1001

  a.member->values.clear();
  ASSERT_TRUE(a.member->poll().has_value());
  EXPECT_THAT(a.member->values, IsEmpty()) << "not started";
  a.log->start({0, 0});
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 4; }));
  EXPECT_THAT(a.member->values, ElementsAre("1", "2", "3", "4"));
  a.log->append(out("kept"));
  EXPECT_EQ(a.member->commit(), CommitResult::kCommitted);
  EXPECT_THAT(read_all(*a.log, output_), ElementsAre("kept"));
  EXPECT_EQ(a.log->counters().aborts.at("rewound"), 1u);
}

TEST_F(KafkaLogTest, MembersShareAndCommitWhatTheyGiveBack) {
  make_topic(input_, 2);
  make_topic(output_);
  Joined a = join(options("a"));
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->own.size() == 2; }));
  for (int i = 0; i < 20; ++i) fill(input_, {std::to_string(i)}, "key" + std::to_string(i));
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 20; }));
  a.log->append(out("by a"));

  Joined b = join(options("b"));
  ASSERT_TRUE(b.member->poll_until([&] {
    EXPECT_TRUE(a.member->poll(10ms).has_value());
    return a.member->own.size() == 1 && b.member->own.size() == 1;
  }));
  EXPECT_EQ(a.member->when_revoked, CommitResult::kCommitted);
  EXPECT_EQ(a.member->times_lost, 0);
  EXPECT_THAT(read_all(*a.log, output_), ElementsAre("by a"));
  EXPECT_THAT(b.member->values, IsEmpty()) << "everything was committed before";
  EXPECT_EQ(b.member->assignments[*b.member->own.begin()].next_offset, a.member->next[*b.member->own.begin()]);

  ASSERT_TRUE(a.log->leave(*a.member).has_value());
  ASSERT_TRUE(b.member->poll_until([&] { return b.member->own.size() == 2; }));
  EXPECT_THAT(b.member->values, IsEmpty());
}

TEST_F(KafkaLogTest, AMemberThatStoppedPollingMayNotCommit) {
  make_topic(input_, 2);
  make_topic(output_);
  fill(input_, {"1"});
  auto slow = options("a");
  slow.max_poll_interval = slow.session_timeout = 6s;
  Joined a = join(std::move(slow));
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 1; }));
  Joined b = join(options("b"));
  ASSERT_TRUE(b.member->poll_until([&] { return b.member->own.size() == 2; })) << "a said nothing for too long";
  ASSERT_TRUE(b.member->poll_until([&] { return b.member->values.size() == 1; }));

  a.log->append(out("of a zombie"));
  EXPECT_EQ(a.member->commit(), CommitResult::kRolledBack);
  EXPECT_EQ(a.log->counters().aborts.at("not_a_member"), 1u);
  b.log->append(out("of b"));
  EXPECT_EQ(b.member->commit(), CommitResult::kCommitted);
  EXPECT_THAT(read_all(*b.log, output_), ElementsAre("of b"));

  ASSERT_TRUE(a.log->rewind().has_value());
  ASSERT_TRUE(a.member->poll_until([&] {
    EXPECT_TRUE(b.member->poll(10ms).has_value());
    return a.member->own.size() == 1 && b.member->own.size() == 1;
  })) << "it joins again";
  EXPECT_EQ(a.member->times_lost, 1);
  EXPECT_EQ(a.member->times_revoked, 0);
  EXPECT_EQ(a.member->commit(), CommitResult::kCommitted);
}

TEST_F(KafkaLogTest, OfTwoStaticMembersOfOneNameTheOlderIsRefusedByTheGroup) {
  make_topic(input_);
  make_topic(output_);
  fill(input_, {"1"});
  auto first = options("a"), second = options("b");
  first.group_instance_id = second.group_instance_id = "one";
  Joined a = join(std::move(first));
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 1; }));
  Joined b = join(std::move(second));
  ASSERT_TRUE(b.member->poll_until([&] { return b.member->own.size() == 1; }));
  a.log->append(out("of the older"));
  EXPECT_EQ(a.member->commit(), CommitResult::kRolledBack);
  EXPECT_EQ(a.log->counters().aborts.count("fenced_instance_id") + a.log->counters().aborts.count("not_a_member"), 1u);
  EXPECT_THAT(read_all(*b.log, output_), IsEmpty());
}

TEST_F(KafkaLogTest, OfTwoWithOneTransactionalIdTheOlderIsFenced) {
  make_topic(input_, 2);
  make_topic(output_);
  Joined a = join(options());
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->own.size() == 2; }));
  a.log->append(out("of the older"));
  Joined b = join(options());
  ASSERT_TRUE(b.member->poll_until([&] { return a.member->poll(10ms), b.member->own.size() == 1; }));
  EXPECT_EQ(a.member->when_revoked, CommitResult::kFenced);
  EXPECT_EQ(a.log->commit({}).value(), CommitResult::kFenced);
  EXPECT_FALSE(a.member->poll().has_value());
  b.log->append(out("of the newer"));
  EXPECT_EQ(b.log->commit({}).value(), CommitResult::kCommitted);
  EXPECT_THAT(read_all(*b.log, output_), ElementsAre("of the newer"));
}

TEST_F(KafkaLogTest, ATransactionThatTookTooLongIsRolledBackAndNobodysFence) {
  make_topic(input_);
  make_topic(output_);
  fill(input_, {"1"});
  auto short_lived = options();
  short_lived.transaction_timeout = 2s;
  Joined a = join(std::move(short_lived));
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 1; }));
  a.log->append(out("too late"));
  a.log->append(out("too late too"));
  ASSERT_TRUE(a.member->poll(1ms).has_value());
  std::this_thread::sleep_for(5s);  // the timeout, and the second between two looks of the coordinator
  EXPECT_EQ(a.member->commit(), CommitResult::kRolledBack);
  ASSERT_TRUE(a.log->rewind().has_value());
  a.log->start({0, 0});
  a.log->append(out("in time"));
  EXPECT_EQ(a.member->commit(), CommitResult::kCommitted);
  EXPECT_THAT(read_all(*a.log, output_), ElementsAre("in time"));
}

// ---- where it begins

struct BeginCase {
  const char* name;
  Kind kind;
  std::optional<std::int64_t> begins;  // of five records, of which the first two are a second older
};

TEST_F(KafkaLogTest, WithoutACommitItBeginsWhereItWasTold) {
  make_topic(input_);
  fill(input_, {"1", "2"});
  std::this_thread::sleep_for(1s);
  const auto later = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) - 200ms;
  fill(input_, {"3", "4", "5"});
  for (const BeginCase& c : {BeginCase{"nobody said", Kind::kNobodySaid, std::nullopt}, BeginCase{"earliest", Kind::kEarliest, 0},
                             BeginCase{"latest", Kind::kLatest, 5}, BeginCase{"time", Kind::kTime, 2}}) {
    SCOPED_TRACE(c.name);
    auto options_of = options();
    options_of.group = name(c.name);
    options_of.transactional_id = name(c.name);
    options_of.start_from = {c.kind, later};
    Joined a = join(std::move(options_of));
    ASSERT_TRUE(a.member->poll_until([&] { return a.member->times_assigned == 1; }));
    const stream::Assigned& assigned = a.member->assignments[{0, 0}];
    EXPECT_EQ(assigned.next_offset, c.begins);
    EXPECT_EQ(assigned.trouble.empty(), c.begins.has_value());
    EXPECT_EQ(assigned.metadata, "");
    if (c.kind != Kind::kLatest) continue;
    fill(input_, {"6"});
    ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 1; }));
    const auto rewound = a.log->rewind();
    ASSERT_TRUE(rewound.has_value());
    EXPECT_EQ(rewound->front().next_offset, 5) << "the end as it was then";
  }
}

TEST_F(KafkaLogTest, AHoleIsAFaultOfItsPartition) {
  make_topic(input_, 2);
  for (int i = 0; i < 20; ++i) fill(input_, {std::to_string(i)}, "key" + std::to_string(i));
  Joined a = join(options());
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->values.size() == 20; }));
  a.member->next = {{{0, 0}, 1}, {{0, 1}, 1}};
  ASSERT_EQ(a.member->commit(), CommitResult::kCommitted);
  a.member->commits_when_revoked = false;
  ASSERT_TRUE(a.log->leave(*a.member).has_value());
  ASSERT_TRUE(Cluster(connection_.brokers).delete_records(input_, 0, 4));

  Joined b = join(options());
  ASSERT_TRUE(b.member->poll_until([&] { return !b.member->faults.empty() && b.member->caught_up.contains({0, 1}); }));
  EXPECT_THAT(b.member->faults, ElementsAre("offset_out_of_range"));
  EXPECT_EQ((b.member->next[{0, 0}]), 1) << "nothing is skipped";
}

TEST_F(KafkaLogTest, SaysWhereItsPartitionsEnd) {
  make_topic(input_);
  fill(input_, {"1", "2", "3"});
  Joined a = join(options());
  EXPECT_EQ(a.log->extent({0, 0}), std::nullopt);
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->caught_up.contains({0, 0}); }));
  EXPECT_EQ((a.member->caught_up[{0, 0}]), 3);
  EXPECT_EQ(a.log->extent({0, 0}), (stream::Extent{0, 3}));
  EXPECT_TRUE(a.member->polled.batch.messages.empty() || a.member->polled.batch.messages.back().append_time.has_value());
}

TEST_F(KafkaLogTest, TicksComeToEveryPartition) {
  const std::string second = name("in2"), ticks = name("ticks");
  make_topic(input_, 3);
  make_topic(second, 1);
  make_topic(ticks, 2);
  auto with_ticks = options();
  with_ticks.inputs = {input_, second};
  with_ticks.ticks_topic = ticks;
  fill(ticks, {"before we came"});
  Joined a = join(std::move(with_ticks));
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->own.size() == 4; }));
  ASSERT_TRUE(a.member->poll(1s).has_value());
  for (std::int32_t partition = 0; partition < 2; ++partition)
    a.log->append({.topic = ticks, .key = {}, .value = "{}", .headers = {}, .partition = partition});
  ASSERT_EQ(a.log->commit({}).value(), CommitResult::kCommitted);
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->ticks.size() >= 4; }));
  std::vector<stream::PartitionId> ticked;
  for (const auto& tick : a.member->ticks) ticked.push_back(tick.partition);
  EXPECT_THAT(ticked, UnorderedElementsAre(stream::PartitionId{0, 0}, stream::PartitionId{0, 1}, stream::PartitionId{0, 2}, stream::PartitionId{1, 0}));
  const auto age = std::chrono::system_clock::now() - a.member->ticks[0].time;
  EXPECT_LT(age, 10s);
}

// ---- reading

TEST_F(KafkaLogTest, AReaderEndsOverWhatIsNotVisible) {
  make_topic(input_);
  make_topic(output_);
  Joined a = join(options());
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->times_assigned == 1; }));
  EXPECT_THAT(read_all(*a.log, output_), IsEmpty());
  a.log->append(out("a"));  // 0, and the mark of its end 1
  ASSERT_EQ(a.log->commit({}).value(), CommitResult::kCommitted);
  for (int i = 0; i < 3; ++i) a.log->append(out("undone"));  // 2, 3, 4, 5
  ASSERT_TRUE(a.log->rewind().has_value());
  a.log->append(out("b"));  // somewhere behind
  ASSERT_EQ(a.log->commit({}).value(), CommitResult::kCommitted);
  a.log->append(out("undone"));
  ASSERT_TRUE(a.log->rewind().has_value());
  EXPECT_THAT(read_all(*a.log, output_), ElementsAre("a", "b"));
  EXPECT_THAT(read_all(*a.log, output_, 0, 0, 1), ElementsAre("a"));
  EXPECT_THAT(read_all(*a.log, output_, 0, 0, 2), ElementsAre("a")) << "its end is a mark";
  EXPECT_THAT(read_all(*a.log, output_, 0, 1), ElementsAre("b"));
  EXPECT_THAT(read_all(*a.log, output_, 0, 1, 1), IsEmpty());
}

TEST_F(KafkaLogTest, AReaderHandsOutKeysHeadersAndTombstones) {
  make_topic(input_);
  make_topic(output_);
  Joined a = join(options());
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->times_assigned == 1; }));
  a.log->append({.topic = output_, .key = "key", .value = "value", .headers = {{"detector", "root_use"}, {"empty", ""}}, .partition = 0});
  a.log->append({.topic = output_, .key = "key", .value = "", .headers = {}, .partition = 0, .has_value = false});
  a.log->append({.topic = output_, .key = "", .value = "", .headers = {}, .partition = 0});
  ASSERT_EQ(a.log->commit({}).value(), CommitResult::kCommitted);
  auto reader = a.log->read(output_, 0, 0, std::nullopt).value();
  stream::MessageBatch batch;
  std::size_t seen = 0;
  while (reader->read(1s, batch).value() || !batch.messages.empty()) {
    for (const auto& message : batch.messages) {
      EXPECT_EQ(message.origin, output_);
      EXPECT_TRUE(message.append_time.has_value());
      switch (seen++) {
        case 0:
          EXPECT_EQ(message.key, "key");
          EXPECT_EQ(message.value, "value");
          EXPECT_THAT(message.headers, ElementsAre(::testing::Pair("detector", "root_use"), ::testing::Pair("empty", "")));
          break;
        case 1:
          EXPECT_EQ(message.key, "key");
          EXPECT_FALSE(message.has_value);
          break;
        case 2:
          EXPECT_EQ(message.key, "");
          EXPECT_TRUE(message.has_value);
          EXPECT_EQ(message.value, "");
          break;
        default: ADD_FAILURE();
      }
    }
    batch.clear();
  }
  EXPECT_EQ(seen, 3u);
}

TEST_F(KafkaLogTest, WhatIsGoneIsNotFound) {
  const std::string compacted = name("compacted");
  make_topic(input_);
  make_topic(compacted, 1, {{"cleanup.policy", "compact,delete"}});
  fill(input_, {"1", "2", "3"});
  fill(compacted, {"1", "2", "3"});
  Joined a = join(options());
  Cluster cluster(connection_.brokers);
  ASSERT_TRUE(cluster.delete_records(input_, 0, 2));
  ASSERT_TRUE(cluster.delete_records(compacted, 0, 2));
  EXPECT_THAT(read_all(*a.log, compacted), ElementsAre("3")) << "what compaction left";
  EXPECT_THAT(read_all(*a.log, input_, 0, 2), ElementsAre("3"));
  const auto gone = a.log->read(input_, 0, 1, 3);
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().code, ErrorCode::kNotFound);
  const auto nowhere = a.log->read(name("nowhere"), 0, 0, std::nullopt);
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_EQ(nowhere.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(a.log->partitions(input_).value(), 1);
  EXPECT_EQ(a.log->partitions(name("nowhere")).error().code, ErrorCode::kNotFound);
}

TEST_F(KafkaLogTest, ADeletedInputIsTroubleAndItsPartitionsGo) {
  const std::string second = name("in2");
  make_topic(input_);
  make_topic(second);
  auto both = options();
  both.inputs = {input_, second};
  both.connection.properties = {{"topic.metadata.refresh.interval.ms", "1000"}};
  Joined a = join(std::move(both));
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->own.size() == 2; }));
  ASSERT_TRUE(Cluster(connection_.brokers).delete_topic(second));
  ASSERT_TRUE(a.member->poll_until([&] { return a.member->own.size() == 1; }));
  EXPECT_THAT(a.log->trouble(), ::testing::HasSubstr("there is no input topic " + second));
  fill(input_, {"goes on"});
  EXPECT_TRUE(a.member->poll_until([&] { return !a.member->values.empty(); }));
}

// ---- topics, and the writer

TEST_F(KafkaLogTest, TopicsAreMadeOnceAndChecked) {
  const std::vector<stream::TopicSpec> specs{{.name = input_, .partitions = 3, .replication = 1, .config = {{"cleanup.policy", "compact"}}},
                                             {.name = output_, .partitions = 2}};
  auto differences = stream::check_topics(connection_, specs);
  ASSERT_TRUE(differences.has_value()) << differences.error().message;
  EXPECT_THAT(*differences, ElementsAre(::testing::Field(&stream::TopicDifference::what, "topic"), ::testing::Field(&stream::TopicDifference::what, "topic")));
  EXPECT_THAT(stream::create_topics(connection_, specs).value(), UnorderedElementsAre(input_, output_));
  EXPECT_THAT(stream::create_topics(connection_, specs).value(), IsEmpty()) << "they are there";
  EXPECT_THAT(stream::check_topics(connection_, specs).value(), IsEmpty());
  const stream::TopicSpec other{.name = input_, .partitions = 4, .replication = 2, .config = {{"cleanup.policy", "delete"}, {"no.such", "1"}}};
  EXPECT_THAT(stream::check_topics(connection_, {&other, 1}).value(),
              UnorderedElementsAre(stream::TopicDifference{input_, "partitions", "4", "3"}, stream::TopicDifference{input_, "replication", "2", "1"},
                                   stream::TopicDifference{input_, "cleanup.policy", "delete", "compact"}, stream::TopicDifference{input_, "no.such", "1", ""}));
  const stream::TopicSpec wrong{.name = name("wrong"), .partitions = 1, .config = {{"cleanup.policy", "sometimes"}}};
  EXPECT_FALSE(stream::create_topics(connection_, {&wrong, 1}).has_value());
}

TEST_F(KafkaLogTest, TheWriterCountsWhatBecameOfItsMessages) {
  make_topic(input_, 4);
  auto writer = stream::KafkaWriter::create({.connection = connection_}).value();
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(writer->write(input_, "key" + std::to_string(i % 7), "value").has_value());
  ASSERT_TRUE(writer->flush(30s).has_value());
  EXPECT_EQ(writer->acknowledged(), 10'000u);
  EXPECT_EQ(writer->failed(), 0u);
  const auto refused = writer->write(input_, "key", std::string(2'000'000, 'x'));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
  Joined a = join(options());
  std::size_t all = 0;
  for (std::int32_t i = 0; i < 4; ++i) all += read_all(*a.log, input_, i).size();
  EXPECT_EQ(all, 10'000u);
}

}  // namespace
}  // namespace trailwarden::testing
