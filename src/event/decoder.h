#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "event/cloudtrail_event.h"

namespace trailwarden::event {

/// Bytes that must be readable behind every text handed to this folder; their values do not matter.
inline constexpr std::size_t kPadding = 64;

/// Why a record was not judged. `to_string` gives the label used in metrics, summaries and messages.
enum class Refusal : std::uint8_t {
  kNone,
  kNotJson,           // a strict JSON parser refuses it
  kTruncated,         // it ends before its JSON does
  kInvalidUtf8,
  kTooDeep,           // more than kMaxDepth levels
  kTooLarge,          // record over the size bound
  kDocumentTooLarge,  // document over the size bound
  kNotAnObject,       // valid JSON, but not an object where a record should be
  kNotARecord,        // an object without eventTime, eventSource and eventName that is no known container either
  kWrongType,         // a field of the record has another JSON type than CloudTrail gives it
  kMissingEventTime,
  kMissingEventSource,
  kMissingEventName,
  kMissingEventId,
  kBadEventTime,      // not YYYY-MM-DDTHH:MM:SSZ
  kDamagedGzip,       // the compressed stream is corrupt or cut off from here on
  kUnreadable,        // the operating system could not read on
};
inline constexpr std::size_t kRefusals = static_cast<std::size_t>(Refusal::kUnreadable) + 1;
std::string_view to_string(Refusal refusal);
/// What an operator can do about it, as one sentence.
std::string_view advice(Refusal refusal);

/// Bump storage for unescaped strings, emptied by batch. Keeps its memory, so a steady stream allocates nothing.
class Arena {
 public:
  /// `size` writable bytes that live until `clear`; kPadding readable bytes follow them.
  char* allocate(std::size_t size);
  void clear();
  std::size_t memory_bytes() const;

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  std::vector<Block> blocks_;
  std::size_t block_ = 0, used_ = 0;
};

/// The positions of a text's JSON tokens: every `{}[]:,` outside strings and the first byte of every string and scalar.
/// simdjson's stage 1, which also checks UTF-8, control characters inside strings and that the last string is closed.
/// Langdale, Lemire, "Parsing Gigabytes of JSON per Second", VLDB Journal 2019. About 10 GB/s; 4 bytes of
/// memory per byte of the largest text so far.
class TokenIndex {
 public:
  TokenIndex();
  ~TokenIndex();
  TokenIndex(TokenIndex&&) noexcept;
  TokenIndex& operator=(TokenIndex&&) noexcept;

  /// Indexes `text`, which kPadding readable bytes follow and which outlives its use here. kNone, kInvalidUtf8, kTruncated
  /// (an open string) or kNotJson (a control character in a string, or nothing but whitespace).
  Refusal build(std::string_view text);

  std::string_view text() const { return text_; }
  /// Positions of the text last built, ascending.
  std::span<const std::uint32_t> tokens() const { return tokens_; }
  /// The byte at token `i`; 0 past the last token.
  char at(std::size_t i) const { return i < tokens_.size() ? text_[tokens_[i]] : '\0'; }
  /// Position of the first backslash at or after `position`, or text().size(). Ascending positions cost one scan of the text in all.
  std::size_t next_backslash(std::size_t position) {
    return position <= backslash_ && position >= backslash_from_ ? backslash_ : find_backslash(position);
  }

 private:
  struct Impl;
  std::size_t find_backslash(std::size_t position);

  std::unique_ptr<Impl> impl_;
  std::string_view text_;
  std::span<const std::uint32_t> tokens_;
  std::size_t backslash_from_ = 0, backslash_ = 0;  // there is none in [backslash_from_, backslash_)
};

/// Turns JSON text into CloudTrail events: one strict pass over the token index that checks structure, literals,
/// numbers and escapes of the whole record (RFC 8259; a number too large for a double is refused too, as nlohmann/json and simdjson's
/// DOM refuse it) and keeps views of the members it knows.
///
/// Category (for records before version 1.07): `eventCategory`, else eventType `AwsCloudTrailInsight` is Insight, `AwsVpce*` is
/// NetworkActivity, `managementEvent: false` is Data, anything else Management.
///
/// Cost: about 0.3 us for a record of 1.4 kB; no allocation. Not thread-safe: one decoder a thread.
/// Why not simdjson On-Demand or DOM: `docs/decisions/0002-token-walk.md`.
class Decoder {
 public:
  static constexpr std::size_t kMaxDepth = 64;

  struct Limits {
    std::size_t max_record_bytes = std::size_t{1} << 20;
  };

  Decoder();
  explicit Decoder(Limits limits);
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  /// Decodes the record whose first token is number `cursor` of `index`. Where that is a well-formed object, `cursor` is one past its
  /// last token afterwards, whatever the verdict on it; else it stays. `event` is specified on kNone only; its `raw` is the text.
  Refusal decode(TokenIndex& index, std::size_t& cursor, Arena& arena, CloudTrailEvent& event);

  /// Decodes a text that holds exactly one record (and whitespace). kPadding readable bytes must follow it.
  Refusal decode(std::string_view text, Arena& arena, CloudTrailEvent& event);

  struct Habits;  // the order in which members came lately; speeds, never changes a result

 private:
  Limits limits_;
  TokenIndex index_;
  std::unique_ptr<Habits> habits_;
};

}  // namespace trailwarden::event
