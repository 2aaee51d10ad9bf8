#include "detectors/trail_tampering.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "detectors/common_options.h"
#include "event/json_scan.h"

namespace trailwarden::detectors {

/// What a call does to a trail, as the finding tells it.
struct TrailTampering::Deed {
  std::string_view what, title;
  event::Severity severity;
  std::string did;      // "stopped the logging of trail x"
  std::string attempt;  // "stop the logging of trail x"
  std::string object;   // the trail or bucket
  std::string_view cis = "4.5";
};

namespace {

using event::CloudTrailEvent;
using event::Severity;
using nlohmann::json;

constexpr std::string_view kCloudTrail = "cloudtrail.amazonaws.com";
constexpr event::AttackTechnique kCloudLogs{"T1562.008", "Impair Defenses: Disable or Modify Cloud Logs", "Defense Evasion"};

json parse(std::string_view text) { return json::parse(text, nullptr, false); }

std::string text(const json& object, std::initializer_list<const char*> names) {
  if (!object.is_object()) return {};
  for (const char* name : names)
    if (const auto found = object.find(name); found != object.end() && found->is_string()) return found->get<std::string>();
  return {};
}

/// A flag under either spelling; nullopt if it is not written.
std::optional<bool> flag(const json& object, std::initializer_list<const char*> names) {
  if (!object.is_object()) return std::nullopt;
  for (const char* name : names)
    if (const auto found = object.find(name); found != object.end() && found->is_boolean()) return found->get<bool>();
  return std::nullopt;
}

std::string trail_of(const json& request) { return text(request, {"name", "trailName", "trailARN", "Name", "eventDataStore", "TrailName"}); }

std::string named(std::string_view kind, const std::string& name) { return name.empty() ? fmt::format("a {}", kind) : fmt::format("{} {}", kind, printable(name)); }

/// What an UpdateTrail takes away or sends elsewhere, in words; empty if nothing.
std::vector<std::string> narrowings(const json& request) {
  std::vector<std::string> out;
  if (flag(request, {"isMultiRegionTrail", "IsMultiRegionTrail"}) == false) out.emplace_back("it no longer covers all Regions");
  if (flag(request, {"includeGlobalServiceEvents", "IncludeGlobalServiceEvents"}) == false) out.emplace_back("it no longer covers global services");
  if (flag(request, {"enableLogFileValidation", "EnableLogFileValidation"}) == false) out.emplace_back("its log files are no longer validated");
  if (flag(request, {"isOrganizationTrail", "IsOrganizationTrail"}) == false) out.emplace_back("it no longer covers the organization");
  if (const std::string bucket = text(request, {"s3BucketName", "S3BucketName"}); !bucket.empty())
    out.push_back(fmt::format("it is delivered to bucket {}", printable(bucket)));
  const auto emptied = [&request](std::initializer_list<const char*> names) {
    if (!request.is_object()) return false;
    return std::any_of(names.begin(), names.end(), [&request](const char* name) {
      const auto found = request.find(name);
      return found != request.end() && found->is_string() && found->get_ref<const std::string&>().empty();
    });
  };
  if (emptied({"kmsKeyId", "KmsKeyId"})) out.emplace_back("it is no longer encrypted with a key of its own");
  if (emptied({"cloudWatchLogsLogGroupArn", "CloudWatchLogsLogGroupArn"})) out.emplace_back("it no longer reaches CloudWatch Logs");
  if (emptied({"snsTopicName", "SnsTopicName"})) out.emplace_back("it no longer notifies");
  return out;
}

const json& list(const json& request, std::initializer_list<const char*> names) {
  static const json kNothing = json::array();
  if (request.is_object())
    for (const char* name : names)
      if (const auto found = request.find(name); found != request.end() && found->is_array()) return *found;
  return kNothing;
}

/// What a trail loses if these basic selectors are all it has; empty if it keeps all management events.
std::string loss_of_basic(const json& selectors) {
  std::string loss = "management events are no longer recorded";
  for (const json& selector : selectors) {
    if (flag(selector, {"includeManagementEvents", "IncludeManagementEvents"}) == false) continue;
    const std::string kind = text(selector, {"readWriteType", "ReadWriteType"});
    const json& excluded = list(selector, {"excludeManagementEventSources", "ExcludeManagementEventSources"});
    if ((kind.empty() || kind == "All") && excluded.empty()) return {};
    if (!kind.empty() && kind != "All") loss = fmt::format("of the management events only {} are recorded", kind == "ReadOnly" ? "reads" : "writes");
    else loss = fmt::format("management events of {} are left out", printable(excluded.dump()));
  }
  return loss;
}

/// The same for advanced selectors, each a list of conditions on fields.
std::string loss_of_advanced(const json& selectors) {
  std::string loss = "management events are no longer recorded";
  for (const json& selector : selectors) {
    bool management = false, restricted = false;
    for (const json& condition : list(selector, {"fieldSelectors", "FieldSelectors"})) {
      const std::string field = text(condition, {"field", "Field"});
      const json& equals = list(condition, {"equals", "Equals"});
      if (field == "eventCategory") management = std::find(equals.begin(), equals.end(), "Management") != equals.end();
      else restricted = true;
    }
    if (management && !restricted) return {};
    if (management) loss = "only a part of the management events is recorded";
  }
  return loss;
}

/// The shortest expiry in days of the rules of a lifecycle configuration, wherever it is written; nullopt without one.
std::optional<std::int64_t> shortest_expiry(const json& value) {
  std::optional<std::int64_t> shortest;
  const auto take = [&shortest](std::optional<std::int64_t> days) {
    if (days && (!shortest || *days < *shortest)) shortest = days;
  };
  if (value.is_array())
    for (const json& item : value) take(shortest_expiry(item));
  if (value.is_object()) {
    for (const auto& [name, inner] : value.items()) {
      if (name == "Expiration" && inner.is_object()) {
        const auto days = inner.find("Days");
        if (days != inner.end() && days->is_number_integer()) take(days->get<std::int64_t>());
      }
      take(shortest_expiry(inner));
    }
  }
  return shortest;
}

bool is_made_by_cloudtrail(const CloudTrailEvent& event) {
  return event.user_identity.invoked_by == kCloudTrail || event.source_ip_address == kCloudTrail;
}

bool is_bucket_change(std::string_view name) {
  static constexpr std::array<std::string_view, 9> kNames{"PutBucketPolicy",    "DeleteBucketPolicy",      "PutBucketLifecycle",
                                                          "PutBucketLifecycleConfiguration", "DeleteBucket", "PutBucketVersioning",
                                                          "DeleteBucketEncryption", "PutBucketAcl",        "PutObjectLockConfiguration"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

Severity one_lower(Severity severity) { return severity == Severity::kInformational ? severity : static_cast<Severity>(static_cast<int>(severity) - 1); }

}  // namespace

const DetectorInfo& TrailTampering::info() {
  static constexpr std::array kOptions{
      OptionInfo{"trail_buckets", "list of strings", "globs", "[]", "buckets known to hold a trail, beside those that are learned"},
      OptionInfo{"min_retention_days", "integer", "days", "90", "an expiry below it on a trail's bucket is a finding"}};
  static constexpr std::array<std::string_view, 4> kBlindSpots{
      "A bucket in another account or Region than its trail is learned only from CloudTrail's own calls there; name it in trail_buckets.",
      "What a trail recorded before is not known, so selectors are judged by what they leave, not by what changed.",
      "The content of a bucket policy is not judged: any policy put on a trail's bucket is a finding.",
      "Disabling the trail's KMS key, or deleting its log objects one by one, is not seen here."};
  static constexpr DetectorInfo kInfo{"trail_tampering",
                                      "Trails stopped, deleted, narrowed or redirected, and weakened buckets of trails.",
                                      "management writes of cloudtrail.amazonaws.com and s3.amazonaws.com",
                                      kOptions,
                                      kBlindSpots,
                                      "CIS AWS Foundations Benchmark v5.0, 4.5 and 4.8; MITRE ATT&CK T1562.008"};
  return kInfo;
}

ConfiguredDetector TrailTampering::configure(const config::Section& section) {
  ConfiguredDetector configured = common(section, info());
  Options options;
  options.trail_buckets = section.texts("trail_buckets", {});
  options.min_retention_days = section.integer("min_retention_days", 90, 1, 36'500);
  std::vector<std::string> quoted;
  for (const std::string& bucket : options.trail_buckets) quoted.push_back(nlohmann::json(bucket).dump());
  configured.effective.emplace_back("trail_buckets", fmt::format("[{}]", fmt::join(quoted, ", ")));
  configured.effective.emplace_back("min_retention_days", std::to_string(options.min_retention_days));
  configured.make = [options] { return std::make_unique<TrailTampering>(options); };
  return configured;
}

bool TrailTampering::wants(const CloudTrailEvent& event) const {
  if (event.event_source == kCloudTrail) return true;
  if (event.event_source != "s3.amazonaws.com") return false;
  if (is_bucket_change(event.event_name)) return true;
  if (!is_made_by_cloudtrail(event)) return false;
  const auto bucket = event::plain_member(event.request_parameters, "bucketName");
  return bucket && buckets_.find(*bucket) == buckets_.end();
}

bool TrailTampering::holds_a_trail(std::string_view bucket) const {
  if (buckets_.find(bucket) != buckets_.end()) return true;
  return std::any_of(options_.trail_buckets.begin(), options_.trail_buckets.end(), [bucket](const std::string& glob) { return glob_match(glob, bucket); });
}

void TrailTampering::learn(std::string_view bucket) {
  if (bucket.empty() || buckets_.find(bucket) != buckets_.end()) return;
  if (buckets_.size() >= kMaxBuckets)
    buckets_.erase(std::min_element(buckets_.begin(), buckets_.end(), [](const auto& a, const auto& b) { return a.second < b.second; }));
  buckets_.emplace(std::string(bucket), learned_++);
}

void TrailTampering::observe(const CloudTrailEvent& event, event::Emit& emit) {
  if (event.event_source == kCloudTrail) {
    if (const auto deed = trail_deed(event)) report(*deed, event, emit);
    if (event.failed()) return;
    learn(event::string_member(event.request_parameters, "s3BucketName").value_or(""));
    learn(event::string_member(event.response_elements, "s3BucketName").value_or(""));
    return;
  }
  if (is_made_by_cloudtrail(event)) return learn(event::string_member(event.request_parameters, "bucketName").value_or(""));
  if (const auto deed = bucket_deed(event)) report(*deed, event, emit);
}

std::optional<TrailTampering::Deed> TrailTampering::trail_deed(const CloudTrailEvent& event) const {
  const std::string_view name = event.event_name;
  const json request = parse(event.request_parameters);
  const std::string trail = trail_of(request), it = named("trail", trail), store = named("event data store", trail);
  if (name == "StopLogging") return Deed{"logging_stopped", "Trail logging stopped", Severity::kHigh, "stopped the logging of " + it, "stop the logging of " + it, trail};
  if (name == "DeleteTrail") return Deed{"trail_deleted", "Trail deleted", Severity::kHigh, "deleted " + it, "delete " + it, trail};
  if (name == "UpdateTrail") {
    const std::vector<std::string> less = narrowings(request);
    if (less.empty()) return std::nullopt;
    const std::string words = fmt::format("{} so that {}", it, fmt::join(less, ", and "));
    return Deed{"trail_narrowed", "Trail narrowed or redirected", Severity::kMedium, "changed " + words, "change " + words, trail};
  }
  if (name == "PutEventSelectors") {
    const json& advanced = list(request, {"advancedEventSelectors", "AdvancedEventSelectors"});
    const json& basic = list(request, {"eventSelectors", "EventSelectors"});
    const std::string loss = !advanced.empty() ? loss_of_advanced(advanced) : !basic.empty() ? loss_of_basic(basic) : "";
    if (loss.empty()) return std::nullopt;
    return Deed{"selectors_narrowed", "Event selectors drop management events", Severity::kHigh, fmt::format("set selectors on {} so that {}", it, loss),
                fmt::format("set selectors on {} so that {}", it, loss), trail};
  }
  if (name == "PutInsightSelectors" && list(request, {"insightSelectors", "InsightSelectors"}).empty() && !event.request_parameters.empty())
    return Deed{"insights_disabled", "CloudTrail Insights turned off", Severity::kMedium, "turned Insights off on " + it, "turn Insights off on " + it, trail};
  if (name == "DeleteEventDataStore") return Deed{"event_data_store_deleted", "Event data store deleted", Severity::kMedium, "deleted " + store, "delete " + store, trail};
  if (name == "StopEventDataStoreIngestion")
    return Deed{"ingestion_stopped", "Event data store stopped", Severity::kMedium, "stopped the ingestion of " + store, "stop the ingestion of " + store, trail};
  return std::nullopt;
}

std::optional<TrailTampering::Deed> TrailTampering::bucket_deed(const CloudTrailEvent& event) const {
  const json request = parse(event.request_parameters);
  const std::string bucket = text(request, {"bucketName"});
  if (!holds_a_trail(bucket)) return std::nullopt;
  const std::string_view name = event.event_name;
  const std::string it = fmt::format("bucket {}, which holds a trail", printable(bucket));
  const auto deed = [&](std::string_view what, std::string_view title, Severity severity, const std::string& did, const std::string& attempt) {
    return Deed{what, title, severity, did + " " + it, attempt + " " + it, bucket, "4.8"};
  };
  if (name == "DeleteBucket") return deed("trail_bucket_deleted", "Bucket of a trail deleted", Severity::kHigh, "deleted", "delete");
  if (name == "DeleteBucketPolicy") return deed("trail_bucket_policy_deleted", "Policy of a trail's bucket deleted", Severity::kHigh, "deleted the policy of", "delete the policy of");
  if (name == "PutBucketPolicy") return deed("trail_bucket_policy_changed", "Policy of a trail's bucket changed", Severity::kMedium, "changed the policy of", "change the policy of");
  if (name == "PutBucketAcl") return deed("trail_bucket_acl_changed", "ACL of a trail's bucket changed", Severity::kMedium, "changed the ACL of", "change the ACL of");
  if (name == "DeleteBucketEncryption") return deed("trail_bucket_encryption_deleted", "Encryption of a trail's bucket removed", Severity::kMedium, "removed the encryption of", "remove the encryption of");
  if (name == "PutObjectLockConfiguration") return deed("trail_bucket_lock_changed", "Object Lock of a trail's bucket changed", Severity::kMedium, "changed the Object Lock of", "change the Object Lock of");
  if (name == "PutBucketVersioning") {
    if (request.dump().find("Suspended") == std::string::npos) return std::nullopt;
    return deed("trail_bucket_versioning_suspended", "Versioning of a trail's bucket suspended", Severity::kMedium, "suspended the versioning of", "suspend the versioning of");
  }
  const auto days = shortest_expiry(request);  // the two lifecycle actions
  if (!days || *days >= options_.min_retention_days) return std::nullopt;
  return deed("trail_bucket_expiry", "Objects of a trail's bucket expire soon", Severity::kMedium, fmt::format("set objects to expire after {} days in", *days),
              fmt::format("set objects to expire after {} days in", *days));
}

void TrailTampering::report(const Deed& deed, const CloudTrailEvent& event, event::Emit& emit) const {
  // A refused attempt is of the same `what`, so it folds with the deed; the finding's severity lets the deed itself through.
  const bool refused = event.failed() && event.refused();
  event::Finding finding = event::finding_about(event, info().name, deed.what);
  finding.entity = deed.object.empty() ? std::string(event.account()) : deed.object;
  finding.title = event.failed() ? fmt::format("{} ({})", deed.title, refused ? "refused" : "failed") : std::string(deed.title);
  finding.severity = !event.failed() ? deed.severity : refused ? one_lower(deed.severity) : Severity::kLow;
  finding.attack = kCloudLogs;
  finding.cis_controls = {deed.cis};
  const std::string who = event::describe_principal(event);
  const std::string where = fmt::format(" in {} of account {}, from {}", event.region(), event.account(), printable(event.source_ip_address));
  finding.sentence = event.failed() ? fmt::format("{} tried to {}{}, and {} ({}).", who, deed.attempt, where, refused ? "was refused" : "failed",
                                                  printable(event.error_code.empty() ? event.error_message : event.error_code))
                                    : fmt::format("{} {}{}.", who, deed.did, where);
  finding.normal = "Trails are expected to record every management event of every Region without a break, into a bucket that keeps them.";
  emit(std::move(finding));
}

void TrailTampering::save(ByteWriter& out) const {
  out.number(learned_);
  out.number(static_cast<std::uint32_t>(buckets_.size()));
  for (const auto& [bucket, when] : buckets_) {
    out.text(bucket);
    out.number(when);
  }
}

Result<void> TrailTampering::load(ByteReader& in) {
  buckets_.clear();
  learned_ = in.number<std::uint64_t>();
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    std::string bucket = in.text();
    buckets_[std::move(bucket)] = in.number<std::uint64_t>();
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "trail_tampering: state ends too early");
  return {};
}

std::size_t TrailTampering::memory_bytes() const {
  std::size_t total = sizeof *this;
  for (const auto& [bucket, when] : buckets_) total += 64 + bucket.capacity() + sizeof when;
  return total;
}

}  // namespace trailwarden::detectors
