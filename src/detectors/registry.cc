#include "detectors/registry.h"

#include <array>

#include "detectors/common_options.h"
#include "detectors/iam_burst.h"
#include "detectors/root_use.h"
#include "detectors/security_group_change.h"
#include "detectors/trail_tampering.h"

namespace trailwarden::detectors {
namespace {

template <class D>
constexpr DetectorKind kind() {
  return {&D::info, &D::configure};
}

// Every detector there is, by name.
constexpr std::array kRegistry{
    kind<IamBurst>(),
    kind<RootUse>(),
    kind<SecurityGroupChange>(),
    kind<TrailTampering>(),
};

constexpr std::array kCommonOptions{
    OptionInfo{"enabled", "boolean", "", "true", "whether this detector runs"},
    OptionInfo{"quiet_for", "duration", "", "1h", "repeats of (entity, what) inside it become one finding and one closing summary; 0s: none"},
};

}  // namespace

std::span<const DetectorKind> registry() { return kRegistry; }
std::span<const OptionInfo> common_options() { return kCommonOptions; }

ConfiguredDetector common(const config::Section& section, const DetectorInfo& info) {
  std::vector<std::string_view> known;
  for (const OptionInfo& option : common_options()) known.push_back(option.name);
  for (const OptionInfo& option : info.options) known.push_back(option.name);
  section.only(known);
  using namespace std::chrono_literals;
  ConfiguredDetector configured;
  configured.info = &info;
  configured.quiet_for = section.duration("quiet_for", 1h, 0s, 168h);
  configured.effective = {{"enabled", "true"}, {"quiet_for", config::format_duration(configured.quiet_for)}};
  return configured;
}

std::vector<ConfiguredDetector> configure(const config::Section& section) {
  std::vector<std::string_view> names;
  for (const DetectorKind& detector : kRegistry) names.push_back(detector.info().name);
  section.only(names);
  std::vector<ConfiguredDetector> out;
  for (const DetectorKind& detector : kRegistry) {
    const config::Section options = section.section(detector.info().name);
    ConfiguredDetector configured = detector.configure(options);
    if (options.boolean("enabled", true)) out.push_back(std::move(configured));
  }
  return out;
}

}  // namespace trailwarden::detectors
