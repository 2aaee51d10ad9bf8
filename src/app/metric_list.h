#pragma once

namespace trailwarden::app {

/// `trailwarden metrics list`: every metric there is, by name. An exit code.
int list_metrics(bool as_json);

}  // namespace trailwarden::app
