#include "ingest/document_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/text.h"
#include "ingest/json_splitter.h"
#include "ingest/json_text.h"

namespace trailwarden::ingest {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr std::size_t kSlack = 64;  // room behind what is expected, so that the end is seen without growing
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kSpaceInLine = " \t\r";
constexpr std::size_t kSniffBytes = 32 * 1024;  // of the beginning, or behind its first line: 16 lines or more
constexpr std::size_t kMostForeign = 4096;      // of a first line that is no JSON, enough to see what it is

bool opens(char c) { return c == '{' || c == '['; }
bool begins_value(char c) { return opens(c) || c == '"'; }

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

/// Cuts the first line off `text`.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

/// The innermost bracket that is open at the end of `text`, which begins with a value; 0 if there is none.
char innermost_open(std::string_view text) {
  std::string open;
  bool in_string = false, escaped = false;
  for (const char c : text) {
    if (c == '"' && !escaped) in_string = !in_string;
    escaped = c == '\\' && !escaped;
    if (in_string) continue;
    if (opens(c)) open.push_back(c);
    if ((c == '}' || c == ']') && !open.empty()) open.pop_back();
  }
  return open.empty() ? '\0' : open.back();
}

/// Whether a document may begin at `at`, in the first column: not where the line before leaves something to come.
bool begins_document(std::string_view text, std::size_t at) {
  const std::size_t before = text.find_last_not_of(kSpace, at - 1);
  return opens(text[at]) && (before == kNone || std::string_view(",:[{").find(text[before]) == kNone);
}

/// Where the next line begins that a document may begin with, behind `at`; kNone if there is none.
std::size_t next_document(std::string_view text, std::size_t at) {
  for (std::size_t next = text.find('\n', at) + 1; next != 0 && next < text.size(); next = text.find('\n', next) + 1)
    if (begins_document(text, next)) return next;
  return kNone;
}

constexpr std::size_t kMostBeginning = 1024;

/// What a value begins with, up to the end of its first name, or of the first one in an array.
std::string_view beginning(std::string_view value) {
  std::size_t at = 0;
  while (at < value.size() && value[at] == '[') at = skip_space(value, at + 1);
  if (at < value.size() && value[at] == '{') at = skip_space(value, at + 1);
  if (at < value.size() && value[at] == '"') at = value.find('"', at + 1);
  return value.substr(0, at);
}

enum class Sequel : std::uint8_t { kValid, kInvalid, kUnclear };

/// Whether JSON that has reached `last` inside `open` may go on with `next`. Unclear where any value may follow, as a
/// record in a line of its own does.
Sequel sequel(char open, char last, char next) {
  const bool object = open == '{';
  if (last == ':' || (last == open && !object) || (last == ',' && !object)) return Sequel::kUnclear;
  std::string_view may_follow;
  if (last == ',')
    may_follow = "\"";
  else if (last == open)
    may_follow = "\"}";
  else
    may_follow = object ? ",}:" : ",]";
  return may_follow.find(next) == std::string_view::npos ? Sequel::kInvalid : Sequel::kValid;
}

}  // namespace

ByteWindow::ByteWindow(std::unique_ptr<ByteSource> source, BufferPool& pool, std::size_t whole_bytes)
    : source_(std::move(source)), pool_(pool), whole_bytes_(whole_bytes) {}

void ByteWindow::ensure(std::size_t bytes) {
  while (unread().size() < bytes && !ended_) {
    if (!fits_ || end_ == buffer_.size) make_room(bytes);
    const std::size_t limit = fits_ ? buffer_.size : begin_ + bytes;
    auto got = source_->read({buffer_.data + end_, limit - end_});
    if (!got) failure_ = got.error();
    ended_ = !got || *got == 0;
    if (!ended_) end_ += *got;
  }
}

void ByteWindow::ensure_more(std::size_t most) {
  const auto expected = static_cast<std::size_t>(source_->expected());
  const std::size_t have = unread().size();
  ensure(
      std::min(most, expected > 0 && expected <= most ? have + expected + kSlack : std::max(2 * have, have + kSlack)));
}

/// Makes the buffer large enough for `bytes` unread ones, or at first for all that is expected.
void ByteWindow::make_room(std::size_t bytes) {
  if (end_ < buffer_.size && buffer_.size - begin_ >= bytes) return;
  fits_ = false;
  if (offset_ == 0 && end_ == 0) {
    const std::uint64_t expected = source_->expected();
    fits_ = expected > 0 && expected <= (source_->is_best_whole() ? whole_bytes_ : bytes);
    if (fits_) bytes = static_cast<std::size_t>(expected) + kSlack;
  }
  const std::size_t kept = end_ - begin_;
  if (!given_ && buffer_.size >= bytes) {
    std::memmove(buffer_.data, buffer_.data + begin_, kept);
  } else {
    Buffer larger = pool_.take(bytes);
    if (kept > 0) std::memcpy(larger.data, buffer_.data + begin_, kept);
    buffer_ = std::move(larger);
    given_ = false;
  }
  begin_ = 0;
  end_ = kept;
}

