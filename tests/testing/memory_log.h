#pragma once

#include <string>
#include <vector>

#include "event/decoder.h"
#include "stream/log.h"

namespace trailwarden::testing {

/// A log in memory: hands out messages as they were put, a given number a batch, and keeps what is committed.
class MemoryLog final : public stream::Log {
 public:
  explicit MemoryLog(std::size_t messages_per_batch = 1) : messages_per_batch_(messages_per_batch) {}

  void put(std::string value, std::optional<AppendTime> append_time = std::nullopt, std::string origin = "test", std::uint32_t origin_id = 0) {
    auto kept = std::make_unique<Kept>(Kept{std::move(value), std::move(origin)});
    const std::size_t size = kept->value.size();
    kept->value.append(event::kPadding, ' ');
    stream::Message message;
    message.offset = static_cast<std::int64_t>(messages_.size());
    message.append_time = append_time;
    message.origin = kept->origin;
    message.origin_id = origin_id;
    message.value = std::string_view(kept->value).substr(0, size);
    kept_.push_back(std::move(kept));
    messages_.push_back(message);
  }

  Result<bool> poll(stream::MessageBatch& batch) override {
    batch.clear();
    while (next_ < messages_.size() && batch.messages.size() < messages_per_batch_) {
      batch.source_bytes += messages_[next_].value.size();
      batch.messages.push_back(messages_[next_++]);
    }
    return !batch.messages.empty();
  }
  void append(stream::Outgoing message) override { waiting_.push_back(std::move(message)); }
  Result<void> commit(const std::vector<stream::Position>&) override {
    if (fails) return fail(ErrorCode::kIo, "the disk is full");
    for (auto& message : waiting_) committed.push_back(std::move(message));
    waiting_.clear();
    return {};
  }

  /// Values committed to a topic, in order.
  std::vector<std::string> values(std::string_view topic) const {
    std::vector<std::string> out;
    for (const auto& message : committed)
      if (message.topic == topic) out.push_back(message.value);
    return out;
  }
  std::vector<std::string> alerts() const { return values(stream::kAlertsTopic); }

  std::vector<stream::Outgoing> committed;
  bool fails = false;

 private:
  struct Kept {
    std::string value, origin;
  };
  std::size_t messages_per_batch_, next_ = 0;
  std::vector<std::unique_ptr<Kept>> kept_;
  std::vector<stream::Message> messages_;
  std::vector<stream::Outgoing> waiting_;
};

}  // namespace trailwarden::testing
