#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "testing/sim_topic.h"
#include "testing/sim_world.h"

namespace trailwarden::testing {

/// What a member asks for when it joins.
struct SimMembership {
  std::string client;  // for the trace; begins the member's id
  std::vector<std::string> topics;
  std::chrono::milliseconds session_timeout{15'000};
  std::chrono::milliseconds rebalance_timeout{60'000};  // also the longest time between polls
};

/// A member's share of the topics in one generation of its group.
struct SimShare {
  std::int32_t generation = 0;
  std::vector<SimTopicPartition> partitions;
};

/// One consumer group with the eager `range` assignor. A rebalance begins when a member joins, leaves or falls silent. Until all members have
/// rejoined, or the rebalance timeout has thrown out those that have not, the old generation goes on being good for commits.
class SimGroup {
 public:
  SimGroup(SimWorld& world, SimTopics& topics, std::string name) : world_(world), topics_(topics), name_(std::move(name)) {}

  /// A new member, which takes part in the rebalance that this begins. Gives its id.
  std::string join(const SimMembership& membership);
  /// What a member does that has given back what it had. kUnknownMember
  SimError rejoin(const std::string& member);
  /// What the member got, once the rebalance that it joined is over.
  std::optional<SimShare> share_of(const std::string& member) const;
  void leave(const std::string& member);

  /// The member is alive; with `polls`, its application too. kUnknownMember
  SimError alive(const std::string& member, bool polls);
  /// Whether it may go on with what it has: kUnknownMember, kRebalance, kIllegalGeneration.
  SimError heartbeat(const std::string& member, std::int32_t generation) const;
  /// Whether it may commit offsets. A rebalance in progress does not matter, as in Kafka: only generation and member do.
  SimError may_commit(const std::string& member, std::int32_t generation) const;

  void rebalance(std::string_view why);
  std::int32_t generation() const { return generation_; }
  std::size_t members() const { return members_.size(); }
  bool reads(std::string_view topic) const;

 private:
  struct Member {
    SimMembership membership;
    AppendTime seen, polled;
    bool joined = true;  // takes part in the rebalance in progress
    std::vector<SimTopicPartition> share;
  };

  void note(const std::string& what) { world_.note("group " + name_, what); }
  AppendTime expires(const Member& member) const;
  void watch(const std::string& id);
  void remove(const std::string& id, std::string_view why);
  void complete_if_all_joined();
  void give_up_waiting(std::uint64_t rebalance);
  void complete();
  void share_out(const std::string& topic, std::int32_t partitions);

  SimWorld& world_;
  SimTopics& topics_;
  std::string name_;
  std::map<std::string, Member> members_;  // by id: the assignor's order
  std::int32_t generation_ = 0;
  bool rebalancing_ = false;
  std::uint64_t rebalances_ = 0, ids_ = 0;
};

}  // namespace trailwarden::testing
