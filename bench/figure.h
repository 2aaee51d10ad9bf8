#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace trailwarden::bench {

/// One measured figure against its goal. Ratios come from one run, so that a slow hour of the machine does not show.
struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  double goal = 0;
  bool at_least = true;  // the goal is a lower bound; else an upper one
  std::string remark;    // where the time goes, or what was measured

  bool met() const { return at_least ? value >= goal : value <= goal; }
};

/// A named group of figures; throws std::runtime_error when its answer is wrong, before anything is timed.
struct Group {
  std::string name;
  std::function<std::vector<Figure>()> run;
};

std::vector<Figure> engine_figures();
std::vector<Figure> gzip_figures();
std::vector<Figure> thread_figures();
std::vector<Figure> memory_figures();
std::vector<Figure> baseline_figures();
std::vector<Figure> kafka_figures();
std::vector<Figure> rule_figures();

/// Seconds that `work` takes.
template <class Work>
double seconds_of(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Runs the two in turn, `rounds` times, and gives the median of the pairwise ratio b / a.
struct Paired {
  double ratio, best_a, best_b;
};
Paired pair_up(int rounds, const std::function<void()>& a, const std::function<void()>& b);

}  // namespace trailwarden::bench
