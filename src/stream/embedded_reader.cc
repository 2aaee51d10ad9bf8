#include "stream/embedded_reader.h"

#include <algorithm>
#include <utility>

#include "stream/embedded_headers.h"
#include "stream/embedded_journal_row.h"
#include "stream/embedded_schema.h"

namespace trailwarden::stream {
namespace {

constexpr std::size_t kPageBytes = std::size_t{1} << 20;
constexpr std::size_t kPageMessages = 1024;
constexpr std::size_t kPadding = 64;

Error gone(std::string_view topic, std::int64_t offset) {
  return {ErrorCode::kNotFound,
          std::string(topic) + ": what stood at offset " + std::to_string(offset) + " was trimmed"};
}

AppendTime time_of(std::int64_t ms) { return AppendTime{std::chrono::milliseconds{ms}}; }

/// The input, from the journal: a row a read.
class JournalReader final : public PartitionReader {
 public:
  static Result<std::unique_ptr<PartitionReader>> open(const std::string& path, std::int64_t from, std::int64_t to,
                                                       bool by_log_time) {
    auto database = open_embedded_database_read_only(path);
    if (!database) return fail(std::move(database).error());
    auto row =
        database->prepare("SELECT first, next, messages, time FROM input WHERE first <= ?1 ORDER BY first DESC LIMIT 1");
    if (!row) return fail(std::move(row).error());
    return std::unique_ptr<PartitionReader>(
        new JournalReader(std::move(*database), std::move(*row), from, to, by_log_time));
  }

  Result<bool> read(std::chrono::milliseconds, MessageBatch& batch) override {
    batch.clear();
    if (next_ >= to_) return false;
    auto found = row_.bind(1, next_).step();
    if (!found) return fail(std::move(found).error());
    if (!*found || row_.number(1) <= next_) {
      row_.reset();
      return fail(gone(kFolderTopic, next_));
    }
    auto decoded = codec_.decode(row_.bytes(2), row_.number(0), batch);
    const AppendTime committed = time_of(row_.number(3));
    row_.reset();
    if (!decoded) return fail(std::move(decoded).error().during(database_.path()));
    std::erase_if(batch.messages,
                  [this](const Message& message) { return message.offset < next_ || message.offset >= to_; });
    if (batch.messages.empty())
      return fail(ErrorCode::kMalformed, database_.path() + ": a row of the journal holds less than it says");
    if (by_log_time_)
      for (Message& message : batch.messages) message.append_time = committed;
    next_ = batch.messages.back().offset + 1;
    return true;
  }

 private:
  JournalReader(sqlite::Database database, sqlite::Statement row, std::int64_t from, std::int64_t to, bool by_log_time)
      : database_(std::move(database)), row_(std::move(row)), next_(from), to_(to), by_log_time_(by_log_time) {}

  sqlite::Database database_;
  sqlite::Statement row_;
  JournalRow codec_;
  std::int64_t next_, to_;
  bool by_log_time_;
};

/// What a batch's views of output messages point into.
struct Kept {
  std::string topic, key, headers, value;
};

/// A topic that was written to.
class TopicReader final : public PartitionReader {
 public:
  static Result<std::unique_ptr<PartitionReader>> open(const std::string& path, bool compacted, PartitionId partition,
                                                       std::string_view topic, std::int64_t from, std::int64_t to) {
    auto database = open_embedded_database_read_only(path);
    if (!database) return fail(std::move(database).error());
    auto rows =
        database->prepare(std::string("SELECT offset, key, value, headers, ") +
                          (compacted ? "NULL FROM newest" : "time FROM messages") +
                          " WHERE topic = ?1 AND partition = ?2 AND offset >= ?3 AND offset < ?4 ORDER BY offset");
    if (!rows) return fail(std::move(rows).error());
    return std::unique_ptr<PartitionReader>(
        new TopicReader(std::move(*database), std::move(*rows), partition.number, std::string(topic), from, to));
  }

  Result<bool> read(std::chrono::milliseconds, MessageBatch& batch) override {
    batch.clear();
    rows_.bind(1, topic_).bind(2, partition_).bind(3, next_).bind(4, to_);
    for (std::size_t bytes = 0; bytes < kPageBytes && batch.messages.size() < kPageMessages;) {
      auto row = rows_.step();
      if (!row) return fail(std::move(row).error());
      if (!*row) break;
      bytes += take_row(batch);
    }
    rows_.reset();
    return !batch.messages.empty();
  }

 private:
  TopicReader(sqlite::Database database, sqlite::Statement rows, std::int32_t partition, std::string topic,
              std::int64_t from, std::int64_t to)
      : database_(std::move(database)),
        rows_(std::move(rows)),
        partition_(partition),
        topic_(std::move(topic)),
        next_(from),
        to_(to) {}

