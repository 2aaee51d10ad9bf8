#include "rules/correlation_graph.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/check.h"

namespace trailwarden::rules {
namespace {

/// Where each of `names` stands among the parts of an inner correlation's group; nothing if one does not.
std::optional<std::vector<std::size_t>> places_of(const std::vector<std::string>& names, const std::vector<std::string>& parts) {
  std::vector<std::size_t> out;
  for (const std::string& name : names) {
    const auto found = std::find(parts.begin(), parts.end(), name);
    if (found == parts.end()) return std::nullopt;
    out.push_back(static_cast<std::size_t>(found - parts.begin()));
  }
  return out;
}

std::vector<std::string> picked(const std::vector<std::string>& texts, const std::vector<std::size_t>& places) {
  std::vector<std::string> out;
  for (const std::size_t place : places) out.push_back(texts[place]);
  return out;
}

}  // namespace

Result<CorrelationGraph> CorrelationGraph::create(std::vector<Correlation> correlations) {
  CorrelationGraph graph;
  std::set<std::string> ids;
  for (Correlation& correlation : correlations) {
    const auto number = static_cast<std::uint32_t>(graph.nodes_.size());
    const std::string id = correlation.id;
    const auto refuse = [&id](std::string_view what) { return fail(ErrorCode::kInvalidArgument, fmt::format("correlation {}: {}", id, what)); };
    if (!ids.insert(id).second) return refuse("its id is that of another");
    for (std::uint32_t s = 0; s < correlation.sources.size(); ++s) {
      const CorrelationSource& source = correlation.sources[s];
      if (!source.is_correlation) {
        if (source.index >= graph.feeds_.size()) graph.feeds_.resize(source.index + std::size_t{1});
        graph.feeds_[source.index].push_back({number, s});
        continue;
      }
      if (source.index >= number) return refuse("refers to a correlation that does not stand before it");
      Node& inner = graph.nodes_[source.index];
      const std::vector<std::string>& parts = inner.state.correlation().group_names;
      auto group = places_of(source.group, parts), values = places_of(source.values, parts);
      if (!group || !values) return refuse("looks for something in the results of a correlation that is no part of their group");
      inner.outlets.push_back({{number, s}, std::move(*group), std::move(*values)});
    }
    auto state = CorrelationState::create(std::move(correlation));
    if (!state) return refuse(state.error().message);
    graph.nodes_.push_back({std::move(*state), {}});
  }
  return graph;
}

std::span<const CorrelationGraph::Feed> CorrelationGraph::feeds(std::uint32_t rule) const {
  if (rule >= feeds_.size()) return {};
  return feeds_[rule];
}

void CorrelationGraph::observe(Feed feed, const CorrelationMatch& match, std::vector<Result>& out) {
  TRAILWARDEN_CHECK(match.source == feed.source, "a match is of the source that it is fed to");
  std::vector<CorrelationResult> results;
  nodes_[feed.correlation].state.observe(match, results);
  if (!results.empty()) spread(feed.correlation, std::move(results), out);
}

/// Gives results away, and feeds them to the correlations that refer to theirs; as deep as correlations refer to each other.
void CorrelationGraph::spread(std::uint32_t correlation, std::vector<CorrelationResult> results, std::vector<Result>& out) {
  for (CorrelationResult& result : results) {
    const CorrelationResult copy = result;
    out.push_back({correlation, std::move(result)});
    for (const Outlet& outlet : nodes_[correlation].outlets)
      observe(outlet.feed,
              {.source = outlet.feed.source, .time = copy.time, .event_id = copy.event_id, .group = picked(copy.group, outlet.group), .values = picked(copy.group, outlet.values)}, out);
  }
}

/// Inner ones first: what they find when the watermark moves is not late for the outer ones, whose watermark has not moved yet.
void CorrelationGraph::advance(Timestamp watermark, std::vector<Result>& out) {
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    std::vector<CorrelationResult> results;
    nodes_[i].state.advance(watermark, results);
    if (!results.empty()) spread(i, std::move(results), out);
  }
}

std::size_t CorrelationGraph::forget(const NamesWho& names) {
  std::size_t count = 0;
  for (Node& node : nodes_) count += node.state.forget(names);
  return count;
}

void CorrelationGraph::save(ByteWriter& out) const {
  out.number(static_cast<std::uint32_t>(nodes_.size()));
  for (const Node& node : nodes_) {
    out.text(node.state.correlation().id);
    out.number(fingerprint(node.state.correlation()));
    out.part([&] { node.state.save(out); });
  }
}

Result<std::size_t> CorrelationGraph::load(ByteReader& in) {
  std::map<std::string_view, Node*> by_id;
  for (Node& node : nodes_) by_id[node.state.correlation().id] = &node;
  std::size_t not_taken = 0;
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const std::string id = in.text();
    const auto print = in.number<std::uint64_t>();
    ByteReader part = in.part();
    const auto found = by_id.find(id);
    if (found == by_id.end() || fingerprint(found->second->state.correlation()) != print) {
      ++not_taken;
      continue;
    }
    if (auto loaded = found->second->state.load(part); !loaded) return fail(std::move(loaded.error()));
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "the saved state of the correlations ends too early");
  return not_taken;
}

std::size_t CorrelationGraph::memory_bytes() const {
  std::size_t total = nodes_.capacity() * sizeof(Node);
  for (const Node& node : nodes_) total += node.state.memory_bytes();
  return total;
}

}  // namespace trailwarden::rules
