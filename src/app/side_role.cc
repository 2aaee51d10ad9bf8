#include "app/side_role.h"

#include <utility>

#include "core/clocks.h"

namespace trailwarden::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kTurn = 50ms;  // without input

}  // namespace

SideRole::SideRole(OpenedLog log) : log_(std::move(log)), heartbeat_(steady_milliseconds().count()) {}

void SideRole::start() {
  thread_ = std::jthread([this] {
    if (auto done = work(); !done) failure_ = std::move(done).error().during(name());
    ended_ = true;
  });
}

void SideRole::ask_to_stop() {
  stop_ = true;
  log_.log->wake();
}

void SideRole::stop() {
  ask_to_stop();
  if (thread_.joinable()) thread_.join();
}

Result<void> SideRole::work() {
  while (!stop_.load(std::memory_order_relaxed)) {
    heartbeat_.store(steady_milliseconds().count(), std::memory_order_relaxed);
    if (auto done = turn(kTurn); !done) return done;
  }
  return finish();
}

std::chrono::milliseconds SideRole::heartbeat_age() const { return ended_ ? 0ms : steady_milliseconds() - std::chrono::milliseconds{heartbeat_.load(std::memory_order_relaxed)}; }

}  // namespace trailwarden::app
