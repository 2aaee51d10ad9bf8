#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "aws/message_queue.h"

namespace trailwarden::testing {

/// A queue in memory, as SQS is: at least once, in any order. Its clock is the test's. Thread-safe.
class FakeQueue final : public aws::MessageQueue {
 public:
  using Clock = std::chrono::steady_clock;

  explicit FakeQueue(std::function<Clock::time_point()> now, unsigned seed = 1) : now_(std::move(now)), random_(seed) {}

  void put(std::string id, std::string body, AppendTime sent = {}) {
    const std::lock_guard lock(mutex_);
    messages_[std::move(id)] = {.body = std::move(body), .sent = sent, .visible_at = now_()};
  }

  Result<std::vector<aws::QueuedMessage>> receive(std::chrono::seconds, std::chrono::seconds hidden) override {
    auto got = receive_at_once(hidden);
    if (got && got->empty()) std::this_thread::sleep_for(pause);
    return got;
  }

  Result<std::vector<std::size_t>> remove(std::span<const std::string> handles) override {
    return each(handles, [this](const std::string& id, Message&) {
      if (on_removed) on_removed(id);
      messages_.erase(id);
    });
  }
  Result<std::vector<std::size_t>> hide(std::span<const std::string> handles, std::chrono::seconds hidden) override {
    return each(handles, [&](const std::string&, Message& message) { message.visible_at = now_() + hidden; });
  }
  void interrupt() override {}
  std::string name() const override { return "objects"; }

  std::vector<std::string> left() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> ids;
    for (const auto& [id, message] : messages_) ids.push_back(id);
    return ids;
  }
  int received(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    return messages_.at(id).received;
  }

  std::chrono::milliseconds pause{0};  // in place of the wait for the first message
  std::string refusal;          // of every call; empty: none
  unsigned repeats_one_in = 0;  // messages that are hidden come all the same, so often
  std::function<void(const std::string& id)> on_removed;

 private:
  struct Message {
    std::string body;
    AppendTime sent{};
    Clock::time_point visible_at;
    std::string handle;
    int received = 0;
  };

  Result<std::vector<aws::QueuedMessage>> receive_at_once(std::chrono::seconds hidden) {
    const std::lock_guard lock(mutex_);
    if (!refusal.empty()) return fail(ErrorCode::kIo, refusal);
    std::vector<std::string> ids;
    for (const auto& [id, message] : messages_)
      if (message.visible_at <= now_() || (repeats_one_in > 0 && random_() % repeats_one_in == 0)) ids.push_back(id);
    std::shuffle(ids.begin(), ids.end(), random_);
    ids.resize(std::min(ids.size(), kMost));
    std::vector<aws::QueuedMessage> got;
    for (const std::string& id : ids) {
      Message& message = messages_[id];
      ++message.received;
      message.visible_at = now_() + hidden;
      message.handle = id + "#" + std::to_string(message.received);
      got.push_back({.id = id, .handle = message.handle, .body = message.body, .sent = message.sent});
    }
    return got;
  }

  Result<std::vector<std::size_t>> each(std::span<const std::string> handles, const std::function<void(const std::string&, Message&)>& what) {
    const std::lock_guard lock(mutex_);
    if (!refusal.empty()) return fail(ErrorCode::kIo, refusal);
    std::vector<std::size_t> unknown;
    for (std::size_t i = 0; i < handles.size(); ++i) {
      const std::string id = handles[i].substr(0, handles[i].rfind('#'));
      const auto found = messages_.find(id);
      if (found == messages_.end() || found->second.handle != handles[i]) unknown.push_back(i);
      else what(id, found->second);
    }
    return unknown;
  }

  const std::function<Clock::time_point()> now_;
  mutable std::mutex mutex_;
  std::mt19937 random_;
  std::map<std::string, Message> messages_;
};

}  // namespace trailwarden::testing
