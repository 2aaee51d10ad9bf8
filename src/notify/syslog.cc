#include "notify/syslog.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "core/text.h"
#include "notify/bodies.h"
#include "notify/ocsf.h"
#include "notify/wire.h"

namespace trailwarden::notify {
namespace {

constexpr std::array<int, event::kSeverities> kSeverities{6, 5, 4, 3, 2};  // informational, notice, warning, error, critical
constexpr std::array<std::pair<std::string_view, int>, 12> kFacilities{{{"user", 1}, {"daemon", 3}, {"auth", 4}, {"authpriv", 10}, {"local0", 16}, {"local1", 17}, {"local2", 18}, {"local3", 19}, {"local4", 20},
                                                                       {"local5", 21}, {"local6", 22}, {"local7", 23}}};
constexpr std::string_view kId = "trailwarden@32473";  // 32473: the private enterprise number for documentation, RFC 5612
constexpr std::string_view kBom = "\xef\xbb\xbf";
constexpr std::size_t kMostDatagram = 8'000, kMostParameter = 1'000;

/// Printable US-ASCII without spaces, or `-`.
std::string word(std::string_view text, std::size_t most) {
  std::string out;
  for (const char c : text.substr(0, most)) out += c > ' ' && c <= '~' ? c : '_';
  return out.empty() ? "-" : out;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

/// One line: receivers that count no octets end a message with the line.
std::string one_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string body_of(const MessageView& view, const std::string& format) {
  if (format == "alert") return alert_body(view);
  return format == "ocsf" ? ocsf_body(view) : one_line(text_body(view));
}

}  // namespace

std::string syslog_parameter(std::string_view name, std::string_view value) {
  std::string out = fmt::format("{}=\"", name);
  for (const char c : value.substr(0, valid_utf8_prefix(value.substr(0, kMostParameter)))) {
    if (c == '"' || c == '\\' || c == ']') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? ' ' : c;
  }
  return out + '"';
}

std::string syslog_line(const MessageView& view, const SinkConfig& config, std::string_view host) {
  const auto* const facility = std::ranges::find(kFacilities, config.facility, &std::pair<std::string_view, int>::first);
  const int priority = facility->second * 8 + kSeverities.at(static_cast<std::size_t>(view.severity));
  const Timestamp time = view.alerts.empty() ? std::chrono::floor<std::chrono::seconds>(view.message.created) : view.first().time;
  std::string data = fmt::format("[{} {} {} {}", kId, syslog_parameter("id", view.message.id), syslog_parameter("severity", to_string(view.severity)), syslog_parameter("count", std::to_string(view.count)));
  if (!view.alerts.empty())
    for (const auto& [name, value] : {std::pair("detector", view.first().detector), {"what", view.first().what}, {"account", view.first().account}, {"region", view.first().region}, {"entity", view.first().entity}})
      if (!value.empty()) data += " " + syslog_parameter(name, value);
  return fmt::format("<{}>1 {} {} trailwarden {} {} {}] {}{}", priority, format_time(time), word(host, 255), ::getpid(), word(view.alerts.empty() ? "digest" : view.first().detector, 32), data, kBom,
                     body_of(view, config.format));
}

Sent Syslog::send(const Message& message, Timestamp, const std::atomic<bool>& cancelled) {
  const std::string line = syslog_line(MessageView(message), config_, host_name());
  const auto done = config_.transport == "udp"
                        ? send_datagram(config_.address, std::string_view(line).substr(0, valid_utf8_prefix(std::string_view(line).substr(0, kMostDatagram))))
                        : send_stream({.address = config_.address, .tls = config_.transport == "tls", .ca_file = config_.ca_file, .certificate_file = config_.certificate_file, .key_file = config_.key_file,
                                       .timeout = config_.timeout, .cancelled = &cancelled},
                                      fmt::format("{} {}", line.size(), line));
  if (done) return {};
  return {.outcome = Sent::Outcome::kLater, .why = done.error().message};
}

std::string Syslog::preview(const Message& message, Timestamp) { return fmt::format("{} {}\n{}", config_.transport, config_.address, syslog_line(MessageView(message), config_, host_name())); }

}  // namespace trailwarden::notify
