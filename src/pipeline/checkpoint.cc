#include "pipeline/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.h"

namespace trailwarden::pipeline {
namespace {

constexpr std::string_view kVersion = "1";

/// The text up to `end`, taken off the front of `rest`.
std::string_view take_until(std::string_view& rest, char end) {
  const std::size_t at = rest.find(end);
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return taken;
}

bool read_member(std::string_view name, std::string_view value, Checkpoint& out) {
  if (name == "config") {
    out.config = value;
    return true;
  }
  if (name == "brought") {
    out.brought = parse_decimal<std::int64_t>(value);
    return out.brought.has_value();
  }
  if (name == "begin" || name == "since" || name == "lost") {
    const auto offset = parse_decimal<std::int64_t>(value);
    (name == "begin" ? out.begin : name == "since" ? out.ticks_since : out.accepted_until) = offset.value_or(0);
    return offset.has_value();
  }
  while (!value.empty()) {
    std::string_view item = take_until(value, ',');
    const auto first = parse_decimal<std::int64_t>(name == "ticks" ? take_until(item, '@') : item);
    if (!first) return false;
    if (name == "state" || name == "skip") {
      (name == "state" ? out.snapshots : out.skipped).push_back(*first);
    } else if (name == "ticks") {
      const auto seconds = parse_decimal<std::int64_t>(item);
      if (!seconds) return false;
      out.ticks.push_back({*first, Timestamp{std::chrono::seconds{*seconds}}});
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

void Checkpoint::add(AppliedTick tick) {
  if (!ticks.empty() && ticks.back().offset == tick.offset) ticks.pop_back();
  ticks.push_back(tick);
}

void Checkpoint::add_snapshot(std::int64_t offset) {
  std::erase(snapshots, offset);
  snapshots.insert(snapshots.begin(), offset);
  if (snapshots.size() < 2) return;
  snapshots.resize(2);
  ticks_since = snapshots.back();
  std::erase_if(ticks, [this](const AppliedTick& tick) { return tick.offset < ticks_since; });
}

void Checkpoint::bring(std::int64_t offset) {
  snapshots.assign(1, offset);
  brought = ticks_since = offset;
  std::erase_if(ticks, [offset](const AppliedTick& tick) { return tick.offset < offset; });
}

std::string to_metadata(const Checkpoint& checkpoint) {
  std::string ticks;
  for (const AppliedTick& tick : checkpoint.ticks)
    fmt::format_to(std::back_inserter(ticks), "{}{}@{}", ticks.empty() ? "" : ",", tick.offset, tick.watermark.time_since_epoch().count());
  return fmt::format("{} config={} begin={} state={} since={} lost={} skip={}{} ticks={}", kVersion, checkpoint.config, checkpoint.begin, fmt::join(checkpoint.snapshots, ","),
                     checkpoint.ticks_since, checkpoint.accepted_until, fmt::join(checkpoint.skipped, ","), checkpoint.brought ? fmt::format(" brought={}", *checkpoint.brought) : "", ticks);
}

Result<Checkpoint> parse_checkpoint(std::string_view metadata) {
  std::string_view rest = metadata;
  Checkpoint checkpoint;
  bool good = take_until(rest, ' ') == kVersion;
  while (good && !rest.empty()) {
    std::string_view member = take_until(rest, ' ');
    const std::string_view name = take_until(member, '=');
    good = read_member(name, member, checkpoint);
  }
  if (!good || checkpoint.config.empty())
    return fail(ErrorCode::kMalformed, fmt::format("the committed offset carries \"{}\", which this version did not write", printable(metadata)));
  return checkpoint;
}

}  // namespace trailwarden::pipeline
