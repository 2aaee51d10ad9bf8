#include "rules/yaml_tree.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <numeric>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "core/text.h"

namespace trailwarden::rules {
namespace {

using Kind = YamlNode::Kind;

using Refused = YamlFault;  // on its way out of yaml-cpp's parser

YamlPlace place_of(const YAML::Mark& mark) { return {std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1}; }

/// Behind the last character.
YamlPlace end_of(std::string_view text) {
  const std::size_t last_line = text.rfind('\n') == text.npos ? 0 : text.rfind('\n') + 1;
  return {static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1, static_cast<int>(text.size() - last_line) + 1};
}

/// The place itself, or the end of the text if it lies behind that, on the end marker that `parse` adds.
YamlPlace inside(YamlPlace place, YamlPlace end) { return place.line > end.line ? end : place; }

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) { return std::find(words.begin(), words.end(), text) != words.end(); }

std::string_view without_sign(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return text;
}

/// How many decimal digits `text` begins with.
std::size_t digits(std::string_view text) {
  const auto end = text.find_first_not_of("0123456789");
  return end == std::string_view::npos ? text.size() : end;
}

bool is_decimal_integer(std::string_view text) {
  text = without_sign(text);
  return !text.empty() && digits(text) == text.size();
}

/// Whether `text` is [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view text) {
  text = without_sign(text);
  const std::size_t whole = digits(text);
  text.remove_prefix(whole);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const std::size_t fraction = digits(text);
    if (whole == 0 && fraction == 0) return false;
    text.remove_prefix(fraction);
  } else if (whole == 0) {
    return false;
  }
  if (text.empty()) return true;
  return (text[0] == 'e' || text[0] == 'E') && is_decimal_integer(text.substr(1));
}

/// The value of a text of the form that is_float asks for; infinite, or zero, where binary64 has none.
double float_value(std::string_view text) {
  const bool negative = text.starts_with('-');
  text = without_sign(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range)
    value = text.find("e-") == text.npos && text.find("E-") == text.npos ? std::numeric_limits<double>::infinity() : 0.0;
  return negative ? -value : value;
}

/// 0x1F and 0o17: the base, or 0 if `text` is neither.
int base_of(std::string_view text) {
  const int base = text.starts_with("0x") ? 16 : text.starts_with("0o") ? 8 : 0;
  const std::string_view allowed = base == 16 ? "0123456789abcdefABCDEF" : "01234567";
  return base != 0 && text.size() > 2 && text.find_first_not_of(allowed, 2) == text.npos ? base : 0;
}

/// Gives a plain scalar its type in the core schema. (yaml-cpp has told nulls apart before.)
void resolve(YamlNode& node) {
  const std::string_view text = node.text;
  node.kind = Kind::kString;
  if (is_one_of(text, {"true", "True", "TRUE", "false", "False", "FALSE"})) {
    node.kind = Kind::kBoolean;
    node.boolean = text[0] == 't' || text[0] == 'T';
  } else if (is_decimal_integer(text)) {
    node.kind = Kind::kInteger;
    node.number = float_value(text);
  } else if (const int base = base_of(text); base != 0) {
    node.kind = Kind::kInteger;
    for (const char c : text.substr(2)) node.number = node.number * base + static_cast<double>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  } else if (is_float(text)) {
    node.kind = Kind::kFloat;
    node.number = float_value(text);
  } else if (is_one_of(without_sign(text), {".inf", ".Inf", ".INF"})) {
    node.kind = Kind::kFloat;
    node.number = text[0] == '-' ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  } else if (is_one_of(text, {".nan", ".NaN", ".NAN"})) {
    node.kind = Kind::kFloat;
    node.number = std::numeric_limits<double>::quiet_NaN();
  }
}

struct Extent {
  std::size_t nodes = 1, depth = 1;
};

Extent extent(const YamlNode& node) {
  Extent all;
  const auto add = [&all](const YamlNode& child) {
    const Extent one = extent(child);
    all.nodes += one.nodes;
    all.depth = std::max(all.depth, one.depth + 1);
  };
  for (const YamlNode& item : node.items) add(item);
  for (const YamlMember& member : node.members) add(member.value);
  return all;
}

