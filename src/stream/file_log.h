#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "stream/log.h"

namespace trailwarden::stream {

/// Appends lines to a file, or to standard output for `-`. What was put waits in memory until `flush`.
class LineFile {
 public:
  /// Creates or truncates `path`. kIo with the path.
  static Result<LineFile> create(const std::string& path);

  void put(std::string_view line) { waiting_.append(line).push_back('\n'); }
  /// Hands what waits to the operating system, in one write where it takes it whole.
  Result<void> flush();

 private:
  struct Close {
    void operator()(std::FILE* file) const;
  };
  LineFile(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::string waiting_;
};

/// The first implementation of `Log`: messages from a source, each topic to a file of its own.
///
/// A message becomes one line with its value's bytes. For the dead-letter topic, whose values may hold anything, `PATH.index.jsonl` beside
/// the file says for each where its bytes stand there and where they came from. A topic without a file is dropped: the
/// caller did not ask for it.
///
/// Files have no transactions: a commit writes its lines and is done. A run that is killed is run again from the start.
class FileLog final : public Log {
 public:
  explicit FileLog(std::unique_ptr<MessageSource> source) : source_(std::move(source)) {}

  /// Where a topic's messages go; `-` is standard output.
  Result<void> write_topic(std::string_view topic, const std::string& path);

  Result<bool> poll(MessageBatch& batch) override { return source_->poll(batch); }
  void append(Outgoing message) override;
  Result<void> commit(const std::vector<Position>& positions) override;

 private:
  struct Topic {
    LineFile file;
    std::unique_ptr<LineFile> index;  // dead letters only
    std::uint64_t written = 0;        // bytes put so far
  };

  std::unique_ptr<MessageSource> source_;
  std::map<std::string, Topic, std::less<>> topics_;
};

}  // namespace trailwarden::stream
