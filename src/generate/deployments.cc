#include "generate/deployments.h"

#include <algorithm>

namespace trailwarden::generate {
namespace {

using namespace std::chrono_literals;

constexpr double kPerOfficeHour = 0.1;  // four in a week of forty hours

bool is_office_hour(Timestamp local) {
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const unsigned weekday = std::chrono::weekday(day).iso_encoding();
  const auto hour = std::chrono::floor<std::chrono::hours>(local - day).count();
  return weekday <= 5 && hour >= 9 && hour < 17;
}

}  // namespace

Deployments::Deployments(std::uint64_t seed, const Account& account, std::uint16_t number)
    : account_(&account), number_(number), random_(Random::named(seed, "deployments " + account.id)) {
  for (std::size_t i = 0; i < ordinary_apis(); ++i)
    if (const Api& api = catalogue()[i]; api.callers == Callers::kAutomation && !api.read_only) apis_.push_back(static_cast<std::uint16_t>(i));
}

void Deployments::append_hour(Timestamp hour, std::vector<Call>& out) {
  if (!is_office_hour(account_->local(hour)) || !random_.chance(kPerOfficeHour)) return;
  deploy(hour + std::chrono::seconds(random_.below(3600)), out);
}

void Deployments::deploy(Timestamp start, std::vector<Call>& out) {
  constexpr std::size_t kFewest = 8, kMost = 20, kMostSensitive = 3;
  constexpr double kBusyRegion = 0.7, kFailing = 0.02;
  const std::int64_t length = random_.between(300, 1200);
  const std::size_t region = random_.chance(kBusyRegion) ? 0 : 1;
  const std::size_t touched = kFewest + random_.below(kMost - kFewest + 1);
  std::size_t sensitive = 0;
  for (std::size_t i = 0; i < touched; ++i) {
    const std::uint16_t index = apis_[random_.below(apis_.size())];
    const Api& api = catalogue()[index];
    if (api.is_sensitive() && ++sensitive > kMostSensitive) continue;
    const std::size_t calls = api.is_sensitive() ? 1 : 1 + random_.below(10);
    const auto where = static_cast<std::uint16_t>(api.is_global() ? account_->global_region() : region);
    for (std::size_t k = 0; k < calls; ++k)
      out.push_back({start + std::chrono::seconds(random_.between(0, length)), random_.next(), number_, where, index,
                     static_cast<std::uint16_t>(account_->deployer), random_.chance(kFailing)});
  }
}

}  // namespace trailwarden::generate
