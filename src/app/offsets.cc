#include "app/offsets.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/logs.h"
#include "app/setup.h"
#include "core/text.h"
#include "pipeline/accept_gap.h"

namespace trailwarden::app {

int accept_gap(const AcceptGapArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  if (!setup->config.service.kafka) return complain({ErrorCode::kInvalidArgument, "this needs a configuration with `kafka:` (-c FILE)"}, kWrongUsage);
  auto opened = open_log(*setup, 0, {});
  if (!opened) return complain(opened.error(), kWrongUsage);
  stream::PartitionedLog& log = *opened->log;
  const auto& inputs = log.inputs();
  const auto topic = std::find(inputs.begin(), inputs.end(), arguments.topic);
  if (topic == inputs.end()) return complain({ErrorCode::kInvalidArgument, fmt::format("{} is no input of this configuration", printable(arguments.topic))}, kWrongUsage);
  const stream::PartitionId partition{static_cast<std::uint32_t>(topic - inputs.begin()), arguments.partition};
  if (auto done = pipeline::accept_gap(log, partition, arguments.to, std::chrono::seconds{60}); !done)
    return complain(done.error(), exit_code_of(done.error()));
  fmt::print("{}/{} goes on at offset {}; the ledger says that what is missing before it is lost\n", printable(arguments.topic), arguments.partition, arguments.to);
  return kFine;
}

}  // namespace trailwarden::app
