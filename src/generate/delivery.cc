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
constexpr seconds kLatestStamp{840};
constexpr double kTwice = 0.024;  // of those early enough, so that the second copy arrives within 14 minutes too

Timestamp stamp_of(Timestamp arrival) {
  return Timestamp{(arrival.time_since_epoch() + kDeliveryPeriod - seconds{1}) / kDeliveryPeriod * kDeliveryPeriod};
}

Timestamp arrival_of(const Call& call, Random& random) {
  const double delay = std::clamp(kMedian * std::exp(kSigma * random.normal()), kShortest, kLongest);
  const Timestamp arrival = call.time + seconds(static_cast<std::int64_t>(delay));
  const Timestamp stamp = stamp_of(arrival);
  // The slowest still make the delivery before.
  return stamp - call.time > kLatestStamp ? stamp - kDeliveryPeriod : arrival;
}

}  // namespace

void Delivery::add(const Call& call) {
  Random random(~call.seed);
  const Timestamp arrival = arrival_of(call, random), stamp = stamp_of(arrival);
  enqueue(call, arrival);
  if (stamp + kDeliveryPeriod - call.time > kLatestStamp || !random.chance(kTwice)) return;
  ++duplicates_;
  enqueue(call, stamp + seconds(random.between(1, kDeliveryPeriod.count())));
}

void Delivery::enqueue(const Call& call, Timestamp arrival) { waiting_[stamp_of(arrival)].push_back({call, arrival}); }

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
