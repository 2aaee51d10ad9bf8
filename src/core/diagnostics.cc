#include "core/diagnostics.h"

#include <algorithm>
#include <tuple>

namespace trailwarden {

void Diagnostics::add(std::string_view file, int line, int column, std::string message) {
  entries_.push_back({std::string(file), line, column, std::move(message)});
}

void Diagnostics::add(const Diagnostics& others) { entries_.insert(entries_.end(), others.entries_.begin(), others.entries_.end()); }

std::vector<std::string> Diagnostics::lines() const {
  std::vector<Entry> sorted = entries_;
  const auto place = [](const Entry& entry) { return std::tie(entry.file, entry.line, entry.column); };
  std::stable_sort(sorted.begin(), sorted.end(), [place](const Entry& a, const Entry& b) { return place(a) < place(b); });
  std::vector<std::string> out;
  for (const Entry& entry : sorted) {
    std::string line = entry.file + ":" + std::to_string(entry.line) + ":" + std::to_string(entry.column) + ": " + entry.message;
    if (out.empty() || out.back() != line) out.push_back(std::move(line));
  }
  return out;
}

}  // namespace trailwarden
