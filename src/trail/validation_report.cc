#include "trail/validation_report.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace trailwarden::trail {
namespace {

using nlohmann::ordered_json;

struct VerdictName {
  Verdict verdict;
  std::string_view text;
};
constexpr std::array<VerdictName, 17> kVerdicts{{
    {Verdict::kValid, "valid"},
    {Verdict::kMoved, "INVALID: has been moved from its original location"},
    {Verdict::kInvalidFormat, "INVALID: invalid format"},
    {Verdict::kNotFound, "INVALID: not found"},
    {Verdict::kNoPublicKey, "INVALID: public key not found"},
    {Verdict::kKeyUnusable, "INVALID: Unable to load PKCS #1 key"},
    {Verdict::kSignatureWrong, "INVALID: signature verification failed"},
    {Verdict::kHashDiffers, "INVALID: hash value doesn't match"},
    {Verdict::kBytesBehind, "INVALID: unexpected data after end of compressed stream"},
    {Verdict::kOtherAlgorithm, "INVALID: signed by another algorithm"},
    {Verdict::kOtherHash, "INVALID: not the digest whose hash the next digest names"},
    {Verdict::kOtherSignature, "INVALID: not the digest whose signature the next digest names"},
    {Verdict::kWindowsOverlap, "INVALID: ends after the next digest starts"},
    {Verdict::kNotInChain, "INVALID: no other digest names it"},
    {Verdict::kNotListed, "INVALID: no digest lists it"},
    {Verdict::kListedTwice, "INVALID: listed by more than one digest"},
    {Verdict::kOtherBucket, "INVALID: in a bucket that was not read"},
}};

constexpr std::array<std::string_view, 6> kReasons{
    "digests are missing", "digests are invalid", "the chain starts anew", "the chain comes from another bucket", "no digest before", "no digest after"};
constexpr std::array<std::string_view, 6> kReasonCodes{"missing", "notVerified", "startedAnew", "otherBucket", "noneBefore", "noneAfter"};
constexpr std::array<std::string_view, 3> kKinds{"digest", "backfillDigest", "log"};

/// "3/4 digest files valid, 1/4 digest files INVALID"; nothing of none.
std::string ratio(const Count& count, std::string_view what) {
  const std::uint64_t all = count.valid + count.invalid;
  if (all == 0) return {};
  std::string text = fmt::format("{}/{} {} files valid", count.valid, all, what);
  if (count.invalid > 0) text += fmt::format(", {}/{} {} files INVALID", count.invalid, all, what);
  return text + "\n";
}

std::string name_of(const ChainReport& chain) { return fmt::format("{} {} (trail {} of {})", chain.place.account, chain.place.region, printable(chain.trail.trail), chain.trail.home_region); }

std::string chain_text(const ChainReport& chain) {
  std::string text = name_of(chain) + "\n";
  if (!chain.found_from) text += "No valid digests found in range\n";
  else text += fmt::format("Results found for {} to {}:\n", format_time(*chain.found_from), format_time(*chain.found_until));
  text += ratio(chain.digests, "digest") + ratio(chain.backfill_digests, "backfill digest") + ratio(chain.logs, "log");
  return text;
}

/// Nothing if there is none.
std::string gap_table(const std::vector<ChainReport>& chains) {
  constexpr std::string_view kRow = "  {:<20}  {:<20}  {:<10}  {:<12}  {:<14}  {:<35}  {}\n";
  std::string rows;
  for (const ChainReport& chain : chains)
    for (const Gap& gap : chain.gaps)
      rows += fmt::format(kRow, format_time(gap.from), format_time(gap.until), describe(gap.until - gap.from), chain.place.account, chain.place.region, to_string(gap.reason),
                          printable(chain.trail.trail));
  if (rows.empty()) return {};
  return "\nGaps, for which no valid digest says what was delivered:\n" + fmt::format(kRow, "from", "until", "length", "account", "Region", "why", "trail") + rows;
}

ordered_json time_json(Timestamp time) { return time <= kBeginningOfTime || time >= kEndOfTime ? ordered_json() : ordered_json(format_time(time)); }
ordered_json count_json(const Count& count) { return {{"valid", count.valid}, {"invalid", count.invalid}}; }

ordered_json chain_json(const ChainReport& chain) {
  ordered_json gaps = ordered_json::array();
  for (const Gap& gap : chain.gaps)
    gaps.push_back({{"from", time_json(gap.from)}, {"until", time_json(gap.until)}, {"reason", kReasonCodes[static_cast<std::size_t>(gap.reason)]}});
  return {{"trail", chain.trail.trail},
          {"homeRegion", chain.trail.home_region},
          {"account", chain.place.account},
          {"region", chain.place.region},
          {"foundFrom", chain.found_from ? time_json(*chain.found_from) : ordered_json()},
          {"foundUntil", chain.found_until ? time_json(*chain.found_until) : ordered_json()},
          {"digests", count_json(chain.digests)},
          {"backfillDigests", count_json(chain.backfill_digests)},
          {"logs", count_json(chain.logs)},
          {"gaps", std::move(gaps)}};
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  return std::find_if(kVerdicts.begin(), kVerdicts.end(), [verdict](const VerdictName& row) { return row.verdict == verdict; })->text;
}

std::string_view to_string(Gap::Reason reason) { return kReasons[static_cast<std::size_t>(reason)]; }

std::string to_line(const Checked& object) {
  // A key comes from outside; no limit, for it is what has to be found again.
  std::string line = fmt::format("{}{} file\ts3://{}/{}\t{}", object.kind == CheckedKind::kBackfillDigest ? "(backfill) " : "", object.kind == CheckedKind::kLog ? "Log" : "Digest",
                                 printable(object.bucket), printable(object.key, 2048), to_string(object.verdict));
  if (!object.detail.empty()) line += " " + object.detail;
  return line;
}

bool ValidationReport::intact() const {
  const auto missing = [](const Gap& gap) { return gap.reason == Gap::Reason::kMissing || gap.reason == Gap::Reason::kNotVerified; };
  return problems.empty() && std::none_of(chains.begin(), chains.end(), [&](const ChainReport& chain) { return std::any_of(chain.gaps.begin(), chain.gaps.end(), missing); });
}

std::string to_text(const ValidationReport& report) {
  const auto end = [](Timestamp time, std::string_view open) { return time <= kBeginningOfTime || time >= kEndOfTime ? std::string(open) : format_time(time); };
  std::string text = fmt::format("Results requested for {} to {}\n", end(report.from, "the first digest"), end(report.until, "the last digest"));
  if (report.chains.empty()) text += "No digests found\n";
  for (const ChainReport& chain : report.chains) text += "\n" + chain_text(chain);
  text += gap_table(report.chains);
  if (report.unproven > 0) text += fmt::format("\n{} log files of the gaps above are listed by no digest\n", with_commas(report.unproven));
  if (report.problems_left_out > 0) text += fmt::format("\n{} more invalid files are not told one by one\n", with_commas(report.problems_left_out));
  return text;
}

std::string to_json(const ValidationReport& report) {
  ordered_json out{{"store", report.store}, {"from", time_json(report.from)}, {"until", time_json(report.until)}, {"intact", report.intact()},
                   {"chains", ordered_json::array()}, {"problems", ordered_json::array()}, {"problemsLeftOut", report.problems_left_out},
                   {"unproven", report.unproven}, {"bytes", report.bytes}};
  for (const ChainReport& chain : report.chains) out["chains"].push_back(chain_json(chain));
  for (const Checked& problem : report.problems)
    out["problems"].push_back({{"kind", kKinds[static_cast<std::size_t>(problem.kind)]}, {"bucket", problem.bucket}, {"key", problem.key},
                               {"verdict", std::string(to_string(problem.verdict)).substr(std::string_view("INVALID: ").size())}, {"detail", problem.detail}});
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace trailwarden::trail
