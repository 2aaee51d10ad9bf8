#include "pipeline/recompute.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "core/hash.h"
#include "pipeline/ledger.h"
#include "stream/topic_scan.h"

namespace trailwarden::pipeline {
namespace {

constexpr std::chrono::milliseconds kWait{1'000};

using Commits = std::vector<LedgerRecord>;
using CommitsByPartition = std::map<std::pair<std::string, std::int32_t>, Commits>;

Result<CommitsByPartition> read_ledger(stream::Topics& topics) {
  CommitsByPartition out;
  std::optional<Error> wrong;
  auto done = stream::for_each_record(topics, stream::kLedgerTopic, [&](const stream::Message& message) {
    auto record = parse_ledger_record(message.value);
    if (record && record->group != topics.group()) return;
    if (record) out[{record->topic, record->partition}].push_back(std::move(*record));
    else if (!wrong) wrong = std::move(record).error();
  });
  if (!done) return fail(std::move(done).error());
  if (wrong) return fail(std::move(*wrong));
  return out;
}

/// One partition's input in order, a message at a time.
class Input {
 public:
  explicit Input(std::unique_ptr<stream::PartitionReader> reader) : reader_(std::move(reader)) {}

  /// The next message, or null at the end. Valid until the next call.
  Result<const stream::Message*> next() {
    while (at_ == batch_.messages.size()) {
      if (!more_) return nullptr;
      auto read = reader_->read(kWait, batch_);
      if (!read) return fail(std::move(read).error());
      more_ = *read;
      at_ = 0;
    }
    return &batch_.messages[at_++];
  }

 private:
  std::unique_ptr<stream::PartitionReader> reader_;
  stream::MessageBatch batch_;
  std::size_t at_ = 0;
  bool more_ = true;
};

class Recomputer {
 public:
  Recomputer(const PartitionSettings& settings, RecomputeReport& report) : settings_(settings), report_(report), tools_(settings.cells), counting_(settings.cells) {}

  Result<void> run(stream::Topics& topics, const std::string& topic, std::int32_t number, const Commits& commits) {
    const auto partitions = topics.partitions(topic);
    if (!partitions) return fail(partitions.error());
    const std::int64_t from = commits.front().from, to = commits.back().to;
    auto reader = topics.read(topic, number, from, to);
    if (!reader) return fail(std::move(reader).error());
    Input input(std::move(*reader));
    Partition partition(settings_, number, *partitions);
    auto message = from == to ? Result<const stream::Message*>(nullptr) : input.next();
    seen_.clear();
    wanted_.clear();
    for (const LedgerRecord& commit : commits)
      if (commit.state) wanted_.insert(commit.state->offset);
    for (const LedgerRecord& commit : commits) {
      if (commit.brought_state) {
        report_.not_compared += static_cast<std::uint64_t>(&commits.back() - &commit + 1);
        break;
      }
      output_.clear();
      std::size_t tick = 0;
      const auto ticks_up_to = [&](std::int64_t offset) {
        for (; tick < commit.ticks.size() && commit.ticks[tick].offset <= offset; ++tick) partition.tick(commit.ticks[tick].watermark, tools_, counting_, output_);
      };
      while (message && *message != nullptr && (*message)->offset < commit.to) {
        ticks_up_to((*message)->offset);
        const bool skipped = std::find(commit.skipped.begin(), commit.skipped.end(), (*message)->offset) != commit.skipped.end();
        if (skipped) partition.skip(**message, tools_, counting_, output_);
        else partition.judge(**message, tools_, counting_, output_);
        ++report_.messages;
        message = input.next();
      }
      if (!message) return fail(std::move(message).error());
      ticks_up_to(commit.to);
      compare(commit, partition);
    }
    return {};
  }

 private:
  void compare(const LedgerRecord& commit, const Partition& partition) {
    const std::string where = fmt::format("{}/{} [{}, {})", commit.topic, commit.partition, commit.from, commit.to);
    std::vector<std::string> ids;
    for (const Alert& alert : output_.alerts) ids.push_back(alert.id);
    ++report_.commits;
    report_.alerts += ids.size();
    if (ids.size() != commit.alerts || hash_of_alerts(ids) != commit.alerts_hash)
      problem(fmt::format("{}: the ledger has {} alerts, an undisturbed pass {} (or others)", where, commit.alerts, ids.size()));
    if (output_.counts != commit.counts)
      problem(fmt::format("{}: the ledger has {} records read and {} judged, an undisturbed pass {} and {} (or other counts)", where, commit.counts.read,
                          commit.counts.judged, output_.counts.read, output_.counts.judged));
    if (commit.watermark != partition.watermark()) problem(where + ": the watermark is another one");
    // A snapshot is a copy of the state after one of the commits that end at its offset, whichever.
    if (commit.state) {
      ++report_.states;
      const auto found = seen_.find(commit.state->offset);
      if (found == seen_.end() || !found->second.contains(commit.state->hash))
        problem(fmt::format("{}: the state saved at offset {} is not the one of an undisturbed pass", where, commit.state->offset));
    }
    if (wanted_.contains(commit.to)) seen_[commit.to].insert(xxh3_64(partition.save()));
  }

  void problem(std::string what) {
    ++report_.problem_count;
    if (report_.problems.size() < RecomputeReport::kMostProblems) report_.problems.push_back(std::move(what));
  }

  const PartitionSettings& settings_;
  RecomputeReport& report_;
  JudgeTools tools_;
  Counting counting_;
  PartitionOutput output_;
  std::set<std::int64_t> wanted_;                        // offsets at which states were saved
  std::map<std::int64_t, std::set<std::uint64_t>> seen_;  // hashes of our states there
};

}  // namespace

Result<RecomputeReport> recompute(stream::Topics& topics, const PartitionSettings& settings, const std::string& config) {
  const auto ledger = read_ledger(topics);
  if (!ledger) return fail(ledger.error());
  RecomputeReport report;
  Recomputer recomputer(settings, report);
  for (const auto& [name, commits] : *ledger) {
    for (const LedgerRecord& commit : commits)
      if (commit.config != config)
        return fail(ErrorCode::kInvalidArgument, fmt::format("{}/{} from offset {} on was judged with configuration {}, and this one is {}: it cannot be recomputed", name.first,
                                                             name.second, commit.from, commit.config, config));
    if (auto done = recomputer.run(topics, name.first, name.second, commits); !done)
      return fail(std::move(done).error().during(fmt::format("recompute {}/{}", name.first, name.second)));
  }
  return report;
}

}  // namespace trailwarden::pipeline
