#pragma once

#include <map>
#include <string>
#include <vector>

#include "ingest/record_reader.h"

namespace trailwarden::testing {

/// Reads a text as one message and keeps what was found, in order.
class RecordCollector final : public ingest::RecordSink {
 public:
  struct Found {
    std::string what;  // "judged:EVENT_ID", "refused:REASON" or "skipped:REASON"
    std::uint64_t byte_offset;
    std::string raw;
    bool operator==(const Found&) const = default;
  };

  static RecordCollector of(std::string_view text) {
    RecordCollector collector;
    collector.read(text);
    return collector;
  }

  void read(std::string_view text) {
    std::string padded(text);
    padded.append(event::kPadding, ' ');
    stream::Message message;
    message.value = std::string_view(padded).substr(0, text.size());
    event::Arena arena;
    ingest::RecordReader reader;
    reader.read(message, arena, *this);
  }

  event::CloudTrailEvent& next() override { return event_; }
  void accept(std::uint64_t byte_offset) override {
    found.push_back({"judged:" + std::string(event_.event_id), byte_offset, std::string(event_.raw)});
  }
  void refuse(event::Refusal refusal, std::string_view raw, std::uint64_t byte_offset) override {
    found.push_back({"refused:" + std::string(to_string(refusal)), byte_offset, std::string(raw)});
  }
  void skip(ingest::Skip skip, std::string_view raw, std::uint64_t byte_offset) override {
    found.push_back({"skipped:" + std::string(to_string(skip)), byte_offset, std::string(raw)});
  }

  std::vector<std::string> whats() const {
    std::vector<std::string> out;
    for (const Found& f : found) out.push_back(f.what);
    return out;
  }

  std::vector<Found> found;

 private:
  event::CloudTrailEvent event_;
};

}  // namespace trailwarden::testing
