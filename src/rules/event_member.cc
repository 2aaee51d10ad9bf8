#include "rules/event_member.h"

#include <functional>

namespace trailwarden::rules {

std::optional<event::DecodedMember> scalar_member(std::string_view path) {
  const auto member = event::decoded_member(path);
  return member && !member->is_raw ? member : std::nullopt;
}

std::optional<SlotValue> member_value(std::string_view text, const event::CloudTrailEvent& event) {
  using Kind = JsonValue::Kind;
  if (text.empty()) return std::nullopt;
  // A string that is in the record itself, not unescaped into an arena, has its quote before it.
  const std::less<const char*> before;
  const bool is_in_record = !before(text.data(), event.raw.data()) && before(text.data(), event.raw.data() + event.raw.size());
  const bool is_string = !is_in_record || text.data()[-1] == '"';
  const Kind kind = is_string ? Kind::kString : text[0] == 't' ? Kind::kTrue : text[0] == 'f' ? Kind::kFalse : Kind::kNumber;
  return SlotValue{.kind = kind, .text = text};
}

}  // namespace trailwarden::rules
