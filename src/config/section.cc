#include "config/section.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "core/text.h"

namespace trailwarden::config {
namespace {

constexpr std::size_t kMaxSuggestedFrom = 64;  // a longer key is no misspelling of ours

/// One value of a file, with its place. Owned by its parent, so at most Section::kMaxNesting deep.
struct Value {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMapping };

  Kind kind = Kind::kNull;
  int line = 1, column = 1;
  std::string text;           // of a scalar
  bool quoted = false;        // a scalar that can only be a text
  std::vector<Value> keys;    // of a mapping: as many as items, once it is complete
  std::vector<Value> items;   // of a list or mapping
};
using Kind = Value::Kind;

/// What is wrong with a whole file, on its way out of yaml-cpp's parser.
struct Refused {
  int line, column;
  std::string message;
};

Refused refused(const YAML::Mark& mark, std::string message) {
  return {std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1, std::move(message)};
}

/// Builds the values of a file from yaml-cpp's events. yaml-cpp recurses once a level, and its nodes may share and even contain
/// themselves; neither gets past here.
class ValueBuilder final : public YAML::EventHandler {
 public:
  Value take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) throw refused(mark, "a second document begins here; a config is one");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, anchor, Kind::kNull); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { throw refused(mark, kNoAnchors); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
    Value& value = add(mark, anchor, Kind::kScalar);
    value.text = text;
    value.quoted = tag == "!";
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(add(mark, anchor, Kind::kList), mark);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(add(mark, anchor, Kind::kMapping), mark);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  static constexpr const char* kNoAnchors = "anchors and aliases (`&name`, `*name`) are not understood here: write the value out, or put it in quotes";

  Value& add(const YAML::Mark& mark, YAML::anchor_t anchor, Kind kind) {
    if (anchor != 0) throw refused(mark, kNoAnchors);
    Value& value = open_.empty() ? root_ : slot();
    value.kind = kind;
    value.line = std::max(mark.line, 0) + 1;
    value.column = std::max(mark.column, 0) + 1;
    return value;
  }

  Value& slot() {
    Value& parent = *open_.back();
    const bool is_key = parent.kind == Kind::kMapping && parent.keys.size() == parent.items.size();
    return (is_key ? parent.keys : parent.items).emplace_back();
  }

  void open(Value& value, const YAML::Mark& mark) {
    if (open_.size() == Section::kMaxNesting) throw refused(mark, "nested deeper than 32 levels, which no config is");
    open_.push_back(&value);
  }

  Value root_;
  std::vector<Value*> open_;  // innermost last; a parent's vectors do not grow while a child is open
  int documents_ = 0;
};

/// The values of a file; throws what yaml-cpp throws, or Refused.
Value parse_values(std::string_view text) {
  const auto at_start = [](std::string message) { return Refused{1, 1, std::move(message)}; };
  if (text.size() > Section::kMaxFileBytes) throw at_start("larger than 1 MiB, which no config is");
  // yaml-cpp would take UTF-16 and UTF-32 too, and pass on any bytes.
  if (text.find('\0') != std::string_view::npos || !is_utf8(text)) throw at_start("not UTF-8 text");
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  ValueBuilder builder;
  while (parser.HandleNextDocument(builder)) {
  }
  return builder.take();
}

/// A number with a unit of `units` directly behind it, as a multiple of the smallest unit.
template <std::size_t N>
std::optional<std::uint64_t> number_with_unit(std::string_view text, const std::array<std::pair<std::string_view, std::uint64_t>, N>& units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [name, factor] : units) {
    if (unit != name) continue;
    if (number > std::numeric_limits<std::uint64_t>::max() / 2 / factor) return std::nullopt;
    return number * factor;
  }
  return std::nullopt;
}

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> kTimeUnits{{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}}};
constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> kByteUnits{{{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}};

/// A plain number from `min` to `max`.
template <class Number>
std::optional<Number> number_in(const Value& value, Number min, Number max) {
  Number number{};
  const char* const end = value.text.data() + value.text.size();
  const auto [parsed, error] = std::from_chars(value.text.data(), end, number);
  if (value.kind != Kind::kScalar || value.quoted || error != std::errc{} || parsed != end || !(number >= min && number <= max)) return std::nullopt;
  return number;
}

std::string as_written(const Value& scalar) {
  return fmt::format("{}\"{}\"", scalar.quoted ? "the text " : "", printable(scalar.text));
}

}  // namespace

