#include "notify/body_template.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace trailwarden::notify {
namespace {

std::string alerts_of(const MessageView& view) {
  std::string out = "[";
  for (const std::string& alert : view.message.alerts) out.append(out.size() > 1 ? "," : "").append(alert);
  return out + "]";
}

std::string first_field(const MessageView& view, std::string AlertView::*field) { return view.alerts.empty() ? std::string() : view.first().*field; }

/// As it stands inside the quotes of a JSON string.
std::string escaped(const std::string& text) {
  const std::string quoted = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

struct Name {
  std::string_view name;
  std::string (*value)(const MessageView&);
  bool is_json = false;
};
constexpr std::array kNames{
    Name{"id", [](const MessageView& view) { return view.message.id; }},
    Name{"kind", [](const MessageView& view) { return view.is_digest() ? std::string("digest") : first_field(view, &AlertView::kind); }},
    Name{"severity", [](const MessageView& view) { return std::string(to_string(view.severity)); }},
    Name{"title", [](const MessageView& view) { return view.title; }},
    Name{"sentence", [](const MessageView& view) { return view.sentence; }},
    Name{"count", [](const MessageView& view) { return std::to_string(view.count); }},
    Name{"detector", [](const MessageView& view) { return first_field(view, &AlertView::detector); }},
    Name{"what", [](const MessageView& view) { return first_field(view, &AlertView::what); }},
    Name{"account", [](const MessageView& view) { return first_field(view, &AlertView::account); }},
    Name{"region", [](const MessageView& view) { return first_field(view, &AlertView::region); }},
    Name{"entity", [](const MessageView& view) { return first_field(view, &AlertView::entity); }},
    Name{"principal", [](const MessageView& view) { return first_field(view, &AlertView::principal); }},
    Name{"alert_id", [](const MessageView& view) { return first_field(view, &AlertView::id); }},
    Name{"time", [](const MessageView& view) { return format_time(view.alerts.empty() ? std::chrono::floor<std::chrono::seconds>(view.message.created) : view.first().time); }},
    Name{"alert", [](const MessageView& view) { return view.message.alerts.empty() ? std::string("null") : view.message.alerts.front(); }, true},
    Name{"alerts", alerts_of, true},
};

/// Calls `text(part)` and `name(part)` in turn. False: a name has no end.
template <class Text, class Found>
bool each_part(std::string_view rest, Text text, Found found) {
  while (true) {
    const std::size_t begin = rest.find("{{");
    text(rest.substr(0, begin));
    if (begin == std::string_view::npos) return true;
    const std::size_t end = rest.find("}}", begin);
    if (end == std::string_view::npos) return false;
    std::string_view name = rest.substr(begin + 2, end - begin - 2);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    found(name);
    rest.remove_prefix(end + 2);
  }
}

}  // namespace

Result<void> check_template(std::string_view text) {
  std::optional<std::string> unknown;
  const auto look = [&](std::string_view name) {
    if (std::ranges::find(kNames, name, &Name::name) == kNames.end() && !unknown) unknown = name;
  };
  if (!each_part(text, [](std::string_view) {}, look)) return fail(ErrorCode::kInvalidArgument, "a `{{` has no `}}`");
  if (unknown) {
    std::vector<std::string_view> names;
    for (const Name& one : kNames) names.push_back(one.name);
    return fail(ErrorCode::kInvalidArgument, fmt::format("there is no {{{{{}}}}}: expected one of {}", printable(*unknown), fmt::join(names, ", ")));
  }
  const Message message = sample_message("sample", {});
  if (nlohmann::json::accept(fill_template(text, MessageView(message)))) return {};
  return fail(ErrorCode::kInvalidArgument, "what comes of it is no JSON: texts stand between quotes, as \"{{sentence}}\", and {{alert}} and {{alerts}} outside of them");
}

std::string fill_template(std::string_view text, const MessageView& view) {
  std::string out;
  each_part(
      text, [&](std::string_view part) { out += part; },
      [&](std::string_view name) {
        const auto* const found = std::ranges::find(kNames, name, &Name::name);
        if (found == kNames.end()) return;
        const std::string value = found->value(view);
        out += found->is_json ? value : escaped(value);
      });
  return out;
}

}  // namespace trailwarden::notify
