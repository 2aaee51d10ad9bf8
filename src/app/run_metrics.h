#pragma once

#include <string>

#include "pipeline/totals.h"

namespace trailwarden::app {

/// The totals of a run in the Prometheus text format, with the names of `metrics/registry.h`.
std::string run_metrics(const pipeline::Totals& totals);

}  // namespace trailwarden::app
