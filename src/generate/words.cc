#include "generate/words.h"

#include "generate/random.h"

namespace trailwarden::generate {

void append_hex(std::uint64_t word, std::size_t digits, std::string& out) {
  char text[16];
  for (std::size_t i = 0; i < digits; ++i, word <<= 4) text[i] = "0123456789abcdef"[word >> 60];
  out.append(text, digits);
}

void append_base32(std::uint64_t word, std::size_t count, std::string& out) {
  constexpr std::size_t kOfAWord = 12;
  char text[32];
  Random more(word);
  for (std::size_t i = 0; i < count; ++i, word <<= 5) {
    if (i % kOfAWord == 0 && i > 0) word = more.next();
    text[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[word >> 59];
  }
  out.append(text, count);
}

void append_uuid(std::uint64_t high, std::uint64_t low, std::string& out) {
  append_hex(high, 8, out);
  out.push_back('-');
  append_hex(high << 32, 4, out);
  out.append("-4");
  append_hex(high << 52, 3, out);
  out.push_back('-');
  out.push_back("89ab"[low >> 62]);
  append_hex(low << 2, 3, out);
  out.push_back('-');
  append_hex(low << 16, 12, out);
}

std::string hex(std::uint64_t word, std::size_t digits) {
  std::string out;
  append_hex(word, digits, out);
  return out;
}

std::string base32(std::uint64_t word, std::size_t count) {
  std::string out;
  append_base32(word, count, out);
  return out;
}

}  // namespace trailwarden::generate
