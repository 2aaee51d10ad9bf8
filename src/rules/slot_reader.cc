#include "rules/slot_reader.h"

#include "event/json_walk.h"

namespace trailwarden::rules {
namespace {

using event::JsonWalk, event::Refusal;
using Kind = JsonValue::Kind;
using NodeId = FieldTrie::NodeId;
using Token = JsonWalk::Token;
using Indexes = std::vector<std::unique_ptr<event::TokenIndex>>;

/// Where in the record something stands, beside its path.
struct Scope {
  std::size_t depth = 0;       // containers open around it
  std::uint32_t position = 0;  // elements of arrays around it
  enum class Texts : std::uint8_t {
    kFollowed,  // reached name by name
    kFlat,      // a top-level member called like the whole path
    kNone,      // reached through a name with dots, which Sigma does not follow
  } texts = Texts::kFollowed;

  Scope inside() const { return {depth + 1, position, texts}; }
};

/// One JSON document being read: the record, or one inside a string of it.
class DocumentReading {
 public:
  DocumentReading(const FieldTrie& trie, event::Arena& arena, Indexes& indexes, std::size_t level, SlotValues& values)
      : trie_(trie), arena_(arena), indexes_(indexes), level_(level), index_(*indexes[level]), walk_(index_, JsonWalk::Numbers::kAnySize), values_(values) {}

  Refusal record();
  /// The value of a member of the record.
  bool member(NodeId id);

 private:
  Token value(Token token, NodeId id, const Scope& scope);
  Token value_as(Token token, NodeId id, const Scope& scope);
  Token object(Token token, NodeId id, const Scope& scope);
  Token dotted(Token token, NodeId id, std::string_view name, const Scope& scope);
  Token dotted_below(Token token, NodeId id, std::string_view rest, const Scope& scope);
  Token array(Token token, NodeId id, const Scope& scope);
  Token string(Token token, NodeId id, const Scope& scope, std::uint32_t position_of_document);
  bool document(std::string_view text, NodeId id, const Scope& scope, std::uint32_t position);
  std::string_view unescaped(std::string_view inside);
  void add(NodeId id, Kind kind, std::string_view text, const Scope& scope);
  void add_text(SlotId slot, const SlotValue& value, const Scope& scope);

