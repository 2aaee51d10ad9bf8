#include "ingest/element_splitter.h"

#include <algorithm>
#include <string>

#include "ingest/json_splitter.h"
#include "ingest/json_text.h"

namespace trailwarden::ingest {
namespace {

/// What is read ahead for the end of an array's element before it is looked at closely: nothing larger is a record.
constexpr std::size_t kPlainBytes = std::size_t{1} << 20;
/// How far an element may be behind a bracket that seems to close the list.
constexpr std::size_t kLookAhead = 64 * 1024;
/// Brackets open at once, above which a walk gives up: the decoder refuses what is nested deeper than 64.
constexpr std::size_t kMostOpen = 80;
/// How often, on average, each byte may be looked at for damaged elements. What is left of a list after that is one
/// damaged element.
constexpr std::uint64_t kMostLooks = 64;

bool opens(char c) { return c == '{' || c == '['; }
bool closes(char c) { return c == '}' || c == ']'; }
char partner(char open) { return open == '{' ? '}' : open == '[' ? ']' : open; }

/// Whether in valid JSON `c` may follow `last` outside strings, whitespace left out; a string is its quote. Words and
/// numbers are only checked for the bytes they are made of, which what strings hold rarely passes.
bool may_follow(char last, char c) {
  constexpr std::string_view kWordBytes = "0123456789-+.eEtrufalsn", kOpening = "{[,:";
  const bool behind_opening = last == '\0' || kOpening.find(last) != std::string_view::npos;
  switch (c) {
    case '"':
      return behind_opening;
    case '{':
    case '[':
      return behind_opening && last != '{';
    case '}':
    case ']':
      return last != ',' && last != ':';
    case ',':
      return !behind_opening;
    case ':':
      return last == '"';
    default:
      return is_json_space(c) || kWordBytes.find(c) != std::string_view::npos;
  }
}

/// Position of the last byte before `at` that is not whitespace; npos if there is none.
std::size_t last_before(std::string_view text, std::size_t at) {
  while (at > 0 && is_json_space(text[at - 1])) --at;
  return at - 1;
}

/// Whether a string and a colon stand at `at`: an object's member, not an element.
bool is_member(std::string_view text, std::size_t at) {
  if (at >= text.size() || text[at] != '"') return false;
  const std::size_t end = value_end(text.substr(0, std::min(text.size(), at + 1024)), at);
  if (end == JsonSplitter::kNotYet) return false;
  const std::size_t behind = skip_space(text, end);
  return behind < text.size() && text[behind] == ':';
}

}  // namespace

bool ElementSplitter::next(Element& element) {
  if (closed_ || !skip_to_element()) return false;
  element = element_at(at_);
  return true;
}

ElementSplitter::Element ElementSplitter::element_at(std::size_t begin) {
  const char first = text_[begin];
  if (first == '{') learn_first_member(begin);
  if (list_ == List::kSequence && !opens(first) && first != '"') return take(begin, garbage_end(begin));
  if (const std::size_t end = plain_end(begin); end != kNone) return take(begin, end);
  bool damaged = wasted_ > kMostLooks * (text_.size() + kPlainBytes);
  if (damaged) return take_rest(begin, false);
  const std::size_t walked = walk(begin, damaged);
  if (walked != kNone && may_end(begin, walked)) return take(begin, walked);
  std::size_t next = first == '[' ? kNone : next_begin(begin + 1, text_.size());
  if (next == kNone) next = list_end(begin);
  if (next == kNone) return take_rest(begin, !damaged && walked == kNone);
  return damaged_from(begin, next);
}

/// Steps over whitespace and commas. False at the end of the list.
bool ElementSplitter::skip_to_element() {
  while (true) {
    at_ = skip_space(text_, at_);
    if (at_ == text_.size()) return false;
    const bool ends = list_ == List::kArray && text_[at_] == ']';
    if (text_[at_] != ',' && !ends) return true;
    ++at_;
    if (ends && closes_list(at_ - 1)) {
      closed_ = true;
      return false;
    }
  }
}

ElementSplitter::Element ElementSplitter::take(std::size_t begin, std::size_t end) {
  at_ = end;
  return {begin, end, false};
}

ElementSplitter::Element ElementSplitter::take_rest(std::size_t begin, bool truncated) {
  took_rest_ = true;
  at_ = text_.size();
  return {begin, at_, truncated};
}

void ElementSplitter::learn_first_member(std::size_t begin) {
  if (learned_) return;
  const std::size_t name = skip_space(text_, begin + 1);
  learned_ = is_member(text_, name);
  if (learned_) first_member_ = text_.substr(name, value_end(text_, name) - name);
}

/// Whether an element may begin with the brace at `brace`, by what stands before it.
bool ElementSplitter::is_mark_of_element(std::size_t brace) const {
  const std::size_t before = last_before(text_, brace);
  if (before == std::string_view::npos) return true;
  const char c = text_[before];
  return c == ',' || c == '[' || closes(c) || text_.substr(before, brace - before).find('\n') != std::string_view::npos;
}

/// Where the next object with the elements' first member begins, between `from` and `to`; kNone if there is none.
std::size_t ElementSplitter::next_begin(std::size_t from, std::size_t to) const {
  const std::string_view text = text_.substr(0, to);
  for (std::size_t name = find_text(text, first_member_, from); name != std::string_view::npos;
       name = find_text(text, first_member_, name + 1)) {
    const std::size_t brace = last_before(text, name);
    if (brace != std::string_view::npos && brace >= from && text[brace] == '{' && is_mark_of_element(brace))
      return brace;
  }
  return kNone;
}

/// Whether an object with the elements' first member begins at `at`.
bool ElementSplitter::begins_alike(std::size_t at) const {
  if (at >= text_.size() || text_[at] != '{') return false;
  return text_.substr(skip_space(text_, at + 1)).starts_with(first_member_);
}

/// A bracket ends the list, unless more elements follow: then it is damage, to a comma or to something inside an
/// element.
bool ElementSplitter::closes_list(std::size_t bracket) const {
  const std::size_t behind = skip_space(text_, bracket + 1);
  if (behind == text_.size()) return true;
  if (begins_alike(behind) || text_.substr(behind).starts_with(first_member_)) return false;
  const std::size_t next = next_begin(behind, std::min(text_.size(), behind + kLookAhead));
  return next == kNone || text_[last_before(text_, next)] != ',';  // the first one of another list follows a bracket
}

/// Whether what surrounds [begin, end) leaves no doubt that an element ends there.
bool ElementSplitter::ends_well(std::size_t begin, std::size_t end) const {
  if (opens(text_[begin]) && text_[end - 1] != partner(text_[begin])) return false;
  std::size_t behind = skip_space(text_, end);
  if (behind == text_.size()) return list_ == List::kSequence;  // an array's bracket is missing, or was swallowed
  const bool comma = text_[behind] == ',';
  if (comma) behind = skip_space(text_, behind + 1);
  if (behind == text_.size() || (list_ == List::kArray && text_[behind] == ']')) return true;
  if (text_[begin] == '{') return begins_alike(behind);
  return comma && (text_[behind] == text_[begin] || (!opens(text_[begin]) && !is_member(text_, behind)));
}

/// Whether an element that was walked without finding damage may end at `end`.
bool ElementSplitter::may_end(std::size_t begin, std::size_t end) const {
  const std::size_t behind = skip_space(text_, end);
  if (behind == text_.size())
    return list_ == List::kSequence || next_begin(begin + 1, end) == kNone;  // or it swallowed the list's bracket
  if (opens(text_[behind]))
    return list_ == List::kSequence || begins_alike(behind);  // a comma that is missing costs nothing
  if (text_[behind] == ',') {
    const std::size_t member = skip_space(text_, behind + 1);
    return !is_member(text_, member) ||
           text_.substr(member).starts_with(first_member_);  // then it is the next one that lacks its brace
  }
  if (list_ == List::kArray) return text_[behind] == ']';
  return text_.substr(end, behind - end).find('\n') != std::string_view::npos;
}

/// The end by balance of brackets, if there is nothing suspicious about it; else kNone.
std::size_t ElementSplitter::plain_end(std::size_t begin) {
  const std::size_t limit = list_ == List::kSequence ? text_.size() : std::min(text_.size(), begin + kPlainBytes);
  const std::size_t end = value_end(text_.substr(0, limit), begin);
  if (end != JsonSplitter::kNotYet && ends_well(begin, end) &&
      (text_[begin] != '{' || next_begin(begin + 1, end) == kNone))
    return end;
  wasted_ += (end != JsonSplitter::kNotYet ? end : limit) - begin;
  return kNone;
}

/// Walks the value that begins at `begin` with an eye on what no valid JSON has. Returns its end; kNone if the text
/// ends first or it is `damaged`.
std::size_t ElementSplitter::walk(std::size_t begin, bool& damaged) {
  std::string open;
  bool in_string = false, escaped = false;
  char last = '\0';
  std::size_t other = next_begin(begin + 1, text_.size());  // an object that begins like an element
  for (std::size_t i = begin; i < text_.size() && !damaged; ++i, ++wasted_) {
    const char c = text_[i];
    if (i == other) {
      // Inside a string its first quote would end that string; in an object a name would stand there.
      damaged = in_string || open.empty() || open.back() == '{';
      other = next_begin(i + 1, text_.size());
    }
    const bool ends_string = in_string && c == '"' && !escaped;
    escaped = in_string && c == '\\' && !escaped;
    if (in_string) {
      in_string = !ends_string;
    } else {
      damaged |= !may_follow(last, c);
      in_string = c == '"';
      if (!is_json_space(c)) last = c;
      if (opens(c)) open.push_back(c);
      if (closes(c) && !damaged) {
        damaged = open.empty() || partner(open.back()) != c;
        if (!damaged) open.pop_back();
      }
      damaged |= open.size() > kMostOpen;
    }
    if (!damaged && open.empty() && !in_string) return i + 1;
  }
  return kNone;
}

/// Where an array ends whose last element, at `begin`, is damaged: at a bracket with which the text ends, or that only
/// its object's brace follows.
std::size_t ElementSplitter::list_end(std::size_t begin) const {
  if (list_ != List::kArray) return kNone;
  const std::size_t last = text_.find_last_not_of("} \n\r\t");
  return last != std::string_view::npos && last > begin && text_[last] == ']' ? last : kNone;
}

/// A damaged element, up to where the next one begins or the list ends.
ElementSplitter::Element ElementSplitter::damaged_from(std::size_t begin, std::size_t next) {
  std::size_t last = last_before(text_, next);
  if (last > begin && text_[last] == ',') last = last_before(text_, last);
  at_ = next;
  return {begin, std::max(last, begin) + 1, false};
}

/// Where text that is no JSON ends, outside an array: with its line, or where something opens.
std::size_t ElementSplitter::garbage_end(std::size_t begin) const {
  const std::size_t end = std::min(text_.find_first_of("{[\n", begin + 1), text_.size());
  return std::max(last_before(text_, end), begin) + 1;
}

}  // namespace trailwarden::ingest
