#include "stream/kafka_transactions.h"

#include <algorithm>
#include <array>
#include <thread>

#include <fmt/format.h>

#include "core/check.h"
#include "core/log.h"
#include "stream/kafka_query.h"
#include "stream/kafka_settings.h"

namespace trailwarden::stream::kafka {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto kRetryPause = 20ms;
constexpr auto kShortestPause = 100ms;  // between two tries to make a producer
constexpr auto kLongestPause = 5'000ms;
constexpr auto kWarmUp = 2'000ms;
constexpr auto kFenceDoubt = 60'000ms;  // a second fence within it is a twin's
constexpr auto kClockSlack = 500ms;

bool is_fence(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/// An answer that may be missing although the question arrived.
bool is_no_answer(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
         code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT || code == RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION || code == RD_KAFKA_RESP_ERR__DESTROY;
}

/// Waiting does not make the cluster take our settings.
bool is_never(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT || code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE ||
         code == RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION || code == RD_KAFKA_RESP_ERR__NOT_CONFIGURED || code == RD_KAFKA_RESP_ERR__INVALID_ARG;
}

void add(rd_kafka_topic_partition_list_t* list, const std::string& topic, const Progress& progress) {
  rd_kafka_topic_partition_t* const entry = rd_kafka_topic_partition_list_add(list, topic.c_str(), progress.partition.number);
  entry->offset = progress.next_offset;
  // The list frees it.
  char* const text = static_cast<char*>(rd_kafka_mem_calloc(nullptr, progress.metadata.size() + 1, 1));
  progress.metadata.copy(text, progress.metadata.size());
  entry->metadata = text;
  entry->metadata_size = progress.metadata.size();
}

/// None if there are none. An object of their own: handed over one by one they are freed twice when the message is refused (2.0.2 to 2.1.1 at least,
/// rd_kafka_produceva).
Headers headers_of(const Outgoing& message) {
  if (message.headers.empty()) return nullptr;
  Headers headers(rd_kafka_headers_new(message.headers.size()));
  for (const auto& [name, value] : message.headers)
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(), static_cast<ssize_t>(value.size()));
  return headers;
}

}  // namespace

// ---- a producer, and its epoch

Result<void> Transactions::prepare(milliseconds limit) {
  if (fenced_) return fail(ErrorCode::kUnsupported, fmt::format("somebody else is at work under the transactional id {}", options_.transactional_id));
  if (ready()) return {};
  const auto end = Clock::now() + limit;
  if (!producer_) {
    const auto pause = std::min(end, not_before_) - Clock::now();
    if (pause > pause.zero()) std::this_thread::sleep_for(pause);
    if (Clock::now() < not_before_) return {};
    if (auto made = make_producer(); !made) return made;
  }
  // Goes on in the background when the time is over; the next call takes it up again.
  const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
  const auto error = outcome(rd_kafka_init_transactions(producer_->get(), static_cast<int>(std::max(left, 1ms).count())));
  serve();
  if (error) return not_initialised(*error);
  initialised();
  return {};
}

Result<void> Transactions::make_producer() {
  auto settings = transaction_settings(options_);
  if (!settings) return fail(std::move(settings).error());
  Callbacks callbacks{.error = [this](rd_kafka_resp_err_t code, std::string_view text) {
                        if (code != RD_KAFKA_RESP_ERR__FATAL) trouble_.say("brokers", std::string(text));
                      },
                      .statistics = options_.connection.on_statistics,
                      .delivered = [this](const rd_kafka_message_t& message) {
                        if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR)
                          failed(message.err, fmt::format("{}: {}", rd_kafka_topic_name(message.rkt), rd_kafka_err2str(message.err)));
                      },
                      .rebalance = {},
                      .token = options_.connection.security.token};
  auto made = Client::create(RD_KAFKA_PRODUCER, std::move(*settings), std::move(callbacks));
  if (!made) return fail(std::move(made).error());
  producer_ = std::move(*made);
  phase_ = Phase::kInitialising;
  return {};
}

void Transactions::initialised() {
  phase_ = Phase::kReady;
  failure_.reset();
  pause_ = 0ms;
  warm_up();
  trouble_.heal("transactions");
}

/// The first message to a topic waits for a second in 2.0.2 unless its metadata is there (R2).
void Transactions::warm_up() {
  for (const std::string& name : options_.outputs) topic(name);
  if (!options_.outputs.empty()) cluster_answers(producer_->get(), kWarmUp);  // asks for all topics that the client has heard of
}

