#pragma once

#include <string>
#include <string_view>

#include "core/time.h"

namespace trailwarden::app {

/// The command line of `trailwarden probe`.
struct ProbeArguments {
  std::string config, topic;  // topic: empty: the first input
  std::string account = "000000000000", region = "us-east-1";
  int timeout = 60;  // seconds
};

/// Sends one record that is a finding to the input of a service that runs elsewhere, and waits until a reader who is `read_committed` sees its alert: that everything between the two works. 1 if
/// the alert does not come in time.
int probe(const ProbeArguments& arguments);

/// The record: somebody who does not exist opens a port of a security group that does not exist to a network that does not exist, which the detector `security_group_change` tells of at `low`. Each
/// `id`, a UUID, is another record of another group, so none is a repeat.
std::string probe_record(const ProbeArguments& arguments, Timestamp now, std::string_view id);

}  // namespace trailwarden::app
