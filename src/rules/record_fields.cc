#include "rules/record_fields.h"

#include <algorithm>
#include <array>
#include <utility>

#include "event/finding.h"

namespace trailwarden::rules {
namespace {

using Kind = JsonValue::Kind;

std::string text_of(const JsonValue& value) { return value.kind == Kind::kString || value.kind == Kind::kNumber ? value.text : compact_json(value); }

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
    if (!path.starts_with(member.name)) continue;
    std::string_view rest = path.substr(member.name.size());
    if (!rest.empty() && rest.front() != '.') continue;
    if (!rest.empty()) rest.remove_prefix(1);
    if (!each_at(member.value, rest, joined(here, member.name), visit)) return false;
  }
  return true;
}

template <class Visit>
void RecordFields::each_of(const RecordField& field, Visit visit) const {
  const std::string_view path = field.path_, document = field.member_ ? field.member_->text(event_) : std::string_view();
  // Names with dots, or written twice: only the whole record tells.
  if (document.empty() || event_.dotted_keys + event_.duplicate_keys > 0) {
    each_at(parsed({}, event_.raw), path, {}, visit);
    return;
  }
  const std::string_view name = path.substr(0, path.find('.'));
  each_at(parsed(name, document), path.substr(name.size() + 1), std::string(name), visit);
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
  const auto first = [&](const JsonValue& value) {
    out = text_of(value);
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

std::vector<std::string> RecordFields::texts(const RecordField& field) const {
  std::vector<std::string> out;
  if (field.is_decoded()) {
    if (std::string text; read(field, text)) out.push_back(std::move(text));
    return out;
  }
  const auto collect = [&](const JsonValue& value) {
    if (std::string text = text_of(value); std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
    return true;
  };
  each_of(field, collect);
  return out;
}

}  // namespace trailwarden::rules
