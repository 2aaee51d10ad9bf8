#include "baseline/incident.h"

#include <cmath>

#include "core/check.h"

namespace trailwarden::baseline {

Onset find_onset(std::span<const Span> newest_first, Direction direction) {
  TRAILWARDEN_CHECK(!newest_first.empty(), "an incident was decided on some minutes");
  double excess = 0, minutes = 0;
  for (const Span& span : newest_first) {
    excess += span.count - span.mean;
    minutes += span.minutes;
  }
  const double handicap = excess / minutes / 4, sign = direction == Direction::kUp ? 1 : -1;
  Onset best{newest_first.front().minute, 0};
  double sum = 0, count = 0, largest = 0;
  bool any = false;
  for (const Span& span : newest_first) {
    sum += sign * (span.count - span.mean - handicap * span.minutes);
    count += span.count;
    if (any && sum <= largest) continue;
    any = true;
    largest = sum;
    best = {span.minute, count};
  }
  return best;
}

void Extent::add(const Span& span) {
  sum_ += sign_ * (span.count - span.mean - (rate_ * span.minutes - span.mean) / 4);
  count_ += span.count;
  if (any_ && sum_ <= best_) return;
  any_ = true;
  best_ = sum_;
  best_count_ = count_;
  end_ = span.minute + span.minutes;
}

void Extent::add_late(std::int64_t minute) {
  if (minute < onset_) return;
  sum_ += sign_;
  count_ += 1;
  if (minute >= end_) return;
  best_ += sign_;
  best_count_ += 1;
}

void Extent::save(ByteWriter& out) const {
  out.signed_number(end_);
  for (const double value : {sum_, best_, count_, best_count_}) out.real(value);
  out.flag(any_);
}

Result<void> Extent::load(ByteReader& in) {
  constexpr double kMost = 1e18;  // calls, which are printed as whole numbers of 64 bits
  end_ = in.signed_number();
  if (end_ <= onset_ || end_ > INT32_MAX) return fail(ErrorCode::kMalformed, "an incident ends before it begins, or after the end of time");
  for (double* value : {&sum_, &best_, &count_, &best_count_}) {
    *value = in.real<double>();
    if (!(std::abs(*value) < kMost)) return fail(ErrorCode::kMalformed, "an incident has a sum that is infinite or no number");
  }
  any_ = in.flag();
  return {};
}

std::int64_t baseline_minutes(std::int64_t start) { return 7 * 1440 + start % 1440; }

}  // namespace trailwarden::baseline
