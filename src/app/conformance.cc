#include "app/conformance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "baseline/drift.h"
#include "baseline/gap_clock.h"
#include "baseline/incident.h"
#include "baseline/minute_pass.h"
#include "baseline/negative_binomial.h"
#include "baseline/portable_math.h"
#include "baseline/profile.h"
#include "baseline/series_table.h"
#include "baseline/space_saving.h"
#include "baseline/tail.h"
#include "core/hash.h"
#include "core/time.h"
#include "detectors/silence_cause.h"

namespace trailwarden::app {
namespace {

using nlohmann::json;
using namespace baseline;

/// What a case expected and did not get; empty if it did.
using Verdict = std::string;

struct Tolerance {
  double relative = 0, absolute = 0;
};
constexpr Tolerance kFloat32{1e-4, 1e-6};

Verdict compare(const std::string& what, double expected, double got, Tolerance tolerance) {
  const double allowed = tolerance.relative * std::abs(expected) + tolerance.absolute;
  if (std::abs(expected - got) <= allowed) return {};
  return fmt::format("{}: expected {:.10g}, got {:.10g}", what, expected, got);
}

std::uint64_t key_of(const json& c) { return std::stoull(c.at("key").get<std::string>(), nullptr, 16); }

Verdict nb_tail(const json& c) {
  const double s = surprise(c.at("x"), c.at("M"), c.at("phi"));
  const double exact = -c.at(c.at("side") == "ge" ? "ln_ge" : "ln_le").get<double>();
  if (auto verdict = compare("S against the exact tail", exact, s, {0, c.at("tol_nats")}); !verdict.empty()) return verdict;
  return compare("S", c.at("S"), s, {1e-6, 1e-12});
}

Verdict cusum(const json& c) {
  float sum = 0;
  for (std::size_t i = 0; i < c.at("L").size(); ++i) {
    sum = drift_step(sum, c.at("x5")[i], c.at("M5")[i], c.at("phi60"), c.at("v"), c.at("up").get<bool>() ? Direction::kUp : Direction::kDown);
    if (auto verdict = compare(fmt::format("L[{}]", i), c.at("L")[i], static_cast<double>(sum), kFloat32); !verdict.empty()) return verdict;
  }
  return {};
}

Verdict level_case(const json& c) {
  const float fast = loss(1, kFastHalfLifeDays), slow = loss(1, kSlowHalfLifeDays);
  std::array<float, 4> state{};
  for (std::size_t i = 0; i < c.at("minutes_x_s_g").size(); ++i) {
    const auto& step = c.at("minutes_x_s_g")[i];
    const float x = step[1], s = step[2], g = step[3];
    for (int minute = 0; minute < step[0].get<int>(); ++minute)
      state = {state[0] - state[0] * fast + g * x, state[1] - state[1] * fast + g * s, state[2] - state[2] * slow + g * x, state[3] - state[3] * slow + g * s};
    OneRow lambda, v;
    level(OneRow(state[0]), OneRow(state[1]), OneRow(state[2]), OneRow(state[3]), OneRow(c.at("phi60").get<float>()), lambda, v);
    const std::array<float, 6> got{lambda[0], v[0], state[0], state[1], state[2], state[3]};
    for (std::size_t k = 0; k < got.size(); ++k)
      if (auto verdict = compare(fmt::format("step {} value {}", i, k), c.at("lambda_v_Af_Bf_As_Bs")[i][k], static_cast<double>(got[k]), kFloat32); !verdict.empty())
        return verdict;
  }
  return {};
}

Verdict profile_case(const json& c) {
  const ProfileHour state{c.at("code"), c.at("code_b"), c.at("E_day"), c.at("E_type"), c.at("hx"), c.at("hl")};
  const ProfileUpdate got = close_profile_hour(state, c.at("phi60"), c.at("weekend"), key_of(c), c.at("hour"));
  if (auto verdict = compare("s", c.at("s"), got.value, {1e-5, 0}); !verdict.empty()) return verdict;
  if (auto verdict = compare("b", c.at("b"), got.day_type_value, {1e-5, 0}); !verdict.empty()) return verdict;
  if (auto verdict = compare("code_new", c.at("code_new"), got.code, {}); !verdict.empty()) return verdict;
  return compare("code_b_new", c.at("code_b_new"), got.day_type_code, {});
}

Verdict profile_at(const json& c) {
  const ProfilePlace place = profile_place(c.at("minute"));
  if (auto verdict = compare("hour_of_week", c.at("hour_of_week"), static_cast<double>(place.hour), {}); !verdict.empty()) return verdict;
  const float s = place.weight * kProfileValue[c.at("code_h").get<std::size_t>()] + place.next_weight * kProfileValue[c.at("code_next").get<std::size_t>()];
  return compare("s", c.at("s"), static_cast<double>(s), {1e-5, 0});
}

Verdict dispersion_case(const json& c) {
  const int window = c.at("window");
  const float lost = loss(window, kDispersionHalfLifeDays);
  const float cold = 1.0F + kColdInflation * c.at("cold").get<float>(), v = c.at("v");
  const auto phi_of = [&](float num, float den) {
    OneRow phi;
    dispersion(OneRow(num), OneRow(den), OneRow(c.at("phi0").get<float>()), cold, phi);
    return phi[0];
  };
  float num = 0, den = 0;
  for (std::size_t i = 0; i < c.at("X_M_g").size(); ++i) {
    const auto& step = c.at("X_M_g")[i];
    const float x = step[0], mean = step[1], g = step[2];
    const float bound = 8.0F * std::sqrt(total_dispersion(phi_of(num, den), mean, v) * mean) + 4.0F;
    num = num - num * lost + g * std::min((x - mean) * (x - mean), bound * bound);
    den = den - den * lost + g * mean;
    const std::array<float, 3> got{num, den, phi_of(num, den)};
    for (std::size_t k = 0; k < got.size(); ++k)
      if (auto verdict = compare(fmt::format("step {} value {}", i, k), c.at("num_den_phi")[i][k], static_cast<double>(got[k]), kFloat32); !verdict.empty())
        return verdict;
  }
  return {};
}

Verdict fa_per_week(const json& c) {
  const PeakHistory history{c.at("n"), c.at("E"), c.at("T")};
  if (auto verdict = compare("FA", c.at("fa"), false_alarms_per_week(c.at("S"), c.at("u"), history), {1e-6, 0}); !verdict.empty()) return verdict;
  return compare("cap", c.at("cap"), peak_cap(history), {1e-6, 0});
}

Verdict critical_count_case(const json& c) {
  const auto got = critical_count(c.at("X_before"), {c.at("M"), c.at("phi")}, {c.at("n"), c.at("E"), c.at("T")}, c.at("alpha"));
  const auto expected = c.at("c").is_null() ? std::nullopt : std::optional(c.at("c").get<std::uint32_t>());
  if (got == expected) return {};
  return fmt::format("c: expected {}, got {}", c.at("c").dump(), got ? std::to_string(*got) : "null");
}

std::vector<std::uint32_t> counts_of(const json& run_lengths) {
  std::vector<std::uint32_t> counts;
  for (const auto& run : run_lengths) counts.insert(counts.end(), run[0].get<std::size_t>(), run[1].get<std::uint32_t>());
  return counts;
}

Verdict gap(const json& c) {
  GapClock operational, wall;
  const float mu = c.at("mu");
  const auto counts = counts_of(c.at("rle_minutes_count"));
  std::size_t next = 0;
  const auto& rows = c.at("t_S_operational_LmQn_wall_LmQn");
  for (std::size_t t = 0; t < counts.size(); ++t) {
    operational.length += mu;
    wall.length += 1.0F;
    const double score = counts[t] > 0 ? 0 : std::max(operational.score(0.05F * mu), wall.score(1.0F));
    if (counts[t] > 0) {
      operational.end(0.05F * mu, 3.0F * mu + 1e-12F);
      wall.end(1.0F, 2.0F);
    }
    if (next == rows.size() || rows[next][0].get<std::size_t>() != t) continue;
    const std::array<double, 9> got{score, static_cast<double>(operational.length), static_cast<double>(operational.mean), static_cast<double>(operational.squares),
                                    static_cast<double>(operational.gaps), static_cast<double>(wall.length), static_cast<double>(wall.mean),
                                    static_cast<double>(wall.squares), static_cast<double>(wall.gaps)};
    for (std::size_t k = 0; k < got.size(); ++k)
      if (auto verdict = compare(fmt::format("minute {} value {}", t, k), rows[next][k + 1], got[k], kFloat32); !verdict.empty()) return verdict;
    ++next;
  }
  return next == rows.size() ? Verdict{} : "not every expected minute was reached";
}

/// One API, and one row of its errors, fed with counts a minute.
class Trace {
 public:
  Trace(std::uint64_t calls_key, std::uint64_t errors_key, double alpha, std::int64_t first_minute) : scopes_{{{.alpha = alpha, .regular_clock = 0, .calibrated = false}}} {
    calls_.add(calls_key, 0);
    calls_.begin(0, first_minute, kJudged);
    errors_.add(errors_key, 0);
    errors_.begin(0, first_minute, kJudged);
  }

