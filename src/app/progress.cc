#include "app/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>

#include "core/text.h"

namespace trailwarden::app {
namespace {

std::string rate(double per_second) {
  if (per_second >= 1e6) return fmt::format("{:.2f} M", per_second / 1e6);
  if (per_second >= 1e3) return fmt::format("{:.0f} k", per_second / 1e3);
  return fmt::format("{:.0f}", per_second);
}

}  // namespace

std::string progress_bar(double done) {
  constexpr std::size_t kWidth = 24;
  const auto filled = static_cast<std::size_t>(done * kWidth);
  std::string text(kWidth, ' ');
  std::fill_n(text.begin(), filled, '=');
  if (filled < kWidth) text[filled] = '>';
  return fmt::format("[{}] {:3.0f} %", text, 100 * done);
}

std::string progress_line(std::uint64_t bytes, std::uint64_t total_bytes, std::uint64_t records, double seconds) {
  const std::string speed = fmt::format("{} records/s", rate(seconds > 0 ? static_cast<double>(records) / seconds : 0));
  if (total_bytes == 0) return fmt::format("{}  {} records  {}", format_bytes(static_cast<double>(bytes)), with_commas(records), speed);
  const double done = std::clamp(static_cast<double>(bytes) / static_cast<double>(total_bytes), 0.0, 1.0);
  const auto left = done > 0 ? static_cast<std::int64_t>(std::ceil(seconds * (1 - done) / done)) : 0;
  return fmt::format("{}  {} of {}  {}  ETA {}:{:02}", progress_bar(done), format_bytes(static_cast<double>(bytes)),
                     format_bytes(static_cast<double>(total_bytes)), speed, left / 60, left % 60);
}

Progress::Progress(std::uint64_t total_bytes, bool wanted)
    : total_bytes_(total_bytes), enabled_(wanted && isatty(STDERR_FILENO) == 1) {}

void Progress::show(std::uint64_t bytes, std::uint64_t records) {
  if (is_due()) show_line(progress_line(bytes, total_bytes_, records, seconds()));
}

void Progress::show_line(const std::string& line) {
  next_ = Clock::now() + std::chrono::milliseconds{100};
  fmt::print(stderr, "\r\x1b[K{}", line);
  std::fflush(stderr);
  visible_ = true;
}

void Progress::clear() {
  if (!visible_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  visible_ = false;
}

}  // namespace trailwarden::app
