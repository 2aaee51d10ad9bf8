#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/time.h"
#include "pipeline/partition.h"

namespace trailwarden::pipeline {

/// A tick that moved a partition's watermark: before the message at `offset` it was raised to `watermark`.
struct AppliedTick {
  std::int64_t offset = 0;
  Timestamp watermark{};
  bool operator==(const AppliedTick&) const = default;
};

/// A snapshot that became valid with a commit: the state before the message at `offset`, XXH3-64 of its bytes.
struct SnapshotMark {
  std::int64_t offset = 0;
  std::uint64_t hash = 0, bytes = 0;
  bool operator==(const SnapshotMark&) const = default;
};

/// What one commit did to one partition: written to the ledger topic in the same transaction as the alerts and the offset, so that anybody can check afterwards
/// that ranges follow one another without gap or overlap and that what they said is there. One JSON object a record, members in a fixed order.
struct LedgerRecord {
  std::string group;  // who did it: several groups may write into one ledger
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t from = 0, to = 0;  // offsets [from, to)
  RangeCounts counts;
  std::uint64_t alerts = 0;
  std::uint64_t alerts_hash = 0;  // `hash_of_alerts` of their ids
  std::string config;             // hash of what detection was configured with
  Timestamp watermark{};          // at the end; kBeginningOfTime before the first record
  std::vector<AppliedTick> ticks;
  std::optional<SnapshotMark> state;
  std::vector<std::int64_t> skipped;  // offsets in it that an operator took out of the way
  bool brought_state = false;  // `state` holds what was brought in from outside, or took out by hand: the input alone does not lead there
  bool accepted_gap = false;  // an operator accepted that [from, to) is lost
  bool operator==(const LedgerRecord&) const = default;
};

/// Whether every record that was read is in one of the other counts.
bool adds_up(const RangeCounts& counts);

std::string to_json(const LedgerRecord& record);
/// kMalformed with what is wrong.
Result<LedgerRecord> parse_ledger_record(std::string_view json);

/// The sum of the ids' XXH3-64, modulo 2^64: the same in any order, and of two sets together the sum of theirs.
std::uint64_t hash_of_alerts(const std::vector<std::string>& ids);

/// 16 hexadecimal digits.
std::string hex(std::uint64_t number);
std::optional<std::uint64_t> parse_hex(std::string_view text);

/// `GROUP/TOPIC`: whose work something is, and on what. Topics have no slash in their names.
std::string owner_of(std::string_view group, std::string_view topic);

/// Which commit an alert belongs to, as its header `commit` says: `GROUP/TOPIC/PARTITION/FROM`.
std::string commit_name(std::string_view owner, std::int32_t partition, std::int64_t from);
/// The group in such a name; empty if it is none.
std::string_view group_of_commit(std::string_view commit);

}  // namespace trailwarden::pipeline