  const FieldTrie& trie_;
  event::Arena& arena_;
  Indexes& indexes_;
  const std::size_t level_;
  event::TokenIndex& index_;
  JsonWalk walk_;
  SlotValues& values_;
};

Refusal DocumentReading::record() {
  const Token first = index_.tokens().data();
  if (walk_.peek(first) != '{') return walk_.skip(first, 0) != nullptr ? Refusal::kNotAnObject : walk_.refusal();
  const Token behind = value(first, FieldTrie::kRoot, {});
  if (behind == nullptr) return walk_.refusal();
  return behind == first + index_.tokens().size() ? Refusal::kNone : Refusal::kNotJson;
}

bool DocumentReading::member(NodeId id) {
  const Token first = index_.tokens().data();
  return value(first, id, Scope{}.inside()) == first + index_.tokens().size();
}

/// The value at a node, once more for the rules that decode what stands there.
Token DocumentReading::value(Token token, NodeId id, const Scope& scope) {
  const Token behind = value_as(token, id, scope);
  const NodeId twin = trie_[id].twin;
  return behind == nullptr || twin == FieldTrie::kNone ? behind : value_as(token, twin, scope);
}

Token DocumentReading::value_as(Token token, NodeId id, const Scope& scope) {
  const char first = walk_.peek(token);
  if (first == '"') return string(token, id, scope, scope.position);
  if (first == '[') return array(token, id, scope);
  if (first == '{') {
    const FieldTrie::Node& node = trie_[id];
    const Token behind = node.has_children ? object(token, id, scope) : walk_.skip(token, scope.depth);
    if (behind != nullptr && node.texts != FieldTrie::kNone)
      add_text(node.texts, {.kind = Kind::kObject, .text = index_.text().substr(*token, behind[-1] + std::size_t{1} - *token)}, scope);
    return behind;
  }
  std::string_view text;
  const Token behind = walk_.raw(token, scope.depth, text);
  if (behind != nullptr) add(id, first == 't' ? Kind::kTrue : first == 'f' ? Kind::kFalse : first == 'n' ? Kind::kNull : Kind::kNumber, text, scope);
  return behind;
}

Token DocumentReading::object(Token token, NodeId id, const Scope& scope) {
  if (scope.depth >= event::Decoder::kMaxDepth) return walk_.fail(Refusal::kTooDeep);
  const Scope inside = scope.inside();
  ++token;
  if (walk_.peek(token) == '}') return token + 1;
  while (true) {
    std::string_view name;
    bool escaped = false;
    token = walk_.name(token, name, escaped);
    if (token == nullptr) return nullptr;
    if (escaped) name = unescaped(name);
    const FieldTrie::Step step = trie_.step(id, name);
    if (step.node != FieldTrie::kNone) token = value(token, step.node, inside);
    else if (step.may_be_dotted && name.find('.') != std::string_view::npos) token = dotted(token, id, name, inside);
    else token = walk_.pass(token, inside.depth);
    if (token == nullptr) return nullptr;
    const char behind = walk_.peek(token);
    if (behind != ',') return behind == '}' ? token + 1 : walk_.fail_at(token);
    ++token;
  }
}

/// The value of a member whose name has dots: the same as nesting for event patterns, and for Sigma a whole path.
Token DocumentReading::dotted(Token token, NodeId id, std::string_view name, const Scope& scope) {
  const Token behind = walk_.skip(token, scope.depth);
  if (behind == nullptr) return nullptr;
  dotted_below(token, id, name, {scope.depth, scope.position, Scope::Texts::kNone});
  if (id == FieldTrie::kRoot && trie_.has_flat())
    for (const NodeId flat : trie_.flat(name)) value(token, flat, {scope.depth, scope.position, Scope::Texts::kFlat});
  return behind;
}

Token DocumentReading::dotted_below(Token token, NodeId id, std::string_view rest, const Scope& scope) {
  const std::size_t end = rest.find('.');
  const NodeId below = trie_.child(id, rest.substr(0, end));
  if (below == FieldTrie::kNone) return token;
  if (end == std::string_view::npos) return value(token, below, scope);
  dotted_below(token, below, rest.substr(end + 1), scope);
  // No value stands at the path in between, so there is nothing to decode on the way.
  if (const NodeId twin = trie_[below].twin; twin != FieldTrie::kNone) dotted_below(token, twin, rest.substr(end + 1), scope);
  return token;
}

Token DocumentReading::array(Token token, NodeId id, const Scope& scope) {
  if (scope.depth >= event::Decoder::kMaxDepth) return walk_.fail(Refusal::kTooDeep);
  const FieldTrie::Node& node = trie_[id];
  const Token open = token++;
  const bool is_empty = walk_.peek(token) == ']';
  if (!is_empty) {
    const std::uint32_t array = values_.new_array();
    for (std::uint32_t index = 0;; ++index, ++token) {
      const char first = walk_.peek(token);
      const bool is_container = first == '{' || first == '[';
      Scope inside = scope.inside();
      // A scalar has no position in the array it stands in directly; a document in a string is no scalar.
      const std::uint32_t position = is_container || node.is_decoded ? values_.element(scope.position, array, index) : 0;
      if (is_container) inside.position = position;
      token = first == '"' ? string(token, id, inside, position) : value_as(token, id, inside);
      if (token == nullptr) return nullptr;
      const char behind = walk_.peek(token);
      if (behind == ']') break;
      if (behind != ',') return walk_.fail_at(token);
    }
  }
  if (node.texts != FieldTrie::kNone)
    add_text(node.texts, {.kind = Kind::kArray, .text = is_empty ? "[]" : index_.text().substr(*open, *token + std::size_t{1} - *open)}, scope);
  return token + 1;
}

/// A string at a node. In one that decodes, a JSON object or array in it is read in its place.
Token DocumentReading::string(Token token, NodeId id, const Scope& scope, std::uint32_t position_of_document) {
  const FieldTrie::Node& node = trie_[id];
  std::string_view text;
  bool escaped = false;
  const Token behind = walk_.string(token, text, escaped);
  if (behind == nullptr) return nullptr;
  if (escaped) text = unescaped(text);
  if (!node.is_decoded || !document(text, id, scope, position_of_document)) add(id, Kind::kString, text, scope);
  return behind;
}

bool DocumentReading::document(std::string_view text, NodeId id, const Scope& scope, std::uint32_t position) {
  const std::size_t begin = text.find_first_not_of(" \t\n\r");
  if (begin == std::string_view::npos || (text[begin] != '{' && text[begin] != '[')) return false;
  const std::size_t level = level_ + 1;
  if (indexes_.size() == level) indexes_.push_back(std::make_unique<event::TokenIndex>());
  event::TokenIndex& index = *indexes_[level];
  if (index.build(text) != Refusal::kNone) return false;
  const Token first = index.tokens().data();
  if (JsonWalk(index, JsonWalk::Numbers::kAnySize).skip(first, 0) != first + index.tokens().size()) return false;
  DocumentReading(trie_, arena_, indexes_, level, values_).value(first, id, {0, position, scope.texts});
  return true;
}

std::string_view DocumentReading::unescaped(std::string_view inside) {
  char* const plain = arena_.allocate(inside.size());
  return {plain, event::unescape(inside, plain)};
}

void DocumentReading::add(NodeId id, Kind kind, std::string_view text, const Scope& scope) {
  const FieldTrie::Node& node = trie_[id];
  const SlotValue value{.kind = kind, .position = scope.position, .text = text};
  if (node.leaves != FieldTrie::kNone) values_.add(node.leaves, value);
  if (node.texts != FieldTrie::kNone) add_text(node.texts, value, scope);
}

void DocumentReading::add_text(SlotId slot, const SlotValue& value, const Scope& scope) {
  if (scope.texts == Scope::Texts::kFollowed) values_.add(slot, value);
  if (scope.texts == Scope::Texts::kFlat) values_.add_flat(slot, value);
}

}  // namespace

SlotReader::SlotReader(const FieldTrie& trie) : trie_(&trie) { indexes_.push_back(std::make_unique<event::TokenIndex>()); }
SlotReader::~SlotReader() = default;
SlotReader::SlotReader(SlotReader&&) noexcept = default;
SlotReader& SlotReader::operator=(SlotReader&&) noexcept = default;

void SlotReader::begin(SlotValues& values) {
  values.clear();
  arena_.clear();
}

bool SlotReader::read_member(FieldTrie::NodeId node, std::string_view json, SlotValues& values) {
  return indexes_.front()->build(json) == Refusal::kNone && DocumentReading(*trie_, arena_, indexes_, 0, values).member(node);
}

event::Refusal SlotReader::read(std::string_view record, SlotValues& values) {
  begin(values);
  if (const Refusal refusal = indexes_.front()->build(record); refusal != Refusal::kNone) return refusal;
  const Refusal refusal = DocumentReading(*trie_, arena_, indexes_, 0, values).record();
  if (refusal != Refusal::kNone) values.clear();
  return refusal;
}

std::size_t SlotReader::memory_bytes() const { return arena_.memory_bytes(); }

}  // namespace trailwarden::rules
