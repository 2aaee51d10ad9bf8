#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "testing/sim_faults.h"

namespace trailwarden::testing {

struct SimCopyOptions {
  std::uint64_t seed = 1;
  SimFaults faults = SimFaults::harsh();
  SimFlaws flaws = {};
  int turns = 200;
  int workers = 3;
  int partitions = 4;
};

/// How a run went: what was wrong with it, and how eventful it was.
struct SimCopyReport {
  std::vector<std::string> violations;
  std::uint64_t trace_hash = 0;
  std::string trace;  // its end, if something was wrong
  std::uint64_t records = 0, commits = 0, rollbacks = 0, fenced = 0, revoked = 0, lost = 0, deaths = 0, freezes = 0;
};

/// The least that a worker can be, run until something breaks: workers that copy each record of each input partition into the output partition of the
/// same number, under a random schedule with kills, freezes, twins and every fault that is asked for. In the end the faults are taken away, everybody
/// may finish; then the output must hold every visible input record exactly once, in order, and a compacted topic the offset that each partition is
/// committed at. It proves the simulator right as long as the guards work, and proves itself if it fails when one of them is broken.
SimCopyReport run_copy_model(const SimCopyOptions& options);

}  // namespace trailwarden::testing
