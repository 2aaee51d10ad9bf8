#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/diagnostics.h"
#include "core/result.h"

namespace trailwarden::config {

using trailwarden::Diagnostics;

/// One mapping of a YAML file (or an absent one, whose every key is absent). Getters return the value, or the default
/// when the key is absent; a value of the wrong form is reported to the diagnostics, with its place, and the default returned, so that one
/// pass over a file finds every error.
///
/// Strict: a key written twice, an anchor or alias, a second document, more than 1 MiB or 32 levels are errors; a quoted word is a text and
/// never a number or boolean. Cheap to copy. Thread-safe to read, except that all sections of a file share its diagnostics. The only header through which the rest of the program sees YAML; yaml-cpp stays in `section.cc`.
class Section {
 public:
  static constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
  static constexpr std::size_t kMaxNesting = 32;

  /// Parses a whole file. A file that is not YAML, or whose top is not a mapping, is one diagnostic and an absent section. An empty file is an empty mapping.
  static Section parse(std::string_view text, std::string_view file_name, std::shared_ptr<Diagnostics> diagnostics);
  /// An absent section.
  Section();

  bool present() const;
  bool has(std::string_view key) const;
  std::vector<std::string> keys() const;

  /// Reports every key that is not in `known`, with the nearest known one as a suggestion.
  void only(std::span<const std::string_view> known) const;

  bool boolean(std::string_view key, bool fallback) const;
  std::int64_t integer(std::string_view key, std::int64_t fallback, std::int64_t min, std::int64_t max) const;
  double number(std::string_view key, double fallback, double min, double max) const;
  /// `90s`, `15m`, `2h`, `7d` (a bare number is refused: it has no unit).
  std::chrono::seconds duration(std::string_view key, std::chrono::seconds fallback, std::chrono::seconds min, std::chrono::seconds max) const;
  /// `64KiB`, `256MiB`, `1GiB`, `1000B`.
  std::uint64_t bytes(std::string_view key, std::uint64_t fallback, std::uint64_t min, std::uint64_t max) const;
  std::string text(std::string_view key, std::string_view fallback) const;
  /// One of `allowed`.
  std::string choice(std::string_view key, std::string_view fallback, std::span<const std::string_view> allowed) const;
  std::vector<std::string> texts(std::string_view key, std::vector<std::string> fallback) const;
  std::vector<std::int64_t> integers(std::string_view key, std::vector<std::int64_t> fallback, std::int64_t min, std::int64_t max) const;
  /// A nested mapping; absent when the key is.
  Section section(std::string_view key) const;
  /// A list of mappings.
  std::vector<Section> sections(std::string_view key) const;

  /// `FILE:LINE:COLUMN` of the section; empty for an absent one.
  std::string place() const;

  /// Reports a problem at `key`'s value (at the section itself if it has no such key).
  void report(std::string_view key, std::string message) const;
  /// Reports a problem with the key itself, at the key.
  void report_key(std::string_view key, std::string message) const;

 private:
  struct Node;
  explicit Section(std::shared_ptr<const Node> node);
  std::shared_ptr<const Node> node_;
};

/// "15m", "90s", "1h": the largest unit that divides it.
std::string format_duration(std::chrono::seconds duration);

/// "256MiB", "1000B": the largest unit that divides it.
std::string format_size(std::uint64_t bytes);

/// The text as a double-quoted YAML scalar.
std::string yaml_text(std::string_view text);

}  // namespace trailwarden::config
