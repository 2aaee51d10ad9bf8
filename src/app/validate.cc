#include "app/validate.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/logs.h"
#include "app/manifest_report.h"
#include "app/progress.h"
#include "app/setup.h"
#include "app/time_option.h"
#include "app/trail_path.h"
#include "app/trail_stores.h"
#include "archive/manifest_check.h"
#include "core/read_file.h"
#include "core/text.h"
#include "trail/key_ring.h"
#include "trail/public_key.h"
#include "trail/trail_keys.h"

namespace trailwarden::app {
namespace {

/// Nothing can be said of the trail. Not kFailed: that it is not intact is to be told apart from that nobody could look.
constexpr int kNotValidated = kWrongUsage;

/// Of `arn:aws:cloudtrail:HOME-REGION:ACCOUNT:trail/NAME` name and home Region; anything else is a name.
Result<void> read_trail(const std::string& text, trail::TrailNames& names) {
  names.trail = text;
  if (!text.starts_with("arn:")) return {};
  std::vector<std::string> parts;
  for (std::size_t from = 0, colon = 0; colon != std::string::npos; from = colon + 1) {
    colon = text.find(':', from);
    parts.push_back(text.substr(from, colon == std::string::npos ? colon : colon - from));
  }
  constexpr std::string_view kTrail = "trail/";
  if (parts.size() != 6 || parts[2] != "cloudtrail" || parts[3].empty() || !parts[5].starts_with(kTrail) || parts[5].size() == kTrail.size())
    return fail(ErrorCode::kInvalidArgument, fmt::format("--trail {}: not the ARN of a trail; one is arn:aws:cloudtrail:eu-central-1:111122223333:trail/main", printable(text)));
  names.trail = parts[5].substr(kTrail.size());
  names.home_region = parts[3];
  return {};
}

Result<trail::ValidateOptions> options_of(const ValidateArguments& arguments, const TrailPath& path) {
  const auto from = time_option("--start-time", arguments.start), until = time_option("--end-time", arguments.end);
  if (!from) return fail(from.error());
  if (!until) return fail(until.error());
  if (!path.prefix.empty() && !arguments.prefix.empty()) return fail(ErrorCode::kInvalidArgument, "the path has a prefix, and --prefix names one too: one of them is enough");
  trail::ValidateOptions options{.account = arguments.account, .region = arguments.region, .from = from->value_or(kBeginningOfTime), .until = until->value_or(kEndOfTime), .bucket = path.bucket, .copied = arguments.copied};
  options.trail.prefix = path.prefix.empty() ? arguments.prefix : path.prefix;
  while (options.trail.prefix.ends_with('/')) options.trail.prefix.pop_back();
  options.trail.organization = arguments.organization;
  if (auto read = read_trail(arguments.trail, options.trail); !read) return fail(std::move(read).error());
  const unsigned cores = std::max(std::thread::hardware_concurrency(), 1U);
  // Those of a bucket wait for it most of the time.
  options.threads = arguments.threads != 0 ? arguments.threads : path.folder.empty() ? std::max(cores, 8U) : cores;
  return options;
}

Result<std::string> read_passphrase(const std::string& file) {
  if (file.empty()) return std::string();
  auto text = read_file(file);
  if (!text) return text;
  while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
  return text;
}

/// Of a folder of our own keys, or a file of anybody's.
Result<std::vector<trail::PublicKey>> read_keys(const std::string& path, const std::string& passphrase_file) {
  if (path.empty())
    return fail(ErrorCode::kInvalidArgument,
                "--keys is missing: a file with the trail's public keys (aws cloudtrail list-public-keys --region HOME-REGION --start-time ... --end-time ... > keys.json), or the folder of our own digest keys");
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    auto passphrase = read_passphrase(passphrase_file);
    if (!passphrase) return fail(std::move(passphrase).error());
    const auto ring = trail::KeyRing::open(path, std::move(*passphrase), {});
    if (!ring) return fail(ring.error());
    return ring->public_keys();
  }
  const auto text = read_file(path);
  if (!text) return fail(Error(text.error()).during("--keys"));
  auto keys = trail::parse_public_keys(*text);
  if (!keys) return fail(std::move(keys).error().during(path));
  return keys;
}

/// One for each object, as the AWS CLI prints them, under a progress line.
class Console {
 public:
  Console(const ValidateArguments& arguments) : prints_(!arguments.as_json), prints_valid_(arguments.verbose), progress_(0, arguments.progress) {}

