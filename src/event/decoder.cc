#include "event/decoder.h"

#include <algorithm>
#include <array>
#include <optional>

#include "event/decoded_member.h"
#include "event/json_walk.h"
#include "event/member_table.h"

namespace trailwarden::event {
namespace {

using Text = std::string_view;

/// What a member's value may be; null is absent for every kind.
enum class Kind : std::uint8_t {
  kText,    // a string
  kScalar,  // a string; a boolean or number is taken as its JSON text, as some services write it
  kRaw,     // any JSON
  kFlag,    // true or false
  kTime,    // the event time, a string
  kObject,  // a nested object with a table of its own
};

/// One member that the decoder knows, and where its value goes.
template <class Target>
struct Row {
  Text name;
  Kind kind = Kind::kText;
  Text Target::*text = nullptr;
};

using IdentityRow = Row<UserIdentity>;

constexpr MemberTable kIssuer{std::to_array<IdentityRow>({
    {"type", Kind::kText, &UserIdentity::issuer_type},
    {"principalId", Kind::kText, &UserIdentity::issuer_principal_id},
    {"arn", Kind::kText, &UserIdentity::issuer_arn},
    {"accountId", Kind::kScalar, &UserIdentity::issuer_account_id},
    {"userName", Kind::kText, &UserIdentity::issuer_user_name},
})};

constexpr MemberTable kSessionAttributes{std::to_array<IdentityRow>({
    {"mfaAuthenticated", Kind::kScalar, &UserIdentity::mfa_authenticated},
    {"creationDate", Kind::kText, &UserIdentity::creation_date},
})};

constexpr MemberTable kSessionContext{std::to_array<IdentityRow>({
    {"attributes", Kind::kObject},
    {"sessionIssuer", Kind::kObject},
    {"webIdFederationData", Kind::kRaw, &UserIdentity::web_id_federation_data},
    {"sourceIdentity", Kind::kText, &UserIdentity::source_identity},
    {"ec2RoleDelivery", Kind::kScalar, &UserIdentity::ec2_role_delivery},
    {"assumedRoot", Kind::kScalar, &UserIdentity::assumed_root},
})};

constexpr MemberTable kIdentity{std::to_array<IdentityRow>({
    {"type", Kind::kText, &UserIdentity::type_text},
    {"principalId", Kind::kText, &UserIdentity::principal_id},
    {"arn", Kind::kText, &UserIdentity::arn},
    {"accountId", Kind::kScalar, &UserIdentity::account_id},
    {"accessKeyId", Kind::kText, &UserIdentity::access_key_id},
    {"userName", Kind::kText, &UserIdentity::user_name},
    {"sessionContext", Kind::kObject},
    {"invokedBy", Kind::kText, &UserIdentity::invoked_by},
    {"identityProvider", Kind::kText, &UserIdentity::identity_provider},
    {"credentialId", Kind::kText, &UserIdentity::credential_id},
    {"onBehalfOf", Kind::kRaw, &UserIdentity::on_behalf_of},
    {"inScopeOf", Kind::kRaw, &UserIdentity::in_scope_of},
    {"invokedByDelegate", Kind::kRaw, &UserIdentity::invoked_by_delegate},
})};

using EventRow = Row<CloudTrailEvent>;

constexpr MemberTable kEvent{std::to_array<EventRow>({
    {"eventVersion", Kind::kScalar, &CloudTrailEvent::event_version},
    {"userIdentity", Kind::kObject},
    {"eventTime", Kind::kTime},
    {"eventSource", Kind::kText, &CloudTrailEvent::event_source},
    {"eventName", Kind::kText, &CloudTrailEvent::event_name},
    {"awsRegion", Kind::kText, &CloudTrailEvent::aws_region},
    {"sourceIPAddress", Kind::kText, &CloudTrailEvent::source_ip_address},
    {"userAgent", Kind::kText, &CloudTrailEvent::user_agent},
    {"errorCode", Kind::kScalar, &CloudTrailEvent::error_code},
    {"errorMessage", Kind::kScalar, &CloudTrailEvent::error_message},
    {"requestParameters", Kind::kRaw, &CloudTrailEvent::request_parameters},
    {"responseElements", Kind::kRaw, &CloudTrailEvent::response_elements},
    {"additionalEventData", Kind::kRaw, &CloudTrailEvent::additional_event_data},
    {"requestID", Kind::kScalar, &CloudTrailEvent::request_id},
    {"eventID", Kind::kText, &CloudTrailEvent::event_id},
    {"readOnly", Kind::kFlag},
    {"resources", Kind::kRaw, &CloudTrailEvent::resources},
    {"apiVersion", Kind::kScalar, &CloudTrailEvent::api_version},
    {"eventType", Kind::kText, &CloudTrailEvent::event_type},
    {"recipientAccountId", Kind::kScalar, &CloudTrailEvent::recipient_account_id},
    {"sharedEventID", Kind::kText, &CloudTrailEvent::shared_event_id},
    {"vpcEndpointId", Kind::kText, &CloudTrailEvent::vpc_endpoint_id},
    {"vpcEndpointAccountId", Kind::kScalar, &CloudTrailEvent::vpc_endpoint_account_id},
    {"serviceEventDetails", Kind::kRaw, &CloudTrailEvent::service_event_details},
    {"managementEvent", Kind::kFlag},
    {"eventCategory", Kind::kText, &CloudTrailEvent::event_category},
    {"addendum", Kind::kRaw, &CloudTrailEvent::addendum},
    {"sessionCredentialFromConsole", Kind::kScalar, &CloudTrailEvent::session_credential_from_console},
    {"edgeDeviceDetails", Kind::kRaw, &CloudTrailEvent::edge_device_details},
    {"tlsDetails", Kind::kRaw, &CloudTrailEvent::tls_details},
    {"eventContext", Kind::kRaw, &CloudTrailEvent::event_context},
    {"annotation", Kind::kScalar, &CloudTrailEvent::annotation},
    {"insightDetails", Kind::kRaw, &CloudTrailEvent::insight_details},
})};

/// The row called so. By comparing: a table's own search may read behind a name, where a path need not be padded.
template <class Table>
auto* row_of(const Table& table, std::string_view name) {
  for (std::size_t row = 0; row < table.size(); ++row)
    if (table[row].name == name) return &table[row];
  return static_cast<decltype(&table[0])>(nullptr);
}

/// The rest of a path that leads through `name`.
std::optional<std::string_view> below(std::string_view path, std::string_view name) {
  if (!path.starts_with(name) || path.size() <= name.size() || path[name.size()] != '.') return std::nullopt;
  return path.substr(name.size() + 1);
}

const IdentityRow* identity_row(std::string_view path) {
  const auto context = below(path, "sessionContext");
  if (!context) return row_of(kIdentity, path);
  if (const auto issuer = below(*context, "sessionIssuer")) return row_of(kIssuer, *issuer);
  if (const auto attribute = below(*context, "attributes")) return row_of(kSessionAttributes, *attribute);
  return row_of(kSessionContext, *context);
}

}  // namespace

std::optional<DecodedMember> decoded_member(std::string_view path) {
  if (const auto identity = below(path, "userIdentity")) {
    const IdentityRow* const row = identity_row(*identity);
    if (row == nullptr || row->text == nullptr) return std::nullopt;
    return DecodedMember{.of_identity = row->text, .is_raw = row->kind == Kind::kRaw};
  }
  const EventRow* const row = row_of(kEvent, path);
  if (row == nullptr || row->text == nullptr) return std::nullopt;
  return DecodedMember{.of_event = row->text, .is_raw = row->kind == Kind::kRaw};
}

struct Decoder::Habits {
  decltype(kEvent)::Habit event;
  decltype(kIdentity)::Habit identity;
  decltype(kSessionContext)::Habit session_context;
  decltype(kSessionAttributes)::Habit session_attributes;
  decltype(kIssuer)::Habit issuer;
};

namespace {

enum class TimeState : std::uint8_t { kAbsent, kGood, kBad };

/// One record being read: the walk, where unescaped text goes, and what is wrong so far with members that may yet be
/// written again (the last one counts).
class RecordReading {
 public:
  using Token = JsonWalk::Token;

