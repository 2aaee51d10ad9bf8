#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generate/incident.h"
#include "generate/random.h"
#include "generate/series.h"

namespace trailwarden::generate {

/// Decides which incidents are planted where and when. No two of them lie within a day of each other on the same API of an account.
/// What finds no place, for example a silence where nothing is busy, is left out.
class IncidentPlanner {
 public:
  /// `accounts` and `series` must outlive the planner. Incidents start and end within [from, until).
  IncidentPlanner(std::uint64_t seed, std::span<const Account> accounts, std::span<const Series> series, Timestamp from, Timestamp until);

  /// All of them, by start.
  std::vector<Incident> plan();

 private:
  struct Taken {
    std::uint16_t account;
    std::string_view service, name;  // no name: all APIs of the service
    Timestamp start, end;
  };
  using Fits = bool (*)(const Series& series, const Api& api);

  void plant(IncidentKind kind, Strength strength);
  std::optional<Incident> calls_of_series(IncidentKind kind, Strength strength);
  std::optional<Incident> silence(Strength strength);
  Incident on_account(IncidentKind kind, IncidentApi api);
  Incident root_use();
  Incident trail_deletion();
  Incident opened_group();
  Incident iam_burst();

  /// One of those; nullptr if there is none.
  const Series* series_that(Fits fits);
  Timestamp start_for(std::chrono::seconds length);
  /// `count` calls spread over [incident.start, incident.end], which shrink to what the calls cover.
  void add_calls(Incident& incident, std::size_t count);
  /// Mostly somebody who calls the API anyway; else the note says so.
  void choose_principal(Incident& incident, const Cast& cast);
  bool is_free(const Incident& incident) const;

  Random random_;
  std::span<const Account> accounts_;
  std::span<const Series> series_;
  Timestamp from_, until_;
  std::vector<Incident> planted_;
  std::vector<Taken> taken_;
  std::size_t planted_of_kind_ = 0;  // alternates the variants of a kind
};

}  // namespace trailwarden::generate
