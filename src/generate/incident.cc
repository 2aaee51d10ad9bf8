#include "generate/incident.h"

#include <array>

#include <fmt/format.h>

namespace trailwarden::generate {

std::string_view to_string(IncidentKind kind) {
  constexpr std::array<std::string_view, 8> kNames{"burst",    "sustained",      "error_storm",  "silence",
                                                   "root_use", "trail_deletion", "opened_group", "iam_burst"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view to_string(Strength strength) {
  constexpr std::array<std::string_view, 3> kNames{"weak", "medium", "strong"};
  return kNames[static_cast<std::size_t>(strength)];
}

bool Incident::swallows(const Call& call) const {
  return kind == IncidentKind::kSilence && call.account == account && call.region == region && call.api == api && call.time >= start && call.time < end;
}

std::string label_of(const Incident& incident, std::span<const Account> accounts, std::size_t number) {
  const Account& account = accounts[incident.account];
  const Api& api = catalogue()[incident.api];
  const std::string_view code = incident.failing ? text_of(api.failure).code : "";
  std::string line = fmt::format(R"({{"id":"incident-{:03}","kind":"{}","strength":"{}","account":"{}","region":"{}","eventSource":"{}","eventName":"{}")", number,
                                 to_string(incident.kind), to_string(incident.strength), account.id, account.regions[incident.region].name, api.source(),
                                 incident.any_api ? "*" : api.name);
  if (!code.empty()) line += fmt::format(R"(,"errorCode":"{}")", code);
  line += fmt::format(R"(,"start":"{}","end":"{}","events":{})", format_time(incident.start), format_time(incident.end), incident.calls.size());
  if (incident.kind == IncidentKind::kSilence) line += fmt::format(R"(,"missing":{})", incident.missing);
  // Nobody is the cause of a silence.
  const std::string_view principal = incident.calls.empty() ? std::string_view() : account.principals[incident.principal].arn;
  return line + fmt::format(R"(,"principal":"{}","note":"{}"}})", principal, incident.note);
}

}  // namespace trailwarden::generate
