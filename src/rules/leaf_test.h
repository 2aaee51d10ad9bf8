#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace trailwarden::rules {

/// A glob over Unicode code points in UTF-8, anchored at both ends: literal runs with gaps between them.
///
/// "abc" is one run and no gap; "abc*" a run and a gap; "*a?c" a gap, a run, a gap of exactly one, a run. Event patterns' exact, prefix, suffix,
/// equals-ignore-case and wildcard, and Sigma's strings with contains, startswith and endswith, are all of this form.
struct Glob {
  struct Gap {
    std::uint32_t at_least = 0;  // code points: one for each `?`
    bool any_more = false;       // a `*` was there
    bool operator==(const Gap&) const = default;
  };
  /// runs.size() == gaps.size() + 1; text = runs[0] gaps[0] runs[1] ...; a run may be empty at the ends only.
  std::vector<std::string> runs;
  std::vector<Gap> gaps;
  /// Each UTF-16 unit of the glob accepts its lower and its upper case (`case_forms`).
  bool ignore_case = false;
  bool operator==(const Glob&) const = default;
};

/// Numbers between two bounds, as binary64. A single number has both bounds equal and closed. What is not comparable (more digits than binary64 keeps) is in no range.
struct NumberRange {
  double low = 0, high = 0;  // infinite where there is no bound
  bool low_closed = true, high_closed = true;
  bool operator==(const NumberRange&) const = default;
};

/// A number with more digits than binary64 keeps: only the same spelling is equal.
struct NumberSpelling {
  std::string text;
  bool operator==(const NumberSpelling&) const = default;
};

/// Literal addresses of one family inside a block; a single address has all bits.
struct AddressBlock {
  std::array<std::uint8_t, 16> address{};  // network order; IPv4 in the first four; host bits zero
  std::uint8_t bits = 0;
  bool v6 = false;
  bool operator==(const AddressBlock&) const = default;
};

/// RE2 syntax, found anywhere in the text.
struct Regex {
  std::string pattern;
  bool ignore_case = false, multi_line = false, dot_all = false;
  bool operator==(const Regex&) const = default;
};

enum class Literal : std::uint8_t { kNull, kTrue, kFalse };

/// Any leaf, `null` and "" included; in Sigma's reading any value, containers included.
struct AnyValue {
  bool operator==(const AnyValue&) const = default;
};

/// A part of a timestamp (Sigma's `hour`, ...); ISO week.
struct TimePart {
  enum class Part : std::uint8_t { kMinute, kHour, kDay, kWeek, kMonth, kYear } part = Part::kMinute;
  std::int32_t value = 0;
  bool operator==(const TimePart&) const = default;
};

struct LeafTest;

/// Accepts a leaf that none of the tests accepts: event patterns' anything-but. The leaf has to be there.
struct AnythingBut {
  std::vector<LeafTest> tests;
  bool operator==(const AnythingBut&) const;
};

/// What is asked of one leaf of an event.
struct LeafTest {
  std::variant<AnyValue, Literal, Glob, NumberRange, NumberSpelling, AddressBlock, Regex, TimePart, AnythingBut> what;
  bool operator==(const LeafTest&) const = default;
};

// Written out: clang 16 does not survive the defaulted one.
inline bool AnythingBut::operator==(const AnythingBut& other) const { return tests == other.tests; }

}  // namespace trailwarden::rules
