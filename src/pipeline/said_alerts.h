#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/hash.h"
#include "core/result.h"

namespace trailwarden::pipeline {

/// Ids of the alerts that a cell said last. A record that is delivered again after its minute has closed is judged again, for nothing remembers it any more; what
/// it says has the id that it had the first time, and is not said twice.
///
/// Keeps kMost ids as XXH3-64, the oldest forgotten first: at most 8 KiB a cell. Two ids of one cell collide with probability 2^-44. Cost: a scan an alert.
class SaidAlerts {
 public:
  static constexpr std::size_t kMost = 1'024;

  /// True the first time.
  bool insert(std::string_view id) {
    const std::uint64_t hash = xxh3_64(id);
    if (std::find(ids_.begin(), ids_.end(), hash) != ids_.end()) return false;
    if (ids_.size() < kMost) ids_.push_back(hash);
    else ids_[oldest_++ % kMost] = hash;
    return true;
  }

  /// From the oldest on.
  void save(ByteWriter& out) const {
    out.number(static_cast<std::uint32_t>(ids_.size()));
    for (std::size_t i = 0; i < ids_.size(); ++i) out.number(ids_[(oldest_ + i) % ids_.size()]);
  }
  Result<void> load(ByteReader& in) {
    const auto count = in.number<std::uint32_t>();
    if (count > kMost || !in.has(count, sizeof(std::uint64_t))) return fail(ErrorCode::kMalformed, "ids of alerts end too early");
    ids_.resize(count);
    for (std::uint64_t& id : ids_) id = in.number<std::uint64_t>();
    oldest_ = 0;
    return {};
  }
  std::size_t memory_bytes() const { return ids_.capacity() * sizeof(std::uint64_t); }

 private:
  std::vector<std::uint64_t> ids_;
  std::size_t oldest_ = 0;  // where the oldest stands, once it is full; counts on
};

}  // namespace trailwarden::pipeline
