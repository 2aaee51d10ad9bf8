#include "ingest/json_splitter.h"

#include <algorithm>
#include <bit>

#if defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#endif

namespace trailwarden::ingest {
namespace {

constexpr std::size_t kBlock = 64;
constexpr char kLowerCase =
    0x20;  // '[' | kLowerCase == '{' and ']' | kLowerCase == '}'; no other byte outside strings becomes these

/// One bit for each of 64 bytes, the first one lowest.
struct Masks {
  std::uint64_t backslash = 0, quote = 0, open = 0, close = 0;
};

#if defined(__AVX2__)

std::uint64_t equal(__m256i low, __m256i high, char c) {
  const __m256i wanted = _mm256_set1_epi8(c);
  const auto bits = [wanted](__m256i v) {
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, wanted)));
  };
  return bits(low) | std::uint64_t{bits(high)} << 32;
}

Masks masks_of(const char* bytes) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + 32));
  const __m256i fold = _mm256_set1_epi8(kLowerCase);
  const __m256i folded_low = _mm256_or_si256(low, fold), folded_high = _mm256_or_si256(high, fold);
  return {equal(low, high, '\\'), equal(low, high, '"'), equal(folded_low, folded_high, '{'),
          equal(folded_low, folded_high, '}')};
}

#elif defined(__SSE2__)

Masks masks_of(const char* bytes) {
  Masks masks;
  const auto bits = [](__m128i v, char c) {
    return std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(c))))};
  };
  for (unsigned i = 0; i < kBlock; i += 16) {
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + i));
    const __m128i folded = _mm_or_si128(part, _mm_set1_epi8(kLowerCase));
    masks.backslash |= bits(part, '\\') << i;
    masks.quote |= bits(part, '"') << i;
    masks.open |= bits(folded, '{') << i;
    masks.close |= bits(folded, '}') << i;
  }
  return masks;
}

#else

Masks masks_of(const char* bytes) {
  Masks masks;
  for (unsigned i = 0; i < kBlock; ++i) {
    const char c = bytes[i], folded = static_cast<char>(c | kLowerCase);
    masks.backslash |= std::uint64_t{c == '\\'} << i;
    masks.quote |= std::uint64_t{c == '"'} << i;
    masks.open |= std::uint64_t{folded == '{'} << i;
    masks.close |= std::uint64_t{folded == '}'} << i;
  }
  return masks;
}

#endif

/// The bytes that follow an odd run of backslashes. `carry`: whether the byte before the block was the last of such a
/// run.
std::uint64_t escaped_bytes(std::uint64_t backslash, bool& carry) {
  constexpr std::uint64_t kEven = 0x5555555555555555;
  if (backslash == 0) {
    const std::uint64_t first = carry ? 1 : 0;
    carry = false;
    return first;
  }
  backslash &= ~std::uint64_t{carry};  // an escaped backslash escapes nothing
  const std::uint64_t follows = backslash << 1 | std::uint64_t{carry};
  // Adding the starts of runs at odd places lets each run's carry ripple to its end.
  const std::uint64_t odd_starts = backslash & ~kEven & ~follows;
  const std::uint64_t ends = odd_starts + backslash;
  carry = ends < backslash;
  return (kEven ^ ends << 1) & follows;
}

/// Bit i is set if an odd number of bits up to and with i are: from an opening quote to before the closing one.
std::uint64_t prefix_xor(std::uint64_t bits) {
  for (unsigned shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

}  // namespace

/// One byte; true if the value ends with it.
bool JsonSplitter::step(char c) {
  const bool escaped = escaped_;
  escaped_ = !escaped && c == '\\';
  if (c == '"' && !escaped) {
    in_string_ = !in_string_;
    return !in_string_ && depth_ == 0;
  }
  if (in_string_) return false;
  switch (c) {
    case '{':
    case '[':
      ++depth_;
      return false;
    case '}':
    case ']':
      return depth_ <= 1 || --depth_ == 0;
    default:
      return depth_ == 0;
  }
}

/// 64 bytes inside an open bracket; how many of them belong to the value if it ends here.
std::size_t JsonSplitter::block(const char* bytes) {
  const Masks masks = masks_of(bytes);
  const std::uint64_t escaped = escaped_bytes(masks.backslash, escaped_);
  const std::uint64_t strings = prefix_xor(masks.quote & ~escaped) ^ (in_string_ ? ~std::uint64_t{0} : 0);
  in_string_ = (strings >> 63) != 0;
  const std::uint64_t open = masks.open & ~strings;
  std::uint64_t close = masks.close & ~strings;
  const auto closing = static_cast<std::uint64_t>(std::popcount(close));
  if (depth_ > closing) {  // it cannot end here
    depth_ += static_cast<std::uint64_t>(std::popcount(open)) - closing;
    return kNotYet;
  }
  std::uint64_t closed = 0;
  for (; close != 0; close &= close - 1) {
    const auto at = static_cast<unsigned>(std::countr_zero(close));
    const std::uint64_t opened_before =
        static_cast<std::uint64_t>(std::popcount(open & ((std::uint64_t{1} << at) - 1)));
    if (++closed == depth_ + opened_before) return at + 1;
  }
  depth_ += static_cast<std::uint64_t>(std::popcount(open)) - closing;
  return kNotYet;
}

std::size_t JsonSplitter::feed(std::string_view piece) {
  std::size_t at = 0;
  // Blocks serve inside a bracket; the first byte, and a string that is a value of its own, go byte by byte.
  while (at < piece.size() && depth_ == 0)
    if (step(piece[at++])) return at;
  for (; at + kBlock <= piece.size(); at += kBlock)
    if (const std::size_t end = block(piece.data() + at); end != kNotYet) return at + end;
  while (at < piece.size())
    if (step(piece[at++])) return at;
  return kNotYet;
}

std::size_t value_end(std::string_view text, std::size_t at) {
  if (at >= text.size()) return JsonSplitter::kNotYet;
  if (const char c = text[at]; c != '{' && c != '[' && c != '"') {
    const std::size_t end = text.find_first_of("{}[],:\" \n\r\t", at);
    return std::max(at + 1, std::min(end, text.size()));
  }
  JsonSplitter splitter;
  const std::size_t size = splitter.feed(text.substr(at));
  return size == JsonSplitter::kNotYet ? size : at + size;
}

}  // namespace trailwarden::ingest
