#include "generate/incident_planner.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace trailwarden::generate {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr seconds kApart = 24h;
constexpr seconds kRound = 72h;  // each of which gets one set of incidents
constexpr int kTries = 300;

struct Wanted {
  IncidentKind kind;
  Strength strength;
};
constexpr auto kSet = std::to_array<Wanted>({
    {IncidentKind::kSilence, Strength::kWeak},       {IncidentKind::kSilence, Strength::kMedium},      {IncidentKind::kSilence, Strength::kStrong},
    {IncidentKind::kBurst, Strength::kWeak},         {IncidentKind::kBurst, Strength::kMedium},        {IncidentKind::kBurst, Strength::kStrong},
    {IncidentKind::kBurst, Strength::kStrong},       {IncidentKind::kSustained, Strength::kWeak},      {IncidentKind::kSustained, Strength::kMedium},
    {IncidentKind::kSustained, Strength::kStrong},   {IncidentKind::kSustained, Strength::kStrong},    {IncidentKind::kErrorStorm, Strength::kWeak},
    {IncidentKind::kErrorStorm, Strength::kMedium},  {IncidentKind::kErrorStorm, Strength::kStrong},   {IncidentKind::kErrorStorm, Strength::kStrong},
    {IncidentKind::kRootUse, Strength::kStrong},     {IncidentKind::kTrailDeletion, Strength::kStrong}, {IncidentKind::kOpenedGroup, Strength::kStrong},
    {IncidentKind::kIamBurst, Strength::kStrong},
});

/// The extra calls of a strength: so many at least, or so many standard deviations of what the window holds anyway. Where calls come in batches,
/// more of them are needed to say as much: the bound grows like the deviation of batches does.
std::size_t extra_calls(Strength strength, double deviation, double batch) {
  constexpr std::array<double, 3> kLeast{8, 20, 60}, kDeviations{6, 12, 30};
  const auto i = static_cast<std::size_t>(strength);
  return static_cast<std::size_t>(std::ceil(std::max(kLeast[i] * std::sqrt(2 * batch - 1), kDeviations[i] * deviation)));
}

bool is_plain(const Api& api) { return !is_timer(api.rhythm) && !api.is_sensitive() && api.service != "signin" && api.service != "iam"; }
bool can_burst(const Series& series, const Api& api) { return is_plain(api) && !api.read_only && series.plan().per_minute < 1.0; }
bool can_swell(const Series& series, const Api& api) { return is_plain(api) && !api.read_only && series.plan().per_minute < 4.0; }
bool can_fail(const Series& series, const Api& api) { return is_plain(api) && api.error_share <= 0.02 && series.plan().per_minute < 3.0; }

constexpr double kBusy = 5.0;  // calls a minute, of what may fall silent
bool can_fall_silent(const Series& series, const Api& api) { return is_plain(api) && !api.read_only && series.plan().per_minute > 0.8 * kBusy; }

/// How long calls of a kind go on, and among which series they lie.
struct Form {
  std::int64_t shortest, longest;  // seconds
  bool (*fits)(const Series&, const Api&);
};
Form form_of(IncidentKind kind) {
  if (kind == IncidentKind::kBurst) return {60, 180, can_burst};
  if (kind == IncidentKind::kSustained) return {600, 3600, can_swell};
  return {300, 1800, can_fail};
}

}  // namespace

IncidentPlanner::IncidentPlanner(std::uint64_t seed, std::span<const Account> accounts, std::span<const Series> series, Timestamp from, Timestamp until)
    : random_(Random::named(seed, "incidents")), accounts_(accounts), series_(series), from_(from), until_(until) {}

std::vector<Incident> IncidentPlanner::plan() {
  const std::int64_t rounds = std::max<std::int64_t>(1, (until_ - from_) / kRound);
  for (const Wanted& wanted : kSet) {
    for (std::int64_t i = 0; i < rounds; ++i) {
      planted_of_kind_ = static_cast<std::size_t>(i);
      plant(wanted.kind, wanted.strength);
    }
  }
  std::stable_sort(planted_.begin(), planted_.end(), [](const Incident& a, const Incident& b) { return a.start < b.start; });
  return std::move(planted_);
}

