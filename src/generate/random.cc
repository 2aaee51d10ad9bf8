#include "generate/random.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace trailwarden::generate {

Random Random::named(std::uint64_t seed, std::string_view name) {
  Random mixer(seed ^ xxh3_64(name));
  return Random(mixer.next());
}

double Random::exponential(double mean) { return -mean * std::log(1.0 - uniform()); }

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::size_t Random::poisson(double mean) {
  // Knuth's product of uniforms, in pieces whose exponential is far from underflow.
  constexpr double kPiece = 32.0;
  std::size_t count = 0;
  for (double rest = mean; rest > 0.0; rest -= kPiece) {
    const double bound = std::exp(-std::min(rest, kPiece));
    for (double product = uniform(); product > bound; product *= uniform()) ++count;
  }
  return count;
}

std::size_t Random::geometric(double mean) {
  if (mean <= 1.0) return 1;
  return 1 + static_cast<std::size_t>(std::log(1.0 - uniform()) / std::log(1.0 - 1.0 / mean));
}

std::size_t Random::pick(std::span<const double> cumulative) {
  const double at = uniform() * cumulative.back();
  const auto found = std::upper_bound(cumulative.begin(), cumulative.end(), at);
  return std::min(static_cast<std::size_t>(found - cumulative.begin()), cumulative.size() - 1);
}

}  // namespace trailwarden::generate
