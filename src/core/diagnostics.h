#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace trailwarden {

/// What is wrong with a file that a person wrote, in the order of the file. One line each: `FILE:LINE:COLUMN: what, and what to do`.
class Diagnostics {
 public:
  struct Entry {
    std::string file;
    int line, column;
    std::string message;
  };

  void add(std::string_view file, int line, int column, std::string message);
  /// Takes over what another has.
  void add(const Diagnostics& others);
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  const std::vector<Entry>& entries() const { return entries_; }  // as they were reported
  /// Sorted by file, line and column, one a line; what was reported twice comes once.
  std::vector<std::string> lines() const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace trailwarden
