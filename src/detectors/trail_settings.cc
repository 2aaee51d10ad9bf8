#include "detectors/trail_settings.h"

#include <fmt/format.h>

#include "core/text.h"
#include "detectors/json_lookup.h"
#include "detectors/phrases.h"

namespace trailwarden::detectors {
namespace {

struct FlagWords {
  std::initializer_list<const char*> names;  // requests and responses differ in one
  std::string_view has, loses;
};

const std::array<FlagWords, TrailSettings::kFlags>& flag_words() {
  static const std::array<FlagWords, TrailSettings::kFlags> kWords{{
      {{"isMultiRegionTrail", "IsMultiRegionTrail"}, "covered all Regions", "it no longer covers all Regions"},
      {{"includeGlobalServiceEvents", "IncludeGlobalServiceEvents"}, "covered global services", "it no longer covers global services such as IAM"},
      {{"isOrganizationTrail", "IsOrganizationTrail"}, "covered the organization", "it no longer covers the organization"},
      {{"enableLogFileValidation", "logFileValidationEnabled", "EnableLogFileValidation"}, "was validated", "its log files are no longer validated"},
  }};
  return kWords;
}

struct TargetWords {
  std::initializer_list<const char*> names;
  std::string_view has, loses, moves;  // each followed by the target
};

const std::array<TargetWords, TrailSettings::kTargets>& target_words() {
  static const std::array<TargetWords, TrailSettings::kTargets> kWords{{
      {{"s3BucketName", "S3BucketName"}, "went to bucket", "it has no bucket", "it is delivered to bucket"},
      {{"kmsKeyId", "KmsKeyId"}, "was encrypted with", "it is no longer encrypted with a key of its own", "it is encrypted with key"},
      {{"cloudWatchLogsLogGroupArn", "CloudWatchLogsLogGroupArn"}, "went to log group", "it no longer goes to CloudWatch Logs", "it goes to log group"},
  }};
  return kWords;
}

const json& first_list(const json& object, std::initializer_list<const char*> names) {
  const json& list = member(object, names);
  static const json kNone = json::array();
  return list.is_array() ? list : kNone;
}

/// What a set of selectors keeps of the management events.
struct Kept {
  bool reads = false, writes = false;  // wholly
  bool some = false;                   // more than nothing
  std::string left_out;                // by a selector that keeps only a part

  SelectorLoss loss() const {
    if (reads && writes) return {};
    if (writes && left_out.empty()) return {SelectorLoss::Kind::kSome, "of the management events only writes are recorded"};
    if (reads && left_out.empty()) return {SelectorLoss::Kind::kWrites, "of the management events only reads are recorded"};
    if (some) return {SelectorLoss::Kind::kSome, fmt::format("management events are left out ({})", left_out)};
    return {SelectorLoss::Kind::kWrites, "management events are no longer recorded"};
  }
};

std::string values_of(const json& list) {
  std::vector<std::string> values;
  for (const json& value : list)
    if (value.is_string()) values.push_back(printable(value.get_ref<const std::string&>(), 60));
  return enumerate(values);
}

Kept kept_by_basic(const json& selectors) {
  Kept kept;
  for (const json& selector : selectors) {
    if (flag_of(selector, {"includeManagementEvents", "IncludeManagementEvents"}) == false) continue;
    const std::string kind = text_of(selector, {"readWriteType", "ReadWriteType"});
    const json& excluded = first_list(selector, {"excludeManagementEventSources", "ExcludeManagementEventSources"});
    kept.some = true;
    if (!excluded.empty()) {
      kept.left_out = "those of " + values_of(excluded);
      continue;
    }
    kept.reads = kept.reads || kind != "WriteOnly";
    kept.writes = kept.writes || kind != "ReadOnly";
  }
  return kept;
}

Kept kept_by_advanced(const json& selectors) {
  Kept kept;
  for (const json& selector : selectors) {
    bool management = false, reads = true, writes = true;
    std::string restriction;
    for (const json& condition : first_list(selector, {"fieldSelectors", "FieldSelectors"})) {
      const std::string field = text_of(condition, {"field", "Field"});
      const json& equals = first_list(condition, {"equals", "Equals"});
      const auto has = [&equals](const char* value) { return std::find(equals.begin(), equals.end(), value) != equals.end(); };
      if (field == "eventCategory") {
        management = has("Management");
      } else if (field == "readOnly") {
        reads = has("true");
        writes = has("false");
      } else {
        restriction = "by a condition on " + printable(field, 60);
      }
    }
    if (!management) continue;
    kept.some = true;
    if (!restriction.empty()) {
      kept.left_out = restriction;
      continue;
    }
    kept.reads = kept.reads || reads;
    kept.writes = kept.writes || writes;
  }
  return kept;
}

}  // namespace

TrailSettings TrailSettings::requested(std::string_view request_parameters) {
  TrailSettings settings;
  const json request = parse_json(request_parameters);
  for (std::size_t i = 0; i < kFlags; ++i) settings.flags[i] = flag_of(request, flag_words()[i].names);
  for (std::size_t i = 0; i < kTargets; ++i)
    if (member(request, target_words()[i].names).is_string()) settings.targets[i] = text_of(request, target_words()[i].names);
  return settings;
}

TrailSettings TrailSettings::told(std::string_view response_elements) {
  TrailSettings settings = requested(response_elements);
  if (!settings.targets[kBucket]) return settings;  // no response, or not of these calls
  for (std::optional<std::string>& target : settings.targets)
    if (!target) target.emplace();
  return settings;
}

void TrailSettings::update(const TrailSettings& newer) {
  for (std::size_t i = 0; i < kFlags; ++i)
    if (newer.flags[i]) flags[i] = newer.flags[i];
  for (std::size_t i = 0; i < kTargets; ++i)
    if (newer.targets[i]) targets[i] = newer.targets[i];
}

std::string TrailSettings::describe() const {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < kFlags; ++i)
    if (flags[i].value_or(false)) parts.emplace_back(flag_words()[i].has);
  for (std::size_t i = 0; i < kTargets; ++i)
    if (targets[i] && !targets[i]->empty()) parts.push_back(fmt::format("{} {}", target_words()[i].has, printable(*targets[i])));
  return enumerate(parts, parts.size());
}

