#include "trail/trail_config.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "config/service_config.h"
#include "core/text.h"
#include "trail/aws_names.h"
#include "trail/selectors_yaml.h"

namespace trailwarden::trail {
namespace {

using config::Section;
using config::yaml_text;
using namespace std::chrono_literals;

/// Reports `KEY: "VALUE" PROBLEM` if there is one.
void report_name(const Section& section, std::string_view key, std::string_view value, const std::string& problem) {
  if (!problem.empty()) section.report(key, fmt::format("{}: \"{}\" {}", key, printable(value), problem));
}

/// Other servers than AWS's have Regions of any name.
std::string read_region(const Section& section, std::string_view key, std::string_view fallback, bool is_of_aws = true) {
  std::string region = section.text(key, fallback);
  if (section.has(key) && !(is_of_aws ? is_region(region) : is_key_part(region))) section.report(key, fmt::format("{}: \"{}\" is not the name of a Region, as eu-west-1 is", key, printable(region)));
  return region;
}

ObjectLockConfig read_object_lock(const Section& section) {
  static constexpr std::array<std::string_view, 2> kKeys{"mode", "days"};
  static constexpr std::array<std::string_view, 2> kModes{"governance", "compliance"};
  section.only(kKeys);
  ObjectLockConfig lock;
  lock.mode = section.choice("mode", lock.mode, kModes);
  lock.days = static_cast<int>(section.integer("days", 0, 1, 36'500));
  if (!section.has("days")) section.report("days", "object_lock needs its `days`: for how long nothing may delete an object");
  return lock;
}

void read_encryption(const Section& section, S3Config& s3) {
  static constexpr std::array<std::string_view, 3> kEncryptions{"AES256", "aws:kms", "none"};
  s3.kms_key_id = section.text("kms_key_id", "");
  s3.server_side_encryption = section.choice("server_side_encryption", s3.kms_key_id.empty() ? "AES256" : "aws:kms", kEncryptions);
  if (!s3.kms_key_id.empty() && s3.server_side_encryption != "aws:kms")
    section.report("server_side_encryption", fmt::format("server_side_encryption: {} takes no kms_key_id: take one of the two out", s3.server_side_encryption));
  if (s3.server_side_encryption == "aws:kms" && s3.kms_key_id.empty())
    section.report("server_side_encryption", "aws:kms needs `kms_key_id`: a key's id or ARN, or an alias");
}

void check_endpoint(const Section& section, const S3Config& s3) {
  if (s3.endpoint.empty()) return;
  const bool is_plain = s3.endpoint.starts_with("http://");
  const std::string host = is_plain ? s3.endpoint.substr(7) : s3.endpoint.starts_with("https://") ? s3.endpoint.substr(8) : std::string();
  if (host.empty() || host.find_first_of("/?#@ ") != std::string::npos)
    section.report("endpoint", "endpoint: expected https://HOST or https://HOST:PORT, with no path and no user");
  else if (is_plain && !s3.allow_plaintext && !config::is_loopback(host))
    section.report("endpoint", "this endpoint is not on this machine, and http:// does not encrypt: use https://, or allow it with allow_plaintext: true");
}

void refuse_what_is_elsewhere(const Section& section) {
  static constexpr std::array<std::string_view, 3> kSecrets{"access_key_id", "secret_access_key", "session_token"};
  for (const std::string_view key : kSecrets)
    if (section.has(key)) section.report_key(key, fmt::format("{}: a secret does not belong into this file; credentials are found where the AWS CLI finds them (environment, profile, role)", key));
  if (section.has("request_payer")) section.report_key("request_payer", "request_payer: a trail cannot be kept in a Requester Pays bucket: turn that off, or take another bucket");
}

S3Config read_s3(const Section& section, const std::string& home_region) {
  static constexpr std::array<std::string_view, 14> kKeys{"bucket", "region", "endpoint", "path_style", "allow_plaintext", "kms_key_id", "server_side_encryption", "object_lock", "storage_class", "acl",
                                                          "access_key_id", "secret_access_key", "session_token", "request_payer"};
  // Those that can be read at once: digests are written from objects and to be checked at any time.
  static constexpr std::array<std::string_view, 5> kClasses{"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"};
  static constexpr std::array<std::string_view, 2> kAcls{"bucket-owner-full-control", "none"};
  section.only(kKeys);
  refuse_what_is_elsewhere(section);
  S3Config s3;
  s3.bucket = section.text("bucket", "");
  if (!section.has("bucket")) section.report("bucket", "s3 needs its `bucket`");
  else report_name(section, "bucket", s3.bucket, problem_with_bucket_name(s3.bucket));
  s3.endpoint = section.text("endpoint", "");
  s3.region = read_region(section, "region", home_region, s3.endpoint.empty());
  s3.path_style = section.boolean("path_style", !s3.endpoint.empty());
  s3.allow_plaintext = section.boolean("allow_plaintext", false);
  check_endpoint(section, s3);
  if (!s3.path_style && !s3.endpoint.starts_with("http://") && s3.bucket.find('.') != std::string::npos)
    section.report("bucket", "a certificate for https://BUCKET.HOST does not hold for a bucket with a dot: set path_style: true, or take another bucket");
  read_encryption(section, s3);
  if (section.has("object_lock")) s3.object_lock = read_object_lock(section.section("object_lock"));
  s3.storage_class = section.choice("storage_class", s3.storage_class, kClasses);
  s3.acl = section.choice("acl", s3.acl, kAcls);
  return s3;
}

VerifyConfig read_verify(const Section& section) {
  static constexpr std::array<std::string_view, 4> kKeys{"enabled", "every", "back", "requests_per_second"};
  section.only(kKeys);
  VerifyConfig verify;
  verify.enabled = section.boolean("enabled", verify.enabled);
  verify.every = section.duration("every", verify.every, 1min, 7 * 24h);
  verify.back = section.duration("back", verify.back, 1h, 3650 * 24h);
  verify.requests_per_second = static_cast<std::uint64_t>(section.integer("requests_per_second", static_cast<std::int64_t>(verify.requests_per_second), 1, 10'000));
  return verify;
}

DigestConfig read_digest(const Section& section) {
  static constexpr std::array<std::string_view, 7> kKeys{"enabled", "key_directory", "rotate_every", "passphrase_file", "passphrase_env", "passphrase", "verify"};
  section.only(kKeys);
  DigestConfig digest;
  digest.enabled = section.boolean("enabled", digest.enabled);
  digest.key_directory = section.text("key_directory", digest.key_directory);
  if (digest.key_directory.empty()) section.report("key_directory", "key_directory: the folder of the keys that sign digests");
  digest.rotate_every = section.duration("rotate_every", digest.rotate_every, 24h, 3650 * 24h);
  if (section.has("passphrase")) section.report_key("passphrase", "passphrase: a secret does not belong into this file: put it into a file of its own and name it with passphrase_file, or use passphrase_env");
  digest.passphrase = config::read_secret_source(section, "passphrase");
  digest.verify = read_verify(section.section("verify"));
  return digest;
}

EpochConfig read_epoch(const Section& section) {
  static constexpr std::array<std::string_view, 2> kKeys{"length", "max_bytes"};
  section.only(kKeys);
  EpochConfig epoch;
  epoch.length = section.duration("length", epoch.length, 1min, 1h);
  if (epoch.length % 1min != 0s || 1h % epoch.length != 0s) section.report("length", "length: whole minutes that divide an hour, as 1m, 5m, 15m, 30m or 1h");
  epoch.max_bytes = section.bytes("max_bytes", epoch.max_bytes, 1 << 20, LogBody::kMostBytes);
  return epoch;
}

void read_owner(const Section& section, TrailConfig& trail) {
  trail.name = section.text("name", "");
  if (!section.has("name")) section.report("name", "each trail has a `name`");
  else report_name(section, "name", trail.name, problem_with_trail_name(trail.name));
  trail.home_region = read_region(section, "home_region", "");
  if (!section.has("home_region")) section.report("home_region", "each trail has a `home_region`, as eu-west-1: it stands in the trail's ARN and in the names of its digests");
  trail.account = section.text("account", "");
  if (section.has("account") && !is_account_id(trail.account)) section.report("account", fmt::format("account: expected 12 digits, not \"{}\"", printable(trail.account)));
  trail.organization = section.text("organization", "");
  if (section.has("organization") && !is_organization_id(trail.organization))
    section.report("organization", fmt::format("organization: expected its id, as o-a1b2c3d4e5, not \"{}\"", printable(trail.organization)));
  if (section.has("organization") && !section.has("account")) section.report("organization", "an organization's trail belongs to its management account: name that with `account`");
}

void read_regions(const Section& section, TrailConfig& trail) {
  trail.is_multi_region = section.boolean("is_multi_region", true);
  trail.regions = section.texts("regions", {});
  for (const std::string& region : trail.regions)
    if (!is_region(region)) section.report("regions", fmt::format("regions: \"{}\" is not the name of a Region, as eu-west-1 is", printable(region)));
  if (!trail.is_multi_region && section.has("regions")) section.report("regions", "a trail that is not multi-Region keeps the records of its home_region: take `regions` out");
}

void read_place(const Section& section, TrailConfig& trail) {
  trail.prefix = section.text("prefix", "");
  report_name(section, "prefix", trail.prefix, problem_with_prefix(trail.prefix));
  trail.directory = section.text("directory", "");
  if (section.has("s3")) trail.s3 = read_s3(section.section("s3"), trail.home_region);
  if (section.has("s3") && section.has("directory")) section.report_key("directory", "directory: and s3: exclude each other; for both take two trails");
  else if (!section.has("s3") && trail.directory.empty()) section.report("directory", "each trail says where it is kept: `directory: FOLDER`, or `s3: {bucket: ...}`");
}

TrailConfig read_trail(const Section& section) {
  static constexpr std::array<std::string_view, 16> kKeys{"name", "home_region", "account", "organization", "prefix", "is_multi_region", "regions", "directory", "s3", "event_selectors",
                                                          "advanced_event_selectors", "insights", "digest", "epoch", "compression_level", "fallback"};
  section.only(kKeys);
  TrailConfig trail;
  read_owner(section, trail);
  read_regions(section, trail);
  read_place(section, trail);
  trail.selectors = read_event_selectors(section);
  trail.insights = section.boolean("insights", trail.insights);
  trail.digest = read_digest(section.section("digest"));
  trail.epoch = read_epoch(section.section("epoch"));
  trail.compression_level = static_cast<int>(section.integer("compression_level", trail.compression_level, 1, 12));
  trail.fallback = section.text("fallback", trail.fallback);
  if (!is_key_part(trail.fallback)) section.report("fallback", fmt::format("fallback: expected 1 to 64 letters, digits and '-', not \"{}\"", printable(trail.fallback)));
  return trail;
}

/// Where a trail's objects go, as one text.
std::string place_of(const TrailConfig& trail) {
  const std::string store = trail.s3 ? fmt::format("s3://{}", trail.s3->bucket) : trail.directory;
  return fmt::format("{}/{}", store, accounts_folder(trail.names()));
}

/// Whether both may keep records of one account.
bool overlap(const TrailConfig& a, const TrailConfig& b) {
  return a.account == b.account || a.keeps_every_account() || b.keeps_every_account();
}

/// Holds a trail against those before it.
void compare(const Section& section, const TrailConfig& trail, std::span<const TrailConfig> others, std::vector<std::string>& warnings) {
  for (const TrailConfig& other : others) {
    const bool same_endpoint = (trail.s3 ? trail.s3->endpoint : "") == (other.s3 ? other.s3->endpoint : "");
    if (trail.name == other.name) section.report("name", fmt::format("two trails are called \"{}\"", printable(trail.name)));
    else if (same_endpoint && overlap(trail, other) && place_of(trail) == place_of(other))
      warnings.push_back(fmt::format("{}: trails {} and {} share {}: their digests are told apart by name, but not whose a log is", section.place(), other.name, trail.name, place_of(trail)));
  }
}

/// `KEY: "VALUE"`, if there is one.
void line(std::string& out, int indent, std::string_view key, std::string_view value) {
  if (!value.empty()) out += fmt::format("{:{}}{}: {}\n", "", indent, key, yaml_text(value));
}

std::string s3_yaml(const S3Config& s3) {
  std::string out = "    s3:\n";
  line(out, 6, "bucket", s3.bucket);
  line(out, 6, "region", s3.region);
  line(out, 6, "endpoint", s3.endpoint);
  out += fmt::format("      path_style: {}\n      allow_plaintext: {}\n      server_side_encryption: {}\n", s3.path_style, s3.allow_plaintext, s3.server_side_encryption);
  line(out, 6, "kms_key_id", s3.kms_key_id);
  if (s3.object_lock) out += fmt::format("      object_lock: {{mode: {}, days: {}}}\n", s3.object_lock->mode, s3.object_lock->days);
  return out + fmt::format("      storage_class: {}\n      acl: {}\n", s3.storage_class, s3.acl);
}

std::string trail_yaml(const TrailConfig& trail) {
  std::string out = fmt::format("  - name: {}\n", yaml_text(trail.name));
  line(out, 4, "home_region", trail.home_region);
  line(out, 4, "account", trail.account);
  line(out, 4, "organization", trail.organization);
  line(out, 4, "prefix", trail.prefix);
  out += fmt::format("    is_multi_region: {}\n", trail.is_multi_region);
  if (!trail.regions.empty()) out += fmt::format("    regions: [{}]\n", fmt::join(trail.regions, ", "));
  line(out, 4, "directory", trail.directory);
  if (trail.s3) out += s3_yaml(*trail.s3);
  out += to_yaml(trail.selectors, 4);
  out += fmt::format("    insights: {}\n", trail.insights);
  out += fmt::format("    digest:\n      enabled: {}\n      key_directory: {}\n      rotate_every: {}\n", trail.digest.enabled, yaml_text(trail.digest.key_directory), config::format_duration(trail.digest.rotate_every));
  line(out, 6, "passphrase_file", trail.digest.passphrase.file);
  line(out, 6, "passphrase_env", trail.digest.passphrase.environment);
  const VerifyConfig& verify = trail.digest.verify;
  out += fmt::format("      verify: {{enabled: {}, every: {}, back: {}, requests_per_second: {}}}\n", verify.enabled, config::format_duration(verify.every), config::format_duration(verify.back), verify.requests_per_second);
  out += fmt::format("    epoch: {{length: {}, max_bytes: {}}}\n", config::format_duration(trail.epoch.length), config::format_size(trail.epoch.max_bytes));
  return out + fmt::format("    compression_level: {}\n    fallback: {}\n", trail.compression_level, yaml_text(trail.fallback));
}

}  // namespace

TrailsConfig read_trails(const Section& top) {
  TrailsConfig out;
  for (const Section& section : top.sections("trails")) {
    TrailConfig trail = read_trail(section);
    compare(section, trail, out.trails, out.warnings);
    out.trails.push_back(std::move(trail));
  }
  if (out.trails.size() > TrailsConfig::kMost) top.report("trails", fmt::format("trails: at most {}", TrailsConfig::kMost));
  return out;
}

std::string to_yaml(const std::vector<TrailConfig>& trails) {
  std::string out = trails.empty() ? "trails: []\n" : "trails:\n";
  for (const TrailConfig& trail : trails) out += trail_yaml(trail);
  return out;
}

}  // namespace trailwarden::trail
