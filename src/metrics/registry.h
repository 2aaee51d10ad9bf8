#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace trailwarden::metrics {

enum class Kind : std::uint8_t { kCounter, kGauge };

/// What a metric is. All text is literal.
struct MetricInfo {
  std::string_view name;  // without the prefix `trailwarden_`
  Kind kind;
  std::string_view labels;  // names, with commas between
  std::string_view help;
};

/// Every metric there is, by name. Names follow the Prometheus conventions: base units, `_total` for counters; never an account or principal
/// as a label.
std::span<const MetricInfo> all_metrics();

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Values of metrics, and their text form. Thread-safe (prometheus-cpp's registry is). A name, kind or label that `all_metrics` does not give is
/// our own mistake and aborts. Cost: two map lookups and a few strings a call; meant for totals, not for the hot loop.
class Registry {
 public:
  Registry();
  ~Registry();

  /// Adds to a counter.
  void add(std::string_view name, Labels labels, double value);
  /// Sets a gauge.
  void set(std::string_view name, Labels labels, double value);

  /// Prometheus text exposition format, version 0.0.4, metrics by name and series by labels.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trailwarden::metrics