void TrailSettings::save(ByteWriter& out) const {
  for (const std::optional<bool>& flag : flags) out.number(static_cast<std::uint8_t>(!flag ? 2 : *flag ? 1 : 0));
  for (const std::optional<std::string>& target : targets) {
    out.flag(target.has_value());
    out.text(target.value_or(""));
  }
}

void TrailSettings::load(ByteReader& in) {
  for (std::optional<bool>& flag : flags) {
    const auto value = in.number<std::uint8_t>();
    flag = value == 2 ? std::nullopt : std::optional(value == 1);
  }
  for (std::optional<std::string>& target : targets) {
    const bool known = in.flag();
    std::string text = in.text();
    target = known ? std::optional(std::move(text)) : std::nullopt;
  }
}

Narrowing narrowing(const TrailSettings& before, const TrailSettings& change) {
  Narrowing narrowing;
  const bool sends_everything = change.targets[TrailSettings::kBucket].has_value();
  for (std::size_t i = 0; i < TrailSettings::kFlags; ++i) {
    if (change.flags[i] != false || before.flags[i] == false) continue;
    const std::string loss(flag_words()[i].loses);
    if (before.flags[i] || !sends_everything) (i == TrailSettings::kValidation ? narrowing.detours : narrowing.losses).push_back(loss);
    else if (i != TrailSettings::kOrganization) narrowing.detours.push_back(loss + " (if it did before, which is not known)");
  }
  for (std::size_t i = 0; i < TrailSettings::kTargets; ++i) {
    const auto& now = change.targets[i];
    const auto& then = before.targets[i];
    if (!now || now == then) continue;
    // A key or log group where there was none, or of which nothing is known, is taken for an addition.
    const bool may_be_new = !then || then->empty();
    if (now->empty()) narrowing.detours.emplace_back(target_words()[i].loses);
    else if (i == TrailSettings::kBucket || !may_be_new)
      narrowing.detours.push_back(fmt::format("{} {}{}", target_words()[i].moves, printable(*now), may_be_new ? "" : fmt::format(" instead of {}", printable(*then))));
  }
  return narrowing;
}

std::optional<SelectorLoss> selector_loss(std::string_view parameters) {
  const json object = parse_json(parameters);
  const json& advanced = first_list(object, {"advancedEventSelectors", "AdvancedEventSelectors"});
  if (!advanced.empty()) return kept_by_advanced(advanced).loss();
  const json& basic = first_list(object, {"eventSelectors", "EventSelectors"});
  if (!basic.empty()) return kept_by_basic(basic).loss();
  return std::nullopt;
}

}  // namespace trailwarden::detectors
