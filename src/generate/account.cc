#include "generate/account.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "generate/random.h"

namespace trailwarden::generate {
namespace {

constexpr std::string_view kGlobalRegion = "us-east-1";
constexpr double kBusy = 0.74, kMiddle = 0.21, kQuiet = 0.05;

struct Place {
  std::array<std::string_view, 3> regions;
  std::chrono::hours utc_offset;
};
constexpr auto kPlaces = std::to_array<Place>({
    {{"us-east-1", "eu-west-1", "ap-southeast-2"}, std::chrono::hours{-5}},
    {{"eu-central-1", "us-east-1", "us-west-2"}, std::chrono::hours{1}},
    {{"ap-northeast-1", "us-east-1", "eu-west-1"}, std::chrono::hours{9}},
    {{"us-west-2", "us-east-1", "eu-west-2"}, std::chrono::hours{-8}},
});

std::string id_of(std::size_t number) {
  if (number == 0) return "111122223333";
  if (number == 1) return "444455556666";
  return fmt::format("1000000000{:02}", number - 1);
}

using Make = Principal (*)(const PrincipalSeed&);
struct Staff {
  Make make;
  std::size_t count;
};
constexpr auto kStaff = std::to_array<Staff>({{automation_role, 5}, {instance_role, 8}, {app_role, 12}, {monitor_role, 5}, {person, 12}, {root, 1}});

void add_staff(Account& account, Random& random) {
  for (const Staff& staff : kStaff) {
    if (staff.make == root) account.root = account.principals.size();
    for (std::size_t i = 0; i < staff.count; ++i) account.principals.push_back(staff.make({account.id, random.next(), i}));
  }
  account.deployer = 0;
}

void add_services(Account& account, Random& random) {
  std::set<std::string_view> names;
  for (const Api& api : catalogue())
    if (api.callers == Callers::kService) names.insert(api.caller);
  for (const std::string_view name : names) account.principals.push_back(service({account.id, random.next(), 0}, name));
}

}  // namespace

std::size_t Account::global_region() const {
  const auto* const found = std::find_if(regions.begin(), regions.end(), [](const Region& region) { return region.name == kGlobalRegion; });
  return static_cast<std::size_t>(found - regions.begin());
}

std::vector<std::uint16_t> Account::callers(const Api& api) const {
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < principals.size(); ++i) {
    const Principal& principal = principals[i];
    const bool fits = principal.kind == api.callers && i != root && (api.callers != Callers::kService || principal.name == api.caller);
    if (fits) out.push_back(static_cast<std::uint16_t>(i));
  }
  return out;
}

Account make_account(std::uint64_t seed, std::size_t number) {
  Account account;
  account.id = id_of(number);
  const Place& place = kPlaces[number % kPlaces.size()];
  account.regions = {{{place.regions[0], kBusy}, {place.regions[1], kMiddle}, {place.regions[2], kQuiet}}};
  account.utc_offset = place.utc_offset;
  Random random = Random::named(seed, "account " + account.id);
  add_staff(account, random);
  add_services(account, random);
  return account;
}

}  // namespace trailwarden::generate
