#include "stream/embedded_pending.h"

#include <algorithm>
#include <utility>

namespace trailwarden::stream {
namespace {

std::size_t bytes_of(const MessageBatch& batch) {
  std::size_t bytes = 0;
  for (const Message& message : batch.messages) bytes += message.value.size();
  return bytes;
}

}  // namespace

void PendingInput::add(InputBatch input) {
  Chunk chunk{end_, std::move(input)};
  for (Message& message : chunk.input.batch.messages) {
    message.partition = 0;
    message.origin_id = 0;
    message.offset = end_++;
  }
  bytes_ += bytes_of(chunk.input.batch);
  if (!chunk.input.batch.messages.empty() || !chunk.input.marks.empty()) chunks_.push_back(std::move(chunk));
}

bool PendingInput::give(MessageBatch& batch) {
  batch.clear();
  for (const Chunk& chunk : chunks_) {
    if (chunk.end() <= given_) continue;
    const auto& from = chunk.input.batch;
    batch.messages.assign(from.messages.begin() + (given_ - chunk.first), from.messages.end());
    batch.holds = from.holds;
    batch.source_bytes = given_ == chunk.first ? from.source_bytes : 0;
    given_ = chunk.end();
    return true;
  }
  return false;
}

bool PendingInput::has_due_marks() const {
  return !chunks_.empty() && !chunks_.front().input.marks.empty() &&
         chunks_.front().input.marks.front().messages <= static_cast<std::size_t>(begin_ - chunks_.front().first);
}

Result<void> PendingInput::each_run(std::int64_t next_offset,
                                    const std::function<Result<void>(std::span<const Message>)>& take_run,
                                    const std::function<Result<void>(const SourceMark&)>& take_mark) const {
  for (const Chunk& chunk : chunks_) {
    if (chunk.first > next_offset) break;
    const std::span<const Message> messages(chunk.input.batch.messages);
    const auto from = static_cast<std::size_t>(std::max(begin_ - chunk.first, std::int64_t{0}));
    const auto to = static_cast<std::size_t>(std::min(next_offset, chunk.end()) - chunk.first);
    if (from < to) {
      if (auto taken = take_run(messages.subspan(from, to - from)); !taken) return taken;
    }
    for (const SourceMark& mark : chunk.input.marks) {
      if (mark.messages > to) break;
      if (auto taken = take_mark(mark); !taken) return taken;
    }
    if (next_offset < chunk.end()) break;
  }
  return {};
}

void PendingInput::drop(std::int64_t next_offset) {
  begin_ = next_offset;
  given_ = std::max(given_, begin_);
  while (!chunks_.empty() && chunks_.front().end() <= begin_) {
    bytes_ -= bytes_of(chunks_.front().input.batch);
    chunks_.pop_front();
  }
  if (chunks_.empty() || chunks_.front().first > begin_) return;
  auto& marks = chunks_.front().input.marks;
  const auto committed = static_cast<std::size_t>(begin_ - chunks_.front().first);
  std::erase_if(marks, [committed](const SourceMark& mark) { return mark.messages <= committed; });
}

}  // namespace trailwarden::stream
