#include "app/chart.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace trailwarden::app {
namespace {

constexpr std::size_t kWidth = 60;

struct Bar {
  std::string from;
  double rate, expected;  // calls a minute
};

std::vector<Bar> bars_of(const nlohmann::json& alert) {
  std::vector<Bar> bars;
  if (!alert.is_object() || !alert.contains("trailwarden") || !alert["trailwarden"].contains("history")) return bars;
  for (const auto& span : alert["trailwarden"]["history"]) {
    const double minutes = span.value("minutes", 1.0);
    bars.push_back({span.value("from", ""), span.value("calls", 0.0) / minutes, span.value("expected", 0.0) / minutes});
  }
  return bars;
}

}  // namespace

std::string rate_chart(std::string_view alert) {
  const auto bars = bars_of(nlohmann::json::parse(alert, nullptr, false));
  double top = 0;
  for (const Bar& bar : bars) top = std::max({top, bar.rate, bar.expected});
  if (bars.empty() || top <= 0) return {};
  const auto place = [top](double rate) { return static_cast<std::size_t>(std::lround(rate / top * static_cast<double>(kWidth - 1))); };
  std::string out = fmt::format("calls a minute, # what came, | what was expected; the full width is {:.3g}\n", top);
  for (const Bar& bar : bars) {
    std::string line(kWidth, ' ');
    if (bar.rate > 0) std::fill_n(line.begin(), place(bar.rate) + 1, '#');
    line[place(bar.expected)] = '|';
    line.erase(line.find_last_not_of(' ') + 1);
    out += fmt::format("  {:<16} {:>8.3g} {}\n", printable(bar.from.substr(0, 16)), bar.rate, line);
  }
  return out;
}

}  // namespace trailwarden::app
