#include "rules/record_fields.h"

#include <algorithm>
#include <array>
#include <utility>

#include "event/finding.h"
#include "event/json_scan.h"
#include "rules/json_texts.h"

namespace trailwarden::rules {
namespace {

using Kind = JsonValue::Kind;

void append_text(const JsonValue& value, std::string& out) { out += value.kind == Kind::kString || value.kind == Kind::kNumber ? value.text : compact_json(value); }

/// The same of valid JSON.
void append_text(std::string_view json, std::string& out) {
  std::string scratch;
  if (json.front() == '"') append_unescaped(json.substr(1, json.size() - 2), json.find('\\') != std::string_view::npos, out);
  else if (json.front() == '{' || json.front() == '[') append_compact(json, scratch, out);
  else out += json;
}

/// The rest of a path behind `name`, with which it begins; nullopt if it does not.
std::optional<std::string_view> behind(std::string_view path, std::string_view name) {
  if (!path.starts_with(name)) return std::nullopt;
  path.remove_prefix(name.size());
  if (path.empty()) return path;
  return path.front() == '.' ? std::optional(path.substr(1)) : std::nullopt;
}

std::string joined(std::string_view above, std::string_view name) { return above.empty() ? std::string(name) : std::string(above).append(".").append(name); }

}  // namespace

RecordField::RecordField(std::string_view name) : member_(scalar_member(name)), path_(name) {
  static constexpr auto kDerived = std::to_array<std::pair<std::string_view, Kind>>(
      {{"principal", Kind::kPrincipal}, {"principal_id", Kind::kPrincipalId}, {"account", Kind::kAccount}, {"region", Kind::kRegion}, {"service", Kind::kService}});
  if (member_) kind_ = Kind::kMember;
  for (const auto& [derived, kind] : kDerived)
    if (name == derived) kind_ = kind;
  if (const std::size_t dot = name.find('.'); kind_ == Kind::kPath && dot != std::string_view::npos) {
    member_ = event::decoded_member(name.substr(0, dot));
    if (member_ && !member_->is_raw) member_.reset();
  }
}

const JsonValue& RecordFields::parsed(std::string_view name, std::string_view json) const {
  const auto [at, is_new] = parsed_.try_emplace(std::string(name));
  if (is_new) at->second = parse_json(json).value_or(JsonValue{});
  return at->second;
}

template <class Visit>
bool RecordFields::each_at(const JsonValue& from, std::string_view path, const std::string& here, Visit& visit) const {
  if (from.kind == Kind::kArray) {
    return std::all_of(from.elements.begin(), from.elements.end(), [&](const JsonValue& element) { return each_at(element, path, here, visit); });
  }
  if (from.kind == Kind::kString && std::find(decode_.begin(), decode_.end(), here) != decode_.end()) {
    auto document = parse_json(from.text);
    if (document && document->is_container()) return each_at(*documents_.emplace_back(std::make_unique<JsonValue>(*std::move(document))), path, here, visit);
  }
  if (path.empty()) return from.kind == Kind::kNull || visit(from);
  if (from.kind != Kind::kObject) return true;
  for (const JsonMember& member : from.members) {
    const auto rest = behind(path, member.name);
    if (rest && !each_at(member.value, *rest, joined(here, member.name), visit)) return false;
  }
  return true;
}

template <class Visit>
bool RecordFields::each_in(std::string_view json, std::string_view path, Visit& visit) const {
  if (json.front() == '[') {
    while (const auto element = event::take_element(json))
      if (!each_in(*element, path, visit)) return false;
    return true;
  }
  if (path.empty()) return json == "null" || visit(json);
  if (json.front() != '{') return true;
  std::string plain;
  while (const auto member = event::take_member(json)) {
    std::string_view name = member->name;
    if (name.find('\\') != std::string_view::npos) {
      plain.clear();
      append_unescaped(name, true, plain);
      name = plain;
    }
    const auto rest = behind(path, name);
    if (rest && !each_in(member->value, *rest, visit)) return false;
  }
  return true;
}

template <class Visit>
void RecordFields::each_of(const RecordField& field, Visit visit) const {
  std::string_view path = field.path_, json = event_.raw;
  std::string name;
  // Names with dots, or written twice: only the whole record tells.
  if (field.member_ && event_.dotted_keys + event_.duplicate_keys == 0) {
    json = field.member_->text(event_);
    if (json.empty()) return;
    name = path.substr(0, path.find('.'));
    path.remove_prefix(name.size() + 1);
  }
  if (!decode_.empty()) each_at(parsed(name, json), path, name, visit);
  else if (const std::size_t begin = json.find_first_not_of(" \t\n\r"); begin != std::string_view::npos) each_in(json.substr(begin), path, visit);
}

bool RecordFields::read(const RecordField& field, std::string& out) const {
  using Field = RecordField::Kind;
  bool found = false;
  switch (field.kind_) {
    case Field::kPrincipal: out = event::describe_principal(event_); return true;
    case Field::kPrincipalId: out = event::principal_of(event_); return true;
    case Field::kAccount: out = event_.account(); return true;
    case Field::kRegion: out = event_.region(); return true;
    case Field::kService: out = event_.event_source.substr(0, event_.event_source.find('.')); return true;
    case Field::kMember: out = field.member_->text(event_); return !out.empty();  // a member that is there and empty counts as absent, as the decoder has it
    case Field::kPath: break;
  }
  const auto first = [&](const auto& value) {
    out.clear();
    append_text(value, out);
    found = true;
    return false;
  };
  each_of(field, first);
  return found;
}

std::optional<std::string> RecordFields::text(std::string_view name) const {
  std::string out;
  return read(RecordField(name), out) ? std::optional(std::move(out)) : std::nullopt;
}

void RecordFields::texts(const RecordField& field, std::vector<std::string>& out) const {
  out.clear();
  if (field.is_decoded()) {
    if (std::string text; read(field, text)) out.push_back(std::move(text));
    return;
  }
  const auto collect = [&](const auto& value) {
    std::string text;
    append_text(value, text);
    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
    return true;
  };
  each_of(field, collect);
}

}  // namespace trailwarden::rules
