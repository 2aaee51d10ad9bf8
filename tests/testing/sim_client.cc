#include "testing/sim_client.h"

namespace trailwarden::testing {

void SimClient::kill() {
  if (dead_) return;
  dead_ = true;
  heartbeat_ = nullptr;
  note("is dead");
}

SimError SimClient::send(std::string_view what) {
  if (dead_) return SimError::kDead;
  if (++requests_ == dies_before_request_) {
    note("dies before: " + std::string(what));
    kill();
    return SimError::kDead;
  }
  if (broker_.dice().chance(broker_.faults().freeze)) {
    const auto duration = broker_.dice().within(broker_.faults().freeze_at_most);
    note("freezes for " + std::to_string(duration.count()) + " ms before: " + std::string(what));
    broker_.stand_still(name_, duration);
  }
  if (dead_) return SimError::kDead;
  const SimError error = broker_.admit(name_, what);
  if (error != SimError::kUnavailable && heartbeat_) heartbeat_();
  return error;
}

void SimClient::hear(std::string_view what, SimError error) {
  if (!ask_again(error)) return trouble_.clear();
  if (trouble_.empty()) trouble_since_ = broker_.now();
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(broker_.now() - trouble_since_);
  trouble_ = std::string(what) + ": " + std::string(to_string(error)) + " for " + std::to_string(since.count()) + " ms";
}

}  // namespace trailwarden::testing