  void checked(const trail::Checked& object) {
    if (!prints_ || (object.verdict == trail::Verdict::kValid && !prints_valid_)) return;
    progress_.clear();
    fmt::print("{}\n", to_line(object));
  }
  void progressed(const trail::ValidationProgress& so_far) {
    if (progress_.is_due()) progress_.show_line(validation_line(so_far, progress_.seconds()));
  }
  void finish() { progress_.clear(); }

 private:
  const bool prints_, prints_valid_;
  Progress progress_;
};

/// That there is nothing to validate is no good news: somebody may have removed it all, or looked in the wrong place.
Error nothing_found(const trail::ValidationReport& report, const trail::TrailNames& trail) {
  std::string message = fmt::format("no digests in {} below {} for this trail, account, Region and time", report.store, printable(accounts_folder(trail)));
  message += report.unproven > 0 ? fmt::format("; {} log files are there, and nothing says that they are all, or as they were", with_commas(report.unproven))
                                 : "; is the prefix right, and --organization given for an organization's trail?";
  return {ErrorCode::kNotFound, std::move(message)};
}

/// Keys of another Region or time are the likeliest reason that no digest has a known one.
bool no_key_fits(const trail::ValidationReport& report) {
  const bool none_valid = std::all_of(report.chains.begin(), report.chains.end(), [](const trail::ChainReport& chain) { return chain.digests.valid == 0; });
  return none_valid && std::any_of(report.problems.begin(), report.problems.end(), [](const trail::Checked& problem) { return problem.verdict == trail::Verdict::kNoPublicKey; });
}

}  // namespace

std::string validation_line(const trail::ValidationProgress& progress, double seconds) {
  const auto all = static_cast<double>(std::max(progress.digests_in_all, std::uint64_t{1})), bytes = static_cast<double>(progress.bytes);
  return fmt::format("{}  {} of {} digests  {} logs  {}  {}/s", progress_bar(std::min(static_cast<double>(progress.digests) / all, 1.0)), with_commas(progress.digests),
                     with_commas(progress.digests_in_all), with_commas(progress.logs), format_bytes(bytes), format_bytes(seconds > 0 ? bytes / seconds : 0));
}

