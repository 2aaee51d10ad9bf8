#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace prometheus {
class Counter;
class Histogram;
}  // namespace prometheus

namespace trailwarden::metrics {

enum class Kind : std::uint8_t { kCounter, kGauge, kHistogram };

/// What a metric is. All text is literal.
struct MetricInfo {
  std::string_view name;  // without the prefix `trailwarden_`, which all have but `process_*`
  Kind kind;
  std::string_view labels;  // names, with commas between
  std::string_view help;
  std::span<const double> buckets = {};  // of a histogram: upper bounds, ascending; +Inf is always there
};

/// Every metric there is, by name. Names follow the Prometheus conventions: base units, `_total` for counters; never an account or principal
/// as a label.
std::span<const MetricInfo> all_metrics();

/// As `/metrics` has it.
std::string full_name(const MetricInfo& info);

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// One series of a counter, to be kept where it is added to often. An atomic addition; any thread. Not to be used after its registry.
class Counter {
 public:
  /// value >= 0
  void add(double value = 1) const;

 private:
  friend class Registry;
  explicit Counter(prometheus::Counter& series) : series_(&series) {}

  prometheus::Counter* series_;
};

/// One series of a histogram, to be kept where it is observed often. A lock of its own and a search among its buckets; any thread. Not to be used
/// after its registry.
class Histogram {
 public:
  void observe(double value) const;

 private:
  friend class Registry;
  explicit Histogram(prometheus::Histogram& series) : series_(&series) {}

  prometheus::Histogram* series_;
};

/// Values of metrics, and their text form. Thread-safe: a scrape may run while others count. A name, kind or label that `all_metrics` does not give
/// is our own mistake and aborts. Cost of a call by name: two map lookups and a few strings; what happens for every record keeps its series.
/// Counters and histograms stay and only grow, so a rate over them holds; a gauge may be removed.
class Registry {
 public:
  Registry();
  ~Registry();

  /// The series; it is in the text from now on, with 0 if nothing was counted. An alert rule on the increase of a counter sees the first event
  /// only if the series was there before.
  Counter counter(std::string_view name, Labels labels);
  Histogram histogram(std::string_view name, Labels labels);

  /// Adds to a counter; value >= 0.
  void add(std::string_view name, Labels labels, double value);
  /// Counts a value in a histogram.
  void observe(std::string_view name, Labels labels, double value);
  /// Sets a gauge.
  void set(std::string_view name, Labels labels, double value);
  /// Takes a gauge out of the text, for example of a partition that is no longer ours. Nothing, if it was never set.
  void remove(std::string_view name, Labels labels);

  /// Prometheus text exposition format, version 0.0.4, metrics by name and series by labels. Metrics without series are left out.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trailwarden::metrics
