#include "stream/file_log.h"

#include <cerrno>

#include <nlohmann/json.hpp>

namespace trailwarden::stream {
namespace {

/// One line of a dead-letter index: the headers, and where the value's bytes stand.
std::string index_line(const Outgoing& message, std::uint64_t position) {
  nlohmann::ordered_json line;
  for (const auto& [name, value] : message.headers) line[name] = value;
  line["quarantineOffset"] = position;
  line["bytes"] = message.value.size();
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void LineFile::Close::operator()(std::FILE* file) const {
  if (file != stdout) std::fclose(file);
}

Result<LineFile> LineFile::create(const std::string& path) {
  if (path == "-") return LineFile(path, stdout);
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return fail(io_error("open for writing", path, errno));
  return LineFile(path, file);
}

Result<void> LineFile::flush() {
  if (waiting_.empty()) return {};
  const bool written = std::fwrite(waiting_.data(), 1, waiting_.size(), file_.get()) == waiting_.size();
  if (!written || std::fflush(file_.get()) != 0) return fail(io_error("write", path_, errno));
  waiting_.clear();
  return {};
}

Result<void> FileLog::write_topic(std::string_view topic, const std::string& path) {
  auto file = LineFile::create(path);
  if (!file) return fail(std::move(file).error());
  Topic made{std::move(*file), nullptr};
  if (topic == kDeadLetterTopic && path != "-") {
    auto index = LineFile::create(path + ".index.jsonl");
    if (!index) return fail(std::move(index).error());
    made.index = std::make_unique<LineFile>(std::move(*index));
  }
  topics_.insert_or_assign(std::string(topic), std::move(made));
  return {};
}

void FileLog::append(Outgoing message) {
  const auto found = topics_.find(message.topic);
  if (found == topics_.end()) return;
  Topic& topic = found->second;
  if (topic.index != nullptr) topic.index->put(index_line(message, topic.written));
  topic.file.put(message.value);
  topic.written += message.value.size() + 1;
}

Result<void> FileLog::commit(const std::vector<Position>&) {
  for (auto& [name, topic] : topics_) {
    if (auto flushed = topic.file.flush(); !flushed) return flushed;
    if (topic.index == nullptr) continue;
    if (auto flushed = topic.index->flush(); !flushed) return flushed;
  }
  return {};
}

}  // namespace trailwarden::stream
