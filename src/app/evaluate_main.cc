#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/evaluate.h"
#include "core/text.h"

namespace {

int run(int argc, char** argv) {
  CLI::App app("trailwarden-eval: what this build's Insights say of a suite of labelled activity, for its scorer.");
  trailwarden::app::EvaluateArguments arguments;
  app.add_option("suite", arguments.suite, "Folder with suite.json, series.csv, principals.csv and activity.bin")->required();
  app.add_option("--alarms", arguments.alarms, "Writes what is said at --budget, as JSON lines")->required();
  app.add_option("--budget", arguments.budget, "False Insights that an account may cost a week (insights.false_insights_per_week)")
      ->check(CLI::Range(0.01, 100'000.0))
      ->capture_default_str();
  app.add_option("--threads", arguments.threads, "Threads; they do not show in the output")->check(CLI::Range(1, 256))->capture_default_str();
  app.footer("Scores are -log10(false alarms a week of one series) of the setting at which the alarm would just have been said; `rises` says when it reached each. A loose budget,\n"
             "such as 150, gives a scorer something to sweep.\n\n"
             "Example:\n  trailwarden-eval build/eval/dev1 --budget 1 --alarms alarms.jsonl --threads 2");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto count = trailwarden::app::evaluate(arguments);
  if (!count) {
    fmt::print(stderr, "trailwarden-eval: {}\n", count.error().message);
    return 1;
  }
  const auto number = [](std::uint64_t value) { return trailwarden::with_commas(value); };
  std::cout << fmt::format("{} cells, {} records, {} calls; {} alarms", count->cells, number(count->records), number(count->calls), number(count->alarms));
  std::cout << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "trailwarden-eval: {}\n", error.what());
    return 1;
  }
}
