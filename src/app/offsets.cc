#include "app/offsets.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/logs.h"
#include "app/setup.h"
#include "core/text.h"
#include "pipeline/by_operator.h"

namespace trailwarden::app {

namespace {

constexpr std::chrono::seconds kPatience{60};  // with the members that were there before, until the group forgets them

/// Does something to one partition of an input, as a member of the group, and says `done` when it is done.
template <class Work>
int decide(const std::string& config, const std::string& topic_name, std::int32_t number, Work work, const std::string& done) {
  const auto setup = load_setup(config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  if (!setup->config.service.kafka) return complain({ErrorCode::kInvalidArgument, "this needs a configuration with `kafka:` (-c FILE)"}, kWrongUsage);
  auto opened = open_log(*setup, 0, {});
  if (!opened) return complain(opened.error(), kWrongUsage);
  stream::PartitionedLog& log = *opened->log;
  const auto& inputs = log.inputs();
  const auto topic = std::find(inputs.begin(), inputs.end(), topic_name);
  if (topic == inputs.end()) return complain({ErrorCode::kInvalidArgument, fmt::format("{} is no input of this configuration", printable(topic_name))}, kWrongUsage);
  if (auto worked = work(log, stream::PartitionId{static_cast<std::uint32_t>(topic - inputs.begin()), number}); !worked)
    return complain(worked.error(), exit_code_of(worked.error()));
  fmt::print("{}/{} {}\n", printable(topic_name), number, done);
  return kFine;
}

}  // namespace

int accept_gap(const AcceptGapArguments& arguments) {
  return decide(
      arguments.config, arguments.topic, arguments.partition,
      [&](stream::PartitionedLog& log, stream::PartitionId partition) { return pipeline::accept_gap(log, partition, arguments.to, kPatience); },
      fmt::format("goes on at offset {}; the ledger says that what is missing before it is lost", arguments.to));
}

int skip_message(const SkipArguments& arguments) {
  return decide(
      arguments.config, arguments.topic, arguments.partition,
      [&](stream::PartitionedLog& log, stream::PartitionId partition) { return pipeline::skip_message(log, partition, arguments.offset, kPatience); },
      fmt::format("will not judge the message at offset {}: it goes to the dead letters as skipped_by_operator", arguments.offset));
}

}  // namespace trailwarden::app
