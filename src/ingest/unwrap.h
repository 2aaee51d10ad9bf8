#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "event/decoder.h"

namespace trailwarden::ingest {

/// Why something that was recognised is not judged. `to_string` gives the label used in metrics and summaries.
enum class Skip : std::uint8_t {
  kDigest,          // a digest of the trail's integrity chain
  kInsight,         // a record of CloudTrail Insights
  kAggregated,      // a record of aggregated data events
  kLakeRecord,      // a record of CloudTrail Lake that is no CloudTrail event
  kControlMessage,  // CloudWatch Logs checking that its destination is there
  kNotification,    // S3 or SNS telling of objects, not holding records
  kNullValue,       // a message without a value, by which a compacted topic forgets its key
  kByOperator,      // a message that an operator took out of the way; it is in the dead letters
};
inline constexpr std::size_t kSkips = static_cast<std::size_t>(Skip::kByOperator) + 1;
std::string_view to_string(Skip skip);

/// What should be one record.
struct Leaf {
  std::string_view text;  // at least event::kPadding readable bytes follow
  std::uint64_t offset =
      0;  // of its first byte in the outer text; for text that was unescaped or inflated, of the string that carries it
  bool truncated =
      false;  // the outer text ended inside it. May be empty: then it ended where another element should have followed
};

/// Takes what `unwrap` finds, in the order of the text.
class LeafSink {
 public:
  virtual ~LeafSink() = default;
  virtual void leaf(const Leaf& leaf) = 0;
  /// Something recognised that holds no record to be judged; `raw`: its text.
  virtual void skip(Skip skip, std::string_view raw, std::uint64_t offset) = 0;
};

/// Takes JSON out of the containers that CloudTrail records travel in, whatever the nesting (up to 8 levels):
///   arrays; `Records` (delivered objects, Lambda events of SQS and SNS); `Events` (LookupEvents); `logEvents` and
///   `events` (CloudWatch Logs); `Messages` (SQS); `detail` under a `detail-type` (EventBridge); `Sns`; `awslogs.data`;
///   the strings `CloudTrailEvent`, `message`, `Message`, `body` and `Body` when JSON is in them, plain or as gzip in
///   base64.
/// An object that is none of these is a leaf, record or not: the decoder decides. Values may follow one another.
///
/// `text`: kPadding readable bytes follow it. `offset`: added to every offset told. `arena`: where unescaped text goes;
/// leaves point into it or into `text`.
///
/// Nothing is validated, so that damage costs the element it is in: the elements of a list end where their brackets are
/// in balance; one whose brackets are not ends where the next one begins, which is known by its first member's name
/// (all records of a list begin alike). 1.3 GB/s.
void unwrap(std::string_view text, std::uint64_t offset, event::Arena& arena, LeafSink& sink);

/// The same for the elements of an array that was entered elsewhere: `text` begins with an element or with what stands
/// before one. Returns the position behind the array's closing bracket, or text.size() if that is missing.
std::size_t unwrap_elements(std::string_view text, std::uint64_t offset, event::Arena& arena, LeafSink& sink);

}  // namespace trailwarden::ingest
