// The service around its workers: what it says of itself while they begin, stop, stand still and are fenced off.

#include "app/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../http/client.h"
#include "core/log.h"
#include "metrics/registry.h"
#include "testing/systemd.h"
#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr stream::PartitionId kFirst{0, 0};

/// A log that does what a test says, on the worker's thread.
class FakeLog final : public stream::PartitionedLog {
 public:
  struct Switches {
    std::atomic<bool> stands_still = false, assigns = false, hides_state = false, stops = false, fences = false;
  };
  explicit FakeLog(Switches& switches) : switches_(switches) {}

  Result<void> poll(std::chrono::milliseconds wait, stream::Polled& polled, stream::Member& member) override {
    polled.clear();
    while (switches_.stands_still) std::this_thread::sleep_for(5ms);
    std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(wait, 5ms));
    if (switches_.assigns.exchange(false)) member.assigned({{.partition = kFirst, .next_offset = 7, .metadata = {}, .trouble = {}}});
    if (switches_.stops.exchange(false)) polled.faults.push_back({kFirst, "damaged", "a batch"});
    return {};
  }
  void start(stream::PartitionId) override {}
  void stop(stream::PartitionId) override {}
  void append(stream::Outgoing) override {}
  Result<stream::CommitResult> commit(std::span<const stream::Progress>) override {
    return switches_.fences ? stream::CommitResult::kFenced : stream::CommitResult::kCommitted;
  }
  Result<std::vector<stream::Assigned>> rewind() override { return std::vector<stream::Assigned>{}; }
  Result<void> leave(stream::Member&) override { return {}; }
  const std::vector<std::string>& inputs() const override { return inputs_; }
  const std::string& group() const override { return group_; }
  Result<std::int32_t> partitions(std::string_view) override { return 1; }
  Result<stream::Extent> range(std::string_view, std::int32_t) override { return stream::Extent{0, 1}; }  // what is empty is not even opened
  std::optional<stream::Extent> extent(stream::PartitionId) const override { return std::nullopt; }
  Result<std::unique_ptr<stream::PartitionReader>> read(std::string_view, std::int32_t, std::int64_t, std::optional<std::int64_t>) override {
    struct Reader final : stream::PartitionReader {
      explicit Reader(Switches& switches) : switches_(switches) {}
      Result<bool> read(std::chrono::milliseconds, stream::MessageBatch& batch) override {
        batch.clear();
        return switches_.hides_state.load();
      }
      Switches& switches_;
    };
    return std::make_unique<Reader>(switches_);
  }
  std::string trouble() const override { return {}; }
  void wake() override {}

 private:
  Switches& switches_;
  const std::string group_ = "g";
  const std::vector<std::string> inputs_{"folder"};
};

/// A service with one worker on such a log, on a thread of its own.
class Running {
 public:
  explicit Running(Service::Limits limits = {}, const std::string& config = "") : setup_(load_setup(config).value()) {
    log::set_level(log::Level::kOff);
    setup_.config.service.http.listen = "127.0.0.1:0";
    service_.emplace(
        setup_,
        [this](std::size_t) -> Result<OpenedLog> {
          return OpenedLog{.log = std::make_unique<FakeLog>(switches), .report = {}, .is_fenced = [this] { return switches.fences.load(); }};
        },
        limits);
    thread_ = std::thread([this] {
      result_ = service_->run(stop_, false, reload);
      over_ = true;
    });
    while (service_->port() == 0 && !over_) std::this_thread::sleep_for(5ms);
  }
  ~Running() { end(); }

  /// The answer's status line, headers and body.
  std::string page(std::string_view name) const {
    testing::Client client(service_->port());
    client.get(name);
    return client.answer();
  }
  /// Asks for a page until it says so; what it said last.
  std::string wait_for(std::string_view name, std::string_view text) const {
    std::string said;
    for (const auto limit = std::chrono::steady_clock::now() + 20s; std::chrono::steady_clock::now() < limit; std::this_thread::sleep_for(20ms)) {
      said = page(name);
      if (said.find(text) != std::string::npos) break;
    }
    return said;
  }
  bool is_over() const { return over_; }
  bool fenced() const { return service_->fenced(); }
  Result<void> end() {
    stop_ = true;
    switches.stands_still = false;
    if (thread_.joinable()) thread_.join();
    return result_;
  }

