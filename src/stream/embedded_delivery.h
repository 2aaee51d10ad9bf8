#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"
#include "stream/embedded_store.h"

namespace trailwarden::stream {

/// Makes a file of JSON lines equal to a topic: each message's value is one line, once, in order, also if the process
/// or the machine stops at any point. The file may be renamed, removed or emptied by others (logrotate); then what was
/// not written yet goes to a new one, or behind what is left. Nobody else writes to it: what stands behind our last
/// line when we start is taken for what a crash left there.
///
/// How: messages are committed first. Then lines are written at the position on record, the file is synced, and only
/// then the record moves on. After a crash the same bytes are written to the same place. A file that begins anew is put
/// on record before anything is written to it.
class LineDelivery {
 public:
  /// `store` outlives it.
  LineDelivery(EmbeddedStore& store, std::string topic, std::string path)
      : store_(&store), topic_(std::move(topic)), path_(std::move(path)) {}
  ~LineDelivery();
  LineDelivery(const LineDelivery&) = delete;
  LineDelivery& operator=(const LineDelivery&) = delete;

  /// Finds out what the file holds, and makes file and record one again. kIo with the path.
  Result<void> open();
  /// Writes what was committed and does not stand in the file. After an error it may be called again.
  Result<void> catch_up();
  /// Whether there is anything to write.
  bool behind() const { return done_.next_offset < store_->end(topic_); }

 private:
  Result<void> place();
  Result<void> adopt(int descriptor);
  Result<void> write(std::string_view lines);
  Result<void> cut_behind();
  void close();

  EmbeddedStore* store_;
  std::string topic_, path_;
  int descriptor_ = -1;
  EmbeddedStore::Delivered done_;
};

}  // namespace trailwarden::stream
