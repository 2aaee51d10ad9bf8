#include "generate/generator.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include "generate/account.h"
#include "generate/delivery.h"
#include "generate/deployments.h"
#include "generate/file.h"
#include "generate/incident_planner.h"
#include "generate/series.h"
#include "generate/sink.h"

namespace trailwarden::generate {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kMostDays = 3660, kMostAccounts = 100;
constexpr double kMostPerMinute = 1e6;
constexpr std::chrono::days kQuietDays{14};  // before the first incident, for detectors to learn

Result<void> check(const Options& options) {
  const auto refuse = [](std::string message) { return fail(ErrorCode::kInvalidArgument, std::move(message)); };
  if (options.days < 1 || options.days > kMostDays) return refuse(fmt::format("days: expected 1 to {}, got {}", kMostDays, options.days));
  if (options.accounts < 1 || options.accounts > kMostAccounts) return refuse(fmt::format("accounts: expected 1 to {}, got {}", kMostAccounts, options.accounts));
  if (!(options.per_minute > 0.0 && options.per_minute <= kMostPerMinute))
    return refuse(fmt::format("rate: expected more than 0 and at most {:.0f} calls a minute, got {}", kMostPerMinute, options.per_minute));
  std::error_code error;
  const bool exists = std::filesystem::exists(options.folder, error);
  if (!exists) return {};
  if (!std::filesystem::is_directory(options.folder, error)) return refuse(options.folder + ": not a folder");
  const bool empty = std::filesystem::is_empty(options.folder, error);
  if (error) return fail(io_error("look into", options.folder, error.value()));
  if (!empty) return refuse(options.folder + ": the folder is not empty; name one that is empty or not there yet");
  return {};
}

/// One run: the traffic hour by hour, and its way to the disk.
class Run {
 public:
  explicit Run(const Options& options) : options_(options), end_(options.start + std::chrono::days(options.days)) {
    for (std::uint32_t i = 0; i < options.accounts; ++i) accounts_.push_back(make_account(options.seed, i));
    for (std::size_t i = 0; i < accounts_.size(); ++i) {
      const auto number = static_cast<std::uint16_t>(i);
      for (Series& series : make_series(options.seed, accounts_[i], number, options.per_minute)) series_.push_back(std::move(series));
      deployments_.emplace_back(options.seed, accounts_[i], number);
    }
    sink_ = options.lines ? make_line_sink(options.folder, accounts_) : make_object_sink(options.folder, accounts_, options.seed);
    if (options.incidents) incidents_ = IncidentPlanner(options.seed, accounts_, series_, first_incident(), end_).plan();
  }

  Result<Report> go() {
    for (Timestamp hour = options_.start; hour < end_; hour += 1h) {
      add_hour(hour);
      if (auto written = deliver(hour + 1h); !written) return fail(std::move(written).error());
    }
    if (auto written = deliver(kEndOfTime); !written) return fail(std::move(written).error());
    if (auto finished = sink_->finish(); !finished) return fail(std::move(finished).error());
    if (auto labelled = write_labels(); !labelled) return fail(std::move(labelled).error());
    return report();
  }

 private:
  Timestamp first_incident() const {
    const std::chrono::seconds length = end_ - options_.start;
    return options_.start + (length > kQuietDays + std::chrono::days{1} ? std::chrono::seconds(kQuietDays) : length * 2 / 3);
  }

  void add_hour(Timestamp hour) {
    hour_.clear();
    look_for_silences(hour);
    for (Series& series : series_) series.append_hour(hour, hour_);
    for (Deployments& deployments : deployments_) deployments.append_hour(hour, hour_);
    for (const Call& call : hour_)
      if (call.time < end_ && !is_swallowed(call)) add(call);
    for (const Incident& incident : incidents_)
      if (incident.start >= hour && incident.start < hour + 1h)
        for (const Call& call : incident.calls) add(call);
  }

  void add(const Call& call) {
    ++events_;
    delivery_.add(call);
  }

  /// Those that may swallow a call whose batch begins in this hour.
  void look_for_silences(Timestamp hour) {
    silences_.clear();
    for (Incident& incident : incidents_)
      if (incident.kind == IncidentKind::kSilence && incident.start < hour + 2h && incident.end > hour) silences_.push_back(&incident);
  }

  bool is_swallowed(const Call& call) {
    const auto found = std::find_if(silences_.begin(), silences_.end(), [&call](const Incident* silence) { return silence->swallows(call); });
    if (found == silences_.end()) return false;
    ++(*found)->missing;
    return true;
  }

  Result<void> deliver(Timestamp until) {
    while (const auto batch = delivery_.take(until))
      if (auto written = sink_->write(*batch); !written) return written;
    return {};
  }

  Result<void> write_labels() const {
    std::string text;
    for (std::size_t i = 0; i < incidents_.size(); ++i) text += label_of(incidents_[i], accounts_, i + 1) + "\n";
    return write_file(options_.folder + "/labels.jsonl", text);
  }

  Report report() const {
    return {.events = events_, .duplicates = delivery_.duplicates(), .files = sink_->files(), .bytes = sink_->bytes(), .incidents = incidents_.size()};
  }

  const Options& options_;
  Timestamp end_;
  std::vector<Account> accounts_;
  std::vector<Series> series_;
  std::vector<Deployments> deployments_;
  std::vector<Incident> incidents_;
  std::unique_ptr<Sink> sink_;
  Delivery delivery_;
  std::vector<Call> hour_;           // kept for its memory
  std::vector<Incident*> silences_;  // of the hour
  std::uint64_t events_ = 0;
};

}  // namespace

Result<Report> generate(const Options& options) {
  if (auto checked = check(options); !checked) return fail(std::move(checked).error());
  if (auto made = make_folder(options.folder); !made) return fail(std::move(made).error());
  return Run(options).go();
}

}  // namespace trailwarden::generate