  RecordReading(TokenIndex& index, Decoder::Habits& habits, Arena& arena, CloudTrailEvent& event)
      : walk_(index), habits_(habits), arena_(arena), event_(event) {}

  JsonWalk& walk() { return walk_; }

  Token record(Token token);
  Refusal verdict() const;

 private:
  using Known = std::uint64_t;  // one bit a row of a table
  using Nested = Token (RecordReading::*)(Token token, std::size_t depth, bool& wrong);

  template <class Table, class Handle>
  Token members(const Table& table, typename Table::Habit& habit, Token token, std::size_t depth, Handle handle);
  template <class Target>
  Token value(const Row<Target>& row, Token token, std::size_t depth, Target& target, bool& wrong);
  Token text(Token token, std::string_view& out);
  /// A nested object, read by `read`; null is absent, any other value is of the wrong type.
  Token object(Token token, std::size_t depth, bool& wrong, Nested read);

  template <class Table>
  Token identity_members(const Table& table, typename Table::Habit& habit, Token token, std::size_t depth,
                         bool& wrong, Nested (*nested)(std::string_view name));
  Token identity(Token token, std::size_t depth, bool& wrong);
  Token session_context(Token token, std::size_t depth, bool& wrong);
  Token issuer(Token token, std::size_t depth, bool& wrong);
  Token session_attributes(Token token, std::size_t depth, bool& wrong);
  template <class Table>
  void forget(const Table& table);
  void forget_read_by(Nested read);

