#include "generate/series.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace trailwarden::generate {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr double kMinutesOfDay = 1440.0;
constexpr double kZipf = 1.5;               // rates fall with the place to this power
constexpr double kUnevenness = 0.45;        // of the logarithm of a rate, between accounts
constexpr double kDriftOfAnHour = 0.03, kDriftStaysFor = 0.98;
constexpr double kSensitivePerDay = 3.0;    // at most, by API
constexpr double kKeysPerDay = 0.4;
constexpr double kMostOfARun = 300.0;       // calls of a timer
constexpr seconds kStep = 10min;            // the rate is constant for

/// However busy an account is, its permissions are not changed by the minute.
double most_per_minute(const Api& api) {
  if (api.name == "CreateAccessKey" || api.name == "DeleteAccessKey") return kKeysPerDay / kMinutesOfDay;
  return api.is_sensitive() ? kSensitivePerDay / kMinutesOfDay : 1e9;
}

/// The calls a minute of each API: Zipf's law, and no account is quite like another.
std::vector<double> rates(std::uint64_t seed, const Account& account, double per_minute) {
  Random random = Random::named(seed, "rates " + account.id);
  std::vector<double> rates;
  double sum = 0.0;
  for (std::size_t i = 0; i < ordinary_apis(); ++i) {
    rates.push_back(std::pow(static_cast<double>(i + 1), -kZipf) * std::exp(kUnevenness * random.normal()));
    sum += rates.back();
  }
  for (std::size_t i = 0; i < rates.size(); ++i) rates[i] = std::min(rates[i] * per_minute / sum, most_per_minute(catalogue()[i]));
  return rates;
}

/// Some of those who might call the API: few if it is rare. Their shares follow Zipf's law too.
Cast make_cast(std::uint64_t seed, const Account& account, const Api& api, double per_minute) {
  Random random = Random::named(seed, fmt::format("cast {} {} {}", account.id, api.service, api.name));
  std::vector<std::uint16_t> all = account.callers(api);
  const std::size_t wanted = per_minute > 0.5 ? 8 : per_minute > 0.05 ? 4 : 2;
  Cast cast;
  double sum = 0.0;
  while (!all.empty() && cast.principals.size() < wanted) {
    const auto taken = all.begin() + static_cast<std::ptrdiff_t>(random.below(all.size()));
    cast.principals.push_back(*taken);
    all.erase(taken);
    cast.cumulative.push_back(sum += 1.0 / static_cast<double>(cast.principals.size()));
  }
  return cast;
}

/// Which Regions record the API, and how much of it each.
std::vector<std::pair<std::size_t, double>> shares(const Account& account, const Api& api) {
  if (api.is_global()) return {{account.global_region(), 1.0}};
  std::vector<std::pair<std::size_t, double>> out;
  for (std::size_t i = 0; i < account.regions.size(); ++i) out.emplace_back(i, account.regions[i].share);
  return out;
}

}  // namespace

Series::Series(std::uint64_t seed, const Account& account, SeriesPlan plan)
    : plan_(std::move(plan)),
      api_(&catalogue()[plan_.api]),
      utc_offset_(account.utc_offset),
      random_(Random::named(seed, fmt::format("series {} {} {}", account.id, plan_.region, plan_.api))) {
  if (!is_timer(api_->rhythm)) return;
  period_ = period_of(api_->rhythm);
  const auto run = [this] { return plan_.per_minute * static_cast<double>(period_.count()) / 60.0; };
  while (run() > kMostOfARun && period_ > 5min) period_ /= 12;
  while (run() < 1.0 && period_ < 24h) period_ *= period_ < 1h ? 12 : 24;
  phase_ = seconds(random_.below(static_cast<std::size_t>(period_.count())));
}

double Series::per_minute_at(Timestamp time) const {
  return is_timer(api_->rhythm) ? plan_.per_minute : plan_.per_minute * level(api_->rhythm, time + utc_offset_);
}

double Series::deviation(Timestamp time, seconds window) const {
  const double calls = per_minute_at(time) * static_cast<double>(window.count()) / 60.0;
  return std::sqrt(calls * (2.0 * api_->batch - 1.0));  // E[size^2] / E[size] of a geometric batch
}

void Series::append_hour(Timestamp hour, std::vector<Call>& out) {
  wander();
  if (is_timer(api_->rhythm)) append_runs(hour, out);
  else append_course(hour, out);
}

void Series::wander() { drift_ = kDriftStaysFor * drift_ + kDriftOfAnHour * random_.normal(); }

void Series::append_course(Timestamp hour, std::vector<Call>& out) {
  constexpr double kSpacing = 4.0;
  const double share = std::exp(drift_);
  for (Timestamp from = hour; from < hour + 1h; from += kStep) {
    const double calls = per_minute_at(from + kStep / 2) * share * static_cast<double>(kStep.count()) / 60.0;
    const std::size_t batches = random_.poisson(calls / api_->batch);
    for (std::size_t i = 0; i < batches; ++i) {
      const Timestamp time = from + seconds(random_.below(static_cast<std::size_t>(kStep.count())));
      append_batch(time, random_.geometric(api_->batch), kSpacing, out);
    }
  }
}

void Series::append_runs(Timestamp hour, std::vector<Call>& out) {
  constexpr double kJitter = 8.0, kSpacing = 1.5, kMissed = 0.002;
  const double calls = plan_.per_minute * static_cast<double>(period_.count()) / 60.0;
  const std::int64_t first = (hour.time_since_epoch() - phase_ + period_ - 1s) / period_;
  for (Timestamp run{first * period_ + phase_}; run < hour + 1h; run += period_) {
    // The size hardly varies: the part behind the point comes by chance.
    const std::size_t size = static_cast<std::size_t>(calls) + (random_.chance(calls - std::floor(calls)) ? 1 : 0);
    const Timestamp time = run + seconds(static_cast<std::int64_t>(random_.exponential(kJitter)));
    if (!random_.chance(kMissed)) append_batch(time, size, kSpacing, out);
  }
}

void Series::append_batch(Timestamp time, std::size_t count, double spacing, std::vector<Call>& out) {
  if (count == 0) return;
  const std::uint16_t principal = plan_.cast.pick(random_);
  double after = 0.0;
  for (std::size_t i = 0; i < count; ++i, after += random_.exponential(spacing)) {
    const bool failed = random_.chance(api_->error_share);
    out.push_back({time + seconds(static_cast<std::int64_t>(after)), random_.next(), plan_.account, plan_.region, plan_.api, principal, failed});
  }
}

std::vector<Series> make_series(std::uint64_t seed, const Account& account, std::uint16_t number, double per_minute) {
  std::vector<Series> out;
  const std::vector<double> all = rates(seed, account, per_minute);
  for (std::size_t api = 0; api < all.size(); ++api) {
    const Cast cast = make_cast(seed, account, catalogue()[api], all[api]);
    for (const auto& [region, share] : shares(account, catalogue()[api]))
      out.emplace_back(seed, account, SeriesPlan{number, static_cast<std::uint16_t>(region), static_cast<std::uint16_t>(api), all[api] * share, cast});
  }
  return out;
}

}  // namespace trailwarden::generate
