#include "pipeline/partition.h"

#include "core/bytes.h"
#include "core/hash.h"
#include "event/cell_name.h"
#include "pipeline/judged_now.h"
#include "pipeline/message_size.h"

namespace trailwarden::pipeline {

void RangeCounts::add(const RangeCounts& other) {
  static constexpr std::array kCounts{&RangeCounts::read,    &RangeCounts::judged, &RangeCounts::duplicate, &RangeCounts::refused,
                                      &RangeCounts::skipped, &RangeCounts::late,   &RangeCounts::misrouted};
  for (const auto count : kCounts) this->*count += other.*count;
}

/// Judges what the record reader finds in a message.
class Partition::Sink final : public ingest::RecordSink {
 public:
  Sink(Partition& partition, const stream::Message& message, JudgeTools& tools, Counting& counting, PartitionOutput& output)
      : partition_(partition), message_(message), tools_(tools), totals_(counting.totals), out_(output), cell_output_(tools.output(output.alerts, counting)), silence_(partition.silence_to(counting.totals, output.alerts)) {}

  event::CloudTrailEvent& next() override { return partition_.slot_.event; }

  void accept(std::uint64_t byte_offset) override {
    Slot& slot = partition_.slot_;
    event::CloudTrailEvent& event = slot.event;
    event.place = {.origin = message_.origin, .record_number = ++records_, .byte_offset = byte_offset, .partition = message_.partition, .offset = message_.offset};
    ++out_.counts.read;
    slot.time = partition_.watermark_.clamp(event.event_time, message_.append_time);
    slot.watermark = partition_.watermark_.observe(slot.time);
    if (tools_.cell.take(event) || is_first_) partition_.misrouted_ = partition_.is_misrouted(tools_.cell.name());
    is_first_ = false;
    slot.cell = tools_.cell.hash();
    totals_.clamped += slot.time != event.event_time ? 1 : 0;
    totals_.duplicate_keys += event.duplicate_keys;
    out_.counts.misrouted += partition_.misrouted_ ? 1 : 0;
    if (partition_.silence_)
      partition_.silence_->observe(event, slot.cell, slot.time, partition_.watermark_.log_time(message_.append_time), tools_.minute_pass, silence_);
    partition_.shard_.advance(slot.watermark, cell_output_);
    count(slot, partition_.shard_.judge(slot, cell_output_));
  }

  void refuse(event::Refusal refusal, std::string_view raw, std::uint64_t byte_offset) override {
    ++out_.counts.read;
    ++out_.counts.refused;
    ++totals_.refused[static_cast<std::size_t>(refusal)];
    dead_letter(event::to_string(refusal), raw, ++records_, byte_offset);
  }

  void skip(ingest::Skip skip, std::string_view raw, std::uint64_t byte_offset) override {
    if (skip == ingest::Skip::kByOperator) dead_letter(to_string(skip), raw, records_ + 1, byte_offset);
    ++records_;
    ++out_.counts.read;
    ++out_.counts.skipped;
    ++totals_.skipped[static_cast<std::size_t>(skip)];
  }

 private:
  void count(const Slot& slot, bool judged) {
    ++(judged ? out_.counts.judged : out_.counts.duplicate);
    ++(judged ? totals_.judged : totals_.duplicate);
    if (!judged || !slot.event.late) return;
    ++out_.counts.late;
    ++totals_.late;
    totals_.late_over_two_hours += slot.event.event_time + std::chrono::hours{2} < slot.watermark ? 1 : 0;
    if (!partition_.settings_.keep_late) return;
    keep({.topic = std::string(stream::kLateTopic),
          .key = tools_.cell.name(),
          .value = std::string(slot.event.raw),
          .headers = place(slot.event.place.record_number, slot.event.place.byte_offset)});
  }

  void dead_letter(std::string_view reason, std::string_view raw, std::uint64_t record_number, std::uint64_t byte_offset) {
    std::vector<std::pair<std::string, std::string>> headers = place(record_number, byte_offset);
    headers.insert(headers.begin(), {"reason", std::string(reason)});
    if (!message_.fault_detail.empty()) headers.emplace_back("detail", message_.fault_detail);
    keep({.topic = std::string(stream::kDeadLetterTopic), .key = {}, .value = std::string(raw), .headers = std::move(headers)});
  }

  void keep(stream::Outgoing message) {
    cut_to_fit(message, partition_.settings_.cells.max_message_bytes);
    out_.others.push_back(std::move(message));
  }

  std::vector<std::pair<std::string, std::string>> place(std::uint64_t record_number, std::uint64_t byte_offset) const {
    return {{"origin", std::string(message_.origin)},
            {"partition", std::to_string(message_.partition)},
            {"offset", std::to_string(message_.offset)},
            {"record", std::to_string(record_number)},
            {"byteOffset", std::to_string(byte_offset)}};
  }