  void classify();

  JsonWalk walk_;
  Decoder::Habits& habits_;
  Arena& arena_;
  CloudTrailEvent& event_;
  Known wrong_ = 0;  // rows of kEvent whose last value has the wrong type
  std::string_view time_text_;
  TimeState time_ = TimeState::kAbsent;
};

/// Reads an object's members: those of `table` go to `handle(row number, token of the value, whether this row was seen before)`, others are
/// checked and passed over.
template <class Table, class Handle>
JsonWalk::Token RecordReading::members(const Table& table, typename Table::Habit& habit, Token token, std::size_t depth, Handle handle) {
  if (depth >= Decoder::kMaxDepth) return walk_.fail(Refusal::kTooDeep);
  ++token;  // the brace, which the caller has seen
  if (walk_.peek(token) == '}') return token + 1;
  Known seen = 0;
  std::size_t previous = table.size();
  while (true) {
    std::string_view name;
    bool escaped = false;
    token = walk_.name(token, name, escaped);
    if (token == nullptr) return nullptr;
    if (escaped) {
      char* const plain = arena_.allocate(name.size());
      name = std::string_view(plain, unescape(name, plain));
    }
    const std::size_t row = table.find_after(previous, name, habit);
    if (row == table.size()) {
      event_.dotted_keys += name.find('.') == std::string_view::npos ? 0U : 1U;
      token = walk_.skip(token, depth + 1);
    } else {
      const Known bit = Known{1} << row;
      const bool repeated = (seen & bit) != 0;
      event_.duplicate_keys += repeated ? 1U : 0U;
      seen |= bit;
      previous = row;
      token = handle(row, token, repeated);
    }
    if (token == nullptr) return nullptr;
    const char behind = walk_.peek(token);
    if (behind != ',') return behind == '}' ? token + 1 : walk_.fail_at(token);
    ++token;
  }
}

JsonWalk::Token RecordReading::text(Token token, std::string_view& out) {
  bool escaped = false;
  token = walk_.string(token, out, escaped);
  if (escaped && token != nullptr) {
    char* const plain = arena_.allocate(out.size());
    out = std::string_view(plain, unescape(out, plain));
  }
  return token;
}

/// Reads a value that is no nested object into `target`. Looks at the JSON type first: that it must do anyway, and what a
/// member's type is varies far less than which member comes next.
template <class Target>
JsonWalk::Token RecordReading::value(const Row<Target>& row, Token token, std::size_t depth, Target& target, bool& wrong) {
  std::string_view& out = target.*row.text;
  switch (walk_.peek(token)) {
    case '"':
      if (row.kind == Kind::kRaw) return walk_.raw(token, depth, out);
      return text(token, out);
    case 'n': {
      const Token behind = walk_.raw(token, depth, out);
      out = out.substr(0, 0);  // empty, and yet not as if there were no such member
      return behind;
    }
    case '{':
    case '[': wrong = row.kind != Kind::kRaw; return walk_.raw(token, depth, out);
    default: wrong = row.kind == Kind::kText; return walk_.raw(token, depth, out);
  }
}

JsonWalk::Token RecordReading::object(Token token, std::size_t depth, bool& wrong, Nested read) {
  const char first = walk_.peek(token);
  if (first == '{') return (this->*read)(token, depth, wrong);
  wrong = first != 'n';
  return walk_.skip(token, depth);
}

template <class Table>
void RecordReading::forget(const Table& table) {
  for (std::size_t row = 0; row < table.size(); ++row)
    if (table[row].text != nullptr) event_.user_identity.*table[row].text = {};
}

template <class Table>
JsonWalk::Token RecordReading::identity_members(const Table& table, typename Table::Habit& habit, Token token, std::size_t depth, bool& wrong,
                                                Nested (*nested)(std::string_view name)) {
  Known wrong_rows = 0;
  token = members(table, habit, token, depth, [&](std::size_t row, Token at, bool repeated) {
    bool row_wrong = false;
    if (table[row].kind == Kind::kObject) {
      const Nested read = nested(table[row].name);
      if (repeated) forget_read_by(read);
      at = object(at, depth + 1, row_wrong, read);
    } else {
      at = value(table[row], at, depth + 1, event_.user_identity, row_wrong);
    }
    const Known bit = Known{1} << row;
    wrong_rows = row_wrong ? wrong_rows | bit : wrong_rows & ~bit;
    return at;
  });
  wrong = wrong_rows != 0;
  return token;
}

/// Clears what an object that is written again has set: the last one counts, whole.
void RecordReading::forget_read_by(Nested read) {
  const bool whole_session = read == &RecordReading::session_context;
  if (whole_session) forget(kSessionContext);
  if (whole_session || read == &RecordReading::session_attributes) forget(kSessionAttributes);
  if (whole_session || read == &RecordReading::issuer) forget(kIssuer);
}

JsonWalk::Token RecordReading::issuer(Token token, std::size_t depth, bool& wrong) {
  return identity_members(kIssuer, habits_.issuer, token, depth, wrong, nullptr);
}

JsonWalk::Token RecordReading::session_attributes(Token token, std::size_t depth, bool& wrong) {
  return identity_members(kSessionAttributes, habits_.session_attributes, token, depth, wrong, nullptr);
}

JsonWalk::Token RecordReading::session_context(Token token, std::size_t depth, bool& wrong) {
  return identity_members(kSessionContext, habits_.session_context, token, depth, wrong, [](std::string_view name) {
    return name == "attributes" ? &RecordReading::session_attributes : &RecordReading::issuer;
  });
}

JsonWalk::Token RecordReading::identity(Token token, std::size_t depth, bool& wrong) {
  token = identity_members(kIdentity, habits_.identity, token, depth, wrong,
                           [](std::string_view) -> Nested { return &RecordReading::session_context; });
  event_.user_identity.type = parse_identity_type(event_.user_identity.type_text);
  return token;
}

JsonWalk::Token RecordReading::record(Token token) {
  const std::size_t begin = *token;
  token = members(kEvent, habits_.event, token, 0, [this](std::size_t row, Token at, bool repeated) {
    bool wrong = false;
    const char first = walk_.peek(at);
    switch (kEvent[row].kind) {
      case Kind::kTime:
        time_text_ = {};
        wrong = first != '"' && first != 'n';
        at = first == '"' ? text(at, time_text_) : walk_.skip(at, 1);
        break;
      case Kind::kFlag: {
        std::optional<bool>& flag = kEvent[row].name == "readOnly" ? event_.read_only : event_.management_event;
        flag = first == 't' ? std::optional(true) : first == 'f' ? std::optional(false) : std::nullopt;
        wrong = !flag && first != 'n';
        at = walk_.skip(at, 1);
        break;
      }
      case Kind::kObject:
        if (repeated) event_.user_identity = UserIdentity{};  // the last one counts, whole
        at = object(at, 1, wrong, &RecordReading::identity);
        break;
      default: at = value(kEvent[row], at, 1, event_, wrong);
    }
    const Known bit = Known{1} << row;
    wrong_ = wrong ? wrong_ | bit : wrong_ & ~bit;
    return at;
  });
  if (token == nullptr) return nullptr;
  const std::size_t end = token[-1] + std::size_t{1};
  event_.raw = std::string_view(event_.raw.data() + begin, end - begin);
  if (!time_text_.empty()) {
    const auto parsed = parse_event_time(time_text_);
    time_ = parsed ? TimeState::kGood : TimeState::kBad;
    event_.event_time = parsed.value_or(Timestamp{});
  }
  classify();
  return token;
}

void RecordReading::classify() {
  static constexpr std::array<std::pair<Text, EventCategory>, 5> kCategories{{
      {"Management", EventCategory::kManagement},
      {"Data", EventCategory::kData},
      {"NetworkActivity", EventCategory::kNetworkActivity},
      {"Insight", EventCategory::kInsight},
      {"Aggregated", EventCategory::kAggregated},
  }};
  if (!event_.event_category.empty()) {
    const auto* const known = std::find_if(kCategories.begin(), kCategories.end(), [this](const auto& c) { return c.first == event_.event_category; });
    event_.category = known == kCategories.end() ? EventCategory::kOther : known->second;
  } else if (event_.event_type == "AwsCloudTrailInsight") {
    event_.category = EventCategory::kInsight;
  } else if (event_.event_type.starts_with("AwsVpce")) {
    event_.category = EventCategory::kNetworkActivity;
  } else if (event_.event_type == "AwsAggregatedEvent") {
    event_.category = EventCategory::kAggregated;
  } else {
    event_.category = event_.management_event == false ? EventCategory::kData : EventCategory::kManagement;
  }
}

/// What a complete JSON object lacks to be a record that can be judged.
Refusal RecordReading::verdict() const {
  if (wrong_ != 0) return Refusal::kWrongType;
  if (event_.category == EventCategory::kInsight || event_.category == EventCategory::kAggregated || event_.category == EventCategory::kOther)
    return Refusal::kNone;  // these have other members; whoever asked sees the category
  if (time_ == TimeState::kAbsent && event_.event_source.empty() && event_.event_name.empty()) return Refusal::kNotARecord;
  if (time_ == TimeState::kAbsent) return Refusal::kMissingEventTime;
  if (time_ == TimeState::kBad) return Refusal::kBadEventTime;
  if (event_.event_source.empty()) return Refusal::kMissingEventSource;
  if (event_.event_name.empty()) return Refusal::kMissingEventName;
  // eventID came with version 1.01; the very first records have none.
  if (event_.event_id.empty() && event_.event_version != "1.0" && event_.event_version != "1.00") return Refusal::kMissingEventId;
  return Refusal::kNone;
}

}  // namespace

char* Arena::allocate(std::size_t size) {
  static constexpr std::size_t kBlock = 64 * 1024;
  while (block_ < blocks_.size() && blocks_[block_].size - used_ < size) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    const std::size_t wanted = std::max(size, kBlock);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(wanted + kPadding), wanted});
    used_ = 0;
  }
  char* const bytes = blocks_[block_].bytes.get() + used_;
  used_ += size;
  return bytes;
}

