#include "stream/embedded_journal_row.h"

#include <libdeflate.h>

#include <array>
#include <optional>
#include <utility>

#include "core/bytes.h"
#include "core/check.h"

namespace trailwarden::stream {
namespace {

constexpr char kFormat = 1;
constexpr int kLevel = 1;
constexpr std::size_t kPrefixBytes = 1 + 8;
constexpr std::size_t kHeadBytes = 1 + 1 + 8 + 8 + 4 + 4 + 4 + 8;
constexpr std::size_t kPadding = 64;           // readable bytes behind a value
constexpr std::uint64_t kMostDeflated = 1032;  // times its size a deflated text can be
constexpr std::uint64_t kSmallestMember = 20;  // bytes of an empty gzip member

enum Flag : std::uint8_t { kHasAppendTime = 1, kHasValue = 2, kSameOrigin = 4 };

/// What stands in front of all texts.
struct Head {
  std::uint8_t flags = 0, fault = 0;
  std::int64_t append_ms = 0;
  std::uint64_t byte_offset = 0;
  std::uint32_t origin = 0, key = 0, detail = 0;  // sizes
  std::uint64_t value = 0;
};

Head head_of(const Message& message, std::string_view origin_before) {
  Head head;
  if (message.append_time) {
    head.flags |= kHasAppendTime;
    head.append_ms = message.append_time->time_since_epoch().count();
  }
  if (message.has_value) head.flags |= kHasValue;
  if (message.origin == origin_before)
    head.flags |= kSameOrigin;
  else
    head.origin = static_cast<std::uint32_t>(message.origin.size());
  head.fault = static_cast<std::uint8_t>(message.fault);
  head.byte_offset = message.byte_offset;
  head.key = static_cast<std::uint32_t>(message.key.size());
  head.detail = static_cast<std::uint32_t>(message.fault_detail.size());
  head.value = message.value.size();
  return head;
}

void write(const Head& head, ByteWriter& out) {
  out.number(head.flags);
  out.number(head.fault);
  out.signed_number(head.append_ms);
  out.number(head.byte_offset);
  out.number(head.origin);
  out.number(head.key);
  out.number(head.detail);
  out.number(head.value);
}

Head read_head(ByteReader& in) {
  Head head;
  head.flags = in.number<std::uint8_t>();
  head.fault = in.number<std::uint8_t>();
  head.append_ms = in.signed_number();
  head.byte_offset = in.number<std::uint64_t>();
  head.origin = in.number<std::uint32_t>();
  head.key = in.number<std::uint32_t>();
  head.detail = in.number<std::uint32_t>();
  head.value = in.number<std::uint64_t>();
  return head;
}

std::string text_of(std::span<const Message> messages) {
  ByteWriter heads;
  heads.number(static_cast<std::uint32_t>(messages.size()));
  std::string_view origin;
  std::size_t texts = 0;
  for (const Message& message : messages) {
    write(head_of(message, origin), heads);
    origin = message.origin;
    texts += origin.size() + message.key.size() + message.fault_detail.size() + message.value.size();
  }
  std::string text = std::move(heads).bytes();
  text.reserve(text.size() + texts);
  origin = {};
  for (const Message& message : messages) {
    if (message.origin != origin) text.append(message.origin);
    origin = message.origin;
    text.append(message.key).append(message.fault_detail).append(message.value);
  }
  return text;
}

/// Cuts texts off the front; none once one is not there whole.
class Texts {
 public:
  explicit Texts(std::string_view rest) : rest_(rest) {}
  std::string_view take(std::uint64_t size) {
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return {};
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  bool used_up() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

Error malformed(const char* what) { return {ErrorCode::kMalformed, std::string("a row of the journal ") + what}; }

Message message_of(const Head& head, std::string_view origin_before, Texts& texts) {
  Message message;
  message.origin = (head.flags & kSameOrigin) != 0 ? origin_before : texts.take(head.origin);
  message.key = texts.take(head.key);
  message.fault_detail = texts.take(head.detail);
  message.value = texts.take(head.value);
  message.has_value = (head.flags & kHasValue) != 0;
  if ((head.flags & kHasAppendTime) != 0) message.append_time = AppendTime{std::chrono::milliseconds{head.append_ms}};
  message.byte_offset = head.byte_offset;
  message.fault = static_cast<SourceFault>(head.fault);
  return message;
}

/// Takes the text apart; the messages' views point into it.
Result<void> read_text(std::string_view text, std::int64_t first_offset, std::vector<Message>& messages) {
  const auto count = ByteReader(text).number<std::uint32_t>();
  if (text.size() < 4 || (text.size() - 4) / kHeadBytes < count) return fail(malformed("ends too early"));
  ByteReader heads(text.substr(4, count * kHeadBytes));
  Texts texts(text.substr(4 + count * kHeadBytes));
  std::string_view origin;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Head head = read_head(heads);
    if (head.fault > static_cast<std::uint8_t>(SourceFault::kUnreadable))
      return fail(malformed("has an unknown fault"));
    messages.push_back(message_of(head, origin, texts));
    messages.back().offset = first_offset + i;
    origin = messages.back().origin;
  }
  if (!texts.used_up()) return fail(malformed("has texts of other sizes than it says"));
  return {};
}

}  // namespace

void JournalRow::Free::operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
void JournalRow::Free::operator()(libdeflate_decompressor* decompressor) const {
  libdeflate_free_decompressor(decompressor);
}

JournalRow::JournalRow()
    : compressor_(libdeflate_alloc_compressor(kLevel)), decompressor_(libdeflate_alloc_decompressor()) {
  TRAILWARDEN_CHECK(compressor_ != nullptr && decompressor_ != nullptr, "memory for libdeflate");
}

void JournalRow::encode(std::span<const Message> messages, std::string& row) {
  const std::string text = text_of(messages);
  ByteWriter prefix;
  prefix.number(static_cast<std::uint8_t>(kFormat));
  prefix.number(static_cast<std::uint64_t>(text.size()));
  row = std::move(prefix).bytes();
  row.resize(kPrefixBytes + libdeflate_gzip_compress_bound(compressor_.get(), text.size()));
  const std::size_t size = libdeflate_gzip_compress(compressor_.get(), text.data(), text.size(),
                                                    row.data() + kPrefixBytes, row.size() - kPrefixBytes);
  TRAILWARDEN_CHECK(size > 0, "the bound is large enough");
  row.resize(kPrefixBytes + size);
}

Result<void> JournalRow::decode(std::string_view row, std::int64_t first_offset, MessageBatch& batch) {
  batch.clear();
  ByteReader prefix(row);
  const bool known = prefix.number<std::uint8_t>() == kFormat;
  const auto size = prefix.number<std::uint64_t>();
  if (!known || !prefix.ok()) return fail(malformed("has a format that this version does not know"));
  const std::string_view member = row.substr(kPrefixBytes);
  if (member.size() < kSmallestMember || size / kMostDeflated > member.size()) return fail(malformed("is cut off"));

  auto text = std::make_shared<std::string>();
  text->resize(static_cast<std::size_t>(size) + kPadding);
  std::size_t produced = 0;
  const auto result = libdeflate_gzip_decompress(decompressor_.get(), member.data(), member.size(), text->data(),
                                                 static_cast<std::size_t>(size), &produced);
  if (result != LIBDEFLATE_SUCCESS || produced != size) return fail(malformed("is damaged"));
  auto read = decode_text(std::string_view(*text).substr(0, produced), first_offset, batch);
  if (read) batch.holds.push_back(std::move(text));
  return read;
}

Result<void> JournalRow::decode_text(std::string_view text, std::int64_t first_offset, MessageBatch& batch) {
  batch.clear();
  auto read = read_text(text, first_offset, batch.messages);
  if (!read) batch.clear();
  return read;
}

}  // namespace trailwarden::stream
