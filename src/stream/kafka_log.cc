#include "stream/kafka_log.h"

#include <algorithm>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "core/check.h"
#include "core/log.h"
#include "stream/kafka_consumer.h"
#include "stream/kafka_intake.h"
#include "stream/kafka_query.h"
#include "stream/kafka_reader.h"
#include "stream/kafka_settings.h"
#include "stream/kafka_start_offsets.h"
#include "stream/kafka_transactions.h"

namespace trailwarden::stream {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::size_t kMessagesAtMost = 1'024, kBytesAtMost = kafka::BatchFiller::kBufferBytes;
constexpr auto kPatience = 30s;        // of calls that have to have an answer
constexpr auto kAsk = 1s;              // of those that are made again soon
constexpr auto kSlice = 100ms;         // of a wait for the cluster, so that `wake` is heard
constexpr auto kCountHolds = 10s;      // how long the number of a topic's partitions is believed
constexpr auto kLookInterval = 1s;     // at brokers that were in trouble
constexpr auto kLook = 200ms;
constexpr auto kClose = 5s;
constexpr auto kLongestPause = 10'000ms;
constexpr std::size_t kMetadataAtMost = 4'000;

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

milliseconds left(std::chrono::steady_clock::time_point end) {
  return std::max(std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now()), 0ms);
}

}  // namespace

// ---- making one

KafkaLog::KafkaLog(Options options)
    : options_(std::move(options)),
      trouble_(std::make_unique<kafka::Trouble>()),
      table_(std::make_unique<kafka::PartitionTable>()),
      start_offsets_(std::make_unique<kafka::StartOffsets>(options_)),
      intake_(std::make_unique<kafka::Intake>(options_, *table_, *trouble_)),
      transactions_(std::make_unique<kafka::Transactions>(options_, *trouble_, counters_)) {}

Result<std::unique_ptr<KafkaLog>> KafkaLog::create(Options options) {
  if (options.inputs.empty()) return fail(ErrorCode::kInvalidArgument, "Kafka: no input topic");
  if (options.group.empty() || options.transactional_id.empty()) return fail(ErrorCode::kInvalidArgument, "Kafka: a group and a transactional id are needed");
  if (auto settings = kafka::transaction_settings(options); !settings) return fail(std::move(settings).error());
  std::unique_ptr<KafkaLog> made(new KafkaLog(std::move(options)));
  auto consumer = kafka::GroupConsumer::create(made->options_, *made->trouble_);
  if (!consumer) return fail(std::move(consumer).error());
  made->consumer_ = std::move(*consumer);
  return made;
}

KafkaLog::~KafkaLog() = default;

bool KafkaLog::fenced() const { return transactions_->fenced(); }

Result<void> KafkaLog::cannot_go_on() const {
  if (left_) return fail(ErrorCode::kInvalidArgument, fmt::format("this member has left group {}", options_.group));
  if (transactions_->fenced())
    return fail(ErrorCode::kUnsupported, fmt::format("somebody else is at work under the transactional id {}", options_.transactional_id));
  return {};
}

// ---- membership

Result<void> KafkaLog::poll(milliseconds wait, Polled& polled, Member& member) {
  polled.clear();
  if (auto fine = cannot_go_on(); !fine) return fine;
  const auto end = Clock::now() + wait;
  // What was noticed in the poll before comes first: until it is acted on the group waits.
  if (act_on_rebalance(member)) return {};
  transactions_->serve();
  look_after_brokers();
  while (true) {
    if (auto prepared = transactions_->prepare(std::min(left(end), milliseconds{kSlice})); !prepared) return prepared;
    if (consumer_->fatal()) return renew_consumer(member);
    if (transactions_->ready()) {
      if (auto joined = join(); !joined) return joined;
      if (promised_ && keep_promise(member)) return {};
    }
    collect(std::min(left(end), transactions_->ready() && !promised_ ? milliseconds::max() : milliseconds{kSlice}), polled);
    if (consumer_->misses_topic()) intake_->doubt_topics();
    intake_->confirm_topics(consumer_->client(), polled);
    if (!polled.empty()) return {};  // a rebalance that ended it comes next: the member first takes what is its own
    if (act_on_rebalance(member) || woken_.exchange(false) || Clock::now() >= end) return {};
  }
}