void Arena::clear() {
  // What one unusual batch needed is given back; the common size stays.
  static constexpr std::size_t kKept = 16;
  if (blocks_.size() > kKept) blocks_.resize(kKept);
  block_ = 0;
  used_ = 0;
}

std::size_t Arena::memory_bytes() const {
  std::size_t total = 0;
  for (const Block& block : blocks_) total += block.size;
  return total;
}

Decoder::Decoder(Limits limits) : limits_(limits), habits_(std::make_unique<Habits>()) {}
Decoder::Decoder() : Decoder(Limits{}) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

Refusal Decoder::decode(TokenIndex& index, std::size_t& cursor, Arena& arena, CloudTrailEvent& event) {
  if (cursor >= index.tokens().size()) return Refusal::kTruncated;
  static const CloudTrailEvent kEmpty{};
  event = kEmpty;  // one copy; a member-wise reset costs three times as much
  event.raw = index.text();
  RecordReading reading(index, *habits_, arena, event);
  JsonWalk& walk = reading.walk();
  const JsonWalk::Token first = index.tokens().data() + cursor;
  if (walk.peek(first) != '{') return walk.skip(first, 0) != nullptr ? Refusal::kNotAnObject : walk.refusal();
  const JsonWalk::Token behind = reading.record(first);
  if (behind == nullptr) return walk.refusal();
  cursor = static_cast<std::size_t>(behind - index.tokens().data());
  return event.raw.size() > limits_.max_record_bytes ? Refusal::kTooLarge : reading.verdict();
}

