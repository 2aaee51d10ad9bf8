#include "baseline/constants.h"

#include <fmt/format.h>

#include "core/hash.h"

namespace trailwarden::baseline {

std::string constants_text() {
  std::string text = fmt::format(
      "level half-lives [days]: {} {}\nlevel prior [calls, minutes]: {} {}\nslow weight [phi_60 calls]: {}\nprofile half-life [days], shrinkage [phi_60 calls]: {} {}\n"
      "dispersion half-life [days], weight [calls], cold inflation, model error: {} {} {} {}\n",
      kFastHalfLifeDays, kSlowHalfLifeDays, kPriorCalls, kPriorMinutes, kSlowWeight, kProfileHalfLifeDays, kProfileShrinkage, kDispersionHalfLifeDays,
      kDispersionWeight, kColdInflation, kModelError);
  for (std::size_t i = 0; i < kWindowCount; ++i) text += fmt::format("window [minutes], prior dispersion: {} {}\n", kWindows[i], kDispersionPrior[i]);
  text += fmt::format("screen up, down [sd]: {} {}\npeak levels of windows, of drift and gaps [nat]: {} {}\ntail prior [peaks, weeks], shape, scale [nat], most peaks, half-life [days]: {} {} {} {} {} {}\n",
                      kScreenUp, kScreenDown, kWindowPeakLevel, kClockPeakLevel, kPriorPeaks, kPriorWeeks, kTailShape, kTailScale, kMaxTailPeaks, kTailHalfLifeDays);
  text += fmt::format("drift up, down, leak, floor, ceiling: {} {} {} {} {}\ngap memory [gaps], regularity: {} {}\nchannels a direction: {}\n", kCusumUp, kCusumDown, kCusumLeak,
                      kCusumFloor, kCusumCeiling, kGapMemory, kRegularClock, kChannelsPerDirection);
  text += fmt::format("gate level [per week], gated learning: {} {}\nhold, refractory, adoption, cold start [minutes], adoption decay: {} {} {} {} {}\nearly margin: {}\n", kGateLevel, kGatedLearning,
                      kHoldMinutes, kRefractoryMinutes, kAdoptionMinutes, kColdMinutes, kAdoptionDecay, kEarlyMargin);
  text += fmt::format("record epoch [days], floor, ceiling, weight [decades], full after [minutes]: {} {} {} {} {}\ndownward [decades], of gaps longer by: {} {}\ndaily: block [minutes], least calls, too few of them, age [minutes], adoption [blocks]: {} {} {} {} {}\n"
                      "callers [decades, minutes, new, watched, APIs]: {} {} {} {} {}\ncalibrated rate [per week], power: {} {}\ncost of a direction upwards, downwards: {} {}\n",
                      kRecordEpochDays, kRecordFloor, kRecordCeiling, kRecordWeight, kRecordMinutes, kDownwardDecades, kLongerGap, kBlockMinutes, kLeastLow,
                      kMostOfLow, kLowMinutes, kLowAdoptionSteps, kCallerDecades, kCallerMinutes,
                      kNewCallerMinutes, kWatchedMinutes, kManyApis, kCalibratedRate, kCalibratedPower, kUpwardCost,
                      kDownwardCost);
  return text;
}

std::string constants_hash() { return sha256_hex(constants_text()).substr(0, 16); }

}  // namespace trailwarden::baseline
