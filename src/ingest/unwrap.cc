#include "ingest/unwrap.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "event/json_walk.h"
#include "ingest/element_splitter.h"
#include "ingest/json_splitter.h"
#include "ingest/json_text.h"
#include "trail/gzip.h"

namespace trailwarden::ingest {
namespace {

constexpr int kMostLevels = 8;
/// What all the base64 in one text may inflate to.
constexpr std::size_t kMostInflated = std::size_t{64} << 20;

/// What a member of an object says about the object.
enum class Role : std::uint8_t {
  kList,         // an array of records or containers
  kDetail,       // the record of an EventBridge envelope, if there is a detail-type
  kEnvelope,     // an object to be looked into
  kText,         // a string that may hold JSON
  kEventSource,  // a record's, or Lambda's name for what called it
  kMessageType,  // CloudWatch Logs: data or control
  kDigest,       // only digests have it
  kDetailType,
  kSnsType,
  kS3Bucket,
  kS3Key,  // both: CloudTrail's notice of a delivery
  kS3Service,
  kS3TestEvent,  // both: S3's test of a new notification
};

struct Member {
  std::string_view name;
  Role role;
};
constexpr auto kMembers = std::to_array<Member>({
    {"Records", Role::kList},
    {"records", Role::kList},
    {"Events", Role::kList},
    {"events", Role::kList},
    {"logEvents", Role::kList},
    {"Messages", Role::kList},
    {"detail", Role::kDetail},
    {"Sns", Role::kEnvelope},
    {"awslogs", Role::kEnvelope},
    {"kinesis", Role::kEnvelope},
    {"CloudTrailEvent", Role::kText},
    {"Message", Role::kText},
    {"message", Role::kText},
    {"@message", Role::kText},
    {"Body", Role::kText},
    {"body", Role::kText},
    {"data", Role::kText},
    {"eventSource", Role::kEventSource},
    {"messageType", Role::kMessageType},
    {"digestStartTime", Role::kDigest},
    {"digestEndTime", Role::kDigest},
    {"digestS3Object", Role::kDigest},
    {"detail-type", Role::kDetailType},
    {"Type", Role::kSnsType},
    {"s3Bucket", Role::kS3Bucket},
    {"s3ObjectKey", Role::kS3Key},
    {"Service", Role::kS3Service},
    {"Event", Role::kS3TestEvent},
});

/// Linear: a record is known by its fourth member or so, and lengths differ.
const Member* find_member(std::string_view name) {
  const auto* const known =
      std::find_if(kMembers.begin(), kMembers.end(), [name](const Member& m) { return m.name == name; });
  return known == kMembers.end() ? nullptr : known;
}

/// The bytes that `text`, base64 of RFC 4648 with whitespace allowed, spells; nullopt if it is something else.
std::optional<std::string> decode_base64(std::string_view text) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::uint8_t, 256> value{};
  value.fill(64);
  for (std::size_t i = 0; i < kDigits.size(); ++i)
    value[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  while (!text.empty() && (text.back() == '=' || is_json_space(text.back()))) text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (is_json_space(c)) continue;
    const std::uint8_t digit = value[static_cast<unsigned char>(c)];
    if (digit == 64) return std::nullopt;
    bits = bits << 6 | digit;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count & 0xff));
  }
  return out;
}

/// Plain words that AWS sends where JSON is expected.
std::optional<Skip> known_words(std::string_view text) {
  if (text.starts_with("CloudTrail validation message")) return Skip::kNotification;
  if (text.starts_with("CWL CONTROL MESSAGE")) return Skip::kControlMessage;
  return std::nullopt;
}

/// Whether the inside of a string, escapes and all, may begin a JSON value or a gzip stream in base64.
bool may_carry(std::string_view inside) {
  while (!inside.empty()) {
    if (is_json_space(inside.front()))
      inside.remove_prefix(1);
    else if (inside.starts_with("\\n") || inside.starts_with("\\r") || inside.starts_with("\\t"))
      inside.remove_prefix(2);
    else
      break;
  }
  return inside.starts_with('{') || inside.starts_with('[') || inside.starts_with("\\\"") || inside.starts_with("H4sI");
}

/// What is common to a whole call, whatever the nesting.
struct Call {
  event::Arena& arena;
  LeafSink& sink;
  std::size_t inflated = 0;  // bytes that base64 has inflated to so far
};

