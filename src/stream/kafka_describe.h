#pragma once

#include <chrono>
#include <map>
#include <string>

#include "core/result.h"
#include "stream/kafka_handles.h"

namespace trailwarden::stream::kafka {

/// What a topic is configured with, defaults included. kNotFound: no such topic; kIo: no answer, or not for us.
Result<std::map<std::string, std::string>> describe_topic(rd_kafka_t* client, const std::string& topic, std::chrono::milliseconds limit);

}  // namespace trailwarden::stream::kafka