  /// Closes a minute; what it changed for the calls row and for the errors row.
  std::pair<std::vector<Transition>, std::vector<Transition>> close(std::int64_t minute, std::uint32_t calls, std::uint32_t errors) {
    const std::array<MinuteInput::Count, 1> call_count{{{0, calls}}}, error_count{{{0, errors}}};
    const float profile = calls_.profile_of(0, profile_place(minute)), api_calls = static_cast<float>(calls);
    std::pair<std::vector<Transition>, std::vector<Transition>> out;
    calls_.close({.minute = minute, .counts = counts(call_count), .scopes = scopes_}, calls_pass_, out.first);
    errors_.close({.minute = minute, .counts = counts(error_count), .profile = {&profile, 1}, .api_calls = {&api_calls, 1}, .scopes = scopes_}, errors_pass_,
                  out.second);
    if (minute % 60 == 59) errors_.refresh_error_shares(calls_);
    return out;
  }

  /// What the last minute closed held for the calls row, or for the errors row.
  MinutePass::RowMinute last(bool errors) const { return (errors ? errors_pass_ : calls_pass_).last(0); }

 private:
  static std::span<const MinuteInput::Count> counts(const std::array<MinuteInput::Count, 1>& one) {
    return {one.data(), one[0].count == 0 ? 0U : 1U};
  }

