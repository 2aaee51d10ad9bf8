#include "ingest/event_time_scan.h"

#include <algorithm>

#include "ingest/json_text.h"

namespace trailwarden::ingest {
namespace {

constexpr std::string_view kName = "eventTime";
constexpr std::size_t kTimeLength = 20;

/// Steps over backslashes and the quote behind them; false if there is none.
bool skip_quote(std::string_view text, std::size_t& at) {
  while (at < text.size() && text[at] == '\\') ++at;
  return at < text.size() && text[at++] == '"';
}

/// Goes through the times of a text, front to back.
class Times {
 public:
  explicit Times(std::string_view text) : text_(text) {}

  /// False if there is none any more.
  bool next() {
    for (name_ = find_text(text_, kName, at_); name_ != std::string_view::npos; name_ = find_text(text_, kName, at_)) {
      at_ = name_ + kName.size();
      if (is_value_at(at_)) return true;
    }
    return false;
  }

  Timestamp time() const { return time_; }
  std::size_t position() const { return name_; }

 private:
  bool is_value_at(std::size_t at) {
    if (!skip_quote(text_, at)) return false;
    at = skip_space(text_, at);
    if (at >= text_.size() || text_[at] != ':') return false;
    at = skip_space(text_, at + 1);
    if (!skip_quote(text_, at)) return false;
    const auto parsed = parse_event_time(text_.substr(at, kTimeLength));
    if (parsed) time_ = *parsed;
    return parsed.has_value();
  }

  std::string_view text_;
  std::size_t at_ = 0, name_ = 0;
  Timestamp time_{};
};

/// Brackets that are open at ascending positions of a text.
class Depths {
 public:
  explicit Depths(std::string_view text) : text_(text) {}

  int at(std::size_t position) {
    for (; at_ < position; ++at_) {
      const char c = text_[at_];
      if (c == '"' && !escaped_) in_string_ = !in_string_;
      escaped_ = c == '\\' && !escaped_;
      if (in_string_) continue;
      if (c == '{' || c == '[') ++depth_;
      if (c == '}' || c == ']') --depth_;
    }
    return depth_;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false;
};

}  // namespace

std::optional<Timestamp> first_event_time(std::string_view text) {
  Times times(text);
  return times.next() ? std::optional(times.time()) : std::nullopt;
}

std::optional<Timestamp> earliest_event_time(std::string_view text) {
  std::optional<Timestamp> earliest;
  for (Times times(text); times.next();) earliest = std::min(earliest.value_or(times.time()), times.time());
  return earliest;
}

std::optional<Timestamp> record_time(std::string_view text) {
  Times times(text);
  if (!times.next()) return std::nullopt;
  Timestamp time = times.time();
  const std::size_t first = times.position();
  if (!times.next()) return time;
  Depths depths(text);
  int least = depths.at(first);
  do {
    const int depth = depths.at(times.position());
    if (depth < least || (depth == least && times.time() > time)) time = times.time();
    least = std::min(least, depth);
  } while (times.next());
  return time;
}

}  // namespace trailwarden::ingest