  std::size_t take_row(MessageBatch& batch) {
    auto kept = std::make_shared<Kept>(
        Kept{topic_, std::string(rows_.bytes(1)), std::string(rows_.bytes(3)), std::string(rows_.bytes(2))});
    const std::size_t size = kept->value.size();
    kept->value.append(kPadding, ' ');
    Message message;
    message.partition = partition_;
    message.offset = rows_.number(0);
    message.origin = kept->topic;
    message.key = kept->key;
    message.value = std::string_view(kept->value).substr(0, size);
    message.has_value = !rows_.is_null(2);
    if (!rows_.is_null(4)) message.append_time = time_of(rows_.number(4));
    message.headers = decode_headers(kept->headers);
    next_ = message.offset + 1;
    batch.messages.push_back(std::move(message));
    batch.holds.push_back(std::move(kept));
    return size;
  }

  sqlite::Database database_;
  sqlite::Statement rows_;
  std::int32_t partition_;
  std::string topic_;
  std::int64_t next_, to_;
};

/// Runs a query about a partition of a topic that gives one number; none if it is null or there is no row.
Result<std::optional<std::int64_t>> ask(sqlite::Database& database, std::string_view sql, std::string_view topic,
                                        std::int32_t partition) {
  auto statement = database.prepare(sql);
  if (!statement) return fail(std::move(statement).error());
  auto row = statement->bind(1, topic).bind(2, partition).step();
  if (!row) return fail(std::move(row).error());
  if (!*row || statement->is_null(0)) return std::nullopt;
  return statement->number(0);
}

constexpr std::string_view kIsCompacted = "SELECT 1 FROM newest WHERE topic = ?1 AND partition = ?2 LIMIT 1";
constexpr std::string_view kFirstMessage =
    "SELECT min(offset) FROM (SELECT min(offset) AS offset FROM messages WHERE topic = ?1 AND partition = ?2 "
    "UNION ALL SELECT min(offset) FROM newest WHERE topic = ?1 AND partition = ?2)";
constexpr std::string_view kEnd = "SELECT next_offset FROM ends WHERE topic = ?1 AND partition = ?2";
constexpr std::string_view kCommitted = "SELECT next_offset FROM checkpoint WHERE topic = ?1 AND partition = ?2";
constexpr std::string_view kFirstInput = "SELECT min(first) FROM input WHERE ?1 = 'folder' AND ?2 = 0";

}  // namespace

Result<EmbeddedReader> EmbeddedReader::open(const std::string& path) {
  auto database = open_embedded_database_read_only(path);
  if (!database) return fail(std::move(database).error());
  return EmbeddedReader(std::move(*database));
}

Result<std::vector<std::string>> EmbeddedReader::topics() {
  auto statement = database_.prepare("SELECT DISTINCT topic FROM ends ORDER BY topic");
  if (!statement) return fail(std::move(statement).error());
  std::vector<std::string> topics{std::string(kFolderTopic)};
  while (true) {
    auto row = statement->step();
    if (!row) return fail(std::move(row).error());
    if (!*row) return topics;
    topics.emplace_back(statement->bytes(0));
  }
}

Result<std::int32_t> EmbeddedReader::partitions(std::string_view topic) {
  if (topic == kFolderTopic) return 1;
  auto last = ask(database_, "SELECT max(partition) FROM ends WHERE topic = ?1 AND ?2 = 0", topic, 0);
  if (!last) return fail(std::move(last).error());
  return static_cast<std::int32_t>(last->value_or(0)) + 1;
}

Result<Extent> EmbeddedReader::extent(std::string_view topic, std::int32_t partition) {
  const bool input = topic == kFolderTopic;
  auto begin = ask(database_, input ? kFirstInput : kFirstMessage, topic, partition);
  auto end = ask(database_, input ? kCommitted : kEnd, topic, partition);
  if (!begin || !end) return fail(std::move(!begin ? begin : end).error());
  const std::int64_t last = end->value_or(0);
  return Extent{begin->value_or(last), last};
}

Result<std::unique_ptr<PartitionReader>> EmbeddedReader::read(std::string_view topic, std::int32_t partition,
                                                              std::int64_t from, std::optional<std::int64_t> to) {
  return open_reader(topic, partition, from, to, false);
}

Result<std::unique_ptr<PartitionReader>> EmbeddedReader::read_by_log_time(std::string_view topic, std::int64_t from,
                                                                          std::optional<std::int64_t> to) {
  return open_reader(topic, 0, from, to, true);
}

Result<AppendTime> EmbeddedReader::clock() {
  auto ms = database_.number("SELECT value FROM meta WHERE name = 'clock'");
  if (!ms) return fail(std::move(ms).error());
  return time_of(*ms);
}

Result<std::unique_ptr<PartitionReader>> EmbeddedReader::open_reader(std::string_view topic, std::int32_t partition,
                                                                     std::int64_t from, std::optional<std::int64_t> to,
                                                                     bool by_log_time) {
  auto held = extent(topic, partition);
  if (!held) return fail(std::move(held).error());
  const std::int64_t end = std::min(to.value_or(held->end), held->end);
  if (topic == kFolderTopic) {
    if (from < held->begin && from < end) return fail(gone(topic, from));
    return JournalReader::open(database_.path(), from, end, by_log_time);
  }
  auto compacted = ask(database_, kIsCompacted, topic, partition);
  if (!compacted) return fail(std::move(compacted).error());
  return TopicReader::open(database_.path(), compacted->has_value(), {0, partition}, topic, from, end);
}

}  // namespace trailwarden::stream
