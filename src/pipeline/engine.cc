#include "pipeline/engine.h"

#include <algorithm>

#include "core/check.h"
#include "event/cell_name.h"
#include "pipeline/judge_tools.h"

namespace trailwarden::pipeline {

/// What one thread decodes and judges with.
struct Engine::Worker {
  explicit Worker(const CellSettings& settings) : tools(settings), counting(settings) {}

  JudgeTools tools;
  Counting counting;
};

/// Puts what the record reader finds in a message into the batch.
class Engine::DecodeSink final : public ingest::RecordSink {
 public:
  DecodeSink(const Engine& engine, Batch& batch, Worker& worker) : engine_(engine), batch_(batch), worker_(worker) {}

  void begin(std::uint32_t message) {
    message_ = message;
    records_ = 0;
  }
  std::uint64_t records() const { return records_; }

  event::CloudTrailEvent& next() override {
    if (batch_.slot_count == batch_.slots.size()) batch_.slots.emplace_back();
    return batch_.slots[batch_.slot_count].event;
  }

  void accept(std::uint64_t byte_offset) override {
    Slot& slot = batch_.slots[batch_.slot_count];
    event::CloudTrailEvent& event = slot.event;
    const EngineOptions& options = engine_.options_;
    if ((options.since && event.event_time < *options.since) || (options.until && event.event_time >= *options.until)) {
      note({.kind = Notice::Kind::kOutsideTimeRange, .byte_offset = byte_offset, .raw = event.raw});
      return;
    }
    const stream::Message& message = batch_.input.messages[message_];
    event.place = {.origin = message.origin, .record_number = ++records_, .byte_offset = byte_offset, .partition = message.partition,
                   .offset = message.offset};
    slot.message = message_;
    slot.time = engine_.watermark_.clamp(event.event_time, message.append_time);
    worker_.tools.cell.take(event);
    slot.cell = worker_.tools.cell.hash();
    batch_.by_owner[engine_.owner_of(slot.cell)].push_back(static_cast<std::uint32_t>(batch_.slot_count));
    batch_.totals.clamped += slot.time != event.event_time ? 1 : 0;
    batch_.totals.duplicate_keys += event.duplicate_keys;
    ++batch_.slot_count;
  }

  void refuse(event::Refusal refusal, std::string_view raw, std::uint64_t byte_offset) override {
    note({.kind = Notice::Kind::kRefused, .refusal = refusal, .byte_offset = byte_offset, .raw = raw});
  }

  void skip(ingest::Skip skip, std::string_view raw, std::uint64_t byte_offset) override {
    note({.kind = Notice::Kind::kSkipped, .skip = skip, .byte_offset = byte_offset, .raw = raw});
  }

 private:
  void note(Notice notice) {
    notice.message = message_;
    notice.record_number = ++records_;
    batch_.notices.push_back(notice);
  }

