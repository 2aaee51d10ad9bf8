#include "app/run.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/archive_role.h"
#include "app/confinement.h"
#include "app/crash_report.h"
#include "app/digest_role.h"
#include "app/logs.h"
#include "app/notify_role.h"
#include "app/reload_signal.h"
#include "app/secret_files.h"
#include "app/service.h"
#include "app/setup.h"
#include "app/stop_signal.h"
#include "core/log.h"
#include "core/text.h"
#include "pipeline/audit.h"
#include "pipeline/recompute.h"
#include "pipeline/state_file.h"

namespace trailwarden::app {
namespace {

nlohmann::ordered_json to_json(const pipeline::AuditReport& report) {
  nlohmann::ordered_json out{{"problems", report.problem_count}, {"alerts", report.alerts}, {"ofTrails", report.of_trails}, {"unchecked", report.unchecked}, {"foreign", report.foreign}, {"partitions", nlohmann::ordered_json::array()}};
  for (const pipeline::AuditedPartition& partition : report.partitions) {
    out["partitions"].push_back({{"topic", partition.topic}, {"partition", partition.partition}, {"from", partition.from}, {"to", partition.to},
                                 {"commits", partition.commits}, {"acceptedGaps", partition.accepted_gaps}, {"read", partition.read},
                                 {"judged", partition.judged}, {"duplicate", partition.duplicate}, {"refused", partition.refused},
                                 {"skipped", partition.skipped}, {"alerts", partition.alerts}, {"state", partition.newest_state}});
  }
  out["firstProblems"] = report.problems;
  return out;
}

void print(const pipeline::AuditReport& report) {
  fmt::print("{:<24} {:>9} {:>12} {:>12} {:>9} {:>12} {:>8} {:>12}\n", "topic", "partition", "from", "to", "commits", "judged", "alerts", "state at");
  for (const pipeline::AuditedPartition& p : report.partitions)
    fmt::print("{:<24} {:>9} {:>12} {:>12} {:>9} {:>12} {:>8} {:>12}\n", printable(p.topic), p.partition, p.from, p.to, p.commits, p.judged, p.alerts,
               p.newest_state < 0 ? "none" : std::to_string(p.newest_state));
  for (const std::string& problem : report.problems) fmt::print("PROBLEM {}\n", problem);
  if (report.problem_count > report.problems.size()) fmt::print("and {} more\n", report.problem_count - report.problems.size());
  if (report.of_trails > 0) fmt::print("WARNING {} alerts say that a trail was tampered with; they are the digest writer's, and no commit of the detector has them\n", report.of_trails);
  for (const auto& [group, records] : report.foreign)
    fmt::print("WARNING {} records of group {} are in these topics too, and were passed over; kafka.topics.prefix keeps groups apart\n", records, group);
  if (report.unchecked > 0) fmt::print("{} alerts or commits could not be checked: their other half is older than the topics hold\n", report.unchecked);
  fmt::print("{} alerts; {}\n", report.alerts, report.problem_count == 0 ? "everything holds" : fmt::format("{} problems", report.problem_count));
}

void print(const pipeline::RecomputeReport& report) {
  for (const std::string& problem : report.problems) fmt::print("PROBLEM {}\n", problem);
  fmt::print("recomputed {} messages: {} alerts of {} commits and {} saved states; {}\n", report.messages, report.alerts, report.commits, report.states,
             report.problem_count == 0 ? "all the same" : fmt::format("{} differ", report.problem_count));
  if (report.not_compared > 0)
    fmt::print("{} commits were not compared: they go on from a state that was brought in or changed from outside (run --state, state import, state forget)\n", report.not_compared);
}

/// A state file's cells, once it is known that all of them can be read here.
Result<pipeline::SavedCells> cells_to_bring(const Setup& setup, const std::string& file) {
  const auto& kafka = setup.config.service.kafka;
  if (kafka && kafka->input.size() > 1)
    return fail(ErrorCode::kInvalidArgument, "--state: this configuration has several input topics, and a state file does not say which of them a cell's records come by; it needs one with a single input");
  auto cells = pipeline::read_state_file(file);
  if (!cells) return cells;
  const pipeline::PartitionSettings settings = partition_settings(setup);
  pipeline::Partition trial(settings, 0, 1);
  if (auto taken = trial.bring(*cells, false); !taken) return fail(std::move(taken).error().during(file));
  return cells;
}

}  // namespace

int run(const RunArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  set_log_level(setup->config.log);
  std::atomic<bool>& stop = stop_on_signal();
  std::atomic<bool>& reload = reload_on_signal();
  std::signal(SIGPIPE, SIG_IGN);
  report_crashes();
  confine_process();
  warn_of_open_secrets(*setup);
  log_rule_warnings(*setup);
  std::shared_ptr<const pipeline::SavedCells> bring;
  if (!arguments.state.empty()) {
    auto cells = cells_to_bring(*setup, arguments.state);
    if (!cells) return complain(cells.error(), kWrongUsage);
    Timestamp until = kBeginningOfTime;
    for (const pipeline::SavedCell& cell : *cells) until = std::max(until, cell.newest);
    log::info("state.file", {{"file", arguments.state}, {"cells", std::uint64_t{cells->size()}}, {"until", until == kBeginningOfTime ? "no record" : format_time(until)}});
    bring = std::make_shared<const pipeline::SavedCells>(std::move(*cells));
  }
  // The embedded log makes the database and keeps other processes from it: first.
  std::optional<OpenedLog> embedded;
  if (!setup->config.service.kafka) {
    auto log = open_log(*setup, 0, arguments.from);
    if (!log) return complain(log.error(), exit_code_of(log.error()));
    embedded = std::move(*log);
  }
  const auto log_of = [&](std::size_t worker) { return embedded ? Result<OpenedLog>(std::move(*std::exchange(embedded, std::nullopt))) : open_log(*setup, worker, arguments.from); };
  Service service(*setup, log_of, std::move(bring));
  if (setup->config.service.roles.archiver) {
    auto log = open_archive_log(*setup, arguments.from);
    if (!log) return complain(log.error(), exit_code_of(log.error()));
    auto archiver = ArchiveRole::create(*setup, std::move(*log), service.metrics());
    if (!archiver) return complain(archiver.error(), kWrongUsage);
    service.run_beside(std::move(*archiver));
  }
  if (setup->config.service.roles.digest) {
    auto log = open_digest_log(*setup);
    if (!log) return complain(log.error(), exit_code_of(log.error()));
    auto digest = DigestRole::create(*setup, std::move(*log), service.metrics(), !arguments.drain);
    if (!digest) return complain(digest.error(), kWrongUsage);
    service.run_beside(std::move(*digest));
  }
  if (setup->config.service.roles.notifier) {
    auto log = open_notifier_log(*setup);
    if (!log) return complain(log.error(), exit_code_of(log.error()));
    auto notifier = NotifyRole::create(*setup, std::move(*log));
    if (!notifier) return complain(notifier.error(), kWrongUsage);
    service.run_beside(std::move(*notifier));
  }
  if (auto done = service.run(stop, arguments.drain, reload); !done) {
    log::flush();
    return complain(done.error(), service.fenced() ? kFencedOut : exit_code_of(done.error()));
  }
  return kFine;
}

int audit(const AuditArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  auto topics = open_topics(*setup);
  if (!topics) return complain(topics.error(), exit_code_of(topics.error()));
  const auto report = pipeline::audit(**topics);
  if (!report) return complain(report.error(), kFailed);
  auto json = to_json(*report);
  if (!arguments.as_json) print(*report);
  bool holds = report->problem_count == 0;
  if (arguments.recompute) {
    const auto again = pipeline::recompute(**topics, partition_settings(*setup), fingerprint(*setup));
    if (!again) return complain(again.error(), exit_code_of(again.error()));
    holds = holds && again->problem_count == 0;
    json["recomputed"] = {{"messages", again->messages}, {"commits", again->commits}, {"alerts", again->alerts}, {"states", again->states}, {"notCompared", again->not_compared},
                          {"problems", again->problem_count}, {"firstProblems", again->problems}};
    if (!arguments.as_json) print(*again);
  }
  if (arguments.as_json) fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return holds ? kFine : kFailed;
}

}  // namespace trailwarden::app
