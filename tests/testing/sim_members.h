#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "testing/power_cuts.h"

namespace trailwarden::testing {

/// Processes on one simulated Kafka, each in a slot as long as it lives. `Member`: has `log`, a pointer to its `SimLog`, and goes with the process.
template <class Member>
class SimMembers {
 public:
  bool has(std::size_t slot) const { return members_.contains(slot); }
  Member& at(std::size_t slot) const { return *members_.at(slot); }
  std::vector<std::size_t> slots() const {
    std::vector<std::size_t> out;
    for (const auto& [slot, member] : members_) out.push_back(slot);
    return out;
  }

  void add(std::size_t slot, std::unique_ptr<Member> member) { members_[slot] = std::move(member); }

  /// Nothing is said any more, to nobody.
  void kill(std::size_t slot) {
    const auto found = members_.find(slot);
    if (found == members_.end()) return;
    found->second->log->kill();
    members_.erase(found);
  }

  /// `work(member)` says whether it goes on. It is killed if not, and if the power goes out. Without one in the slot nothing happens.
  template <class Work>
  void let(std::size_t slot, Work work) {
    const auto found = members_.find(slot);
    if (found == members_.end()) return;
    try {
      if (work(*found->second)) return;
    } catch (const PowerCut&) {
      ++cuts_;
    }
    kill(slot);
  }

  std::size_t cuts() const { return cuts_; }

 private:
  std::map<std::size_t, std::unique_ptr<Member>> members_;
  std::size_t cuts_ = 0;
};

}  // namespace trailwarden::testing
