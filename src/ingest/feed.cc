#include "ingest/feed.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ingest/event_time_scan.h"

namespace trailwarden::ingest {
namespace {

/// Documents one after another that are put in order together. A single one may be larger.
constexpr std::size_t kWindowBytes = std::size_t{64} << 20;

class StampedFeed final : public Feed {
 public:
  StampedFeed(Timestamp time, Sender sender, std::unique_ptr<DocumentStream> stream)
      : Feed(time, std::move(sender), std::move(stream)) {}

  void deliver(const Limit&, BatchBuilder& batch) override {
    Slice slice;
    while (!batch.full()) {
      ended_ = !next_slice(slice);
      if (ended_) return;
      batch.add(sender_, slice);
    }
  }
};

class FaultFeed final : public Feed {
 public:
  FaultFeed(Timestamp time, Sender sender, Slice slice)
      : Feed(time, std::move(sender), nullptr), slice_(std::move(slice)) {}

  void deliver(const Limit&, BatchBuilder& batch) override {
    batch.add(sender_, slice_);
    ended_ = true;
  }

 private:
  Slice slice_;
};

/// Lines in their order.
class LineFeed final : public Feed {
 public:
  LineFeed(Timestamp position, Sender sender, std::unique_ptr<DocumentStream> stream, std::size_t chunk_bytes)
      : Feed(position, std::move(sender), std::move(stream), chunk_bytes) {
    next_chunk();
  }

  void deliver(const Limit& limit, BatchBuilder& batch) override {
    while (!ended_ && !batch.full() && limit.allows(time_)) {
      const std::size_t end = limit.none ? chunk_.value.size() : run_end(limit);
      Slice run = chunk_;
      run.value = chunk_.value.substr(at_, end - at_);
      run.byte_offset += at_;
      batch.add(sender_, run);
      at_ = end;
      if (at_ == chunk_.value.size()) next_chunk();
    }
  }

 private:
  void next_chunk() {
    ended_ = !next_slice(chunk_);
    at_ = 0;
    look_at_line();
  }

  /// Finds the end of the line at `at_`, and moves the time to it.
  void look_at_line() {
    line_end_ = chunk_.value.size();
    if (ended_ || chunk_.fault != stream::SourceFault::kNone) return;
    const std::string_view rest = chunk_.value.substr(at_);
    const std::size_t newline = rest.find('\n');
    if (newline != std::string_view::npos) line_end_ = at_ + newline + 1;
    if (const auto time = record_time(rest.substr(0, newline))) time_ = std::max(time_, *time);
  }

  /// The end of the lines that the limit allows, from the one at `at_` on, which it does.
  std::size_t run_end(const Limit& limit) {
    const std::size_t begin = at_;
    while (limit.allows(time_)) {
      at_ = line_end_;
      if (at_ == chunk_.value.size()) break;
      look_at_line();
    }
    const std::size_t end = at_;
    at_ = begin;
    return end;
  }

  Slice chunk_;
  std::size_t at_ = 0, line_end_ = 0;  // of the next line, in the chunk
};

/// Records of documents, in order of time.
class SortedFeed final : public Feed {
 public:
  SortedFeed(Timestamp position, Sender sender, std::unique_ptr<DocumentStream> stream, WaitingRoom& room)
      : Feed(position, std::move(sender), std::move(stream)), room_(room) {
    move_on();
  }

  void deliver(const Limit& limit, BatchBuilder& batch) override {
    while (!ended_ && !batch.full() && limit.allows(time_)) {
      batch.add(sender_, next_);
      move_on();
    }
  }

 private:
  /// Goes to the next part, of these documents or the next ones, or to the fault behind them.
  void move_on() {
    while (true) {
      if (seat_ && next_part()) return;
      seat_.reset();
      if (fault_.fault != stream::SourceFault::kNone) {
        next_ = std::exchange(fault_, {});
        return;
      }
      if (!has_stream()) break;
      take_documents();
    }
    ended_ = true;
  }

