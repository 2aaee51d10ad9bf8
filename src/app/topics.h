#pragma once

#include <cstdint>
#include <string>

namespace trailwarden::app {

/// The command line of `trailwarden topics create` and `check`.
struct TopicsArguments {
  std::string config;
  std::int32_t partitions = 0;    // of topics that are made; 0: as many as the input has, 8 where there is none
  std::int32_t replication = -1;  // -1: the brokers' default
};

/// Makes the topics that are missing. Those that are there are left as they are; `check` says what differs. Exit codes as everywhere.
int create_topics(const TopicsArguments& arguments);

/// Says what is not as it should be, one line each; 1 if anything is.
int check_topics(const TopicsArguments& arguments);

}  // namespace trailwarden::app