Result<void> Transactions::not_initialised(const CallError& error) {
  if (is_never(error.code)) return fail(ErrorCode::kUnsupported, "init_transactions: " + error.text);
  trouble_.say("transactions", error.text);
  if (error.retriable && !error.fatal) return {};
  replace(reason_of(error.code), error.text);
  pause_ = std::clamp(pause_ * 2, milliseconds{kShortestPause}, milliseconds{kLongestPause});
  not_before_ = Clock::now() + pause_;
  return {};
}

void Transactions::replace(const std::string& reason, const std::string& text) {
  log::warn("kafka.producer_replaced", {{"reason", reason}, {"detail", text}});
  ++counters_.producer_rebuilds[reason];
  topics_.clear();
  producer_.reset();
  failure_.reset();
  phase_ = Phase::kNoProducer;
}

rd_kafka_topic_t* Transactions::topic(const std::string& name) {
  const auto found = topics_.find(name);
  if (found != topics_.end()) return found->second.get();
  Topic made(rd_kafka_topic_new(producer_->get(), name.c_str(), nullptr));
  TRAILWARDEN_CHECK(made, "a topic's name is enough to name it");
  return topics_.emplace(name, std::move(made)).first->second.get();
}

void Transactions::serve() {
  if (producer_) rd_kafka_poll(producer_->get(), 0);
}

// ---- one transaction

void Transactions::append(const Outgoing& message) {
  if (!ready() || failure_) return;  // nothing counts before the rewind that the commit will ask for
  if (phase_ == Phase::kReady && !begin()) return;
  produce(message);
}

bool Transactions::begin() {
  if (const auto error = outcome(rd_kafka_begin_transaction(producer_->get()))) {
    failure_ = *error;
    return false;
  }
  phase_ = Phase::kOpen;
  begun_ = Clock::now();
  begun_by_calendar_ = std::chrono::system_clock::now();
  return true;
}

void Transactions::produce(const Outgoing& message) {
  Headers headers = headers_of(message);
  std::array<rd_kafka_vu_t, 6> fields{};
  fields[0] = {.vtype = RD_KAFKA_VTYPE_RKT, .u = {.rkt = topic(message.topic)}};
  fields[1] = {.vtype = RD_KAFKA_VTYPE_PARTITION, .u = {.i32 = message.partition.value_or(RD_KAFKA_PARTITION_UA)}};
  fields[2] = {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u = {.i = RD_KAFKA_MSG_F_COPY}};
  fields[3].vtype = RD_KAFKA_VTYPE_KEY;
  if (!message.key.empty()) fields[3].u.mem = {const_cast<char*>(message.key.data()), message.key.size()};
  fields[4].vtype = RD_KAFKA_VTYPE_VALUE;
  if (message.has_value) fields[4].u.mem = {const_cast<char*>(message.value.data()), message.value.size()};
  fields[5] = {.vtype = RD_KAFKA_VTYPE_HEADERS, .u = {.headers = headers.get()}};
  const std::size_t count = headers ? fields.size() : fields.size() - 1;
  while (true) {
    const auto error = outcome(rd_kafka_produceva(producer_->get(), fields.data(), count));
    if (!error) {
      [[maybe_unused]] rd_kafka_headers_t* const taken = headers.release();
      return;
    }
    if (error->code != RD_KAFKA_RESP_ERR__QUEUE_FULL || age() >= options_.transaction_timeout)
      return failed(error->code, fmt::format("{}: {}", message.topic, error->text));
    rd_kafka_poll(producer_->get(), 100);
  }
}

void Transactions::failed(rd_kafka_resp_err_t code, std::string text) {
  const bool is_ours = code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;  // an abort's doing
  if (is_ours || failure_ || phase_ != Phase::kOpen) return;
  failure_ = CallError{.code = code, .requires_abort = true, .text = std::move(text)};
  if (auto fatal = producer_->fatal()) failure_ = std::move(fatal);
}

