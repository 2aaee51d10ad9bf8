#include "app/notify_commands.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <vector>

#include <fmt/format.h>

#include "app/logs.h"
#include "app/setup.h"
#include "core/clocks.h"
#include "core/text.h"
#include "notify/sink.h"
#include "stream/topic_scan.h"

namespace trailwarden::app {
namespace {

/// One line, or with `dry_run` the request. Whether it was delivered.
bool try_out(const notify::SinkConfig& config, bool dry_run) {
  auto sink = notify::open_sink(config);
  if (!sink) {
    fmt::print("{:<24} {}\n", config.name, sink.error().message);
    return false;
  }
  const Timestamp now = wall_clock();
  const notify::Message message = notify::sample_message(config.name, now);
  if (dry_run) {
    fmt::print("# {} ({})\n{}\n\n", config.name, to_string(config.type), (*sink)->preview(message, now));
    return true;
  }
  const std::atomic<bool> cancelled = false;
  const notify::Sent sent = (*sink)->send(message, now, cancelled);
  const bool is_fine = sent.outcome == notify::Sent::Outcome::kDelivered;
  fmt::print("{:<24} {}\n", config.name, is_fine ? "delivered" : printable(sent.why, 1'000));
  return is_fine;
}

}  // namespace

int test_notifications(const NotifyArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  std::vector<notify::SinkConfig> sinks = setup->notifications.sinks;
  if (!arguments.sink.empty()) std::erase_if(sinks, [&](const notify::SinkConfig& sink) { return sink.name != arguments.sink; });
  if (sinks.empty())
    return complain({ErrorCode::kInvalidArgument, arguments.sink.empty() ? "the configuration has no sinks: name one under `notifications`" : fmt::format("there is no sink {}", printable(arguments.sink))}, kWrongUsage);
  std::signal(SIGPIPE, SIG_IGN);  // of a receiver that hangs up
  bool all_fine = true;
  for (const notify::SinkConfig& sink : sinks) all_fine = try_out(sink, arguments.dry_run) && all_fine;
  return all_fine ? kFine : kFailed;
}

int list_undelivered(const NotifyArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  auto topics = open_topics(*setup);
  if (!topics) return complain(topics.error(), exit_code_of(topics.error()));
  auto read = stream::for_each_record(**topics, stream::kUndeliveredTopic, [&](const stream::Message& message) {
    if (arguments.sink.empty() || message.key == arguments.sink) fmt::print("{}\n", message.value);
  });
  return read ? kFine : complain(read.error(), kFailed);
}

}  // namespace trailwarden::app
