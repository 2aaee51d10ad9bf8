#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "testing/insights_feed.h"
#include "testing/seal.h"

namespace {

using trailwarden::testing::FeedCall;
using trailwarden::testing::InsightsFeed;

constexpr std::int64_t kMinute = 28'927'080;  // a minute of the year 2024, about which the kept states were saved

/// Loads `state` into a fresh cell. What is accepted is saved, and comes back from its bytes as the same.
void load(const std::string& state) {
  const InsightsFeed nobody;
  const auto fresh = [] { return std::make_unique<InsightsFeed>(trailwarden::detectors::InsightsConfig{.false_insights_per_week = 300}); };
  const auto first = fresh(), second = fresh();
  if (!first->restore(state, nobody)) return;
  const std::string saved = first->saved();
  if (!second->restore(saved, nobody) || second->saved() != saved) std::abort();
  // It need not make sense, but it must bear calls that are in time, late, failed and many, the end of hours and days, and sleep.
  for (const std::int64_t minute : {kMinute - 100, kMinute, kMinute + 1, kMinute + 20, kMinute + 1500, kMinute + 4000}) {
    second->minute(minute, {}, 40);
    second->minute(minute - 3, {.error_code = "AccessDenied"}, 2);
    second->minute(minute - 30, {.event_name = "New", .is_data = true});
  }
  second->finish();
  static_cast<void>(second->saved());
}

}  // namespace

// The saved form of Insights: as it comes, and with its checksums made good so that damage gets past them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string state(reinterpret_cast<const char*>(data), size);
  load(state);
  load(trailwarden::testing::sealed(state));
  return 0;
}
