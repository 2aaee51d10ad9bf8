#pragma once

#include <string>
#include <vector>

namespace trailwarden::app {

/// The command line of `trailwarden state ...`.
struct StateArguments {
  std::string config;              // of the service whose state it is
  std::string file;                // or a state file
  std::vector<std::string> files;  // several of them
  std::string out;                 // state file to write
  std::string account, region;     // globs; empty: any
  std::string principal;           // to forget: an ARN
  bool replace = false;
};

// Exit codes as everywhere.

/// `state inspect`: the snapshots of a service and whether they can be used; or what a state file holds.
int inspect_state(const StateArguments& arguments);

/// `state export`: cells of a service's newest snapshots, or of a state file, into a state file.
int export_state(const StateArguments& arguments);

/// `state import`: a state file into a service that is not running.
int import_state(const StateArguments& arguments);

/// `state merge`: state files into one. A cell that two have is an error that names both.
int merge_states(const StateArguments& arguments);

/// `state forget`: removes every trace of a principal from a state file, or from a service that is not running.
int forget_principal(const StateArguments& arguments);

}  // namespace trailwarden::app
