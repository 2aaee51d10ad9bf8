#include "baseline/gap_clock.h"

#include <algorithm>

#include "baseline/constants.h"
#include "baseline/portable_math.h"

namespace trailwarden::baseline {

double GapClock::regularity(double most) const {
  const double known = gaps;
  return std::clamp(known / std::max(static_cast<double>(squares), 1e-9), 0.3, most) * std::min(1.0, known / 10);
}

double GapClock::score(float slack, double most) const {
  if (gaps < 6) return 0;
  const double g = static_cast<double>(length) / static_cast<double>(reference(slack)), k = regularity(most);
  return g > 1.3 && k > 1.5 ? k * (g - 1 - portable_log(g)) : 0;
}

void GapClock::end(float slack, float run) {
  if (length > run) {
    const float known = gaps;
    const float off = gaps == 0 ? 0.0F : std::min(length, 3.0F * reference(slack)) - mean;
    mean = gaps == 0 ? length : mean + off * std::max(1.0F / kGapMemory, 1.0F / (known + 1.0F));
    const float relative = off / std::max(mean, 1e-9F);
    squares = squares * (gaps >= kGapMemory ? 1.0F - 1.0F / kGapMemory : 1.0F) + std::min(relative * relative, 4.0F) + 1e-3F;
    gaps = static_cast<std::uint16_t>(std::min(gaps + 1, kGapMemory));
  }
  length = 0;
}

}  // namespace trailwarden::baseline