void refuse_repeated_keys(const YamlNode& map) {
  std::vector<std::size_t> order(map.members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&map](std::size_t a, std::size_t b) { return std::tie(map.members[a].key, a) < std::tie(map.members[b].key, b); });
  const YamlMember* first_repeated = nullptr;
  for (std::size_t i = 1; i < order.size(); ++i) {
    const YamlMember& member = map.members[order[i]];
    const bool repeated = member.key == map.members[order[i - 1]].key;
    if (repeated && (first_repeated == nullptr || &member < first_repeated)) first_repeated = &member;
  }
  if (first_repeated != nullptr) throw Refused{first_repeated->place, fmt::format("key \"{}\" is written twice", printable(first_repeated->key))};
}

/// Builds the tree from yaml-cpp's events. yaml-cpp recurses once a level, and its own nodes may share and even contain themselves; neither gets past here.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(YamlPlace end) : end_(end) {}

  std::vector<YamlNode> take() { return std::move(documents_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    // yaml-cpp begins one document after another where it stands before a comma or a bracket that belongs to nothing.
    if (!documents_.empty() && mark.pos == document_start_) throw Refused{at(mark), "not YAML: nothing can begin with this character"};
    document_start_ = mark.pos;
    documents_.emplace_back();
    anchors_.clear();
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (at_key()) throw Refused{at(mark), "a key is missing, or null: write its name, in quotes if it is \"null\" or \"~\""};
    add(mark, anchor).text = "null";
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Kind::kList);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Kind::kMap);
  }
  void OnMapEnd() override {
    refuse_repeated_keys(*open_.back().node);
    open_.pop_back();
  }

 private:
  struct Open {
    YamlNode* node;        // stays where it is: a parent's vectors do not grow while a child is open
    bool has_key = false;  // of a map: a key was read, and not its value yet
  };
  /// The way from the document to a node: at each level which item, or which member.
  using Path = std::vector<std::size_t>;

  YamlPlace at(const YAML::Mark& mark) const { return inside(place_of(mark), end_); }
  bool at_key() const { return !open_.empty() && open_.back().node->kind == Kind::kMap && !open_.back().has_key; }
  void add_key(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& text);
  YamlNode& add(const YAML::Mark& mark, YAML::anchor_t anchor);
  YamlNode& slot();
  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Kind kind);
  void remember(const YAML::Mark& mark, YAML::anchor_t anchor);
  void count(std::size_t nodes, const YAML::Mark& mark);

  YamlPlace end_;  // of the file
  std::vector<YamlNode> documents_;
  std::vector<Open> open_;  // innermost last
  std::map<YAML::anchor_t, Path> anchors_;
  std::size_t nodes_ = 0, alias_nodes_ = 0;
  int document_start_ = 0;
};

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) {
  const bool is_text = tag == "!" || tag == "tag:yaml.org,2002:str";
  if (!is_text && !is_one_of(tag, {"", "?"})) throw Refused{at(mark), "tags are not understood here, but for `!!str`: put a text in quotes instead"};
  if (at_key()) return add_key(mark, anchor, text);
  YamlNode& node = add(mark, anchor);
  node.text = text;
  node.kind = Kind::kString;
  if (!is_text) resolve(node);
}

void TreeBuilder::add_key(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& text) {
  if (anchor != 0) throw Refused{at(mark), "a key may have no anchor (`&name`)"};
  if (text == "<<") throw Refused{at(mark), "merge keys (`<<`) are of YAML 1.1 and not understood here: write the keys out"};
  open_.back().node->members.push_back({text, at(mark), {}});
  open_.back().has_key = true;
}

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const YamlPlace place = at(mark);
  if (at_key()) throw Refused{place, "an alias (`*name`) may not stand for a key: write the key out"};
  const YamlNode* named = &documents_.back();
  for (const std::size_t step : anchors_.at(anchor)) named = named->kind == Kind::kMap ? &named->members[step].value : &named->items[step];
  for (const Open& level : open_)
    if (level.node == named) throw Refused{place, "an alias stands inside the value that it names, which would never end"};
  const Extent repeated = extent(*named);
  alias_nodes_ += repeated.nodes;
  if (alias_nodes_ > kMaxYamlAliasNodes)
    throw Refused{place, fmt::format("its aliases repeat more than {} values: write out what is meant", with_commas(kMaxYamlAliasNodes))};
  if (open_.size() + repeated.depth > kMaxYamlDepth) throw Refused{place, fmt::format("nested deeper than {} levels", kMaxYamlDepth)};
  count(repeated.nodes, mark);
  YamlNode copy = *named;  // before the slot: making room for it may move what is named
  slot() = std::move(copy);
}