/// One mapping with what is needed to name its places.
struct Section::Node {
  std::string file;
  std::shared_ptr<Diagnostics> diagnostics;
  std::shared_ptr<const Value> mapping;  // null: absent

  const Value* find(std::string_view key) const {
    const auto at = key_index(key);
    return at ? &mapping->items[*at] : nullptr;
  }

  std::optional<std::size_t> key_index(std::string_view key) const {
    if (mapping == nullptr) return std::nullopt;
    for (std::size_t i = 0; i < mapping->keys.size(); ++i)
      if (is_word(mapping->keys[i]) && mapping->keys[i].text == key) return i;
    return std::nullopt;
  }

  static bool is_word(const Value& key) { return key.kind == Kind::kScalar; }

  /// Where nothing is known of the place, the mapping itself stands for it.
  void report(const Value* at, std::string message) const {
    if (at == nullptr) at = mapping.get();
    diagnostics->add(file, at == nullptr ? 1 : at->line, at == nullptr ? 1 : at->column, std::move(message));
  }

  /// A mapping below this one; reports keys that are written twice or are no plain words.
  std::shared_ptr<const Node> below(const Value& value) const {
    auto made = std::make_shared<Node>(Node{file, diagnostics, std::shared_ptr<const Value>(mapping, &value)});
    made->check_keys();
    return made;
  }

  std::shared_ptr<const Node> absent() const { return std::make_shared<Node>(Node{file, diagnostics, nullptr}); }

  void check_keys() const {
    std::set<std::string_view> seen;
    for (const Value& key : mapping->keys) {
      if (!is_word(key)) report(&key, "a key must be a plain word");
      else if (!seen.insert(key.text).second) report(&key, fmt::format("key \"{}\" is written twice", printable(key.text)));
    }
  }

  /// A scalar's value; reports anything else. nullptr: absent or wrong.
  const Value* scalar(std::string_view key, std::string_view expected) const {
    const Value* value = find(key);
    if (value == nullptr || value->kind == Kind::kScalar) return value;
    report(value, fmt::format("{}: expected {}", key, expected));
    return nullptr;
  }

  /// The items of a list; reports anything else. nullptr: absent or wrong.
  const std::vector<Value>* list(std::string_view key, std::string_view expected) const {
    const Value* value = find(key);
    if (value == nullptr || value->kind == Kind::kList) return value == nullptr ? nullptr : &value->items;
    report(value, fmt::format("{}: expected {}", key, expected));
    return nullptr;
  }
};

Section::Section() : node_(std::make_shared<Node>(Node{"", std::make_shared<Diagnostics>(), nullptr})) {}

Section::Section(std::shared_ptr<const Node> node) : node_(std::move(node)) {}

Section Section::parse(std::string_view text, std::string_view file_name, std::shared_ptr<Diagnostics> diagnostics) {
  Node top{std::string(file_name), diagnostics, nullptr};
  try {
    auto root = std::make_shared<Value>(parse_values(text));
    if (root->kind == Kind::kNull) root->kind = Kind::kMapping;  // an empty file
    if (root->kind == Kind::kMapping) {
      top.mapping = std::move(root);
      return Section(top.below(*top.mapping));
    }
    top.report(root.get(), "expected `key: value` lines at the top");
  } catch (const Refused& refusal) {
    diagnostics->add(file_name, refusal.line, refusal.column, refusal.message);
  } catch (const YAML::Exception& error) {
    const Refused place = refused(error.mark, "not YAML: " + printable(error.msg));
    diagnostics->add(file_name, place.line, place.column, place.message);
  }
  return Section(top.absent());
}