  const Engine& engine_;
  Batch& batch_;
  Worker& worker_;
  std::uint32_t message_ = 0;
  std::uint64_t records_ = 0;
};

Engine::Engine(stream::Log& log, EngineOptions options, std::vector<detectors::ConfiguredDetector> detectors, EngineObserver& observer)
    : log_(log), options_(options), observer_(observer),
      cell_settings_{std::move(detectors), options.lateness, options.settle, options.max_record_bytes, options.max_message_bytes, {options.insights, 0}, options.silence, options.suppressions},
      watermark_(options.lateness, options.future_skew) {
  cell_settings_.insights.open_minutes = cell_settings_.open_minutes() + 1;
  if (options.silence.enabled) silence_.emplace(options.silence, options.insights);
  shards_.reserve(options_.shards);
  for (std::size_t i = 0; i < options_.shards; ++i) shards_.emplace_back(cell_settings_);
  for (std::size_t i = 0; i < options_.threads; ++i) workers_.push_back(std::make_unique<Worker>(cell_settings_));
}

Engine::~Engine() = default;

Result<void> Engine::load(const SavedCells& cells) {
  std::optional<Timestamp> newest;
  for (const SavedCell& cell : cells) {
    if (auto put = shards_[cell.hash() % options_.shards].put(cell); !put) return put;
    newest = newest ? std::min(*newest, cell.newest) : cell.newest;
  }
  if (newest) watermark_.restore(*newest);
  loaded_until_ = newest;
  return {};
}

std::optional<Engine::Break> Engine::break_before() const {
  if (!loaded_until_ || !first_record_ || *loaded_until_ == kBeginningOfTime || *first_record_ <= *loaded_until_ + options_.lateness) return std::nullopt;
  return Break{*loaded_until_, *first_record_};
}

SavedCells Engine::save() const {
  SavedCells cells;
  for (const Shard& shard : shards_) shard.save_cells(watermark_.newest(), cells);
  auto sorted = in_order(std::move(cells));
  TRAILWARDEN_CHECK(sorted.has_value(), "a cell is in one shard");
  return std::move(*sorted);
}

Result<Totals> Engine::run(const std::atomic<bool>& stop) {
  stop_ = &stop;
  Conveyor conveyor(*this, options_.threads);
  conveyor.run();
  if (write_error_) return fail(std::move(*write_error_));
  if (read_error_) return fail(std::move(*read_error_));
  for (const auto& worker : workers_) totals_.add(worker->counting.totals);
  totals_.add(sealed_);
  for (const Shard& shard : shards_) shard.add_to(totals_);
  return totals_;
}

void Engine::read(Batch& batch) {
  if (!stop_->load(std::memory_order_relaxed) && !cannot_write_.load()) {
    auto more = log_.poll(batch.input);
    if (more && *more) return;
    if (!more) read_error_ = std::move(more).error().during("read input");
  }
  batch.input.clear();
  batch.last = true;
}

void Engine::decode(Batch& batch, std::size_t thread) {
  Worker& worker = *workers_[thread];
  DecodeSink sink(*this, batch, worker);
  batch.totals.source_bytes += batch.input.source_bytes;
  for (std::uint32_t i = 0; i < batch.input.messages.size(); ++i) {
    const stream::Message& message = batch.input.messages[i];
    sink.begin(i);
    worker.tools.reader.read(message, batch.arena, sink);
    batch.records_of_message.push_back(sink.records());
    batch.totals.messages += 1;
    batch.totals.message_bytes += message.value.size();
    batch.totals.read += sink.records();
  }
  for (const Notice& notice : batch.notices) {
    switch (notice.kind) {
      case Notice::Kind::kRefused: ++batch.totals.refused[static_cast<std::size_t>(notice.refusal)]; break;
      case Notice::Kind::kSkipped: ++batch.totals.skipped[static_cast<std::size_t>(notice.skip)]; break;
      case Notice::Kind::kOutsideTimeRange: ++batch.totals.outside_time_range; break;
    }
  }
}

void Engine::seal(Batch& batch) {
  if (!first_record_ && batch.slot_count > 0) first_record_ = batch.slots[0].time;
  // Records are numbered within their origin, and an origin's messages may be spread over batches.
  std::vector<std::uint64_t>& before = batch.records_of_message;  // becomes: records of the origin before this message
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::uint32_t origin = batch.input.messages[i].origin_id;
    if (origin >= records_of_origin_.size()) records_of_origin_.resize(origin + 1, 0);
    records_of_origin_[origin] += std::exchange(before[i], records_of_origin_[origin]);
  }
  for (std::size_t i = 0; i < batch.slot_count; ++i) batch.slots[i].event.place.record_number += before[batch.slots[i].message];
  for (Notice& notice : batch.notices) notice.record_number += before[notice.message];

  if (silence_) watch_for_silence(batch);
  else
    for (std::size_t i = 0; i < batch.slot_count; ++i) batch.slots[i].watermark = watermark_.observe(batch.slots[i].time);
  batch.watermark = batch.last ? kEndOfTime : watermark_.value();
}

