#include "testing/sim_writer.h"

#include "core/hash.h"

namespace trailwarden::testing {

SimError SimWriter::initialise(std::chrono::milliseconds patience) {
  if (producer_) return SimError::kNone;
  SimProducer producer;
  const SimError error = client_.ask("initialise producer", patience, [&] { return client_.broker().transactions().init(transactional_id_, timeout_, producer); });
  if (error == SimError::kNone) producer_ = producer;
  return error;
}

void SimWriter::append(stream::Outgoing message) {
  queue_.push_back(std::move(message));
  SimBroker& broker = client_.broker();
  if (failed_ != SimError::kNone || broker.dice().chance(broker.faults().buffered)) return;
  SimError error = initialise(SimClient::kOnce);
  if (error == SimError::kNone) error = send_queue(SimClient::kOnce);
  if (!ask_again(error)) failed_ = error;  // otherwise the commit asks again
}

SimError SimWriter::commit(const SimProgress& progress, const SimGroupMetadata& member) {
  const SimError error = try_commit(progress, member);
  settle(error);
  return error;
}

void SimWriter::abort() {
  const bool open = open_;
  forget();
  if (!open || !producer_ || fenced_) return;
  const SimError error = end(false);
  if (error == SimError::kProducerFenced) fenced_ = true;
  if (error != SimError::kNone) producer_.reset();  // an abort that is still on its way would abort the next transaction
}

SimError SimWriter::try_commit(const SimProgress& progress, const SimGroupMetadata& member) {
  if (failed_ != SimError::kNone) return failed_;
  if (const SimError error = initialise(timeout_); error != SimError::kNone) return error;
  if (const SimError error = send_queue(timeout_); error != SimError::kNone) return error;
  if (const SimError error = add_offsets(progress, member); error != SimError::kNone) return error;
  return end(true);
}

// Not asked again when it is not answered: both might arrive, the second one in the midst of the next transaction.
SimError SimWriter::end(bool commit) {
  SimBroker& broker = client_.broker();
  return client_.ask(commit ? "commit" : "abort", timeout_, [&] {
    const SimError error = broker.end_transaction(client_.name(), *producer_, commit);
    return error == SimError::kNoAnswer && broker.flaws().ends_asked_again ? SimError::kTryAgain : error;
  });
}

SimError SimWriter::add_offsets(const SimProgress& progress, const SimGroupMetadata& member) {
  if (progress.empty()) return SimError::kNone;
  SimBroker& broker = client_.broker();
  const SimError error = client_.ask("add group", timeout_, [&] { return broker.transactions().add_group(*producer_, member.group); });
  if (error != SimError::kNone) return error;
  open_ = true;
  return client_.ask("stage offsets", timeout_, [&] { return broker.stage(*producer_, member.group, member.member, member.generation, progress); });
}

SimError SimWriter::send_queue(std::chrono::milliseconds patience) {
  while (!queue_.empty()) {
    if (const SimError error = send(queue_.front(), patience); error != SimError::kNone) return error;
    queue_.pop_front();
  }
  return SimError::kNone;
}

SimError SimWriter::send(const stream::Outgoing& message, std::chrono::milliseconds patience) {
  const auto partition = target(message);
  if (!partition) return SimError::kUnknownTopic;
  SimBroker& broker = client_.broker();
  if (!added_.contains(*partition)) {
    const SimError error = client_.ask("add partition", patience, [&] { return broker.transactions().add_partition(*producer_, *partition); });
    if (error != SimError::kNone) return error;
    open_ = true;
    added_.insert(*partition);
  }
  const auto value = message.has_value ? std::optional(message.value) : std::nullopt;
  const auto payload = std::make_shared<const SimPayload>(message.topic, message.key, value, message.headers);
  return client_.ask("write", patience, [&] { return broker.write(*producer_, *partition, payload); });
}

std::optional<SimTopicPartition> SimWriter::target(const stream::Outgoing& message) {
  const SimTopic* topic = client_.broker().topics().find(message.topic);
  if (topic == nullptr) return std::nullopt;
  const std::uint64_t by_key = xxh3_64(message.key) % topic->partitions.size();
  return SimTopicPartition{message.topic, message.partition.value_or(static_cast<std::int32_t>(by_key))};
}

void SimWriter::settle(SimError error) {
  if (error == SimError::kNone || error == SimError::kDead) return forget();
  if (error == SimError::kProducerFenced) {
    fenced_ = true;
    return forget();
  }
  if (must_abort(error) || error == SimError::kUnknownTopic) return abort();
  forget();
  producer_.reset();
}

void SimWriter::forget() {
  queue_.clear();
  added_.clear();
  open_ = false;
  failed_ = SimError::kNone;
}

}  // namespace trailwarden::testing
