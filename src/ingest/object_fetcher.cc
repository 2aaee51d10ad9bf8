#include "ingest/object_fetcher.h"

#include <utility>

#include "core/check.h"
#include "core/thread.h"

namespace trailwarden::ingest {
namespace {

constexpr std::uint64_t kUnknownBytes = std::uint64_t{1} << 20;  // most of CloudTrail's objects have less

}  // namespace

ObjectFetcher::~ObjectFetcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ObjectFetcher::start_threads() {
  while (threads_.size() < options_.threads) {
    auto thread = start_thread("object-fetcher", [this] { run(); });
    if (!thread) return;
    threads_.push_back(std::move(*thread));
  }
}

std::uint64_t ObjectFetcher::want(std::shared_ptr<trail::ObjectStore> store, std::string key, std::uint64_t bytes) {
  if (threads_.empty()) start_threads();
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({++last_, std::move(store), std::move(key), bytes == 0 ? kUnknownBytes : bytes});
  }
  changed_.notify_one();
  return last_;
}

void ObjectFetcher::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || may_begin(); });
    if (stop_) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    begun_[job.number].bytes = job.bytes;
    held_ += job.bytes;
    lock.unlock();
    changed_.notify_one();  // there may be room for the next one
    auto got = job.store->get(job.key);
    lock.lock();
    begun_[job.number].got = std::move(got);
    lock.unlock();
    if (options_.on_done) options_.on_done();
    lock.lock();
  }
}

std::optional<ObjectFetcher::Got> ObjectFetcher::take(std::uint64_t number) {
  std::unique_lock lock(mutex_);
  if (threads_.empty()) {
    TRAILWARDEN_CHECK(!jobs_.empty() && jobs_.front().number == number, "objects are taken in the order in which they were wanted");
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    return job.store->get(job.key);
  }
  const auto found = begun_.find(number);
  if (found == begun_.end() || !found->second.got) return std::nullopt;
  std::optional<Got> got = std::move(found->second.got);
  held_ -= found->second.bytes;
  begun_.erase(found);
  lock.unlock();
  changed_.notify_all();
  return got;
}

}  // namespace trailwarden::ingest