  FakeLog::Switches switches;
  std::atomic<bool> reload = false;

 private:
  Setup setup_;
  std::atomic<bool> stop_ = false, over_ = false;
  std::optional<Service> service_;
  Result<void> result_;
  std::thread thread_;
};

TEST(Service, IsReadyOnceItsPartitionsAreRestored) {
  Running service;
  EXPECT_THAT(service.page("/readyz"), StartsWith("HTTP/1.1 503")) << "the group has not spoken";
  EXPECT_THAT(service.page("/readyz"), HasSubstr("worker 0: not assigned yet"));
  EXPECT_THAT(service.page("/healthz"), StartsWith("HTTP/1.1 200"));
  service.switches.hides_state = true;
  service.switches.assigns = true;
  EXPECT_THAT(service.wait_for("/readyz", "restoring"), HasSubstr("folder/0: restoring, at offset -1 of 7"));
  EXPECT_THAT(service.page("/readyz"), StartsWith("HTTP/1.1 503"));
  service.switches.hides_state = false;
  EXPECT_THAT(service.wait_for("/readyz", "200"), HasSubstr("ready\n"));
  service.switches.stops = true;
  EXPECT_THAT(service.wait_for("/readyz", "stopped"), HasSubstr("folder/0: stopped: damaged: a batch"));
  EXPECT_THAT(service.page("/healthz"), StartsWith("HTTP/1.1 200")) << "a restart would not help";
  EXPECT_THAT(service.page("/metrics"), HasSubstr("trailwarden_stopped_partitions{partition=\"0\",reason=\"damaged\",topic=\"folder\"} 1"));
  EXPECT_TRUE(service.end().has_value());
}

TEST(Service, AStuckWorkerIsSeenByProbesAndBySystemd) {
  const testing::Systemd systemd;
  Running service({.stuck_after = 400ms});
  EXPECT_EQ(systemd.awaited(), "READY=1") << "before anything is assigned or restored";
  service.switches.assigns = true;
  service.wait_for("/readyz", "200");
  service.switches.stands_still = true;
  EXPECT_THAT(service.wait_for("/healthz", "503"), HasSubstr("a worker is stuck"));
  while (!systemd.received().empty()) {}
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(systemd.received(), "") << "no WATCHDOG=1: systemd ends it";
  service.switches.stands_still = false;
  EXPECT_THAT(service.wait_for("/healthz", "200"), HasSubstr("ok"));
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(systemd.awaited(), "WATCHDOG=1");
  EXPECT_TRUE(service.end().has_value());
}

TEST(Service, FencedSoonAfterItsStartItWaitsBeforeItEnds) {
  Running service({.settled_after = 60s, .back_off = 1500ms});
  service.switches.fences = true;
  const auto began = std::chrono::steady_clock::now();
  service.switches.assigns = true;  // and its first commit is fenced
  EXPECT_THAT(service.wait_for("/readyz", "another process"), HasSubstr("kafka.instance"));
  EXPECT_THAT(service.page("/healthz"), StartsWith("HTTP/1.1 200"));
  while (!service.is_over()) std::this_thread::sleep_for(10ms);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1500ms);
  EXPECT_TRUE(service.fenced());
  EXPECT_THAT(service.end().error().message, HasSubstr("transactional id"));
}

