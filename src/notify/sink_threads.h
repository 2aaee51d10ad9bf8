#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/time.h"
#include "notify/courier.h"
#include "notify/sink.h"

namespace trailwarden::notify {

/// A thread for each sink, which sends one message after another. So one that is slow or dead holds up no other.
/// Threads: `carry`, `results` and `end` of one.
class SinkThreads final : public Courier {
 public:
  /// `told` is called, on a sink's thread, whenever there is a result. `now`: the calendar's.
  SinkThreads(std::map<std::string, std::unique_ptr<Sink>> sinks, std::function<void()> told, std::function<Timestamp()> now);
  ~SinkThreads() override;

  void carry(Message message) override;
  std::vector<Result> results() override;
  void end() override;

 private:
  struct Lane;
  void work(Lane& lane);
  void say(Lane& lane, bool failed, const std::string& why);

  const std::function<void()> told_;
  const std::function<Timestamp()> now_;
  std::mutex mutex_;  // for what follows, and the messages of the lanes
  std::condition_variable wakes_;
  bool ending_ = false;
  std::atomic<bool> cancelled_ = false;
  std::vector<Result> results_;
  std::map<std::string, std::unique_ptr<Lane>> lanes_;
};

}  // namespace trailwarden::notify
