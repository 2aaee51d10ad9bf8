#include "ingest/sorted_parts.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "ingest/event_time_scan.h"

namespace trailwarden::ingest {
namespace {

/// Above this, parts without a time are not kept apart any more.
constexpr std::size_t kMostParts = std::size_t{1} << 20;
/// Read from the temporary file at a time, and written.
constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kWriteBytes = 256 * 1024;

/// How a part stands in the temporary file: this, then its text.
struct PartHeader {
  std::int64_t time = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

}  // namespace

void Parts::add(const Slice& slice) {
  bytes_ += slice.value.size();
  if (holds_.empty() || holds_.back() != slice.hold) holds_.push_back(slice.hold);
  unwrap(slice.value, slice.byte_offset, arena_, *this);
}

void Parts::leaf(const Leaf& leaf) {
  if (!leaf.text.empty()) add(leaf.text, leaf.offset, record_time(leaf.text));
}

void Parts::skip(Skip, std::string_view raw, std::uint64_t offset) { add(raw, offset, std::nullopt); }

void Parts::add(std::string_view text, std::uint64_t offset, std::optional<Timestamp> time) {
  const bool too_many = !time && parts_.size() >= kMostParts && parts_.back().time == kBeginningOfTime;
  if (too_many && text.data() >= parts_.back().text.data() + parts_.back().text.size()) {
    std::string_view& last = parts_.back().text;
    last = {last.data(), static_cast<std::size_t>(text.data() + text.size() - last.data())};
    return;
  }
  parts_.push_back({time.value_or(kBeginningOfTime), text, offset});
}

std::optional<Timestamp> Parts::earliest() const {
  std::optional<Timestamp> earliest;
  for (const Part& part : parts_)
    if (part.time != kBeginningOfTime) earliest = std::min(earliest.value_or(part.time), part.time);
  return earliest;
}

void Parts::sort(Timestamp otherwise) {
  const auto first =
      std::find_if(parts_.begin(), parts_.end(), [](const Part& p) { return p.time != kBeginningOfTime; });
  Timestamp time = first == parts_.end() ? otherwise : first->time;
  for (Part& part : parts_) {
    if (part.time == kBeginningOfTime) part.time = time;
    time = part.time;
  }
  std::stable_sort(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) { return a.time < b.time; });
}

class WaitingRoom::MemorySeat final : public Seat {
 public:
  MemorySeat(WaitingRoom& room, std::shared_ptr<const Parts> parts) : room_(room), parts_(std::move(parts)) {
    room_.in_memory_ += parts_->bytes();
  }
  ~MemorySeat() override { room_.in_memory_ -= parts_->bytes(); }

  Result<bool> next(Part& part, std::shared_ptr<const void>& hold) override {
    if (at_ == parts_->parts().size()) return false;
    part = parts_->parts()[at_++];
    hold = parts_;
    return true;
  }

 private:
  WaitingRoom& room_;
  std::shared_ptr<const Parts> parts_;
  std::size_t at_ = 0;
};

class WaitingRoom::FileSeat final : public Seat {
 public:
  FileSeat(std::unique_ptr<ByteSource> source, BufferPool& pool) : window_(std::move(source), pool, 0) {}

  Result<bool> next(Part& part, std::shared_ptr<const void>& hold) override {
    PartHeader header;
    if (!ensure(sizeof header)) return failed_or_over();
    std::memcpy(&header, window_.unread().data(), sizeof header);
    window_.drop(sizeof header);
    if (!ensure(static_cast<std::size_t>(header.size))) return failed_or_over();
    part = {Timestamp{std::chrono::seconds{header.time}}, window_.take(static_cast<std::size_t>(header.size), hold),
            header.offset};
    return true;
  }

 private:
  bool ensure(std::size_t bytes) {
    if (window_.unread().size() < bytes) window_.ensure(std::max(bytes, kReadBytes));
    return window_.unread().size() >= bytes;
  }
  Result<bool> failed_or_over() const {
    if (const auto& failure = window_.failure()) return fail(*failure);
    return false;
  }

  ByteWindow window_;
};

std::unique_ptr<WaitingRoom::Seat> WaitingRoom::take(std::shared_ptr<const Parts> parts) {
  if (in_memory_ > 0 && in_memory_ + parts->bytes() > most_in_memory_) {
    if (auto seat = write(*parts)) return std::move(*seat);
    // No disk to wait on: memory, then.
  }
  return std::make_unique<MemorySeat>(*this, std::move(parts));
}

Result<std::unique_ptr<WaitingRoom::Seat>> WaitingRoom::write(const Parts& parts) {
  if (!file_) {
    auto created = TemporaryFile::create();
    if (!created) return fail(std::move(created).error());
    file_ = std::move(*created);
  }
  const std::uint64_t begin = file_->size();
  std::string waiting;
  for (const Part& part : parts.parts()) {
    const PartHeader header{part.time.time_since_epoch().count(), part.offset, part.text.size()};
    waiting.append(reinterpret_cast<const char*>(&header), sizeof header).append(part.text);
    if (waiting.size() < kWriteBytes) continue;
    if (auto written = file_->append(waiting); !written) return fail(std::move(written).error());
    waiting.clear();
  }
  if (auto written = file_->append(waiting); !written) return fail(std::move(written).error());
  return std::make_unique<FileSeat>(read_range(file_->file(), begin, file_->size() - begin), pool_);
}

}  // namespace trailwarden::ingest
