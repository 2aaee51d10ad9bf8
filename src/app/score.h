#pragma once

#include <string>

namespace trailwarden::app {

struct ScoreArguments {
  std::string alerts, labels;
  double budget = 0;  // false Insights in all that are asked for; 0: not judged
};

/// Holds the alerts of a replay against the labels of generated traffic: prints what was planted, found and how late, and the false Insights. An incident is found
/// if an alert about its account, Region and API (or of its detector) was decided from its start until an hour after its end.
/// Returns the exit code: 1 if a strong incident was missed, or there are more than twice as many false Insights as budgeted; 2 for an unreadable file.
int score_alerts(const ScoreArguments& arguments);

}  // namespace trailwarden::app
