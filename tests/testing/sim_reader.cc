#include "testing/sim_reader.h"

#include <algorithm>

namespace trailwarden::testing {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFetchWait{50};
constexpr std::size_t kMessagesAtMost = 500;
constexpr std::size_t kPartAtMost = 20;

}  // namespace

Result<bool> SimReader::read(milliseconds wait, stream::MessageBatch& batch) {
  SimBroker& broker = client_->broker();
  const AppendTime until = broker.now() + wait;
  while (true) {
    batch.clear();
    Result<bool> more = true;
    const SimError error = client_->ask("read " + to_string(source_), SimClient::kOnce, [&] {
      more = read_now(batch);
      return SimError::kNone;
    });
    if (error == SimError::kDead) return fail(ErrorCode::kIo, client_->name() + " is dead");
    if (!more || !*more || !batch.messages.empty() || broker.now() >= until) return more;
    broker.advance(std::min(kFetchWait, std::chrono::duration_cast<milliseconds>(until - broker.now())));
  }
}

Result<bool> SimReader::read_now(stream::MessageBatch& batch) {
  SimBroker& broker = client_->broker();
  if (next_ >= to_) return false;
  const SimTopic* topic = broker.topics().find(source_.topic);
  const SimPartition* log = broker.topics().find(source_);
  if (log == nullptr) return fail(ErrorCode::kNotFound, to_string(source_) + " does not exist any more");
  if (topic->compacted) next_ = std::max(next_, log->log_start());
  if (next_ < log->log_start() || next_ > log->high_watermark())
    return fail(ErrorCode::kNotFound, "offset " + std::to_string(next_) + " of " + to_string(source_) + ", which begins at " + std::to_string(log->log_start()));
  std::size_t left = broker.dice().chance(broker.faults().partial_fetch) ? broker.dice().below(kPartAtMost) : kMessagesAtMost;
  for (; left > 0; --left) {
    const SimEntry* entry = log->visible_from(next_, broker.flaws().dirty_reads);
    if (entry == nullptr || entry->offset >= to_) break;
    take(*entry, batch);
  }
  return !batch.messages.empty() || !at_end(*log);
}

void SimReader::take(const SimEntry& entry, stream::MessageBatch& batch) {
  stream::Message message = message_of(entry, source_.number, origin_id_);
  for (const auto& [name, value] : entry.payload->headers()) message.headers.emplace_back(name, value);
  batch.source_bytes += message.key.size() + message.value.size();
  batch.messages.push_back(std::move(message));
  batch.holds.push_back(entry.payload);
  next_ = entry.offset + 1;
}

// Whether nothing visible can come before `to` any more.
bool SimReader::at_end(const SimPartition& log) const {
  if (next_ >= to_) return true;
  const SimEntry* entry = log.visible_from(next_, client_->broker().flaws().dirty_reads);
  return entry != nullptr ? entry->offset >= to_ : log.last_stable_offset() >= to_;
}

}  // namespace trailwarden::testing
