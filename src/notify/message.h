#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "core/time.h"
#include "event/finding.h"
#include "alerts/alert_view.h"

namespace trailwarden::notify {

using alerts::AlertView;

/// Alerts by detector and severity.
class Counts {
 public:
  void add(const std::string& detector, event::Severity severity, std::uint64_t count = 1) { by_detector_[detector][static_cast<std::size_t>(severity)] += count; }
  void add(const Counts& other);
  std::uint64_t total() const;
  /// The gravest there is; informational if there is none.
  event::Severity gravest() const;
  /// "9 of root_use (critical), 3 of insights (medium)": the most first.
  std::string in_words() const;

  using Row = std::array<std::uint64_t, event::kSeverities>;
  const std::map<std::string, Row>& by_detector() const { return by_detector_; }
  bool empty() const { return by_detector_.empty(); }
  void save(ByteWriter& out) const;
  static Counts load(ByteReader& in);
  bool operator==(const Counts&) const = default;

 private:
  std::map<std::string, Row> by_detector_;
};

/// What a sink is told at once: an alert, a group of them, or how many there were besides.
struct Message {
  enum class Kind : std::uint8_t { kAlerts, kDigest };

  std::string id;    // the same for every try, in every process: receivers drop repeats by it
  std::string sink;
  Kind kind = Kind::kAlerts;
  std::vector<std::string> alerts;  // JSON; the first ones
  Counts more;                      // not among `alerts`
  std::optional<event::Severity> began_as;  // of the end of something: what its beginning was told as
  std::uint32_t seconds = 0;        // of a digest: in which the alerts came
  AppendTime created{};
  std::uint64_t number = 0;  // in the order of one process
  std::uint64_t attempts = 0;
  AppendTime next_try{};
  std::string why;  // the last try did not work

  void save(ByteWriter& out) const;
  static Message load(ByteReader& in);
  bool operator==(const Message&) const = default;
};

/// A message as formats look at it.
struct MessageView {
  explicit MessageView(const Message& message);

  const Message& message;
  std::vector<AlertView> alerts;  // those of the message
  event::Severity severity = event::Severity::kInformational;  // the gravest
  std::uint64_t count = 0;        // alerts in all
  std::string title, sentence;    // of the message
  const AlertView& first() const { return alerts.front(); }
  bool is_digest() const { return message.kind == Message::Kind::kDigest; }
  bool is_end() const { return alerts.size() == 1 && alerts.front().is_end; }
};

/// What can be said of any finding, for trying out sinks.
Message sample_message(const std::string& sink, AppendTime now);

}  // namespace trailwarden::notify
