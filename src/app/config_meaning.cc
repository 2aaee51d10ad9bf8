#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "app/config_diff.h"
#include "core/text.h"
#include "detectors/common_options.h"
#include "detectors/registry.h"

namespace trailwarden::app {
namespace {

/// What happens when a key's value becomes larger, smaller, or just another. `less` empty: as `more`, which way it goes is no matter.
struct Meaning {
  std::string_view keys;  // a glob; the first that matches counts
  std::string_view more, less = {};
};

constexpr std::array kMeanings{
    Meaning{"version", "the form of the file"},
    Meaning{"time.lateness", "minutes stay open longer: more late records count, Ends and fewer-than-usual Insights come later, and state that was saved is restored by reading more of the log",
            "minutes close earlier: Ends come sooner, and more records are late for their minute"},
    Meaning{"time.future_skew", "clocks that are ahead are trusted further", "clocks that are ahead are clamped sooner"},
    Meaning{"time.order", "in which order a replay judges; a service judges as records come"},
    Meaning{"shards", "how work is divided; no output changes"},
    Meaning{"input.*", "larger input is taken, and more memory with it", "what is larger is refused, counted, and goes to the dead letters"},
    Meaning{"output.max_message", "fewer alerts are cut; topics must take as much (`topics check`)", "alerts that are larger lose the records they rest on first"},
    Meaning{"log.level", "how much the program says on standard error"},
    Meaning{"roles", "what the process does; a role that goes leaves its part of the work to others, or undone"},
    Meaning{"workers", "how many members of the consumer group this process has"},
    Meaning{"embedded.input", "another folder is watched; what is in it by then is read"},
    Meaning{"embedded.data", "another database: without the old one's state and positions, all input is read again"},
    Meaning{"embedded.*", "how the service without Kafka reads, and what its database keeps"},
    Meaning{"kafka.group", "another consumer group: it begins where that has committed, else at kafka.start; the old group's positions stay"},
    Meaning{"kafka.*_group", "another consumer group of a role: it begins where that has committed; the old one's positions stay"},
    Meaning{"kafka.topics*", "other topics are written: `topics create` makes them, subscribers must follow, and state that is saved under the old names is not found"},
    Meaning{"kafka.input*", "other topics are read; state of partitions that go is left where it is"},
    Meaning{"kafka.instance", "another name in the group: after the old one's session has ended its partitions move"},
    Meaning{"kafka.start", "where partitions begin that were never committed"},
    Meaning{"kafka.security*", "how brokers are spoken to"},
    Meaning{"kafka*", "how the Kafka client works"},
    Meaning{"http*", "the service's pages"},
    Meaning{"api*", "CloudTrail's API over `trails`: who may ask, for which Regions"},
    Meaning{"state.snapshot_interval", "less is written, and a restart reads more of the log again", "more is written, and a restart reads less of the log again"},
    Meaning{"trails*.directory", "objects go to another place; what is delivered stays where it is, and its digests too"},
    Meaning{"trails*.s3*", "objects go to another place, or in another way; what is delivered stays as it is"},
    Meaning{"trails*.digest*", "how digests are signed and checked, from the next one on"},
    Meaning{"trails*.epoch*", "how much goes into one object; the shortest and smallest of all trails holds for all"},
    Meaning{"trails*", "what is kept of the records, from the next object on; what is delivered stays as it is"},
    Meaning{"insights.enabled", "switched on, baselines begin with nothing; switched off, what they have learned is forgotten"},
    Meaning{"insights.false_insights_per_week", "more Insights: every threshold comes down, and an account may cost that many false ones a week",
            "fewer Insights: every threshold goes up, an account may cost that many false ones a week, and weaker incidents stay untold"},
    Meaning{"insights.active_regions", "each Region gets a smaller part of its account's budget: fewer Insights", "each Region gets a larger part of its account's budget: more Insights"},
    Meaning{"insights.region_shares*", "what part of an account's budget each Region may cost: its thresholds move with it"},
    Meaning{"insights.call_rate", "whether there are Insights about call rates; rates are learned all the same"},
    Meaning{"insights.error_rate", "whether there are Insights about error rates; rates are learned all the same"},
    Meaning{"insights.warm_up", "series that are younger fall silent until they have been watched so long", "series speak earlier, against baselines that know less of day and night"},
    Meaning{"insights.max_series", "more series are told apart, about 1 kB each", "fewer series are told apart: at the end of an hour those with the fewest calls are forgotten"},
    Meaning{"insights.start_window_minutes", "how a Start says how long the activity had lasted; when it comes is the same"},
    Meaning{"insights.scopes*.budget", "these series may cost more false Insights: their thresholds come down", "these series may cost fewer false Insights: their thresholds go up"},
    Meaning{"insights.scopes*.minimum_count", "smaller bursts of these series stay untold", "smaller bursts of these series are told of"},
    Meaning{"insights.scopes*", "which series are judged, and how; all are learned. The first scope that matches counts"},
    Meaning{"silence.enabled", "switched on, it begins with nothing; switched off, what it knows is forgotten"},
    Meaning{"silence.warm_up", "accounts and Regions that are younger may fall silent unnoticed", "the silence of younger accounts and Regions is noticed, also one of a mere weekend"},
    Meaning{"detectors.*.enabled", "switched on, the detector begins with nothing; rules of the same behaviours rest while it is on"},
    Meaning{"detectors.*.quiet_for", "repeats are folded for longer: fewer alerts", "repeats are folded for a shorter time: more alerts"},
    Meaning{"rules.enabled", "whether rules are held against records at all"},
    Meaning{"rules.packs", "which of the packs that ship are on; the rules stand below"},
    Meaning{"rules.folders", "where rules of your own are read; the rules stand below"},
    Meaning{"rules.keep_going", "whether a rule with an error is left out, or refuses the configuration"},
    Meaning{"rules.automation*", "whose expected work is marked as declared automation"},
    Meaning{"rules.placeholders*", "what stands for %name% in Sigma rules; the rules stand below"},
    Meaning{"rules*", "what rules say and how loudly; the rules stand below"},
    Meaning{"suppressions*", "what is hidden, and counted instead of told"},
    Meaning{"notifications*", "who is told of findings, and how"},
};

/// A number with what is behind it for a unit; lists by their sum.
std::optional<double> magnitude(std::string_view value) {
  struct Unit {
    std::string_view name;
    double factor;
  };
  static constexpr std::array kUnits{Unit{"", 1}, Unit{"s", 1}, Unit{"m", 60}, Unit{"h", 3600}, Unit{"d", 86'400}, Unit{"B", 1}, Unit{"KiB", 1024}, Unit{"MiB", 1'048'576}, Unit{"GiB", 1'073'741'824}};
  const std::string text(value);
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (end == text.c_str()) return std::nullopt;
  const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(), [end](const Unit& one) { return one.name == end; });
  return unit == kUnits.end() ? std::nullopt : std::optional(number * unit->factor);
}

/// An option that one detector has, in that detector's words.
std::string option_claim(std::string_view key) {
  for (const detectors::DetectorKind& kind : detectors::registry())
    for (const detectors::OptionInfo& option : kind.info().options)
      if (glob_match(std::string("detectors.") + std::string(kind.info().name) + "." + std::string(option.name) + "*", key)) return std::string(option.claim);
  return {};
}

}  // namespace

std::string meaning_of(std::string_view key, std::string_view before, std::string_view after) {
  const auto* const known = std::find_if(kMeanings.begin(), kMeanings.end(), [key](const Meaning& meaning) { return glob_match(meaning.keys, key); });
  if (known == kMeanings.end()) return option_claim(key);
  const auto was = magnitude(before), is = magnitude(after);
  return std::string(was && is && *is < *was && !known->less.empty() ? known->less : known->more);
}

bool is_live(std::string_view key) {
  static constexpr std::array kLive{"insights*", "silence*", "detectors*", "rules*", "suppressions*", "log.level"};
  return std::any_of(kLive.begin(), kLive.end(), [key](std::string_view glob) { return glob_match(glob, key); });
}

}  // namespace trailwarden::app
