#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "core/time.h"
#include "generate/account.h"
#include "generate/call.h"
#include "generate/random.h"

namespace trailwarden::generate {

/// Who calls an API of an account, by weight. The same for all its Regions.
struct Cast {
  std::vector<std::uint16_t> principals;
  std::vector<double> cumulative;  // ascending sums of their weights

  std::uint16_t pick(Random& random) const { return principals[random.pick(cumulative)]; }
};

/// Where a series lies and how much it carries.
struct SeriesPlan {
  std::uint16_t account = 0, region = 0, api = 0;
  double per_minute = 0.0;  // calls, on the average of a week
  Cast cast;
};

/// The ordinary calls of one API in one Region of one account: batches that come at a rate which follows the week's course and
/// wanders slowly, or the runs of a timer.
///
/// State: about 200 bytes. Draws from a generator of its own, hour by hour, so no other series changes it.
class Series {
 public:
  Series(std::uint64_t seed, const Account& account, SeriesPlan plan);

  const SeriesPlan& plan() const { return plan_; }

  /// Appends the calls whose batches begin within [hour, hour + 1 h). Call it hour after hour.
  void append_hour(Timestamp hour, std::vector<Call>& out);

  /// Expected calls in a minute around `time`, without the wandering; of timers the average.
  double per_minute_at(Timestamp time) const;

  /// About how much the number of calls in a window of that length varies: the standard deviation of batches that come at random.
  double deviation(Timestamp time, std::chrono::seconds window) const;

 private:
  void append_course(Timestamp hour, std::vector<Call>& out);
  void append_runs(Timestamp hour, std::vector<Call>& out);
  /// `count` calls of one principal from `time` on, `spacing` seconds apart on average.
  void append_batch(Timestamp time, std::size_t count, double spacing, std::vector<Call>& out);
  void wander();

  SeriesPlan plan_;
  const Api* api_;
  std::chrono::seconds utc_offset_;
  Random random_;
  std::chrono::seconds period_{}, phase_{};  // of a timer
  double drift_ = 0.0;                       // logarithm of the rate's share of what the course says
};

/// The series of one account, by API and then by Region. `per_minute`: the account's calls in all.
std::vector<Series> make_series(std::uint64_t seed, const Account& account, std::uint16_t number, double per_minute);

}  // namespace trailwarden::generate
