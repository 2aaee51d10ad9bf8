#include "app/metric_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "app/setup.h"
#include "metrics/registry.h"

namespace trailwarden::app {
namespace {

using metrics::Kind;
using metrics::MetricInfo;
using nlohmann::ordered_json;

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::kCounter: return "counter";
    case Kind::kGauge: return "gauge";
    case Kind::kHistogram: return "histogram";
  }
  return "";
}

ordered_json labels_of(const MetricInfo& info) {
  ordered_json out = ordered_json::array();
  for (std::string_view rest = info.labels; !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    out.push_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return out;
}

ordered_json to_json(const MetricInfo& info) {
  ordered_json out{{"name", full_name(info)}, {"type", to_string(info.kind)}, {"labels", labels_of(info)}, {"help", info.help}};
  if (!info.buckets.empty()) out["buckets"] = std::vector<double>(info.buckets.begin(), info.buckets.end());
  return out;
}

}  // namespace

int list_metrics(bool as_json) {
  ordered_json all = ordered_json::array();
  for (const MetricInfo& info : metrics::all_metrics()) {
    if (as_json) all.push_back(to_json(info));
    else fmt::print("{}{}  ({})\n    {}\n", full_name(info), info.labels.empty() ? "" : fmt::format("{{{}}}", info.labels), to_string(info.kind), info.help);
  }
  if (as_json) fmt::print("{}\n", all.dump(2));
  return kFine;
}

}  // namespace trailwarden::app