void ByteWindow::drop(std::size_t bytes) {
  begin_ += bytes;
  offset_ += bytes;
  if (begin_ < end_ || given_) return;
  begin_ = end_ = 0;
  if (!fits_ && buffer_.size > 4 * DocumentStream::kChunkBytes) buffer_ = {};  // what one large document needed
}

std::string_view ByteWindow::take(std::size_t bytes, std::shared_ptr<const void>& hold) {
  const std::string_view taken = unread().substr(0, bytes);
  hold = buffer_.hold;
  given_ = true;
  begin_ += bytes;
  offset_ += bytes;
  return taken;
}

DocumentStream::DocumentStream(std::unique_ptr<ByteSource> source, BufferPool& pool, Options options)
    : options_(options), window_(std::move(source), pool, options.whole_bytes) {}

DocumentStream::Framing DocumentStream::framing() {
  if (!framing_) framing_ = sniff();
  return *framing_;
}

bool DocumentStream::next(Slice& slice, std::size_t target) {
  slice = {};
  const Framing framed = framing();
  if (over_) return false;
  if (framed == Framing::kLines ? next_lines(slice, target) : next_values(slice, target)) return true;
  over_ = true;
  return last_fault(slice);
}

/// Drops bytes from the front as long as they are among `space`. Returns the first that is not; 0 at the end of the
/// origin.
char DocumentStream::drop_all(std::string_view space) {
  while (true) {
    const std::size_t at = window_.unread().find_first_not_of(space);
    window_.drop(std::min(at, window_.unread().size()));
    if (at != kNone) return window_.unread().front();
    if (window_.ended()) return '\0';
    window_.ensure(kChunkBytes);
  }
}

/// The byte at or behind `at` that is not among `space`, and its position; 0 at the end of the origin or where a
/// document would be too large.
char DocumentStream::byte_behind_space(std::size_t& at, std::string_view space) {
  while (true) {
    at = std::min(window_.unread().find_first_not_of(space, at), window_.unread().size());
    if (at < window_.unread().size()) return window_.unread()[at];
    if (window_.ended() || at > options_.max_document_bytes) return '\0';
    window_.ensure_more(at + kChunkBytes);
  }
}

DocumentStream::Framing DocumentStream::sniff() {
  window_.ensure(kSniffBytes);
  if (window_.unread().starts_with("\xef\xbb\xbf")) window_.drop(3);
  const char first = drop_all(kSpace);
  if (first == '\0') return Framing::kValues;
  window_.ensure(kSniffBytes);
  if (!begins_value(first))
    return lines_follow(window_.unread().find('\n'), false) ? Framing::kLines : Framing::kForeign;

  JsonSplitter splitter;
  for (std::size_t fed = 0;;) {
    const std::string_view text = window_.unread();
    const std::size_t newline = text.find('\n', fed);
    const std::string_view piece = text.substr(fed, newline - fed);
    if (const std::size_t size = splitter.feed(piece); size != JsonSplitter::kNotYet)
      return framing_behind_value(fed + size);
    fed += piece.size();
    if (newline != kNone) return framing_behind_line(newline, splitter.in_string());
    if (window_.ended() || text.size() > options_.max_document_bytes) return Framing::kValues;
    window_.ensure_more(options_.max_document_bytes + 1);
  }
}

/// The first value ends on the first line, at `end`.
DocumentStream::Framing DocumentStream::framing_behind_value(std::size_t end) {
  const bool is_string = window_.unread().front() == '"';
  const bool backwards = find_text(window_.unread().substr(0, end), "\"CloudTrailEvent\"") !=
                         kNone;  // LookupEvents: the newest event first
  const char behind = byte_behind_space(end, kSpaceInLine);
  if (behind == '\0' || (behind == '\n' && backwards)) return Framing::kValues;
  if (behind == '\n') return byte_behind_space(end, kSpace) == '\0' ? Framing::kValues : Framing::kLines;
  if (lines_follow(window_.unread().find('\n', end), false)) return Framing::kLines;
  return is_string ? Framing::kForeign : Framing::kValues;
}

