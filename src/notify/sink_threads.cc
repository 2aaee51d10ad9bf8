#include "notify/sink_threads.h"

#include <chrono>
#include <optional>
#include <utility>

#include "core/log.h"

namespace trailwarden::notify {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 2s;       // at the end, for what is under way
constexpr auto kBetweenLines = 60s;  // of the log, about one sink that fails now and then

}  // namespace

struct SinkThreads::Lane {
  std::string name;
  std::unique_ptr<Sink> sink;
  std::optional<Message> message;  // to be sent, or under way
  bool is_at_work = false;
  bool has_said = false;           // that it fails; of the thread's own, as what follows
  Timestamp say_again{};
  std::thread thread;
};

SinkThreads::SinkThreads(std::map<std::string, std::unique_ptr<Sink>> sinks, std::function<void()> told, std::function<Timestamp()> now) : told_(std::move(told)), now_(std::move(now)) {
  for (auto& [name, sink] : sinks) {
    auto lane = std::make_unique<Lane>();
    lane->name = name;
    lane->sink = std::move(sink);
    lanes_[name] = std::move(lane);
  }
  for (auto& [name, lane] : lanes_) lane->thread = std::thread([this, lane = lane.get()] { work(*lane); });
}

SinkThreads::~SinkThreads() { end(); }

void SinkThreads::carry(Message message) {
  const std::lock_guard lock(mutex_);
  const auto found = lanes_.find(message.sink);
  if (ending_ || found == lanes_.end()) return;
  found->second->message = std::move(message);
  wakes_.notify_all();
}

std::vector<Courier::Result> SinkThreads::results() {
  const std::lock_guard lock(mutex_);
  return std::exchange(results_, {});
}

void SinkThreads::end() {
  {
    std::unique_lock lock(mutex_);
    ending_ = true;
    wakes_.notify_all();
    wakes_.wait_for(lock, kPatience, [this] {
      for (const auto& [name, lane] : lanes_)
        if (lane->is_at_work) return false;
      return true;
    });
    cancelled_ = true;
  }
  for (auto& [name, lane] : lanes_)
    if (lane->thread.joinable()) lane->thread.join();
}

/// The beginning and the end of a trouble, not each try.
void SinkThreads::say(Lane& lane, bool failed, const std::string& why) {
  if (failed == lane.has_said || (failed && now_() < lane.say_again)) return;
  if (failed) log::warn("notify.sink_fails", {{"sink", lane.name}, {"why", why}});
  else log::info("notify.sink_works_again", {{"sink", lane.name}});
  lane.has_said = failed;
  lane.say_again = now_() + kBetweenLines;
}

void SinkThreads::work(Lane& lane) {
  std::unique_lock lock(mutex_);
  while (true) {
    wakes_.wait(lock, [&] { return ending_ || lane.message; });
    if (ending_) return;
    const Message message = *std::move(std::exchange(lane.message, std::nullopt));
    lane.is_at_work = true;
    lock.unlock();
    Sent sent = lane.sink->send(message, now_(), cancelled_);
    const bool failed = sent.outcome != Sent::Outcome::kDelivered;
    say(lane, failed, sent.why);
    lock.lock();
    lane.is_at_work = false;
    // Given up because we end, nobody knows whether it arrived: it goes again after a restart, and that counts as no try.
    if (!failed || !cancelled_) results_.push_back({lane.name, message.id, std::move(sent)});
    wakes_.notify_all();
    lock.unlock();
    told_();
    lock.lock();
  }
}

}  // namespace trailwarden::notify
