#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "testing/sim_broker.h"

namespace trailwarden::testing {

/// The network end of one client process: sends requests, asks again what may be asked again, stands still at times, and may die at any request.
class SimClient {
 public:
  static constexpr std::chrono::milliseconds kBackoff{100};
  static constexpr std::chrono::milliseconds kOnce{0};
  static constexpr std::chrono::milliseconds kUntilItHeals{std::chrono::hours{1}};  // outages end earlier

  SimClient(SimBroker& broker, std::string name, std::optional<std::uint64_t> dies_before_request)
      : broker_(broker), name_(std::move(name)), dies_before_request_(dies_before_request) {}

  /// Sends a request until it is answered with something definite, or `patience` is over. kDead once the client is.
  template <class Request>
  SimError ask(std::string_view what, std::chrono::milliseconds patience, Request request) {
    const AppendTime give_up = broker_.now() + patience;
    while (true) {
      SimError error = send(what);
      if (error == SimError::kNone) error = request();
      if (dead_) return SimError::kDead;
      hear(what, error);
      if (!ask_again(error) || broker_.now() >= give_up) return error;
      broker_.advance(kBackoff);
    }
  }

  /// What the process does besides, whenever it runs: the heartbeat of its consumer.
  void besides(std::function<void()> heartbeat) { heartbeat_ = std::move(heartbeat); }

  const std::string& name() const { return name_; }
  SimBroker& broker() { return broker_; }
  bool dead() const { return dead_; }
  void kill();
  std::uint64_t requests() const { return requests_; }
  const std::string& trouble() const { return trouble_; }
  void note(std::string_view what) { broker_.note(name_, what); }

 private:
  SimError send(std::string_view what);
  void hear(std::string_view what, SimError error);

  SimBroker& broker_;
  std::string name_;
  std::optional<std::uint64_t> dies_before_request_;
  std::uint64_t requests_ = 0;
  bool dead_ = false;
  std::function<void()> heartbeat_;
  std::string trouble_;
  AppendTime trouble_since_{};
};

}  // namespace trailwarden::testing
