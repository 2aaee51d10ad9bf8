#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/service_metrics.h"
#include "app/setup.h"
#include "core/result.h"
#include "stream/partitioned_log.h"

namespace trailwarden::app {

/// A worker's log, and how it tells what happened inside it: `report` is called on the worker's thread, now and then.
struct OpenedLog {
  std::unique_ptr<stream::PartitionedLog> log;
  std::function<void(ServiceMetrics&)> report;  // may be empty
  std::function<bool()> is_fenced;              // somebody with our own transactional id is at work; may be empty. Once the worker has ended
  std::function<bool()> drain;                  // asks that all there is be committed, and says whether it is; may be empty. Any thread
};

/// The log that a configuration names, for one of the service's workers. `from`: where partitions begin that were never committed: "", "earliest", "latest" or a time.
/// kInvalidArgument for what is wrong with the configuration.
Result<OpenedLog> open_log(const Setup& setup, std::size_t worker, const std::string& from);

/// The archiver's log, of a group of its own. Embedded: once the worker's log is open.
Result<OpenedLog> open_archive_log(const Setup& setup, const std::string& from);

/// The digest writer's log, of a group of its own, whose only input is the manifest. Embedded: as the archiver's.
Result<OpenedLog> open_digest_log(const Setup& setup);

/// The notifier's log, of a group of its own, whose only input are the alerts. Embedded: as the archiver's.
Result<OpenedLog> open_notifier_log(const Setup& setup);

/// What the detector reads: the topics of the configuration, or the embedded log's own.
std::vector<std::string> input_topics(const Setup& setup);
/// By input topic: its offsets may have holes. None of the embedded log's.
std::vector<bool> gaps_allowed(const Setup& setup);

/// The name that the archiver's log has for the topic of alerts; empty if no trail keeps Insights.
std::string archived_alerts(const Setup& setup);
/// What the archiver reads, by the names that the manifest has for it: the input, and the alerts if any trail keeps Insights.
std::vector<std::string> archived_topics(const Setup& setup);

/// The embedded log of a service that is not running, for changes by hand: it reads no input and delivers nothing.
Result<std::unique_ptr<stream::PartitionedLog>> open_stopped(const Setup& setup);

/// Its topics, for looking, beside a service that runs.
Result<std::unique_ptr<stream::Topics>> open_topics(const Setup& setup);

}  // namespace trailwarden::app
