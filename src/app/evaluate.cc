#include "app/evaluate.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <thread>
#include <tuple>
#include <utility>

#include "core/thread.h"

namespace trailwarden::app {
namespace {

struct Job {
  const SuiteCell* cell = nullptr;
  double rate = 0;
  std::vector<SuiteAlarm> alarms = {};
};

std::vector<Job> jobs_of(const std::vector<SuiteCell>& cells, double budget) {
  std::vector<Job> jobs;
  for (const SuiteCell& cell : cells) jobs.push_back({&cell, rate_of(budget, cell.apis_of_account)});
  // The long ones first, so that no thread is left with one at the end.
  std::stable_sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.cell->records.size() > b.cell->records.size(); });
  return jobs;
}

Result<void> run_all(const ActivitySuite& suite, std::vector<Job>& jobs, std::size_t threads) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < jobs.size(); i = next++) jobs[i].alarms = judge_cell(suite, *jobs[i].cell, jobs[i].rate);
  };
  std::vector<std::thread> others;
  Result<void> outcome;
  for (std::size_t i = 1; i < threads && outcome; ++i) {
    auto thread = start_thread("eval", work);
    if (thread) others.push_back(std::move(*thread));
    else outcome = fail(thread.error());
  }
  work();
  for (std::thread& thread : others) thread.join();
  return outcome;
}

Result<std::size_t> write_alarms(const std::string& file, const std::vector<Job>& jobs) {
  std::vector<SuiteAlarm> alarms;
  for (const Job& job : jobs) alarms.insert(alarms.end(), job.alarms.begin(), job.alarms.end());
  const auto rank = [](const SuiteAlarm& a) { return std::tuple(a.start_s, a.series, a.metric, a.is_upward, a.score, a.end_s, a.channel); };
  std::sort(alarms.begin(), alarms.end(), [&](const SuiteAlarm& a, const SuiteAlarm& b) { return rank(a) < rank(b); });
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  for (const SuiteAlarm& alarm : alarms) out << alarm.line();
  out.flush();
  if (!out) return fail(io_error("write", file, errno));
  return alarms.size();
}

}  // namespace

Result<EvaluateCount> evaluate(const EvaluateArguments& arguments) {
  const auto suite = ActivitySuite::read(arguments.suite);
  if (!suite) return fail(suite.error());
  const std::vector<SuiteCell> cells = cells_of(*suite);
  std::vector<Job> jobs = jobs_of(cells, arguments.budget);
  if (auto ran = run_all(*suite, jobs, arguments.threads); !ran) return fail(std::move(ran).error());

  EvaluateCount count{.cells = cells.size(), .records = suite->records().size()};
  for (const ActivityRecord& record : suite->records()) count.calls += record.calls;
  const auto alarms = write_alarms(arguments.alarms, jobs);
  if (!alarms) return fail(alarms.error());
  count.alarms = *alarms;
  return count;
}

}  // namespace trailwarden::app
