#pragma once

#include "app/setup.h"
#include "http/server.h"
#include "metrics/registry.h"

namespace trailwarden::app {

/// How the pages are served: `http:` of the configuration, without what is posted. Pages that are not open and ask for no proof are shown by address where only this machine
/// reaches them, and to nobody where others do. `setup` outlives the server.
http::Options page_options(const Setup& setup, metrics::Registry& metrics);

/// The same of `http.metrics_listen`: everything there is open, and not encrypted.
http::Options open_page_options(const Setup& setup, metrics::Registry& metrics);

/// Says in the log what of `http:` somebody else may make use of: tokens that are not encrypted on their way.
void warn_of_http(const Setup& setup);

}  // namespace trailwarden::app
