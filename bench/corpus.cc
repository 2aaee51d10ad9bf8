#include "corpus.h"

#include <cstring>
#include <filesystem>
#include <set>
#include <stdexcept>

#include <simdjson.h>

#include "core/time.h"
#include "event/decoder.h"
#include "ingest/file_source.h"
#include "ingest/record_reader.h"

namespace trailwarden::bench {
namespace {

/// Collects the raw text of records, each eventID once.
class Collector final : public ingest::RecordSink {
 public:
  explicit Collector(std::vector<std::string>& lines) : lines_(lines) {}
  event::CloudTrailEvent& next() override { return event_; }
  void accept(std::uint64_t) override {
    if (!ids_.emplace(event_.event_id).second) return;
    std::string line(event_.raw.size(), '\0');
    std::size_t size = 0;
    if (simdjson::minify(event_.raw.data(), event_.raw.size(), line.data(), size) != simdjson::SUCCESS) throw std::runtime_error("a record cannot be minified");
    line.resize(size);
    lines_.push_back(std::move(line));
  }
  void refuse(event::Refusal, std::string_view, std::uint64_t) override {}
  void skip(ingest::Skip, std::string_view, std::uint64_t) override {}

 private:
  std::vector<std::string>& lines_;
  std::set<std::string> ids_;
  event::CloudTrailEvent event_;
};

Records load() {
  namespace fs = std::filesystem;
  const fs::path shared = fs::path(TRAILWARDEN_SHARED_DIR) / "data" / "real";
  const fs::path own = fs::path(TRAILWARDEN_SOURCE_DIR) / "tests" / "data" / "records";
  Records records;
  records.source = fs::exists(shared) ? "shared/data/real" : "tests/data/records";
  auto source = ingest::FileSource::open({(fs::exists(shared) ? shared : own).string()}, {});
  if (!source) throw std::runtime_error(source.error().message);
  stream::MessageBatch batch;
  event::Arena arena;
  ingest::RecordReader reader;
  Collector collector(records.lines);
  while (true) {
    const auto more = (*source)->poll(batch);
    if (!more) throw std::runtime_error(more.error().message);
    if (!*more) break;
    for (const stream::Message& message : batch.messages) reader.read(message, arena, collector);
    arena.clear();
    batch.clear();
  }
  if (records.lines.empty()) throw std::runtime_error("no records to measure with");
  return records;
}

/// Writes `value` as decimal digits over the last `width` characters before `end`.
void write_digits(char* end, std::uint64_t value, int width) {
  for (int i = 0; i < width; ++i, value /= 10) *--end = static_cast<char>('0' + value % 10);
}

/// Replaces the value of `"name":"` in `line`, wherever it is first, by `text` of the same length.
void overwrite(std::string& line, std::string_view name, std::string_view text) {
  const std::size_t at = line.find(name);
  if (at != std::string::npos) std::memcpy(line.data() + at + name.size(), text.data(), text.size());
}

}  // namespace

const Records& real_records() {
  static const Records records = load();
  return records;
}

Lines repeated(const Records& records, std::size_t bytes, std::size_t accounts) {
  Lines out;
  out.text.reserve(bytes + (1 << 20));
  // Ten records a second of event time, which is a busy account, whatever the records' own times were.
  const Timestamp start = *parse_event_time("2024-01-01T00:00:00Z");
  while (out.text.size() < bytes) {
    for (const std::string& original : records.lines) {
      std::string line = original;
      const std::uint64_t number = out.records++;
      overwrite(line, "\"eventTime\":\"", format_time(start + std::chrono::seconds{number / 10}));
      // Twelve digits at the end of the id (some were edited by hand: not all have 36 characters) make it new in every round.
      if (const std::size_t at = line.find("\"eventID\":\""); at != std::string::npos) write_digits(line.data() + line.find('"', at + 11), number, 12);
      if (accounts > 0) {
        char account[13] = "100000000000";
        write_digits(account + 12, number % accounts, 6);
        overwrite(line, "\"recipientAccountId\":\"", std::string_view(account, 12));
        overwrite(line, "\"accountId\":\"", std::string_view(account, 12));
      }
      out.text.append(line).push_back('\n');
      if (out.text.size() >= bytes) break;
    }
  }
  out.size = out.text.size();
  out.text.append(event::kPadding, ' ');
  return out;
}

Result<bool> MemoryLog::poll(stream::MessageBatch& batch) {
  constexpr std::size_t kMessage = 256 * 1024;
  batch.clear();
  if (position_ >= text_.size()) return false;
  std::size_t end = std::min(position_ + kMessage, text_.size());
  end = std::min(text_.find('\n', end - 1), text_.size() - 1) + 1;
  batch.messages.push_back({.offset = offset_++, .origin = "memory", .byte_offset = position_, .value = text_.substr(position_, end - position_)});
  batch.source_bytes = end - position_;
  position_ = end;
  return true;
}

std::uint64_t read_ten_fields(std::string_view lines) {
  using namespace simdjson;
  static thread_local ondemand::parser parser;
  std::uint64_t seen = 0;
  const auto take = [&seen](simdjson_result<ondemand::value> value) {
    std::string_view text;
    if (value.get(text) == SUCCESS) seen += text.size();
  };
  for (std::size_t begin = 0; begin < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', begin), lines.size());
    ondemand::document document;
    ondemand::object record;
    if (parser.iterate(lines.data() + begin, end - begin, end - begin + SIMDJSON_PADDING).get(document) == SUCCESS &&
        document.get_object().get(record) == SUCCESS) {
      take(record["eventVersion"]);
      ondemand::object identity;
      if (record["userIdentity"].get(identity) == SUCCESS) {
        take(identity["type"]);
        take(identity["principalId"]);
        take(identity["arn"]);
      }
      take(record["eventTime"]);
      take(record["eventSource"]);
      take(record["eventName"]);
      take(record["awsRegion"]);
      take(record["sourceIPAddress"]);
      take(record["eventID"]);
    }
    begin = end + 1;
  }
  return seen;
}

}  // namespace trailwarden::bench
