#include "ingest/buffer_pool.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "event/decoder.h"

namespace trailwarden::ingest {
namespace {

constexpr std::size_t kSmallestBlock = 320 * 1024;  // a chunk of 256 KiB with what was left of the line before
constexpr std::size_t kSmall = 32 * 1024;           // at most this is cut from the common block
constexpr std::size_t kLargestKept = std::size_t{4} << 20;
constexpr std::size_t kMostKept = std::size_t{32} << 20;

}  // namespace

struct BufferPool::Block {
  std::unique_ptr<char[]> bytes;
  std::size_t size = 0;  // without padding
};

/// The free blocks. Outlives the pool while buffers are held.
struct BufferPool::Store {
  std::mutex mutex;
  std::vector<Block> free;
  std::size_t free_bytes = 0;

  Block take(std::size_t size) {
    {
      const std::lock_guard lock(mutex);
      const auto found = std::find_if(free.rbegin(), free.rend(), [size](const Block& b) { return b.size == size; });
      if (found != free.rend()) {
        Block block = std::move(*found);
        free.erase(std::next(found).base());
        free_bytes -= size;
        return block;
      }
    }
    Block block{std::make_unique_for_overwrite<char[]>(size + event::kPadding), size};
    std::memset(block.bytes.get() + size, 0, event::kPadding);
    return block;
  }

  void give_back(Block block) {
    const std::lock_guard lock(mutex);
    if (block.size > kLargestKept || free_bytes + block.size > kMostKept) return;
    free_bytes += block.size;
    free.push_back(std::move(block));
  }
};

BufferPool::BufferPool() : store_(std::make_shared<Store>()) {}

std::shared_ptr<BufferPool::Block> BufferPool::take_block(std::size_t bytes) {
  const std::size_t size = bytes <= kSmallestBlock ? kSmallestBlock
                           : bytes <= kLargestKept ? std::bit_ceil(bytes)
                                                   : bytes;
  return {new Block(store_->take(size)), [store = store_](Block* block) {
            store->give_back(std::move(*block));
            delete block;
          }};
}

Buffer BufferPool::take(std::size_t bytes) {
  if (bytes > kSmall) {
    auto block = take_block(bytes);
    char* const data = block->bytes.get();
    const std::size_t size = block->size;
    return {std::move(block), data, size};
  }
  if (!common_ || common_->size - common_used_ < bytes) {
    common_ = take_block(kSmallestBlock);
    common_used_ = 0;
  }
  char* const data = common_->bytes.get() + common_used_;
  common_used_ += bytes;
  return {common_, data, bytes};
}

}  // namespace trailwarden::ingest
