#include "rules/rule_words.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "core/text.h"
#include "rules/glob_matcher.h"
#include "rules/json_value.h"
#include "rules/record_paths.h"
#include "rules/rule.h"
#include "rules/sentence.h"
#include "rules/yaml_fields.h"

namespace trailwarden::rules {
namespace {

using Kind = JsonValue::Kind;

constexpr std::string_view kOr = "$or", kSource = "eventSource", kName = "eventName";

/// One way in which a rule spells a source or a name.
struct Spelling {
  enum class How : std::uint8_t { kExact, kAnyCase, kPrefix, kGlob } how = How::kExact;
  std::string text;
  std::size_t offset = 0;
};

/// The sources that a pattern names, each in full; nullopt where it leaves open which they are.
using Sources = std::optional<std::vector<std::string>>;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), ascii_lower);
  return out;
}

const JsonValue* member(const JsonValue& object, std::string_view name) {
  const auto found = std::find_if(object.members.begin(), object.members.end(), [name](const JsonMember& one) { return one.name == name; });
  return found == object.members.end() ? nullptr : &found->value;
}

/// The strings of a value, or of a list of them.
void add_spellings(const JsonValue& value, Spelling::How how, std::vector<Spelling>& out) {
  if (value.kind == Kind::kString) out.push_back({how, value.text, value.offset});
  for (const JsonValue& element : value.elements) add_spellings(element, how, out);
}

/// Alternatives of an event pattern. Operators that say little of how the whole name is spelled are left out.
std::vector<Spelling> pattern_spellings(const JsonValue& alternatives) {
  static constexpr std::array<std::pair<std::string_view, Spelling::How>, 5> kOperators{{{"exactly", Spelling::How::kExact}, {"anything-but", Spelling::How::kExact},
                                                                                         {"equals-ignore-case", Spelling::How::kAnyCase}, {"prefix", Spelling::How::kPrefix},
                                                                                         {"wildcard", Spelling::How::kGlob}}};
  std::vector<Spelling> out;
  for (const JsonValue& alternative : alternatives.elements) {
    add_spellings(alternative, Spelling::How::kExact, out);
    for (const auto& [name, how] : kOperators)
      if (const JsonValue* const operand = member(alternative, name)) add_spellings(*operand, how, out);
  }
  return out;
}

/// Reads one document.
class WordCheck {
 public:
  WordCheck(const ApiNames& names, FileReport& report) : names_(names), report_(report) {}

  void rule(const YamlNode& document) {
    Sources sources;
    if (const YamlNode* const own = document.find("pattern")) sources = pattern(*own, {});
    if (const YamlNode* const sigma = document.find("sigma"))
      if (const YamlNode* const asked = sigma->find("detection")) detection(*asked);
    for (const std::string_view body : {"detection", "filter"})  // of a Sigma document
      if (const YamlNode* const asked = document.find(body)) detection(*asked);
    if (const YamlNode* const sigma = document.find("correlation")) sigma_correlation(*sigma);
    each(document.find("unless"), [&](const YamlNode& unless) { pattern(unless, sources); });
    each(document.find("where"), [&](const YamlNode& condition) {
      for (const YamlMember& side : condition.members) path(side.value, side.value.text, {});
    });
    paths(document.find("decode"), {});
    paths(document.find("entity"), kDerivedFields);
    paths(document.find("enrich"), kDerivedFields);
    if (const YamlNode* const text = document.find("sentence")) sentence(*text);
    if (const YamlNode* const several = document.find("correlate"))
      for (const YamlMember& kind : several->members) correlation(kind.value);
  }

 private:
  /// Calls `visit` for each item of a list, or for one value that stands for a list of it.
  template <class Visit>
  static void each(const YamlNode* list, const Visit& visit) {
    if (list == nullptr) return;
    if (list->kind != YamlNode::Kind::kList) return visit(*list);
    for (const YamlNode& item : list->items) visit(item);
  }

  void path(const YamlNode& at, std::string_view path, std::span<const std::string_view> derived) {
    const bool is_derived = std::find(derived.begin(), derived.end(), path) != derived.end();
    if (!is_derived && at.is_scalar() && !is_record_path(path)) warn_of_field(at.place, path);
  }

  void paths(const YamlNode* list, std::span<const std::string_view> derived) {
    each(list, [&](const YamlNode& item) { path(item, item.text, derived); });
  }