  MinutePass calls_pass_, errors_pass_;
  SeriesTable calls_{SeriesKind::kCalls}, errors_{SeriesKind::kErrors};
  std::array<Scope, 1> scopes_;
};

/// Cases before this one, by name: an errors row names its API's case.
using CasesByName = std::map<std::string, json>;

/// Where one of the two takes the other side of a comparison that was all but a tie, they go apart for good.
bool is_too_close(const json& c) { return c.value("closest_decision", 1.0) < 1e-3 || c.value("closest_code", 1.0) < 2e-4; }

Verdict state_machine(const json& c, const CasesByName& by_name) {
  const bool is_errors = c.at("series") == "errors";
  const json& api = is_errors ? by_name.at(c.at("call_row")) : c;
  const auto calls = counts_of(api.at("rle_minutes_count"));
  const auto errors = is_errors ? counts_of(c.at("rle_minutes_count")) : std::vector<std::uint32_t>(calls.size());
  const std::int64_t first = c.at("first_minute");
  Trace trace(key_of(api), key_of(c), c.at("alpha"), first);
  json got = json::array();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto [of_calls, of_errors] = trace.close(first + static_cast<std::int64_t>(i), calls[i], errors[i]);
    for (const Transition& transition : is_errors ? of_errors : of_calls) {
      if (transition.what == Transition::What::kStill) continue;
      got.push_back({transition.what == Transition::What::kStart ? "Start" : "End", transition.direction == Direction::kUp ? "up" : "down", i});
    }
  }
  if (is_too_close(c)) return {};
  const json& expected = c.at("records_what_direction_minute");
  return got == expected ? Verdict{} : fmt::format("expected {}, got {}", expected.dump(), got.dump());
}

Verdict compare_row(std::size_t minute, const json& expected, const MinutePass::RowMinute& got) {
  const std::array<double, 4> values{static_cast<double>(got.level), static_cast<double>(got.variance), static_cast<double>(got.profile), static_cast<double>(got.mean)};
  static constexpr std::array<const char*, 4> kNames{"lambda", "v", "s", "mu"};
  for (std::size_t i = 0; i < values.size(); ++i)
    if (auto verdict = compare(fmt::format("minute {} {}", minute, kNames[i]), expected[i + 1], values[i], {i == 1 ? 1e-2 : 2e-3, 1e-6}); !verdict.empty()) return verdict;
  for (std::size_t side = 0; side < 2; ++side) {
    const json& alarms = expected[5 + side];
    const double a = got.false_alarms[side];
    // A score a hair from its peak level counts for one and not for the other; what it says then is far from any alarm.
    if (alarms.is_null() != std::isinf(a)) {
      if (std::min(alarms.is_null() ? a : alarms.get<double>(), 1e9) > 0.1) continue;
      return fmt::format("minute {} A {}: expected {}, got {}", minute, side == 0 ? "up" : "down", alarms.dump(), a);
    }
    if (alarms.is_null()) continue;
    if (auto verdict = compare(fmt::format("minute {} ln A {}", minute, side == 0 ? "up" : "down"), std::log(alarms.get<double>()), std::log(a), {5e-3, 0.1}); !verdict.empty())
      return verdict;
  }
  return {};
}

/// The state of single minutes of a stream.
Verdict trace_case(const json& c, const CasesByName& by_name) {
  if (is_too_close(c)) return {};
  const bool is_errors = c.at("series") == "errors";
  const json& api = is_errors ? by_name.at(c.at("call_row")) : c;
  const auto calls = counts_of(api.at("rle_minutes_count"));
  const auto errors = is_errors ? counts_of(c.at("rle_minutes_count")) : std::vector<std::uint32_t>(calls.size());
  const std::int64_t first = c.at("first_minute");
  Trace trace(key_of(api), key_of(c), c.at("alpha"), first);
  auto row = c.at("rows").begin();
  for (std::size_t i = 0; i < calls.size() && row != c.at("rows").end(); ++i) {
    trace.close(first + static_cast<std::int64_t>(i), calls[i], errors[i]);
    if ((*row)[0].get<std::size_t>() != i) continue;
    if (auto verdict = compare_row(i, *row, trace.last(is_errors)); !verdict.empty()) return verdict;
    ++row;
  }
  return row == c.at("rows").end() ? Verdict{} : "not every expected minute was reached";
}

/// Smallest k with u < P(X <= k) for X Poisson, drawn by counter: the same history in every language.
class PoissonDraw {
 public:
  PoissonDraw(double rate, std::uint64_t seed) : seed_(splitmix64(seed)) {
    double p = portable_exp(-rate);
    cumulative_.push_back(p);
    for (int k = 1; k < static_cast<int>(10 * rate + 60); ++k) {
      p *= rate / k;
      cumulative_.push_back(cumulative_.back() + p);
    }
  }
  std::uint32_t operator()(std::uint64_t i) const {
    const double u = static_cast<double>(splitmix64(i ^ seed_) >> 11) / 0x1p53;
    return static_cast<std::uint32_t>(std::upper_bound(cumulative_.begin(), cumulative_.end(), u) - cumulative_.begin());
  }

