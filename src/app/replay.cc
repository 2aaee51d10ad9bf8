#include "app/replay.h"

#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "alerts/quiet.h"
#include "app/logs.h"
#include "app/progress.h"
#include "app/run_metrics.h"
#include "app/setup.h"
#include "app/state_report.h"
#include "app/stop_signal.h"
#include "app/summary.h"
#include "app/time_option.h"
#include "core/log.h"
#include "core/text.h"
#include "ingest/file_source.h"
#include "pipeline/engine.h"
#include "pipeline/learn.h"
#include "pipeline/state_file.h"
#include "stream/embedded_schema.h"
#include "stream/file_log.h"

namespace trailwarden::app {
namespace {

/// Names each (file, reason) once on standard error, and keeps the progress line up.
class Console final : public pipeline::EngineObserver {
 public:
  explicit Console(Progress& progress) : progress_(progress) {}

  void refused(event::Refusal refusal, std::string_view origin, std::uint64_t record_number, std::uint64_t byte_offset,
               std::string_view detail) override {
    if (!named_.emplace(std::string(origin), refusal).second) return;
    if (named_.size() > kMostNamed) {
      if (named_.size() == kMostNamed + 1) print("trailwarden: more files have bad records; they are counted in the summary and no longer named here\n");
      return;
    }
    print(fmt::format("trailwarden: {}: record {} at byte {}: {}: {}{}\n", printable(origin), record_number, byte_offset, to_string(refusal),
                      detail.empty() ? event::advice(refusal) : detail, " (named once per file and reason)"));
  }

  void committed(const pipeline::Totals& so_far) override { progress_.show(so_far.source_bytes, so_far.read); }

 private:
  static constexpr std::size_t kMostNamed = 100;

  void print(std::string_view text) {
    progress_.clear();
    fmt::print(stderr, "{}", text);
  }

  Progress& progress_;
  std::set<std::pair<std::string, event::Refusal>> named_;
};

/// Which topic goes where. `-` may be used once: two writers on one standard output cannot be told apart.
Result<std::unique_ptr<stream::FileLog>> open_log(const ReplayArguments& arguments, std::unique_ptr<stream::MessageSource> source) {
  const bool summary_on_stdout = arguments.summary == "-";
  const std::string alerts = arguments.alerts.value_or(summary_on_stdout ? "" : "-");
  if (alerts == "-" && summary_on_stdout)
    return fail(ErrorCode::kInvalidArgument, "--alerts - and --summary - would mix on standard output: send one of them to a file");
  auto log = std::make_unique<stream::FileLog>(std::move(source));
  const std::pair<std::string_view, const std::string*> topics[] = {
      {stream::kAlertsTopic, &alerts}, {stream::kDeadLetterTopic, &arguments.quarantine}, {stream::kLateTopic, &arguments.late}};
  for (const auto& [topic, path] : topics) {
    if (path->empty()) continue;
    if (auto opened = log->write_topic(topic, *path); !opened) return fail(std::move(opened).error());
  }
  return log;
}

Result<void> write_text(const std::string& path, const std::string& text) {
  if (path == "-") {
    std::cout << text << '\n';
    return {};
  }
  std::ofstream file(path);
  file << text << '\n';
  file.close();
  if (!file) return fail(io_error("write", path, errno));
  return {};
}

/// What `replay` and `warm` have in common; `Arguments`: of either.
template <class Arguments>
Result<pipeline::EngineOptions> engine_options(const Arguments& arguments, const Setup& setup) {
  pipeline::EngineOptions options = engine_options(setup);
  if (arguments.threads != 0) options.threads = arguments.threads;
  const auto since = time_option("--since", arguments.since), until = time_option("--until", arguments.until);
  if (!since) return fail(since.error());
  if (!until) return fail(until.error());
  options.since = *since;
  options.until = *until;
  return options;
}

double seconds_since(std::chrono::steady_clock::time_point start) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }

/// Recorded files on their way through the engine, with a progress line.
class FileRun {
 public:
  FileRun(const Setup& setup, const pipeline::EngineOptions& options, stream::Log& log, const ingest::FileSource& files, bool shows_progress)
      : progress_(files.total_bytes(), shows_progress), console_(progress_), engine_(log, options, setup.detectors, console_) {
    set_log_level(setup.config.log);
  }