/// The first line ends inside the first value: a document in several lines, or a damaged line.
DocumentStream::Framing DocumentStream::framing_behind_line(std::size_t newline, bool in_string) {
  const char first = window_.unread().front();
  window_.ensure(newline + kSniffBytes);
  if (in_string) {  // no string has a newline in it
    if (lines_follow(newline, false)) return Framing::kLines;
    return first == '"' ? Framing::kForeign : Framing::kValues;
  }
  const std::string_view line = trimmed(window_.unread().substr(0, newline));
  std::size_t at = newline;
  const char next = byte_behind_space(at, kSpace);
  switch (sequel(innermost_open(line), line.back(), next)) {
    case Sequel::kInvalid:
      return lines_follow(newline, false) ? Framing::kLines : Framing::kValues;
    case Sequel::kUnclear:
      return first == '{' && lines_follow(newline, true) ? Framing::kLines : Framing::kValues;
    default:
      return Framing::kValues;
  }
}

/// Whether the lines behind `newline`, as far as they are in memory, are a value each: all of the first 16, or at least
/// half of them.
bool DocumentStream::lines_follow(std::size_t newline, bool all) const {
  if (newline == kNone) return false;
  std::string_view rest = window_.unread().substr(newline);
  int lines = 0, whole = 0;
  while (!rest.empty() && lines < 16) {
    const bool reaches_end = rest.find('\n') == kNone && !window_.ended();
    const std::string_view line = trimmed(take_line(rest));
    if (line.empty() || reaches_end) continue;
    ++lines;
    whole += begins_value(line.front()) && value_end(line, 0) == line.size() ? 1 : 0;
  }
  return lines > 0 && (all ? whole == lines : 2 * whole >= lines);
}

bool DocumentStream::give(Slice& slice, std::size_t bytes) {
  slice.byte_offset = window_.offset();
  slice.value = window_.take(bytes, slice.hold);
  return true;
}

/// What the origin ended with, if not with its end.
bool DocumentStream::last_fault(Slice& slice) {
  const std::optional<Error>& failure = window_.failure();
  if (!failure) return false;
  give(slice, window_.unread().size());
  slice.fault =
      failure->code == ErrorCode::kMalformed ? stream::SourceFault::kDamagedGzip : stream::SourceFault::kUnreadable;
  slice.fault_detail = failure->message;
  return true;
}

void DocumentStream::too_large(Slice& slice, const char* what) {
  slice.byte_offset = window_.offset();
  slice.fault = stream::SourceFault::kDocumentTooLarge;
  slice.fault_detail = std::string(what) + " is larger than " +
                       format_bytes(static_cast<double>(options_.max_document_bytes)) +
                       " (input.max_document); raise the option, or deliver one record a line";
}

bool DocumentStream::next_lines(Slice& slice, std::size_t target) {
  window_.ensure(target);
  const std::string_view text = window_.unread();
  const bool last = window_.ended() && text.size() <= target;
  if (text.empty()) return false;
  // The line in which a damaged origin ends is not whole: it goes with the fault.
  if (last && !window_.failure()) return give(slice, text.size());
  const std::size_t newline = text.substr(0, target).rfind('\n');
  if (newline != kNone) return give(slice, newline + 1);
  return !last && next_long_line(slice, target);
}

/// A line longer than `target`, which is all that is known of it.
bool DocumentStream::next_long_line(Slice& slice, std::size_t target) {
  const std::size_t most = options_.max_document_bytes;
  std::size_t newline = kNone;
  for (std::size_t looked = target; newline == kNone;) {
    const std::string_view text = window_.unread();
    newline = text.substr(0, most + 1).find('\n', looked);
    if (newline != kNone || text.size() > most || window_.ended()) break;
    looked = text.size();
    window_.ensure_more(most + 1);
  }
  if (newline != kNone) return give(slice, newline + 1);
  if (window_.unread().size() <= most) return !window_.failure() && give(slice, window_.unread().size());
  too_large(slice, "this line");
  while (newline == kNone && !window_.unread().empty()) {
    newline = window_.unread().find('\n');
    window_.drop(std::min(newline, window_.unread().size() - 1) + 1);
    window_.ensure(kChunkBytes);
  }
  return true;
}

bool DocumentStream::next_values(Slice& slice, std::size_t target) {
  if (foreign_given_) return false;
  const char first = drop_all(" \t\r\n,");
  window_.ensure(target);
  if (first == '\0') return false;
  if (framing() == Framing::kForeign) {
    foreign_given_ = true;
    return give(slice, std::min({window_.unread().find('\n'), window_.unread().size(), kMostForeign}));
  }
  if (!begins_value(first)) return next_garbage(slice, target);
  const std::size_t end = values_end(target);
  if (end > 0) return give(slice, end);
  if (window_.unread().size() > options_.max_document_bytes) return next_endless_value(slice);
  return give(slice, window_.unread().size());  // the origin ends inside the value
}

