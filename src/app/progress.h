#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace trailwarden::app {

/// A line on standard error that says how far a run is, rewritten ten times a second; nothing at all when standard
/// error is not a terminal or the user does not want it.
class Progress {
 public:
  /// `total_bytes`: size of the input on disk; 0 if unknown, then there is no bar and no ETA.
  Progress(std::uint64_t total_bytes, bool wanted);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::uint64_t bytes, std::uint64_t records);

  /// For runs that count something else: when it is time for a new line, `show_line` puts it in the place of the last one.
  bool is_due() const { return enabled_ && Clock::now() >= next_; }
  void show_line(const std::string& line);
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  /// Takes the line away, before something else is printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  const std::uint64_t total_bytes_;
  const bool enabled_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_;
  bool visible_ = false;
};

/// `[=====>    ]  52 %`; `done` from 0 to 1.
std::string progress_bar(double done);

/// The text of the line: `[=====>    ]  52 %  1.2 GB of 2.3 GB  1.9 M records/s  ETA 0:12`.
std::string progress_line(std::uint64_t bytes, std::uint64_t total_bytes, std::uint64_t records, double seconds);

}  // namespace trailwarden::app