  /// Begins with the cells of a state file, if one is named.
  Result<void> begin_with(const std::string& file) {
    if (file.empty()) return {};
    state_ = file;
    const auto cells = pipeline::read_state_file(file);
    if (!cells) return fail(cells.error());
    if (auto loaded = engine_.load(*cells); !loaded) return fail(std::move(loaded).error().during(file));
    return {};
  }

  /// To the end of the files, or until a signal comes.
  Result<pipeline::Totals> finish() {
    auto totals = engine_.run(stop_);
    progress_.clear();
    return totals;
  }

  /// Nobody sees from the alerts that what it began with and the files do not meet.
  void tell_of_break() const {
    if (const auto gap = engine_.break_before())
      fmt::print(stderr, "trailwarden: {} ends at {}, and the first record is of {}: what lies between counts as time without calls, and may be told as unusual silence\n", state_,
                 format_time(gap->from), format_time(gap->to));
  }

  const pipeline::Engine& engine() const { return engine_; }
  bool interrupted() const { return stop_; }
  double seconds() const { return seconds_since(start_); }

 private:
  const std::atomic<bool>& stop_ = stop_on_signal();
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  Progress progress_;
  Console console_;
  pipeline::Engine engine_;
  std::string state_;  // the file that it began with
};

Result<void> write_reports(const ReplayArguments& arguments, const RunSummary& summary) {
  if (arguments.summary) {
    if (auto written = write_text(*arguments.summary, summary_json(summary)); !written) return written;
  }
  if (!arguments.metrics.empty()) {
    if (auto written = write_text(arguments.metrics, run_metrics(summary.totals)); !written) return written;
  }
  return {};
}

/// Where the service's input comes by; there must be one topic.
Result<std::string> input_topic(const Setup& setup) {
  const auto& kafka = setup.config.service.kafka;
  if (!kafka) return std::string(stream::kFolderTopic);
  if (kafka->input.size() == 1) return kafka->input.front().topic;
  return fail(ErrorCode::kInvalidArgument, "--from: this configuration has several input topics, and a cell of a state file is of one; name one of them in a configuration of its own");
}

int warm_from_log(const Setup& setup, const WarmArguments& arguments) {
  if (!arguments.paths.empty() || !arguments.state.empty() || !arguments.since.empty() || !arguments.until.empty())
    return complain({ErrorCode::kInvalidArgument, "--from reads the service's input topic: it goes with -c and --state only"}, kWrongUsage);
  const bool all = arguments.from == "earliest";
  const auto from = time_option("--from", all ? std::string() : arguments.from);
  if (!from) return complain(from.error(), kWrongUsage);
  const auto topic = input_topic(setup);
  if (!topic) return complain(topic.error(), kWrongUsage);
  auto topics = open_topics(setup);
  if (!topics) return complain(topics.error(), exit_code_of(topics.error()));
  const std::atomic<bool>& stop = stop_on_signal();
  set_log_level(setup.config.log);
  Progress progress(0, arguments.progress);
  const auto start = std::chrono::steady_clock::now();
  WarmSummary summary;
  summary.warm_up = setup.insights.warm_up;
  summary.file = arguments.out;
  const pipeline::LearnObserver observer{.go_on =
                                             [&](const pipeline::Totals& so_far) {
                                               progress.show(so_far.message_bytes, so_far.read);
                                               return !stop;
                                             },
                                         .cell = [&](const pipeline::Cell& cell) { summary.learned.add(cell, setup.insights.warm_up); }};
  const auto learned = pipeline::learn(**topics, *topic, partition_settings(setup), *from ? std::optional<AppendTime>(**from) : std::nullopt, observer);
  progress.clear();
  if (!learned) return complain(learned.error(), kFailed);
  if (auto written = pipeline::write_state_file(arguments.out, learned->cells); !written) return complain(written.error(), kFailed);
  summary.totals = learned->totals;
  summary.seconds = seconds_since(start);
  summary.source = fmt::format("{}, {} {}", printable(*topic), learned->partitions, learned->partitions == 1 ? "partition" : "partitions");
  fmt::print(stderr, "{}", warm_table(summary));
  return kFine;
}

}  // namespace

