#include "stream/embedded_journal_row.h"

#include <gtest/gtest.h>

namespace trailwarden::stream {
namespace {

std::vector<Message> some_messages() {
  std::vector<Message> messages(4);
  messages[0].origin = "one.json.gz";
  messages[0].value = R"({"eventName":"GetObject"})";
  messages[0].append_time = AppendTime{std::chrono::milliseconds{1'700'000'000'123}};
  messages[1].origin = "one.json.gz";
  messages[1].byte_offset = std::uint64_t{1} << 40;
  messages[1].fault = SourceFault::kDamagedGzip;
  messages[1].fault_detail = "cut off";
  messages[2].origin = "two";
  messages[2].key = std::string_view("k\0y", 3);
  messages[2].has_value = false;
  messages[3].origin = "two";
  messages[3].append_time = AppendTime{std::chrono::milliseconds{-1}};
  return messages;
}

void expect_same(const std::vector<Message>& all_got, const std::vector<Message>& all_put, std::int64_t offset) {
  ASSERT_EQ(all_got.size(), all_put.size());
  for (std::size_t i = 0; i < all_put.size(); ++i) {
    const Message &got = all_got[i], &put = all_put[i];
    EXPECT_EQ(got.offset, offset + static_cast<std::int64_t>(i));
    EXPECT_EQ(std::tie(got.origin, got.key, got.value, got.has_value, got.byte_offset, got.append_time, got.fault,
                       got.fault_detail),
              std::tie(put.origin, put.key, put.value, put.has_value, put.byte_offset, put.append_time, put.fault,
                       put.fault_detail));
  }
}

TEST(JournalRow, GivesTheSameMessages) {
  const auto messages = some_messages();
  JournalRow codec;
  std::string row;
  codec.encode(messages, row);
  MessageBatch batch;
  ASSERT_TRUE(codec.decode(row, 10, batch).has_value());
  expect_same(batch.messages, messages, 10);
}

TEST(JournalRow, DamageIsSeenWhereverItIs) {
  JournalRow codec;
  std::string row;
  codec.encode(some_messages(), row);
  MessageBatch batch;
  for (std::size_t size = 0; size < row.size(); ++size)
    EXPECT_FALSE(codec.decode(std::string_view(row).substr(0, size), 0, batch).has_value()) << size;
  for (std::size_t at = 0; at < row.size(); ++at) {
    std::string damaged = row;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    // Some bits of gzip and deflate mean nothing: then the messages are right all the same.
    if (codec.decode(damaged, 0, batch)) expect_same(batch.messages, some_messages(), 0);
  }
}

}  // namespace
}  // namespace trailwarden::stream