bool Section::present() const { return node_->mapping != nullptr; }
bool Section::has(std::string_view key) const { return node_->find(key) != nullptr; }

std::vector<std::string> Section::keys() const {
  std::vector<std::string> out;
  if (!present()) return out;
  for (const Value& key : node_->mapping->keys)
    if (Node::is_word(key)) out.push_back(key.text);
  return out;
}

void Section::only(std::span<const std::string_view> known) const {
  if (!present()) return;
  for (const Value& key : node_->mapping->keys) {
    if (!Node::is_word(key) || std::find(known.begin(), known.end(), key.text) != known.end()) continue;
    const std::string_view nearest = key.text.size() <= kMaxSuggestedFrom ? closest(key.text, known) : std::string_view{};
    node_->report(&key, fmt::format("unknown key \"{}\"{}", printable(key.text), nearest.empty() ? "" : fmt::format(", did you mean \"{}\"?", nearest)));
  }
}

bool Section::boolean(std::string_view key, bool fallback) const {
  const Value* value = node_->scalar(key, "true or false");
  if (value == nullptr) return fallback;
  if (!value->quoted && value->text == "true") return true;
  if (!value->quoted && value->text == "false") return false;
  node_->report(value, fmt::format("{}: expected true or false, not {}", key, as_written(*value)));
  return fallback;
}

std::int64_t Section::integer(std::string_view key, std::int64_t fallback, std::int64_t min, std::int64_t max) const {
  const Value* value = node_->scalar(key, "a whole number");
  if (value == nullptr) return fallback;
  const auto number = number_in<std::int64_t>(*value, min, max);
  if (!number) node_->report(value, fmt::format("{}: expected a whole number from {} to {}, not {}", key, min, max, as_written(*value)));
  return number.value_or(fallback);
}

double Section::number(std::string_view key, double fallback, double min, double max) const {
  const Value* value = node_->scalar(key, "a number");
  if (value == nullptr) return fallback;
  const auto number = number_in<double>(*value, min, max);
  if (!number) node_->report(value, fmt::format("{}: expected a number from {} to {}, not {}", key, min, max, as_written(*value)));
  return number.value_or(fallback);
}

std::chrono::seconds Section::duration(std::string_view key, std::chrono::seconds fallback, std::chrono::seconds min, std::chrono::seconds max) const {
  const Value* value = node_->scalar(key, "a duration");
  if (value == nullptr) return fallback;
  const auto seconds = number_with_unit(value->text, kTimeUnits);
  if (seconds && *seconds >= static_cast<std::uint64_t>(min.count()) && *seconds <= static_cast<std::uint64_t>(max.count()))
    return std::chrono::seconds{static_cast<std::int64_t>(*seconds)};
  node_->report(value, fmt::format("{}: expected a duration with its unit (90s, 15m, 2h, 7d) from {} to {}, not {}", key, format_duration(min),
                                   format_duration(max), as_written(*value)));
  return fallback;
}

std::uint64_t Section::bytes(std::string_view key, std::uint64_t fallback, std::uint64_t min, std::uint64_t max) const {
  const Value* value = node_->scalar(key, "a size");
  if (value == nullptr) return fallback;
  const auto size = number_with_unit(value->text, kByteUnits);
  if (size && *size >= min && *size <= max) return *size;
  node_->report(value, fmt::format("{}: expected a size with its unit (1000B, 64KiB, 256MiB, 1GiB) from {} to {}, not {}", key, format_size(min),
                                   format_size(max), as_written(*value)));
  return fallback;
}

