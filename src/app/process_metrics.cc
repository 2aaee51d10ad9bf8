#include "app/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

namespace trailwarden::app {
namespace {

/// Of /proc/self/stat, in its own units.
struct ProcessStat {
  double user_ticks = 0, system_ticks = 0, start_ticks = 0, virtual_bytes = 0, resident_pages = 0;
};

/// The fields stand behind the name, which is in parentheses and may hold any character.
std::optional<ProcessStat> read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string text(std::istreambuf_iterator<char>(file), {});
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  ProcessStat out;
  fields >> out.user_ticks >> out.system_ticks;                      // 14, 15
  for (int field = 16; field < 22; ++field) fields >> skipped;
  fields >> out.start_ticks >> out.virtual_bytes >> out.resident_pages;  // 22 to 24
  return fields ? std::optional(out) : std::nullopt;
}

/// When the machine began [s since 1970].
std::optional<double> boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  return std::nullopt;
}

}  // namespace

void write_process_metrics(metrics::Registry& metrics) {
  if (const auto stat = read_stat()) {
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    metrics.add("process_cpu_seconds_total", {}, (stat->user_ticks + stat->system_ticks) / ticks);
    metrics.set("process_virtual_memory_bytes", {}, stat->virtual_bytes);
    metrics.set("process_resident_memory_bytes", {}, stat->resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE)));
    if (const auto boot = boot_time()) metrics.set("process_start_time_seconds", {}, *boot + stat->start_ticks / ticks);
  }
  std::error_code none;
  const std::filesystem::directory_iterator open("/proc/self/fd", none);
  if (!none) metrics.set("process_open_fds", {}, static_cast<double>(std::distance(begin(open), end(open))) - 1);  // but for the one that looked
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) metrics.set("process_max_fds", {}, static_cast<double>(limit.rlim_cur));
}

}  // namespace trailwarden::app
