#include "pipeline/message_size.h"

#include "core/hash.h"
#include "pipeline/ledger.h"

namespace trailwarden::pipeline {
namespace {

constexpr std::size_t kReserved = 1'024;   // the header `commit` (names of a group and a topic, two numbers), the headers of a cut, the batch that it travels in
constexpr std::size_t kHeaderFrame = 10;   // two lengths of at most five bytes
constexpr std::size_t kLeast = 1'024;      // of any value; where not even that fits the broker has the word

}  // namespace

std::size_t room_for_value(const stream::Outgoing& message, std::size_t max_message) {
  std::size_t taken = kReserved + message.key.size();
  for (const auto& [name, value] : message.headers) taken += name.size() + value.size() + kHeaderFrame;
  return max_message > taken + kLeast ? max_message - taken : kLeast;
}

void cut_to_fit(stream::Outgoing& message, std::size_t max_message) {
  const std::size_t room = room_for_value(message, max_message);
  if (message.value.size() <= room) return;
  message.headers.emplace_back("fullBytes", std::to_string(message.value.size()));
  message.headers.emplace_back("fullHash", hex(xxh3_64(message.value)));
  message.value.resize(room);
}

}  // namespace trailwarden::pipeline
