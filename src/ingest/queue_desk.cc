#include "ingest/queue_desk.h"

#include <algorithm>
#include <array>

#include "core/failpoint.h"
#include "core/thread.h"

namespace trailwarden::ingest {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kShortWait{1}, kLongWait{20};  // for the first message of an answer
constexpr std::chrono::seconds kFirstPause{1}, kLongestPause{60};
constexpr int kEmptyTwice = 2;
constexpr auto kTurn = 500ms;  // of the attendant
constexpr auto kAtTheEnd = 2s;

}  // namespace

QueueDesk::QueueDesk(std::vector<Source> sources, Options options) : options_(std::move(options)) {
  for (Source& source : sources) queues_.push_back({.source = std::move(source)});
}

QueueDesk::~QueueDesk() { end(); }

void QueueDesk::start() {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < queues_.size(); ++i)
    if (auto thread = start_thread("queue-receiver", [this, i] { run_receiver(i); })) threads_.push_back(std::move(*thread));
    else failed(queues_[i].receiving, thread.error().message);
  if (auto thread = start_thread("queue-attendant", [this] { run_attendant(); })) threads_.push_back(std::move(*thread));
  else failed(queues_.front().removing, thread.error().message);
}

void QueueDesk::run_receiver(std::size_t queue) {
  while (!stop_) {
    if (receive(queue)) continue;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kTurn, [this] { return stop_.load(); });
  }
}

void QueueDesk::run_attendant() {
  while (!stop_) {
    attend();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kTurn, [this] { return stop_.load(); });
  }
}

void QueueDesk::end() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (const Queue& queue : queues_) queue.source.queue->interrupt();
  for (std::thread& thread : threads_) thread.join();
  const auto deadline = Clock::now() + kAtTheEnd;
  for (const Batch& batch : batches([](const Held& held) { return held.finished; }))
    if (Clock::now() < deadline) remove(batch);
  for (const Batch& batch : batches([](const Held& held) { return !held.finished; }))
    if (Clock::now() < deadline) (void)queues_[batch.queue].source.queue->hide(batch.handles, 0s);  // else they come when their time is over
}

bool QueueDesk::receive(std::size_t number) {
  const auto asked = options_.now();
  std::chrono::seconds wait = kShortWait;
  const Source* source = nullptr;
  {
    const std::lock_guard lock(mutex_);
    Queue& one = queues_[number];
    if (!has_room() || asked < one.receiving.retry_at) return false;
    if (one.empty_answers >= kEmptyTwice) wait = kLongWait;
    source = &one.source;
  }
  auto got = source->queue->receive(wait, source->hidden);
  if (stop_ && !got) return true;
  {
    const std::lock_guard lock(mutex_);
    Queue& one = queues_[number];
    one.flowing = got && !got->empty();
    one.empty_answers = got && got->empty() ? one.empty_answers + 1 : 0;
    if (!got) failed(one.receiving, std::move(got.error().message));
    else {
      one.receiving = {};
      admit(number, std::move(*got), asked);
    }
  }
  failpoint::hit("queue_received");
  if (options_.on_news) options_.on_news();
  return true;
}

/// With the mutex held, as the functions below that have no lock.
void QueueDesk::admit(std::size_t queue, std::vector<aws::QueuedMessage> messages, Clock::time_point asked) {
  for (aws::QueuedMessage& message : messages) {
    const auto [known, is_new] = numbers_.try_emplace({queue, message.id}, last_ + 1);
    Held& held = held_[known->second];
    held.handle = std::move(message.handle);
    held.hidden_until = asked + queues_[queue].source.hidden;
    if (!is_new) continue;
    ++last_;
    held.queue = queue;
    held.id = message.id;
    held.sent = message.sent;
    held.bytes = message.body.size();
    held_bytes_ += held.bytes;
    by_age_.emplace(held.sent, last_);
    arrivals_.push_back({.number = last_, .queue = queue, .id = std::move(message.id), .body = std::move(message.body), .sent = std::chrono::floor<std::chrono::seconds>(message.sent)});
  }
}

void QueueDesk::attend() {
  const auto now = options_.now();
  const auto may_try = [this, now](std::size_t queue, Trouble Queue::*trouble) {
    const std::lock_guard lock(mutex_);
    return now >= (queues_[queue].*trouble).retry_at;
  };
  for (const Batch& batch : batches([](const Held& held) { return held.finished; }))
    if (may_try(batch.queue, &Queue::removing)) remove(batch);
  const auto due = batches([&](const Held& held) { return !held.finished && held.hidden_until - now <= queues_[held.queue].source.hidden / 2; });
  for (const Batch& batch : due)
    if (may_try(batch.queue, &Queue::hiding)) hide(batch);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < queues_.size(); ++i)
    if (std::ranges::none_of(due, [i](const Batch& batch) { return batch.queue == i; })) queues_[i].hiding = {};
}

