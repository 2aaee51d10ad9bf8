#include "pipeline/settle_buffer.h"

#include <algorithm>
#include <tuple>

namespace trailwarden::pipeline {
namespace {

/// Heap order: the earliest (time, eventID, text) on top. The text decides between records without an id.
bool later(const SettleBuffer::Held& a, const SettleBuffer::Held& b) {
  return std::tie(b.time, b.event_id, b.record) < std::tie(a.time, a.event_id, a.record);
}

}  // namespace

void SettleBuffer::hold(const event::CloudTrailEvent& event, Timestamp time) {
  heap_.push_back({time, std::string(event.event_id), std::string(event.raw), std::string(event.place.origin), event.place});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

bool SettleBuffer::take_before(std::int64_t minute, Held& out) {
  if (heap_.empty()) return false;
  const bool closed = minute_of(heap_.front().time) < minute;
  if (!closed && heap_.size() <= kMaxHeld) return false;
  taken_early_ += closed ? 0 : 1;
  std::pop_heap(heap_.begin(), heap_.end(), later);
  out = std::move(heap_.back());
  heap_.pop_back();
  out.place.origin = out.origin;
  return true;
}

std::size_t SettleBuffer::forget(const event::ForgottenPrincipal& principal) {
  const std::size_t dropped = std::erase_if(heap_, [&](const Held& held) { return principal.is_named_by(held.record); });
  if (dropped > 0) std::make_heap(heap_.begin(), heap_.end(), later);
  return dropped;
}

void SettleBuffer::save(ByteWriter& out) const {
  std::vector<const Held*> order;
  for (const Held& held : heap_) order.push_back(&held);
  std::sort(order.begin(), order.end(), [](const Held* a, const Held* b) { return later(*b, *a); });
  out.number(taken_early_);
  out.number(static_cast<std::uint64_t>(order.size()));
  for (const Held* held : order) {
    out.time(held->time);
    out.text(held->event_id);
    out.text(held->record);
    out.text(held->origin);
    out.number(held->place.record_number);
    out.number(held->place.byte_offset);
    out.number(static_cast<std::uint32_t>(held->place.partition));
    out.signed_number(held->place.offset);
  }
}

Result<void> SettleBuffer::load(ByteReader& in) {
  heap_.clear();
  taken_early_ = in.number<std::uint64_t>();
  const auto count = in.number<std::uint64_t>();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    Held held;
    held.time = in.time();
    held.event_id = in.text();
    held.record = in.text();
    held.origin = in.text();
    held.place.record_number = in.number<std::uint64_t>();
    held.place.byte_offset = in.number<std::uint64_t>();
    held.place.partition = static_cast<std::int32_t>(in.number<std::uint32_t>());
    held.place.offset = in.signed_number();
    heap_.push_back(std::move(held));
  }
  std::make_heap(heap_.begin(), heap_.end(), later);
  if (!in.ok()) return fail(ErrorCode::kMalformed, "held records end too early");
  return {};
}

std::size_t SettleBuffer::memory_bytes() const {
  std::size_t total = heap_.capacity() * sizeof(Held);
  for (const Held& held : heap_) total += held.event_id.capacity() + held.record.capacity() + held.origin.capacity();
  return total;
}

}  // namespace trailwarden::pipeline
