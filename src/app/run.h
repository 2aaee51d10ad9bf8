#pragma once

#include <string>

namespace trailwarden::app {

/// The command line of `trailwarden run`.
struct RunArguments {
  std::string config;
  std::string from;    // earliest, latest or a time: where partitions begin that were never committed; Kafka only
  bool drain = false;  // ends when all input was judged
  std::string state;   // a state file: partitions take in the cells that they do not have
};

/// Runs the service until SIGTERM or SIGINT; a second one kills. Exit codes as everywhere.
int run(const RunArguments& arguments);

/// The command line of `trailwarden audit`.
struct AuditArguments {
  std::string config;
  bool as_json = false;
  bool recompute = false;  // judges the whole input once more
};

/// Holds the ledger against the alerts. 1 if something does not hold.
int audit(const AuditArguments& arguments);

}  // namespace trailwarden::app
