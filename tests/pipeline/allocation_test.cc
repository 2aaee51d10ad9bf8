// A binary of its own: it replaces malloc.
#include <atomic>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "event/decoder.h"
#include "pipeline/engine.h"

namespace {
std::atomic<std::uint64_t> g_allocations{0};
}  // namespace

extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* malloc(std::size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}

namespace trailwarden::pipeline {
namespace {

/// JSON lines of ordinary calls, ten a second, each with an id of its own and an escaped string.
std::string lines(std::size_t count) {
  std::string out;
  const Timestamp start = *parse_event_time("2024-03-13T08:00:00Z");
  for (std::size_t i = 0; i < count; ++i) {
    out += R"({"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROA:s","arn":"arn:aws:sts::111122223333:assumed-role/R/s","accountId":"111122223333",)"
           R"("sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/R"}}},"eventTime":")" +
           format_time(start + std::chrono::seconds{i / 10}) +
           R"(","eventSource":"kms.amazonaws.com","eventName":"Decrypt","awsRegion":"us-east-1","sourceIPAddress":"10.0.0.1","userAgent":"a \"b\" c",)"
           R"("requestParameters":{"keyId":"k","n":[1,2,3]},"responseElements":null,"requestID":"r","eventID":"id-)" +
           std::to_string(i) + R"(","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"})" + "\n";
  }
  return out.append(event::kPadding, ' ');
}

TEST(Allocation, DecodingAllocatesNothingPerEvent) {
  constexpr std::size_t kEvents = 1'000, kRounds = 101;
  const std::string text = lines(kEvents);
  const auto view = std::string_view(text).substr(0, text.size() - event::kPadding);
  event::TokenIndex index;
  event::Decoder decoder;
  event::Arena arena;
  event::CloudTrailEvent event;
  std::uint64_t before = 0;
  for (std::size_t round = 0; round < kRounds; ++round) {
    if (round == 1) before = g_allocations;  // the first round grows what is then reused
    arena.clear();
    ASSERT_EQ(index.build(view), event::Refusal::kNone);
    for (std::size_t cursor = 0; cursor < index.tokens().size();) ASSERT_EQ(decoder.decode(index, cursor, arena, event), event::Refusal::kNone);
  }
  EXPECT_EQ(g_allocations - before, 0U) << "over " << kEvents * (kRounds - 1) << " events";
}

/// Hands out one text in messages of 64 KiB and counts allocations from its middle on.
class CountingLog final : public stream::Log {
 public:
  explicit CountingLog(std::string_view text) : text_(text) {}
  Result<bool> poll(stream::MessageBatch& batch) override {
    batch.clear();
    if (position_ >= text_.size()) return false;
    if (before_ == 0 && position_ > text_.size() / 2) before_ = g_allocations;
    const std::size_t end = text_.find('\n', std::min(position_ + 65'536, text_.size() - 1)) + 1;
    batch.messages.push_back({.origin = "test", .value = text_.substr(position_, end - position_)});
    position_ = end;
    after_ = g_allocations;
    return true;
  }
  void append(stream::Outgoing) override {}
  Result<void> commit(const std::vector<stream::Position>&) override { return {}; }
  std::uint64_t allocations_of_second_half() const { return after_ - before_; }

 private:
  std::string_view text_;
  std::size_t position_ = 0;
  std::uint64_t before_ = 0, after_ = 0;
};

TEST(Allocation, ThePassAllocatesNothingPerEvent) {
  constexpr std::size_t kEvents = 200'000;
  const std::string text = lines(kEvents);
  CountingLog log(std::string_view(text).substr(0, text.size() - event::kPadding));
  EngineObserver nobody;
  Engine engine(log, {}, {}, nobody);
  const std::atomic<bool> stop = false;
  const auto totals = engine.run(stop);
  ASSERT_TRUE(totals.has_value());
  ASSERT_EQ(totals->judged, kEvents);
  // Tables of the duplicate window are given back and taken again when minutes differ in size; here they do not.
  EXPECT_EQ(log.allocations_of_second_half(), 0U) << "over " << kEvents / 2 << " events";
}

}  // namespace
}  // namespace trailwarden::pipeline
