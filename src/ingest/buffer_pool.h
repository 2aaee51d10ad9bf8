#pragma once

#include <cstddef>
#include <memory>

namespace trailwarden::ingest {

/// Writable memory that lives as long as someone has `hold`. event::kPadding readable bytes follow it.
struct Buffer {
  std::shared_ptr<const void> hold;
  char* data = nullptr;
  std::size_t size = 0;
};

/// Memory for what is read, reused when nobody holds it any more, so that a steady stream allocates nothing large.
///
/// Small buffers are cut from a common block, for folders of many small files. Free blocks of up to 4 MiB are kept, 32
/// MiB in all. Owned by one thread; buffers may be let go on any.
class BufferPool {
 public:
  BufferPool();

  /// Uninitialised memory for at least `bytes`.
  Buffer take(std::size_t bytes);

 private:
  struct Store;
  struct Block;
  std::shared_ptr<Block> take_block(std::size_t bytes);

  std::shared_ptr<Store> store_;
  std::shared_ptr<Block> common_;  // where small buffers come from
  std::size_t common_used_ = 0;
};

}  // namespace trailwarden::ingest
