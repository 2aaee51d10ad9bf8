#include "ingest/object_read_ahead.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/thread.h"
#include "trail/patiently.h"

namespace trailwarden::ingest {
namespace {

/// A fault of the store as a reader tells it: what is gone or refused costs this object only.
Result<std::string> piece_of(trail::StoreResult<std::string> got) {
  if (!got) return fail(trail::to_error(std::move(got.error())));
  return std::move(*got);
}

class ObjectSource final : public ByteSource {
 public:
  ObjectSource(ObjectToRead object, std::string first) : object_(std::move(object)), piece_(std::move(first)) {
    // What came at once is the object, whatever the list said of it.
    if (object_.bytes <= object_.piece_bytes) object_.bytes = piece_.size();
  }

  Result<std::size_t> read(std::span<char> room) override {
    if (room.empty() || expected() == 0) return std::size_t{0};
    if (in_piece_ == piece_.size()) {
      if (auto got = next_piece(); !got) return fail(std::move(got).error());
    }
    const std::size_t size = std::min(room.size(), piece_.size() - in_piece_);
    std::memcpy(room.data(), piece_.data() + in_piece_, size);
    in_piece_ += size;
    taken_ += size;
    if (in_piece_ == piece_.size()) rest();
    return size;
  }

  std::uint64_t expected() override { return object_.bytes - taken_; }
  std::uint64_t taken() const override { return taken_; }

  void rest() override {
    piece_ = {};
    in_piece_ = 0;
  }

 private:
  Result<void> next_piece() {
    const std::uint64_t bytes = std::min(object_.piece_bytes, object_.bytes - taken_);
    auto got = piece_of(trail::patiently([&] { return object_.store->get_range(object_.key, taken_, bytes); }));
    if (!got) return fail(std::move(got).error());
    if (got->empty()) return fail(ErrorCode::kIo, object_.store->name() + "/" + object_.key + " has become shorter while it was read");
    piece_ = std::move(*got);
    in_piece_ = 0;
    return {};
  }

  ObjectToRead object_;
  std::string piece_;
  std::size_t in_piece_ = 0;
  std::uint64_t taken_ = 0;
};

}  // namespace

Result<std::string> download_first(const ObjectToRead& object) {
  if (object.bytes == 0) return std::string();
  return piece_of(trail::patiently([&]() -> trail::StoreResult<std::string> {
    if (object.bytes > object.piece_bytes) return object.store->get_range(object.key, 0, object.piece_bytes);
    return object.store->get(object.key).map([](trail::StoredObject&& whole) { return std::move(whole.bytes); });
  }));
}

std::unique_ptr<ByteSource> read_object(ObjectToRead object, std::string first) { return std::make_unique<ObjectSource>(std::move(object), std::move(first)); }

ObjectReadAhead::~ObjectReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ObjectReadAhead::plan(std::vector<std::uint32_t> order, Describe describe) {
  if (threads_.empty() && !order.empty()) start_threads();
  {
    const std::lock_guard lock(mutex_);
    order_ = std::move(order);
    describe_ = std::move(describe);
    at_ = 0;
    downloads_.clear();
    held_ = 0;
    find_next();
  }
  changed_.notify_all();
}

void ObjectReadAhead::start_threads() {
  for (unsigned i = 0; i < threads_wanted_; ++i) {
    auto thread = start_thread("object-reader", [this] { run(); });
    if (!thread) return;
    threads_.push_back(std::move(*thread));
  }
}

void ObjectReadAhead::find_next() {
  next_.reset();
  if (at_ < order_.size()) next_ = describe_(order_[at_]);
}

void ObjectReadAhead::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return may_begin(); });
    if (stop_) return;
    const ObjectToRead object = std::move(*next_);
    auto download = std::make_shared<Download>();
    download->bytes = object.first_bytes();
    held_ += download->bytes;
    downloads_[order_[at_++]] = download;
    find_next();
    lock.unlock();
    changed_.notify_all();  // there may be room for the next one
    auto got = download_first(object);
    lock.lock();
    download->got = std::move(got);
    changed_.notify_all();
  }
}

Result<std::string> ObjectReadAhead::take(std::uint32_t number, const ObjectToRead& object) {
  std::unique_lock lock(mutex_);
  const auto found = downloads_.find(number);
  if (found == downloads_.end()) {
    // Not begun: there was no room, or no thread.
    if (at_ < order_.size() && order_[at_] == number) {
      ++at_;
      find_next();
    }
    lock.unlock();
    return download_first(object);
  }
  const std::shared_ptr<Download> download = found->second;
  changed_.wait(lock, [&] { return download->got.has_value(); });
  downloads_.erase(number);
  held_ -= download->bytes;
  lock.unlock();
  changed_.notify_all();
  return std::move(*download->got);
}

}  // namespace trailwarden::ingest
