#include "notify/message.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/text.h"

namespace trailwarden::notify {
namespace {

std::int64_t milliseconds_of(AppendTime time) { return time.time_since_epoch().count(); }
AppendTime time_of(std::int64_t milliseconds) { return AppendTime{std::chrono::milliseconds{milliseconds}}; }

}  // namespace

void Counts::add(const Counts& other) {
  for (const auto& [detector, row] : other.by_detector_)
    for (std::size_t i = 0; i < row.size(); ++i) by_detector_[detector][i] += row[i];
}

std::uint64_t Counts::total() const {
  std::uint64_t sum = 0;
  for (const auto& [detector, row] : by_detector_)
    for (const std::uint64_t count : row) sum += count;
  return sum;
}

event::Severity Counts::gravest() const {
  std::size_t gravest = 0;
  for (const auto& [detector, row] : by_detector_)
    for (std::size_t i = 0; i < row.size(); ++i)
      if (row[i] > 0) gravest = std::max(gravest, i);
  return static_cast<event::Severity>(gravest);
}

std::string Counts::in_words() const {
  std::vector<std::pair<std::uint64_t, std::string>> rows;
  for (const auto& [detector, row] : by_detector_) {
    Counts one;
    one.by_detector_[detector] = row;
    rows.emplace_back(one.total(), fmt::format("{} of {} ({})", with_commas(one.total()), printable(detector), to_string(one.gravest())));
  }
  std::ranges::stable_sort(rows, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> words;
  words.reserve(rows.size());
  for (auto& [count, text] : rows) words.push_back(std::move(text));
  return fmt::format("{}", fmt::join(words, ", "));
}

void Counts::save(ByteWriter& out) const {
  out.number(static_cast<std::uint32_t>(by_detector_.size()));
  for (const auto& [detector, row] : by_detector_) {
    out.text(detector);
    out.array(row);
  }
}

Counts Counts::load(ByteReader& in) {
  Counts counts;
  const auto rows = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < rows && in.has(rows - i, sizeof(Row)); ++i) {
    const std::string detector = in.text();
    in.array(counts.by_detector_[detector]);
  }
  return counts;
}

void Message::save(ByteWriter& out) const {
  out.text(id);
  out.text(sink);
  out.number(static_cast<std::uint8_t>(kind));
  out.number(static_cast<std::uint32_t>(alerts.size()));
  for (const std::string& alert : alerts) out.text(alert);
  more.save(out);
  out.number(static_cast<std::uint8_t>(began_as ? 1 + static_cast<int>(*began_as) : 0));
  out.number(seconds);
  out.signed_number(milliseconds_of(created));
  out.number(number);
  out.number(attempts);
  out.signed_number(milliseconds_of(next_try));
  out.text(why);
}

Message Message::load(ByteReader& in) {
  Message message;
  message.id = in.text();
  message.sink = in.text();
  message.kind = in.number<std::uint8_t>() == 1 ? Kind::kDigest : Kind::kAlerts;
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.has(count - i, sizeof(std::uint32_t)); ++i) message.alerts.push_back(in.text());
  message.more = Counts::load(in);
  if (const auto began_as = in.number<std::uint8_t>(); began_as > 0 && began_as <= event::kSeverities) message.began_as = static_cast<event::Severity>(began_as - 1);
  message.seconds = in.number<std::uint32_t>();
  message.created = time_of(in.signed_number());
  message.number = in.number<std::uint64_t>();
  message.attempts = in.number<std::uint64_t>();
  message.next_try = time_of(in.signed_number());
  message.why = in.text();
  return message;
}

MessageView::MessageView(const Message& from) : message(from) {
  for (const std::string& alert : from.alerts)
    if (auto view = alerts::view_of(alert)) alerts.push_back(std::move(*view));
  severity = from.more.gravest();
  for (const AlertView& alert : alerts) severity = std::max(severity, alert.severity);
  if (is_end() && from.began_as) severity = *from.began_as;
  count = alerts.size() + from.more.total();
  if (from.kind == Message::Kind::kDigest) {
    title = fmt::format("{} more findings in the last {}", with_commas(count), describe(std::chrono::seconds{from.seconds}));
    sentence = fmt::format("{}: {}.", title, from.more.in_words());
  } else if (count > 1 && !alerts.empty()) {
    title = fmt::format("{} findings: {}", with_commas(count), first().title);
    sentence = fmt::format("{} findings, the first: {}", with_commas(count), first().sentence);
  } else if (!alerts.empty()) {
    title = first().title;
    sentence = first().sentence;
  }
}

Message sample_message(const std::string& sink, AppendTime now) {
  const std::string time = format_time(std::chrono::floor<std::chrono::seconds>(now)), id = uuid_of_parts({"sample", sink, time});
  const nlohmann::ordered_json alert{
      {"version", "0"}, {"id", id}, {"detail-type", "Trailwarden Finding"}, {"source", "trailwarden"}, {"account", "111122223333"}, {"time", time}, {"region", "us-east-1"},
      {"resources", nlohmann::ordered_json::array()},
      {"detail", {{"schemaVersion", "1.0"}, {"kind", "finding"}, {"detector", "notify_test"}, {"what", "sample"}, {"title", "Test of a notification"}, {"severity", "low"},
                  {"sentence", "This is a test of the sink " + sink + "; nothing has happened."}, {"normal", "Nothing but tests sends this."}, {"late", false}, {"entity", "trailwarden notify test"},
                  {"account", "111122223333"}, {"region", "us-east-1"}, {"principal", {{"type", "IAMUser"}, {"arn", "arn:aws:iam::111122223333:user/nobody"}}},
                  {"attack", nlohmann::ordered_json::array()}, {"cis", nlohmann::ordered_json::array()}, {"firstEventTime", time}, {"lastEventTime", time}, {"count", 1},
                  {"records", nlohmann::ordered_json::array()}}}};
  return {.id = uuid_of_parts({sink, id}), .sink = sink, .alerts = {alert.dump()}, .created = now, .next_try = now};
}

}  // namespace trailwarden::notify
