#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace trailwarden::event {

enum class InsightType : std::uint8_t { kApiCallRate, kApiErrorRate };
/// `ApiCallRateInsight`, `ApiErrorRateInsight`.
std::string_view to_string(InsightType type);

/// What told that a series is unusual: its calls in one of the windows, a drift, a pause between calls, or 28 hours with fewer calls than ever.
enum class DecidedBy : std::uint8_t { kNothing, k1Minute, k5Minutes, k15Minutes, k60Minutes, k240Minutes, kDrift, kGap, k28Hours };
/// "1 minute", "drift", "gap", "28 hours", ...; nothing: "".
std::string_view to_string(DecidedBy decided_by);

/// One value of an attribution and its share of a rate, as a fraction of whole numbers or of a sketch's counters.
struct AttributedRate {
  std::string value;
  double share = 0;  // 0..1 of the overall average
  bool operator==(const AttributedRate&) const = default;
};

/// Who, with what, or with which error: the values that stand out, at most five each, most frequent first.
struct Attribution {
  std::string_view attribute;  // "userIdentityArn", "userAgent", "errorCode"; a literal
  std::vector<AttributedRate> insight, baseline;
  bool operator==(const Attribution&) const = default;
};

/// Calls in some minutes: a rate whose numbers stay whole until it is printed.
struct CallRate {
  std::uint64_t calls = 0;
  std::int64_t minutes = 1;  // > 0
  bool operator==(const CallRate&) const = default;
};

/// Some minutes of a series, with what was expected of them.
struct RateSpan {
  Timestamp from{};
  int minutes = 1;
  double calls = 0, expected = 0;
  bool operator==(const RateSpan&) const = default;
};

/// An Insight: one half of a Start and End pair about one series. What CloudTrail's own record says, and below it what trailwarden knows besides.
/// Source: AWS CloudTrail user guide, "CloudTrail record contents for Insights events".
struct Insight {
  bool is_start = true;
  InsightType type = InsightType::kApiCallRate;
  bool is_data = false;  // about data events
  std::string event_source, event_name, error_code;  // error_code: error rate only
  Timestamp event_time{};   // Start: the first unusual minute; End: the minute behind the last one
  Timestamp started_at{};   // the Start's event_time; names the pair
  CallRate insight, baseline;
  std::vector<Attribution> attributions;

  bool is_upward = true;
  Timestamp decision_time{};    // event time of the call that crossed the line, or of the minute whose closing decided
  DecidedBy decided_by = DecidedBy::kNothing;  // nothing: an End
  bool early = false;           // while the minute was open
  bool adopted = false;         // an End because a day of it made it the new normal
  double observed = 0, expected = 0;  // calls in the deciding window
  double score = 0;             // surprise [nat]
  double false_alarms_per_week = 0, threshold = 0;  // of such a score on this series; what it was held against
  std::vector<RateSpan> history;         // of a Start: the four hours before the decision, oldest first
  std::vector<std::string> event_ids;  // some of the records, the newest last
  std::string sentence;         // plain English, for a person on call
  std::string constants;        // hash of the model's constants
  bool operator==(const Insight&) const = default;
};

}  // namespace trailwarden::event