/// One text being unwrapped: the outer one, or one that a string in it carried.
class Unwrapping {
 public:
  /// `carried`: the text stood in a string, and whatever is in it has that string's offset.
  Unwrapping(Call& call, std::string_view text, std::uint64_t offset, bool carried, int level)
      : call_(call), text_(text), offset_(offset), carried_(carried), level_(level) {}

  void sequence() {
    ElementSplitter values(text_, 0, ElementSplitter::List::kSequence);
    for (Element element; values.next(element);) value(element);
  }

  /// The elements of an array between the position behind its bracket and `to`; returns the position behind its end.
  std::size_t elements(std::size_t from, std::size_t to) {
    ElementSplitter array(text_.substr(0, to), from, ElementSplitter::List::kArray);
    for (Element element; array.next(element);) value(element);
    if (array.lacks_end()) leaf({to, to, true});
    return array.position();
  }

 private:
  using Element = ElementSplitter::Element;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  /// What an object's members said of it.
  struct Found {
    bool list = false;  // there was one, and its elements have been told
    bool s3_event = false, s3_bucket = false, s3_key = false, s3_service = false, s3_test = false;
    std::size_t detail = kNone, detail_type = kNone, envelope = kNone, text = kNone,
                sns_type = kNone;  // positions of values
  };

  std::uint64_t offset_of(std::size_t position) const { return carried_ ? offset_ : offset_ + position; }
  std::string_view text_of(const Element& e) const { return text_.substr(e.begin, e.end - e.begin); }
  void leaf(const Element& e) { call_.sink.leaf({text_of(e), offset_of(e.begin), e.truncated}); }
  void skip(Skip skip, const Element& e) { call_.sink.skip(skip, text_of(e), offset_of(e.begin)); }

  void value(const Element& e);
  void object(const Element& e);
  bool member(Role role, std::size_t value, const Element& e, Found& found, std::size_t& behind);
  void judge(const Element& e, const Found& found);
  bool is_notification(const Element& e, const Found& found) const;
  std::string_view inside_string(std::size_t quote, std::size_t to) const;
  bool string(std::size_t quote, std::size_t to);
  bool packed(std::string_view base64, std::uint64_t offset);

  Call& call_;
  const std::string_view text_;
  const std::uint64_t offset_;
  const bool carried_;
  int level_;
};

void Unwrapping::value(const Element& e) {
  if (level_ > kMostLevels) return leaf(e);
  ++level_;
  if (text_[e.begin] == '[') {
    elements(e.begin + 1, e.end);
  } else if (text_[e.begin] == '{') {
    object(e);
  } else if (const auto known = known_words(text_of(e))) {
    skip(*known, e);
  } else if (text_[e.begin] != '"' || !string(e.begin, e.end)) {
    leaf(e);
  }
  --level_;
}

/// Looks at the members of an object until it is clear what it is: for a record, up to its eventSource.
void Unwrapping::object(const Element& e) {
  const std::string_view text = text_.substr(0, e.end);
  Found found;
  std::size_t at = skip_space(text, e.begin + 1);
  while (at < text.size() && text[at] == '"') {
    const std::size_t colon = skip_space(text, value_end(text, at));
    const std::size_t value = colon < text.size() && text[colon] == ':' ? skip_space(text, colon + 1) : text.size();
    if (value >= text.size()) break;
    const Member* const known = find_member(inside_string(at, text.size()));
    std::size_t behind = kNone;
    if (known != nullptr && member(known->role, value, e, found, behind)) return;
    if (behind == kNone) behind = value_end(text, value);
    const std::size_t comma = skip_space(text, behind);
    if (comma >= text.size() || text[comma] != ',') break;
    at = skip_space(text, comma + 1);
  }
  judge(e, found);
}

/// One member of the object `e`. True if the object has been told, whatever follows; `behind`: position behind the
/// value, if that was found.
bool Unwrapping::member(Role role, std::size_t value, const Element& e, Found& found, std::size_t& behind) {
  if (found.list && role != Role::kList) return false;  // what it holds has been told
  switch (role) {
    case Role::kList:
      if (text_[value] != '[') break;
      behind = elements(value + 1, e.end);
      found.list = true;
      break;
    case Role::kEventSource:
      if (!inside_string(value, e.end).starts_with("aws:")) return leaf(e), true;
      found.s3_event = inside_string(value, e.end) == "aws:s3";
      break;
    case Role::kMessageType:
      if (inside_string(value, e.end) == "CONTROL_MESSAGE") return skip(Skip::kControlMessage, e), true;
      break;
    case Role::kDigest:
      return skip(Skip::kDigest, e), true;
    case Role::kDetail:
      found.detail = value;
      break;
    case Role::kEnvelope:
      found.envelope = value;
      break;
    case Role::kText:
      found.text = value;
      break;
    case Role::kDetailType:
      found.detail_type = value;
      break;
    case Role::kSnsType:
      found.sns_type = value;
      break;
    case Role::kS3Bucket:
      found.s3_bucket = true;
      break;
    case Role::kS3Key:
      found.s3_key = true;
      break;
    case Role::kS3Service:
      found.s3_service = true;
      break;
    case Role::kS3TestEvent:
      found.s3_test = true;
      break;
  }
  return false;
}

