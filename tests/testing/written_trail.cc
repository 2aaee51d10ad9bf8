#include "testing/written_trail.h"

#include <string>
#include <utility>

#include "core/check.h"

namespace trailwarden::testing {

using namespace trail;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

void must_put(ObjectStore& store, const NewObject& object) {
  const auto written = store.put(object);
  TRAILWARDEN_CHECK(written && *written, "a new trail is written to an empty store");
}

DeliveredLog deliver(WrittenTrail& trail, ObjectStore& store, Timestamp delivered, int records) {
  LogObject object = a_log_object(delivered, records);
  std::string key = log_key(trail.names, ObjectKind::kLog, trail.place, delivered, unique_part(format_time(delivered)));
  must_put(store, {.key = key, .bytes = object.bytes});
  trail.logs.push_back(key);
  return {{store.bucket(), std::move(key), std::move(object.sha256), object.oldest, object.newest}, delivered};
}

}  // namespace

LogObject a_log_object(Timestamp delivered, int records) {
  LogBody body;
  for (int i = 0; i < records; ++i) {
    const Timestamp time = delivered - minutes{5} + std::chrono::seconds{i};
    const bool added = body.add(R"({"eventVersion":"1.08", "eventTime": ")" + format_time(time) + R"(", "eventName":"GetObject","n":)" + std::to_string(i) + "}", time);
    TRAILWARDEN_CHECK(added, "a few records fit");
  }
  MemberDeflater deflater(6);
  return body.finish(deflater);
}

void WrittenTrail::write(ObjectStore& store, const DigestKey& key) {
  DigestChain chain(names, store.bucket(), place);
  MemberDeflater deflater(6);
  chain.start(start);
  for (int hour = 0; hour < hours; ++hour) {
    const Timestamp begins = start + std::chrono::hours{hour};
    const bool idle = hour % 6 == 5 || (paused && hour >= 10 && hour < 13);
    if (paused && hour == 10) chain.stop(begins + minutes{20});
    if (paused && hour == 13) chain.start(begins);
    for (const int minute : {5, 35})
      if (!idle) chain.delivered(deliver(*this, store, begins + minutes{minute}, 3 + hour));
    for (const int known_late : {7, 16})
      if (hour == known_late) chain.delivered(deliver(*this, store, begins - std::chrono::hours{4} + minutes{50}, 2));
    while (const auto digest = chain.next(begins + std::chrono::hours{1})) {
      const SealedDigest sealed = seal(*digest, key, deflater);
      must_put(store, {.key = sealed.digest.key, .bytes = sealed.bytes, .metadata = sealed.metadata});
      chain.written(sealed.digest, sealed.sha256, sealed.signature);
      (is_backfill(sealed.digest.key) ? backfill : digests).push_back(sealed.digest.key);
    }
  }
}

}  // namespace trailwarden::testing
