#pragma once

#include <string>
#include <string_view>

#include "pipeline/totals.h"

namespace trailwarden::app {

/// The totals of a run in the Prometheus text format, with the names of `metrics/registry.h`.
/// `topic`: what `records_consumed_total` and `record_bytes_consumed_total` are counted under; empty: somebody else counts them.
std::string run_metrics(const pipeline::Totals& totals, std::string_view topic = "files");

}  // namespace trailwarden::app
