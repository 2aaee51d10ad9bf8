#include "pipeline/conveyor.h"

#include <thread>

namespace trailwarden::pipeline {

Conveyor::Conveyor(Stations& stations, std::size_t threads) : stations_(stations), threads_(threads), next_judge_(threads, 0) {
  const std::size_t batches = threads == 1 ? 1 : 4 * threads;
  for (std::size_t i = 0; i < batches; ++i) places_.push_back(std::make_unique<Place>(threads));
}

void Conveyor::run() {
  std::vector<std::jthread> others;
  for (std::size_t thread = 1; thread < threads_; ++thread) others.emplace_back([this, thread] { work(thread); });
  work(0);
}

void Conveyor::work(std::size_t thread) {
  std::unique_lock lock(mutex_);
  while (!done_) {
    if (!step(thread, lock)) changed_.wait(lock);
  }
}

bool Conveyor::step(std::size_t thread, std::unique_lock<std::mutex>& lock) {
  return judge_next(thread, lock) || decode_next(thread, lock) || read_next(lock);
}

bool Conveyor::judge_next(std::size_t thread, std::unique_lock<std::mutex>& lock) {
  if (next_judge_[thread] >= next_seal_) return false;
  Place& place = place_of(next_judge_[thread]++);
  lock.unlock();
  stations_.judge(place.batch, thread);
  lock.lock();
  ++place.judged_by;
  commit_ready(lock);
  return true;
}

void Conveyor::commit_ready(std::unique_lock<std::mutex>& lock) {
  while (!committing_ && next_commit_ < next_seal_ && place_of(next_commit_).judged_by == threads_) {
    Place& place = place_of(next_commit_);
    committing_ = true;
    lock.unlock();
    stations_.commit(place.batch);
    const bool was_last = place.batch.last;
    place.batch.clear();
    lock.lock();
    committing_ = false;
    place.judged_by = 0;
    place.state = State::kFree;
    ++next_commit_;
    done_ = was_last;
    changed_.notify_all();
  }
}

bool Conveyor::decode_next(std::size_t thread, std::unique_lock<std::mutex>& lock) {
  if (next_decode_ >= next_read_ || place_of(next_decode_).state != State::kRead) return false;
  Place& place = place_of(next_decode_++);
  place.state = State::kDecoding;
  lock.unlock();
  stations_.decode(place.batch, thread);
  lock.lock();
  place.state = State::kDecoded;
  seal_ready();
  return true;
}

/// Seals every decoded batch whose predecessors are sealed. Under the lock: sealing is a few microseconds.
void Conveyor::seal_ready() {
  while (next_seal_ < next_decode_ && place_of(next_seal_).state == State::kDecoded) {
    stations_.seal(place_of(next_seal_).batch);
    place_of(next_seal_).state = State::kSealed;
    ++next_seal_;
    changed_.notify_all();
  }
}

bool Conveyor::read_next(std::unique_lock<std::mutex>& lock) {
  if (reading_ || end_read_ || place_of(next_read_).state != State::kFree) return false;
  Place& place = place_of(next_read_);
  place.state = State::kReading;
  place.batch.sequence = next_read_;
  reading_ = true;
  lock.unlock();
  stations_.read(place.batch);
  lock.lock();
  reading_ = false;
  end_read_ = place.batch.last;
  place.state = State::kRead;
  ++next_read_;
  changed_.notify_all();
  return true;
}

}  // namespace trailwarden::pipeline
