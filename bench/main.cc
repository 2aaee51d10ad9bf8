#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "figure.h"

namespace trailwarden::bench {

namespace {

void write_json(const std::string& path, const std::vector<Figure>& figures) {
  std::ofstream file(path);
  for (const Figure& figure : figures)
    file << nlohmann::ordered_json{{"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}, {"goal", figure.goal}, {"met", figure.met()}}.dump()
         << '\n';
}

int run(const std::vector<std::string>& names, const std::string& json) {
  const std::vector<Group> groups{{"engine", engine_figures}, {"gzip", gzip_figures}, {"threads", thread_figures}, {"memory", memory_figures}, {"baseline", baseline_figures}, {"trail", trail_figures}, {"kafka", kafka_figures},
                                  {"rules", rule_figures}};
  std::vector<Figure> figures;
  for (const Group& group : groups) {
    const bool is_named = std::find(names.begin(), names.end(), group.name) != names.end();
    const bool needs_more = group.name == "kafka" || group.name == "rules";  // a broker, Event Ruler: not there unless asked for
    if (names.empty() ? needs_more : !is_named) continue;
    for (const Figure& figure : group.run()) {
      fmt::print("{:<24} {:>9.3f} {:<48} goal {} {:<6} {:<7} {}\n", figure.name, figure.value, figure.unit, figure.at_least ? ">=" : "<=", figure.goal,
                 figure.met() ? "met" : "MISSED", figure.remark);
      std::fflush(stdout);
      figures.push_back(figure);
    }
  }
  if (figures.empty()) {
    fmt::print(stderr, "no such figure; there are: engine gzip threads memory baseline trail kafka rules\n");
    return 2;
  }
  if (!json.empty()) write_json(json, figures);
  return 0;
}

}  // namespace
}  // namespace trailwarden::bench

int main(int argc, char** argv) {
  std::vector<std::string> names;
  std::string json;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--json" && i + 1 < argc) json = argv[++i];
    else names.emplace_back(argv[i]);
  }
  try {
    return trailwarden::bench::run(names, json);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench: {}\n", error.what());
    return 1;
  }
}