  void sentence(const YamlNode& node) {
    const auto parsed = Sentence::parse(node.text);
    if (!parsed) return;
    for (const std::string_view field : parsed->fields()) {
      const bool is_of_correlation = std::find(std::begin(kCorrelationFields), std::end(kCorrelationFields), field) != std::end(kCorrelationFields);
      if (!is_of_correlation) path(node, field, kDerivedFields);
    }
  }

  void correlation(const YamlNode& body) {
    paths(body.find("by"), kDerivedFields);
    paths(body.find("of"), kDerivedFields);
    each(body.find("steps"), [&](const YamlNode& step) {
      if (const YamlNode* const own = step.find("pattern")) pattern(*own, {});
      const YamlNode* const joins = step.find("join");
      if (joins == nullptr) return;
      for (const YamlMember& join : joins->members) {
        path(join.value, join.key, {});
        path(join.value, std::string_view(join.value.text).substr(join.value.text.find('.') + 1), {});
      }
    });
  }

  /// A group is by fields, or by aliases of them.
  void sigma_correlation(const YamlNode& body) {
    const YamlNode* const aliases = body.find("aliases");
    each(body.find("group-by"), [&](const YamlNode& item) {
      if (aliases == nullptr || aliases->find(item.text) == nullptr) path(item, item.text, {});
    });
    if (aliases == nullptr) return;
    for (const YamlMember& alias : aliases->members)
      for (const YamlMember& of_rule : alias.value.members) path(of_rule.value, of_rule.value.text, {});
  }

  /// An event pattern; the sources that it is about, `above` if it names none.
  Sources pattern(const YamlNode& node, const Sources& above) {
    place_of_text_.reset();
    if (node.kind != YamlNode::Kind::kString) return pattern(json_of(node), above);
    place_of_text_ = node.place;
    const auto json = parse_json(node.text);
    return json ? pattern(*json, above) : std::nullopt;  // what is wrong with it has been said
  }

  Sources pattern(const JsonValue& json, const Sources& above) {
    fields(json, {});
    return names(json, above);
  }

  /// The same as JSON; offsets are those of `places_`.
  JsonValue json_of(const YamlNode& node) {
    JsonValue out{.kind = node.kind == YamlNode::Kind::kString ? Kind::kString : Kind::kNull, .offset = place_number(node.place), .text = node.text, .elements = {}, .members = {}};
    if (node.kind == YamlNode::Kind::kList) out.kind = Kind::kArray;
    if (node.kind == YamlNode::Kind::kMap) out.kind = Kind::kObject;
    for (const YamlNode& item : node.items) out.elements.push_back(json_of(item));
    for (const YamlMember& one : node.members) out.members.push_back({one.key, place_number(one.place), json_of(one.value)});
    return out;
  }

  std::size_t place_number(YamlPlace place) {
    places_.push_back(place);
    return places_.size() - 1;
  }

  void fields(const JsonValue& object, const std::string& above) {
    for (const JsonMember& one : object.members) {
      const std::string path = above.empty() ? one.name : above + "." + one.name;
      if (one.name == kOr) {
        for (const JsonValue& branch : one.value.elements) fields(branch, above);
      } else if (!is_record_path(path)) {
        warn_of_field(place(one.offset), path);
      } else {
        fields(one.value, path);
      }
    }
  }

  /// Checks sources and names, in the branches of `$or` too. What a branch does not say holds from above, what is not said above from all branches together.
  Sources names(const JsonValue& object, const Sources& above) {
    const Sources sources = sources_of(object, above);
    if (const JsonValue* const named = member(object, kSource)) check_sources(pattern_spellings(*named));
    if (const JsonValue* const called = member(object, kName)) check_names(pattern_spellings(*called), sources);
    if (const JsonValue* const branches = member(object, kOr))
      for (const JsonValue& branch : branches->elements) names(branch, sources);
    return sources;
  }

  static Sources sources_of(const JsonValue& object, const Sources& above) {
    if (const JsonValue* const named = member(object, kSource)) return exact_texts(named->elements);
    const JsonValue* const branches = member(object, kOr);
    if (branches == nullptr || std::none_of(branches->elements.begin(), branches->elements.end(), [](const JsonValue& branch) { return member(branch, kSource) != nullptr; })) return above;
    std::vector<std::string> out;
    for (const JsonValue& branch : branches->elements) {
      const Sources of_branch = sources_of(branch, above);
      if (!of_branch) return std::nullopt;
      out.insert(out.end(), of_branch->begin(), of_branch->end());
    }
    return out;
  }

  static Sources exact_texts(const std::vector<JsonValue>& alternatives) {
    std::vector<std::string> out;
    for (const JsonValue& alternative : alternatives) {
      if (alternative.kind != Kind::kString) return std::nullopt;
      out.push_back(alternative.text);
    }
    return out;
  }

