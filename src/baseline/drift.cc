#include "baseline/drift.h"

#include <algorithm>
#include <cmath>

#include "baseline/model.h"
#include "baseline/portable_math.h"

namespace trailwarden::baseline {

float drift_step(float sum, float count, float mean, float phi60, float variance, Direction direction) {
  static const double kLogUp = portable_log(static_cast<double>(kCusumUp)), kLogDown = portable_log(static_cast<double>(kCusumDown));
  const bool up = direction == Direction::kUp;
  const float stretch = std::min(0.4F, 0.08F + 2.0F * std::sqrt(variance));
  const double f = static_cast<double>(total_dispersion(std::max(phi60 - 1.0F, 1e-3F), mean, variance));
  const double m = static_cast<double>(up ? kCusumUp : kCusumDown);
  const double log_q = portable_log1p(f * (1 - m) / (1 + m * f));
  const double stretched = static_cast<double>(mean * (up ? 1.0F + stretch : 1.0F - stretch));
  const double step = ((up ? kLogUp : kLogDown) + log_q) * static_cast<double>(count) + stretched / f * log_q;
  return std::clamp(kCusumLeak * std::max(sum, 0.0F) + static_cast<float>(step), kCusumFloor, kCusumCeiling);
}

}  // namespace trailwarden::baseline