int replay(const ReplayArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  auto options = engine_options(arguments, *setup);
  if (!options) return complain(options.error(), kWrongUsage);
  options->shards = arguments.shards.value_or(options->shards);
  auto source = open_recorded(arguments.paths, *setup, arguments.buckets, options->since, options->until);
  if (!source) return complain(source.error(), exit_code_of_input(source.error()));
  const ingest::FileSource& files = **source;
  auto log = open_log(arguments, std::move(*source));
  if (!log) return complain(log.error(), exit_code_of(log.error()));

  FileRun run(*setup, *options, **log, files, arguments.progress);
  log::debug("replay.start", {{"threads", std::uint64_t{options->threads}}, {"shards", std::uint64_t{options->shards}}, {"bytes", files.total_bytes()}});
  if (auto begun = run.begin_with(arguments.state); !begun) return complain(begun.error(), kWrongUsage);
  auto totals = run.finish();
  if (!totals) return complain(totals.error(), kFailed);

  RunSummary summary;
  summary.totals = std::move(*totals);
  summary.seconds = run.seconds();
  summary.peak_rss_bytes = peak_rss_bytes();
  summary.origins = files.origins();
  summary.interrupted = run.interrupted();
  fmt::print(stderr, "{}", summary_table(summary));
  run.tell_of_break();
  if (auto written = write_reports(arguments, summary); !written) return complain(written.error(), kFailed);
  return kFine;
}

int warm(const WarmArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  if (!arguments.from.empty()) return warm_from_log(*setup, arguments);
  if (arguments.paths.empty()) return complain({ErrorCode::kInvalidArgument, "name files or folders, or with --from a time what the service's input topic holds since then"}, kWrongUsage);
  auto options = engine_options(arguments, *setup);
  if (!options) return complain(options.error(), kWrongUsage);
  options->keep_open = true;
  auto source = open_recorded(arguments.paths, *setup, arguments.buckets, options->since, options->until);
  if (!source) return complain(source.error(), exit_code_of_input(source.error()));
  const ingest::FileSource& files = **source;
  stream::FileLog log(std::move(*source));  // no topic goes anywhere

  FileRun run(*setup, *options, log, files, arguments.progress);
  if (auto begun = run.begin_with(arguments.state); !begun) return complain(begun.error(), kWrongUsage);
  const auto totals = run.finish();
  if (!totals) return complain(totals.error(), kFailed);
  if (run.interrupted()) return complain({ErrorCode::kIo, "interrupted: nothing was written, for half a history is not what was asked for"}, kFailed);

  if (auto written = pipeline::write_state_file(arguments.out, run.engine().save()); !written) return complain(written.error(), kFailed);
  WarmSummary summary{.totals = *totals, .warm_up = setup->insights.warm_up, .seconds = run.seconds(),
                      .source = fmt::format("{} {}", with_commas(files.origins()), files.origins() == 1 ? "file" : "files"), .file = arguments.out};
  run.tell_of_break();
  run.engine().each_cell([&](const pipeline::Cell& cell) { summary.learned.add(cell, setup->insights.warm_up); });
  fmt::print(stderr, "{}", warm_table(summary));
  return kFine;
}

}  // namespace trailwarden::app
