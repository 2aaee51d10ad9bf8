#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/cloudtrail_event.h"
#include "rules/event_member.h"
#include "rules/json_value.h"

namespace trailwarden::rules {

/// A field that rules group by, count and speak of: a path, or one of the derived fields of docs/rules.md. Looked up once, read of many records.
class RecordField {
 public:
  explicit RecordField(std::string_view name);

  /// Whether a record has one value at most, which is known without reading the record again.
  bool is_decoded() const { return kind_ != Kind::kPath; }

 private:
  friend class RecordFields;
  enum class Kind : std::uint8_t { kPath, kMember, kPrincipal, kPrincipalId, kAccount, kRegion, kService } kind_ = Kind::kPath;
  std::optional<event::DecodedMember> member_;  // of kMember where the value is; of kPath where the document is into which the path's first name leads, if any
  std::string path_;
};

/// The fields of one record that rules group by, count and speak of: paths, and the derived fields of docs/rules.md. A path is looked for in the member of the
/// record that it leads into, without building anything, unless there are JSON documents in strings to follow it into: those are parsed when first asked for.
class RecordFields {
 public:
  /// `decode`: paths whose strings are JSON documents. Both outlive this.
  RecordFields(const event::CloudTrailEvent& event, const std::vector<std::string>& decode) : event_(event), decode_(decode) {}

  /// Puts the first value there is into `out`, elements of arrays in their order; a number or boolean by its text, a container as compact JSON. False where there is
  /// none, or null.
  bool read(const RecordField& field, std::string& out) const;
  std::optional<std::string> text(std::string_view name) const;
  /// All of them, each once, in place of what is in `out`.
  void texts(const RecordField& field, std::vector<std::string>& out) const;

 private:
  /// Calls `visit` for each value at a path, until it says false. False if it did.
  template <class Visit>
  bool each_at(const JsonValue& from, std::string_view path, const std::string& here, Visit& visit) const;
  /// The same in JSON text, where no strings are documents.
  template <class Visit>
  bool each_in(std::string_view json, std::string_view path, Visit& visit) const;
  /// The same for a field that is a path.
  template <class Visit>
  void each_of(const RecordField& field, Visit visit) const;
  const JsonValue& parsed(std::string_view name, std::string_view json) const;

  const event::CloudTrailEvent& event_;
  const std::vector<std::string>& decode_;
  mutable std::map<std::string, JsonValue> parsed_;  // by the name of a member of the record; "" is the record
  mutable std::vector<std::unique_ptr<JsonValue>> documents_;  // that stood in strings
};

}  // namespace trailwarden::rules
