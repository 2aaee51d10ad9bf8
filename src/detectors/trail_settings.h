#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"

namespace trailwarden::detectors {

/// What a trail covers and where it goes, as CreateTrail and UpdateTrail write it; what was never told is nullopt.
struct TrailSettings {
  enum Flag : std::size_t { kAllRegions, kGlobalServices, kOrganization, kValidation, kFlags };
  enum Target : std::size_t { kBucket, kKey, kLogGroup, kTargets };

  std::array<std::optional<bool>, kFlags> flags;
  std::array<std::optional<std::string>, kTargets> targets;  // empty: none

  /// From a call's requestParameters: what is not written stays as it was.
  static TrailSettings requested(std::string_view request_parameters);
  /// From its responseElements, which tell everything: a target that is not written is none. All nullopt without them.
  static TrailSettings told(std::string_view response_elements);

  /// Takes over what `newer` tells.
  void update(const TrailSettings& newer);

  /// "covered all Regions and went to bucket b", as far as is known; empty if nothing is.
  std::string describe() const;

  void save(ByteWriter& out) const;
  void load(ByteReader& in);
  bool operator==(const TrailSettings&) const = default;
};

/// What a change takes away from a trail, in words ("it no longer covers all Regions").
struct Narrowing {
  std::vector<std::string> losses;   // something is recorded no more
  std::vector<std::string> detours;  // the record goes elsewhere, is kept less well, or may have lost something
};

/// What `change` takes away from a trail that had the settings `before`. Where nothing is known of before, a flag set to false is a
/// loss; but when the call sends all settings again, as the console does for any change (then it names the bucket), it may
/// have been false before.
Narrowing narrowing(const TrailSettings& before, const TrailSettings& change);

/// What selectors leave out of the management events.
struct SelectorLoss {
  enum class Kind { kNothing, kSome, kWrites };  // kSome: reads, or the calls of single services; kWrites: all writes, or everything
  Kind kind = Kind::kNothing;
  std::string words;  // "management events are no longer recorded"
};

/// Of a trail or event data store whose selectors are all those in these requestParameters or responseElements, basic or advanced.
/// nullopt if there are none in it. One selector keeping reads and another keeping writes keep everything.
std::optional<SelectorLoss> selector_loss(std::string_view parameters);

}  // namespace trailwarden::detectors
