#include "ingest/record_reader.h"

#include <algorithm>
#include <functional>

#include "event/json_walk.h"
#include "ingest/framing.h"

namespace trailwarden::ingest {
namespace {

using event::EventCategory;
using event::Refusal;

/// A value above this is not indexed whole (the index takes 4 bytes a byte) but split first.
constexpr std::size_t kMaxIndexedBytes = std::size_t{8} << 20;

Refusal refusal_of(stream::SourceFault fault) {
  switch (fault) {
    case stream::SourceFault::kNone: return Refusal::kNone;
    case stream::SourceFault::kDocumentTooLarge: return Refusal::kDocumentTooLarge;
    case stream::SourceFault::kDamagedGzip: return Refusal::kDamagedGzip;
    case stream::SourceFault::kUnreadable: return Refusal::kUnreadable;
  }
  return Refusal::kUnreadable;
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

/// One message being read.
class RecordReader::Reading final : public LeafSink {
 public:
  Reading(RecordReader& reader, const stream::Message& message, event::Arena& arena, RecordSink& sink)
      : reader_(reader), message_(message), arena_(arena), sink_(sink) {}

  void read() {
    std::string_view text = message_.value;
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // some editors begin a file with this mark
    if (trimmed(text).empty()) return;
    if (text.size() > kMaxIndexedBytes) return part(text);
    if (reader_.index_.build(text) != Refusal::kNone) return damaged(text);
    indexed();
  }

  void leaf(const Leaf& leaf) override {
    saw_truncation_ = saw_truncation_ || leaf.truncated;
    const std::string_view text = trimmed(leaf.text);
    const std::uint64_t offset = message_.byte_offset + leaf.offset;
    if (text.empty()) {
      if (leaf.truncated) sink_.refuse(Refusal::kTruncated, text, offset);
      return;
    }
    Refusal refusal = reader_.decoder_.decode(text, arena_, sink_.next());
    if (refusal == Refusal::kNone) return decoded(offset);
    if (leaf.truncated) refusal = Refusal::kTruncated;
    sink_.refuse(refusal, text, offset);
  }

  void skip(Skip skip, std::string_view raw, std::uint64_t offset) override { sink_.skip(skip, raw, message_.byte_offset + offset); }

 private:
  using Token = event::JsonWalk::Token;

  event::TokenIndex& index() { return reader_.index_; }
  /// Offset in the origin of a position in the index's text, which may begin behind a byte-order mark.
  std::uint64_t offset_of_position(std::size_t position) {
    return message_.byte_offset + static_cast<std::uint64_t>(index().text().data() - message_.value.data()) + position;
  }
  std::size_t position(std::size_t token) { return token < index().tokens().size() ? index().tokens()[token] : index().text().size(); }

  /// The record at `sink_.next()` is valid: judged or, by its category, passed over.
  void decoded(std::uint64_t offset) {
    const event::CloudTrailEvent& event = sink_.next();
    switch (event.category) {
      case EventCategory::kInsight: return sink_.skip(Skip::kInsight, event.raw, offset);
      case EventCategory::kAggregated: return sink_.skip(Skip::kAggregated, event.raw, offset);
      case EventCategory::kOther: return sink_.skip(Skip::kLakeRecord, event.raw, offset);
      default: return sink_.accept(offset);
    }
  }

  /// A text with one value, or with whatever is left of one.
  void part(std::string_view text) { unwrap(text, static_cast<std::uint64_t>(text.data() - message_.value.data()), arena_, *this); }

  /// A value that could not be indexed: line by line if it has lines, so that a damaged one costs itself only.
  void damaged(std::string_view text) {
    if (!is_line_framed(text)) return part(text);
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = trimmed(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (!line.empty()) part(line);
    }
  }

  /// A value with an index: records, or containers, one after another.
  void indexed() {
    std::size_t cursor = 0;
    while (cursor < index().tokens().size()) cursor = is_records_object(cursor) ? records_object(cursor) : value(cursor);
  }

  bool is_records_object(std::size_t cursor) {
    return index().at(cursor) == '{' && index().at(cursor + 1) == '"' && index().at(cursor + 2) == ':' && index().at(cursor + 3) == '[' &&
           index().text().substr(position(cursor + 1)).starts_with("\"Records\"");
  }

  /// The value that begins at `cursor`; returns the token behind it.
  std::size_t value(std::size_t cursor) {
    const std::size_t begin = position(cursor);
    std::size_t behind = cursor;
    if (reader_.decoder_.decode(index(), behind, arena_, sink_.next()) == Refusal::kNone) {
      if (!ends_cleanly(behind)) return refuse_line(cursor);
      decoded(offset_of_position(begin));
      return behind;
    }
    const Token token = event::JsonWalk(index()).skip(index().tokens().data() + cursor, 0);
    if (token == nullptr) return damaged_from(cursor);
    behind = static_cast<std::size_t>(token - index().tokens().data());
    if (!ends_cleanly(behind)) return refuse_line(cursor);
    part(trimmed(index().text().substr(begin, position(behind) - begin)));
    return behind;
  }

  /// A value with something else behind it on its line: a strict parser refuses the line. Returns the first token of the next one.
  std::size_t refuse_line(std::size_t cursor) {
    const std::string_view text = index().text();
    const std::size_t begin = position(cursor);
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    sink_.refuse(Refusal::kNotJson, trimmed(text.substr(begin, end - begin)), offset_of_position(begin));
    return first_token_from(cursor, end);
  }

  /// Whether the value before `cursor` may end there: the text is over, or another object or array follows, or a new line.
  bool ends_cleanly(std::size_t cursor) {
    const char next = index().at(cursor);
    if (next == '\0' || next == '{' || next == '[') return true;
    const std::size_t end = index().tokens()[cursor - 1] + std::size_t{1};
    return index().text().substr(end, position(cursor) - end).find('\n') != std::string_view::npos;
  }

  /// What begins at `cursor` is not JSON: it costs its line, or without lines all that is left. Returns where to go on.
  std::size_t damaged_from(std::size_t cursor) {
    const std::string_view text = index().text();
    const std::size_t begin = position(cursor);
    const std::size_t end = is_line_framed(text) ? std::min(text.find('\n', begin), text.size()) : text.size();
    part(trimmed(text.substr(begin, end - begin)));
    return first_token_from(cursor, end);
  }

  std::size_t first_token_from(std::size_t cursor, std::size_t end) {
    while (cursor < index().tokens().size() && position(cursor) < end) ++cursor;
    return cursor;
  }

  /// `{"Records":[...]}`: its elements straight from the index. Returns the token behind it.
  std::size_t records_object(std::size_t cursor) {
    cursor += 4;
    if (index().at(cursor) == ']') return rest_of_object(cursor + 1);
    while (true) {
      std::size_t behind = cursor;
      if (reader_.decoder_.decode(index(), behind, arena_, sink_.next()) != Refusal::kNone) return rest_of_array(cursor);
      const char mark = index().at(behind);
      if (mark != ',' && mark != ']') return rest_of_array(cursor);
      decoded(offset_of_position(position(cursor)));
      cursor = behind + 1;
      if (mark == ']') return rest_of_object(cursor);
    }
  }

  /// The elements from `cursor` on, when one of them is not a good record: split without trusting the index, each judged alone.
  std::size_t rest_of_array(std::size_t cursor) {
    const std::string_view text = index().text();
    const std::size_t begin = position(cursor);
    saw_truncation_ = false;
    const std::size_t end = begin + unwrap_elements(text.substr(begin), offset_of_position(begin) - message_.byte_offset, arena_, *this);
    if (end < text.size()) return rest_of_object(first_token_from(cursor, end));
    // The closing bracket is missing. If no element says so, something must.
    if (!saw_truncation_) sink_.refuse(Refusal::kTruncated, {}, offset_of_position(end));
    return index().tokens().size();
  }

  /// Behind the array: members that follow it are passed over, up to the closing brace. Damage here costs no record, as there is none.
  std::size_t rest_of_object(std::size_t cursor) {
    event::JsonWalk walk(index());
    while (index().at(cursor) == ',' && index().at(cursor + 1) == '"' && index().at(cursor + 2) == ':') {
      const Token behind = walk.skip(index().tokens().data() + cursor + 3, 1);
      if (behind == nullptr) break;
      cursor = static_cast<std::size_t>(behind - index().tokens().data());
    }
    if (index().at(cursor) == '}') return cursor + 1;
    const std::string_view rest = trimmed(index().text().substr(position(cursor)));
    sink_.refuse(rest.empty() ? Refusal::kTruncated : Refusal::kNotJson, rest, offset_of_position(position(cursor)));
    return index().tokens().size();
  }

  RecordReader& reader_;
  const stream::Message& message_;
  event::Arena& arena_;
  RecordSink& sink_;
  bool saw_truncation_ = false;
};

void RecordReader::read(const stream::Message& message, event::Arena& arena, RecordSink& sink) {
  Reading reading(*this, message, arena, sink);
  if (message.fault == stream::SourceFault::kNone) return reading.read();
  sink.refuse(refusal_of(message.fault), message.value, message.byte_offset);
}

}  // namespace trailwarden::ingest
