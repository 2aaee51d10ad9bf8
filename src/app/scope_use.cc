#include "app/scope_use.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.h"
#include "event/cell_name.h"

namespace trailwarden::app {
namespace {

using detectors::InsightScope;

constexpr std::size_t kNearest = 3;

/// A member of a scope with the one of a series that it is held against.
struct Field {
  std::string_view name;
  std::string InsightScope::*glob;
  std::string KnownSeries::*text;
};
constexpr std::array kFields{Field{"account", &InsightScope::account, &KnownSeries::account}, Field{"region", &InsightScope::region, &KnownSeries::region},
                             Field{"event_source", &InsightScope::event_source, &KnownSeries::event_source}, Field{"event_name", &InsightScope::event_name, &KnownSeries::event_name}};

bool concerns(const InsightScope& scope, const KnownSeries& series) {
  return std::all_of(kFields.begin(), kFields.end(), [&](const Field& field) { return (scope.*field.glob).empty() || glob_match(scope.*field.glob, series.*field.text); });
}

/// Names near to a glob, the nearest first.
std::vector<std::string> nearest(std::string glob, const std::set<std::string>& names) {
  std::erase_if(glob, [](char c) { return c == '*' || c == '?'; });
  std::vector<std::string_view> left(names.begin(), names.end());
  std::vector<std::string> out;
  while (out.size() < kNearest) {
    const std::string_view one = closest(glob, left);
    if (one.empty()) break;
    out.push_back(printable(one));
    std::erase(left, one);
  }
  return out;
}

/// Why no series is concerned: the first member that none of those is like that the members before it leave.
std::string why_nothing(const InsightScope& scope, std::span<const KnownSeries> series) {
  std::vector<const KnownSeries*> left;
  for (const KnownSeries& one : series) left.push_back(&one);
  std::string before;  // the members that did find something
  for (const Field& field : kFields) {
    const std::string& glob = scope.*field.glob;
    if (glob.empty()) continue;
    std::set<std::string> names;
    for (const KnownSeries* one : left) names.insert(one->*field.text);
    std::erase_if(left, [&](const KnownSeries* one) { return !glob_match(glob, one->*field.text); });
    if (left.empty()) {
      const auto near = nearest(glob, names);
      const auto elsewhere = std::find_if(series.begin(), series.end(), [&](const KnownSeries& one) { return glob_match(glob, one.*field.text); });
      std::string why = fmt::format("no {} is like {}{}", field.name, printable(glob), before.empty() ? "" : fmt::format(" in {}", before));
      const std::string where = elsewhere == series.end() ? std::string() : printable(event::cell_name(elsewhere->account, elsewhere->region));
      if (!where.empty() && field.text == &KnownSeries::event_name) why += fmt::format("; there is {} of {} in {}", printable(elsewhere->event_name), printable(elsewhere->event_source), where);
      else if (!where.empty()) why += fmt::format("; there is one in {}", where);
      else if (!near.empty()) why += fmt::format("; nearest: {}", fmt::join(near, ", "));
      return why;
    }
    before += fmt::format("{}{}", before.empty() ? "" : ", ", printable(glob));
  }
  return "there are no series";
}

}  // namespace

void add_series(const pipeline::Cell& cell, std::vector<KnownSeries>& out) {
  if (cell.insights() == nullptr) return;
  const baseline::CellBaseline& rows = cell.insights()->baseline();
  for (const auto kind : {baseline::SeriesKind::kCalls, baseline::SeriesKind::kErrors}) {
    for (std::uint32_t row = 0; row < rows.rows(kind); ++row) {
      const baseline::SeriesName name = rows.name_of({kind, row});
      out.push_back({cell.account(), cell.region(), std::string(name.event_source), std::string(name.event_name)});
    }
  }
}

std::vector<ScopeUse> use_of_scopes(std::span<const InsightScope> scopes, std::span<const KnownSeries> series) {
  std::vector<ScopeUse> out(scopes.size());
  std::vector<std::set<std::size_t>> takers(scopes.size());  // of a scope's series, which scopes before it take them
  for (const KnownSeries& one : series) {
    std::size_t taker = scopes.size();
    for (std::size_t i = 0; i < scopes.size(); ++i) {
      if (!concerns(scopes[i], one)) continue;
      ++out[i].named;
      if (taker == scopes.size()) ++out[taker = i].taken;
      else takers[i].insert(taker);
    }
  }
  for (std::size_t i = 0; i < scopes.size(); ++i) {
    if (out[i].taken > 0) continue;
    if (out[i].named == 0) {
      out[i].problem = "matches nothing: " + why_nothing(scopes[i], series);
      continue;
    }
    std::vector<std::string> places;
    for (const std::size_t taker : takers[i]) places.push_back(scopes[taker].place);
    out[i].problem = fmt::format("does nothing: the first scope that matches counts, and its {} series are all taken by {}", with_commas(out[i].named), fmt::join(places, ", "));
  }
  return out;
}

std::string scope_in_words(const InsightScope& scope) {
  std::vector<std::string> parts;
  for (const Field& field : kFields)
    if (!(scope.*field.glob).empty()) parts.push_back(fmt::format("{} {}", field.name, printable(scope.*field.glob)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace trailwarden::app
