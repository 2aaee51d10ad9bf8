#pragma once

#include <array>
#include <cstdint>

#include "baseline/minute_pass.h"
#include "baseline/row_block.h"

namespace trailwarden::baseline {

/// Why something was said of one minute of one series, or why not: every number that the judgement rests on, as the code that judges had it.
struct Explanation {
  struct Window {
    bool is_judged = false;     // it is whole, and nothing in it ended lately
    Evidence evidence;          // X, M, phi; S and its tail where X is more than one standard deviation from M
    double record = 0;          // R: its largest X until four hours ago
  };

  bool is_at_closing = false;  // as the closing of the minute had it; else as it stood while it was open, upwards only
  bool is_exact = true;        // no: the minute has closed, and levels have learned since
  bool is_under_test = false;
  double level = 0;      // lambda [calls/min]
  double level_error = 0;  // sqrt(v), relative
  double profile = 1;    // s
  double mean = 0;       // mu: calls expected in the minute
  double error_share = 0;  // errors: usual share of the API's calls
  std::array<Window, kWindowCount> windows;
  std::array<Evidence, kCallChannels> channels;  // those whose score was above its peak level
  std::array<double, 2> drift{};                 // CUSUM, up and down [nat]
  double gap_score = 0, gap_minutes = 0, longest_gap = 0;  // calls only: [nat]; since the last call; the longest on record
  double fewest_of_28_hours = 0;                 // calls only; 0: not known yet
  std::array<Evidence, 2> best;                  // by direction: what decides; A is infinite if nothing was unusual
  double alpha = 0;                              // the threshold
  double line = 0;                               // what A must not exceed: alpha; while the minute is open a little less

  bool alarms(Direction direction) const { return best[static_cast<std::size_t>(direction)].false_alarms <= line; }
};

}  // namespace trailwarden::baseline