void Unwrapping::judge(const Element& e, const Found& found) {
  if (found.list) return;
  if (is_notification(e, found)) return skip(Skip::kNotification, e);
  if (found.text != kNone && string(found.text, e.end)) return;
  const std::size_t inner = found.detail_type != kNone ? found.detail : found.envelope;
  if (inner == kNone || text_[inner] != '{') return leaf(e);
  const std::size_t end = value_end(text_.substr(0, e.end), inner);
  value(end == JsonSplitter::kNotYet ? Element{inner, e.end, true} : Element{inner, end, false});
}

bool Unwrapping::is_notification(const Element& e, const Found& found) const {
  if (found.s3_event || (found.s3_bucket && found.s3_key) || (found.s3_service && found.s3_test)) return true;
  if (found.detail_type != kNone)
    return inside_string(found.detail_type, e.end).starts_with("Object ");  // S3's own, not CloudTrail's
  if (found.sns_type == kNone) return false;
  const std::string_view type = inside_string(found.sns_type, e.end);
  return type == "SubscriptionConfirmation" || type == "UnsubscribeConfirmation";
}

/// What stands between the quotes of the string at `quote`; empty if no string stands there whole.
std::string_view Unwrapping::inside_string(std::size_t quote, std::size_t to) const {
  const std::size_t end = text_[quote] == '"' ? value_end(text_.substr(0, to), quote) : kNone;
  return end == kNone ? std::string_view{} : text_.substr(quote + 1, end - quote - 2);
}

/// Looks into a string. False if it carries nothing that is known.
bool Unwrapping::string(std::size_t quote, std::size_t to) {
  const std::string_view inside = inside_string(quote, to);
  const std::uint64_t offset = offset_of(quote);
  if (const auto known = known_words(inside)) return call_.sink.skip(*known, inside, offset), true;
  if (level_ > kMostLevels || !may_carry(inside)) return false;
  if (inside.starts_with("H4sI")) return packed(inside, offset);
  if (!event::escapes_are_valid(inside)) return false;
  char* const plain = call_.arena.allocate(inside.size());
  Unwrapping(call_, std::string_view(plain, event::unescape(inside, plain)), offset, true, level_).sequence();
  return true;
}

/// A gzip stream in base64. If it is damaged, what comes before the damage counts.
bool Unwrapping::packed(std::string_view base64, std::uint64_t offset) {
  const auto compressed = decode_base64(base64);
  if (!compressed) return false;
  trail::MemberInflater inflater;
  std::string content;
  const auto inflated = trail::gunzip(inflater, *compressed, kMostInflated - call_.inflated, content);
  if (content.empty()) return false;
  call_.inflated += content.size();
  char* const kept = call_.arena.allocate(content.size());
  content.copy(kept, content.size());
  Unwrapping(call_, std::string_view(kept, content.size()), offset, true, level_).sequence();
  return true;
}

}  // namespace

std::string_view to_string(Skip skip) {
  static constexpr std::array<std::string_view, kSkips> kNames{"digest",      "insight",         "aggregated",
                                                               "lake_record", "control_message", "notification", "null_value", "skipped_by_operator"};
  return kNames[static_cast<std::size_t>(skip)];
}

void unwrap(std::string_view text, std::uint64_t offset, event::Arena& arena, LeafSink& sink) {
  Call call{arena, sink};
  Unwrapping(call, text, offset, false, 0).sequence();
}

std::size_t unwrap_elements(std::string_view text, std::uint64_t offset, event::Arena& arena, LeafSink& sink) {
  Call call{arena, sink};
  return Unwrapping(call, text, offset, false, 1).elements(0, text.size());
}

}  // namespace trailwarden::ingest
