#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "core/time.h"

namespace trailwarden::pipeline {

/// How far event time has come in one partition of the log:
///   W = max over its records of min(eventTime, appendTime + skew) - lateness, monotone.
/// A record without an append time (a file without a stamp in its name) is not clamped. Files are one partition: W is the
/// same for every cell whatever the number of shards.
class Watermark {
 public:
  Watermark(std::chrono::seconds lateness, std::chrono::seconds skew) : lateness_(lateness), skew_(skew) {}

  /// The time that counts for a record: its own, unless that lies more than `skew` ahead of the log's clock.
  Timestamp clamp(Timestamp event_time, std::optional<AppendTime> append_time) const {
    if (!append_time) return event_time;
    return std::min(event_time, std::chrono::floor<std::chrono::seconds>(*append_time) + skew_);
  }

  /// Takes a record's clamped time in; returns W with it.
  Timestamp observe(Timestamp clamped) {
    newest_ = std::max(newest_, clamped);
    return value();
  }

  /// What the log's clock shows with a record: when it was appended, or, where that is not known, the newest event time.
  Timestamp log_time(std::optional<AppendTime> append_time) const { return append_time ? std::chrono::floor<std::chrono::seconds>(*append_time) : newest_; }

  /// Nothing from before `watermark` is awaited any more, says the log's clock.
  void raise(Timestamp watermark) { newest_ = std::max(newest_, watermark + lateness_); }

  /// The newest clamped time seen: all that there is to keep. kBeginningOfTime before the first.
  Timestamp newest() const { return newest_; }
  void restore(Timestamp newest) { newest_ = newest; }

  Timestamp value() const { return newest_ == kBeginningOfTime ? kBeginningOfTime : newest_ - lateness_; }

 private:
  std::chrono::seconds lateness_, skew_;
  Timestamp newest_ = kBeginningOfTime;
};

}  // namespace trailwarden::pipeline
