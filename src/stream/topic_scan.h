#pragma once

#include <chrono>
#include <string_view>

#include <fmt/format.h>

#include "core/result.h"
#include "stream/partitioned_log.h"

namespace trailwarden::stream {

/// Calls `visit(message)` for every visible record that one partition of a topic holds, from its beginning to its end as of now.
template <class Visit>
Result<void> for_each_record(Topics& topics, std::string_view topic, std::int32_t partition, Visit visit) {
  const auto held = topics.range(topic, partition);
  if (!held) return fail(held.error());
  auto reader = topics.read(topic, partition, held->begin, std::nullopt);
  if (!reader) return fail(std::move(reader).error());
  MessageBatch batch;
  for (bool more = true; more;) {
    auto read = (*reader)->read(std::chrono::seconds{1}, batch);
    if (!read) return fail(std::move(read).error().during(fmt::format("read {}/{}", topic, partition)));
    more = *read;
    for (const Message& message : batch.messages) visit(message);
  }
  return {};
}

/// The same of all partitions, one after another.
template <class Visit>
Result<void> for_each_record(Topics& topics, std::string_view topic, Visit visit) {
  const auto partitions = topics.partitions(topic);
  if (!partitions) return fail(partitions.error());
  for (std::int32_t partition = 0; partition < *partitions; ++partition)
    if (auto done = for_each_record(topics, topic, partition, visit); !done) return done;
  return {};
}

}  // namespace trailwarden::stream
