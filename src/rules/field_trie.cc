#include "rules/field_trie.h"

#include <algorithm>
#include <bit>

namespace trailwarden::rules {

FieldTrie::FieldTrie() : nodes_(1) {}

FieldTrie::NodeId FieldTrie::new_step(NodeId from, std::string_view name) {
  const auto [at, is_new] = children_.try_emplace({from, std::string(name)}, static_cast<NodeId>(nodes_.size()));
  if (is_new) {
    nodes_[from].has_children = true;
    nodes_.emplace_back();
  }
  return at->second;
}

FieldTrie::NodeId FieldTrie::twin_of(NodeId node) {
  if (nodes_[node].twin == kNone) {
    nodes_[node].twin = static_cast<NodeId>(nodes_.size());
    nodes_.push_back({.is_decoded = true});
  }
  return nodes_[node].twin;
}

/// `node`, whose path is `path`, or its twin if the rule decodes that path.
FieldTrie::NodeId FieldTrie::reach(NodeId node, std::string_view path, const std::vector<std::string>& decode) {
  return std::find(decode.begin(), decode.end(), path) == decode.end() ? node : twin_of(node);
}

void FieldTrie::add(std::string_view path, Reading reading, const std::vector<std::string>& decode, SlotId slot) {
  if (reading == Reading::kTexts && path.empty()) {
    nodes_[kRoot].texts = slot;
    return;
  }
  NodeId node = kRoot;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    node = reach(new_step(node, path.substr(begin, end - begin)), path.substr(0, end), decode);
    begin = end + 1;
  }
  (reading == Reading::kLeaves ? nodes_[node].leaves : nodes_[node].texts) = slot;
  if (reading != Reading::kTexts || path.find('.') == std::string_view::npos) return;
  const auto flat = static_cast<NodeId>(nodes_.size());
  nodes_.emplace_back();
  flat_[std::string(path)].push_back(flat);
  nodes_[reach(flat, path, decode)].texts = slot;
}

void FieldTrie::freeze() {
  std::vector<std::uint32_t> counts(nodes_.size());
  for (const auto& [key, node] : children_) ++counts[key.first];
  tables_.resize(nodes_.size());
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    const auto size = static_cast<std::uint32_t>(std::bit_ceil(counts[node] * 2 + 1));
    tables_[node] = {static_cast<std::uint32_t>(entries_.size()), size - 1};
    entries_.resize(entries_.size() + size);
  }
  for (const auto& [key, node] : children_) {
    const auto& [parent, name] = key;
    const std::string padded = name + std::string(8, '\0');
    Table& table = tables_[parent];
    table.has_short_names = table.has_short_names || name.size() < 8;
    const std::uint64_t head = head_of({padded.data(), name.size()});
    std::uint32_t at = bucket(head, table);
    while (entries_[table.first + at].node != kNone) at = (at + 1) & table.mask;
    entries_[table.first + at] = {head, static_cast<std::uint32_t>(names_.size()), static_cast<std::uint32_t>(name.size()), node};
    if (name.size() > 8) names_.append(name, 8);
  }
  children_.clear();
}

std::span<const FieldTrie::NodeId> FieldTrie::flat(std::string_view whole_path) const {
  const auto found = flat_.find(whole_path);
  return found == flat_.end() ? std::span<const NodeId>() : std::span<const NodeId>(found->second);
}

std::size_t FieldTrie::memory_bytes() const {
  std::size_t bytes = nodes_.capacity() * sizeof(Node) + tables_.capacity() * sizeof(Table) + entries_.capacity() * sizeof(Entry) + names_.capacity();
  for (const auto& [name, nodes] : flat_) bytes += name.size() + 96 + nodes.capacity() * sizeof(NodeId);
  return bytes;
}

}  // namespace trailwarden::rules
