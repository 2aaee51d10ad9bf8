#include "rules/glob_matcher.h"

#include <algorithm>
#include <cstring>

#include "rules/letter_case.h"
#include "rules/utf8.h"

namespace trailwarden::rules {
namespace {

std::uint32_t size32(std::string_view text) { return static_cast<std::uint32_t>(text.size()); }

/// Bytes of the code point at the front of a text that is known to be UTF-8.
std::size_t known_utf8_length(std::string_view text) {
  std::size_t length = 1;
  while (length < text.size() && is_utf8_continuation(text[length])) ++length;
  return length;
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

GlobMatcher::GlobMatcher(const Glob& glob) {
  parts_.push_back({0, 0});
  for (std::size_t run = 0; run < glob.runs.size(); ++run) {
    add_text(glob.runs[run], glob.ignore_case);
    if (run < glob.gaps.size()) {
      steps_.insert(steps_.end(), glob.gaps[run].at_least, Step{Step::Kind::kOne, 0, 0, 0});
      parts_.back().last = static_cast<std::uint32_t>(steps_.size());
      if (glob.gaps[run].any_more) parts_.push_back({parts_.back().last, parts_.back().last});
    }
  }
  parts_.back().last = static_cast<std::uint32_t>(steps_.size());
}

void GlobMatcher::add_text(std::string_view run, bool ignore_case) {
  const auto add = [this](Step::Kind kind, std::string_view text, std::string_view other = {}) {
    steps_.push_back({kind, size32(bytes_), size32(text), size32(other)});
    bytes_ += text;
    bytes_ += other;
  };
  while (!run.empty()) {
    std::size_t plain = 0;  // without the characters beyond ASCII that may have another case
    while (plain < run.size() && (!ignore_case || static_cast<unsigned char>(run[plain]) < 0x80)) ++plain;
    if (plain > 0) {
      std::string text(run.substr(0, plain));
      if (ignore_case) std::transform(text.begin(), text.end(), text.begin(), ascii_lower);
      add(ignore_case ? Step::Kind::kLetters : Step::Kind::kBytes, text);
      run.remove_prefix(plain);
      continue;
    }
    const std::size_t length = std::max<std::size_t>(utf8_length(run), 1);
    if (utf8_length(run) == 0) {
      add(Step::Kind::kBytes, run.substr(0, 1));
    } else {
      const CaseForms forms = case_forms(utf8_decode(run));
      if (forms.lower == forms.upper) add(Step::Kind::kBytes, forms.lower);
      else add(Step::Kind::kForms, forms.lower, forms.upper);
    }
    run.remove_prefix(length);
  }
}

/// Calls `ends(position)` for every place where the steps from `step` on, begun at `at`, can end.
template <class Ends>
void GlobMatcher::ends_of(std::uint32_t step, std::uint32_t last, std::string_view text, std::size_t at, Ends ends) const {
  for (; step < last; ++step) {
    const Step& s = steps_[step];
    const std::string_view rest = text.substr(at);
    switch (s.kind) {
      case Step::Kind::kBytes:
        if (!rest.starts_with(bytes(s.begin, s.size))) return;
        at += s.size;
        break;
      case Step::Kind::kLetters:
        if (rest.size() < s.size || !equal_letters(rest.substr(0, s.size), bytes(s.begin, s.size))) return;
        at += s.size;
        break;
      case Step::Kind::kOne:
        if (rest.empty()) return;
        at += known_utf8_length(rest);
        break;
      case Step::Kind::kForms:
        // Both may fit only where one begins with the other; then both ways are tried.
        if (rest.starts_with(bytes(s.begin + s.size, s.other_size))) ends_of(step + 1, last, text, at + s.other_size, ends);
        if (!rest.starts_with(bytes(s.begin, s.size))) return;
        at += s.size;
        break;
    }
  }
  ends(at);
}

/// Where the part, found at or behind `from`, ends first.
std::size_t GlobMatcher::earliest_end(const Part& part, std::string_view text, std::size_t from) const {
  if (part.first == part.last) return from;
  const Step& first = steps_[part.first];
  std::size_t best = kNowhere;
  // A begin further right may still end further left: forms differ in length.
  for (std::size_t at = from; at < text.size() && at < best; ++at) {
    if (first.kind == Step::Kind::kBytes) {
      const auto* const found = static_cast<const char*>(std::memchr(text.data() + at, bytes_[first.begin], text.size() - at));
      if (found == nullptr) break;
      at = static_cast<std::size_t>(found - text.data());
    } else if (is_utf8_continuation(text[at])) {
      continue;
    }
    ends_of(part.first, part.last, text, at, [&best](std::size_t end) { best = std::min(best, end); });
  }
  return best;
}

bool GlobMatcher::ends_with(const Part& part, std::string_view text, std::size_t from) const {
  if (part.first == part.last) return true;
  bool found = false;
  for (std::size_t at = text.size(); at-- > from && !found;) {
    if (is_utf8_continuation(text[at])) continue;
    ends_of(part.first, part.last, text, at, [&](std::size_t end) { found = found || end == text.size(); });
  }
  return found;
}

bool GlobMatcher::accepts(std::string_view text) const {
  std::size_t at = kNowhere;
  const bool is_one_part = parts_.size() == 1;
  ends_of(parts_[0].first, parts_[0].last, text, 0, [&](std::size_t end) {
    if (!is_one_part || end == text.size()) at = std::min(at, end);
  });
  if (is_one_part || at == kNowhere) return at != kNowhere;
  for (std::size_t part = 1; part + 1 < parts_.size(); ++part) {
    at = earliest_end(parts_[part], text, at);
    if (at == kNowhere) return false;
  }
  return ends_with(parts_.back(), text, at);
}

std::size_t GlobMatcher::memory_bytes() const {
  return sizeof *this + bytes_.capacity() + steps_.capacity() * sizeof(Step) + parts_.capacity() * sizeof(Part);
}

}  // namespace trailwarden::rules
