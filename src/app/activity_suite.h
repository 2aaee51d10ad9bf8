#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/time.h"

namespace trailwarden::app {

/// What one caller did to one API in one minute: `calls` calls, evenly spread from `first_second` to `last_second`, `errors` of them failed.
struct ActivityRecord {
  std::uint32_t minute = 0;  // since the suite's start
  std::uint32_t series = 0, principal = 0;
  std::uint16_t calls = 1, errors = 0;
  std::uint8_t first_second = 0, last_second = 0;
  std::uint16_t error_code = 0;  // index; means nothing without errors

  /// Second, within the minute, of call `i` < calls.
  int second_of(std::uint32_t i) const { return first_second + (calls > 1 ? static_cast<int>(i * static_cast<std::uint32_t>(last_second - first_second) / (calls - 1U)) : 0); }
  /// Whether call `i` failed.
  bool failed(std::uint32_t i) const { return (i + 1) * errors / calls > i * errors / calls; }
  bool operator==(const ActivityRecord&) const = default;
};

/// A suite of labelled activity, without its labels: a folder in the form of `shared/eval/README.md` (format_version 1).
///
/// Reads `suite.json` (start and lengths, error codes), `series.csv`, `principals.csv` and `activity.bin`: little-endian records of 20 bytes without a
/// header, in order of time. Truth (`labels.csv`, ...) is never opened.
/// Memory: 20 bytes a record.
class ActivitySuite {
 public:
  struct Series {
    std::string account, region, event_source, event_name;
  };
  struct Principal {
    std::string account, type, arn;
  };

  /// kIo for a file that cannot be read; kMalformed, with the file and its line or record (counted from 0), for one that is not what it should be.
  static Result<ActivitySuite> read(const std::string& folder);

  const std::string& name() const { return name_; }
  Timestamp start() const { return start_; }
  std::int64_t minutes() const { return minutes_; }  // of warm-up and test together
  const std::vector<Series>& series() const { return series_; }
  const std::vector<Principal>& principals() const { return principals_; }
  const std::vector<std::string>& error_codes() const { return error_codes_; }
  const std::vector<ActivityRecord>& records() const { return records_; }  // every id in them is known

 private:
  Result<void> read_description(const std::string& file);
  Result<void> read_series(const std::string& file);
  Result<void> read_principals(const std::string& file);
  Result<void> read_activity(const std::string& file);
  std::string what_is_wrong(const ActivityRecord& record, std::uint32_t minute_before) const;

  std::string name_;
  Timestamp start_{};
  std::int64_t minutes_ = 0;
  std::vector<Series> series_;
  std::vector<Principal> principals_;
  std::vector<std::string> error_codes_;
  std::vector<ActivityRecord> records_;
};

}  // namespace trailwarden::app