 private:
  std::uint64_t seed_;
  std::vector<double> cumulative_;
};

Verdict aws_example(const json& c) {
  const std::size_t minutes = c.at("minutes");
  const std::uint32_t batch = c.at("batch");
  const PoissonDraw draw(c.at("rate").get<double>() / batch, c.at("seed"));
  std::vector<std::uint32_t> counts(minutes);
  for (std::size_t i = 0; i < minutes; ++i) counts[i] = batch * draw(i);
  std::size_t at = minutes - 50;
  for (const auto& more : c.at("injected")) counts[at++] += more.get<std::uint32_t>();
  std::uint64_t total = 0;
  for (const std::uint32_t count : counts) total += count;
  if (auto verdict = compare("total", c.at("total"), static_cast<double>(total), {}); !verdict.empty()) return verdict;

  const std::int64_t first = c.at("first_minute");
  Trace trace(key_of(c), 0, kGateLevel, first);
  double least = std::numeric_limits<double>::infinity();
  int alarm_minute = -1;
  for (std::size_t i = 0; i < minutes; ++i) {
    trace.close(first + static_cast<std::int64_t>(i), counts[i], 0);
    if (i + 50 < minutes) continue;
    const double now = trace.last(false).false_alarms[0];
    least = std::min(least, now);
    if (alarm_minute < 0 && now <= kGateLevel) alarm_minute = static_cast<int>(i + 50 - minutes);
  }
  if (auto verdict = compare("log10 FA", c.at("log10_fa_per_week"), std::log10(least), {0, c.at("tol")}); !verdict.empty()) return verdict;
  return compare("alarm minute", c.at("alarm_minute_at_4e_3"), alarm_minute, {});
}

Verdict incident_case(const json& c) {
  const std::vector<std::uint32_t> counts = c.at("counts");
  const double mu = c.at("mu");
  const std::int64_t decided = c.at("decided"), closed = c.at("closed");
  const int window = c.at("window");
  std::vector<Span> back;
  for (std::int64_t t = decided; t > decided - window; --t) back.push_back({t, 1, static_cast<double>(counts[static_cast<std::size_t>(t)]), mu});
  const Onset onset = find_onset(back, Direction::kUp);
  if (auto verdict = compare("start", c.at("start"), static_cast<double>(onset.minute), {}); !verdict.empty()) return verdict;
  Extent extent(onset.minute, onset.rate(decided), Direction::kUp);
  for (std::int64_t t = onset.minute; t <= closed; ++t) extent.add({t, 1, static_cast<double>(counts[static_cast<std::size_t>(t)]), mu});
  const std::map<std::string, double> got{{"start_count", onset.count}, {"start_duration", static_cast<double>(decided - onset.minute + 1)},
                                          {"end", static_cast<double>(extent.end())}, {"end_count", extent.count()},
                                          {"end_duration", static_cast<double>(extent.end() - onset.minute)}};
  for (const auto& [name, value] : got)
    if (auto verdict = compare(name, c.at(name), value, {}); !verdict.empty()) return verdict;
  return {};
}

Verdict record(const json& c) {
  const auto average = [](double count, double minutes) { return fmt::format("{:.10f}", count / minutes); };
  std::int64_t duration = 10080;
  if (!c.at("start").is_null()) duration = baseline_minutes(minute_of(parse_event_time(c.at("start").get<std::string>()).value()));
  if (auto verdict = compare("baseline_duration", c.at("baseline_duration"), static_cast<double>(duration), {}); !verdict.empty()) return verdict;
  const auto same = [&c](const char* name, const std::string& got) {
    return c.at(name) == got ? Verdict{} : fmt::format("{}: expected {}, got {}", name, c.at(name).dump(), got);
  };
  if (auto verdict = same("baseline_average", average(c.at("baseline_count"), static_cast<double>(duration))); !verdict.empty()) return verdict;
  if (auto verdict = same("start_average", average(c.at("start_count"), c.at("start_duration"))); !verdict.empty()) return verdict;
  const auto& end = c.at("end_count_duration");
  return end.is_null() ? Verdict{} : same("end_average", average(end[0], end[1]));
}

Verdict space_saving(const json& c) {
  SpaceSaving<int> sketch(c.at("m"));
  for (const auto& key : c.at("keys")) sketch.add(key.get<int>());
  auto counters = sketch.counters();
  std::stable_sort(counters.begin(), counters.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
  json got = json::array();
  for (std::size_t i = 0; i < std::min<std::size_t>(5, counters.size()); ++i) got.push_back({counters[i].value, static_cast<int>(counters[i].count)});
  return got == c.at("top5") ? Verdict{} : fmt::format("expected {}, got {}", c.at("top5").dump(), got.dump());
}

Verdict silence(const json& c) {
  const std::string account = c.at("account"), region = c.at("region");
  std::vector<detectors::DueNeighbour> due;
  for (const auto& other : c.at("others_due"))
    due.push_back({other[0].get_ref<const std::string&>(), other[1].get_ref<const std::string&>(), other[2].get<bool>()});
  const auto got = to_string(detectors::cause_of_silence(account, region, due, c.at("stop_call"), c.at("late_seen")).cause);
  return c.at("cause") == got ? Verdict{} : fmt::format("expected {}, got {}", c.at("cause").dump(), got);
}

using Check = std::function<Verdict(const json&, const CasesByName&)>;

/// nullopt: a kind that this version does not have.
std::optional<Check> check_for(const json& c) {
  static const std::map<std::string, Verdict (*)(const json&)> kChecks{
      {"nb_tail", nb_tail}, {"cusum", cusum}, {"level", level_case}, {"profile", profile_case}, {"profile_at", profile_at},
      {"dispersion", dispersion_case}, {"fa_per_week", fa_per_week}, {"critical_count", critical_count_case}, {"gap", gap},
      {"aws_example", aws_example}, {"incident", incident_case}, {"record", record}, {"silence", silence}, {"space_saving", space_saving}};
  if (c.at("kind") == "state_machine" && c.at("series") != "new principals") return Check(state_machine);
  if (c.at("kind") == "trace") return Check(trace_case);
  const auto found = kChecks.find(c.at("kind"));
  if (found == kChecks.end()) return std::nullopt;
  return Check([check = found->second](const json& one, const CasesByName&) { return check(one); });
}

}  // namespace

Result<ConformanceCount> run_baseline_cases(const std::string& file, const std::vector<std::string>& kinds, std::ostream& out) {
  std::ifstream in(file);
  if (!in) return fail(io_error("open", file, errno));
  ConformanceCount count;
  CasesByName by_name;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    try {
      const json c = json::parse(line);
      if (c.at("kind") == "state_machine") by_name[c.at("name")] = c;
      if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), c.at("kind").get<std::string>()) == kinds.end()) continue;
      const auto check = check_for(c);
      if (!check) {
        ++count.skipped;
        continue;
      }
      const Verdict verdict = (*check)(c, by_name);
      ++(verdict.empty() ? count.passed : count.failed);
      if (!verdict.empty()) out << fmt::format("{} {}: {}\n", c.at("id").get<std::string>(), c.at("kind").get<std::string>(), verdict);
    } catch (const std::exception& error) {
      return fail(ErrorCode::kMalformed, fmt::format("{}:{}: not a conformance case: {}", file, number, error.what()));
    }
  }
  return count;
}

}  // namespace trailwarden::app
