#include "metrics/registry.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "testing/temp_dir.h"

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

TEST(Registry, MetricsOfTheProcessHaveNoPrefix) {
  Registry registry;
  registry.set("process_open_fds", {}, 3);
  EXPECT_NE(registry.text().find("\nprocess_open_fds 3\n"), std::string::npos);
}

TEST(Registry, MetricsAreNamedAsPrometheusAdvises) {
  for (const MetricInfo& info : all_metrics()) {
    EXPECT_EQ(info.name.ends_with("_total"), info.kind == Kind::kCounter) << info.name;
    EXPECT_EQ(!info.buckets.empty(), info.kind == Kind::kHistogram) << info.name;
    EXPECT_TRUE(info.kind != Kind::kHistogram || info.name.ends_with("_seconds")) << info.name;
    EXPECT_TRUE(info.help.ends_with('.')) << info.name;
    EXPECT_EQ(info.labels.find("account"), std::string_view::npos) << info.name;
    EXPECT_EQ(std::adjacent_find(info.buckets.begin(), info.buckets.end(), std::greater_equal<>()), info.buckets.end()) << info.name;
  }
}

TEST(Registry, HistogramsCountWhatIsAtMostTheirBounds) {
  Registry registry;
  for (const double seconds : {0.004, 0.005, 0.2, 61.0}) registry.observe("transaction_commit_seconds", {}, seconds);
  const std::string text = registry.text();
  const auto count = [&text](std::string_view bound) {
    const std::string series = "trailwarden_transaction_commit_seconds_bucket{le=\"" + std::string(bound) + "\"} ";
    const std::size_t at = text.find(series);
    return at == std::string::npos ? -1 : std::atoi(text.c_str() + at + series.size());
  };
  EXPECT_EQ(count("0.005"), 2);
  EXPECT_EQ(count("0.1"), 2);
  EXPECT_EQ(count("0.25"), 3);
  EXPECT_EQ(count("60"), 3);
  EXPECT_EQ(count("+Inf"), 4);
  EXPECT_NE(text.find("trailwarden_transaction_commit_seconds_count 4\n"), std::string::npos);
}

TEST(Registry, ASeriesIsThereBeforeItsFirstEvent) {
  Registry registry;
  const Counter failures = registry.counter("ledger_audit_failures_total", {});
  EXPECT_NE(registry.text().find("trailwarden_ledger_audit_failures_total 0\n"), std::string::npos);
  failures.add();
  registry.add("ledger_audit_failures_total", {}, 2);
  EXPECT_NE(registry.text().find("trailwarden_ledger_audit_failures_total 3\n"), std::string::npos);
}

TEST(Registry, AGaugeOfAPartitionThatLeftIsGone) {
  Registry registry;
  registry.set("consumer_lag_records", {{"topic", "trail"}, {"partition", "0"}}, 7);
  registry.set("consumer_lag_records", {{"topic", "trail"}, {"partition", "1"}}, 8);
  registry.remove("consumer_lag_records", {{"topic", "trail"}, {"partition", "0"}});
  registry.remove("consumer_lag_records", {{"topic", "trail"}, {"partition", "2"}});
  EXPECT_EQ(registry.text(),
            "# HELP trailwarden_consumer_lag_records Records of the partition that are not committed yet.\n"
            "# TYPE trailwarden_consumer_lag_records gauge\n"
            "trailwarden_consumer_lag_records{partition=\"1\",topic=\"trail\"} 8\n");
  registry.remove("consumer_lag_records", {{"topic", "trail"}, {"partition", "1"}});
  EXPECT_EQ(registry.text(), "");
}

TEST(Registry, ALabelFromOutsideCannotWriteASeries) {
  Registry registry;
  registry.add("dead_letters_total", {{"reason", "a\"} 1\nb\\"}}, 1);
  EXPECT_NE(registry.text().find(R"(trailwarden_dead_letters_total{reason="a\"} 1\nb\\"} 1)"), std::string::npos);
}

TEST(Registry, ManyThreadsCountWhileOthersRead) {
  constexpr int kThreads = 4, kRounds = 2000;
  Registry registry;
  const Counter events = registry.counter("events_accepted_total", {});
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&registry, events, partition = std::to_string(t % 2)] {
      for (int i = 0; i < kRounds; ++i) {
        events.add();
        registry.observe("pipeline_latency_seconds", {}, 0.01);
        registry.set("consumer_lag_records", {{"topic", "trail"}, {"partition", partition}}, i);
        if (i % 3 == 0) registry.remove("consumer_lag_records", {{"topic", "trail"}, {"partition", partition}});
      }
    });
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(registry.text().empty());
  for (std::thread& thread : threads) thread.join();
  const std::string text = registry.text();
  EXPECT_NE(text.find("trailwarden_events_accepted_total 8000\n"), std::string::npos);
  EXPECT_NE(text.find("trailwarden_pipeline_latency_seconds_count 8000\n"), std::string::npos);
}

/// Gives `info` a value under made-up labels.
void touch(Registry& registry, const MetricInfo& info) {
  const std::string all(info.labels);
  std::vector<std::string> names;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t comma = std::min(all.find(',', at), all.size());
    names.push_back(all.substr(at, comma - at));
    at = comma + 1;
  }
  ASSERT_LE(names.size(), 3U);
  const auto with = [&](Labels labels) {
    if (info.kind == Kind::kCounter) registry.add(info.name, labels, 1);
    else if (info.kind == Kind::kGauge) registry.set(info.name, labels, 1);
    else registry.observe(info.name, labels, 1);
  };
  if (names.empty()) with({});
  else if (names.size() == 1) with({{names[0], "x"}});
  else if (names.size() == 2) with({{names[0], "x"}, {names[1], "y"}});
  else with({{names[0], "x"}, {names[1], "y"}, {names[2], "z"}});
}

TEST(Registry, PromtoolAcceptsEveryMetric) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is not there; scripts/setup --test fetches it";
  Registry registry;
  for (const MetricInfo& info : all_metrics()) touch(registry, info);
  const testing::TempDir dir;
  const std::string command = "promtool check metrics < " + dir.write("metrics.txt", registry.text());
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST(RegistryDeathTest, ANameOutsideTheTableIsAMistakeOfOurs) {
  Registry registry;
  EXPECT_DEATH(registry.add("surprises_total", {}, 1), "table of metrics");
  EXPECT_DEATH(registry.add("cells", {}, 1), "table of metrics");
  EXPECT_DEATH(registry.add("dead_letters_total", {}, 1), "labels that the table gives");
  EXPECT_DEATH(registry.remove("dead_letters_total", {{"reason", "x"}}), "table of metrics");
}

TEST(RegistryDeathTest, ACounterOnlyGoesUp) {
  Registry registry;
  EXPECT_DEATH(registry.add("events_accepted_total", {}, -1), "only goes up");
}

}  // namespace
}  // namespace trailwarden::metrics
