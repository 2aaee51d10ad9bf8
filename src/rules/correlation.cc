#include "rules/correlation.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/bytes.h"
#include "core/hash.h"

namespace trailwarden::rules {
namespace {

constexpr std::array<std::string_view, 10> kNames{"event_count", "value_count",      "temporal",     "temporal_ordered", "value_sum",
                                                  "value_avg",   "value_percentile", "value_median", "first_seen",       "absence"};

using Type = CorrelationType;

bool is_temporal(Type type) { return type == Type::kTemporal || type == Type::kTemporalOrdered; }
bool is_over_values(Type type) { return type == Type::kValueCount || (type >= Type::kValueSum && type <= Type::kFirstSeen); }

/// The largest value that still fails a lower bound decides how many matches must be kept.
double least_needed(const Correlation& correlation) {
  double least = 0;
  for (const Threshold& threshold : correlation.thresholds)
    if (threshold.op == Threshold::Op::kMore || threshold.op == Threshold::Op::kAtLeast || threshold.op == Threshold::Op::kEqual)
      least = std::max(least, threshold.number + (threshold.op == Threshold::Op::kMore ? 1 : 0));
  return least;
}

bool is_sound(const SourceCondition& condition, std::size_t sources) {
  using Kind = SourceCondition::Kind;
  if (condition.kind == Kind::kSource) return condition.source < sources;
  if (condition.kind == Kind::kNot && condition.parts.size() != 1) return false;
  return std::all_of(condition.parts.begin(), condition.parts.end(), [sources](const SourceCondition& part) { return is_sound(part, sources); });
}

/// Whether it asks for some sources and against others, and nothing else: what a sequence can be judged by.
bool is_plain_conjunction(const SourceCondition& condition) {
  using Kind = SourceCondition::Kind;
  const auto is_plain = [](const SourceCondition& part) {
    return part.kind == Kind::kSource || (part.kind == Kind::kNot && part.parts.front().kind == Kind::kSource);
  };
  return is_plain(condition) || (condition.kind == Kind::kAll && std::all_of(condition.parts.begin(), condition.parts.end(), is_plain));
}

bool has_negation(const SourceCondition& condition) {
  return condition.kind == SourceCondition::Kind::kNot || std::any_of(condition.parts.begin(), condition.parts.end(), has_negation);
}

void write(ByteWriter& out, const SourceCondition& condition) {
  out.number(static_cast<std::uint8_t>(condition.kind));
  out.number(condition.source);
  out.number(static_cast<std::uint32_t>(condition.parts.size()));
  for (const SourceCondition& part : condition.parts) write(out, part);
}

/// What is wrong with it; empty: nothing.
std::string complaint(const Correlation& correlation) {
  const Type type = correlation.type;
  const std::size_t sources = correlation.sources.size();
  if (correlation.timespan <= std::chrono::seconds(0)) return "needs a timespan of more than nothing";
  if (sources == 0 || sources > kMaxCorrelationSources) return fmt::format("has to be over 1 to {} rules", kMaxCorrelationSources);
  if (type == Type::kAbsence && sources != 2) return "is over two rules: what happened, and what did not happen after it";
  if (correlation.group_names.size() > kMaxGroupParts) return fmt::format("groups by more than {} fields", kMaxGroupParts);
  for (const CorrelationSource& source : correlation.sources) {
    if (source.group.size() != correlation.group_names.size()) return "has a rule without a path for each field of the group";
    if (is_over_values(type) && source.values.empty()) return "needs a field whose values it looks at";
  }
  if (!is_temporal(type) && type != Type::kFirstSeen && type != Type::kAbsence && correlation.thresholds.empty())
    return "needs a condition with a number, as `gte: 5`";
  if (correlation.condition && (!is_temporal(type) || !is_sound(*correlation.condition, sources))) return "has a condition over rules that are not its own";
  if (correlation.condition && type == Type::kTemporalOrdered && !is_plain_conjunction(*correlation.condition))
    return "has a condition that an order can be given to only if it is names, or `not` names, joined by `and`";
  if (correlation.limits.entries_per_group == 0 || correlation.limits.groups == 0) return "needs room for at least one match and one group";
  const bool counts = type == Type::kEventCount || type == Type::kValueCount;
  if (const double least = least_needed(correlation); counts && least > correlation.limits.entries_per_group)
    return fmt::format("needs {} matches of one group, and at most {} are kept", least, correlation.limits.entries_per_group);
  if (!(correlation.percentile >= 0 && correlation.percentile <= 100)) return "needs a percentile from 0 to 100";
  if (!correlation.joins.empty() && type != Type::kTemporalOrdered && type != Type::kAbsence) return "joins fields, which only sequences can";
  for (const Join& join : correlation.joins) {
    if (join.source >= sources || join.other_source >= sources || join.source == join.other_source) return "joins fields of rules that are not two of its own";
    if (join.value >= correlation.sources[join.source].values.size() || join.other_value >= correlation.sources[join.other_source].values.size())
      return "joins a field that is not there";
  }
  return {};
}

}  // namespace

std::string_view to_string(CorrelationType type) { return kNames[static_cast<std::size_t>(type)]; }

bool Threshold::holds(double value) const {
  switch (op) {
    case Op::kLess: return value < number;
    case Op::kAtMost: return value <= number;
    case Op::kMore: return value > number;
    case Op::kAtLeast: return value >= number;
    case Op::kEqual: return value == number;
    case Op::kUnequal: return value != number;
  }
  return false;
}

bool SourceCondition::holds(std::uint64_t present) const {
  const auto part_holds = [present](const SourceCondition& part) { return part.holds(present); };
  switch (kind) {
    case Kind::kSource: return (present >> source & 1) != 0;
    case Kind::kAll: return std::all_of(parts.begin(), parts.end(), part_holds);
    case Kind::kAny: return std::any_of(parts.begin(), parts.end(), part_holds);
    case Kind::kNot: return !part_holds(parts.front());
  }
  return false;
}

Result<void> check(const Correlation& correlation) {
  if (std::string what = complaint(correlation); !what.empty())
    return fail(ErrorCode::kInvalidArgument, fmt::format("a correlation of type {} {}", to_string(correlation.type), what));
  return {};
}

std::uint64_t fingerprint(const Correlation& correlation) {
  ByteWriter out;
  const auto texts = [&out](const std::vector<std::string>& list) {
    out.number(static_cast<std::uint32_t>(list.size()));
    for (const std::string& text : list) out.text(text);
  };
  out.text(correlation.id);
  out.number(static_cast<std::uint8_t>(correlation.type));
  out.number(static_cast<std::uint32_t>(correlation.sources.size()));
  for (const CorrelationSource& source : correlation.sources) {
    texts(source.group);
    texts(source.values);
  }
  texts(correlation.group_names);
  out.signed_number(correlation.timespan.count());
  out.number(static_cast<std::uint32_t>(correlation.thresholds.size()));
  for (const Threshold& threshold : correlation.thresholds) {
    out.number(static_cast<std::uint8_t>(threshold.op));
    out.real(threshold.number);
  }
  out.flag(correlation.condition.has_value());
  if (correlation.condition) write(out, *correlation.condition);
  out.real(correlation.percentile);
  for (const Join& join : correlation.joins)
    for (const std::uint32_t number : {join.source, join.value, join.other_source, join.other_value}) out.number(number);
  out.signed_number(correlation.learning.count());
  return xxh3_64(out.bytes());
}

bool is_monotone(const Correlation& correlation) {
  const bool grows = correlation.type == Type::kEventCount || correlation.type == Type::kValueCount || is_temporal(correlation.type);
  const bool bounds_below = std::all_of(correlation.thresholds.begin(), correlation.thresholds.end(), [](const Threshold& threshold) {
    return threshold.op == Threshold::Op::kMore || threshold.op == Threshold::Op::kAtLeast;
  });
  return grows && bounds_below && !(correlation.condition && has_negation(*correlation.condition));
}

}  // namespace trailwarden::rules
