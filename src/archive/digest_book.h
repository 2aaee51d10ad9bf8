#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/epoch.h"
#include "archive/manifest.h"
#include "core/bytes.h"
#include "core/result.h"
#include "core/time.h"
#include "trail/digest_chain.h"

namespace trailwarden::archive {

/// A chain of digests.
struct ChainId {
  std::string trail;
  trail::Place place;
  auto operator<=>(const ChainId&) const = default;
};
/// `TRAIL/ACCOUNT/REGION`.
std::string to_string(const ChainId& chain);

/// A digest that was written, and that no other names yet: only who wrote it knows that it has to be there.
struct ChainHead {
  ChainId chain;
  std::string key;
};

/// A digest that has to be written.
struct DueDigest {
  ChainId chain;
  const Destination* destination;  // its trail and store
  trail::Digest digest;            // not signed
};

/// What the manifest has said, as digests want it: the chain of each (trail, account, Region), and until when every input partition is delivered.
///
/// An hour passes where the manifest says of all partitions that what comes is delivered after it, and hours pass one by one. So which logs which digest lists is a function of the
/// manifest and of which partitions there are; what comes for an hour that has passed goes into a backfill digest (`trail::DigestChain`).
///
/// Memory: the logs that no digest lists yet, about 400 bytes each, and about 2 KB a chain. Not thread-safe.
class DigestBook {
 public:
  /// Trails whose `digest` is not enabled have no chains.
  explicit DigestBook(std::span<const Destination> destinations) : destinations_(destinations) {}

  /// The topics that are archived, with their partitions: no hour passes before each of these has been heard of. Those that are not named any more are forgotten.
  void expect(const std::map<std::string, std::int32_t>& topics);
  /// One record of the manifest, in its order.
  void take(const ManifestRecord& record);

  /// The hour that has passed and whose digests are not all written; nothing: go on reading. Its end.
  std::optional<Timestamp> due() const;
  /// At most `most` of the due hour's digests, one a chain; `but`: chains that are left alone, and why. Empty: there is no more to write.
  std::vector<DueDigest> next(std::size_t most, const std::map<ChainId, std::string>& but) const;
  /// A digest that `next` gave, or the one that was found in its place, is in the store.
  void written(const ChainId& chain, const trail::Digest& digest, std::string_view sha256, std::string_view signature);
  /// The due hour is over.
  void pass();

  /// The end of the last hour that is over.
  std::optional<Timestamp> passed() const { return passed_; }
  /// The partition that hours wait for, and until when it is delivered; nothing: it was not heard of yet.
  struct Slowest {
    std::string topic;
    std::int32_t partition = 0;
    std::optional<Timestamp> delivered;
  };
  std::optional<Slowest> slowest() const;
  /// The newest digests of each chain, in turn and of its backfill.
  std::vector<ChainHead> heads() const;
  std::size_t chains() const { return chains_.size(); }
  std::size_t waiting() const;

  void save(ByteWriter& out) const;
  /// What `save` wrote, into a new book. Chains of trails that are not configured any more are left out, and given. kMalformed, kUnsupported.
  Result<std::vector<ChainId>> load(ByteReader& in);

 private:
  using Input = std::pair<std::string, std::int32_t>;  // topic, partition

  const Destination* destination_of(std::string_view trail) const;
  trail::DigestChain* chain_of(const ChainId& id);
  void hear(const std::string& topic, std::int32_t partition, Timestamp delivered);

  std::span<const Destination> destinations_;
  std::map<Input, std::optional<Timestamp>> inputs_;  // until when it is delivered
  std::map<ChainId, trail::DigestChain> chains_;
  std::optional<Timestamp> passed_;
};

}  // namespace trailwarden::archive
