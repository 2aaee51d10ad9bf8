#include "detectors/silence_config.h"

#include <array>

#include <fmt/format.h>

namespace trailwarden::detectors {

SilenceConfig read_silence(const config::Section& section) {
  using namespace std::chrono_literals;
  static constexpr std::array<std::string_view, 2> kKeys{"enabled", "warm_up"};
  section.only(kKeys);
  SilenceConfig config;
  config.enabled = section.boolean("enabled", config.enabled);
  config.warm_up = section.duration("warm_up", config.warm_up, 24h, 28 * 24h);
  return config;
}

std::string to_yaml(const SilenceConfig& config) {
  return fmt::format("silence:\n  enabled: {}\n  warm_up: {}\n", config.enabled, config::format_duration(config.warm_up));
}

}  // namespace trailwarden::detectors
