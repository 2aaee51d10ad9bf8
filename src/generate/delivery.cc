#include "generate/delivery.h"

#include <algorithm>
#include <cmath>

#include "generate/random.h"

namespace trailwarden::generate {
namespace {

using std::chrono::seconds;

constexpr double kMedian = 190.0;
constexpr double kSigma = 0.449;  // of the logarithm: ln(540 / 190) over the normal law's 99 % point
constexpr double kShortest = 2.0, kLongest = 780.0;
constexpr double kTwice = 0.02;
constexpr seconds kTwiceWithin{480};  // later ones come once, so that the second copy arrives within 14 minutes too

seconds delay(Random& random) {
  return seconds(static_cast<std::int64_t>(std::clamp(kMedian * std::exp(kSigma * random.normal()), kShortest, kLongest)));
}

}  // namespace

void Delivery::add(const Call& call) {
  Random random = Random(~call.seed);
  const seconds first = delay(random);
  enqueue(call, first);
  if (first > kTwiceWithin || !random.chance(kTwice)) return;
  ++duplicates_;
  enqueue(call, first + kDeliveryPeriod + seconds(random.between(1, 40)));
}

void Delivery::enqueue(const Call& call, seconds delay) {
  const Timestamp arrival = call.time + delay;
  const Timestamp stamp{(arrival.time_since_epoch() + kDeliveryPeriod - seconds{1}) / kDeliveryPeriod * kDeliveryPeriod};
  waiting_[stamp].push_back({call, arrival});
}

std::optional<Delivery::Batch> Delivery::take(Timestamp until) {
  const auto first = waiting_.begin();
  if (first == waiting_.end() || first->first > until) return std::nullopt;
  Batch batch{first->first, std::move(first->second)};
  waiting_.erase(first);
  const auto key = [](const Delivered& delivered) { return std::pair(delivered.arrival, delivered.call.seed); };
  std::sort(batch.calls.begin(), batch.calls.end(), [&key](const Delivered& a, const Delivered& b) { return key(a) < key(b); });
  return batch;
}

}  // namespace trailwarden::generate
