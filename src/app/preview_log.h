#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stream/log.h"
#include "stream/topic_names.h"

namespace trailwarden::app {

/// Recorded messages in, alerts into a function; nothing is written.
class PreviewLog final : public stream::Log {
 public:
  using Take = std::function<void(std::string alert)>;

  PreviewLog(std::unique_ptr<stream::MessageSource> source, Take take) : source_(std::move(source)), take_(std::move(take)) {}

  Result<bool> poll(stream::MessageBatch& batch) override {
    auto polled = source_->poll(batch);
    for (const stream::Message& message : batch.messages) {
      if (!message.append_time) continue;
      first_ = std::min(first_.value_or(*message.append_time), *message.append_time);
      last_ = std::max(last_.value_or(*message.append_time), *message.append_time);
    }
    return polled;
  }
  void append(stream::Outgoing message) override {
    if (message.topic == stream::kAlertsTopic) take_(std::move(message.value));
  }
  Result<void> commit(const std::vector<stream::Position>&) override { return {}; }

  /// From the first message to the last, by the log's clock.
  std::chrono::seconds length() const { return first_ ? std::chrono::duration_cast<std::chrono::seconds>(*last_ - *first_) : std::chrono::seconds{0}; }

 private:
  std::unique_ptr<stream::MessageSource> source_;
  Take take_;
  std::optional<AppendTime> first_, last_;
};

}  // namespace trailwarden::app
