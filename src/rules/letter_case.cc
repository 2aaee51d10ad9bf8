#include "rules/letter_case.h"

#include <array>

#include <unicode/ustring.h>

#include "core/check.h"
#include "rules/utf8.h"

namespace trailwarden::rules {
namespace {

using Mapping = std::int32_t (*)(UChar* out, std::int32_t room, const UChar* text, std::int32_t size, const char* locale, UErrorCode* error);

std::string mapped(Mapping mapping, char32_t code) {
  const auto unit = static_cast<UChar>(code);
  std::array<UChar, 8> out{};
  UErrorCode error = U_ZERO_ERROR;
  const std::int32_t size = mapping(out.data(), static_cast<std::int32_t>(out.size()), &unit, 1, "", &error);
  TRAILWARDEN_CHECK(U_SUCCESS(error), "a character has at most three characters of the other case");
  std::string text;
  for (std::int32_t i = 0; i < size; ++i) append_utf8(out[static_cast<std::size_t>(i)], text);  // all of the same plane
  return text;
}

}  // namespace

CaseForms case_forms(char32_t code) {
  if (code < 0x80) {
    const auto c = static_cast<char>(code);
    const bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    return letter ? CaseForms{std::string(1, static_cast<char>(c | 0x20)), std::string(1, static_cast<char>(c & ~0x20))}
                  : CaseForms{std::string(1, c), std::string(1, c)};
  }
  if (code > 0xffff) {
    std::string self;
    append_utf8(code, self);
    return {self, self};
  }
  return {mapped(u_strToLower, code), mapped(u_strToUpper, code)};
}

}  // namespace trailwarden::rules
