#include "archive/epoch.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace trailwarden::archive {
namespace {

/// Whether a log file can hold it. Asked of what the decoder refuses only.
bool is_json_object(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{' && nlohmann::json::accept(text);
}

/// Of an alert: its envelope says what kind it is, before anything that a record could have put there.
bool is_insight(std::string_view alert) { return alert.substr(0, alert.find(R"("detail":)")).find(R"("detail-type":"AWS Insight via CloudTrail")") != std::string_view::npos; }

}  // namespace

ArchiveCounts& ArchiveCounts::operator+=(const ArchiveCounts& more) {
  read += more.read;
  archived += more.archived;
  unwanted += more.unwanted;
  skipped += more.skipped;
  unarchivable += more.unarchivable;
  fallback += more.fallback;
  return *this;
}

std::string to_string(const EpochRange& range) { return fmt::format("{}/{}/{}-{}", range.topic, range.partition, range.from, range.to); }

std::optional<EpochRange> parse_epoch_range(std::string_view text) {
  const std::size_t last = text.rfind('/');
  const std::size_t middle = last == 0 || last == std::string_view::npos ? std::string_view::npos : text.rfind('/', last - 1);
  const std::size_t dash = last == std::string_view::npos ? last : text.find('-', last);
  if (middle == std::string_view::npos || dash == std::string_view::npos) return std::nullopt;
  const auto partition = parse_decimal<std::int32_t>(text.substr(middle + 1, last - middle - 1));
  const auto from = parse_decimal<std::int64_t>(text.substr(last + 1, dash - last - 1)), to = parse_decimal<std::int64_t>(text.substr(dash + 1));
  if (!partition || !from || !to) return std::nullopt;
  return EpochRange{std::string(text.substr(0, middle)), *partition, *from, *to};
}

/// Routes what a message holds.
class Epoch::Sink final : public ingest::RecordSink {
 public:
  explicit Sink(Epoch& epoch) : epoch_(epoch) {}

  event::CloudTrailEvent& next() override { return event_; }
  void accept(std::uint64_t) override { epoch_.route(event_); }

  void refuse(event::Refusal, std::string_view raw, std::uint64_t) override {
    ++epoch_.counts_.read;
    if (!is_json_object(raw)) {
      ++epoch_.counts_.unarchivable;
      return;
    }
    for (std::size_t i = 0; i < epoch_.destinations_.size(); ++i) epoch_.add(epoch_.destinations_[i].router.route_of_undecodable(), i, raw, std::nullopt);
    ++epoch_.counts_.archived;
    ++epoch_.counts_.fallback;
  }

  void skip(ingest::Skip skip, std::string_view raw, std::uint64_t) override {
    if (skip == ingest::Skip::kInsight && route_insight(epoch_, raw, event_)) return;
    ++epoch_.counts_.read;
    ++epoch_.counts_.skipped;
  }

  static bool route_insight(Epoch& epoch, std::string_view raw, event::CloudTrailEvent& event) {
    event::Arena arena;
    const std::string padded = std::string(raw) + std::string(event::kPadding, '\0');
    if (event::Decoder().decode(std::string_view(padded).substr(0, raw.size()), arena, event) != event::Refusal::kNone) return false;
    epoch.route(event);
    return true;
  }

 private:
  Epoch& epoch_;
  event::CloudTrailEvent event_;
};

/// Takes the Insight out of an alert's envelope. What else an alert holds looks like all kinds of things, records of what was found among them: none of it is looked at.
class Epoch::AlertSink final : public ingest::RecordSink {
 public:
  explicit AlertSink(Epoch& epoch) : epoch_(epoch) {}

  event::CloudTrailEvent& next() override { return event_; }
  void accept(std::uint64_t) override {}
  void refuse(event::Refusal, std::string_view, std::uint64_t) override {}
  void skip(ingest::Skip skip, std::string_view raw, std::uint64_t) override {
    has_insight_ = has_insight_ || (skip == ingest::Skip::kInsight && Sink::route_insight(epoch_, raw, event_));
  }
  bool has_insight() const { return has_insight_; }

 private:
  Epoch& epoch_;
  event::CloudTrailEvent event_;
  bool has_insight_ = false;
};

bool Epoch::ends_before(std::optional<AppendTime> at) const { return slot_ && at && *at >= *slot_ + rules_.length; }

void Epoch::take(const stream::Message& message, ingest::RecordReader& reader, event::Arena& arena) {
  begin(message);
  arena.clear();
  Sink sink(*this);
  reader.read(message, arena, sink);
}

void Epoch::take_alert(const stream::Message& message, ingest::RecordReader& reader, event::Arena& arena) {
  begin(message);
  AlertSink sink(*this);
  if (is_insight(message.value)) {
    arena.clear();
    reader.read(message, arena, sink);
  }
  if (sink.has_insight()) return;
  ++counts_.read;
  ++counts_.skipped;
}

void Epoch::begin(const stream::Message& message) {
  if (!has_message_) {
    has_message_ = true;
    range_.from = message.offset;
    if (message.append_time) slot_ = Timestamp{std::chrono::floor<std::chrono::seconds>(message.append_time->time_since_epoch()) / rules_.length * rules_.length};
  }
  range_.to = message.offset + 1;
  bytes_ += message.value.size();
}

void Epoch::route(const event::CloudTrailEvent& event) {
  bool is_archived = false, is_fallback = false;
  for (std::size_t i = 0; i < destinations_.size(); ++i) {
    const auto route = destinations_[i].router.route(event);
    if (!route) continue;
    add(*route, i, event.raw, event.event_time);
    is_archived = true;
    is_fallback = is_fallback || route->is_fallback;
  }
  ++counts_.read;
  ++(is_archived ? counts_.archived : counts_.unwanted);
  counts_.fallback += is_fallback ? 1 : 0;
}

void Epoch::add(const trail::RecordRoute& route, std::size_t destination, std::string_view record, std::optional<Timestamp> event_time) {
  auto& parts = bodies_[{destination, route.kind, std::string(route.account), std::string(route.region)}];
  const std::uint64_t most = destinations_[destination].trail.epoch.max_bytes;
  if (parts.empty() || (!parts.back().empty() && parts.back().size() + 1 + record.size() > most)) parts.emplace_back();
  parts.back().add(record, event_time);  // records are smaller than any object may be
}

GatheredEpoch Epoch::close() {
  GatheredEpoch out;
  out.range = range_;
  out.delivered = slot_ ? *slot_ + rules_.length : Timestamp{};
  out.counts = std::exchange(counts_, {});
  for (auto& [key, parts] : bodies_) {
    const auto& [destination, kind, account, region] = key;
    const trail::TrailConfig& trail = destinations_[destination].trail;
    const trail::Place place{account, region};
    for (std::size_t part = 0; part < parts.size(); ++part) {
      const std::string identity =
          fmt::format("{}/{}/{}/{}/{}/{}/{}/{}", range_.topic, range_.partition, range_.from, trail.name, trail::to_string(kind), account, region, part);
      out.objects.push_back({destination, kind, place, trail::log_key(trail.names(), kind, place, out.delivered, trail::unique_part(identity)), std::move(parts[part])});
    }
  }
  bodies_.clear();
  range_.from = range_.to = 0;
  has_message_ = false;
  slot_.reset();
  bytes_ = 0;
  return out;
}

}  // namespace trailwarden::archive
