#pragma once

#include <string>
#include <string_view>

#include "notify/sink.h"

namespace trailwarden::notify {

/// A syslog server: RFC 5424 messages over TLS (RFC 5425: octet counting), plain TCP the same way, or UDP (RFC 5426).
///
/// Syslog acknowledges nothing. Over TLS and TCP each message has a connection of its own, which we close and whose end we wait for: a server that read all closes it in good order, one that did not resets it,
/// and then the message goes again. Over UDP a message that is lost is lost.
class Syslog final : public Sink {
 public:
  explicit Syslog(SinkConfig config) : config_(std::move(config)) {}

  Sent send(const Message& message, Timestamp now, const std::atomic<bool>& cancelled) override;
  std::string preview(const Message& message, Timestamp now) override;

 private:
  const SinkConfig config_;
};

/// The message in the form of RFC 5424, without its length in front. `host`: of this machine.
std::string syslog_line(const MessageView& view, const SinkConfig& config, std::string_view host);
/// A parameter of structured data: `NAME="VALUE"`, escaped.
std::string syslog_parameter(std::string_view name, std::string_view value);

}  // namespace trailwarden::notify