std::string Section::text(std::string_view key, std::string_view fallback) const {
  const Value* value = node_->scalar(key, "a text");
  return value == nullptr ? std::string(fallback) : value->text;
}

std::string Section::choice(std::string_view key, std::string_view fallback, std::span<const std::string_view> allowed) const {
  const Value* value = node_->scalar(key, fmt::format("one of {}", fmt::join(allowed, ", ")));
  if (value == nullptr) return std::string(fallback);
  if (std::find(allowed.begin(), allowed.end(), value->text) != allowed.end()) return value->text;
  node_->report(value, fmt::format("{}: expected one of {}, not {}", key, fmt::join(allowed, ", "), as_written(*value)));
  return std::string(fallback);
}

std::vector<std::string> Section::texts(std::string_view key, std::vector<std::string> fallback) const {
  constexpr std::string_view kExpected = "a list of texts";
  const auto* items = node_->list(key, kExpected);
  if (items == nullptr) return fallback;
  std::vector<std::string> out;
  for (const Value& item : *items) {
    if (item.kind == Kind::kScalar) out.push_back(item.text);
    else node_->report(&item, fmt::format("{}: expected {}", key, kExpected));
  }
  return out;
}

std::vector<std::int64_t> Section::integers(std::string_view key, std::vector<std::int64_t> fallback, std::int64_t min, std::int64_t max) const {
  const std::string expected = fmt::format("a list of whole numbers from {} to {}", min, max);
  const auto* items = node_->list(key, expected);
  if (items == nullptr) return fallback;
  std::vector<std::int64_t> out;
  for (const Value& item : *items) {
    if (const auto number = number_in<std::int64_t>(item, min, max)) out.push_back(*number);
    else node_->report(&item, fmt::format("{}: expected {}", key, expected));
  }
  return out;
}

Section Section::section(std::string_view key) const {
  const Value* value = node_->find(key);
  if (value != nullptr && value->kind == Kind::kMapping) return Section(node_->below(*value));
  if (value != nullptr && value->kind != Kind::kNull) node_->report(value, fmt::format("{}: expected `key: value` lines below it", key));
  return Section(node_->absent());
}

std::vector<Section> Section::sections(std::string_view key) const {
  constexpr std::string_view kExpected = "a list of `- key: value` entries";
  const auto* items = node_->list(key, kExpected);
  std::vector<Section> out;
  if (items == nullptr) return out;
  for (const Value& item : *items) {
    if (item.kind == Kind::kMapping) out.push_back(Section(node_->below(item)));
    else node_->report(&item, fmt::format("{}: expected {}", key, kExpected));
  }
  return out;
}

std::string Section::place() const { return present() ? fmt::format("{}:{}:{}", node_->file, node_->mapping->line, node_->mapping->column) : std::string(); }

void Section::report(std::string_view key, std::string message) const { node_->report(node_->find(key), std::move(message)); }

void Section::report_key(std::string_view key, std::string message) const {
  const auto at = node_->key_index(key);
  node_->report(at ? &node_->mapping->keys[*at] : nullptr, std::move(message));
}

std::string format_duration(std::chrono::seconds duration) {
  const auto seconds = static_cast<std::uint64_t>(duration.count());
  for (std::size_t i = kTimeUnits.size(); i-- > 1;)
    if (seconds != 0 && seconds % kTimeUnits[i].second == 0) return fmt::format("{}{}", seconds / kTimeUnits[i].second, kTimeUnits[i].first);
  return fmt::format("{}s", seconds);
}

std::string format_size(std::uint64_t bytes) {
  for (std::size_t i = kByteUnits.size(); i-- > 1;)
    if (bytes != 0 && bytes % kByteUnits[i].second == 0) return fmt::format("{}{}", bytes / kByteUnits[i].second, kByteUnits[i].first);
  return fmt::format("{}B", bytes);
}

std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      continue;
    }
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + '"';
}

}  // namespace trailwarden::config
