#include "rules/string_automaton.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "rules/glob.h"
#include "rules/utf8.h"

namespace trailwarden::rules {
namespace {

using State = std::uint32_t;

struct Edge {
  unsigned char low, high;  // bytes
  State to;
};

/// A state of the nondeterministic automaton.
struct Node {
  enum class Loop : std::uint8_t { kNone, kAny, kContinuation } loop = Loop::kNone;  // bytes that lead back to it
  std::vector<Edge> edges;
  std::vector<State> silent;       // entered together with this one
  std::vector<std::uint32_t> ends; // globs that end here
  std::vector<std::uint32_t> said; // globs that accept whatever follows
};

/// All globs as one tree of steps, so that those which begin alike share their states.
class Tree {
 public:
  Tree() : nodes_(1) {}

  void add(const Glob& glob, std::uint32_t id) {
    const std::vector<GlobStep> steps = steps_of(glob);
    State at = 0;
    for (const GlobStep& step : steps) {
      const bool is_last = &step == &steps.back();
      if (is_last && step.kind == GlobStep::Kind::kMany) {
        nodes_[child(at, "!", &Tree::add_last)].said.push_back(id);
        return;
      }
      at = step_from(at, step);
    }
    nodes_[at].ends.push_back(id);
  }

  const std::vector<Node>& nodes() const { return nodes_; }

 private:
  State step_from(State from, const GlobStep& step) {
    switch (step.kind) {
      case GlobStep::Kind::kMany: return child(from, "*", &Tree::add_gap);
      case GlobStep::Kind::kOne: return child(from, "?", &Tree::add_any);
      case GlobStep::Kind::kText: break;
    }
    std::string key = "=";
    for (const std::string& spelling : step.spellings) key += std::to_string(spelling.size()) + ':' + spelling;
    const auto [at, is_new] = children_.try_emplace({from, std::move(key)}, 0);
    if (is_new) {
      const State to = new_node();
      at->second = to;
      for (const std::string& spelling : step.spellings) spell(from, spelling, to);
    }
    return at->second;
  }

  State child(State from, const char* key, void (Tree::*make)(State from, State to)) {
    const auto [at, is_new] = children_.try_emplace({from, key}, 0);
    if (is_new) {
      at->second = new_node();
      (this->*make)(from, at->second);
    }
    return at->second;
  }

  void add_gap(State from, State to) {
    nodes_[from].silent.push_back(to);
    nodes_[to].loop = Node::Loop::kAny;
  }
  void add_last(State from, State to) { nodes_[from].silent.push_back(to); }
  /// Any code point: its first byte leads on, the others stay. What follows never begins with one of these.
  void add_any(State from, State to) {
    nodes_[from].edges.push_back({0x00, 0x7f, to});
    nodes_[from].edges.push_back({0xc0, 0xff, to});
    nodes_[to].loop = Node::Loop::kContinuation;
  }

  void spell(State from, std::string_view spelling, State to) {
    for (std::size_t i = 0; i < spelling.size(); ++i) {
      const auto byte = static_cast<unsigned char>(spelling[i]);
      const State next = i + 1 == spelling.size() ? to : new_node();
      nodes_[from].edges.push_back({byte, byte, next});
      from = next;
    }
  }

  State new_node() {
    nodes_.emplace_back();
    return static_cast<State>(nodes_.size() - 1);
  }

  std::vector<Node> nodes_;
  std::map<std::pair<State, std::string>, State> children_;
};

/// Bytes that every edge treats alike, by number.
struct ByteClasses {
  std::array<std::uint8_t, 256> of{};
  std::vector<unsigned char> sample;  // one byte of each

  explicit ByteClasses(const std::vector<Node>& nodes) {
    // What a byte does: for each edge that takes it, from where to where.
    std::vector<std::vector<std::pair<State, State>>> does(256);
    for (State from = 0; from < nodes.size(); ++from)
      for (const Edge& edge : nodes[from].edges)
        for (unsigned byte = edge.low; byte <= edge.high; ++byte) does[byte].emplace_back(from, edge.to);
    const bool has_one = std::any_of(nodes.begin(), nodes.end(), [](const Node& n) { return n.loop == Node::Loop::kContinuation; });
    std::map<std::pair<bool, std::vector<std::pair<State, State>>>, std::uint8_t> seen;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool stays = has_one && is_utf8_continuation(static_cast<char>(byte));
      const auto [at, is_new] = seen.try_emplace({stays, std::move(does[byte])}, static_cast<std::uint8_t>(sample.size()));
      if (is_new) sample.push_back(static_cast<unsigned char>(byte));
      of[byte] = at->second;
    }
  }
};

struct SetHash {
  std::size_t operator()(const std::vector<State>& set) const {
    std::uint64_t hash = set.size();
    for (const State state : set) hash = (hash ^ state) * 0x9e3779b97f4a7c15ULL ^ hash >> 29;
    return static_cast<std::size_t>(hash);
  }
};

}  // namespace

/// The subset construction: each set of nodes that some text leads to is a state.
class AutomatonBuilder {
 public:
  explicit AutomatonBuilder(const std::vector<Node>& nodes) : nodes_(nodes), classes_(nodes), targets_(classes_.sample.size()) {}

