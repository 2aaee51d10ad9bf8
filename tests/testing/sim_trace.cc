#include "testing/sim_trace.h"

#include <algorithm>

#include "core/hash.h"

namespace trailwarden::testing {

void SimTrace::add(std::chrono::milliseconds since_start, std::string_view who, std::string_view what) {
  std::string line = std::to_string(since_start.count());
  line.append("ms ").append(who).append(": ").append(what);
  hash_ = splitmix64(hash_ ^ xxh3_64(line));
  ++lines_seen_;
  lines_.push_back(std::move(line));
  if (lines_.size() > lines_kept_) lines_.pop_front();
}

std::string SimTrace::tail(std::size_t count) const {
  std::string out;
  for (std::size_t i = lines_.size() - std::min(count, lines_.size()); i < lines_.size(); ++i) out.append(lines_[i]).append("\n");
  return out;
}

}  // namespace trailwarden::testing
