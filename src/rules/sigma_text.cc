#include "rules/sigma_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "rules/utf8.h"

namespace trailwarden::rules {
namespace {

/// Puts a gap behind the glob's last run, which may be empty: then it joins the gap before it.
void add_gap(Glob& glob, Glob::Gap gap) {
  if (glob.runs.back().empty() && !glob.gaps.empty()) {
    glob.gaps.back().at_least += gap.at_least;
    glob.gaps.back().any_more |= gap.any_more;
    return;
  }
  glob.gaps.push_back(gap);
  glob.runs.emplace_back();
}

constexpr Glob::Gap kAnyText{.at_least = 0, .any_more = true};
constexpr Glob::Gap kOneCharacter{.at_least = 1, .any_more = false};

bool is_ascii_word(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// Whether a code point is part of a word: an approximation of Unicode's letters and digits that is wrong for rare symbols only.
bool is_word(char32_t code) {
  if (code < 0x80) return is_ascii_word(static_cast<char>(code));
  const bool is_punctuation = code < 0xc0 || code == 0xd7 || code == 0xf7 || (code >= 0x2000 && code <= 0x206f) || (code >= 0x3000 && code <= 0x303f);
  return !is_punctuation;
}

/// Whether the character at `at` begins a word as the `-` of `-file` does: no word before it, one behind it (`\B[-/]\b`).
bool is_word_dash(std::string_view run, std::size_t at) {
  if (run[at] != '-' && run[at] != '/') return false;
  std::size_t before = at;
  while (before > 0 && is_utf8_continuation(run[before - 1])) --before;
  const bool word_before = before > 0 && is_word(utf8_decode(run.substr(before - 1)));
  const std::string_view behind = run.substr(at + 1);
  return !word_before && !behind.empty() && is_word(utf8_decode(behind));
}

}  // namespace

Glob parse_sigma_text(std::string_view written) {
  Glob out{.runs = {""}};
  for (std::size_t i = 0; i < written.size(); ++i) {
    const char c = written[i];
    const char next = i + 1 < written.size() ? written[i + 1] : '\0';
    if (c == '\\' && (next == '*' || next == '?' || next == '\\')) {
      out.runs.back() += next;
      ++i;
    } else if (c == '*') {
      add_gap(out, kAnyText);
    } else if (c == '?') {
      add_gap(out, kOneCharacter);
    } else {
      out.runs.back() += c;
    }
  }
  return out;
}

bool has_wildcard(const Glob& text) { return !text.gaps.empty(); }

void open_front(Glob& text) {
  Glob opened{.runs = {""}, .ignore_case = text.ignore_case};
  add_gap(opened, kAnyText);
  text = concatenate(std::move(opened), text);
}

void open_back(Glob& text) { add_gap(text, kAnyText); }

Glob concatenate(Glob front, const Glob& back) {
  front.runs.back() += back.runs.front();
  for (std::size_t i = 0; i < back.gaps.size(); ++i) {
    add_gap(front, back.gaps[i]);
    front.runs.back() += back.runs[i + 1];
  }
  return front;
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(bytes.size() - i, 3);
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) word = word << 8 | (k < left ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) out += k <= left ? kAlphabet[word >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::vector<std::string> base64_offsets(std::string_view bytes) {
  static constexpr std::array<std::size_t, 3> kDropFirst{0, 2, 3}, kDropLast{0, 3, 2};
  std::vector<std::string> out;
  for (std::size_t shift = 0; shift < 3; ++shift) {
    const std::string shifted = base64(std::string(shift, ' ').append(bytes));
    const std::size_t first = kDropFirst[shift], last = kDropLast[(bytes.size() + shift) % 3];
    out.push_back(shifted.size() > first + last ? shifted.substr(first, shifted.size() - first - last) : std::string());
  }
  return out;
}

std::string to_utf16(std::string_view text, Utf16 form) {
  std::string out;
  const auto put = [&out, form](std::uint32_t unit) {
    const char high = static_cast<char>(unit >> 8), low = static_cast<char>(unit & 0xff);
    out += form == Utf16::kBigEndian ? high : low;
    out += form == Utf16::kBigEndian ? low : high;
  };
  if (form == Utf16::kMarked) put(0xfeff);
  for (std::size_t i = 0; i < text.size(); i += std::max<std::size_t>(utf8_length(text.substr(i)), 1)) {
    const char32_t code = utf8_decode(text.substr(i));
    if (code >= 0x10000) put(0xd800 + (static_cast<std::uint32_t>(code - 0x10000) >> 10));
    put(code >= 0x10000 ? 0xdc00 + (static_cast<std::uint32_t>(code - 0x10000) & 0x3ff) : static_cast<std::uint32_t>(code));
  }
  return out;
}

std::vector<Glob> dash_variants(const Glob& text, std::size_t limit) {
  static constexpr std::array<std::string_view, 5> kDashes{"-", "/", "\u2013", "\u2014", "\u2015"};
  std::vector<Glob> variants{Glob{.runs = {""}, .ignore_case = text.ignore_case}};
  const auto append = [&variants](std::string_view piece) {
    for (Glob& variant : variants) variant.runs.back() += piece;
  };
  for (std::size_t r = 0; r < text.runs.size() && variants.size() <= limit; ++r) {
    const std::string_view run = text.runs[r];
    for (std::size_t i = 0; i < run.size() && variants.size() <= limit; ++i) {
      if (!is_word_dash(run, i)) {
        append(run.substr(i, 1));
        continue;
      }
      std::vector<Glob> more;
      for (const Glob& variant : variants)
        for (const std::string_view dash : kDashes) (more.emplace_back(variant)).runs.back() += dash;
      variants = std::move(more);
    }
    if (r < text.gaps.size())
      for (Glob& variant : variants) add_gap(variant, text.gaps[r]);
  }
  return variants;
}

}  // namespace trailwarden::rules
