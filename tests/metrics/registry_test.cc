#include "metrics/registry.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace trailwarden::metrics {
namespace {

TEST(Registry, WritesMetricsByNameAndSeriesByLabels) {
  Registry registry;
  registry.add("events_rejected_total", {{"reason", "truncated"}}, 2);
  registry.set("cells", {}, 3);
  registry.add("events_rejected_total", {{"reason", "not_json"}}, 1);
  registry.add("events_rejected_total", {{"reason", "truncated"}}, 5);
  EXPECT_EQ(registry.text(),
            "# HELP trailwarden_cells Pairs of account and Region with state.\n"
            "# TYPE trailwarden_cells gauge\n"
            "trailwarden_cells 3\n"
            "# HELP trailwarden_events_rejected_total Records refused, by reason.\n"
            "# TYPE trailwarden_events_rejected_total counter\n"
            "trailwarden_events_rejected_total{reason=\"not_json\"} 1\n"
            "trailwarden_events_rejected_total{reason=\"truncated\"} 7\n");
}

TEST(Registry, MetricsAreNamedAsPrometheusAdvises) {
  for (const MetricInfo& info : all_metrics()) {
    EXPECT_EQ(info.name.ends_with("_total"), info.kind == Kind::kCounter) << info.name;
    EXPECT_TRUE(info.help.ends_with('.')) << info.name;
  }
  EXPECT_TRUE(std::is_sorted(all_metrics().begin(), all_metrics().end(), [](const MetricInfo& a, const MetricInfo& b) { return a.name < b.name; }));
}

TEST(RegistryDeathTest, ANameOutsideTheTableIsAMistakeOfOurs) {
  Registry registry;
  EXPECT_DEATH(registry.add("surprises_total", {}, 1), "table of metrics");
  EXPECT_DEATH(registry.add("cells", {}, 1), "table of metrics");
}

}  // namespace
}  // namespace trailwarden::metrics