  /// False if there are more than `max_states`, or these are sets so large that finding them takes long.
  bool run(std::size_t max_states) {
    number_of({0});
    for (std::size_t state = 0; state < sets_.size(); ++state) {
      if (sets_.size() > max_states || nodes_in_sets_ > kNodesPerState * max_states) return false;
      follow(*sets_[state]);
    }
    return sets_.size() <= max_states;
  }

  StringAutomaton finish() const;

 private:
  /// Appends the row of states that follow the set.
  void follow(const std::vector<State>& set) {
    for (auto& target : targets_) target.clear();
    everywhere_.clear();
    for (const State from : set) {
      const Node& node = nodes_[from];
      if (node.loop == Node::Loop::kAny) everywhere_.push_back(from);
      if (node.loop == Node::Loop::kContinuation) add(0x80, 0xbf, from);
      for (const Edge& edge : node.edges) add(edge.low, edge.high, edge.to);
    }
    const State elsewhere = number_of(everywhere_);
    for (auto& target : targets_) {
      if (target.empty()) {
        next_.push_back(elsewhere);
        continue;
      }
      target.insert(target.end(), everywhere_.begin(), everywhere_.end());
      next_.push_back(number_of(target));
    }
  }

  void add(unsigned low, unsigned high, State to) {
    if (low == high) {
      targets_[classes_.of[low]].push_back(to);
      return;
    }
    for (std::size_t c = 0; c < targets_.size(); ++c)
      if (classes_.sample[c] >= low && classes_.sample[c] <= high) targets_[c].push_back(to);
  }

  /// The number of a set, with what is entered together with it.
  State number_of(std::vector<State> set) {
    for (std::size_t i = 0; i < set.size(); ++i) set.insert(set.end(), nodes_[set[i]].silent.begin(), nodes_[set[i]].silent.end());
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
    const auto [at, is_new] = numbers_.try_emplace(std::move(set), static_cast<State>(sets_.size()));
    if (is_new) {
      sets_.push_back(&at->first);
      nodes_in_sets_ += at->first.size();
    }
    return at->second;
  }

  bool is_special(const std::vector<State>& set) const {
    return set.empty() || std::any_of(set.begin(), set.end(), [this](State s) { return !nodes_[s].said.empty(); });
  }

  static constexpr std::size_t kNodesPerState = 32;

  const std::vector<Node>& nodes_;
  ByteClasses classes_;
  std::unordered_map<std::vector<State>, State, SetHash> numbers_;
  std::vector<const std::vector<State>*> sets_;  // by number
  std::size_t nodes_in_sets_ = 0;
  std::vector<State> next_;                      // [sets x classes]
  std::vector<std::vector<State>> targets_;      // scratch: by class
  std::vector<State> everywhere_;                // scratch: on any byte
};

/// Orders the states: ordinary ones, then those that report on the way, then the one from which nothing comes.
StringAutomaton AutomatonBuilder::finish() const {
  const auto classes = static_cast<std::uint32_t>(classes_.sample.size());
  std::vector<State> order;
  for (const int group : {0, 1, 2})
    for (State s = 0; s < sets_.size(); ++s)
      if (group == (sets_[s]->empty() ? 2 : is_special(*sets_[s]) ? 1 : 0)) order.push_back(s);
  const bool has_dead = sets_[order.back()]->empty();
  std::vector<std::uint32_t> row(sets_.size());
  for (std::size_t i = 0; i < order.size(); ++i) row[order[i]] = static_cast<std::uint32_t>(i) * classes;

  StringAutomaton automaton;
  automaton.classes_ = classes_.of;
  automaton.class_count_ = classes;
  automaton.start_ = row[0];
  automaton.dead_ = has_dead ? row[order.back()] : static_cast<std::uint32_t>(order.size()) * classes;
  automaton.special_ = automaton.dead_;
  automaton.next_.reserve(next_.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::vector<State>& set = *sets_[order[i]];
    if (is_special(set)) automaton.special_ = std::min(automaton.special_, row[order[i]]);
    for (std::uint32_t c = 0; c < classes; ++c) automaton.next_.push_back(row[next_[std::size_t{order[i]} * classes + c]]);
    const auto list = [&set, this](StringAutomaton::Reports& reports, std::vector<std::uint32_t> Node::*ids) {
      reports.begins.push_back(static_cast<std::uint32_t>(reports.ids.size()));
      for (const State s : set) reports.ids.insert(reports.ids.end(), (nodes_[s].*ids).begin(), (nodes_[s].*ids).end());
    };
    list(automaton.said_, &Node::said);
    list(automaton.at_end_, &Node::ends);
  }
  automaton.said_.begins.push_back(static_cast<std::uint32_t>(automaton.said_.ids.size()));
  automaton.at_end_.begins.push_back(static_cast<std::uint32_t>(automaton.at_end_.ids.size()));
  return automaton;
}

std::optional<StringAutomaton> StringAutomaton::build(std::span<const Entry> entries, std::size_t max_states) {
  Tree tree;
  for (const Entry& entry : entries) tree.add(*entry.glob, entry.id);
  AutomatonBuilder builder(tree.nodes());
  if (!builder.run(max_states)) return std::nullopt;
  return builder.finish();
}

std::size_t StringAutomaton::memory_bytes() const {
  return sizeof *this + 4 * (next_.capacity() + said_.begins.capacity() + said_.ids.capacity() + at_end_.begins.capacity() + at_end_.ids.capacity());
}

}  // namespace trailwarden::rules
