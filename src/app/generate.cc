#include "app/generate.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "app/setup.h"
#include "core/text.h"
#include "generate/generator.h"

namespace trailwarden::app {
namespace {

/// The start as a time; its year is one that four digits can write, with room for the days.
Result<Timestamp> start_of(const GenerateArguments& arguments) {
  const auto start = parse_user_time(arguments.start);
  const auto latest = parse_user_time("9900-01-01");
  if (start && *start >= Timestamp{} && *start < *latest) return *start;
  return fail(ErrorCode::kInvalidArgument, fmt::format("--start {}: expected a time from 1970 on such as 2026-01-05T00:00:00Z or 2026-01-05", printable(arguments.start)));
}

void print(const generate::Report& report, double seconds) {
  fmt::print("{} events, {} duplicates, {} files, {}, {} incidents, {:.1f} s, {} events/s\n", with_commas(report.events), with_commas(report.duplicates),
             with_commas(report.files), format_bytes(static_cast<double>(report.bytes)), report.incidents, seconds,
             with_commas(static_cast<std::uint64_t>(static_cast<double>(report.events) / std::max(seconds, 1e-3))));
}

}  // namespace

int generate(const GenerateArguments& arguments) {
  const auto start = start_of(arguments);
  if (!start) return complain(start.error(), exit_code_of(start.error()));
  const generate::Options options{.folder = arguments.out,
                                  .seed = arguments.seed,
                                  .days = arguments.days,
                                  .accounts = arguments.accounts,
                                  .per_minute = arguments.rate,
                                  .lines = arguments.jsonl,
                                  .incidents = arguments.incidents,
                                  .start = *start};
  const auto began = std::chrono::steady_clock::now();
  const auto report = generate::generate(options);
  if (!report) return complain(report.error(), exit_code_of(report.error()));
  print(*report, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  return kFine;
}

}  // namespace trailwarden::app
