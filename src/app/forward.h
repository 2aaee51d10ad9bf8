#pragma once

#include <string>
#include <vector>

#include "app/recorded_input.h"

namespace trailwarden::app {

/// The command line of `trailwarden forward`.
struct ForwardArguments {
  std::vector<std::string> paths;
  BucketAccess buckets;
  std::string config, topic;
  double rate = 0;     // records a second; 0: as fast as it goes
  std::string resume;  // file that says how far it came, made if it is not there; empty: all is sent
  bool progress = true;
};

/// Sends files' records to Kafka, each a message keyed ACCOUNT/REGION, so that it comes to the partition where it belongs. What is no record is sent as it is, without a
/// key: the service accounts for it. Exit codes as everywhere; 1 if a message was not acknowledged.
///
/// With `resume`, in transactions together with how far it came (`ForwardJournal`): run again after whatever end, it sends what was not sent, once.
int forward(const ForwardArguments& arguments);

}  // namespace trailwarden::app