/// Not before our epoch is taken: nobody is to wait for us until then, and what an earlier life of ours has open would hold up our offsets.
Result<void> KafkaLog::join() {
  if (subscribed_) return {};
  subscribed_ = true;
  return consumer_->subscribe();
}

/// A consumer that cannot go on is replaced (R14): FENCED_INSTANCE_ID alone does not prove a twin.
Result<void> KafkaLog::renew_consumer(Member& member) {
  const auto error = consumer_->fatal();
  if (consumer_pause_ > 0ms && Clock::now() < consumer_made_ + consumer_pause_) {
    sleep(std::min(consumer_pause_, milliseconds{100}));
    return {};
  }
  const std::string reason = kafka::reason_of(error->code);
  log::warn("kafka.consumer_replaced", {{"reason", reason}, {"detail", error->text}});
  ++counters_.consumer_rebuilds[reason];
  take_away(true, member);
  consumer_->close(1s);
  auto made = kafka::GroupConsumer::create(options_, *trouble_);
  if (!made) return fail(std::move(made).error());
  {
    const std::lock_guard lock(consumer_mutex_);
    std::swap(consumer_, *made);  // the old one ends after it
  }
  const bool soon = Clock::now() - consumer_made_ < std::chrono::minutes{1};
  consumer_pause_ = soon ? std::clamp(consumer_pause_ * 2, milliseconds{500}, milliseconds{kLongestPause}) : 0ms;
  consumer_made_ = Clock::now();
  subscribed_ = false;
  return {};
}

/// True if the member was told something.
bool KafkaLog::act_on_rebalance(Member& member) {
  const auto rebalance = consumer_->rebalance();
  if (!rebalance) return false;
  if (!rebalance->taken) {
    // What is given is taken at once, with nothing to read: finding the offsets may take longer than the group waits.
    promised_ = rebalance->partitions;
    generation_ = consumer_->membership().identity;
    if (auto done = consumer_->assign({}); !done) trouble_->say("group", done.error().message);
    return false;
  }
  // The library forgets that it was thrown out when that happens while it waits for us, or when we assign.
  take_away(rebalance->lost || consumer_->membership().identity != generation_, member);
  if (auto done = consumer_->unassign(); !done) trouble_->say("group", done.error().message);
  return true;
}

void KafkaLog::take_away(bool lost, Member& member) {
  const std::vector<PartitionId> ids = table_->ids();
  ++counters_.rebalances[lost ? "lost" : "revoked"];
  log::info("kafka.partitions_taken", {{"partitions", static_cast<std::uint64_t>(ids.size())}, {"lost", lost}});
  if (!ids.empty()) lost ? member.lost(ids) : member.revoked(ids);
  // What is left of partitions that are gone must not become visible with what comes after: the next generation would not fence it.
  transactions_->abort(lost ? "lost" : "revoked");
  table_->clear();
  promised_.reset();
}

/// True if the member was told.
bool KafkaLog::keep_promise(Member& member) {
  auto placed = place(*promised_, kAsk);
  if (!placed) {
    trouble_->say("group", placed.error().message);
    return false;
  }
  trouble_->heal("group");
  ++counters_.rebalances["assigned"];
  log::info("kafka.partitions_given", {{"partitions", static_cast<std::uint64_t>(placed->size())}});
  member.assigned(std::move(*placed));
  return true;
}

/// Reads where these begin and puts the consumer there. After it nothing is promised or in doubt any more.
Result<std::vector<Assigned>> KafkaLog::place(const std::vector<PartitionId>& partitions, milliseconds limit) {
  auto resolved = start_offsets_->resolve(consumer_->client(), partitions, limit);
  if (!resolved) return resolved;
  const auto ticks = count_tick_partitions();
  if (!ticks) return fail(ticks.error());
  look_for_inputs();
  std::vector<kafka::GroupConsumer::Begin> begins;
  std::set<std::int32_t> tick_partitions;
  for (const Assigned& each : *resolved) {
    if (!each.next_offset) continue;
    begins.push_back({options_.inputs[each.partition.topic], each.partition.number, *each.next_offset});
    if (*ticks > 0) tick_partitions.insert(each.partition.number % *ticks);
  }
  // Of these the group knows nothing: they are told to partitions, not shared out among members.
  for (const std::int32_t partition : tick_partitions) begins.push_back({options_.ticks_topic, partition, RD_KAFKA_OFFSET_END, false});
  if (auto assigned = consumer_->assign(begins); !assigned) return fail(std::move(assigned).error());
  table_->assign(*resolved);
  intake_->set_tick_partitions(*ticks);
  promised_.reset();
  rolled_back_ = false;
  return resolved;
}