namespace {

/// The digests of a trail of ours: nothing where none are written yet.
Result<std::optional<trail::ValidationReport>> validate_digests(const trail::TrailConfig& trail, trail::ObjectStore& store, trail::ValidateOptions options) {
  if (!trail.digest.enabled) return std::nullopt;
  auto keys = trail::published_keys(trail.digest.key_directory);
  if (!keys) return fail(std::move(keys).error());
  options.trail = trail.names();
  options.bucket = store.bucket();
  trail::KnownKeys known(std::move(*keys));
  auto report = trail::validate_trail(store, known, options);
  if (!report) return fail(std::move(report).error());
  if (report->chains.empty()) return std::nullopt;
  return std::move(*report);
}

/// Digests follow the hour that they are of within another one; what has none by then was not written, or somebody deleted it.
void check_digested(const archive::ManifestTrail& trail, Timestamp delivered_until, std::span<const trail::ChainReport> chains, archive::ManifestReport& manifest) {
  constexpr std::chrono::hours kDue{2};
  for (const auto& [place, since] : trail.logs_since) {
    const auto chain = std::find_if(chains.begin(), chains.end(), [&place = place](const trail::ChainReport& one) { return one.place == place; });
    const bool has_any = chain != chains.end() && chain->found_until;
    const Timestamp digested_until = has_any ? *chain->found_until : std::chrono::floor<std::chrono::hours>(since);
    if (delivered_until == kEndOfTime || delivered_until < digested_until + kDue) continue;
    manifest.add({archive::ManifestProblem::Kind::kUndigested, fmt::format("{} {} (trail {})", place.account, place.region, trail.trail),
                  fmt::format("{}, and logs were delivered until {}", has_any ? "its digests end at " + format_time(digested_until) : "it has no digests", format_time(delivered_until))});
  }
}

/// A configuration's trails: their digests, and all that was delivered against the manifest.
int validate_ours(const ValidateArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  auto options = options_of(arguments, {.folder = "."});
  if (!options) return complain(options.error(), kWrongUsage);
  TrailStores stores;
  const auto opened = stores.open(setup->trails.trails, [&](const trail::TrailConfig& trail) { return arguments.trail.empty() || trail.name == options->trail.trail; });
  if (!opened) return complain(opened.error(), kNotValidated);
  const std::vector<archive::Destination>& destinations = *opened;
  if (destinations.empty()) return complain({ErrorCode::kInvalidArgument, arguments.trail.empty() ? "this configuration has no `trails`" : fmt::format("no trail of this configuration is called {}", printable(arguments.trail))}, kWrongUsage);

  Console console(arguments);
  options->on_checked = [&](const trail::Checked& object) { console.checked(object); };
  options->on_progress = [&](const trail::ValidationProgress& so_far) { console.progressed(so_far); };
  bool intact = true;
  std::vector<std::vector<trail::ChainReport>> chains;  // of each trail
  nlohmann::ordered_json json{{"intact", true}, {"trails", nlohmann::ordered_json::array()}};
  std::string text;
  for (const archive::Destination& destination : destinations) {
    const auto report = validate_digests(destination.trail, *destination.store, *options);
    if (!report) return complain(report.error(), kNotValidated);
    intact = intact && (!*report || (*report)->intact());
    chains.push_back(*report ? (*report)->chains : std::vector<trail::ChainReport>{});
    json["trails"].push_back({{"trail", destination.trail.name}, {"digests", *report ? nlohmann::ordered_json::parse(to_json(**report)) : nlohmann::ordered_json(nullptr)}});
    text += fmt::format("== Digests of {}, {}\n{}\n", destination.trail.name, printable(destination.store->name()), *report ? to_text(**report) : "none are written yet, or their keys are elsewhere\n");
  }
  auto topics = open_topics(*setup);
  if (!topics) return complain(topics.error(), kNotValidated);
  archive::ManifestCheckOptions check{.from = options->from, .until = options->until, .threads = options->threads};
  check.on_progress = [&](std::uint64_t checked, std::uint64_t in_all, std::uint64_t bytes) {
    console.progressed({.digests = checked, .digests_in_all = in_all, .logs = checked, .bytes = bytes});
  };
  auto manifest = archive::check_manifest(**topics, destinations, check);
  console.finish();
  if (!manifest) return complain(manifest.error(), kNotValidated);
  for (std::size_t i = 0; i < destinations.size() && options->until == kEndOfTime; ++i)
    if (destinations[i].trail.digest.enabled && (setup->config.service.roles.digest || !chains[i].empty()))
      check_digested(manifest->trails[i], manifest->delivered_until, chains[i], *manifest);
  intact = intact && manifest->intact();
  if (arguments.as_json) {
    json["intact"] = intact;
    json["manifest"] = to_json(*manifest);
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}== Manifest\n{}\n{}\n", text, to_text(*manifest), intact ? "everything holds" : "NOT INTACT");
  }
  return intact ? kFine : kFailed;
}

}  // namespace

int validate(const ValidateArguments& arguments) {
  if (arguments.path.empty() == arguments.config.empty())
    return complain({ErrorCode::kInvalidArgument, "name a path (s3://BUCKET[/PREFIX], or the folder that AWSLogs is in), or a configuration with -c FILE whose trails are to be validated"}, kWrongUsage);
  if (!arguments.config.empty()) return validate_ours(arguments);
  const auto path = parse_trail_path(arguments.path);
  if (!path) return complain(path.error(), kWrongUsage);
  auto options = options_of(arguments, *path);
  if (!options) return complain(options.error(), kWrongUsage);
  auto keys = read_keys(arguments.keys, arguments.passphrase_file);
  if (!keys) return complain(keys.error(), kNotValidated);
  if (keys->empty()) return complain({ErrorCode::kNotFound, fmt::format("there is no public key in {}", arguments.keys)}, kNotValidated);
  auto reader = TrailReader::open(*path, {.endpoint = arguments.endpoint, .region = arguments.bucket_region});
  if (!reader) return complain(reader.error(), kNotValidated);

  Console console(arguments);
  options->on_checked = [&](const trail::Checked& object) { console.checked(object); };
  options->on_progress = [&](const trail::ValidationProgress& so_far) { console.progressed(so_far); };
  trail::KnownKeys known(std::move(*keys));
  const auto report = trail::validate_trail(reader->store(), known, *options);
  console.finish();
  if (!report) return complain(report.error(), kNotValidated);
  if (report->chains.empty()) return complain(nothing_found(*report, options->trail), kNotValidated);
  if (arguments.as_json) fmt::print("{}\n", to_json(*report));
  else fmt::print("{}{}", report->problems.empty() && !arguments.verbose ? "" : "\n", to_text(*report));
  std::fflush(stdout);
  if (no_key_fits(*report)) fmt::print(stderr, "trailwarden: no digest is signed by a key of {}; are they of the trail's home Region, and of that time?\n", arguments.keys);
  return report->intact() ? kFine : kFailed;
}

}  // namespace trailwarden::app
