#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/predicate.h"

namespace trailwarden::rules {

/// Where values of one path in one reading are kept while a record is judged.
using SlotId = std::uint32_t;

/// The paths that rules use, as a tree of member names; a node is a prefix of paths. What a record has beside them is passed over.
///
/// A node may have a twin: the same path for those rules that decode its strings as JSON documents.
/// Cost: about 3 ns for a name, known or not; 48 bytes a name. Immutable once `freeze` was called.
class FieldTrie {
 public:
  using NodeId = std::uint32_t;
  static constexpr std::uint32_t kNone = static_cast<std::uint32_t>(-1);
  static constexpr NodeId kRoot = 0;

  struct Node {
    SlotId leaves = kNone, texts = kNone;  // slots of the values here, by reading
    NodeId twin = kNone;                   // where decoded documents are read into
    bool is_decoded = false;               // it is such a twin
    bool has_children = false;
  };

  FieldTrie();

  /// Makes `slot` the one for a path. `decode`: of the rule.
  void add(std::string_view path, Reading reading, const std::vector<std::string>& decode, SlotId slot);
  /// Builds the tables; to be called before anything is looked up.
  void freeze();

  const Node& operator[](NodeId node) const { return nodes_[node]; }

  /// What `name` leads to below a node.
  struct Step {
    NodeId node = kNone;
    bool may_be_dotted = false;  // no such name, but its beginning up to some dot may be one
  };
  /// Eight bytes behind the name have to be readable.
  Step step(NodeId node, std::string_view name) const {
    const Table& table = tables_[node];
    const std::uint64_t head = head_of(name);
    bool may_be_dotted = table.has_short_names;
    for (std::uint32_t at = bucket(head, table);; at = (at + 1) & table.mask) {
      const Entry& entry = entries_[table.first + at];
      if (entry.node == kNone) return {kNone, may_be_dotted};
      if (entry.head != head) continue;
      if (entry.size == name.size() && (name.size() <= 8 || std::memcmp(names_.data() + entry.name, name.data() + 8, name.size() - 8) == 0)) return {entry.node};
      may_be_dotted = true;
    }
  }
  NodeId child(NodeId node, std::string_view name) const { return step(node, name).node; }

  /// The nodes of a top-level member whose name, dots and all, is a whole path in Sigma's reading: one a slot, as rules may differ in what they decode.
  std::span<const NodeId> flat(std::string_view whole_path) const;
  bool has_flat() const { return !flat_.empty(); }

  std::size_t memory_bytes() const;

 private:
  /// An open-addressing table of children, a power of two long and never full.
  struct Table {
    std::uint32_t first = 0, mask = 0;
    bool has_short_names = false;  // some name ends within its head
  };
  struct Entry {
    std::uint64_t head = 0;  // the first eight bytes of the name, zeros behind its end
    std::uint32_t name = 0;  // where the rest of it stands
    std::uint32_t size = 0;
    NodeId node = kNone;
  };

  static std::uint64_t head_of(std::string_view name) {
    std::uint64_t head = 0;
    std::memcpy(&head, name.data(), sizeof head);
    return name.size() >= 8 ? head : head & ((std::uint64_t{1} << (8 * name.size())) - 1);
  }
  /// By the head alone, so that a name with dots is looked for where its first part would stand.
  static std::uint32_t bucket(std::uint64_t head, const Table& table) {
    return static_cast<std::uint32_t>((head * 0x9e3779b97f4a7c15ULL) >> 40) & table.mask;
  }

  NodeId new_step(NodeId from, std::string_view name);
  NodeId twin_of(NodeId node);
  NodeId reach(NodeId node, std::string_view path, const std::vector<std::string>& decode);

  std::vector<Node> nodes_;
  std::map<std::pair<NodeId, std::string>, NodeId> children_;  // until frozen
  std::vector<Table> tables_;                                  // one a node
  std::vector<Entry> entries_;
  std::string names_;
  std::map<std::string, std::vector<NodeId>, std::less<>> flat_;
};

}  // namespace trailwarden::rules
