#include "testing/sim_copy_model.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "testing/sim_log.h"

namespace trailwarden::testing {
namespace {

using std::chrono::milliseconds;
using stream::CommitResult;
using stream::PartitionId;

constexpr int kTurnsToFinish = 4'000;
constexpr const char* kGroup = "detector";

/// Copies what it reads. False from `step`: this incarnation is over.
class CopyWorker final : public stream::Member {
 public:
  CopyWorker(SimBroker& broker, SimLogOptions options, SimCopyReport& report) : broker_(broker), report_(report), log_(broker, std::move(options)) {}

  bool step() {
    if (!log_.poll(milliseconds(broker_.dice().between(0, 1'000)), polled_, *this) || over_) return false;
    for (const stream::Message& message : polled_.batch.messages) copy(message);
    if (broker_.dice().chance(0.02)) return start_over();
    if (broker_.dice().chance(0.005)) return log_.leave(*this) && false;
    return !broker_.dice().chance(0.5) || commit();
  }

  void assigned(std::vector<stream::Assigned> partitions) override { begin(partitions); }
  void revoked(std::span<const PartitionId> partitions) override {
    ++report_.revoked;
    if (!broker_.dice().chance(0.2)) over_ |= !commit_once().has_value();
    forget(partitions);
  }
  void lost(std::span<const PartitionId> partitions) override {
    ++report_.lost;
    forget(partitions);
  }

  SimLog& log() { return log_; }

 private:
  void begin(const std::vector<stream::Assigned>& partitions) {
    for (const stream::Assigned& each : partitions) {
      next_[each.partition] = each.next_offset.value_or(0);
      log_.start(each.partition);
    }
  }
  void forget(std::span<const PartitionId> partitions) {
    for (const PartitionId id : partitions) {
      next_.erase(id);
      uncommitted_.erase(id);
    }
  }

  void copy(const stream::Message& message) {
    const PartitionId id = partition_of(message);
    std::int64_t& next = next_.at(id);
    if (message.offset < next) return;  // delivered twice (R15)
    next = message.offset + 1;
    uncommitted_.insert(id);
    log_.append({.topic = "out", .key = {}, .value = std::string(message.value), .headers = {}, .partition = id.number});
  }

  Result<CommitResult> commit_once() {
    std::vector<stream::Progress> progress;
    for (const PartitionId id : uncommitted_) {
      progress.push_back({id, next_.at(id), {}});
      log_.append({.topic = "state", .key = "next", .value = std::to_string(next_.at(id)), .headers = {}, .partition = id.number});
    }
    auto result = log_.commit(progress);
    uncommitted_.clear();
    if (!result) return result;
    if (*result == CommitResult::kCommitted) report_.commits += progress.empty() ? 0 : 1;
    if (*result == CommitResult::kRolledBack) ++report_.rollbacks;
    if (*result == CommitResult::kFenced) ++report_.fenced;
    return result;
  }
  bool commit() {
    const auto result = commit_once();
    if (!result || *result == CommitResult::kFenced) return false;
    return *result == CommitResult::kCommitted || start_over();
  }
  bool start_over() {
    uncommitted_.clear();
    const auto rewound = log_.rewind();
    if (rewound) begin(*rewound);
    return rewound.has_value();
  }

  SimBroker& broker_;
  SimCopyReport& report_;
  stream::Polled polled_;
  std::map<PartitionId, std::int64_t> next_;
  std::set<PartitionId> uncommitted_;
  bool over_ = false;
  SimLog log_;
};

/// Writes the input in transactions of its own, some of which it aborts.
class Upstream {
 public:
  explicit Upstream(SimBroker& broker) : broker_(broker), client_(broker, "upstream", {}), writer_(client_, "upstream", milliseconds{30'000}) {}

  void step(int partitions) {
    if (busy_) return;
    busy_ = true;
    for (auto left = broker_.dice().between(1, 5); left > 0; --left) {
      const auto partition = static_cast<std::int32_t>(broker_.dice().below(static_cast<std::uint64_t>(partitions)));
      if (broker_.dice().chance(0.3)) broker_.put("in", partition, "plain" + std::to_string(++written_));
      else writer_.append({.topic = "in", .key = {}, .value = "record" + std::to_string(++written_), .headers = {}, .partition = partition});
    }
    if (broker_.dice().chance(0.2)) writer_.abort();
    else if (broker_.dice().chance(0.8)) writer_.commit({}, {});
    busy_ = false;
  }
  void finish() { writer_.abort(); }

 private:
  SimBroker& broker_;
  SimClient client_;
  SimWriter writer_;
  std::uint64_t written_ = 0;
  bool busy_ = false;
};

/// One run: who does something next, who dies, who gets a twin.
class CopyRun {
 public:
  explicit CopyRun(const SimCopyOptions& options)
      : options_(options), broker_(options.seed, options.faults, options.flaws), upstream_(broker_) {
    broker_.create_topic("in", options.partitions);
    broker_.create_topic("out", options.partitions);
    broker_.create_topic("state", options.partitions, true);
    session_ = milliseconds(broker_.dice().between(5'000, 30'000));
    transaction_ = milliseconds(broker_.dice().between(5'000, 40'000));
    broker_.meanwhile([this](const std::string& who, milliseconds duration) { meanwhile(who, duration); });
  }

  SimCopyReport run() {
    for (int turn = 0; turn < options_.turns; ++turn) {
      upstream_.step(options_.partitions);
      turn_of_somebody();
      bury();
    }
    finish();
    compare();
    report_.trace_hash = broker_.trace().hash();
    if (!report_.violations.empty()) report_.trace = broker_.trace().tail();
    return std::move(report_);
  }

 private:
  struct Actor {
    int id = 0;
    std::string name;
    bool busy = false, over = false;
    std::unique_ptr<CopyWorker> worker;
  };

  void turn_of_somebody() {
    spawn_missing();
    std::vector<Actor*> idle;
    for (const auto& actor : actors_)
      if (!actor->busy && !actor->over) idle.push_back(actor.get());
    if (idle.empty()) return broker_.advance(milliseconds{100});
    act(*idle[broker_.dice().below(idle.size())]);
    watch_committed();
  }

  void act(Actor& actor) {
    if (!finishing_ && broker_.dice().chance(0.01)) actor.worker->log().kill();
    actor.busy = true;
    if (!actor.worker->step()) actor.over = true;
    actor.busy = false;
    if (actor.over) ++report_.deaths;
  }

  // A client stands still in the midst of a call: the others go on. Some never wake up, and of some a twin is started.
  void meanwhile(const std::string& who, milliseconds duration) {
    ++report_.freezes;
    const AppendTime until = broker_.now() + duration;
    for (const auto& actor : actors_)
      if (actor->name == who && !finishing_) {
        if (broker_.dice().chance(0.1)) actor->worker->log().kill();
        if (broker_.dice().chance(0.2)) spawn(actor->id);
        break;
      }
    go_on(until);
  }
  void go_on(AppendTime until) {
    while (broker_.now() < until) {
      const AppendTime before = broker_.now();
      turn_of_somebody();
      if (broker_.now() == before) broker_.advance(milliseconds{50});
    }
  }

  void spawn_missing() {
    for (int id = 1; id <= options_.workers; ++id) {
      const auto is_it = [id](const auto& actor) { return actor->id == id && !actor->over; };
      if (std::ranges::none_of(actors_, is_it) && (finishing_ || broker_.dice().chance(0.2))) spawn(id);
    }
  }
  void spawn(int id) {
    SimLogOptions options;
    options.name = "w" + std::to_string(id) + "." + std::to_string(++incarnations_);
    options.group = kGroup;
    options.transactional_id = "t" + std::to_string(id);
    options.inputs = {"in"};
    options.session_timeout = session_;
    options.transaction_timeout = transaction_;
    options.rebalance_timeout = std::chrono::seconds{30};
    if (!finishing_ && broker_.dice().chance(0.2)) options.dies_before_request = broker_.dice().between(1, 300);
    auto actor = std::make_unique<Actor>();
    actor->id = id;
    actor->name = options.name;
    actor->worker = std::make_unique<CopyWorker>(broker_, std::move(options), report_);
    actors_.push_back(std::move(actor));
  }
  // Only between turns: a worker that is over may still be on the stack of one that stood still.
  void bury() {
    std::erase_if(actors_, [](const auto& actor) { return actor->over && !actor->busy; });
  }

  void finish() {
    broker_.faults() = {};
    finishing_ = true;
    upstream_.finish();
    for (int turn = 0; turn < kTurnsToFinish && !is_finished(); ++turn) {
      turn_of_somebody();
      bury();
    }
    if (!is_finished()) report_.violations.push_back("the workers do not get to the end of their input");
  }
  bool is_finished() {
    for (std::int32_t number = 0; number < options_.partitions; ++number) {
      const auto input = broker_.visible("in", number);
      const auto committed = broker_.committed(kGroup, "in", number);
      if (!input.empty() && (!committed || committed->next_offset <= input.back().offset)) return false;
      for (const char* topic : {"out", "state"})
        if (broker_.extent(topic, number).end < broker_.topics().find(SimTopicPartition{topic, number})->high_watermark()) return false;
    }
    return true;
  }

  void watch_committed() {
    for (std::int32_t number = 0; number < options_.partitions; ++number) {
      const auto committed = broker_.committed(kGroup, "in", number);
      std::int64_t& furthest = furthest_[number];
      if (committed && committed->next_offset < furthest) violated(number, "the committed offset went back to " + std::to_string(committed->next_offset));
      if (committed) furthest = committed->next_offset;
    }
  }
  void compare() {
    const auto values = [this](const char* topic, std::int32_t number) {
      std::vector<std::string> out;
      for (const SimRecord& record : broker_.visible(topic, number)) out.push_back(record.value.value_or(""));
      return out;
    };
    for (std::int32_t number = 0; number < options_.partitions; ++number) {
      const auto input = values("in", number), output = values("out", number);
      report_.records += input.size();
      const auto state = values("state", number);
      const auto committed = broker_.committed(kGroup, "in", number);
      if (committed && (state.empty() || state.back() != std::to_string(committed->next_offset)))
        violated(number, "the state is at " + (state.empty() ? "nothing" : state.back()) + " and not at " + std::to_string(committed->next_offset));
      compare(number, input, output);
    }
  }
  // What retention has deleted of the input is not known any more: then the output ends with the input, and has nothing twice.
  void compare(std::int32_t number, const std::vector<std::string>& input, const std::vector<std::string>& output) {
    const bool all_there = broker_.extent("in", number).begin == 0;
    const std::size_t skipped = all_there || output.size() < input.size() ? 0 : output.size() - input.size();
    const auto [in, out] = std::mismatch(input.begin(), input.end(), output.begin() + static_cast<std::ptrdiff_t>(skipped), output.end());
    if (std::set(output.begin(), output.end()).size() != output.size()) violated(number, "something was copied twice");
    if (in == input.end() && out == output.end()) return;
    violated(number, "record " + std::to_string(in - input.begin()) + " should be " + (in == input.end() ? "the end" : *in) + " and is " +
                         (out == output.end() ? "the end" : *out) + "; " + std::to_string(input.size()) + " in, " + std::to_string(output.size()) + " out");
  }
  void violated(std::int32_t number, const std::string& what) { report_.violations.push_back("partition " + std::to_string(number) + ": " + what); }

  SimCopyOptions options_;
  SimCopyReport report_;
  SimBroker broker_;
  Upstream upstream_;
  std::vector<std::unique_ptr<Actor>> actors_;
  std::map<std::int32_t, std::int64_t> furthest_;
  milliseconds session_{}, transaction_{};
  int incarnations_ = 0;
  bool finishing_ = false;
};

}  // namespace

SimCopyReport run_copy_model(const SimCopyOptions& options) { return CopyRun(options).run(); }

}  // namespace trailwarden::testing