void IncidentPlanner::plant(IncidentKind kind, Strength strength) {
  for (int i = 0; i < kTries; ++i) {
    const auto planned = [&]() -> std::optional<Incident> {
      switch (kind) {
        case IncidentKind::kSilence: return silence(strength);
        case IncidentKind::kRootUse: return root_use();
        case IncidentKind::kTrailDeletion: return trail_deletion();
        case IncidentKind::kOpenedGroup: return opened_group();
        case IncidentKind::kIamBurst: return iam_burst();
        default: return calls_of_series(kind, strength);
      }
    };
    auto incident = planned();
    if (!incident || !is_free(*incident)) continue;
    const Api& api = catalogue()[incident->api];
    taken_.push_back({incident->account, api.service, incident->any_api ? std::string_view() : api.name, incident->start, incident->end});
    planted_.push_back(std::move(*incident));
    return;
  }
}

bool IncidentPlanner::is_free(const Incident& incident) const {
  const Api& api = catalogue()[incident.api];
  return std::none_of(taken_.begin(), taken_.end(), [&](const Taken& taken) {
    const bool same_api = taken.service == api.service && (incident.any_api || taken.name.empty() || taken.name == api.name);
    return taken.account == incident.account && same_api && incident.start < taken.end + kApart && taken.start < incident.end + kApart;
  });
}

const Series* IncidentPlanner::series_that(Fits fits) {
  std::vector<const Series*> candidates;
  for (const Series& series : series_)
    if (fits(series, catalogue()[series.plan().api])) candidates.push_back(&series);
  return candidates.empty() ? nullptr : candidates[random_.below(candidates.size())];
}

Timestamp IncidentPlanner::start_for(seconds length) {
  const seconds room = std::max(seconds{1}, until_ - from_ - length);
  return from_ + seconds(random_.below(static_cast<std::size_t>(room.count())));
}

std::optional<Incident> IncidentPlanner::calls_of_series(IncidentKind kind, Strength strength) {
  const Form form = form_of(kind);
  const Series* const series = series_that(form.fits);
  if (series == nullptr) return std::nullopt;
  const SeriesPlan& plan = series->plan();
  const Api& api = catalogue()[plan.api];
  const seconds length(random_.between(form.shortest, form.longest));
  Incident incident{.kind = kind, .strength = strength, .account = plan.account, .region = plan.region, .api = plan.api};
  incident.failing = kind == IncidentKind::kErrorStorm;
  incident.start = start_for(length);
  incident.end = incident.start + length;
  const double share = incident.failing ? std::sqrt(api.error_share) : 1.0;
  const double deviation = share * series->deviation(incident.start + length / 2, length);
  const auto count = static_cast<std::size_t>(static_cast<double>(extra_calls(strength, deviation, incident.failing ? 1.0 : api.batch)) * random_.uniform(1.0, 1.3));
  choose_principal(incident, plan.cast);
  add_calls(incident, count);
  incident.note = fmt::format("{} extra {}calls in {}{}", count, incident.failing ? "failing " : "", describe(length), incident.note);
  return incident;
}

std::optional<Incident> IncidentPlanner::silence(Strength strength) {
  constexpr std::array<std::int64_t, 3> kShortest{3600, 4800, 6300}, kLongest{4500, 6000, 7200};
  const Series* const series = series_that(can_fall_silent);
  if (series == nullptr) return std::nullopt;
  const SeriesPlan& plan = series->plan();
  const auto i = static_cast<std::size_t>(strength);
  const seconds length(random_.between(kShortest[i], kLongest[i]));
  const Timestamp start = start_for(length);
  if (series->per_minute_at(start) < kBusy || series->per_minute_at(start + length) < kBusy) return std::nullopt;
  Incident incident{.kind = IncidentKind::kSilence, .strength = strength, .account = plan.account, .region = plan.region, .api = plan.api};
  incident.start = start;
  incident.end = start + length;
  incident.note = fmt::format("no calls for {}, at {:.1f} a minute before", describe(length), series->per_minute_at(start));
  return incident;
}

