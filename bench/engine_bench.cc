#include <atomic>
#include <stdexcept>

#include <fmt/format.h>

#include "config/config.h"
#include "corpus.h"
#include "detectors/registry.h"
#include "figure.h"
#include "pipeline/engine.h"

namespace trailwarden::bench {
namespace {

pipeline::Totals run_engine(std::string_view lines, std::size_t threads) {
  const config::Config config = config::default_config();
  pipeline::EngineOptions options;
  options.threads = threads;
  MemoryLog log(lines);
  pipeline::EngineObserver nobody;
  pipeline::Engine engine(log, options, detectors::configure(config.detectors), nobody);
  const std::atomic<bool> stop = false;
  auto totals = engine.run(stop);
  if (!totals) throw std::runtime_error(totals.error().message);
  return std::move(*totals);
}

void check_answer(const pipeline::Totals& totals, const Lines& lines) {
  if (totals.read != lines.records || totals.judged != lines.records)
    throw std::runtime_error(fmt::format("{} records went in, {} were read and {} judged", lines.records, totals.read, totals.judged));
}

}  // namespace

std::vector<Figure> engine_figures() {
  const Lines lines = repeated(real_records(), std::size_t{1} << 30, 0);
  check_answer(run_engine(lines.view(), 1), lines);
  const Paired paired = pair_up(3, [&] { run_engine(lines.view(), 1); }, [&] { read_ten_fields(lines.view()); });
  const double per_second = static_cast<double>(lines.records) / paired.best_a;
  const std::string what = fmt::format("{} records of {:.0f} bytes from {}; ten fields alone {:.2f} M/s", lines.records,
                                       static_cast<double>(lines.size) / static_cast<double>(lines.records), real_records().source,
                                       static_cast<double>(lines.records) / paired.best_b / 1e6);
  return {{"engine.rate", per_second / 1e6, "M events/s, one core", 2.0, true, what},
          {"engine.of_ten_fields", paired.ratio, "of simdjson reading ten fields", 0.40, true, what}};
}

std::vector<Figure> thread_figures() {
  const Lines lines = repeated(real_records(), std::size_t{1} << 29, 32);
  const pipeline::Totals one = run_engine(lines.view(), 1), two = run_engine(lines.view(), 2);
  check_answer(one, lines);
  if (one.cells < 16) throw std::runtime_error("the input has fewer than 16 cells");
  if (!(one == two)) throw std::runtime_error("two threads count otherwise than one");
  const Paired paired = pair_up(5, [&] { run_engine(lines.view(), 2); }, [&] { run_engine(lines.view(), 1); });
  return {{"threads.two_of_one", paired.ratio, "x one thread", 1.7, true, fmt::format("{} cells", one.cells)}};
}

}  // namespace trailwarden::bench
