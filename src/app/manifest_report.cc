#include "app/manifest_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace trailwarden::app {
namespace {

/// What a problem means, for people.
std::string_view words(archive::ManifestProblem::Kind kind) {
  using Kind = archive::ManifestProblem::Kind;
  switch (kind) {
    case Kind::kMalformed: return "cannot be read";
    case Kind::kLost: return "is in no epoch";
    case Kind::kOverlap: return "overlaps another epoch";
    case Kind::kMiscounted: return "has other objects than it says";
    case Kind::kTwice: return "is named by two epochs";
    case Kind::kMissing: return "is missing";
    case Kind::kChanged: return "was changed";
    case Kind::kUnknown: return "was not delivered by an epoch";
    case Kind::kUndigested: return "is not digested";
  }
  return "";
}

}  // namespace

std::string to_text(const archive::ManifestReport& report) {
  std::string out;
  for (const archive::ManifestProblem& problem : report.problems)
    out += fmt::format("PROBLEM {} {}{}{}\n", problem.what, words(problem.kind), problem.detail.empty() ? "" : ": ", problem.detail);
  if (report.problem_count > report.problems.size()) out += fmt::format("and {} more\n", report.problem_count - report.problems.size());
  if (!report.problems.empty()) out += "\n";

  out += fmt::format("{:<24} {:>9} {:>12} {:>12} {:>9} {:>12} {:>12} {:>9}\n", "topic", "partition", "from", "to", "epochs", "records", "archived", "unchecked");
  for (const archive::ManifestPartition& p : report.partitions)
    out += fmt::format("{:<24} {:>9} {:>12} {:>12} {:>9} {:>12} {:>12} {:>9}\n", printable(p.topic), p.partition, p.from, p.to, p.epochs, p.counts.read, p.counts.archived, p.unchecked);
  out += fmt::format("\n{:<24} {:>12} {:>9} {:>9} {:>9} {:>9}  {}\n", "trail", "valid", "invalid", "pending", "older", "text", "store");
  for (const archive::ManifestTrail& trail : report.trails)
    out += fmt::format("{:<24} {:>12} {:>9} {:>9} {:>9} {:>9}  {}\n", trail.trail, trail.valid, trail.invalid, trail.pending, trail.older, format_bytes(static_cast<double>(trail.bytes)), printable(trail.store));
  for (const auto& [trail, objects] : report.not_configured) out += fmt::format("{:<24} {:>12} objects of a trail that this configuration does not have\n", printable(trail), objects);
  return out;
}

nlohmann::ordered_json to_json(const archive::ManifestReport& report) {
  using nlohmann::ordered_json;
  ordered_json out{{"intact", report.intact()}, {"partitions", ordered_json::array()}, {"trails", ordered_json::array()}, {"notConfigured", ordered_json::object()}, {"problemCount", report.problem_count},
                   {"problems", ordered_json::array()}};
  for (const archive::ManifestPartition& p : report.partitions)
    out["partitions"].push_back({{"topic", p.topic}, {"partition", p.partition}, {"from", p.from}, {"to", p.to}, {"epochs", p.epochs}, {"read", p.counts.read}, {"archived", p.counts.archived},
                                 {"unwanted", p.counts.unwanted}, {"skipped", p.counts.skipped}, {"unarchivable", p.counts.unarchivable}, {"fallback", p.counts.fallback}, {"unchecked", p.unchecked}});
  for (const archive::ManifestTrail& trail : report.trails)
    out["trails"].push_back({{"trail", trail.trail}, {"store", trail.store}, {"valid", trail.valid}, {"invalid", trail.invalid}, {"pending", trail.pending}, {"older", trail.older}, {"bytes", trail.bytes}});
  for (const auto& [trail, objects] : report.not_configured) out["notConfigured"][trail] = objects;
  for (const archive::ManifestProblem& problem : report.problems) out["problems"].push_back({{"kind", archive::to_string(problem.kind)}, {"what", problem.what}, {"detail", problem.detail}});
  return out;
}

}  // namespace trailwarden::app