/// 0 if there are none, or no such topic.
Result<std::int32_t> KafkaLog::count_tick_partitions() {
  if (options_.ticks_topic.empty()) return 0;
  auto count = kafka::count_partitions(consumer_->client(), options_.ticks_topic, kAsk);
  const bool missing = !count && count.error().code == ErrorCode::kNotFound;
  missing ? trouble_->say("ticks", count.error().message) : trouble_->heal("ticks");
  return missing ? Result<std::int32_t>(0) : count;
}

/// The group shares out what there is, and says nothing of a topic that there is not.
void KafkaLog::look_for_inputs() {
  std::string missing;
  for (const std::string& topic : options_.inputs) {
    const auto count = kafka::count_partitions(consumer_->client(), topic, kAsk);
    if (!count && count.error().code == ErrorCode::kNotFound) missing += (missing.empty() ? "" : ", ") + topic;
  }
  missing.empty() ? trouble_->heal("topics") : trouble_->say("topics", "there is no input topic " + missing);
}

Result<void> KafkaLog::leave(Member& member) {
  if (left_) return cannot_go_on();
  act_on_rebalance(member);
  if (!table_->ids().empty()) take_away(consumer_->fatal().has_value(), member);
  left_ = true;
  transactions_->close(kClose / 2);
  consumer_->close(kClose);
  return {};
}

// ---- messages

void KafkaLog::collect(milliseconds wait, Polled& polled) {
  intake_->begin();
  while (polled.batch.messages.size() < kMessagesAtMost && polled.batch.source_bytes < kBytesAtMost) {
    const kafka::MessageHandle message = consumer_->poll(polled.empty() ? wait : 0ms);
    if (!message) return;
    intake_->take(*message, polled);
    wait = 0ms;
  }
}

void KafkaLog::start(PartitionId partition) {
  table_->start(partition);
  consumer_->resume(options_.inputs[partition.topic], partition.number);
}

void KafkaLog::stop(PartitionId partition) {
  if (table_->stop(partition)) consumer_->pause(options_.inputs[partition.topic], partition.number);
}

// ---- transactions

void KafkaLog::append(Outgoing message) {
  if (rolled_back_ || left_) return;
  message.topic = name_of(message.topic);
  transactions_->append(message);
}

Result<CommitResult> KafkaLog::commit(std::span<const Progress> progress) {
  for (const Progress& each : progress) {
    TRAILWARDEN_CHECK(table_->holds(each.partition), "only assigned partitions are committed");
    TRAILWARDEN_CHECK(each.next_offset >= 0 && each.metadata.size() <= kMetadataAtMost && is_printable(each.metadata), "progress is as Kafka takes it");
  }
  if (transactions_->fenced()) return CommitResult::kFenced;
  if (rolled_back_) return CommitResult::kRolledBack;
  if (!transactions_->ready()) return roll_back("no_producer");
  if (progress.empty() && !transactions_->has_work() && !transactions_->has_failed()) return CommitResult::kCommitted;
  // Read immediately before the offsets are sent: the library rejoins behind our back. A member that was thrown out must not even ask, for without a
  // generation the coordinator takes offsets from anybody (1.6).
  const auto membership = consumer_->membership();
  if (!progress.empty() && (generation_.empty() || membership.identity != generation_)) return roll_back("not_a_member");
  auto result = transactions_->commit(progress, membership.metadata.get());
  rolled_back_ = !result || *result == CommitResult::kRolledBack;
  if (!result) return result;
  rollbacks_in_a_row_ = rolled_back_ ? rollbacks_in_a_row_ + 1 : 0;
  return result;
}

CommitResult KafkaLog::roll_back(const std::string& reason) {
  transactions_->abort(reason);
  rolled_back_ = true;
  ++rollbacks_in_a_row_;
  return CommitResult::kRolledBack;
}

