#include "pipeline/ledger.h"

#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/hash.h"

namespace trailwarden::pipeline {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kVersion = 1;

ordered_json time_json(Timestamp time) { return time == kBeginningOfTime ? ordered_json() : ordered_json(time.time_since_epoch().count()); }
Timestamp time_of(const json& value) { return value.is_null() ? kBeginningOfTime : Timestamp{std::chrono::seconds{value.get<std::int64_t>()}}; }

std::uint64_t hash_of(const json& value) {
  const auto parsed = parse_hex(value.get_ref<const std::string&>());
  if (!parsed) throw std::invalid_argument("not a hash of 16 digits");
  return *parsed;
}

LedgerRecord read(const json& in) {
  if (in.at("version") != kVersion) throw std::invalid_argument(fmt::format("version {}", in.at("version").dump()));
  LedgerRecord record{.group = in.at("group"), .topic = in.at("topic"), .partition = in.at("partition"), .from = in.at("from"), .to = in.at("to")};
  record.counts = {.read = in.at("read"), .judged = in.at("judged"), .duplicate = in.at("duplicate"), .refused = in.at("refused"),
                   .skipped = in.at("skipped"), .late = in.at("late"), .misrouted = in.at("misrouted")};
  record.alerts = in.at("alerts");
  record.alerts_hash = hash_of(in.at("alertsHash"));
  record.config = in.at("config");
  record.watermark = time_of(in.at("watermark"));
  for (const json& tick : in.at("ticks")) record.ticks.push_back({tick.at("offset"), time_of(tick.at("watermark"))});
  if (const auto state = in.find("state"); state != in.end())
    record.state = SnapshotMark{state->at("offset"), hash_of(state->at("hash")), state->at("bytes")};
  if (const auto skipped = in.find("skippedByOperator"); skipped != in.end()) record.skipped = skipped->get<std::vector<std::int64_t>>();
  record.brought_state = in.value("broughtState", false);
  record.accepted_gap = in.value("acceptedGap", false);
  return record;
}

}  // namespace

std::string hex(std::uint64_t number) { return fmt::format("{:016x}", number); }

std::optional<std::uint64_t> parse_hex(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (text.size() != 16 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool adds_up(const RangeCounts& counts) { return counts.read == counts.judged + counts.duplicate + counts.refused + counts.skipped; }

std::string to_json(const LedgerRecord& record) {
  ordered_json out;
  out["version"] = kVersion;
  out["group"] = record.group;
  out["topic"] = record.topic;
  out["partition"] = record.partition;
  out["from"] = record.from;
  out["to"] = record.to;
  out["read"] = record.counts.read;
  out["judged"] = record.counts.judged;
  out["duplicate"] = record.counts.duplicate;
  out["refused"] = record.counts.refused;
  out["skipped"] = record.counts.skipped;
  out["late"] = record.counts.late;
  out["misrouted"] = record.counts.misrouted;
  out["alerts"] = record.alerts;
  out["alertsHash"] = hex(record.alerts_hash);
  out["config"] = record.config;
  out["watermark"] = time_json(record.watermark);
  out["ticks"] = ordered_json::array();
  for (const AppliedTick& tick : record.ticks) out["ticks"].push_back({{"offset", tick.offset}, {"watermark", time_json(tick.watermark)}});
  if (record.state) out["state"] = {{"offset", record.state->offset}, {"hash", hex(record.state->hash)}, {"bytes", record.state->bytes}};
  if (!record.skipped.empty()) out["skippedByOperator"] = record.skipped;
  if (record.brought_state) out["broughtState"] = true;
  if (record.accepted_gap) out["acceptedGap"] = true;
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<LedgerRecord> parse_ledger_record(std::string_view text) {
  try {
    return read(json::parse(text));
  } catch (const std::exception& error) {
    return fail(ErrorCode::kMalformed, fmt::format("not a ledger record: {}", error.what()));
  }
}

std::uint64_t hash_of_alerts(const std::vector<std::string>& ids) {
  std::uint64_t sum = 0;
  for (const std::string& id : ids) sum += xxh3_64(id);
  return sum;
}

std::string owner_of(std::string_view group, std::string_view topic) { return fmt::format("{}/{}", group, topic); }

std::string commit_name(std::string_view owner, std::int32_t partition, std::int64_t from) { return fmt::format("{}/{}/{}", owner, partition, from); }

std::string_view group_of_commit(std::string_view commit) {
  for (int fields = 0; fields < 3; ++fields) {
    const std::size_t slash = commit.rfind('/');
    if (slash == std::string_view::npos) return {};
    commit = commit.substr(0, slash);
  }
  return commit;
}

}  // namespace trailwarden::pipeline
