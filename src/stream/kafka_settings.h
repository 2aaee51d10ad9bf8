#pragma once

#include "core/result.h"
#include "stream/kafka_handles.h"
#include "stream/kafka_options.h"

/// Configurations of our clients: the table of spec/streaming.md 1.2, then what the options add. kInvalidArgument for a property that is refused,
/// unknown, or does not take its value.
namespace trailwarden::stream::kafka {

/// A member of the group.
Result<Conf> member_settings(const KafkaLogOptions& options);
/// The producer whose transactions carry the group's offsets.
Result<Conf> transaction_settings(const KafkaLogOptions& options);
/// A consumer for `assign` with explicit offsets. The group is only named because the library wants a name: it is never joined.
Result<Conf> reader_settings(const KafkaConnection& connection, const std::string& group);
/// For the Admin API.
Result<Conf> admin_settings(const KafkaConnection& connection);
/// An idempotent producer without transactions. `linger`: how long it gathers a batch.
Result<Conf> writer_settings(const KafkaConnection& connection, std::chrono::milliseconds linger);

}  // namespace trailwarden::stream::kafka
