#include "pipeline/audit.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "alerts/envelope.h"
#include "core/hash.h"
#include "core/text.h"
#include "pipeline/ledger.h"
#include "stream/topic_scan.h"

namespace trailwarden::pipeline {
namespace {

std::string_view header(const stream::Message& message, std::string_view name) {
  for (const auto& [key, value] : message.headers)
    if (key == name) return value;
  return {};
}

class Auditor {
 public:
  explicit Auditor(const std::string& group) : group_(group) {}

  void take_ledger(const stream::Message& message) {
    const auto record = parse_ledger_record(message.value);
    if (!record) return problem(fmt::format("ledger {}@{}: {}", message.partition, message.offset, record.error().message));
    if (record->group != group_) return foreign(record->group);
    const std::string where = fmt::format("ledger {}@{}: {}/{} [{}, {})", message.partition, message.offset, record->topic, record->partition, record->from, record->to);
    Series& series = series_[{record->topic, record->partition}];
    check(series, *record, where);
    add(series, *record);
    if (record->alerts == 0) return;
    Commit& commit = commits_[commit_name(owner_of(group_, record->topic), record->partition, record->from)];
    commit.said += record->alerts;
    commit.said_hash += record->alerts_hash;
  }

  void take_alert(const stream::Message& message) {
    const std::string_view commit_header = header(message, "commit");
    if (const auto group = group_of_commit(commit_header); !group.empty() && group != group_) {
      if (header(message, "detector") != alerts::kTrailWatchName) return foreign(group);
      ++report_.of_trails;
      return;
    }
    ++report_.alerts;
    const std::string id(header(message, "alert-id"));
    if (!ids_.insert(id).second) problem(fmt::format("alerts {}@{}: {} is there twice", message.partition, message.offset, printable(id)));
    Commit& commit = commits_[std::string(commit_header)];
    ++commit.seen;
    commit.seen_hash += xxh3_64(id);
  }

  /// Retention has taken the first alerts of some partition.
  void forget_oldest_alerts() { oldest_alerts_gone_ = true; }

  AuditReport finish() {
    std::vector<const std::pair<const std::string, Commit>*> order;
    for (const auto& entry : commits_) order.push_back(&entry);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
    for (const auto* entry : order) compare(entry->first, entry->second);
    for (auto& [name, series] : series_) report_.partitions.push_back(std::move(series.sum));
    return std::move(report_);
  }

 private:
  struct Series {
    AuditedPartition sum;
    Timestamp watermark = kBeginningOfTime;
  };
  struct Commit {
    std::uint64_t said = 0, said_hash = 0, seen = 0, seen_hash = 0;
  };

  void foreign(std::string_view group) { ++report_.foreign[printable(group)]; }

  void problem(std::string what) {
    ++report_.problem_count;
    if (report_.problems.size() < AuditReport::kMostProblems) report_.problems.push_back(std::move(what));
  }

  void check(const Series& series, const LedgerRecord& record, const std::string& where) {
    const AuditedPartition& sum = series.sum;
    if (record.to < record.from) problem(where + ": it ends before it begins");
    if (sum.commits > 0 && record.from > sum.to) problem(fmt::format("{}: offsets {} to {} are in no commit", where, sum.to, record.from - 1));
    if (sum.commits > 0 && record.from < sum.to) problem(fmt::format("{}: it overlaps the commit before, which went to {}", where, sum.to));
    if (!adds_up(record.counts)) problem(where + ": read is not judged + duplicate + refused + skipped");
    if (record.watermark < series.watermark && !record.accepted_gap) problem(where + ": its watermark is before the one of the commit before");
    if (record.state && record.state->offset < sum.newest_state) problem(where + ": its snapshot is older than one before");
    if (record.state && record.state->offset > record.to) problem(where + ": its snapshot is of an offset that is not committed");
  }

  static void add(Series& series, const LedgerRecord& record) {
    AuditedPartition& sum = series.sum;
    if (sum.commits++ == 0) {
      sum.topic = record.topic;
      sum.partition = record.partition;
      sum.from = record.from;
    }
    sum.to = std::max(sum.to, record.to);
    sum.accepted_gaps += record.accepted_gap ? 1 : 0;
    sum.read += record.counts.read;
    sum.judged += record.counts.judged;
    sum.duplicate += record.counts.duplicate;
    sum.refused += record.counts.refused;
    sum.skipped += record.counts.skipped;
    sum.alerts += record.alerts;
    if (record.state) sum.newest_state = record.state->offset;
    // Behind a loss that reaches into what the saved state stands on, a state begins anew, and its time with it.
    series.watermark = record.accepted_gap ? kBeginningOfTime : std::max(series.watermark, record.watermark);
  }

  void compare(const std::string& name, const Commit& commit) {
    if (commit.said == commit.seen && commit.said_hash == commit.seen_hash) return;
    const std::string shown = printable(name);
    // What is older than the topics still hold has lost its other half, as retention goes; what was committed since the ledger was read has not found it yet.
    if (is_outside_ledger(name)) {
      report_.unchecked += commit.seen;
    } else if (commit.seen < commit.said && oldest_alerts_gone_) {
      ++report_.unchecked;
    } else if (commit.said == 0) {
      problem(fmt::format("commit {}: {} alerts are there, and the ledger does not have it", shown, commit.seen));
    } else if (commit.said != commit.seen) {
      problem(fmt::format("commit {}: the ledger says {} alerts, {} are there", shown, commit.said, commit.seen));
    } else {
      problem(fmt::format("commit {}: its {} alerts are not the ones that the ledger means", shown, commit.said));
    }
  }

  /// Before the first commit that the ledger holds of its partition, or from its end on.
  bool is_outside_ledger(std::string_view name) const {
    return std::any_of(series_.begin(), series_.end(), [this, name](const auto& entry) {
      const AuditedPartition& sum = entry.second.sum;
      const std::string prefix = fmt::format("{}/{}/", owner_of(group_, sum.topic), sum.partition);
      if (!name.starts_with(prefix)) return false;
      const std::int64_t from = std::atoll(std::string(name.substr(prefix.size())).c_str());
      return from < sum.from || from >= sum.to;
    });
  }

  const std::string& group_;
  AuditReport report_;
  std::map<std::pair<std::string, std::int32_t>, Series> series_;
  std::unordered_map<std::string, Commit> commits_;  // those with alerts, by name
  std::unordered_set<std::string> ids_;
  bool oldest_alerts_gone_ = false;
};

}  // namespace

Result<AuditReport> audit(stream::Topics& topics) {
  Auditor auditor(topics.group());
  if (auto done = stream::for_each_record(topics, stream::kLedgerTopic, [&](const stream::Message& message) { auditor.take_ledger(message); }); !done)
    return fail(std::move(done).error());
  const auto partitions = topics.partitions(stream::kAlertsTopic);
  if (!partitions) return fail(partitions.error());
  for (std::int32_t partition = 0; partition < *partitions; ++partition) {
    const auto held = topics.range(stream::kAlertsTopic, partition);
    if (!held) return fail(held.error());
    if (held->begin > 0) auditor.forget_oldest_alerts();
  }
  if (auto done = stream::for_each_record(topics, stream::kAlertsTopic, [&](const stream::Message& message) { auditor.take_alert(message); }); !done)
    return fail(std::move(done).error());
  return auditor.finish();
}

}  // namespace trailwarden::pipeline
