#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "corpus.h"
#include "figure.h"

namespace trailwarden::bench {
namespace {

namespace fs = std::filesystem;

/// Replays a file with the product itself and returns its summary: resident memory belongs to a process.
nlohmann::json replay(const fs::path& file, const fs::path& folder) {
  const fs::path summary = folder / "summary.json";
  const std::string program = (fs::read_symlink("/proc/self/exe").parent_path() / "trailwarden").string();
  const pid_t child = fork();
  if (child == 0) {
    const std::string alerts = (folder / "alerts.jsonl").string();
    if (freopen("/dev/null", "w", stderr) == nullptr) _exit(127);
    execl(program.c_str(), program.c_str(), "replay", file.c_str(), "--alerts", alerts.c_str(), "--summary", summary.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) throw std::runtime_error(fmt::format("{} replay ended with {}", program, status));
  return nlohmann::json::parse(std::ifstream(summary));
}

}  // namespace

std::vector<Figure> memory_figures() {
  const fs::path folder = fs::temp_directory_path() / fmt::format("trailwarden-memory-bench-{}", getpid());
  fs::create_directories(folder);
  const fs::path file = folder / "records.jsonl";
  double small = 0, large = 0;
  try {
    // Ten rounds of half a gigabyte, each with times and ids of its own: `repeated` numbers its records, so one call writes all.
    const Lines part = repeated(real_records(), std::size_t{5} * 1000 * 1000 * 1000, 0);
    const std::size_t half = part.view().find('\n', 500'000'000) + 1;
    std::ofstream(file, std::ios::binary) << part.view().substr(0, half);
    const nlohmann::json first = replay(file, folder);
    std::ofstream(file, std::ios::binary) << part.view();
    const nlohmann::json second = replay(file, folder);
    if (second["records"]["judged"].get<std::uint64_t>() != part.records) throw std::runtime_error("not every record of the large file was judged");
    small = first["peak_rss_bytes"].get<double>() / 1e6;
    large = second["peak_rss_bytes"].get<double>() / 1e6;
  } catch (...) {
    fs::remove_all(folder);
    throw;
  }
  fs::remove_all(folder);
  return {{"memory.growth", 100 * (large - small) / small, "% from 0.5 GB to 5 GB of JSON", 10, false, fmt::format("{:.0f} and {:.0f} MB", small, large)},
          {"memory.peak", large, "MB resident for 5 GB", 300, false, ""}};
}

}  // namespace trailwarden::bench
