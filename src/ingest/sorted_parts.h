#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "event/decoder.h"
#include "ingest/document_stream.h"
#include "ingest/temporary_file.h"
#include "ingest/unwrap.h"

namespace trailwarden::ingest {

/// A part of a document: a record, or what is told in its place.
struct Part {
  Timestamp time{};
  std::string_view text;
  std::uint64_t offset = 0;
};

/// Documents taken apart, with the memory that the parts live in.
class Parts final : public LeafSink {
 public:
  /// Takes the values of a slice apart.
  void add(const Slice& slice);

  /// Puts the parts in order of time. What has none takes that of what it followed, else the first one there is, else
  /// `otherwise`; equal times keep their order.
  void sort(Timestamp otherwise);

  const std::vector<Part>& parts() const { return parts_; }
  /// Bytes of the slices.
  std::size_t bytes() const { return bytes_; }
  /// Of all parts that have a time of their own.
  std::optional<Timestamp> earliest() const;

  void leaf(const Leaf& leaf) override;
  void skip(Skip skip, std::string_view raw, std::uint64_t offset) override;

 private:
  void add(std::string_view text, std::uint64_t offset, std::optional<Timestamp> time);

  event::Arena arena_;
  std::vector<std::shared_ptr<const void>> holds_;
  std::vector<Part> parts_;  // kBeginningOfTime where there is no time, until `sort`
  std::size_t bytes_ = 0;
};

/// Where the sorted parts of all open documents wait for their turn: in memory up to 64 MiB, or as long as there is
/// only one; what is more, in a temporary file. So a merge takes the same memory however many documents overlap in
/// time.
class WaitingRoom {
 public:
  explicit WaitingRoom(BufferPool& pool, std::size_t most_in_memory = std::size_t{64} << 20)
      : pool_(pool), most_in_memory_(most_in_memory) {}

  /// Parts of one origin, in order, front to back. Outlived by its room.
  class Seat {
   public:
    virtual ~Seat() = default;
    /// The next part, and what keeps its text alive. False at the end. kIo if the temporary file cannot be read.
    virtual Result<bool> next(Part& part, std::shared_ptr<const void>& hold) = 0;
  };
  std::unique_ptr<Seat> take(std::shared_ptr<const Parts> parts);

 private:
  class MemorySeat;
  class FileSeat;
  Result<std::unique_ptr<Seat>> write(const Parts& parts);

  BufferPool& pool_;
  const std::size_t most_in_memory_;
  std::size_t in_memory_ = 0;  // bytes of the documents that wait there
  std::optional<TemporaryFile> file_;
};

}  // namespace trailwarden::ingest