YamlNode& TreeBuilder::add(const YAML::Mark& mark, YAML::anchor_t anchor) {
  count(1, mark);
  YamlNode& node = slot();
  node.place = at(mark);
  if (anchor != 0) remember(mark, anchor);
  return node;
}

/// Where the next value goes.
YamlNode& TreeBuilder::slot() {
  if (open_.empty()) return documents_.back();
  Open& parent = open_.back();
  if (parent.node->kind == Kind::kList) return parent.node->items.emplace_back();
  parent.has_key = false;
  return parent.node->members.back().value;
}

void TreeBuilder::open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Kind kind) {
  if (!is_one_of(tag, {"", "?", "!", kind == Kind::kMap ? "tag:yaml.org,2002:map" : "tag:yaml.org,2002:seq"}))
    throw Refused{at(mark), "tags are not understood here: remove it"};
  if (at_key()) throw Refused{at(mark), "a key must be a plain word; put it in quotes if it has brackets or braces"};
  if (open_.size() == kMaxYamlDepth) throw Refused{at(mark), fmt::format("nested deeper than {} levels", kMaxYamlDepth)};
  YamlNode& node = add(mark, anchor);
  node.kind = kind;
  open_.push_back({&node});
}

/// Notes the way to the node that was just added.
void TreeBuilder::remember(const YAML::Mark& mark, YAML::anchor_t anchor) {
  if (anchors_.size() == kMaxYamlAnchors) throw Refused{at(mark), fmt::format("more than {} anchors (`&name`)", with_commas(kMaxYamlAnchors))};
  Path& path = anchors_[anchor];
  for (const Open& level : open_) path.push_back((level.node->kind == Kind::kMap ? level.node->members.size() : level.node->items.size()) - 1);
}

void TreeBuilder::count(std::size_t nodes, const YAML::Mark& mark) {
  nodes_ += nodes;
  if (nodes_ > kMaxYamlNodes) throw Refused{at(mark), fmt::format("more than {} values in one file: split it", with_commas(kMaxYamlNodes))};
}

/// Throws what yaml-cpp throws, or Refused.
std::vector<YamlNode> parse(std::string_view text) {
  if (text.size() > kMaxYamlBytes) throw Refused{{}, fmt::format("larger than {}, the most that a rule file may have: split it", format_bytes(kMaxYamlBytes))};
  // yaml-cpp would take UTF-16 and UTF-32 too, and pass on any bytes.
  if (const std::size_t valid = std::min(valid_utf8_prefix(text), text.find('\0')); valid < text.size()) {
    const std::string_view before = text.substr(0, valid);
    const std::size_t line_start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
    const int line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1;
    throw Refused{{line, static_cast<int>(valid - line_start) + 1}, "not UTF-8 text: save the file as UTF-8"};
  }
  // The end marker makes yaml-cpp notice a quote that is never closed; without it the rest of the file would be a text.
  std::istringstream stream{fmt::format("{}{}...\n", text, text.ends_with('\n') ? "" : "\n")};
  YAML::Parser parser(stream);
  TreeBuilder builder(end_of(text));
  while (parser.HandleNextDocument(builder)) {
  }
  std::vector<YamlNode> documents = builder.take();
  std::erase_if(documents, [](const YamlNode& document) { return document.kind == Kind::kNull; });
  return documents;
}

}  // namespace

std::optional<std::int64_t> YamlNode::integer() const {
  if (kind != Kind::kInteger) return std::nullopt;
  const int base = base_of(text);
  std::string_view digits_only = base != 0 ? std::string_view(text).substr(2) : text;
  if (digits_only.starts_with('+')) digits_only.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits_only.data(), digits_only.data() + digits_only.size(), value, base != 0 ? base : 10);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(), [key](const YamlMember& member) { return member.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

std::string_view describe(YamlNode::Kind kind) {
  static constexpr std::array<std::string_view, 7> kNames{"null", "a boolean", "a whole number", "a number", "a text", "a list", "a map"};
  return kNames[static_cast<std::size_t>(kind)];
}

tl::expected<std::vector<YamlNode>, YamlFault> parse_yaml(std::string_view text) {
  try {
    return parse(text);
  } catch (Refused& refused) {
    return tl::unexpected(std::move(refused));
  } catch (const YAML::Exception& error) {
    return tl::unexpected(YamlFault{inside(place_of(error.mark), end_of(text)), "not YAML: " + printable(error.msg)});
  }
}

}  // namespace trailwarden::rules
