#include "trail/validate.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "trail/chain_walk.h"
#include "trail/patiently.h"
#include "trail/trail_listing.h"

namespace trailwarden::trail {
namespace {

using std::chrono::hours;

/// The chains of one account and Region, and the logs beside them.
class PlaceCheck {
 public:
  PlaceCheck(Validation& run, Place place) : run_(run), place_(std::move(place)) {}

  Result<void> check() {
    const ValidateOptions& options = run_.options;
    // Logs that were delivered at the end of the range are digested an hour later; so the AWS CLI does.
    auto chains = digests_of(run_.store, options.trail, place_, options.from, options.until == kEndOfTime ? kEndOfTime : options.until + hours{1});
    if (!chains) return fail(std::move(chains.error()));
    for (const auto& [name, chain] : *chains) run_.progress.digests_in_all += chain.hourly.size() + chain.backfill.size();
    for (auto& [name, chain] : *chains)
      if (auto checked = check_chain(name, std::move(chain)); !checked) return checked;
    return check_unlisted();
  }

 private:
  Result<void> check_chain(const std::pair<std::string, std::string>& name, ListedChain chain) {
    ChainReport report{.trail = run_.options.trail, .place = place_};
    std::tie(report.trail.trail, report.trail.home_region) = name;
    if (!chain.hourly.empty()) {
      const Timestamp from = std::max(run_.options.from, chain.hourly.front().end - hours{2}), until = std::min(run_.options.until, chain.hourly.back().end);
      if (auto loaded = run_.keys.load(from, until + hours{2}); !loaded) return loaded;
    }
    ChainWalk walk(run_, report, listed_);
    if (auto walked = walk.walk(std::move(chain.hourly), false); !walked) return walked;
    if (auto walked = walk.walk(std::move(chain.backfill), true); !walked) return walked;
    chains_.push_back(std::move(report));
    return {};
  }

  Result<void> check_unlisted() {
    std::set<std::string> unlisted;
    // Whether Insights and the like are digested is for who writes the digests.
    std::set<ObjectKind> kinds = listed_.kinds();
    kinds.insert(ObjectKind::kLog);
    for (const ObjectKind kind : kinds)
      if (auto found = find_unlisted(kind, unlisted); !found) return found;
    if (auto struck = unlisted.empty() ? Result<void>() : strike_out_listed_elsewhere(unlisted); !struck) return struck;
    // They belong to no chain: those of the first one are told with them.
    Count nobody;
    Count& count = chains_.empty() ? nobody : chains_.front().logs;
    for (const std::string& key : unlisted) run_.tell({CheckedKind::kLog, Verdict::kNotListed, run_.bucket(), key, {}}, count);
    std::move(chains_.begin(), chains_.end(), std::back_inserter(run_.report.chains));
    return {};
  }

  /// Logs within the range that no digest of the range lists. Those of gaps are only counted.
  Result<void> find_unlisted(ObjectKind kind, std::set<std::string>& unlisted) {
    const std::string folder = objects_folder(run_.options.trail, kind, place_);
    const std::string last_day = day_folder(run_.options.trail, kind, place_, run_.options.until) + "~";
    const auto take = [&](const ListedObject& object) {
      if (object.key > last_day) return false;
      if (object.key.ends_with('/') || listed_.contains(object.key)) return true;
      const auto name = parse_object_name(object.key);
      if (name && (name->stamp < run_.options.from || name->stamp > run_.options.until || after_all(name->stamp))) return true;
      if (name && !is_covered(name->stamp)) ++run_.report.unproven;
      else if (unlisted.size() < ValidationReport::kMostProblems) unlisted.insert(object.key);
      else ++run_.report.problems_left_out;
      return true;
    };
    return for_each_object(run_.store, folder, day_folder(run_.options.trail, kind, place_, run_.options.from), take);
  }

  /// Behind the newest digest: not digested yet.
  bool after_all(Timestamp stamp) const {
    return !chains_.empty() && std::all_of(chains_.begin(), chains_.end(), [stamp](const ChainReport& chain) { return chain.found_until && stamp >= *chain.found_until; });
  }

  bool is_covered(Timestamp stamp) const {
    const auto covers = [stamp](const ChainReport& chain) {
      const auto in_gap = [stamp](const Gap& gap) { return stamp >= gap.from && stamp < gap.until; };
      return chain.found_from && stamp >= *chain.found_from && stamp < *chain.found_until && std::none_of(chain.gaps.begin(), chain.gaps.end(), in_gap);
    };
    return std::any_of(chains_.begin(), chains_.end(), covers);
  }

  /// A log may be listed by a digest outside the range: by a backfill digest written later, or, where the stamp is not to the second, by the one before.
  Result<void> strike_out_listed_elsewhere(std::set<std::string>& unlisted) {
    const ValidateOptions& options = run_.options;
    const Timestamp from = options.from == kBeginningOfTime ? kBeginningOfTime : options.from - hours{2};
    const auto chains = digests_of(run_.store, options.trail, place_, from, kEndOfTime);
    if (!chains) return fail(chains.error());
    for (const auto& [name, chain] : *chains)
      for (const auto* digests : {&chain.hourly, &chain.backfill})
        for (const ListedDigest& digest : *digests)
          if (digest.end < options.from || (options.until != kEndOfTime && digest.end > options.until + hours{1}))
            if (auto struck = strike_out(digest, unlisted); !struck) return struck;
    return {};
  }

  Result<void> strike_out(const ListedDigest& digest, std::set<std::string>& unlisted) {
    if (unlisted.empty()) return {};
    auto fetched = fetch_digest(run_.store, digest.key, run_.rooms.front());
    if (!fetched) return fail(to_error(std::move(fetched.error())));
    if (auto loaded = run_.keys.load(digest.end - hours{1}, digest.end + hours{1}); !loaded) return loaded;
    const auto checked = verify_digest(*fetched, run_.options.bucket, digest.key, nullptr, run_.keys);
    if (!checked) return fail(checked.error());
    if (checked->verdict != Verdict::kValid) return {};
    for (const DigestedLog& log : fetched->opened->digest.logs) unlisted.erase(log.key);
    return {};
  }

  Validation& run_;
  Place place_;
  ListedLogs listed_;
  std::vector<ChainReport> chains_;
};

}  // namespace

Result<ValidationReport> validate_trail(ObjectStore& store, PublicKeySource& keys, const ValidateOptions& options) {
  for (const std::string* part : {&options.account, &options.region})
    if (!part->empty() && !is_key_part(*part)) return fail(ErrorCode::kInvalidArgument, *part + " is no account or Region");
  if (options.from > options.until) return fail(ErrorCode::kInvalidArgument, "the range ends before it starts");
  Validation run{.store = store, .options = options, .keys = PublicKeys(keys)};
  run.rooms.resize(std::max(options.threads, 1U));
  run.report.store = store.name();
  run.report.from = options.from;
  run.report.until = options.until;
  const auto places = places_of(store, options.trail, options.account, options.region);
  if (!places) return fail(places.error());
  for (const Place& place : *places)
    if (auto checked = PlaceCheck(run, place).check(); !checked) return fail(std::move(checked.error()));
  run.report.bytes = run.progress.bytes;
  return std::move(run.report);
}

}  // namespace trailwarden::trail
