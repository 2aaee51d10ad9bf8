#pragma once

#include "baseline/minute_pass.h"

namespace trailwarden::baseline {

/// One step of the CUSUM of an e-value, every five minutes: slow shifts that no window sees.
///
/// With x calls where M were expected in five minutes, f = max(phi_60 - 1, 1e-3) + M (v + 0.06^2), q = (1+f)/(1+mf), m = 1.8 up or 0.45 down:
///   L <- clip(0.9994 max(L, 0) + x ln(m q) + (M'/f) ln q, -30, 150),
/// where M' = M (1 +- min(0.4, 0.08 + 2 sqrt v)) keeps the uncertainty of the level from being evidence. Under the null E exp(step) <= 1.
/// Source: Page, Biometrika 41 (1954); Shin, Ramdas and Rinaldo, "E-detectors", 2022.
float drift_step(float sum, float count, float mean, float phi60, float variance, Direction direction);

}  // namespace trailwarden::baseline
