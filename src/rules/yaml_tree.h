#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace trailwarden::rules {

/// Where in a file something stands; both count from 1, columns in bytes.
struct YamlPlace {
  int line = 1, column = 1;
  bool operator==(const YamlPlace&) const = default;
};

struct YamlMember;

/// One value of a YAML file, with its place. Scalars have the types of YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema): what
/// is in quotes, or a block, is a string; `yes`, `no` and `on` are strings too. A value that was written as an alias has the places of its anchor.
struct YamlNode {
  enum class Kind : std::uint8_t { kNull, kBoolean, kInteger, kFloat, kString, kList, kMap };

  Kind kind = Kind::kNull;
  bool boolean = false;  // of kBoolean
  YamlPlace place;
  double number = 0;                // of kInteger and kFloat: the nearest; infinite where it is too large
  std::string text;                 // of a scalar: a string's content, else as written (a null is "null")
  std::vector<YamlNode> items;      // of kList
  std::vector<YamlMember> members;  // of kMap, in the order of the file, no key twice

  bool is_scalar() const { return kind != Kind::kList && kind != Kind::kMap; }
  bool is_number() const { return kind == Kind::kInteger || kind == Kind::kFloat; }
  /// The value of a kInteger that fits.
  std::optional<std::int64_t> integer() const;
  /// The value of a member of a map; nullptr if it has none.
  const YamlNode* find(std::string_view key) const;
};

struct YamlMember {
  std::string key;  // any scalar, as written
  YamlPlace place;  // of the key
  YamlNode value;
};

/// "null", "a boolean", "a whole number", "a number", "a text", "a list", "a map".
std::string_view describe(YamlNode::Kind kind);

/// What bounds a file, beside its bytes: how deep it may nest, and how many values it may have, those that its aliases repeat included.
inline constexpr std::size_t kMaxYamlBytes = 10'000'000;
inline constexpr std::size_t kMaxYamlDepth = 64;
inline constexpr std::size_t kMaxYamlNodes = 1'000'000;
inline constexpr std::size_t kMaxYamlAliasNodes = 10'000;
inline constexpr std::size_t kMaxYamlAnchors = 1'000;

/// What is wrong with a file, and what to do.
struct YamlFault {
  YamlPlace place;
  std::string message;
};

/// The documents of a YAML stream, without the empty ones. Aliases are replaced by what they name. ~1 us a value.
///
/// A fault is: not YAML, not UTF-8, one of the bounds above, a key twice or no scalar, an alias inside the value it names, a merge key (`<<`, YAML 1.1), a tag
/// other than those of the core schema.
tl::expected<std::vector<YamlNode>, YamlFault> parse_yaml(std::string_view text);

}  // namespace trailwarden::rules