/// Position behind the values at the front that are within `target` together, or behind the first one; 0 if that does
/// not end.
std::size_t DocumentStream::values_end(std::size_t target) {
  std::size_t end = 0;
  while (end < target) {
    std::size_t begin = end;
    if (!begins_value(byte_behind_space(begin, kSpace))) break;
    const std::size_t next = value_end_within(begin, end == 0 ? options_.max_document_bytes : target);
    if (next == kNone) break;
    if (!ends_well(begin, next)) return damaged_end(next);
    end = next;
  }
  return end;
}

/// Whether the value in [begin, end) ends with the right bracket, and nothing follows or another value, behind a comma
/// one that begins alike.
bool DocumentStream::ends_well(std::size_t begin, std::size_t end) {
  const char first = window_.unread()[begin], last = window_.unread()[end - 1];
  if (last != (first == '{' ? '}' : first == '[' ? ']' : '"')) return false;
  std::size_t behind = end;
  char c = byte_behind_space(behind, kSpace);
  if (c != ',') return c == '\0' || begins_value(c);
  c = byte_behind_space(++behind, kSpace);
  if (c == '\0') return true;
  window_.ensure(behind + kMostBeginning);
  const std::string_view text = window_.unread();
  return beginning(text.substr(behind, kMostBeginning)) == beginning(text.substr(begin, kMostBeginning));
}

/// Where the values end of which the last one cannot end at `end`, by what follows: before a line that begins with
/// another, else with the origin.
std::size_t DocumentStream::damaged_end(std::size_t end) {
  for (std::size_t looked = end;;) {
    const std::string_view text = window_.unread().substr(0, options_.max_document_bytes);
    if (const std::size_t next = next_document(text, looked); next != kNone) return next;
    if (window_.unread().size() > options_.max_document_bytes) return end;
    if (window_.ended()) return text.size();
    looked = text.size() - 1;
    window_.ensure_more(options_.max_document_bytes + 1);
  }
}

/// Position behind the value at `begin` if that is not above `most`, else kNone.
std::size_t DocumentStream::value_end_within(std::size_t begin, std::size_t most) {
  JsonSplitter splitter;
  for (std::size_t fed = begin;;) {
    const std::string_view text = window_.unread().substr(0, most);
    if (fed < text.size()) {
      if (const std::size_t size = splitter.feed(text.substr(fed)); size != JsonSplitter::kNotYet) return fed + size;
      fed = text.size();
    }
    if (window_.unread().size() > most || window_.ended()) return kNone;
    window_.ensure_more(most + 1);
  }
}

/// What is no JSON, between values: up to the end of its line, or where something opens.
bool DocumentStream::next_garbage(Slice& slice, std::size_t target) {
  const std::string_view text = window_.unread().substr(0, target);
  return give(slice, std::min(text.find_first_of("{[\n", 1), text.size()));
}

/// A value that does not end within the bound. If another one seems to begin inside it, in the first column, it is
/// damaged and ends there; else it is passed over.
bool DocumentStream::next_endless_value(Slice& slice) {
  const std::string_view text = window_.unread().substr(0, options_.max_document_bytes);
  if (const std::size_t next = next_document(text, 0); next != kNone) return give(slice, next);
  too_large(slice, "this document");
  JsonSplitter splitter;
  for (std::size_t size = JsonSplitter::kNotYet; size == JsonSplitter::kNotYet && !window_.unread().empty();) {
    size = splitter.feed(window_.unread());
    window_.drop(std::min(size, window_.unread().size()));
    window_.ensure(kChunkBytes);
  }
  return true;
}

std::uint64_t end_of(const Slice& slice) { return slice.byte_offset + std::max<std::uint64_t>(slice.value.size(), 1); }

bool is_blank(const Slice& slice) { return slice.fault == stream::SourceFault::kNone && skip_space(slice.value, 0) == slice.value.size(); }

bool next_behind(DocumentStream& stream, std::uint64_t skip_to, Slice& slice) {
  while (stream.next(slice)) {
    if (slice.byte_offset >= skip_to) return true;
    const std::uint64_t end = slice.byte_offset + slice.value.size();
    if (end <= skip_to) continue;
    slice.value.remove_prefix(static_cast<std::size_t>(skip_to - slice.byte_offset));
    slice.byte_offset = skip_to;
    return true;
  }
  return false;
}

}  // namespace trailwarden::ingest
