#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/activity_suite.h"
#include "testing/temp_dir.h"

namespace trailwarden::testing {

/// A suite of labelled activity: two APIs and one caller, five and a half weeks and one and a half of test, unless a test changes that.
class SuiteFolder {
 public:
  nlohmann::json description{{"format_version", 1}, {"name", "tiny"}, {"start_time", "2024-01-01T00:00:00Z"}, {"weeks_warmup", 5.5}, {"weeks_test", 1.5},
                             {"error_codes", {"", "AccessDenied"}}};
  std::string series =
      "series_id,account_id,region,event_source,event_name\n"
      "0,111111111111,eu-west-1,ec2.amazonaws.com,RunInstances\n"
      "1,111111111111,eu-west-1,iam.amazonaws.com,DeleteUser\n";
  std::string principals = "principal_id,account_id,type,arn\n0,111111111111,IAMUser,arn:aws:iam::111111111111:user/alice\n";
  std::vector<app::ActivityRecord> records{{}};
  std::string behind_records;  // bytes that belong to no record

  /// Writes it; returns its folder, which lives as long as this.
  std::string write() const {
    dir_.write("suite.json", description.dump());
    dir_.write("series.csv", series);
    dir_.write("principals.csv", principals);
    std::string bytes;
    for (const app::ActivityRecord& record : records) bytes += bytes_of(record);
    dir_.write("activity.bin", bytes + behind_records);
    return dir_.path();
  }
  std::string path(std::string_view name) const { return dir_.path(name); }

 private:
  static std::string bytes_of(const app::ActivityRecord& record) {
    std::string out;
    const auto put = [&out](std::uint32_t value, int bytes) {
      for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
    };
    for (const std::uint32_t value : {record.minute, record.series, record.principal}) put(value, 4);
    for (const std::uint16_t value : {record.calls, record.errors}) put(value, 2);
    for (const std::uint8_t value : {record.first_second, record.last_second}) put(value, 1);
    put(record.error_code, 2);
    return out;
  }

  TempDir dir_;
};

}  // namespace trailwarden::testing
