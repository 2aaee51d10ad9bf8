#include "rules/decimal.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>

namespace trailwarden::rules {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t count_digits(std::string_view text, std::size_t from) {
  std::size_t to = from;
  while (to < text.size() && is_digit(text[to])) ++to;
  return to - from;
}

/// 0.DIGITS times ten to `exponent`; no zero at either end of the digits, none at all for zero.
struct Decimal {
  bool negative = false;
  std::string digits;
  std::int64_t exponent = 0;
  bool operator==(const Decimal&) const = default;
};

/// An exponent that does not fit is as good as one that binary64 does not reach.
std::int64_t parse_exponent(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr std::int64_t kFar = std::int64_t{1} << 40;
  if (error == std::errc::result_out_of_range || value > kFar || value < -kFar) return text.starts_with('-') ? -kFar : kFar;
  return value;
}

Decimal parse_decimal_value(std::string_view number) {
  Decimal decimal;
  if (number.starts_with('-')) {
    decimal.negative = true;
    number.remove_prefix(1);
  }
  const std::size_t e = number.find_first_of("eE");
  const std::string_view mantissa = number.substr(0, e);
  const std::size_t point = mantissa.find('.');
  decimal.digits = mantissa.substr(0, point);
  decimal.exponent = static_cast<std::int64_t>(decimal.digits.size());
  if (point != std::string_view::npos) decimal.digits += mantissa.substr(point + 1);
  if (e != std::string_view::npos) decimal.exponent += parse_exponent(number.substr(e + 1));
  const std::size_t first = decimal.digits.find_first_not_of('0');
  if (first == std::string::npos) return Decimal{};
  decimal.digits.erase(decimal.digits.find_last_not_of('0') + 1);
  decimal.digits.erase(0, first);
  decimal.exponent -= static_cast<std::int64_t>(first);
  return decimal;
}

/// At most 15 digits, and nowhere near the ends of the range: then every binary64 gives the decimal back (DBL_DIG).
bool is_plainly_comparable(std::string_view number) { return number.size() <= 15 && number.find_first_of("eE") == std::string_view::npos; }

}  // namespace

bool is_json_number(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t whole = count_digits(text, at);
  if (whole == 0 || (whole > 1 && text[at] == '0')) return false;
  at += whole;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = count_digits(text, at + 1);
    if (fraction == 0) return false;
    at += 1 + fraction;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t exponent = count_digits(text, at);
    if (exponent == 0) return false;
    at += exponent;
  }
  return at == text.size();
}

std::optional<double> comparable_number(std::string_view json_number) {
  double value = 0;
  const auto [end, error] = std::from_chars(json_number.data(), json_number.data() + json_number.size(), value);
  if (error == std::errc{} && value != 0 && is_plainly_comparable(json_number)) return value;
  const Decimal written = parse_decimal_value(json_number);
  if (written.digits.empty()) return 0.0;
  if (error != std::errc{} || value == 0) return std::nullopt;
  std::array<char, 32> shortest{};
  const auto printed = std::to_chars(shortest.data(), shortest.data() + shortest.size(), value, std::chars_format::scientific);
  return parse_decimal_value({shortest.data(), printed.ptr}) == written ? std::optional(value) : std::nullopt;
}

}  // namespace trailwarden::rules
