#include "app/dead_letters.h"

#include <deque>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/logs.h"
#include "app/setup.h"
#include "core/text.h"
#include "stream/partitioned_log.h"
#include "stream/topic_scan.h"

namespace trailwarden::app {
namespace {

constexpr std::size_t kBeginsInTable = 60, kBeginsInJson = 400;  // bytes

/// One dead letter, as far as it is shown.
struct Letter {
  std::string time, reason, detail, origin, partition, offset, record, byte_offset;
  std::string full_bytes;  // of one that was cut; else empty
  std::size_t bytes = 0;
  std::string begins;
};

Letter read(const stream::Message& message) {
  const auto header = [&message](std::string_view name) {
    for (const auto& [key, value] : message.headers)
      if (key == name) return std::string(value);
    return std::string();
  };
  return {.time = message.append_time ? format_time(std::chrono::floor<std::chrono::seconds>(*message.append_time)) : std::string(),
          .reason = header("reason"),
          .detail = header("detail"),
          .origin = header("origin"),
          .partition = header("partition"),
          .offset = header("offset"),
          .record = header("record"),
          .byte_offset = header("byteOffset"),
          .full_bytes = header("fullBytes"),
          .bytes = message.value.size(),
          .begins = std::string(message.value.substr(0, kBeginsInJson))};
}

void print_json(const Letter& letter) {
  nlohmann::ordered_json out{{"reason", letter.reason}, {"origin", letter.origin}, {"partition", letter.partition}, {"offset", letter.offset},
                             {"record", letter.record}, {"byteOffset", letter.byte_offset}, {"bytes", letter.bytes}};
  if (!letter.full_bytes.empty()) out["fullBytes"] = letter.full_bytes;
  if (!letter.detail.empty()) out["detail"] = letter.detail;
  if (!letter.time.empty()) out["time"] = letter.time;
  out["begins"] = printable(letter.begins, 4 * kBeginsInJson);
  fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_line(const Letter& letter) {
  const std::string where = printable(fmt::format("{}/{}@{}#{}", letter.origin, letter.partition, letter.offset, letter.record), 80);
  const std::string bytes = letter.full_bytes.empty() ? std::to_string(letter.bytes) : fmt::format("{} of {}", letter.bytes, printable(letter.full_bytes));
  fmt::print("{:<20} {:<22} {:<40} {:>9}  {}\n", letter.time.empty() ? "-" : letter.time, printable(letter.reason), where, bytes, printable(letter.begins, kBeginsInTable));
}

}  // namespace

int show_dead_letters(const DeadLetterArguments& arguments) {
  const auto setup = load_setup(arguments.config);
  if (!setup) return complain(setup.error(), kWrongUsage);
  auto topics = open_topics(*setup);
  if (!topics) return complain(topics.error(), topics.error().code == ErrorCode::kInvalidArgument ? kWrongUsage : kFailed);
  const auto partitions = (*topics)->partitions(stream::kDeadLetterTopic);
  if (!partitions) return complain(partitions.error(), kFailed);
  std::uint64_t in_all = 0, shown = 0;
  for (std::int32_t partition = 0; partition < *partitions; ++partition) {
    std::deque<Letter> newest;
    const auto take = [&](const stream::Message& message) {
      Letter letter = read(message);
      if (!arguments.reason.empty() && letter.reason != arguments.reason) return;
      ++in_all;
      newest.push_back(std::move(letter));
      if (newest.size() > arguments.limit) newest.pop_front();
    };
    if (auto done = stream::for_each_record(**topics, stream::kDeadLetterTopic, partition, take); !done) return complain(done.error(), kFailed);
    if (!arguments.as_json && shown == 0 && !newest.empty()) fmt::print("{:<20} {:<22} {:<40} {:>9}  {}\n", "written", "reason", "topic/partition@offset#record", "bytes", "begins");
    for (const Letter& letter : newest) arguments.as_json ? print_json(letter) : print_line(letter);
    shown += newest.size();
  }
  if (!arguments.as_json) fmt::print("{} dead letters{}\n", in_all, shown < in_all ? fmt::format(", {} older ones not shown (--limit)", in_all - shown) : "");
  return kFine;
}

}  // namespace trailwarden::app
