#include "app/replay.h"

#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "alerts/quiet.h"
#include "app/progress.h"
#include "app/run_metrics.h"
#include "app/setup.h"
#include "app/stop_signal.h"
#include "app/summary.h"
#include "core/log.h"
#include "core/text.h"
#include "ingest/file_source.h"
#include "pipeline/engine.h"
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

Result<std::optional<Timestamp>> time_option(std::string_view name, const std::string& text) {
  if (text.empty()) return std::optional<Timestamp>{};
  if (const auto time = parse_user_time(text)) return std::optional<Timestamp>{*time};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} {}: not a time; write 2024-03-13T08:33:21Z, 2024-03-13T08:33Z or 2024-03-13", name, printable(text)));
}

Result<pipeline::EngineOptions> engine_options(const ReplayArguments& arguments, const config::Config& config) {
  pipeline::EngineOptions options;
  options.threads = arguments.threads != 0 ? arguments.threads : std::max(1U, std::thread::hardware_concurrency());
  options.shards = arguments.shards.value_or(config.shards);
  options.lateness = config.time.lateness;
  options.future_skew = config.time.future_skew;
  options.settle = config.time.order == "event_time";
  options.max_record_bytes = config.input.max_record_bytes;
  options.max_message_bytes = config.output.max_message_bytes;
  const auto since = time_option("--since", arguments.since), until = time_option("--until", arguments.until);
  if (!since) return fail(since.error());
  if (!until) return fail(until.error());
  options.since = *since;
  options.until = *until;
  return options;
}

Result<void> write_reports(const ReplayArguments& arguments, const RunSummary& summary) {
  if (arguments.summary) {
    if (auto written = write_text(*arguments.summary, summary_json(summary)); !written) return written;
  }
  if (!arguments.metrics.empty()) {
    if (auto written = write_text(arguments.metrics, run_metrics(summary.totals)); !written) return written;
  }
  return {};
}

}  // namespace

int replay(const ReplayArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  const config::Config& config = setup->config;
  auto options = engine_options(arguments, config);
  if (!options) return complain(options.error(), kWrongUsage);
  options->insights = setup->insights;
  options->silence = setup->silence;

  auto source = ingest::FileSource::open(arguments.paths, {.max_document_bytes = config.input.max_document_bytes});
  if (!source) return complain(source.error(), kWrongUsage);
  const ingest::FileSource& files = **source;
  Progress progress(files.total_bytes(), arguments.progress);
  auto log = open_log(arguments, std::move(*source));
  if (!log) return complain(log.error(), exit_code_of(log.error()));

  const std::atomic<bool>& stop = stop_on_signal();
  Console console(progress);
  set_log_level(config.log);
  log::debug("replay.start", {{"threads", std::uint64_t{options->threads}}, {"shards", std::uint64_t{options->shards}}, {"bytes", files.total_bytes()}});
  const auto start = std::chrono::steady_clock::now();
  pipeline::Engine engine(**log, *options, setup->detectors, console);
  auto totals = engine.run(stop);
  progress.clear();
  if (!totals) return complain(totals.error(), kFailed);

  RunSummary summary;
  summary.totals = std::move(*totals);
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  summary.peak_rss_bytes = peak_rss_bytes();
  summary.origins = files.origins();
  summary.interrupted = stop;
  fmt::print(stderr, "{}", summary_table(summary));
  if (auto written = write_reports(arguments, summary); !written) return complain(written.error(), kFailed);
  return kFine;
}

}  // namespace trailwarden::app