  /// A Sigma detection: selections, each a map or a list of maps, whose keys are `field|modifier|...`.
  void detection(const YamlNode& node) {
    place_of_text_.reset();
    const JsonValue json = json_of(node);
    std::vector<Spelling> sources, called;
    for (const JsonMember& selection : json.members) {
      const bool is_list = selection.value.kind == Kind::kArray;
      for (const JsonValue& map : is_list ? std::span<const JsonValue>(selection.value.elements) : std::span<const JsonValue>(&selection.value, 1))
        for (const JsonMember& item : map.members) sigma_item(item, sources, called);
    }
    check_sources(sources);
    Sources of;
    for (const Spelling& source : sources) {
      const bool is_whole = source.how == Spelling::How::kGlob && source.text.find_first_of("*?") == std::string::npos;
      if (!is_whole) return;
      if (!of) of.emplace();
      of->push_back(lower(source.text));
    }
    check_names(called, of);
  }

  void sigma_item(const JsonMember& item, std::vector<Spelling>& sources, std::vector<Spelling>& called) {
    const std::string_view key = item.name;
    const std::string_view field = key.substr(0, key.find('|')), modifiers = key.substr(field.size());
    if (!is_record_path(field)) return warn_of_field(place(item.offset), field);
    if (field != kSource && field != kName) return;
    std::vector<Spelling>& out = field == kSource ? sources : called;
    if (modifiers.empty()) add_spellings(item.value, Spelling::How::kGlob, out);
    else if (modifiers == "|startswith") add_spellings(item.value, Spelling::How::kPrefix, out);
    else out.push_back({Spelling::How::kPrefix, {}, item.offset});  // anything
  }

  void check_sources(const std::vector<Spelling>& sources) {
    if (names_.empty()) return;
    const std::vector<std::string_view> known = names_.sources();
    for (const Spelling& source : sources) {
      if (std::any_of(known.begin(), known.end(), [&](std::string_view one) { return means(source, one); })) continue;
      warn(source.offset, fmt::format("{} \"{}\": no service is known to write it into records{}", kSource, printable(source.text), did_you_mean(source.text, known)));
    }
  }

  void check_names(const std::vector<Spelling>& called, const Sources& sources) {
    if (!sources || sources->empty()) return;
    std::vector<std::string_view> known;
    for (const std::string& source : *sources) {
      const std::vector<std::string>& names = names_.names_of(source);
      if (names.empty()) return;  // of this one any may be right
      known.insert(known.end(), names.begin(), names.end());
    }
    for (const Spelling& name : called) {
      if (std::any_of(known.begin(), known.end(), [&](std::string_view one) { return means(name, one); })) continue;
      warn(name.offset, fmt::format("{} \"{}\": {} has no such event{}", kName, printable(name.text), fmt::join(*sources, ", "), did_you_mean(without_version(name.text), known)));
    }
  }

  /// Whether a spelling can be `known`, with a version behind it or not.
  static bool means(const Spelling& spelling, std::string_view known) {
    const std::string_view text = spelling.text;
    const auto has_version_behind = [&] { return text.starts_with(known) && text.size() > known.size() && text[known.size()] >= '0' && text[known.size()] <= '9'; };
    switch (spelling.how) {
      case Spelling::How::kExact: return without_version(text) == known;
      case Spelling::How::kAnyCase: return lower(without_version(text)) == lower(known);
      case Spelling::How::kPrefix: return known.starts_with(text) || has_version_behind();
      case Spelling::How::kGlob: return glob_match(lower(without_version(text)), lower(known)) || (text.find_first_of("*?") != std::string_view::npos && has_version_behind());
    }
    return true;
  }

  YamlPlace place(std::size_t offset) const { return place_of_text_ ? *place_of_text_ : places_[offset]; }
  void warn(std::size_t offset, std::string message) { report_.warn(place(offset), std::move(message)); }
  void warn_of_field(YamlPlace at, std::string_view path) { report_.warn(at, fmt::format("no CloudTrail record has a field \"{}\"{}", printable(path), record_path_hint(path))); }

  const ApiNames& names_;
  FileReport& report_;
  std::vector<YamlPlace> places_;           // of the values that are read
  std::optional<YamlPlace> place_of_text_;  // of all of them: the file has them as one JSON text
};

}  // namespace

void check_words(const YamlNode& document, const ApiNames& names, FileReport& report) { WordCheck(names, report).rule(document); }

}  // namespace trailwarden::rules
