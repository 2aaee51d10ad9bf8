#pragma once

#include <string>

namespace trailwarden::app {

/// The command line of `trailwarden health`.
struct HealthArguments {
  std::string config;
  bool live = false;  // asks /healthz instead of /readyz
};

/// Where a service that listens on `listen` is asked from this machine: "http://HOST:PORT", with a loopback address for "every address".
std::string local_origin(const std::string& listen);

/// Asks a running service on this machine, and prints its answer: for health checks where there is no curl. 0 it is well, 1 it is not or does not answer within 5 s, 2 wrong
/// usage or config.
int health(const HealthArguments& arguments);

}  // namespace trailwarden::app
