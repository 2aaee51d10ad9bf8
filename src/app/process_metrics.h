#pragma once

#include "metrics/registry.h"

namespace trailwarden::app {

/// Writes `process_*` as they are now, from /proc/self. What that does not tell is left out. Any thread; some 50 us.
/// Source: Prometheus, "Writing client libraries", process metrics; proc(5).
void write_process_metrics(metrics::Registry& metrics);

}  // namespace trailwarden::app