/// The same call again while it may be, until the transaction timeout (1.4).
template <class Call>
std::optional<CallError> Transactions::until_timeout(Call call) {
  while (true) {
    const auto left = std::max(options_.transaction_timeout - age(), 1'000ms);
    auto error = outcome(call(static_cast<int>(left.count())));
    if (!error || !error->retriable || age() >= options_.transaction_timeout) return error;
    std::this_thread::sleep_for(kRetryPause);
  }
}

std::optional<CallError> Transactions::send_offsets(std::span<const Progress> progress, const rd_kafka_consumer_group_metadata_t* group) {
  const PartitionList list = make_list(progress.size());
  for (const Progress& each : progress) add(list.get(), options_.inputs[each.partition.topic], each);
  return until_timeout([&](int limit_ms) { return rd_kafka_send_offsets_to_transaction(producer_->get(), list.get(), group, limit_ms); });
}

std::optional<CallError> Transactions::end_transaction() {
  return until_timeout([this](int limit_ms) { return rd_kafka_commit_transaction(producer_->get(), limit_ms); });
}

Result<CommitResult> Transactions::commit(std::span<const Progress> progress, const rd_kafka_consumer_group_metadata_t* group) {
  const auto began = Clock::now();
  serve();
  if (phase_ == Phase::kReady && !failure_) begin();
  if (failure_) return give_up(*failure_, Stage::kMessages);
  if (!progress.empty()) {
    if (const auto error = send_offsets(progress, group)) return give_up(*error, Stage::kOffsets);
  }
  if (const auto error = end_transaction()) return failure_ ? give_up(*failure_, Stage::kMessages) : give_up(*error, Stage::kEnd);
  phase_ = Phase::kReady;
  ++counters_.commits;
  counters_.last_commit_seconds = std::chrono::duration<double>(Clock::now() - began).count();
  counters_.commit_seconds += counters_.last_commit_seconds;
  trouble_.heal("transactions");
  return CommitResult::kCommitted;
}

/// What 1.4 says to do after an error that stays.
Result<CommitResult> Transactions::give_up(CallError error, Stage stage) {
  const std::string reason = reason_of(error.code);
  if (is_fence(error.code) && is_twin(error)) return CommitResult::kFenced;
  trouble_.say("transactions", error.text);
  // A timeout at the end is indefinite, whatever the flags say: a late request of this epoch could commit the next transaction (KAFKA-17754).
  const bool indefinite = stage == Stage::kEnd && (error.retriable || is_no_answer(error.code));
  if (error.requires_abort && !error.fatal && !indefinite) {
    roll_back(reason, Clock::now() + options_.transaction_timeout);
  } else {
    ++counters_.aborts[reason];
    replace(indefinite ? "indefinite" : reason, error.text);
  }
  if (stage != Stage::kMessages) return CommitResult::kRolledBack;
  if (says_not_there(error.code)) return fail(ErrorCode::kNotFound, "write: " + error.text);
  if (error.code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) return fail(ErrorCode::kTooLarge, "write: " + error.text);
  return CommitResult::kRolledBack;
}

void Transactions::abort(const std::string& reason) {
  if (phase_ == Phase::kOpen) roll_back(reason, Clock::now() + options_.transaction_timeout);
  else if (failure_) replace("not_begun", failure_->text);
}

void Transactions::roll_back(const std::string& reason, Clock::time_point end) {
  log::warn("kafka.transaction_aborted", {{"reason", reason}});
  ++counters_.aborts[reason];
  while (true) {
    const auto left = std::clamp(std::chrono::duration_cast<milliseconds>(end - Clock::now()), 1ms, milliseconds{options_.transaction_timeout});
    const auto error = outcome(rd_kafka_abort_transaction(producer_->get(), static_cast<int>(left.count())));
    if (!error) break;
    if (!error->retriable || Clock::now() >= end) return replace("abort_failed", error->text);
    std::this_thread::sleep_for(kRetryPause);
  }
  phase_ = Phase::kReady;
  // A message that failed leaves a gap in the sequence numbers, for which the next transaction would fail too ("skipped sequence numbers", R10); and its
  // topic would refuse all others for minutes. A new producer has neither.
  if (failure_) replace("delivery_failed", failure_->text);
}

/// A fence is a twin's, unless the coordinator may have ended our own transaction because it took too long; then a new producer is tried, once.
bool Transactions::is_twin(const CallError& error) {
  const bool may_be_ours = phase_ == Phase::kOpen && age() + kClockSlack >= options_.transaction_timeout;
  const bool again = fence_doubt_ && Clock::now() - *fence_doubt_ < kFenceDoubt;
  if (may_be_ours && !again) {
    fence_doubt_ = Clock::now();
    return false;
  }
  log::error("kafka.fenced", {{"transactional_id", std::string_view(options_.transactional_id)}, {"detail", std::string_view(error.text)}});
  fenced_ = true;
  return true;
}

/// Of the open transaction. By two clocks: the steady one stands still while a machine sleeps.
milliseconds Transactions::age() const {
  const auto steady = std::chrono::duration_cast<milliseconds>(Clock::now() - begun_);
  const auto calendar = std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now() - begun_by_calendar_);
  return std::max(steady, calendar);
}

void Transactions::close(milliseconds limit) {
  if (phase_ == Phase::kOpen) roll_back("closed", Clock::now() + limit);
  topics_.clear();
  producer_.reset();
  phase_ = Phase::kNoProducer;
}

}  // namespace trailwarden::stream::kafka
