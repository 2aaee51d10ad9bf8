#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/config.h"
#include "detectors/registry.h"
#include "trail/trail_config.h"

namespace {

using namespace trailwarden;

/// Reads "FILE:LINE:COLUMN: what" and checks that the text has such a line.
void check_place(std::string_view diagnostic, std::size_t lines) {
  constexpr std::string_view kFile = "fuzz.yaml:";
  if (!diagnostic.starts_with(kFile)) std::abort();
  std::size_t line = 0, column = 0;
  const char* const end = diagnostic.data() + diagnostic.size();
  const auto [after_line, no_line] = std::from_chars(diagnostic.data() + kFile.size(), end, line);
  if (no_line != std::errc{} || line < 1 || line > lines || *after_line != ':') std::abort();
  const auto [after_column, no_column] = std::from_chars(after_line + 1, end, column);
  if (no_column != std::errc{} || column < 1 || !std::string_view(after_column, end).starts_with(": ")) std::abort();
  if (std::any_of(diagnostic.begin(), diagnostic.end(), [](char c) { return c == '\n' || c == '\x1b'; })) std::abort();
}

}  // namespace

// Any bytes as a config: every complaint has a place, and what is taken can be written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const config::Config config = config::parse_config(text, "fuzz.yaml");
  detectors::configure(config.detectors);
  const auto trails = trail::read_trails(config.top).trails;
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const std::string& diagnostic : config.diagnostics->lines()) check_place(diagnostic, lines);
  if (!config.diagnostics->empty()) return 0;
  const std::string written = config::to_yaml(config);
  const config::Config again = config::parse_config(written, "written.yaml");
  if (!again.diagnostics->empty() || config::to_yaml(again) != written) std::abort();
  const config::Config with_trails = config::parse_config(written + trail::to_yaml(trails), "written.yaml");
  if (trail::read_trails(with_trails.top).trails != trails || !with_trails.diagnostics->empty()) std::abort();
  return 0;
}