/// Messages of one queue each, as many as go into one call.
std::vector<QueueDesk::Batch> QueueDesk::batches(const std::function<bool(const Held&)>& which) {
  const std::lock_guard lock(mutex_);
  std::vector<Batch> out;
  std::map<std::size_t, std::size_t> open;  // by queue: place in `out` of the one that is not full
  for (const auto& [number, held] : held_) {
    if (!which(held)) continue;
    const auto [at, is_new] = open.try_emplace(held.queue, out.size());
    if (!is_new && out[at->second].numbers.size() == aws::MessageQueue::kMost) at->second = out.size();
    if (at->second == out.size()) out.push_back({.queue = held.queue});
    out[at->second].numbers.push_back(number);
    out[at->second].handles.push_back(held.handle);
  }
  return out;
}

void QueueDesk::remove(const Batch& batch) {
  failpoint::hit("queue_before_remove");
  auto unknown = queues_[batch.queue].source.queue->remove(batch.handles);
  failpoint::hit("queue_after_remove");
  const std::lock_guard lock(mutex_);
  Trouble& trouble = queues_[batch.queue].removing;
  if (!unknown) return failed(trouble, std::move(unknown.error().message));
  trouble = {};
  // Of one that the queue does not know by this handle we shall hear again, if it is still there.
  for (const std::uint64_t number : batch.numbers) erase(number);
}

void QueueDesk::hide(const Batch& batch) {
  const auto asked = options_.now();
  auto unknown = queues_[batch.queue].source.queue->hide(batch.handles, queues_[batch.queue].source.hidden);
  const std::lock_guard lock(mutex_);
  Trouble& trouble = queues_[batch.queue].hiding;
  if (!unknown) return failed(trouble, std::move(unknown.error().message));
  trouble = {};
  for (std::size_t i = 0; i < batch.numbers.size(); ++i) {
    const auto found = held_.find(batch.numbers[i]);
    if (found == held_.end() || found->second.handle != batch.handles[i]) continue;
    const bool is_known = std::ranges::find(*unknown, i) == unknown->end();
    found->second.hidden_until = is_known ? asked + queues_[batch.queue].source.hidden : Clock::time_point::max();  // then it comes again by itself
  }
}

void QueueDesk::failed(Trouble& trouble, std::string what) {
  trouble.what = std::move(what);
  trouble.wait = trouble.wait == 0s ? kFirstPause : std::min(trouble.wait * 2, kLongestPause);
  trouble.retry_at = options_.now() + trouble.wait;
}

void QueueDesk::erase(std::uint64_t number) {
  const auto found = held_.find(number);
  if (found == held_.end()) return;
  const auto [first, last] = by_age_.equal_range(found->second.sent);
  const auto age = std::find_if(first, last, [number](const auto& entry) { return entry.second == number; });
  if (age != last) by_age_.erase(age);
  held_bytes_ -= found->second.bytes;
  numbers_.erase({found->second.queue, found->second.id});
  held_.erase(found);
}

QueueDesk::Taken QueueDesk::take() {
  const std::lock_guard lock(mutex_);
  return {.arrivals = std::exchange(arrivals_, {}), .more_at_once = has_room() && std::ranges::any_of(queues_, &Queue::flowing)};
}

void QueueDesk::finish(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  if (const auto found = held_.find(number); found != held_.end()) found->second.finished = true;
}

void QueueDesk::leave(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  erase(number);
}

bool QueueDesk::is_empty() const {
  const std::lock_guard lock(mutex_);
  return arrivals_.empty() && std::ranges::all_of(queues_, [](const Queue& queue) { return queue.empty_answers >= kEmptyTwice; });
}

std::size_t QueueDesk::held() const {
  const std::lock_guard lock(mutex_);
  return held_.size();
}

std::optional<AppendTime> QueueDesk::oldest() const {
  const std::lock_guard lock(mutex_);
  if (by_age_.empty()) return std::nullopt;
  return by_age_.begin()->first;
}

std::string QueueDesk::trouble() const {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const Queue& queue : queues_)
    for (const Trouble* trouble : {&queue.receiving, &queue.removing, &queue.hiding}) {
      if (!all.empty() && !trouble->what.empty()) all += "; ";
      all += trouble->what;
    }
  return all;
}

}  // namespace trailwarden::ingest