/// Needs all cells in the order of the log, so it is done here, before they part.
void Engine::watch_for_silence(Batch& batch) {
  SilenceVoice voice(batch.sealed_alerts, sealed_, cell_settings_.max_message_bytes,
                     [&batch](std::string_view account, std::string_view region, std::int64_t from, std::int64_t until) {
                       batch.frozen.push_back({event::cell_hash(account, region), std::string(account), std::string(region), from, until});
                     });
  for (std::size_t i = 0; i < batch.slot_count; ++i) {
    Slot& slot = batch.slots[i];
    slot.watermark = watermark_.observe(slot.time);
    silence_->observe(slot.event, slot.cell, slot.time, watermark_.log_time(batch.input.messages[slot.message].append_time), silence_pass_, voice);
  }
}

void Engine::judge(Batch& batch, std::size_t thread) {
  Worker& worker = *workers_[thread];
  CellOutput output = worker.tools.output(batch.alerts[thread], worker.counting);
  Totals& totals = worker.counting.totals;
  for (const Frozen& frozen : batch.frozen)
    if (owner_of(frozen.cell) == thread) shards_[frozen.cell % options_.shards].freeze(frozen.cell, frozen.account, frozen.region, frozen.from, frozen.until);
  for (const std::uint32_t number : batch.by_owner[thread]) {
    Slot& slot = batch.slots[number];
    const bool judged = shards_[slot.cell % options_.shards].judge(slot, output);
    ++(judged ? totals.judged : totals.duplicate);
    if (!judged || !slot.event.late) continue;
    ++totals.late;
    totals.late_over_two_hours += slot.event.event_time + std::chrono::hours{2} < slot.watermark ? 1 : 0;
    batch.late[thread].push_back(number);
  }
  for (std::size_t shard = thread; shard < shards_.size(); shard += options_.threads) {
    if (batch.last && !options_.keep_open) shards_[shard].finish(output);
    else if (!batch.last) shards_[shard].advance(batch.watermark, output);
  }
}

void Engine::write_notice(const Batch& batch, const Notice& notice) {
  if (notice.kind != Notice::Kind::kRefused) return;
  const stream::Message& message = batch.input.messages[notice.message];
  observer_.refused(notice.refusal, message.origin, notice.record_number, notice.byte_offset, message.fault_detail);
  log_.append({.topic = std::string(stream::kDeadLetterTopic),
               .key = {},
               .value = std::string(notice.raw),
               .headers = {{"reason", std::string(event::to_string(notice.refusal))},
                           {"origin", std::string(message.origin)},
                           {"record", std::to_string(notice.record_number)},
                           {"byteOffset", std::to_string(notice.byte_offset)}}});
}

void Engine::commit(Batch& batch) {
  if (write_error_) return;
  for (const Notice& notice : batch.notices) write_notice(batch, notice);

  std::vector<Alert> alerts = std::move(batch.sealed_alerts);
  for (auto& alerts_of_owner : batch.alerts) std::move(alerts_of_owner.begin(), alerts_of_owner.end(), std::back_inserter(alerts));
  std::sort(alerts.begin(), alerts.end(), [](const Alert& a, const Alert& b) {
    return std::tie(a.decision_time, a.id) < std::tie(b.decision_time, b.id);
  });
  for (Alert& alert : alerts) log_.append(std::move(alert.message));

  std::vector<std::uint32_t> late;
  for (const auto& late_of_owner : batch.late) late.insert(late.end(), late_of_owner.begin(), late_of_owner.end());
  std::sort(late.begin(), late.end());
  for (const std::uint32_t number : late)
    log_.append({.topic = std::string(stream::kLateTopic), .key = {}, .value = std::string(batch.slots[number].event.raw), .headers = {}});

  if (!batch.input.messages.empty()) {
    const stream::Message& newest = batch.input.messages.back();
    positions_.assign(1, {newest.partition, newest.offset + 1});
  }
  if (auto committed = log_.commit(positions_); !committed) {
    write_error_ = std::move(committed).error().during("write output");
    cannot_write_ = true;
    return;
  }
  totals_.add(batch.totals);
  observer_.committed(totals_);
}

}  // namespace trailwarden::pipeline
