#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>
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
std::vector<Figure> trail_figures();

/// Seconds that `work` takes.
template <class Work>
double seconds_of(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Processor time of this thread that `work` takes: other work on the machine does not count.
template <class Work>
double cpu_seconds_of(Work&& work) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double start = now();
  work();
  return now() - start;
}

struct Paired {
  double ratio, best_a, best_b;  // the median of b / a of one turn; the shortest times
};

/// Runs the two in turn, `rounds` times; each gives its seconds.
template <class A, class B>
Paired pair_seconds(int rounds, A a, B b) {
  std::vector<double> ratios;
  Paired paired{0, 1e300, 1e300};
  for (int round = 0; round < rounds; ++round) {
    const double a_seconds = a(), b_seconds = b();
    ratios.push_back(b_seconds / a_seconds);
    paired.best_a = std::min(paired.best_a, a_seconds);
    paired.best_b = std::min(paired.best_b, b_seconds);
  }
  std::nth_element(ratios.begin(), ratios.begin() + rounds / 2, ratios.end());
  paired.ratio = ratios[static_cast<std::size_t>(rounds / 2)];
  return paired;
}

/// The same of two that do not know their seconds.
inline Paired pair_up(int rounds, const std::function<void()>& a, const std::function<void()>& b) {
  return pair_seconds(rounds, [&a] { return seconds_of(a); }, [&b] { return seconds_of(b); });
}

}  // namespace trailwarden::bench
