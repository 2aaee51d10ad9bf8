#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/time.h"
#include "rules/correlation.h"

namespace trailwarden::rules {

/// The groups of one correlation, by the texts of their parts, within the limits of `CorrelationLimits`. A `Group` has size() (its entries), save, load,
/// memory_bytes and ==.
///
/// A group that was idle longest makes room for others; of equally idle ones, by the minute, the first by its texts. O(log n) a call. Iteration is by the
/// texts.
template <class Group>
class GroupTable {
 public:
  using Key = std::vector<std::string>;

  explicit GroupTable(CorrelationLimits limits) : limits_(limits) {}
  GroupTable(GroupTable&&) noexcept = default;
  GroupTable& operator=(GroupTable&&) noexcept = default;

  /// The group, made if need be; it is not idle before `activity`.
  Group& touch(const Key& key, Timestamp activity) {
    const auto minute = std::chrono::ceil<std::chrono::minutes>(activity);
    auto found = rows_.find(key);
    if (found == rows_.end()) {
      while (rows_.size() >= limits_.groups) evict(idle_.begin()->second);
      found = rows_.emplace(key, Row{Group{}, minute}).first;
      idle_.emplace(minute, &found->first);
    } else if (found->second.activity < minute) {
      idle_.erase({found->second.activity, &found->first});
      found->second.activity = minute;
      idle_.emplace(minute, &found->first);
    }
    return found->second.group;
  }

  /// After a group has changed from `before` entries: makes room by evicting others, while there are any.
  void account(const Key& key, std::size_t before) {
    const auto found = rows_.find(key);
    entries_ += found->second.group.size() - before;
    while (entries_ > limits_.entries && rows_.size() > 1) {
      auto idlest = idle_.begin();
      if (idlest->second == &found->first) ++idlest;
      evict(idlest->second);
    }
  }

  /// Forgets the groups that were idle since `time`.
  void expire(Timestamp time) {
    while (!idle_.empty() && idle_.begin()->first <= time) remove(idle_.begin()->second);
  }

  template <class Visit>
  void for_each(Visit visit) {
    for (auto& [key, row] : rows_) {
      const std::size_t before = row.group.size();
      visit(key, row.group);
      entries_ += row.group.size() - before;
    }
  }

  std::size_t size() const { return rows_.size(); }
  std::size_t entries() const { return entries_; }
  std::uint64_t evicted() const { return evicted_; }

  void save(ByteWriter& out) const {
    out.number(evicted_);
    out.number(static_cast<std::uint32_t>(rows_.size()));
    for (const auto& [key, row] : rows_) {
      for (const std::string& part : key) out.text(part);
      out.time(row.activity);
      row.group.save(out);
    }
  }

  /// `parts`: of every key.
  void load(ByteReader& in, std::size_t parts) {
    rows_.clear();
    idle_.clear();
    entries_ = 0;
    evicted_ = in.number<std::uint64_t>();
    const auto count = in.number<std::uint32_t>();
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
      Key key(parts);
      for (std::string& part : key) part = in.text();
      Row row{Group{}, in.time()};
      row.group.load(in);
      const auto [at, is_new] = rows_.emplace(std::move(key), std::move(row));
      if (!is_new) continue;
      entries_ += at->second.group.size();
      idle_.emplace(at->second.activity, &at->first);
    }
  }

  std::size_t memory_bytes() const {
    std::size_t total = 0;
    for (const auto& [key, row] : rows_) {
      total += sizeof(Key) + sizeof(Row) + kNodeBytes + row.group.memory_bytes() + key.capacity() * sizeof(std::string);
      for (const std::string& part : key) total += part.capacity() + 1;
    }
    return total + idle_.size() * (sizeof(typename Idle::value_type) + kNodeBytes);
  }

  bool operator==(const GroupTable& other) const { return rows_ == other.rows_ && evicted_ == other.evicted_; }

 private:
  struct Row {
    Group group;
    Timestamp activity;  // to the minute, so that a busy group moves in `idle_` once a minute only
    bool operator==(const Row&) const = default;
  };
  struct EarlierOrBefore {
    bool operator()(const std::pair<Timestamp, const Key*>& a, const std::pair<Timestamp, const Key*>& b) const {
      return a.first != b.first ? a.first < b.first : *a.second < *b.second;
    }
  };
  using Idle = std::set<std::pair<Timestamp, const Key*>, EarlierOrBefore>;
  static constexpr std::size_t kNodeBytes = 4 * sizeof(void*);  // of a tree

  void remove(const Key* key) {
    const auto found = rows_.find(*key);
    entries_ -= found->second.group.size();
    idle_.erase({found->second.activity, key});
    rows_.erase(found);
  }
  void evict(const Key* key) {
    remove(key);
    ++evicted_;
  }

  CorrelationLimits limits_;
  std::map<Key, Row> rows_;
  Idle idle_;  // points at the keys of rows_, which stay where they are
  std::size_t entries_ = 0;
  std::uint64_t evicted_ = 0;  // before their time
};

}  // namespace trailwarden::rules
