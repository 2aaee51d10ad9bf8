#include "detectors/trail_tampering.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.h"
#include "detectors/bucket_weakening.h"
#include "detectors/common_options.h"
#include "detectors/phrases.h"
#include "event/json_scan.h"

namespace trailwarden::detectors {

using event::CloudTrailEvent;
using event::Severity;

/// A kind of finding. A refused attempt is a claim of its own, so that it can be routed apart from the deed.
struct TrailTampering::Claim {
  std::string_view refused_what;  // ends in "_refused"
  std::string_view title;
  Severity severity;
  std::string_view cis;

  std::string_view what() const { return refused_what.substr(0, refused_what.size() - std::string_view("_refused").size()); }
};

/// What a call does, or tried to do: "changed trail x", "change trail x", ", so that it no longer covers all Regions".
struct TrailTampering::Deed {
  const Claim* claim;
  std::string did, attempt;
  std::string outcome = {};  // behind the place; may be empty
};

/// A call, and what it is about.
struct TrailTampering::Asked {
  const CloudTrailEvent& event;
  std::string object;  // a trail's or event data store's name, or a bucket

  bool is_opaque() const { return event.request_parameters.empty(); }  // CloudTrail keeps no parameters of most refused calls
};

struct TrailTampering::TrailAction {
  std::string_view name;
  std::optional<Deed> (TrailTampering::*deed)(const Asked&) const;  // null: only learned from
};

struct TrailTampering::BucketAction {
  std::string_view name;
  std::optional<Deed> (TrailTampering::*deed)(const Asked&) const;
};

namespace {

constexpr std::string_view kCloudTrail = "cloudtrail.amazonaws.com";
constexpr event::AttackTechnique kCloudLogs{"T1562.008", "Disable or Modify Cloud Logs", "Defense Evasion"};

/// The name at the end of an ARN, or the name itself.
std::string_view short_name(std::string_view name) {
  return name.starts_with("arn:") ? name.substr(std::min(name.rfind('/'), name.size() - 1) + 1) : name;
}

std::string object_of(const CloudTrailEvent& event) {
  for (const char* name : {"name", "trailName", "trailARN", "eventDataStore", "Name", "TrailName"})
    if (const auto text = event::string_member(event.request_parameters, name)) return std::string(short_name(*text));
  return {};
}

std::string named(std::string_view kind, const std::string& name) {
  return name.empty() ? fmt::format("a {} that the record does not name", kind) : fmt::format("{} {}", kind, printable(name));
}

std::string trail_bucket(const std::string& name) { return fmt::format("bucket {}, which holds a trail,", printable(name)); }

bool is_made_by_cloudtrail(const CloudTrailEvent& event) {
  return event.user_identity.invoked_by == kCloudTrail || event.source_ip_address == kCloudTrail;
}

Severity one_lower(Severity severity) {
  return severity == Severity::kInformational ? severity : static_cast<Severity>(static_cast<int>(severity) - 1);
}

}  // namespace

const DetectorInfo& TrailTampering::info() {
  static constexpr std::array kOptions{
      OptionInfo{"trail_buckets", "list of strings", "globs", "[]", "buckets known to hold a trail, beside those that are learned"},
      OptionInfo{"min_retention_days", "integer", "days", "90", "an expiry below it on a trail's bucket is a finding"}};
  static constexpr std::array<std::string_view, 6> kBlindSpots{
      "A bucket is learned in its own account and Region, from CloudTrail's calls there; until one was seen it must be named in trail_buckets.",
      "Settings of a trail that were never seen are taken for wide; selectors are judged by what they leave, not by what they changed.",
      "A bucket policy is read for whether CloudTrail may still write and who else is let in; its conditions are not weighed.",
      "An expiry is judged by its days, not by whether its prefix covers the log objects.",
      "Disabling the trail's KMS key, or deleting its log objects one by one, is not seen here.",
      "Calls that a VPC endpoint's policy refused (network activity events) are left out."};
  static constexpr std::string_view kBehaviours[] = {"B001", "B002", "B003", "B004", "B005"};
  static constexpr DetectorInfo kInfo{"trail_tampering",
                                      "Trails stopped, deleted, narrowed or redirected, and weakened buckets of trails.",
                                      "management writes of cloudtrail.amazonaws.com and s3.amazonaws.com",
                                      kOptions,
                                      kBlindSpots,
                                      "CIS AWS Foundations Benchmark v5.0, 4.5 and 4.8; MITRE ATT&CK T1562.008",
                                      kBehaviours};
  return kInfo;
}

ConfiguredDetector TrailTampering::configure(const config::Section& section) {
  ConfiguredDetector configured = common(section, info());
  Options options;
  options.trail_buckets = section.texts("trail_buckets", {});
  options.min_retention_days = section.integer("min_retention_days", 90, 1, 36'500);
  std::vector<std::string> quoted;
  for (const std::string& bucket : options.trail_buckets) quoted.push_back(config::yaml_text(bucket));
  configured.effective.emplace_back("trail_buckets", fmt::format("[{}]", fmt::join(quoted, ", ")));
  configured.effective.emplace_back("min_retention_days", std::to_string(options.min_retention_days));
  configured.make = [options] { return std::make_unique<TrailTampering>(options); };
  return configured;
}

const TrailTampering::TrailAction* TrailTampering::trail_action_of(std::string_view event_name) {
  static constexpr std::array kActions{
      TrailAction{"UpdateTrail", &TrailTampering::update_trail},
      TrailAction{"PutEventSelectors", &TrailTampering::put_event_selectors},
      TrailAction{"PutInsightSelectors", &TrailTampering::put_insight_selectors},
      TrailAction{"CreateTrail", nullptr},
      TrailAction{"StopLogging", &TrailTampering::stop_logging},
      TrailAction{"DeleteTrail", &TrailTampering::delete_trail},
      TrailAction{"DeleteEventDataStore", &TrailTampering::delete_data_store},
      TrailAction{"StopEventDataStoreIngestion", &TrailTampering::stop_data_store},
      TrailAction{"UpdateEventDataStore", &TrailTampering::update_data_store}};
  const auto* const found = std::find_if(kActions.begin(), kActions.end(), [event_name](const TrailAction& action) { return action.name == event_name; });
  return found == kActions.end() ? nullptr : found;
}

const TrailTampering::BucketAction* TrailTampering::bucket_action_of(std::string_view event_name) {
  static constexpr std::array kActions{
      BucketAction{"PutBucketPolicy", &TrailTampering::put_policy},
      BucketAction{"PutBucketLifecycle", &TrailTampering::put_lifecycle},
      BucketAction{"PutBucketLifecycleConfiguration", &TrailTampering::put_lifecycle},
      BucketAction{"PutBucketVersioning", &TrailTampering::put_versioning},
      BucketAction{"PutBucketAcl", &TrailTampering::plain_bucket_change},
      BucketAction{"DeleteBucket", &TrailTampering::plain_bucket_change},
      BucketAction{"DeleteBucketPolicy", &TrailTampering::plain_bucket_change},
      BucketAction{"DeleteBucketEncryption", &TrailTampering::plain_bucket_change},
      BucketAction{"PutObjectLockConfiguration", &TrailTampering::plain_bucket_change}};
  const auto* const found = std::find_if(kActions.begin(), kActions.end(), [event_name](const BucketAction& action) { return action.name == event_name; });
  return found == kActions.end() ? nullptr : found;
}

bool TrailTampering::wants(const CloudTrailEvent& event) const {
  if (event.event_source == kCloudTrail)
    return trail_action_of(event.event_name) != nullptr && event.category != event::EventCategory::kNetworkActivity;
  if (event.event_source != "s3.amazonaws.com") return false;
  // A record may be held back and asked for again later, so the answer must not hang on which buckets are known by now; but for a
  // bucket that is known already CloudTrail's own calls tell nothing new.
  if (!is_made_by_cloudtrail(event))
    return bucket_action_of(event.event_name) != nullptr && event.category != event::EventCategory::kNetworkActivity;
  const auto bucket = event::plain_member(event.request_parameters, "bucketName");
  return bucket && buckets_.find(*bucket) == buckets_.end();
}

std::string_view TrailTampering::why_trail_bucket(std::string_view bucket) const {
  if (buckets_.find(bucket) != buckets_.end()) return "CloudTrail was seen using it, or a trail names it";
  const bool configured = std::any_of(options_.trail_buckets.begin(), options_.trail_buckets.end(), [bucket](const std::string& glob) { return glob_match(glob, bucket); });
  return configured ? "the option trail_buckets names it" : "";
}

const TrailTampering::KnownTrail* TrailTampering::known_trail(std::string_view name) const {
  const auto found = trails_.find(name);
  return found == trails_.end() ? nullptr : &found->second;
}

void TrailTampering::observe(const CloudTrailEvent& event, event::Emit& emit) {
  if (event.event_source == kCloudTrail) {
    const Asked asked{event, object_of(event)};
    const auto make = trail_action_of(event.event_name)->deed;
    if (make != nullptr)
      if (const auto deed = (this->*make)(asked)) report(*deed, asked, emit);
    if (!event.failed()) learn_trail(asked);
    return;
  }
  const Asked asked{event, event::string_member(event.request_parameters, "bucketName").value_or("")};
  if (is_made_by_cloudtrail(event)) return learn_bucket(asked.object);
  if (why_trail_bucket(asked.object).empty()) return;
  if (const auto deed = (this->*bucket_action_of(event.event_name)->deed)(asked)) report(*deed, asked, emit);
}

// What the calls on trails do.

std::optional<TrailTampering::Deed> TrailTampering::stop_logging(const Asked& asked) const {
  static constexpr Claim kClaim{"logging_stopped_refused", "Trail logging stopped", Severity::kHigh, "4.5"};
  const std::string it = named("trail", asked.object);
  return Deed{&kClaim, "stopped the logging of " + it, "stop the logging of " + it};
}

std::optional<TrailTampering::Deed> TrailTampering::delete_trail(const Asked& asked) const {
  static constexpr Claim kClaim{"trail_deleted_refused", "Trail deleted", Severity::kHigh, "4.5"};
  const std::string it = named("trail", asked.object);
  return Deed{&kClaim, "deleted " + it, "delete " + it};
}

std::optional<TrailTampering::Deed> TrailTampering::update_trail(const Asked& asked) const {
  static constexpr Claim kNarrowed{"trail_narrowed_refused", "Trail narrowed", Severity::kHigh, "4.5"};
  static constexpr Claim kRedirected{"trail_redirected_refused", "Trail redirected or weakened", Severity::kMedium, "4.5"};
  const std::string it = named("trail", asked.object);
  if (asked.event.failed() && asked.is_opaque()) return Deed{&kRedirected, "", fmt::format("change {} (how is not recorded)", it)};

  TrailSettings change = TrailSettings::requested(asked.event.request_parameters);
  const TrailSettings told = TrailSettings::told(asked.event.response_elements);
  for (std::size_t i = 0; i < TrailSettings::kTargets; ++i)
    if (change.targets[i] && told.targets[i]) change.targets[i] = told.targets[i];  // whole ARNs, where a request may have an alias
  const KnownTrail* const known = known_trail(asked.object);
  TrailSettings before = known == nullptr ? TrailSettings{} : known->settings;
  auto& bucket = change.targets[TrailSettings::kBucket];
  if (bucket && !before.targets[TrailSettings::kBucket] && !why_trail_bucket(*bucket).empty()) before.targets[TrailSettings::kBucket] = bucket;

  Narrowing less = narrowing(before, change);
  const Claim& claim = less.losses.empty() ? kRedirected : kNarrowed;
  less.losses.insert(less.losses.end(), less.detours.begin(), less.detours.end());
  if (less.losses.empty()) return std::nullopt;
  return Deed{&claim, "changed " + it, "change " + it, ", so that " + enumerate(less.losses, less.losses.size())};
}

std::optional<TrailTampering::Deed> TrailTampering::put_event_selectors(const Asked& asked) const {
  static constexpr Claim kMost{"selectors_narrowed_refused", "Trail no longer records management events", Severity::kHigh, "4.5"};
  static constexpr Claim kSome{"selectors_thinned_refused", "Trail records fewer management events", Severity::kMedium, "4.5"};
  const std::string it = named("trail", asked.object);
  if (asked.event.failed() && asked.is_opaque()) return Deed{&kSome, "", fmt::format("set the event selectors of {} (how is not recorded)", it)};
  auto loss = selector_loss(asked.event.request_parameters);
  if (!loss) loss = selector_loss(asked.event.response_elements);  // too long a request is left out
  if (!loss || loss->kind == SelectorLoss::Kind::kNothing) return std::nullopt;
  const std::string words = "set the event selectors of " + it;
  return Deed{loss->kind == SelectorLoss::Kind::kWrites ? &kMost : &kSome, words, words, ", so that " + loss->words};
}

std::optional<TrailTampering::Deed> TrailTampering::put_insight_selectors(const Asked& asked) const {
  static constexpr Claim kOff{"insights_disabled_refused", "CloudTrail Insights turned off", Severity::kMedium, "4.5"};
  // The console writes the empty list for every trail that it makes, so without word of Insights having been on it says little.
  static constexpr Claim kPerhapsOff{"insights_disabled_refused", "CloudTrail Insights turned off", Severity::kLow, "4.5"};
  const auto selectors = event::raw_member(asked.event.request_parameters, "insightSelectors");
  if (!selectors || selectors->find('{') != std::string_view::npos) return std::nullopt;
  const KnownTrail* const known = known_trail(asked.object);
  if (known != nullptr && known->has_insights == false) return std::nullopt;
  const bool were_on = known != nullptr && known->has_insights == true;
  const std::string it = "Insights off on " + named("trail", asked.object);
  return Deed{were_on ? &kOff : &kPerhapsOff, "turned " + it, "turn " + it, were_on ? "" : "; whether they were on is not known"};
}

std::optional<TrailTampering::Deed> TrailTampering::delete_data_store(const Asked& asked) const {
  static constexpr Claim kClaim{"data_store_deleted_refused", "Event data store deleted", Severity::kMedium, "4.5"};
  const std::string it = named("event data store", asked.object);
  return Deed{&kClaim, "deleted " + it, "delete " + it};
}

std::optional<TrailTampering::Deed> TrailTampering::stop_data_store(const Asked& asked) const {
  static constexpr Claim kClaim{"data_store_stopped_refused", "Event data store stopped", Severity::kMedium, "4.5"};
  const std::string it = named("event data store", asked.object);
  return Deed{&kClaim, "stopped the ingestion of " + it, "stop the ingestion of " + it};
}

std::optional<TrailTampering::Deed> TrailTampering::update_data_store(const Asked& asked) const {
  static constexpr Claim kClaim{"data_store_narrowed_refused", "Event data store narrowed", Severity::kMedium, "4.5"};
  const std::string it = named("event data store", asked.object);
  if (asked.event.failed() && asked.is_opaque()) return Deed{&kClaim, "", fmt::format("change {} (how is not recorded)", it)};
  std::vector<std::string> losses;
  const auto is_false = [&asked](std::string_view name) { return event::raw_member(asked.event.request_parameters, name) == "false"; };
  if (is_false("multiRegionEnabled")) losses.emplace_back("it no longer covers all Regions");
  if (is_false("organizationEnabled")) losses.emplace_back("it no longer covers the organization");
  if (is_false("terminationProtectionEnabled")) losses.emplace_back("it is no longer protected from deletion");
  const auto loss = selector_loss(asked.event.request_parameters);
  if (loss && loss->kind != SelectorLoss::Kind::kNothing) losses.push_back(loss->words);
  if (losses.empty()) return std::nullopt;
  return Deed{&kClaim, "changed " + it, "change " + it, ", so that " + enumerate(losses)};
}

// What the calls on a trail's bucket do.

std::optional<TrailTampering::Deed> TrailTampering::put_policy(const Asked& asked) const {
  static constexpr Claim kShutOut{"bucket_policy_shuts_out_refused", "Trail's bucket closed to CloudTrail", Severity::kHigh, "4.8"};
  static constexpr Claim kShared{"bucket_policy_changed_refused", "Policy of a trail's bucket changed", Severity::kMedium, "4.8"};
  static constexpr Claim kHarmless{"bucket_policy_changed_refused", "Policy of a trail's bucket changed", Severity::kLow, "4.8"};
  const PolicyReading policy = read_bucket_policy(asked.event.request_parameters);
  const Claim& claim = !policy.is_known ? kShared : !policy.cloudtrail_may_write ? kShutOut : policy.lets_others_in ? kShared : kHarmless;
  const std::string words = "put a policy on " + trail_bucket(asked.object);
  return Deed{&claim, words, words, policy.words.empty() ? "" : ", so that " + policy.words};
}

std::optional<TrailTampering::Deed> TrailTampering::put_lifecycle(const Asked& asked) const {
  static constexpr Claim kClaim{"bucket_expiry_shortened_refused", "Objects of a trail's bucket expire soon", Severity::kMedium, "4.8"};
  const auto expiry = shortest_expiry(asked.event.request_parameters, asked.event.event_time);
  if (!expiry || expiry->days >= options_.min_retention_days) return std::nullopt;
  const std::string prefix = expiry->prefix.empty() ? "" : fmt::format(" under \"{}\"", printable(expiry->prefix, 60));
  const std::string words = fmt::format("let objects{} expire after {} in {}", prefix, counted(static_cast<std::uint64_t>(expiry->days), "day"), trail_bucket(asked.object));
  return Deed{&kClaim, words, words};
}

std::optional<TrailTampering::Deed> TrailTampering::put_versioning(const Asked& asked) const {
  static constexpr Claim kClaim{"bucket_versioning_suspended_refused", "Versioning of a trail's bucket suspended", Severity::kMedium, "4.8"};
  const auto configuration = event::raw_member(asked.event.request_parameters, "VersioningConfiguration");
  if (!configuration || event::plain_member(*configuration, "Status") != "Suspended") return std::nullopt;
  const std::string it = "the versioning of " + trail_bucket(asked.object);
  return Deed{&kClaim, "suspended " + it, "suspend " + it};
}

std::optional<TrailTampering::Deed> TrailTampering::plain_bucket_change(const Asked& asked) const {
  struct Change {
    std::string_view name, did, attempt;  // each followed by the bucket
    Claim claim;
  };
  static constexpr std::array kChanges{
      Change{"DeleteBucket", "deleted", "delete", {"bucket_deleted_refused", "Bucket of a trail deleted", Severity::kHigh, "4.8"}},
      Change{"DeleteBucketPolicy", "deleted the policy of", "delete the policy of", {"bucket_policy_shuts_out_refused", "Trail's bucket closed to CloudTrail", Severity::kHigh, "4.8"}},
      Change{"DeleteBucketEncryption", "removed the encryption of", "remove the encryption of", {"bucket_encryption_removed_refused", "Encryption of a trail's bucket removed", Severity::kMedium, "4.8"}},
      Change{"PutBucketAcl", "changed the ACL of", "change the ACL of", {"bucket_acl_changed_refused", "ACL of a trail's bucket changed", Severity::kMedium, "4.8"}},
      Change{"PutObjectLockConfiguration", "changed the Object Lock of", "change the Object Lock of", {"bucket_lock_changed_refused", "Object Lock of a trail's bucket changed", Severity::kMedium, "4.8"}}};
  const auto* const change = std::find_if(kChanges.begin(), kChanges.end(), [&asked](const Change& row) { return row.name == asked.event.event_name; });
  if (change == kChanges.end()) return std::nullopt;
  const std::string it = trail_bucket(asked.object);
  return Deed{&change->claim, fmt::format("{} {}", change->did, it), fmt::format("{} {}", change->attempt, it)};
}

// How it is told.

std::string TrailTampering::normal(const Asked& asked) const {
  if (asked.event.event_source != kCloudTrail)
    return fmt::format("The bucket is known to hold a trail because {}; its policy, lifecycle and protection are expected to stay as they are.", why_trail_bucket(asked.object));
  const KnownTrail* const known = known_trail(asked.object);
  const std::string words = known == nullptr ? "" : known->settings.describe();
  if (!words.empty()) return fmt::format("As of {} trail {} {}.", format_time(known->as_of), printable(asked.object), words);
  return "Its settings before are not known; a trail is expected to record every management event of every Region without a break.";
}

void TrailTampering::report(const Deed& deed, const Asked& asked, event::Emit& emit) const {
  const CloudTrailEvent& event = asked.event;
  const Claim& claim = *deed.claim;
  const bool failed = event.failed(), refused = failed && event.refused();
  event::Finding finding = event::finding_about(event, info().name, refused ? claim.refused_what : failed ? "attempt_failed" : claim.what());
  finding.entity = asked.object.empty() ? std::string(event.account()) : asked.object;
  finding.title = refused ? fmt::format("{} (refused)", claim.title) : failed ? "Attempt on a trail that failed" : std::string(claim.title);
  finding.severity = refused ? one_lower(claim.severity) : failed ? Severity::kLow : claim.severity;
  finding.attack = kCloudLogs;
  finding.cis_controls = {claim.cis};
  finding.sentence = failed ? fmt::format("{} tried to {} {}{}, and {} ({}).", who(event), deed.attempt, where_and_whence(event), deed.outcome,
                                          refused ? "was refused" : "failed", error_of(event))
                            : fmt::format("{} {} {}{}.", who(event), deed.did, where_and_whence(event), deed.outcome);
  finding.normal = normal(asked);
  emit(std::move(finding));
}

// What is remembered.

namespace {

/// Makes room for one more by forgetting what was learned first.
template <class Map, class Learned>
void make_room(Map& known, const std::string& key, std::size_t most, Learned learned) {
  if (known.size() < most || known.contains(key)) return;
  known.erase(std::min_element(known.begin(), known.end(), [&learned](const auto& a, const auto& b) { return learned(a.second) < learned(b.second); }));
}

}  // namespace

void TrailTampering::learn_bucket(std::string_view bucket) {
  if (bucket.empty() || buckets_.find(bucket) != buckets_.end()) return;
  std::string name(bucket);
  make_room(buckets_, name, kMaxBuckets, [](std::uint64_t learned) { return learned; });
  buckets_.emplace(std::move(name), ++learned_);
}

void TrailTampering::learn_trail(const Asked& asked) {
  const CloudTrailEvent& event = asked.event;
  const std::string_view name = event.event_name;
  const bool tells_settings = name == "CreateTrail" || name == "UpdateTrail";
  if (asked.object.empty() || !(tells_settings || name == "DeleteTrail" || name == "PutInsightSelectors")) return;
  if (name == "DeleteTrail") {
    trails_.erase(asked.object);
    return;
  }
  make_room(trails_, asked.object, kMaxTrails, [](const KnownTrail& trail) { return trail.learned; });
  KnownTrail& trail = trails_.try_emplace(asked.object, KnownTrail{++learned_, event.event_time, {}, {}}).first->second;
  if (event.event_time < trail.as_of) return;  // late: what is known is newer
  if (!tells_settings) {
    trail.has_insights = event::raw_member(event.request_parameters, "insightSelectors").value_or("[]").find('{') != std::string_view::npos;
    return;
  }
  trail.as_of = event.event_time;
  trail.settings.update(TrailSettings::requested(event.request_parameters));
  trail.settings.update(TrailSettings::told(event.response_elements));
  if (name == "CreateTrail" && !trail.has_insights) trail.has_insights = false;
  learn_bucket(trail.settings.targets[TrailSettings::kBucket].value_or(""));
}

void TrailTampering::save(ByteWriter& out) const {
  out.number(learned_);
  out.number(static_cast<std::uint32_t>(buckets_.size()));
  for (const auto& [bucket, learned] : buckets_) {
    out.text(bucket);
    out.number(learned);
  }
  out.number(static_cast<std::uint32_t>(trails_.size()));
  for (const auto& [name, trail] : trails_) {
    out.text(name);
    out.number(trail.learned);
    out.time(trail.as_of);
    trail.settings.save(out);
    out.flag(trail.has_insights.has_value());
    out.flag(trail.has_insights.value_or(false));
  }
}

Result<void> TrailTampering::load(ByteReader& in) {
  buckets_.clear();
  trails_.clear();
  learned_ = in.number<std::uint64_t>();
  const auto buckets = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < buckets && in.ok(); ++i) {
    std::string bucket = in.text();
    buckets_[std::move(bucket)] = in.number<std::uint64_t>();
  }
  const auto trails = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < trails && in.ok(); ++i) {
    KnownTrail& trail = trails_[in.text()];
    trail.learned = in.number<std::uint64_t>();
    trail.as_of = in.time();
    trail.settings.load(in);
    const bool known = in.flag(), has_insights = in.flag();
    if (known) trail.has_insights = has_insights;
  }
  if (!in.ok()) return fail(ErrorCode::kMalformed, "trail_tampering: state ends too early");
  return {};
}

std::size_t TrailTampering::memory_bytes() const {
  constexpr std::size_t kMapNode = 4 * sizeof(void*);
  std::size_t total = sizeof *this;
  for (const auto& [bucket, learned] : buckets_) total += kMapNode + sizeof bucket + bucket.capacity() + sizeof learned;
  for (const auto& [name, trail] : trails_) {
    total += kMapNode + sizeof name + name.capacity() + sizeof trail;
    for (const auto& target : trail.settings.targets) total += target ? target->capacity() : 0;
  }
  return total;
}

}  // namespace trailwarden::detectors
