#include "app/activity_suite.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <concepts>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace trailwarden::app {
namespace {

using nlohmann::json;

constexpr std::size_t kRecordBytes = 20;
constexpr double kWeekMinutes = 7 * 1440, kMostWeeks = 1000;

/// Fields of one line of CSV: separated by commas; one in quotes may hold commas, and quotes doubled. nullopt: a quote is not closed.
std::optional<std::vector<std::string>> fields_of(std::string_view line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quoted && line[i] == '"' && i + 1 < line.size() && line[i + 1] == '"') out.back() += line[++i];
    else if (line[i] == '"') quoted = !quoted;
    else if (line[i] == ',' && !quoted) out.emplace_back();
    else out.back() += line[i];
  }
  return quoted ? std::nullopt : std::optional(std::move(out));
}

/// Calls `take` with the wanted columns of each row, of which the first is its number, counted from 0.
Result<void> read_table(const std::string& file, std::span<const std::string_view> wanted, const std::function<void(std::vector<std::string>)>& take) {
  std::ifstream in(file);
  if (!in) return fail(io_error("open", file, errno));
  std::vector<std::size_t> columns;
  std::size_t width = 0, rows = 0;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const auto wrong = [&](std::string_view what) { return fail(ErrorCode::kMalformed, fmt::format("{}:{}: {}", file, number, what)); };
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    const auto fields = fields_of(line);
    if (!fields) return wrong("a quote is not closed");
    if (width == 0) {
      width = fields->size();
      for (const std::string_view name : wanted) {
        const auto found = std::find(fields->begin(), fields->end(), name);
        if (found == fields->end()) return wrong(fmt::format("no column \"{}\"", name));
        columns.push_back(static_cast<std::size_t>(found - fields->begin()));
      }
      continue;
    }
    if (fields->size() != width) return wrong(fmt::format("{} fields, expected {}", fields->size(), width));
    std::vector<std::string> row;
    for (const std::size_t column : columns) row.push_back((*fields)[column]);
    if (row.front() != std::to_string(rows)) return wrong(fmt::format("{} is \"{}\", expected {}: ids count from 0 in order", wanted.front(), printable(row.front(), 40), rows));
    ++rows;
    take(std::move(row));
  }
  if (rows == 0) return fail(ErrorCode::kMalformed, file + ": no rows");
  return {};
}

template <std::unsigned_integral T>
T little_endian(const unsigned char* bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(bytes[i]) << (8 * i));
  return value;
}

ActivityRecord record_of(const unsigned char* bytes) {
  return {little_endian<std::uint32_t>(bytes), little_endian<std::uint32_t>(bytes + 4), little_endian<std::uint32_t>(bytes + 8), little_endian<std::uint16_t>(bytes + 12),
          little_endian<std::uint16_t>(bytes + 14), bytes[16], bytes[17], little_endian<std::uint16_t>(bytes + 18)};
}

}  // namespace

Result<ActivitySuite> ActivitySuite::read(const std::string& folder) {
  ActivitySuite suite;
  const auto read = suite.read_description(folder + "/suite.json")
                        .and_then([&] { return suite.read_series(folder + "/series.csv"); })
                        .and_then([&] { return suite.read_principals(folder + "/principals.csv"); })
                        .and_then([&] { return suite.read_activity(folder + "/activity.bin"); });
  if (!read) return fail(read.error());
  return suite;
}

Result<void> ActivitySuite::read_description(const std::string& file) {
  std::ifstream in(file);
  if (!in) return fail(io_error("open", file, errno));
  const auto wrong = [&](std::string_view what) { return fail(ErrorCode::kMalformed, fmt::format("{}: {}", file, what)); };
  try {
    const json description = json::parse(in);
    if (const json version = description.value("format_version", json()); version != 1) return wrong(fmt::format("format_version is {}, this reads 1", version.dump()));
    name_ = description.at("name").get<std::string>();
    const auto start = parse_event_time(description.at("start_time").get<std::string>());
    if (!start || start->time_since_epoch() % std::chrono::minutes{1} != std::chrono::seconds{0}) return wrong("start_time is not a full minute, as 2024-01-01T00:00:00Z");
    start_ = *start;
    const double warm_up = description.at("weeks_warmup").get<double>(), test = description.at("weeks_test").get<double>();
    if (!(warm_up >= 0 && test > 0 && warm_up + test < kMostWeeks)) return wrong(fmt::format("weeks_warmup {} and weeks_test {} make no suite", warm_up, test));
    minutes_ = std::llround((warm_up + test) * kWeekMinutes);
    error_codes_ = description.at("error_codes").get<std::vector<std::string>>();
  } catch (const json::exception& error) {
    return wrong(error.what());
  }
  return {};
}

