// Rows of the journal over arbitrary bytes: they are refused, or give messages whose views lie in memory that the batch
// holds; what was encoded comes back.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "stream/embedded_headers.h"
#include "stream/embedded_journal_row.h"

namespace {

using namespace trailwarden;
using namespace trailwarden::stream;

void must(bool condition) {
  if (!condition) std::abort();
}

std::uint64_t touch(const MessageBatch& batch) {
  std::uint64_t sum = 0;
  for (const Message& message : batch.messages)
    for (const std::string_view text :
         {message.origin, message.key, message.value, std::string_view(message.fault_detail)})
      for (const char c : text) sum += static_cast<unsigned char>(c);
  return sum;
}

void must_come_back(JournalRow& codec, const MessageBatch& batch) {
  std::string row;
  codec.encode(batch.messages, row);
  MessageBatch again;
  must(codec.decode(row, 5, again).has_value());
  must(again.messages.size() == batch.messages.size() && touch(again) == touch(batch));
}

/// A row whose deflated text is `text`: what random bytes do not hit upon.
std::string row_of(JournalRow& codec, std::string_view text) {
  Message message;
  message.value = text;
  std::string row;
  codec.encode({&message, 1}, row);
  return row;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  JournalRow codec;
  MessageBatch batch;
  if (codec.decode(bytes, 0, batch)) must_come_back(codec, batch);
  if (codec.decode_text(bytes, 0, batch)) must_come_back(codec, batch);
  must(codec.decode(row_of(codec, bytes), 0, batch).has_value());
  must(batch.messages.size() == 1 && batch.messages.front().value == bytes);
  for (const auto& [name, value] : decode_headers(bytes)) must(name.size() + value.size() <= size);
  return 0;
}
