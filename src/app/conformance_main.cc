#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/conformance.h"
#include "app/event_pattern_cases.h"
#include "app/sigma_cases.h"

namespace {

int run(int argc, char** argv) {
  CLI::App app("trailwarden-conformance: this build against published test vectors.");
  app.require_subcommand(1);
  CLI::App* const baseline = app.add_subcommand("baseline", "The baseline model's vectors");
  std::string file;
  std::vector<std::string> kinds;
  baseline->add_option("cases", file, "JSON lines, as tests/data/baseline-cases.jsonl")->required();
  baseline->add_option("--kinds", kinds, "Only these kinds, separated by commas")->delimiter(',');
  baseline->footer("Example:\n  trailwarden-conformance baseline tests/data/baseline-cases.jsonl --kinds nb_tail,level");
  CLI::App* const patterns = app.add_subcommand("event-patterns", "The language of event patterns");
  patterns->add_option("cases", file, "JSON lines, as tests/data/event-pattern-cases.jsonl")->required();
  patterns->footer("Example:\n  trailwarden-conformance event-patterns tests/data/event-pattern-cases.jsonl");
  CLI::App* const sigma = app.add_subcommand("sigma", "Sigma rules and correlations");
  sigma->add_option("cases", file, "JSON lines, as tests/data/sigma-cases.jsonl")->required();
  sigma->footer("Example:\n  trailwarden-conformance sigma tests/data/sigma-cases.jsonl");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto count = sigma->parsed()      ? trailwarden::app::run_sigma_cases(file, std::cout)
                     : patterns->parsed() ? trailwarden::app::run_event_pattern_cases(file, std::cout)
                                          : trailwarden::app::run_baseline_cases(file, kinds, std::cout);
  if (!count) {
    fmt::print(stderr, "{}\n", count.error().message);
    return 1;
  }
  if (count->skipped > 0) std::cout << count->skipped << " skipped: of kinds that this version does not have\n";
  std::cout << fmt::format("{} passed, {} failed\n", count->passed, count->failed);
  return count->failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
