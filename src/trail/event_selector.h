#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trail/advanced_event_selector.h"

namespace trailwarden::trail {

enum class ReadWriteType : std::uint8_t { kAll, kReadOnly, kWriteOnly };
/// `All`, `ReadOnly`, `WriteOnly`.
std::string_view to_string(ReadWriteType type);
std::optional<ReadWriteType> parse_read_write_type(std::string_view text);

/// Resources of one type whose data events are kept.
///
/// A value of a type is the ARN of a function or table, which is taken exactly; of objects the beginning of an ARN (`arn:aws:s3:::bucket/`); or a
/// service, for all of it (`arn:aws:lambda`).
struct DataResource {
  std::string type;  // AWS::S3::Object, AWS::Lambda::Function or AWS::DynamoDB::Table
  std::vector<std::string> values;
  bool operator==(const DataResource&) const = default;
};

/// A basic event selector. As it stands here it keeps what a trail keeps that was given no selectors: all management events, no others.
/// Source: AWS CloudTrail API reference, EventSelector and DataResource.
struct EventSelector {
  static constexpr std::size_t kMost = 5;           // of a trail
  static constexpr std::size_t kMostValues = 250;   // of all selectors of a trail, those for a whole service left out

  ReadWriteType read_write_type = ReadWriteType::kAll;  // of management and of data events
  bool include_management_events = true;
  std::vector<DataResource> data_resources;
  std::vector<std::string> exclude_management_event_sources;  // kms.amazonaws.com, rdsdata.amazonaws.com
  bool operator==(const EventSelector&) const = default;
};

/// What CloudTrail refuses a trail's selectors for (InvalidEventSelectorsException); in their order.
std::vector<SelectorProblem> problems_with(const std::vector<EventSelector>& selectors);

/// The advanced selectors, some or none, that keep the same events.
std::vector<AdvancedEventSelector> as_advanced(const EventSelector& selector);

}  // namespace trailwarden::trail
