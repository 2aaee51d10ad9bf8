#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/hash.h"
#include "core/time.h"
#include "rules/correlation.h"
#include "rules/correlation_match.h"

namespace trailwarden::rules {

/// The groups of one correlation, by the texts of their parts, within the limits of `CorrelationLimits`. A `Group` has size() (its entries), forget, save,
/// load, memory_bytes and ==.
///
/// A group that was idle longest makes room for others; of equally idle ones, by the minute, the first by its texts. O(1) a call, O(log n) for the first of a
/// group's minute. Saved by the texts; `for_each` is in no order.
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
    touched_ = &*found;
    return found->second.group;
  }

  /// After the group that was touched last has changed from `before` entries: makes room by evicting others, while there are any.
  void account(std::size_t before) {
    entries_ += touched_->second.group.size() - before;
    while (entries_ > limits_.entries && rows_.size() > 1) {
      auto idlest = idle_.begin();
      if (idlest->second == &touched_->first) ++idlest;
      evict(idlest->second);
    }
  }

  /// Forgets the groups that were idle since `time`.
  void expire(Timestamp time) {
    while (!idle_.empty() && idle_.begin()->first <= time) remove(idle_.begin()->second);
  }

  /// Removes the groups that are somebody's, and what others hold of somebody; how many of either.
  std::size_t forget(const NamesWho& names) {
    std::size_t count = 0;
    std::vector<const Key*> empty;
    for (auto& [key, row] : rows_) {
      const std::size_t before = row.group.size();
      const bool is_theirs = any_names(names, key);
      const std::size_t forgotten = is_theirs ? 1 : row.group.forget(names);
      entries_ -= before - row.group.size();
      count += forgotten;
      if (is_theirs || (forgotten > 0 && row.group.size() == 0)) empty.push_back(&key);
    }
    for (const Key* const key : empty) remove(key);
    return count;
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
    std::vector<const typename Rows::value_type*> order;
    for (const auto& row : rows_) order.push_back(&row);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
    out.number(evicted_);
    out.number(static_cast<std::uint32_t>(rows_.size()));
    for (const auto* const row : order) {
      for (const std::string& part : row->first) out.text(part);
      out.time(row->second.activity);
      row->second.group.save(out);
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
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      std::uint64_t hash = key.size();
      for (const std::string& part : key) hash = splitmix64(hash ^ xxh3_64(part));
      return hash;
    }
  };
  using Rows = std::unordered_map<Key, Row, KeyHash>;  // rows stay where they are
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
    if constexpr (requires(Group& group) { group.recycle(); }) found->second.group.recycle();
    rows_.erase(found);
  }
  void evict(const Key* key) {
    remove(key);
    ++evicted_;
  }

  CorrelationLimits limits_;
  Rows rows_;
  Idle idle_;  // points at the keys of rows_, which stay where they are
  const typename Rows::value_type* touched_ = nullptr;
  std::size_t entries_ = 0;
  std::uint64_t evicted_ = 0;  // before their time
};

}  // namespace trailwarden::rules
