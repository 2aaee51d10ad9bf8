#include "ingest/file_source.h"

#include <algorithm>
#include <utility>

namespace trailwarden::ingest {
namespace {

/// What may be inflated at once of an origin that is delivered at once, or is the only one open.
constexpr std::size_t kWholeBytes = std::size_t{64} << 20;
/// What is inflated at once to see where an origin begins.
constexpr std::size_t kWholeBytesToLook = 256 * 1024;
/// What the chunks of all open origins come to, about.
constexpr std::size_t kAllChunks = std::size_t{8} << 20;
constexpr std::size_t kSmallestChunk = 16 * 1024;
/// With more origins open than this, their descriptors are closed between reads.
constexpr std::size_t kMostDescriptors = 128;

/// What may be inflated at once of the `open`th origin that is open: all of them together stay below twice the first
/// one's share.
std::size_t whole_bytes_for(std::size_t open) { return kWholeBytes / (open * open); }

std::size_t chunk_bytes_for(std::size_t open) {
  return std::clamp(kAllChunks / open, kSmallestChunk, DocumentStream::kChunkBytes);
}

}  // namespace

Result<std::unique_ptr<FileSource>> FileSource::open(const std::vector<std::string>& paths, FileSourceOptions options) {
  if (paths.empty()) return fail(ErrorCode::kInvalidArgument, "no input: name files, folders or - for standard input");
  auto tools = std::make_unique<ReadTools>();
  auto list = OriginList::list(paths, *tools, options.buckets);
  if (!list) return fail(std::move(list).error());
  std::unique_ptr<FileSource> source(new FileSource(std::move(options), std::move(tools), std::move(*list)));
  if (source->options_.leave_out) source->list_.leave_out(source->options_.leave_out);
  source->list_.sort();
  source->find_positions();
  source->list_.will_open(OriginList::Which::kAll);
  source->total_bytes_ = source->list_.total_bytes();
  return source;
}

/// Where the origins without a stamp begin. A stream is not looked into: it is opened first, and then says itself.
/// Neither is a single origin.
void FileSource::find_positions() {
  if (list_.origins().size() == 1) return;
  list_.will_open(OriginList::Which::kWithoutStamp);
  for (Origin& origin : list_.origins()) {
    if (origin.stamped || origin.kind == Origin::Kind::kStream || origin.kind == Origin::Kind::kFault) continue;
    const auto stream = open_stream(origin, kWholeBytesToLook);
    if (stream) origin.position = find_position(**stream);
  }
  list_.will_open_none();
  list_.sort();
}

Result<std::unique_ptr<DocumentStream>> FileSource::open_stream(const Origin& origin, std::size_t whole_bytes) {
  auto bytes = list_.open(origin, whole_bytes);
  if (!bytes) return fail(std::move(bytes).error());
  return std::make_unique<DocumentStream>(
      std::move(*bytes), tools_->pool,
      DocumentStream::Options{.max_document_bytes = options_.max_document_bytes, .whole_bytes = whole_bytes});
}

bool FileSource::goes_before(std::size_t a, Timestamp time_a, std::size_t b, Timestamp time_b) const {
  if (time_a != time_b) return time_a < time_b;
  if (list_.name_less(origin(a), origin(b))) return true;
  return !list_.name_less(origin(b), origin(a)) && a < b;
}

Result<bool> FileSource::poll(stream::MessageBatch& batch) {
  batch_.begin(batch);
  while (!batch_.full()) {
    while (next_is_due()) open_next();
    if (open_.empty()) break;
    deliver();
  }
  return !batch_.empty();
}

bool FileSource::next_is_due() const {
  if (next_ == list_.origins().size()) return false;
  return open_.empty() || goes_before(next_, origin(next_).position, open_.front().origin, open_.front().feed->time());
}

void FileSource::open_next() {
  Open open{next_, make_feed(next_)};
  ++next_;
  if (open.feed->ended()) return count_bytes(open);
  if (open_.size() > kMostDescriptors) open.feed->rest();
  open_.push_back(std::move(open));
  std::push_heap(open_.begin(), open_.end(), [this](const Open& a, const Open& b) {
    return goes_before(b.origin, b.feed->time(), a.origin, a.feed->time());
  });
}

std::unique_ptr<Feed> FileSource::make_feed(std::size_t number) {
  const Origin& origin = list_.origins()[number];
  Sender sender{.name = std::make_shared<const std::string>(list_.name(origin)),
                .id = static_cast<std::uint32_t>(number)};
  const std::size_t open = open_.size() + 1;
  auto stream = open_stream(origin, origin.stamped ? kWholeBytes : whole_bytes_for(open));
  if (!stream) return feed_of_fault(origin.position, std::move(sender), stream.error());
  if (!origin.stamped)
    return feed_by_time(origin.position, std::move(sender), std::move(*stream), chunk_bytes_for(open), room_);
  sender.append_time = origin.position;
  return feed_at(origin.position, std::move(sender), std::move(*stream));
}

/// How far origin `number`, which is not in the heap, may go before another one is due.
Limit FileSource::limit_for(std::size_t number) const {
  std::size_t other = next_;
  Limit limit;
  if (next_ < list_.origins().size()) limit = {origin(next_).position, true, false};
  if (!open_.empty() &&
      (limit.none || goes_before(open_.front().origin, open_.front().feed->time(), next_, limit.time))) {
    other = open_.front().origin;
    limit = {open_.front().feed->time(), true, false};
  }
  if (!limit.none) limit.inclusive = goes_before(number, limit.time, other, limit.time);
  return limit;
}

void FileSource::deliver() {
  const auto later = [this](const Open& a, const Open& b) {
    return goes_before(b.origin, b.feed->time(), a.origin, a.feed->time());
  };
  std::pop_heap(open_.begin(), open_.end(), later);
  Open due = std::move(open_.back());
  open_.pop_back();
  due.feed->set_chunk_bytes(chunk_bytes_for(open_.size() + 1));
  due.feed->deliver(limit_for(due.origin), batch_);
  count_bytes(due);
  if (due.feed->ended()) return;
  if (open_.size() > kMostDescriptors) due.feed->rest();
  open_.push_back(std::move(due));
  std::push_heap(open_.begin(), open_.end(), later);
}

/// Counts what was taken of an origin; at its end all of it, read or not.
void FileSource::count_bytes(Open& open) {
  const std::uint64_t taken = open.feed->taken();
  const std::uint64_t now = open.feed->ended() ? std::max(taken, origin(open.origin).size) : taken;
  batch_.add_source_bytes(now - open.counted);
  open.counted = now;
  if (open.feed->ended()) ended_.push_back(static_cast<std::uint32_t>(open.origin));
}

}  // namespace trailwarden::ingest
