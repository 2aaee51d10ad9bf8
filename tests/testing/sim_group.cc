#include "testing/sim_group.h"

#include <algorithm>
#include <set>

namespace trailwarden::testing {

std::string SimGroup::join(const SimMembership& membership) {
  std::string id = membership.client + "#" + std::to_string(++ids_);
  members_[id] = {membership, world_.clock.now(), world_.clock.now(), true, {}};
  watch(id);
  rebalance(id + " joins");
  complete_if_all_joined();
  return id;
}

SimError SimGroup::rejoin(const std::string& id) {
  const auto member = members_.find(id);
  if (member == members_.end()) return SimError::kUnknownMember;
  member->second.joined = true;
  rebalance(id + " rejoins");
  complete_if_all_joined();
  return SimError::kNone;
}

std::optional<SimShare> SimGroup::share_of(const std::string& id) const {
  const auto member = members_.find(id);
  if (rebalancing_ || member == members_.end()) return std::nullopt;
  return SimShare{generation_, member->second.share};
}

void SimGroup::leave(const std::string& id) {
  if (members_.contains(id)) remove(id, "leaves");
}

SimError SimGroup::alive(const std::string& id, bool polls) {
  const auto member = members_.find(id);
  if (member == members_.end()) return SimError::kUnknownMember;
  member->second.seen = world_.clock.now();
  if (polls) member->second.polled = world_.clock.now();
  return SimError::kNone;
}

SimError SimGroup::heartbeat(const std::string& id, std::int32_t generation) const {
  if (!members_.contains(id)) return SimError::kUnknownMember;
  if (rebalancing_) return SimError::kRebalance;
  return generation == generation_ ? SimError::kNone : SimError::kIllegalGeneration;
}

SimError SimGroup::may_commit(const std::string& id, std::int32_t generation) const {
  if (world_.flaws.any_generation) return SimError::kNone;
  if (!members_.contains(id)) return SimError::kUnknownMember;
  return generation == generation_ ? SimError::kNone : SimError::kIllegalGeneration;
}

bool SimGroup::reads(std::string_view topic) const {
  return std::ranges::any_of(members_, [&](const auto& member) { return std::ranges::count(member.second.membership.topics, topic) > 0; });
}

void SimGroup::rebalance(std::string_view why) {
  if (rebalancing_ || members_.empty()) return;
  rebalancing_ = true;
  note("rebalance: " + std::string(why));
  auto longest = std::chrono::milliseconds::zero();
  for (const auto& [id, member] : members_) longest = std::max(longest, member.membership.rebalance_timeout);
  world_.clock.at(world_.clock.now() + longest, [this, rebalance = ++rebalances_] { give_up_waiting(rebalance); });
}

AppendTime SimGroup::expires(const Member& member) const {
  // A coordinator that comes back begins to count anew.
  return std::min(std::max(member.seen, world_.outage_ends) + member.membership.session_timeout,
                  std::max(member.polled, world_.outage_ends) + member.membership.rebalance_timeout);
}

void SimGroup::watch(const std::string& id) {
  const auto member = members_.find(id);
  if (member == members_.end()) return;
  const AppendTime expiry = expires(member->second);
  if (expiry <= world_.clock.now()) return remove(id, "falls silent");
  world_.clock.at(expiry, [this, id] { watch(id); });
}

void SimGroup::remove(const std::string& id, std::string_view why) {
  members_.erase(id);
  note(id + " " + std::string(why));
  if (members_.empty()) rebalancing_ = false;
  rebalance("a member is gone");
  complete_if_all_joined();
}

void SimGroup::complete_if_all_joined() {
  const auto joined = [](const auto& member) { return member.second.joined; };
  if (rebalancing_ && std::ranges::all_of(members_, joined)) complete();
}

void SimGroup::give_up_waiting(std::uint64_t rebalance) {
  if (!rebalancing_ || rebalance != rebalances_) return;
  if (world_.outage()) return world_.clock.at(world_.outage_ends + std::chrono::seconds{10}, [this, rebalance] { give_up_waiting(rebalance); });
  const auto late = std::erase_if(members_, [](const auto& member) { return !member.second.joined; });
  note(std::to_string(late) + " did not rejoin in time");
  if (members_.empty()) {
    rebalancing_ = false;
    return;
  }
  complete();
}

void SimGroup::complete() {
  rebalancing_ = false;
  ++generation_;
  std::set<std::string> topics;
  for (auto& [id, member] : members_) {
    member.joined = false;
    member.share.clear();
    topics.insert(member.membership.topics.begin(), member.membership.topics.end());
  }
  for (const std::string& topic : topics)
    if (const SimTopic* found = topics_.find(topic)) share_out(topic, static_cast<std::int32_t>(found->partitions.size()));
  note("generation " + std::to_string(generation_) + ", " + std::to_string(members_.size()) + " members");
}

// Kafka's RangeAssignor: of each topic a run of numbers to each member in order of ids, the first ones get one more.
void SimGroup::share_out(const std::string& topic, std::int32_t partitions) {
  std::vector<Member*> readers;
  for (auto& [id, member] : members_)
    if (std::ranges::count(member.membership.topics, topic) > 0) readers.push_back(&member);
  const auto count = static_cast<std::int32_t>(readers.size());
  std::int32_t next = 0;
  for (std::int32_t i = 0; i < count; ++i)
    for (std::int32_t left = partitions / count + (i < partitions % count ? 1 : 0); left > 0; --left)
      readers[static_cast<std::size_t>(i)]->share.push_back({topic, next++});
}

}  // namespace trailwarden::testing