  bool next_part() {
    Part part;
    next_ = {};
    const auto got = seat_->next(part, next_.hold);
    if (!got) fault_ = {.fault = stream::SourceFault::kUnreadable, .fault_detail = got.error().message};
    if (!got || !*got) return false;
    next_.value = part.text;
    next_.byte_offset = part.offset;
    time_ = std::max(time_, part.time);
    return true;
  }

  /// Takes documents apart, up to the size of a window or to a fault.
  void take_documents() {
    auto parts = std::make_shared<Parts>();
    Slice slice;
    while (parts->bytes() < kWindowBytes && fault_.fault == stream::SourceFault::kNone && has_stream()) {
      if (!next_slice(slice))
        close_stream();
      else if (slice.fault != stream::SourceFault::kNone)
        fault_ = std::move(slice);
      else
        parts->add(slice);
    }
    parts->sort(time_);
    seat_ = room_.take(std::move(parts));
  }

  WaitingRoom& room_;
  std::unique_ptr<WaitingRoom::Seat> seat_;
  Slice next_, fault_;
};

}  // namespace

void BatchBuilder::begin(stream::MessageBatch& batch) {
  batch.clear();
  batch_ = &batch;
  ++batch_number_;
  bytes_ = 0;
}

void BatchBuilder::add(Sender& sender, const Slice& slice) {
  if (sender.in_batch != batch_number_) {
    sender.in_batch = batch_number_;
    batch_->holds.push_back(sender.name);
  }
  if (slice.hold && batch_->holds.back() != slice.hold) batch_->holds.push_back(slice.hold);
  batch_->messages.push_back({.partition = 0,
                              .offset = next_offset_++,
                              .append_time = sender.append_time,
                              .origin = *sender.name,
                              .origin_id = sender.id,
                              .byte_offset = slice.byte_offset,
                              .value = slice.value,
                              .fault = slice.fault,
                              .fault_detail = slice.fault_detail});
  bytes_ += slice.value.size();
}

std::unique_ptr<Feed> feed_at(Timestamp time, Sender sender, std::unique_ptr<DocumentStream> stream) {
  return std::make_unique<StampedFeed>(time, std::move(sender), std::move(stream));
}

std::unique_ptr<Feed> feed_of_fault(Timestamp time, Sender sender, const Error& error) {
  const auto fault =
      error.code == ErrorCode::kMalformed ? stream::SourceFault::kDamagedGzip : stream::SourceFault::kUnreadable;
  return std::make_unique<FaultFeed>(time, std::move(sender), Slice{.fault = fault, .fault_detail = error.message});
}

std::unique_ptr<Feed> feed_by_time(Timestamp position, Sender sender, std::unique_ptr<DocumentStream> stream,
                                   std::size_t chunk_bytes, WaitingRoom& room) {
  if (stream->framing() == DocumentStream::Framing::kLines)
    return std::make_unique<LineFeed>(position, std::move(sender), std::move(stream), chunk_bytes);
  return std::make_unique<SortedFeed>(position, std::move(sender), std::move(stream), room);
}

namespace {

/// The earliest eventTime of a slice, if there is one.
std::optional<Timestamp> earliest_in(const Slice& slice) {
  if (const auto time = earliest_event_time(slice.value)) return time;
  Parts parts;  // no time can be seen in what is packed
  parts.add(slice);
  return parts.earliest();
}

}  // namespace

Timestamp find_position(DocumentStream& stream) {
  Slice slice;
  if (stream.framing() == DocumentStream::Framing::kLines)
    return stream.next(slice) ? first_event_time(slice.value).value_or(kBeginningOfTime) : kBeginningOfTime;
  Timestamp earliest = kEndOfTime;
  while (stream.next(slice)) earliest = std::min(earliest, earliest_in(slice).value_or(kEndOfTime));
  return earliest == kEndOfTime ? kBeginningOfTime : earliest;
}

}  // namespace trailwarden::ingest
