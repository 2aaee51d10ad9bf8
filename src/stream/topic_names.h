#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace trailwarden::stream {

/// The topics that the service writes. The code knows them by these names, which are also their names by default; where a cluster has them under another
/// prefix (`kafka.topics.prefix`), `topic_name` says so, and only what speaks to the cluster asks it.
inline constexpr std::string_view kTopicPrefix = "trailwarden.";
inline constexpr std::string_view kAlertsTopic = "trailwarden.alerts";
inline constexpr std::string_view kLedgerTopic = "trailwarden.ledger";
inline constexpr std::string_view kStateTopic = "trailwarden.state";
inline constexpr std::string_view kTicksTopic = "trailwarden.ticks";
inline constexpr std::string_view kDeadLetterTopic = "trailwarden.dlq";
inline constexpr std::string_view kLateTopic = "trailwarden.late";
inline constexpr std::string_view kManifestTopic = "trailwarden.manifest";  // what the archiver stored; one partition, as digests are written in its order
inline constexpr std::string_view kDigestsTopic = "trailwarden.digests";    // compacted: where the digest writer is
inline constexpr std::string_view kNotificationsTopic = "trailwarden.notifications";  // compacted; one partition: what the notifier has not sent yet
inline constexpr std::string_view kUndeliveredTopic = "trailwarden.undelivered";      // what it has given up
inline constexpr std::array kServiceTopics{kAlertsTopic, kLedgerTopic, kStateTopic, kTicksTopic, kDeadLetterTopic, kLateTopic, kManifestTopic, kDigestsTopic, kNotificationsTopic, kUndeliveredTopic};

/// What a cluster calls a topic, given the prefix of ours there. Topics of others keep their names.
inline std::string topic_name(std::string_view topic, std::string_view prefix) {
  if (std::find(kServiceTopics.begin(), kServiceTopics.end(), topic) == kServiceTopics.end()) return std::string(topic);
  return std::string(prefix).append(topic.substr(kTopicPrefix.size()));
}

}  // namespace trailwarden::stream