  Partition& partition_;
  const stream::Message& message_;
  JudgeTools& tools_;
  Totals& totals_;
  PartitionOutput& out_;
  CellOutput cell_output_;
  SilenceVoice silence_;
  std::uint64_t records_ = 0;
  bool is_first_ = true;  // the tools may come from another partition
};

void Partition::judge(const stream::Message& message, JudgeTools& tools, Counting& counting, PartitionOutput& output) {
  const JudgedNow now(message);
  ++counting.totals.messages;
  counting.totals.message_bytes += message.value.size();
  const std::uint64_t before = output.counts.read;
  Sink sink(*this, message, tools, counting, output);
  arena_.clear();
  if (message.has_value) tools.reader.read(message, arena_, sink);
  else sink.skip(ingest::Skip::kNullValue, {}, 0);
  counting.totals.read += output.counts.read - before;
}

void Partition::skip(const stream::Message& message, JudgeTools& tools, Counting& counting, PartitionOutput& output) {
  ++counting.totals.messages;
  ++counting.totals.read;
  Sink(*this, message, tools, counting, output).skip(ingest::Skip::kByOperator, message.value, 0);
}

bool Partition::tick(Timestamp watermark, JudgeTools& tools, Counting& counting, PartitionOutput& output) {
  if (watermark <= watermark_.value()) return false;
  CellOutput cell_output = tools.output(output.alerts, counting);
  const auto raise = [&](Timestamp to) {
    watermark_.raise(to);
    shard_.advance(watermark_.value(), cell_output);
  };
  if (silence_ && silence_->minute() != INT64_MIN) {
    // Minute by minute: of several ticks only the last one is kept, and it must come to the same as all of them.
    SilenceVoice voice = silence_to(counting.totals, output.alerts);
    const auto behind = settings_.cells.lateness + settings_.tick_grace;
    for (std::int64_t minute = silence_->minute() + 1; minute <= minute_of(watermark + behind); ++minute) {
      const Timestamp now{std::chrono::minutes{minute}};
      raise(now - behind);
      silence_->tick(now, tools.minute_pass, voice);
    }
  }
  raise(watermark);
  return true;
}

SilenceVoice Partition::silence_to(Totals& totals, std::vector<Alert>& alerts) {
  return {alerts, totals, settings_.cells.max_message_bytes, [this](std::string_view account, std::string_view region, std::int64_t from, std::int64_t until) {
            shard_.freeze(event::cell_hash(account, region), account, region, from, until);
          }};
}

Result<std::size_t> Partition::bring(const SavedCells& cells, bool replace) {
  std::size_t taken = 0;
  for (const SavedCell& cell : cells) {
    if (is_misrouted(cell.name()) || (!replace && shard_.has(cell.account, cell.region))) continue;
    if (auto put = shard_.put(cell); !put) return fail(std::move(put).error());
    ++taken;
  }
  if (silence_) {
    std::vector<Alert> none;
    Totals uncounted;
    SilenceVoice voice = silence_to(uncounted, none);
    silence_->freeze_again(voice);
  }
  return taken;
}

bool Partition::is_misrouted(const std::string& cell) const {
  return partitions_ > 1 && static_cast<std::int32_t>((murmur2(cell) & 0x7fffffffU) % static_cast<std::uint32_t>(partitions_)) != number_;
}

std::string Partition::save() const {
  ByteWriter out;
  out.time(watermark_.newest());
  shard_.save(out);
  out.number(std::uint8_t{silence_.has_value()});
  if (silence_) {
    ByteWriter silence;
    silence_->save(silence);
    out.number(xxh3_64(silence.bytes()));
    out.text(silence.bytes());
  }
  return std::move(out).bytes();
}

Result<void> Partition::load(std::string_view bytes) {
  ByteReader in(bytes);
  watermark_.restore(in.time());
  if (auto loaded = shard_.load(in); !loaded) return loaded;
  if (in.remaining() == 0) return {};  // saved before there were silences
  return load_silence(in);
}

void Partition::change_silence() {
  const CellSettings& cells = settings_.cells;
  if (!cells.silence.enabled) silence_.reset();
  else if (silence_) silence_->follow(cells.silence, cells.insights.config);
  else silence_.emplace(cells.silence, cells.insights.config);
}

Result<void> Partition::load_silence(ByteReader& in) {
  const auto saved = in.number<std::uint8_t>();
  if (saved > 1) return fail(ErrorCode::kMalformed, "silence: neither there nor not");
  const auto hash = saved == 1 ? in.number<std::uint64_t>() : 0;
  const std::string_view bytes = saved == 1 ? in.view(in.number<std::uint32_t>()) : std::string_view();
  if (auto finished = in.finish(); !finished) return finished;
  if (saved == 1 && xxh3_64(bytes) != hash) return fail(ErrorCode::kMalformed, "silence: its checksum does not fit");
  if (saved == 0 || !silence_) return {};  // switched on, or off, since then
  ByteReader state(bytes);
  std::vector<Alert> none;
  Totals uncounted;
  SilenceVoice voice = silence_to(uncounted, none);
  auto loaded = silence_->load(state, voice).and_then([&] { return state.finish(); });
  if (!loaded) return fail(std::move(loaded).error().during("silence"));
  return {};
}

}  // namespace trailwarden::pipeline