TEST(Service, FencedAfterALongTimeItEndsAtOnce) {
  Running service({.settled_after = 0ms, .back_off = 1h});
  service.switches.fences = true;
  service.switches.assigns = true;
  for (int i = 0; i < 2'000 && !service.is_over(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(service.is_over());
  EXPECT_TRUE(service.fenced());
}

/// What spec 5.1 asks of this part of the system, and can be seen without a broker, an alert or an error.
TEST(Service, ShowsItsMetricsBeforeAnythingHappens) {
  Running service;
  service.switches.assigns = true;
  service.wait_for("/readyz", "200");
  const std::string page = service.page("/metrics");
  for (const char* name :
       {"records_consumed_total", "record_bytes_consumed_total", "events_accepted_total", "events_rejected_total", "events_late_total", "events_duplicate_total",
        "event_time_clamped_total", "offset_gap_total", "offset_rewind_total", "last_commit_timestamp_seconds", "alert_end_to_end_seconds", "pipeline_latency_seconds",
        "transaction_commit_seconds", "transactions_total", "ledger_audit_failures_total", "rebalances_total", "assigned_partitions", "restore_duration_seconds",
        "restore_records_total", "snapshots_total", "baselines", "incidents_open", "config_last_reload_successful", "config_last_reload_success_timestamp_seconds", "build_info",
        "dead_letters_total", "rules_loaded", "stage_duration_seconds", "log_lines_dropped_total", "misrouted_records_total", "ticks_applied_total", "worker_heartbeat_age_seconds"})
    EXPECT_THAT(page, HasSubstr("# TYPE trailwarden_" + std::string(name) + " ")) << name;
  EXPECT_THAT(page, HasSubstr("trailwarden_dead_letters_total{reason=\"skipped_by_operator\"} 0"));
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds", "process_max_fds", "process_start_time_seconds"})
    EXPECT_THAT(page, ::testing::ContainsRegex("\n" + std::string(name) + " [0-9]")) << name;
  EXPECT_TRUE(service.end().has_value());
}

/// A rule that matches records of one name.
std::string rule(std::string_view id, std::string_view event_name) {
  return "id: " + std::string(id) + "\ntitle: T\nsentence: s.\nseverity: high\npattern: {eventName: [" + std::string(event_name) + "]}\n";
}
constexpr const char* kTaken = "trailwarden_config_last_reload_successful 1";
constexpr const char* kRefused = "trailwarden_config_last_reload_successful 0";

TEST(Service, ReadsItsRulesAnewWhenTheirFilesChangeAndRefusesBrokenOnes) {
  const testing::TempDir folder;
  folder.write("rules/a.yaml", rule("t.one", "One"));
  Running service({.look_at_rules = 20ms, .reload_at_most = 10ms}, folder.write("c.yaml", "version: 1\nrules: {packs: [], folders: [rules]}\n"));
  EXPECT_THAT(service.page("/config"), HasSubstr("# of 1 rules that are on"));
  folder.write("rules/b.yaml", rule("t.two", "Two"));
  EXPECT_THAT(service.wait_for("/config", "# of 2 rules"), HasSubstr("# of 2 rules that are on"));
  EXPECT_THAT(service.page("/metrics"), HasSubstr(kTaken));
  folder.write("rules/b.yaml", "id: t.two\npatern: {}\n");
  EXPECT_THAT(service.wait_for("/metrics", kRefused), HasSubstr(kRefused));
  EXPECT_THAT(service.page("/config"), HasSubstr("# of 2 rules that are on")) << "those that were in use stay";
  std::filesystem::remove(folder.path("rules/b.yaml"));
  EXPECT_THAT(service.wait_for("/config", "# of 1 rules"), HasSubstr("# of 1 rules that are on"));
  EXPECT_THAT(service.page("/metrics"), HasSubstr(kTaken));
  EXPECT_TRUE(service.end().has_value());
}

TEST(Service, ReadsItsRulesAnewWhenItIsTold) {
  const testing::TempDir folder;
  const std::string config = folder.write("c.yaml", "version: 1\nrules: {packs: []}\n");
  Running service({.look_at_rules = 1h, .reload_at_most = 10ms}, config);
  folder.write("c.yaml", "version: 1\nrules: {packs: [cis]}\ntime: {lateness: 30m}\ninsights: {false_insights_per_week: 7}\nsuppressions: [{name: quiet, rules: [cis.*], account: \"1*\", reason: r, owner: o, expires: 2099-01-01}]\n");
  service.reload = true;
  EXPECT_THAT(service.wait_for("/config", "packs: [\"cis\"]"), ::testing::AllOf(HasSubstr("packs: [\"cis\"]"), HasSubstr("name: \"quiet\""), HasSubstr("false_insights_per_week: 7"), HasSubstr("lateness: 15m")))
      << "and what wants a restart is not taken";
  EXPECT_FALSE(service.reload);
  EXPECT_TRUE(service.end().has_value());
}

}  // namespace
}  // namespace trailwarden::app