Refusal Decoder::decode(std::string_view text, Arena& arena, CloudTrailEvent& event) {
  if (const Refusal refusal = index_.build(text); refusal != Refusal::kNone) return refusal;
  std::size_t cursor = 0;
  const Refusal refusal = decode(index_, cursor, arena, event);
  const bool is_object = cursor != 0;
  return is_object && cursor != index_.tokens().size() ? Refusal::kNotJson : refusal;
}

std::string_view to_string(Refusal refusal) {
  static constexpr std::array<std::string_view, kRefusals> kNames{
      "none", "not_json", "truncated", "invalid_utf8", "too_deep", "record_too_large", "document_too_large", "not_an_object", "not_a_record",
      "wrong_type", "missing_event_time", "missing_event_source", "missing_event_name", "missing_event_id", "bad_event_time", "damaged_gzip",
      "unreadable"};
  return kNames[static_cast<std::size_t>(refusal)];
}

std::string_view advice(Refusal refusal) {
  static constexpr std::array<std::string_view, kRefusals> kAdvice{
      "",
      "not valid JSON; look at it in the quarantine file and ask whoever writes this input",
      "the JSON ends too early; the file was cut off or is still being written: deliver it again",
      "not valid UTF-8; CloudTrail writes UTF-8 only, so something re-encoded it",
      "nested deeper than 64 levels, which no CloudTrail record is",
      "larger than input.max_record; CloudTrail's own bound is 256 KB (1 MB in Lake): raise the option if the record is real",
      "larger than input.max_document; raise the option, or deliver JSON lines, which have no bound",
      "JSON, but not an object where a CloudTrail record should be",
      "an object without eventTime, eventSource and eventName, and no container that is known",
      "a member has another JSON type than CloudTrail gives it",
      "no eventTime, so it cannot be placed in time",
      "no eventSource",
      "no eventName",
      "no eventID, so repeats of it could not be told apart",
      "eventTime is not of the form YYYY-MM-DDTHH:MM:SSZ",
      "the gzip stream is damaged from here on; what came before was read: deliver the file again",
      "the file could not be read on"};
  return kAdvice[static_cast<std::size_t>(refusal)];
}

}  // namespace trailwarden::event
