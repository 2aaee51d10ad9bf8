#include "notify/bodies.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace trailwarden::notify {
namespace {

using nlohmann::ordered_json;

ordered_json counts_json(const Counts& counts) {
  ordered_json out = ordered_json::object();
  for (const auto& [detector, row] : counts.by_detector())
    for (std::size_t i = 0; i < row.size(); ++i)
      if (row[i] > 0) out[detector][std::string(to_string(static_cast<event::Severity>(i)))] = row[i];
  return out;
}

}  // namespace

std::string alert_body(const MessageView& view, std::size_t most_bytes) {
  const Message& message = view.message;
  ordered_json head{{"id", message.id}, {"kind", view.is_digest() ? "digest" : "alerts"}, {"severity", to_string(view.severity)}, {"title", view.title}, {"sentence", view.sentence}, {"count", view.count}};
  if (!view.alerts.empty()) {
    const AlertView& first = view.first();
    for (const auto& [name, value] : {std::pair("detector", first.detector), {"what", first.what}, {"account", first.account}, {"region", first.region}, {"entity", first.entity}}) head[name] = value;
    head["time"] = format_time(first.time);
  }
  head["counts"] = counts_json(message.more);
  const std::string text = head.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  constexpr std::size_t kRest = 64;  // ,"omitted":N,"alerts":[]}
  std::string alerts;
  std::size_t listed = 0;
  for (const std::string& alert : message.alerts) {
    if (text.size() + kRest + alerts.size() + alert.size() > most_bytes) break;
    if (listed++ > 0) alerts += ',';
    alerts += alert;
  }
  return fmt::format("{},\"omitted\":{},\"alerts\":[{}]}}", text.substr(0, text.size() - 1), message.alerts.size() - listed, alerts);
}

std::string text_body(const MessageView& view) {
  constexpr std::size_t kListed = 10, kLongest = 500;
  std::string out = fmt::format("[{}] {}\n", to_string(view.severity), printable(view.title, kLongest));
  if (view.is_digest()) out += printable(view.message.more.in_words(), 2'000) + "\n";
  for (std::size_t i = 0; i < view.alerts.size() && i < kListed; ++i) {
    const AlertView& alert = view.alerts[i];
    out += fmt::format("{} {}/{} {}: {}\n", format_time(alert.time), printable(alert.account), printable(alert.region), printable(alert.detector), printable(alert.sentence, 2'000));
  }
  if (!view.is_digest() && view.count > kListed) out += fmt::format("and {} more\n", with_commas(view.count - kListed));
  return out + "id " + view.message.id + "\n";
}

}  // namespace trailwarden::notify
