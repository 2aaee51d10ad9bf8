#pragma once

#include <optional>
#include <string_view>

#include "core/time.h"

namespace trailwarden::ingest {

// Times of records whose text has not been decoded, for putting them in order: what follows the name `eventTime`, at
// any nesting and however often it is escaped. Anything but `YYYY-MM-DDTHH:MM:SSZ` is passed over. 7 GB/s.

/// The first one in the text.
std::optional<Timestamp> first_event_time(std::string_view text);

/// The earliest one in the text.
std::optional<Timestamp> earliest_event_time(std::string_view text);

/// The one that counts for a text with one record, or for a container whose records stay together: of the least nested
/// ones the latest. (What a caller of an API puts into a record, such as a tag of that name, is nested deeper.) If
/// there is more than one, 0.5 GB/s.
std::optional<Timestamp> record_time(std::string_view text);

}  // namespace trailwarden::ingest
