#include "notify/slack.h"

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace trailwarden::notify {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, event::kSeverities> kColours{"#888888", "#3b82c4", "#e0a500", "#e05d00", "#c4001d"};
constexpr std::size_t kSectionBytes = 2'900, kListed = 10, kLongest = 600;  // Slack takes 3,000 characters a section

/// Slack's own escapes, at most `longest` bytes of them; without control characters, and not a character cut in two.
std::string escaped(std::string_view text, std::size_t longest) {
  std::string out;
  for (const char c : text) {
    const std::string_view piece = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : static_cast<unsigned char>(c) < ' ' ? " " : std::string_view(&c, 1);
    if (out.size() + piece.size() > longest) return out.substr(0, valid_utf8_prefix(out)) + "...";
    out += piece;
  }
  return out;
}

ordered_json section(const std::string& text) { return {{"type", "section"}, {"text", {{"type", "mrkdwn"}, {"text", text}}}}; }

std::string list_of(const MessageView& view) {
  std::string out;
  std::size_t listed = 0;
  for (const AlertView& alert : view.alerts) {
    const std::string line = fmt::format("• *{}* {}\n", to_string(alert.severity), escaped(alert.sentence, kLongest));
    if (listed == kListed || out.size() + line.size() > kSectionBytes - 100) break;
    out += line;
    ++listed;
  }
  if (view.count > listed) out += fmt::format("and {} more", with_commas(view.count - listed));
  return out;
}

ordered_json facts_of(const AlertView& alert) {
  ordered_json fields = ordered_json::array();
  const auto add = [&fields](std::string_view name, const std::string& value) {
    if (!value.empty()) fields.push_back({{"type", "mrkdwn"}, {"text", fmt::format("*{}*\n{}", name, escaped(value, 300))}});
  };
  add("Account", alert.account);
  add("Region", alert.region);
  add("Detector", alert.detector);
  add("Who", alert.principal.empty() ? alert.entity : alert.principal);
  return {{"type", "section"}, {"fields", fields}};
}

}  // namespace

std::string slack_body(const MessageView& view) {
  const std::string text = fmt::format("[{}] {}", to_string(view.severity), escaped(view.sentence, kLongest));
  ordered_json blocks = ordered_json::array();
  blocks.push_back(section(fmt::format("*{}* · {}", to_string(view.severity), escaped(view.title, kLongest))));
  if (view.is_digest()) blocks.push_back(section(escaped(view.message.more.in_words(), kSectionBytes - 600)));
  else if (view.count > 1) blocks.push_back(section(list_of(view)));
  else if (!view.alerts.empty()) blocks.push_back(section(escaped(view.sentence, kSectionBytes - 600)));
  if (view.count == 1 && !view.alerts.empty()) blocks.push_back(facts_of(view.first()));
  const std::string time = format_time(view.alerts.empty() ? std::chrono::floor<std::chrono::seconds>(view.message.created) : view.first().time);
  blocks.push_back({{"type", "context"}, {"elements", {{{"type", "mrkdwn"}, {"text", fmt::format("{} · {}", time, view.message.id)}}}}});
  const ordered_json out{{"text", text}, {"attachments", {{{"color", kColours.at(static_cast<std::size_t>(view.severity))}, {"blocks", blocks}}}}};
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<HttpMessage> Slack::make(const MessageView& view, Timestamp) {
  HttpMessage out;
  auto where = url(out.secrets);
  if (!where) return fail(std::move(where).error());
  out.url = std::move(*where);
  out.headers = {{"Content-Type", "application/json; charset=utf-8"}, {"User-Agent", "trailwarden"}};
  out.body = slack_body(view);
  return out;
}

}  // namespace trailwarden::notify
