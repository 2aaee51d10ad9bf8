#pragma once

#include <memory>
#include <vector>

#include "app/setup.h"
#include "core/result.h"
#include "ingest/queue_input.h"

namespace trailwarden::app {

/// The input of `embedded.sqs`, with the credentials of this process for queues and buckets. Objects that a trail of the configuration writes are refused. Nobody is asked for anything yet.
Result<std::unique_ptr<ingest::QueueInput>> open_queues(const Setup& setup);

/// Reports queues whose `buckets` hold a trail of the configuration: the service would read what it writes.
void check_queues(const config::Section& top, const config::EmbeddedConfig& embedded, const std::vector<trail::TrailConfig>& trails);

}  // namespace trailwarden::app
