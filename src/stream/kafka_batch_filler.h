#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "stream/kafka_handles.h"
#include "stream/log.h"

namespace trailwarden::stream::kafka {

/// Copies messages of the library into a batch, values one behind the other, so that the library's own memory goes back at once.
///
/// Buffers are taken up again once nobody holds their batch any more: in a steady state nothing is allocated. Threads: one, on which batches are let go
/// of too.
class BatchFiller {
 public:
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
  static constexpr std::size_t kReadableBehind = 64;  // `Message::value`

  /// The next batch begins.
  void begin() { current_ = nullptr; }

  /// Appends the message; headers only if asked for. The views hold as long as the batch.
  Message& add(const rd_kafka_message_t& from, bool with_headers, MessageBatch& batch);

 private:
  struct Buffer {
    explicit Buffer(std::size_t size) : capacity(size), bytes(new char[size + kReadableBehind]()) {}
    std::size_t capacity, used = 0;
    std::unique_ptr<char[]> bytes;
  };

  std::string_view keep(const void* bytes, std::size_t size, MessageBatch& batch);
  void take_buffer(std::size_t size, MessageBatch& batch);

  std::vector<std::shared_ptr<Buffer>> pool_;
  Buffer* current_ = nullptr;  // held by the batch being filled
};

}  // namespace trailwarden::stream::kafka