Result<std::vector<Assigned>> KafkaLog::rewind() {
  if (auto fine = cannot_go_on(); !fine) return fail(std::move(fine).error());
  pause_between_rollbacks();
  const auto end = Clock::now() + kPatience;
  transactions_->abort("rewound");
  while (!transactions_->ready() && Clock::now() < end) {
    if (auto prepared = transactions_->prepare(500ms); !prepared) return fail(std::move(prepared).error());
  }
  rolled_back_ = false;
  std::vector<PartitionId> ids = promised_ ? *promised_ : table_->ids();
  table_->clear();
  if (consumer_->fatal() || ids.empty()) {
    promised_.reset();
    return std::vector<Assigned>{};  // new ones come with a poll
  }
  promised_ = std::move(ids);
  if (transactions_->ready()) {
    auto placed = place(*promised_, left(end));
    if (placed) return placed;
    trouble_->say("group", placed.error().message);
  }
  // It takes too long. What the group gave us stays promised, and comes with a poll as if it were given anew.
  if (auto done = consumer_->assign({}); !done) trouble_->say("group", done.error().message);
  return std::vector<Assigned>{};
}

/// So that a refusal that stays (a right that was taken away) does not become a storm of aborts.
void KafkaLog::pause_between_rollbacks() {
  if (rollbacks_in_a_row_ > 1) sleep(std::min(milliseconds{50} * (1 << std::min(rollbacks_in_a_row_, 8)), milliseconds{kLongestPause}));
}

// ---- looking

/// What the cluster calls it: inputs have names of their own, whatever those are.
std::string KafkaLog::name_of(std::string_view topic) const {
  const bool is_input = std::ranges::find(options_.inputs, topic) != options_.inputs.end();
  return is_input ? std::string(topic) : topic_name(topic, options_.topic_prefix);
}

Result<std::int32_t> KafkaLog::partitions(std::string_view topic) {
  const auto known = counts_.find(topic);
  if (known != counts_.end() && Clock::now() - known->second.asked < kCountHolds) return known->second.partitions;
  const std::string name = name_of(topic);
  auto count = kafka::count_partitions(consumer_->client(), name, kPatience);
  if (!count) return fail(explained(std::move(count).error()));
  counts_[std::string(topic)] = {*count, Clock::now()};
  return count;
}

/// The same error, with what hinders us if that is known. Before it is a member, nobody else lets the client speak.
Error KafkaLog::explained(Error error) {
  if (!subscribed_) consumer_->poll(0ms);
  if (const std::string trouble = trouble_->text(); !trouble.empty()) error.message.append(": ").append(trouble);
  return error;
}

std::optional<Extent> KafkaLog::extent(PartitionId partition) const {
  Extent extent;
  const auto error = rd_kafka_get_watermark_offsets(consumer_->client(), options_.inputs[partition.topic].c_str(), partition.number, &extent.begin, &extent.end);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR || extent.begin < 0 || extent.end < 0) return std::nullopt;
  // The high watermark counts what open transactions hold; where we found the end we know better.
  if (const auto end = table_->end(partition)) extent.end = *end;
  return extent;
}

Result<std::unique_ptr<PartitionReader>> KafkaLog::read(std::string_view topic, std::int32_t partition, std::int64_t from, std::optional<std::int64_t> to) {
  const auto origin_id = static_cast<std::uint32_t>(std::ranges::find(options_.inputs, topic) - options_.inputs.begin());
  return kafka::Reader::open(options_.connection, options_.group, {name_of(topic), partition, from, to, origin_id});
}

Result<Extent> KafkaLog::range(std::string_view topic, std::int32_t partition) {
  return kafka::query_extent(consumer_->client(), name_of(topic), partition, kPatience);
}

std::string KafkaLog::trouble() const { return trouble_->text(); }

/// The library says when brokers go away, but not when they come back to a client that has nothing to fetch.
void KafkaLog::look_after_brokers() {
  if (!trouble_->has("brokers") || Clock::now() < next_look_) return;
  next_look_ = Clock::now() + kLookInterval;
  if (kafka::cluster_answers(consumer_->client(), kLook)) trouble_->heal("brokers");
}

void KafkaLog::wake() {
  woken_ = true;
  const std::lock_guard lock(consumer_mutex_);
  consumer_->wake();
}

/// Until it is over or `wake` is called.
void KafkaLog::sleep(milliseconds time) const {
  const auto end = Clock::now() + time;
  while (Clock::now() < end && !woken_) std::this_thread::sleep_for(std::min(milliseconds{10}, left(end) + 1ms));
}

}  // namespace trailwarden::stream