Incident IncidentPlanner::on_account(IncidentKind kind, IncidentApi api) {
  Incident incident{.kind = kind, .api = index_of(api)};
  incident.account = static_cast<std::uint16_t>(random_.below(accounts_.size()));
  const Account& account = accounts_[incident.account];
  const std::size_t region = catalogue()[incident.api].is_global() ? account.global_region() : random_.below(account.regions.size());
  incident.region = static_cast<std::uint16_t>(region);
  const std::vector<std::uint16_t> people = account.callers(catalogue()[incident.api]);
  incident.principal = people[random_.below(people.size())];
  incident.start = incident.end = start_for(10min);
  return incident;
}

Incident IncidentPlanner::root_use() {
  const bool key = planted_of_kind_ % 2 == 1;
  Incident incident = on_account(IncidentKind::kRootUse, key ? IncidentApi::kRootKey : IncidentApi::kRootSignIn);
  incident.principal = static_cast<std::uint16_t>(accounts_[incident.account].root);
  incident.note = key ? "root creates an access key for itself" : "root signs in to the console without MFA";
  add_calls(incident, 1);
  return incident;
}

Incident IncidentPlanner::trail_deletion() {
  const bool stop = planted_of_kind_ % 2 == 1;
  Incident incident = on_account(IncidentKind::kTrailDeletion, stop ? IncidentApi::kStopLogging : IncidentApi::kDeleteTrail);
  incident.note = stop ? "the trail stops logging" : "the trail is deleted";
  add_calls(incident, 1);
  return incident;
}

Incident IncidentPlanner::opened_group() {
  Incident incident = on_account(IncidentKind::kOpenedGroup, IncidentApi::kOpenGroup);
  incident.note = "tcp 22 opened to 0.0.0.0/0";
  add_calls(incident, 1);
  return incident;
}

Incident IncidentPlanner::iam_burst() {
  constexpr std::size_t kCalls = 30;
  constexpr std::array<IncidentApi, 6> kApis{IncidentApi::kAttachUserPolicy, IncidentApi::kCreateAccessKey,  IncidentApi::kPutUserPolicy,
                                             IncidentApi::kCreateUser,       IncidentApi::kUpdateAccessKey, IncidentApi::kUpdateLoginProfile};
  Incident incident = on_account(IncidentKind::kIamBurst, IncidentApi::kAttachUserPolicy);
  incident.any_api = true;
  incident.end = incident.start + seconds(random_.between(240, 590));
  add_calls(incident, kCalls);
  for (std::size_t i = 0; i < kCalls; ++i) incident.calls[i].api = index_of(kApis[i % kApis.size()]);
  incident.note = "30 IAM changes on as many users, half of them CreateAccessKey, AttachUserPolicy and PutUserPolicy";
  return incident;
}

void IncidentPlanner::add_calls(Incident& incident, std::size_t count) {
  const std::int64_t length = (incident.end - incident.start).count();
  for (std::size_t i = 0; i < count; ++i)
    incident.calls.push_back({incident.start + seconds(random_.between(0, length)), random_.next(), incident.account, incident.region, incident.api,
                              incident.principal, incident.failing});
  std::stable_sort(incident.calls.begin(), incident.calls.end(), [](const Call& a, const Call& b) { return a.time < b.time; });
  incident.start = incident.calls.front().time;
  incident.end = incident.calls.back().time;
}

void IncidentPlanner::choose_principal(Incident& incident, const Cast& cast) {
  constexpr double kKnown = 0.8;
  if (random_.chance(kKnown)) {
    incident.principal = cast.pick(random_);
    return;
  }
  const Account& account = accounts_[incident.account];
  const Callers kind = random_.chance(0.5) ? Callers::kPeople : Callers::kAutomation;
  std::vector<std::uint16_t> others = account.callers(Api{.callers = kind});
  std::erase_if(others, [&cast](std::uint16_t other) { return std::find(cast.principals.begin(), cast.principals.end(), other) != cast.principals.end(); });
  incident.principal = others.empty() ? cast.pick(random_) : others[random_.below(others.size())];
  incident.note = others.empty() ? "" : ", by a principal that is known in the account and new to the API";
}

}  // namespace trailwarden::generate
