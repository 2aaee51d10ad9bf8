#include "baseline/constants.h"

#include <fmt/format.h>

#include "core/hash.h"

namespace trailwarden::baseline {

std::string constants_hash() {
  std::string text = fmt::format("levels {} {} {} {} {}; profile {} {}; dispersion {} {} {} {}", kFastHalfLifeDays, kSlowHalfLifeDays, kPriorCalls, kPriorMinutes,
                                 kSlowWeight, kProfileHalfLifeDays, kProfileShrinkage, kDispersionHalfLifeDays, kDispersionWeight, kColdInflation, kModelError);
  for (std::size_t i = 0; i < kWindowCount; ++i) text += fmt::format("; window {} {}", kWindows[i], kDispersionPrior[i]);
  text += fmt::format("; screen {} {}; tail {} {} {} {} {} {} {} {}", kScreenUp, kScreenDown, kWindowPeakLevel, kClockPeakLevel, kPriorPeaks, kPriorWeeks,
                      kTailShape, kTailScale, kMaxTailPeaks, kTailHalfLifeDays);
  text += fmt::format("; cusum {} {} {}; gaps {} {}; directions {}", kCusumUp, kCusumDown, kCusumLeak, kGapMemory, kRegularClock, kChannelsPerDirection);
  text += fmt::format("; incidents {} {} {} {} {} {} {}", kGateLevel, kGatedLearning, kHoldMinutes, kRefractoryMinutes, kAdoptionMinutes, kColdMinutes, kAdoptionDecay);
  return sha256_hex(text).substr(0, 16);
}

}  // namespace trailwarden::baseline