Result<void> ActivitySuite::read_series(const std::string& file) {
  static constexpr std::array<std::string_view, 5> kColumns{"series_id", "account_id", "region", "event_source", "event_name"};
  const auto read = read_table(file, kColumns, [this](std::vector<std::string> row) {
    series_.push_back({std::move(row[1]), std::move(row[2]), std::move(row[3]), std::move(row[4])});
  });
  if (!read) return fail(read.error());
  std::set<std::tuple<std::string_view, std::string_view, std::string_view, std::string_view>> known;
  for (std::size_t i = 0; i < series_.size(); ++i) {
    const Series& one = series_[i];
    if (!known.emplace(one.account, one.region, one.event_source, one.event_name).second)
      return fail(ErrorCode::kMalformed, fmt::format("{}: series {} is another one's API", file, i));
  }
  return {};
}

Result<void> ActivitySuite::read_principals(const std::string& file) {
  static constexpr std::array<std::string_view, 4> kColumns{"principal_id", "account_id", "type", "arn"};
  return read_table(file, kColumns, [this](std::vector<std::string> row) { principals_.push_back({std::move(row[1]), std::move(row[2]), std::move(row[3])}); });
}

Result<void> ActivitySuite::read_activity(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(io_error("open", file, errno));
  std::array<char, 4096 * kRecordBytes> buffer{};
  for (;;) {
    in.read(buffer.data(), buffer.size());
    const auto bytes = static_cast<std::size_t>(in.gcount());
    for (std::size_t at = 0; at + kRecordBytes <= bytes; at += kRecordBytes) {
      const ActivityRecord record = record_of(reinterpret_cast<const unsigned char*>(buffer.data() + at));
      if (const std::string wrong = what_is_wrong(record, records_.empty() ? 0 : records_.back().minute); !wrong.empty())
        return fail(ErrorCode::kMalformed, fmt::format("{}: record {}: {}", file, records_.size(), wrong));
      records_.push_back(record);
    }
    if (bytes % kRecordBytes != 0) return fail(ErrorCode::kMalformed, fmt::format("{}: {} bytes behind record {}: it is cut off", file, bytes % kRecordBytes, records_.size()));
    if (in.bad()) return fail(io_error("read", file, errno));
    if (bytes < buffer.size()) break;
  }
  if (records_.empty()) return fail(ErrorCode::kMalformed, file + ": no records");
  return {};
}

/// Empty if nothing is.
std::string ActivitySuite::what_is_wrong(const ActivityRecord& record, std::uint32_t minute_before) const {
  if (record.minute < minute_before) return fmt::format("minute {} comes behind {}: records are in order of time", record.minute, minute_before);
  if (record.minute >= minutes_) return fmt::format("minute {} lies behind the suite's end, {}", record.minute, minutes_);
  if (record.series >= series_.size()) return fmt::format("series {} is unknown, there are {}", record.series, series_.size());
  if (record.principal >= principals_.size()) return fmt::format("principal {} is unknown, there are {}", record.principal, principals_.size());
  if (record.calls == 0 || record.errors > record.calls) return fmt::format("{} errors in {} calls", record.errors, record.calls);
  if (record.first_second > record.last_second || record.last_second > 59) return fmt::format("seconds {} to {}", record.first_second, record.last_second);
  if (record.errors > 0 && (record.error_code >= error_codes_.size() || error_codes_[record.error_code].empty()))
    return fmt::format("error code {} is unknown, there are {}", record.error_code, error_codes_.size());
  return {};
}

}  // namespace trailwarden::app
